-- A dossier that an OPCO lists and that no delivery of ours brought. What it tells of a person is sealed; the
-- fingerprints pair it with what was sent. A person settles its fate; a list never does.
--
-- Adopted without a delivery, it becomes a row of `dossier` under the same name, whose delivery is the nil
-- identifier: no delivery brought it.
create table stranger (
    tenant_id blob not null,
    dossier_id blob not null,
    environment text not null,
    opco text not null,
    instance integer not null,
    siret_cfa text not null,
    numero_interne text not null,
    numero_externe text,
    numero_deca text,
    etat_raw text,
    first_seen_at integer not null,
    last_seen_at integer not null,
    due_at integer,
    lease_owner text,
    failures integer not null,
    found_at integer,
    sealed blob,
    pairing blob,
    match_2 blob,
    match_3 blob,
    fate text not null,
    fate_at integer,
    fate_by text,
    fate_reason text,
    adopted_as blob,
    primary key (tenant_id, dossier_id)
) strict;
create unique index stranger_numero
    on stranger (tenant_id, environment, opco, instance, numero_interne);
create index stranger_due on stranger (opco, instance, environment, due_at) where due_at is not null;
create index stranger_site on stranger (tenant_id, siret_cfa, opco, instance, environment, due_at)
    where due_at is not null;
