-- The OPCO's numbers of what is no dossier: of an invoice, of a stored file. A contract has none, so that
-- most deliveries have no row.
create table piece (
    tenant_id blob not null,
    delivery_id blob not null,
    numero_facture text,
    numero_document text,
    primary key (tenant_id, delivery_id)
) strict, without rowid;
create index piece_facture on piece (tenant_id, numero_facture) where numero_facture is not null;
