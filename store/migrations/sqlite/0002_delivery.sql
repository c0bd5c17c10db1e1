-- One accepted payload on its way. The tables a payload passes through carry no foreign keys:
-- one statement writes all their rows, and a key check per row would lock the network's row
-- under every accept.

-- What was accepted: written once, and where doubles are refused.
create table submission (
    tenant_id blob not null,
    delivery_id blob not null,
    environment text not null,
    kind text not null,
    credential_id blob,
    route text not null,
    warnings text not null,
    rule_set text not null,
    traceparent text,
    active integer not null,
    pairing blob,
    match_1 blob,
    match_2 blob,
    match_3 blob,
    idempotency_route text,
    idempotency_key blob,
    idempotency_content blob,
    idempotency_expires_at integer,
    primary key (tenant_id, delivery_id)
) strict;
create unique index submission_pairing
    on submission (tenant_id, environment, kind, pairing)
    where active = 1 and pairing is not null;
create unique index submission_idempotency
    on submission (tenant_id, idempotency_route, idempotency_key)
    where idempotency_key is not null;
create index submission_match_1 on submission (tenant_id, match_1) where match_1 is not null;
create index submission_match_2 on submission (tenant_id, match_2) where match_2 is not null;
create index submission_match_3 on submission (tenant_id, match_3) where match_3 is not null;

-- Where it stands: small, because every step rewrites it.
-- due_at is the next instant at which the gateway acts by itself (the lease's end while sending).
create table delivery (
    tenant_id blob not null,
    delivery_id blob not null,
    environment text not null,
    kind text not null,
    status text not null,
    wait_reason text,
    hold_reason text,
    due_at integer,
    lane blob not null,
    opco text,
    instance integer not null,
    siret_cfa text not null,
    siret_employeur text,
    version text,
    attempts integer not null,
    looks integer not null,
    claims integer not null,
    first_lost_at integer,
    lease_owner text,
    numero_interne text,
    numero_externe text,
    numero_deca text,
    fault text,
    created_at integer not null,
    updated_at integer not null,
    finished_at integer,
    primary key (tenant_id, delivery_id)
) strict;
-- The claim query reads this in order and stops when it has enough.
create index delivery_due
    on delivery (opco, instance, environment, tenant_id, due_at, delivery_id)
    where due_at is not null;
create index delivery_lane on delivery (tenant_id, lane, delivery_id)
    where status in ('queued', 'sending', 'waiting', 'held', 'unknown');
-- The database itself refuses two in flight for one dossier.
create unique index delivery_in_flight on delivery (tenant_id, lane) where status = 'sending';
create index delivery_attention on delivery (tenant_id, status, delivery_id)
    where status in ('held', 'dead', 'rejected');
create index delivery_predecessor on delivery (tenant_id, delivery_id)
    where wait_reason = 'predecessor';

-- The sealed payload, apart so that retention deletes it by range.
create table payload (
    tenant_id blob not null,
    delivery_id blob not null,
    body blob not null,
    nir blob,
    primary key (tenant_id, delivery_id)
) strict;

-- The keys that open it. Losing nir_key shreds the NIR alone. `person` tells whom it concerns; a
-- person is looked for by submission_match_1 and submission_match_3.
create table object_key (
    tenant_id blob not null,
    object_id blob not null,
    body_key blob not null,
    nir_key blob,
    person blob not null,
    primary key (tenant_id, object_id)
) strict, without rowid;

create table attempt (
    tenant_id blob not null,
    delivery_id blob not null,
    number integer not null,
    purpose text not null,
    opened_at integer not null,
    closed_at integer,
    outcome text,
    http_status integer,
    duration_ms integer,
    fault text,
    version text,
    trace_id text,
    primary key (tenant_id, delivery_id, number)
) strict, without rowid;

create table active_pair (
    tenant_id blob not null,
    opco text not null,
    instance integer not null,
    environment text not null,
    touched_at integer not null,
    primary key (tenant_id, opco, instance, environment)
) strict, without rowid;
