-- How far each log was signed, sealed under the network's key: the whole proof cannot be taken away and made
-- anew without it.
create table proof_mark (
    tenant_id blob not null,
    sealed blob not null,
    primary key (tenant_id)
) strict, without rowid;
