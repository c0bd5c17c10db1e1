-- Events put aside: of a dossier one of whose events an ERP does not take, while it takes others. The first
-- of each subject is due; those behind it follow in the order of the log.
create table webhook_parked (
    tenant_id uuid not null,
    endpoint_id uuid not null,
    position bigint not null,
    subject bytea not null,
    failures bigint not null,
    failing_since bigint,
    due_at bigint,
    primary key (tenant_id, endpoint_id, position)
);
