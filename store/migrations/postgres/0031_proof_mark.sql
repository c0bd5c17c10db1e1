-- How far each log was signed, sealed under the network's key: the whole proof cannot be taken away and made
-- anew without it.
create table proof_mark (
    tenant_id uuid not null,
    sealed bytea not null,
    primary key (tenant_id)
);
