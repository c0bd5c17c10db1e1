-- The lists a person comes back to, by the filters of their address. Never personal data: what is searched
-- for in text is left out.
create table saved_view (
    tenant_id blob not null,
    person_id blob not null,
    name text not null,
    query text not null,
    primary key (tenant_id, person_id, name)
) strict, without rowid;
