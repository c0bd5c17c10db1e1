-- What belongs to the deployment and to no network: the short list the schema lint knows by name.
create table capability_switch (
    switch_id text not null,
    opco text not null,
    instance bigint not null,
    capability text not null,
    openness text not null,
    author text not null,
    reason text not null,
    label text,
    valid_from bigint not null,
    valid_until bigint,
    created_at bigint not null,
    primary key (switch_id)
);

create table limiter_lease (
    opco text not null,
    instance bigint not null,
    environment text not null,
    holder text not null,
    lease_until bigint not null,
    primary key (opco, instance, environment)
);

-- A value sealed by the master key: opening it tells the right key from a wrong one.
create table master_probe (
    probe_id text not null,
    master_key_id text not null,
    sealed bytea not null,
    primary key (probe_id)
);
