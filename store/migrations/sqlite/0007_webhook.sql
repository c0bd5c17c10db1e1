-- Who is told of events, how far, and when the next try is due. While a sender holds an endpoint,
-- due_at is the end of its lease.
create table webhook_endpoint (
    tenant_id blob not null,
    endpoint_id blob not null,
    environment text not null,
    url text not null,
    label text not null,
    kinds text not null,
    sites text,
    public_key text not null,
    sealed blob not null,
    sealed_before blob,
    overlap_until integer,
    disabled_reason text,
    disabled_at integer,
    position integer not null,
    failures integer not null,
    failing_since integer,
    due_at integer not null,
    lease_owner text,
    created_by text not null,
    created_at integer not null,
    primary key (tenant_id, endpoint_id),
    foreign key (tenant_id) references network (tenant_id)
) strict, without rowid;
create index webhook_endpoint_due on webhook_endpoint (due_at) where disabled_at is null;

-- The latest tries of each endpoint: what was answered, never what was sent.
create table webhook_attempt (
    tenant_id blob not null,
    endpoint_id blob not null,
    attempt_id blob not null,
    event_id blob not null,
    position integer,
    kind text not null,
    at integer not null,
    duration_ms integer not null,
    outcome text not null,
    http_status integer,
    primary key (tenant_id, endpoint_id, attempt_id)
) strict, without rowid;
