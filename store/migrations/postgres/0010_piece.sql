-- The OPCO's numbers of what is no dossier: of an invoice, of a stored file. A contract has none, so that
-- most deliveries have no row.
create table piece (
    tenant_id uuid not null,
    delivery_id uuid not null,
    numero_facture text collate "C",
    numero_document text collate "C",
    primary key (tenant_id, delivery_id)
);
create index piece_facture on piece (tenant_id, numero_facture) where numero_facture is not null;
