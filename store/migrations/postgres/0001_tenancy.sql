-- Who there is, and what each may do. Every key starts with the tenant.
create table network (
    tenant_id text not null,
    name text not null,
    settings text not null,
    created_at bigint not null,
    primary key (tenant_id)
);

create table tenant_key (
    tenant_id text not null,
    wrapped bytea not null,
    master_key_id text not null,
    created_at bigint not null,
    primary key (tenant_id),
    foreign key (tenant_id) references network (tenant_id)
);

create table cfa (
    tenant_id text not null,
    cfa_id text not null,
    name text not null,
    siren text not null,
    created_at bigint not null,
    primary key (tenant_id, cfa_id),
    foreign key (tenant_id) references network (tenant_id)
);

create table site (
    tenant_id text not null,
    site_id text not null,
    cfa_id text not null,
    siret text not null,
    uai text,
    name text not null,
    created_at bigint not null,
    primary key (tenant_id, site_id),
    foreign key (tenant_id, cfa_id) references cfa (tenant_id, cfa_id)
);
create unique index site_siret on site (tenant_id, siret);

create table credential (
    tenant_id text not null,
    credential_id text not null,
    label text not null,
    hash bytea not null,
    prefix text not null,
    environment text not null,
    sites text,
    actions text not null,
    quota_per_minute bigint not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    primary key (tenant_id, credential_id),
    foreign key (tenant_id) references network (tenant_id)
);
-- The one search that cannot start with the tenant: it is what tells the tenant.
create index credential_hash on credential (hash);

create table cfa_key (
    tenant_id text not null,
    key_id text not null,
    siret_cfa text not null,
    opco text not null,
    instance bigint not null,
    environment text not null,
    state text not null,
    sealed bytea not null,
    expires_on text,
    probed_at bigint,
    probe_result text,
    last_used_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id) references network (tenant_id)
);
create unique index cfa_key_active
    on cfa_key (tenant_id, siret_cfa, opco, instance, environment) where state = 'active';

create table software_credential (
    tenant_id text not null,
    key_id text not null,
    opco text not null,
    instance bigint not null,
    environment text not null,
    client_id text not null,
    sealed_secret bytea,
    sealed_dpop_key bytea,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id) references network (tenant_id)
);
create unique index software_credential_instance
    on software_credential (tenant_id, opco, instance, environment);

create table route_override (
    tenant_id text not null,
    override_id text not null,
    siret text,
    siren text,
    opco text not null,
    author text not null,
    reason text not null,
    valid_from bigint not null,
    valid_until bigint,
    created_at bigint not null,
    primary key (tenant_id, override_id),
    foreign key (tenant_id) references network (tenant_id)
);
create index route_override_siret on route_override (tenant_id, siret);
create index route_override_siren on route_override (tenant_id, siren);

create table rule_override (
    tenant_id text not null,
    rule text not null,
    effect text not null,
    author text not null,
    reason text not null,
    created_at bigint not null,
    primary key (tenant_id, rule),
    foreign key (tenant_id) references network (tenant_id)
);

create table mandate (
    tenant_id text not null,
    mandate_id text not null,
    scope text not null,
    siret_cfa text not null,
    delivery_id text,
    reference text not null,
    signed_on text not null,
    document_hash bytea,
    valid_from text,
    valid_until text,
    author text not null,
    created_at bigint not null,
    primary key (tenant_id, mandate_id)
);
create index mandate_site on mandate (tenant_id, siret_cfa) where scope = 'site';
create index mandate_delivery on mandate (tenant_id, delivery_id) where delivery_id is not null;
