-- What happened. The position is given by the tenant's sequencer, after the commit.
create table event (
    tenant_id text collate "C" not null,
    delivery_id text collate "C" not null,
    event_id text collate "C" not null,
    position bigint,
    at bigint not null,
    kind text collate "C" not null,
    dossier_id text collate "C",
    actor text collate "C" not null,
    data text collate "C" not null,
    content_hash bytea,
    answer_hash bytea,
    primary key (tenant_id, delivery_id, event_id)
);
create unique index event_position on event (tenant_id, position) where position is not null;
create index event_unnumbered on event (event_id) where position is null;
alter table event set (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000
);

create table event_head (
    tenant_id text collate "C" not null,
    position bigint not null,
    primary key (tenant_id)
);
