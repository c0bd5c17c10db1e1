-- Who there is, and what each may do. Every key starts with the tenant.
-- Texts compare by their bytes ("C"), as on SQLite: the order of identifiers then follows time
-- under any locale of the server, and comparing costs least.
create table network (
    tenant_id uuid not null,
    name text collate "C" not null,
    settings text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id)
);

create table tenant_key (
    tenant_id uuid not null,
    wrapped bytea not null,
    master_key_id text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id),
    foreign key (tenant_id) references network (tenant_id)
);

create table cfa (
    tenant_id uuid not null,
    cfa_id uuid not null,
    name text collate "C" not null,
    siren text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id, cfa_id),
    foreign key (tenant_id) references network (tenant_id)
);

create table site (
    tenant_id uuid not null,
    site_id uuid not null,
    cfa_id uuid not null,
    siret text collate "C" not null,
    uai text collate "C",
    name text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id, site_id),
    foreign key (tenant_id, cfa_id) references cfa (tenant_id, cfa_id)
);
create unique index site_siret on site (tenant_id, siret);

create table credential (
    tenant_id uuid not null,
    credential_id uuid not null,
    label text collate "C" not null,
    hash bytea not null,
    prefix text collate "C" not null,
    environment text collate "C" not null,
    sites text collate "C",
    actions text collate "C" not null,
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
    tenant_id uuid not null,
    key_id uuid not null,
    siret_cfa text collate "C" not null,
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    state text collate "C" not null,
    sealed bytea not null,
    expires_on text collate "C",
    probed_at bigint,
    probe_result text collate "C",
    last_used_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, key_id),
    foreign key (tenant_id) references network (tenant_id)
);
create unique index cfa_key_active
    on cfa_key (tenant_id, siret_cfa, opco, instance, environment) where state = 'active';

create table software_credential (
    tenant_id uuid not null,
    key_id uuid not null,
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    client_id text collate "C" not null,
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
    tenant_id uuid not null,
    override_id uuid not null,
    siret text collate "C",
    siren text collate "C",
    opco text collate "C" not null,
    author text collate "C" not null,
    reason text collate "C" not null,
    valid_from bigint not null,
    valid_until bigint,
    created_at bigint not null,
    primary key (tenant_id, override_id),
    foreign key (tenant_id) references network (tenant_id)
);
create index route_override_siret on route_override (tenant_id, siret);
create index route_override_siren on route_override (tenant_id, siren);

create table rule_override (
    tenant_id uuid not null,
    rule text collate "C" not null,
    effect text collate "C" not null,
    author text collate "C" not null,
    reason text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id, rule),
    foreign key (tenant_id) references network (tenant_id)
);

create table mandate (
    tenant_id uuid not null,
    mandate_id uuid not null,
    scope text collate "C" not null,
    siret_cfa text collate "C" not null,
    delivery_id uuid,
    reference text collate "C" not null,
    signed_on text collate "C" not null,
    document_hash bytea,
    valid_from text collate "C",
    valid_until text collate "C",
    author text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id, mandate_id)
);
create index mandate_site on mandate (tenant_id, siret_cfa) where scope = 'site';
create index mandate_delivery on mandate (tenant_id, delivery_id) where delivery_id is not null;
