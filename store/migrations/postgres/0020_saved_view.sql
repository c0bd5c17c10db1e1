-- The lists a person comes back to, by the filters of their address. Never personal data: what is searched
-- for in text is left out.
create table saved_view (
    tenant_id uuid not null,
    person_id uuid not null,
    name text collate "C" not null,
    query text collate "C" not null,
    primary key (tenant_id, person_id, name)
);
