-- Events put aside: of a dossier one of whose events an ERP does not take, while it takes others. The first
-- of each subject is due; those behind it follow in the order of the log.
create table webhook_parked (
    tenant_id blob not null,
    endpoint_id blob not null,
    position integer not null,
    subject blob not null,
    failures integer not null,
    failing_since integer,
    due_at integer,
    primary key (tenant_id, endpoint_id, position)
) strict, without rowid;
