-- A closed site takes no new contract in; what was accepted before goes on to its end.
alter table site add column closed_at integer;

-- How many payloads a site, or a whole network (siret_cfa ''), may hand in; each world apart.
create table ceiling (
    tenant_id blob not null,
    siret_cfa text not null,
    per_minute integer,
    per_day integer,
    author text not null,
    updated_at integer not null,
    primary key (tenant_id, siret_cfa),
    foreign key (tenant_id) references network (tenant_id)
) strict, without rowid;

-- How many dossiers of each site live is counted without reading them.
create index dossier_live on dossier (tenant_id, environment, siret_cfa)
    where etat is null or etat not in ('REFUSE', 'ANNULE', 'SOLDE');
