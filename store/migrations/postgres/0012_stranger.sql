-- A dossier that an OPCO lists and that no delivery of ours brought. What it tells of a person is sealed; the
-- fingerprints pair it with what was sent. A person settles its fate; a list never does.
--
-- Adopted without a delivery, it becomes a row of `dossier` under the same name, whose delivery is the nil
-- identifier: no delivery brought it.
create table stranger (
    tenant_id uuid not null,
    dossier_id uuid not null,
    environment text collate "C" not null,
    opco text collate "C" not null,
    instance bigint not null,
    siret_cfa text collate "C" not null,
    numero_interne text collate "C" not null,
    numero_externe text collate "C",
    numero_deca text collate "C",
    etat_raw text collate "C",
    first_seen_at bigint not null,
    last_seen_at bigint not null,
    due_at bigint,
    lease_owner text collate "C",
    failures bigint not null,
    found_at bigint,
    sealed bytea,
    pairing bytea,
    match_2 bytea,
    match_3 bytea,
    fate text collate "C" not null,
    fate_at bigint,
    fate_by text collate "C",
    fate_reason text collate "C",
    adopted_as uuid,
    primary key (tenant_id, dossier_id)
);
create unique index stranger_numero
    on stranger (tenant_id, environment, opco, instance, numero_interne);
create index stranger_due on stranger (opco, instance, environment, due_at) where due_at is not null;
create index stranger_site on stranger (tenant_id, siret_cfa, opco, instance, environment, due_at)
    where due_at is not null;
