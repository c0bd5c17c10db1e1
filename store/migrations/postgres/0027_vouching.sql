-- Who vouches for the log of a network beside its own keys: witnesses, by their key, and the authority that
-- dates, as `timestamp`. Up to which size, when, and when it is asked next. A conflict stays until a person
-- says otherwise.
create table proof_party (
    tenant_id uuid not null,
    who text collate "C" not null,
    size bigint not null,
    name text collate "C",
    vouched_at bigint,
    failures bigint not null,
    next_at bigint not null,
    conflict text collate "C",
    conflict_at bigint,
    primary key (tenant_id, who)
);

-- What a witness signed of a checkpoint: its line, as it came.
create table proof_cosignature (
    tenant_id uuid not null,
    witness text collate "C" not null,
    size bigint not null,
    line text collate "C" not null,
    primary key (tenant_id, witness, size)
);

-- What an authority signed of a checkpoint: its token, as it came.
create table proof_timestamp (
    tenant_id uuid not null,
    size bigint not null,
    token bytea not null,
    primary key (tenant_id, size)
);
