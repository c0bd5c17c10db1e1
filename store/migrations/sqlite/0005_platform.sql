-- What belongs to the deployment and to no network: the short list the schema lint knows by name.
create table capability_switch (
    switch_id blob not null,
    opco text not null,
    instance integer not null,
    capability text not null,
    openness text not null,
    author text not null,
    reason text not null,
    label text,
    valid_from integer not null,
    valid_until integer,
    created_at integer not null,
    primary key (switch_id)
) strict;

create table limiter_lease (
    opco text not null,
    instance integer not null,
    environment text not null,
    holder text not null,
    lease_until integer not null,
    primary key (opco, instance, environment)
) strict;

-- A value sealed by the master key: opening it tells the right key from a wrong one.
create table master_probe (
    probe_id text not null,
    master_key_id text not null,
    sealed blob not null,
    primary key (probe_id)
) strict;
