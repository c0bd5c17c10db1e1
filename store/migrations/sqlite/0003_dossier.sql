-- The contract as the OPCO knows it, and the reads that keep it fresh.
create table dossier (
    tenant_id blob not null,
    dossier_id blob not null,
    environment text not null,
    opco text not null,
    instance integer not null,
    siret_cfa text not null,
    delivery_id blob not null,
    pairing blob,
    numero_interne text,
    numero_externe text,
    numero_deca text,
    etat text,
    etat_raw text,
    etat_at integer,
    last_read_at integer,
    created_at integer not null,
    primary key (tenant_id, dossier_id)
) strict;
create unique index dossier_numero
    on dossier (tenant_id, environment, opco, instance, numero_interne)
    where numero_interne is not null;
create index dossier_delivery on dossier (tenant_id, delivery_id);

create table dossier_history (
    tenant_id blob not null,
    dossier_id blob not null,
    entry_id blob not null,
    seen_at integer not null,
    etat text,
    etat_raw text,
    numero_externe text,
    numero_deca text,
    primary key (tenant_id, dossier_id, entry_id)
) strict, without rowid;

create table read_job (
    tenant_id blob not null,
    siret_cfa text not null,
    opco text not null,
    instance integer not null,
    environment text not null,
    due_at integer not null,
    interval_ms integer not null,
    lease_owner text,
    last_read_at integer,
    last_result text,
    failures integer not null,
    primary key (tenant_id, siret_cfa, opco, instance, environment)
) strict;
create index read_job_due on read_job (opco, instance, environment, due_at);
