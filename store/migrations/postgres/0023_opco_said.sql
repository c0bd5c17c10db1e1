-- What a network knows better than the matrix that ships of what an OPCO has opened.
create table network_switch (
    tenant_id uuid not null,
    switch_id uuid not null,
    opco text collate "C" not null,
    instance bigint not null,
    capability text collate "C" not null,
    openness text collate "C" not null,
    author text collate "C" not null,
    reason text collate "C" not null,
    valid_from bigint not null,
    valid_until bigint,
    created_at bigint not null,
    primary key (tenant_id, switch_id),
    foreign key (tenant_id) references network (tenant_id)
);

-- When an OPCO is not to be called: works it announced. The platform's own hold for every network.
create table opco_window (
    tenant_id uuid not null,
    window_id uuid not null,
    opco text collate "C" not null,
    instance bigint not null,
    environment text collate "C" not null,
    author text collate "C" not null,
    reason text collate "C" not null,
    valid_from bigint not null,
    valid_until bigint not null,
    created_at bigint not null,
    primary key (tenant_id, window_id),
    foreign key (tenant_id) references network (tenant_id)
);
