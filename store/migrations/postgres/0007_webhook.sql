-- Who is told of events, how far, and when the next try is due. While a sender holds an endpoint,
-- due_at is the end of its lease.
create table webhook_endpoint (
    tenant_id uuid not null,
    endpoint_id uuid not null,
    environment text collate "C" not null,
    url text collate "C" not null,
    label text collate "C" not null,
    kinds text collate "C" not null,
    sites text collate "C",
    public_key text collate "C" not null,
    sealed bytea not null,
    sealed_before bytea,
    overlap_until bigint,
    disabled_reason text collate "C",
    disabled_at bigint,
    position bigint not null,
    failures bigint not null,
    failing_since bigint,
    due_at bigint not null,
    lease_owner text collate "C",
    created_by text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id, endpoint_id),
    foreign key (tenant_id) references network (tenant_id)
);
create index webhook_endpoint_due on webhook_endpoint (due_at) where disabled_at is null;

-- The latest tries of each endpoint: what was answered, never what was sent.
create table webhook_attempt (
    tenant_id uuid not null,
    endpoint_id uuid not null,
    attempt_id uuid not null,
    event_id uuid not null,
    position bigint,
    kind text collate "C" not null,
    at bigint not null,
    duration_ms bigint not null,
    outcome text collate "C" not null,
    http_status bigint,
    primary key (tenant_id, endpoint_id, attempt_id)
);
