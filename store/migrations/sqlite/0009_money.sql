-- The schedule of each dossier an OPCO committed to: when it is read next, and every reading that told
-- something new. A reading is sealed whole: it holds accounts, and the disability supplement.
create table schedule (
    tenant_id blob not null,
    dossier_id blob not null,
    environment text not null,
    opco text not null,
    instance integer not null,
    siret_cfa text not null,
    due_at integer not null,
    lease_owner text,
    read_at integer,
    last_result text,
    failures integer not null,
    snapshot_id blob,
    primary key (tenant_id, dossier_id)
) strict;
create index schedule_due on schedule (opco, instance, environment, due_at);
create index schedule_site on schedule (tenant_id, siret_cfa, opco, instance, environment, due_at);

create table schedule_snapshot (
    tenant_id blob not null,
    dossier_id blob not null,
    snapshot_id blob not null,
    first_seen_at integer not null,
    last_seen_at integer not null,
    sealed blob,
    primary key (tenant_id, dossier_id, snapshot_id)
) strict;

-- An invoice as the OPCO tells of it. Its lines are in its payload, sealed.
create table invoice (
    tenant_id blob not null,
    delivery_id blob not null,
    environment text not null,
    siret_emetteur text not null,
    numero text not null,
    etat text,
    etat_raw text,
    etat_at integer,
    numero_interne text,
    reference_virement text,
    paid_on text,
    primary key (tenant_id, delivery_id)
) strict;
create index invoice_numero on invoice (tenant_id, environment, siret_emetteur, numero);

-- The contracts an invoice bills, by the delivery that brought each.
create table invoice_contract (
    tenant_id blob not null,
    contract_id blob not null,
    delivery_id blob not null,
    primary key (tenant_id, contract_id, delivery_id)
) strict, without rowid;
create index invoice_contract_delivery on invoice_contract (tenant_id, delivery_id);
