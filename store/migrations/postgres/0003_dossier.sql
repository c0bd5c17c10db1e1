-- The contract as the OPCO knows it, and the reads that keep it fresh.
create table dossier (
    tenant_id text not null,
    dossier_id text not null,
    environment text not null,
    opco text not null,
    instance bigint not null,
    siret_cfa text not null,
    delivery_id text not null,
    pairing bytea,
    numero_interne text,
    numero_externe text,
    numero_deca text,
    etat text,
    etat_raw text,
    etat_at bigint,
    last_read_at bigint,
    created_at bigint not null,
    primary key (tenant_id, dossier_id)
);
create unique index dossier_numero
    on dossier (tenant_id, environment, opco, instance, numero_interne)
    where numero_interne is not null;
create index dossier_delivery on dossier (tenant_id, delivery_id);

create table dossier_history (
    tenant_id text not null,
    dossier_id text not null,
    entry_id text not null,
    seen_at bigint not null,
    etat text,
    etat_raw text,
    numero_externe text,
    numero_deca text,
    primary key (tenant_id, dossier_id, entry_id)
);

create table read_job (
    tenant_id text not null,
    siret_cfa text not null,
    opco text not null,
    instance bigint not null,
    environment text not null,
    due_at bigint not null,
    interval_ms bigint not null,
    lease_owner text,
    last_read_at bigint,
    last_result text,
    failures bigint not null,
    primary key (tenant_id, siret_cfa, opco, instance, environment)
);
create index read_job_due on read_job (opco, instance, environment, due_at);
