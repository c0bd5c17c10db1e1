-- What a network knows better than the matrix that ships of what an OPCO has opened.
create table network_switch (
    tenant_id blob not null,
    switch_id blob not null,
    opco text not null,
    instance integer not null,
    capability text not null,
    openness text not null,
    author text not null,
    reason text not null,
    valid_from integer not null,
    valid_until integer,
    created_at integer not null,
    primary key (tenant_id, switch_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;

-- When an OPCO is not to be called: works it announced. The platform's own hold for every network.
create table opco_window (
    tenant_id blob not null,
    window_id blob not null,
    opco text not null,
    instance integer not null,
    environment text not null,
    author text not null,
    reason text not null,
    valid_from integer not null,
    valid_until integer not null,
    created_at integer not null,
    primary key (tenant_id, window_id),
    foreign key (tenant_id) references network (tenant_id)
) strict;
