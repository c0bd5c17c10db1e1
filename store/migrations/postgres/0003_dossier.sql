-- The contract as the OPCO knows it, and the reads that keep it fresh.
create table dossier (
    tenant_id uuid not null,
    dossier_id uuid not null,
    environment text collate "C" not null,
    opco text collate "C" not null,
    instance bigint not null,
    siret_cfa text collate "C" not null,
    delivery_id uuid not null,
    pairing bytea,
    numero_interne text collate "C",
    numero_externe text collate "C",
    numero_deca text collate "C",
    etat text collate "C",
    etat_raw text collate "C",
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
    tenant_id uuid not null,
    dossier_id uuid not null,
    entry_id uuid not null,
    seen_at bigint not null,
    etat text collate "C",
    etat_raw text collate "C",
    numero_externe text collate "C",
    numero_deca text collate "C",
    primary key (tenant_id, dossier_id, entry_id)
);

create table read_job (
    tenant_id uuid not null,
    siret_cfa text collate "C" not null,
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    due_at bigint not null,
    interval_ms bigint not null,
    lease_owner text collate "C",
    last_read_at bigint,
    last_result text collate "C",
    failures bigint not null,
    primary key (tenant_id, siret_cfa, opco, instance, environment)
);
create index read_job_due on read_job (opco, instance, environment, due_at);
