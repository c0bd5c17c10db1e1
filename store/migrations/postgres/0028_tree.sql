-- A closed site takes no new contract in; what was accepted before goes on to its end.
alter table site add column closed_at bigint;

-- How many payloads a site, or a whole network (siret_cfa ''), may hand in; each world apart.
create table ceiling (
    tenant_id uuid not null,
    siret_cfa text collate "C" not null,
    per_minute bigint,
    per_day bigint,
    author text collate "C" not null,
    updated_at bigint not null,
    primary key (tenant_id, siret_cfa),
    foreign key (tenant_id) references network (tenant_id)
);

-- How many dossiers of each site live is counted without reading them.
create index dossier_live on dossier (tenant_id, environment, siret_cfa)
    where etat is null or etat not in ('REFUSE', 'ANNULE', 'SOLDE');
