-- Members of OPCOs' answers that the norm does not have: where, their names, how often. Never a value.
create table unknown_field (
    tenant_id uuid not null,
    environment text collate "C" not null,
    opco text collate "C" not null,
    place text collate "C" not null,
    name text collate "C" not null,
    told bigint not null,
    first_told_at bigint not null,
    last_told_at bigint not null,
    primary key (tenant_id, environment, opco, place, name)
);
