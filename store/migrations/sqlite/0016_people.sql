-- The people who use the dashboard, what each may do and where, and how they come in.
create table person (
    tenant_id blob not null,
    person_id blob not null,
    email text not null,
    name text not null,
    language text not null,
    state text not null,
    password text,
    sealed_totp blob,
    totp_step integer not null,
    oidc_subject text,
    failures integer not null,
    locked_until integer,
    created_by text not null,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant_id, person_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;
create unique index person_email on person (tenant_id, email);
-- The two searches that cannot start with the tenant: they are what tells the tenant.
create index person_signs_in on person (email);
create index person_subject on person (oidc_subject) where oidc_subject is not null;

-- A role at the network, at one of its training centres or at one site (scope_id is then theirs).
create table person_role (
    tenant_id blob not null,
    person_id blob not null,
    role text not null,
    scope text not null,
    scope_id blob not null,
    granted_by text not null,
    granted_at integer not null,
    primary key (tenant_id, person_id, role, scope_id),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
) strict, without rowid;

-- A code that stands for the second factor once.
create table recovery_code (
    tenant_id blob not null,
    person_id blob not null,
    hash blob not null,
    used_at integer,
    primary key (tenant_id, person_id, hash),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
) strict, without rowid;

-- What a person carries: a browser's session, a link to choose a password, a key for scripts.
create table person_token (
    tenant_id blob not null,
    token_id blob not null,
    person_id blob not null,
    purpose text not null,
    hash blob not null,
    label text not null,
    address text,
    agent text,
    confirmed_at integer,
    seen_at integer not null,
    created_at integer not null,
    expires_at integer not null,
    ended_at integer,
    primary key (tenant_id, token_id),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
) strict;
create index person_token_hash on person_token (hash);
create index person_token_person on person_token (tenant_id, person_id);
