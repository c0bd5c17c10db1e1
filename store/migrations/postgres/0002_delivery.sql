-- One accepted payload on its way. The tables a payload passes through carry no foreign keys:
-- one statement writes all their rows, and a key check per row would lock the network's row
-- under every accept.

-- What was accepted: written once, and where doubles are refused.
create table submission (
    tenant_id uuid not null,
    delivery_id uuid not null,
    environment text collate "C" not null,
    kind text collate "C" not null,
    credential_id uuid,
    route text collate "C" not null,
    warnings text collate "C" not null,
    rule_set text collate "C" not null,
    traceparent text collate "C",
    active bigint not null,
    pairing bytea,
    match_1 bytea,
    match_2 bytea,
    match_3 bytea,
    idempotency_route text collate "C",
    idempotency_key bytea,
    idempotency_content bytea,
    idempotency_expires_at bigint,
    primary key (tenant_id, delivery_id)
);
create unique index submission_pairing
    on submission (tenant_id, environment, kind, pairing)
    where active = 1 and pairing is not null;
create unique index submission_idempotency
    on submission (tenant_id, idempotency_route, idempotency_key)
    where idempotency_key is not null;
-- These three and `delivery_lane` lead with a fingerprint, which is of one network only: see `PLANS`.
create index submission_match_1 on submission (match_1) where match_1 is not null;
create index submission_match_2 on submission (match_2) where match_2 is not null;
create index submission_match_3 on submission (match_3) where match_3 is not null;

-- Where it stands: small, because every step rewrites it.
-- due_at is the next instant at which the gateway acts by itself (the lease's end while sending).
create table delivery (
    tenant_id uuid not null,
    delivery_id uuid not null,
    environment text collate "C" not null,
    kind text collate "C" not null,
    status text collate "C" not null,
    wait_reason text collate "C",
    hold_reason text collate "C",
    due_at bigint,
    lane bytea not null,
    opco text collate "C",
    instance bigint not null,
    siret_cfa text collate "C" not null,
    siret_employeur text collate "C",
    version text collate "C",
    attempts bigint not null,
    looks bigint not null,
    claims bigint not null,
    first_lost_at bigint,
    lease_owner text collate "C",
    numero_interne text collate "C",
    numero_externe text collate "C",
    numero_deca text collate "C",
    fault text collate "C",
    created_at bigint not null,
    updated_at bigint not null,
    finished_at bigint,
    primary key (tenant_id, delivery_id)
);
-- The claim query reads this in order and stops when it has enough.
create index delivery_due
    on delivery (opco, instance, environment, tenant_id, due_at, delivery_id)
    where due_at is not null;
create index delivery_lane on delivery (lane, delivery_id)
    where status in ('queued', 'sending', 'waiting', 'held', 'unknown');
-- The database itself refuses two in flight for one dossier.
create unique index delivery_in_flight on delivery (tenant_id, lane) where status = 'sending';
create index delivery_attention on delivery (tenant_id, status, delivery_id)
    where status in ('held', 'dead', 'rejected');
create index delivery_predecessor on delivery (tenant_id, delivery_id)
    where wait_reason = 'predecessor';
alter table delivery set (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000
);

-- The sealed payload, apart so that retention deletes it by range.
-- It is ciphertext: trying to compress it, or cutting it into chunks, is work for nothing.
create table payload (
    tenant_id uuid not null,
    delivery_id uuid not null,
    body bytea not null,
    nir bytea,
    primary key (tenant_id, delivery_id)
);
alter table payload alter column body set storage external;
alter table payload set (toast_tuple_target = 8160);

-- The keys that open it. Losing nir_key shreds the NIR alone. `person` tells whom it concerns; a
-- person is looked for by submission_match_1 and submission_match_3.
create table object_key (
    tenant_id uuid not null,
    object_id uuid not null,
    body_key bytea not null,
    nir_key bytea,
    person bytea not null,
    primary key (tenant_id, object_id)
);

create table attempt (
    tenant_id uuid not null,
    delivery_id uuid not null,
    number bigint not null,
    purpose text collate "C" not null,
    opened_at bigint not null,
    closed_at bigint,
    outcome text collate "C",
    http_status bigint,
    duration_ms bigint,
    fault text collate "C",
    version text collate "C",
    trace_id text collate "C",
    primary key (tenant_id, delivery_id, number)
);
alter table attempt set (fillfactor = 85);

create table active_pair (
    tenant_id uuid not null,
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    touched_at bigint not null,
    primary key (tenant_id, opco, instance, environment)
);
