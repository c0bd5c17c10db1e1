-- The people who use the dashboard, what each may do and where, and how they come in.
create table person (
    tenant_id uuid not null,
    person_id uuid not null,
    email text collate "C" not null,
    name text collate "C" not null,
    language text collate "C" not null,
    state text collate "C" not null,
    password text collate "C",
    sealed_totp bytea,
    totp_step bigint not null,
    oidc_subject text collate "C",
    failures bigint not null,
    locked_until bigint,
    created_by text collate "C" not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant_id, person_id),
    foreign key (tenant_id) references network (tenant_id)
);
create unique index person_email on person (tenant_id, email);
-- The two searches that cannot start with the tenant: they are what tells the tenant.
create index person_signs_in on person (email);
create index person_subject on person (oidc_subject) where oidc_subject is not null;

-- A role at the network, at one of its training centres or at one site (scope_id is then theirs).
create table person_role (
    tenant_id uuid not null,
    person_id uuid not null,
    role text collate "C" not null,
    scope text collate "C" not null,
    scope_id uuid not null,
    granted_by text collate "C" not null,
    granted_at bigint not null,
    primary key (tenant_id, person_id, role, scope_id),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
);

-- A code that stands for the second factor once.
create table recovery_code (
    tenant_id uuid not null,
    person_id uuid not null,
    hash bytea not null,
    used_at bigint,
    primary key (tenant_id, person_id, hash),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
);

-- What a person carries: a browser's session, a link to choose a password, a key for scripts.
create table person_token (
    tenant_id uuid not null,
    token_id uuid not null,
    person_id uuid not null,
    purpose text collate "C" not null,
    hash bytea not null,
    label text collate "C" not null,
    address text collate "C",
    agent text collate "C",
    confirmed_at bigint,
    seen_at bigint not null,
    created_at bigint not null,
    expires_at bigint not null,
    ended_at bigint,
    primary key (tenant_id, token_id),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
);
create index person_token_hash on person_token (hash);
create index person_token_person on person_token (tenant_id, person_id);
