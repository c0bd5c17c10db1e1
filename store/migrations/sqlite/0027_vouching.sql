-- Who vouches for the log of a network beside its own keys: witnesses, by their key, and the authority that
-- dates, as `timestamp`. Up to which size, when, and when it is asked next. A conflict stays until a person
-- says otherwise.
create table proof_party (
    tenant_id blob not null,
    who text not null,
    size integer not null,
    name text,
    vouched_at integer,
    failures integer not null,
    next_at integer not null,
    conflict text,
    conflict_at integer,
    primary key (tenant_id, who)
) strict, without rowid;

-- What a witness signed of a checkpoint: its line, as it came.
create table proof_cosignature (
    tenant_id blob not null,
    witness text not null,
    size integer not null,
    line text not null,
    primary key (tenant_id, witness, size)
) strict, without rowid;

-- What an authority signed of a checkpoint: its token, as it came.
create table proof_timestamp (
    tenant_id blob not null,
    size integer not null,
    token blob not null,
    primary key (tenant_id, size)
) strict;
