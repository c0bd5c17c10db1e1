-- Who there is, and what each may do. Every key starts with the tenant.
create table network (
    tenant_id blob not null,
    name text not null,
    settings text not null,
    created_at integer not null,
    primary key (tenant_id)
) strict;

create table tenant_key (
    tenant_id blob not null,
    wrapped blob not null,
    master_key_id text not null,
    created_at integer not null,
    primary key (tenant_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;

create table cfa (
    tenant_id blob not null,
    cfa_id blob not null,
    name text not null,
    siren text not null,
    created_at integer not null,
    primary key (tenant_id, cfa_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;

create table site (
    tenant_id blob not null,
    site_id blob not null,
    cfa_id blob not null,
    siret text not null,
    uai text,
    name text not null,
    created_at integer not null,
    primary key (tenant_id, site_id),
    foreign key (tenant_id, cfa_id) references cfa (tenant_id, cfa_id)
) strict;
create unique index site_siret on site (tenant_id, siret);

create table credential (
    tenant_id blob not null,
    credential_id blob not null,
    label text not null,
    hash blob not null,
    prefix text not null,
    environment text not null,
    sites text,
    actions text not null,
    quota_per_minute integer not null,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    primary key (tenant_id, credential_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;
-- The one search that cannot start with the tenant: it is what tells the tenant.
create index credential_hash on credential (hash);

create table cfa_key (
    tenant_id blob not null,
    key_id blob not null,
    siret_cfa text not null,
    opco text not null,
    instance integer not null,
    environment text not null,
    state text not null,
    sealed blob not null,
    expires_on text,
    probed_at integer,
    probe_result text,
    last_used_at integer,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;
create unique index cfa_key_active
    on cfa_key (tenant_id, siret_cfa, opco, instance, environment) where state = 'active';

create table software_credential (
    tenant_id blob not null,
    key_id blob not null,
    opco text not null,
    instance integer not null,
    environment text not null,
    client_id text not null,
    sealed_secret blob,
    sealed_dpop_key blob,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;
create unique index software_credential_instance
    on software_credential (tenant_id, opco, instance, environment);

create table route_override (
    tenant_id blob not null,
    override_id blob not null,
    siret text,
    siren text,
    opco text not null,
    author text not null,
    reason text not null,
    valid_from integer not null,
    valid_until integer,
    created_at integer not null,
    primary key (tenant_id, override_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;
create index route_override_siret on route_override (tenant_id, siret);
create index route_override_siren on route_override (tenant_id, siren);

create table rule_override (
    tenant_id blob not null,
    rule text not null,
    effect text not null,
    author text not null,
    reason text not null,
    created_at integer not null,
    primary key (tenant_id, rule),
    foreign key (tenant_id) references network (tenant_id)
) strict;

create table mandate (
    tenant_id blob not null,
    mandate_id blob not null,
    scope text not null,
    siret_cfa text not null,
    delivery_id blob,
    reference text not null,
    signed_on text not null,
    document_hash blob,
    valid_from text,
    valid_until text,
    author text not null,
    created_at integer not null,
    primary key (tenant_id, mandate_id)
) strict;
create index mandate_site on mandate (tenant_id, siret_cfa) where scope = 'site';
create index mandate_delivery on mandate (tenant_id, delivery_id) where delivery_id is not null;
