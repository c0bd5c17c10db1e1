-- What belongs to the deployment and to no network: the short list the schema lint knows by name.
create table capability_switch (
    switch_id uuid not null,
    opco text collate "C" not null,
    instance bigint not null,
    capability text collate "C" not null,
    openness text collate "C" not null,
    author text collate "C" not null,
    reason text collate "C" not null,
    label text collate "C",
    valid_from bigint not null,
    valid_until bigint,
    created_at bigint not null,
    primary key (switch_id)
);

create table limiter_lease (
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    holder text collate "C" not null,
    lease_until bigint not null,
    primary key (opco, instance, environment)
);

-- A value sealed by the master key: opening it tells the right key from a wrong one.
create table master_probe (
    probe_id text collate "C" not null,
    master_key_id text collate "C" not null,
    sealed bytea not null,
    primary key (probe_id)
);
