-- Members of OPCOs' answers that the norm does not have: where, their names, how often. Never a value.
create table unknown_field (
    tenant_id blob not null,
    environment text not null,
    opco text not null,
    place text not null,
    name text not null,
    told integer not null,
    first_told_at integer not null,
    last_told_at integer not null,
    primary key (tenant_id, environment, opco, place, name)
) strict, without rowid;
