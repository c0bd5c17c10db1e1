-- The schedule of each dossier an OPCO committed to: when it is read next, and every reading that told
-- something new. A reading is sealed whole: it holds accounts, and the disability supplement.
create table schedule (
    tenant_id uuid not null,
    dossier_id uuid not null,
    environment text collate "C" not null,
    opco text collate "C" not null,
    instance bigint not null,
    siret_cfa text collate "C" not null,
    due_at bigint not null,
    lease_owner text collate "C",
    read_at bigint,
    last_result text collate "C",
    failures bigint not null,
    snapshot_id uuid,
    primary key (tenant_id, dossier_id)
);
create index schedule_due on schedule (opco, instance, environment, due_at);
create index schedule_site on schedule (tenant_id, siret_cfa, opco, instance, environment, due_at);

create table schedule_snapshot (
    tenant_id uuid not null,
    dossier_id uuid not null,
    snapshot_id uuid not null,
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    sealed bytea,
    primary key (tenant_id, dossier_id, snapshot_id)
);

-- An invoice as the OPCO tells of it. Its lines are in its payload, sealed.
create table invoice (
    tenant_id uuid not null,
    delivery_id uuid not null,
    environment text collate "C" not null,
    siret_emetteur text collate "C" not null,
    numero text collate "C" not null,
    etat text collate "C",
    etat_raw text collate "C",
    etat_at bigint,
    numero_interne text collate "C",
    reference_virement text collate "C",
    paid_on text collate "C",
    primary key (tenant_id, delivery_id)
);
create index invoice_numero on invoice (tenant_id, environment, siret_emetteur, numero);

-- The contracts an invoice bills, by the delivery that brought each.
create table invoice_contract (
    tenant_id uuid not null,
    contract_id uuid not null,
    delivery_id uuid not null,
    primary key (tenant_id, contract_id, delivery_id)
);
create index invoice_contract_delivery on invoice_contract (tenant_id, delivery_id);
