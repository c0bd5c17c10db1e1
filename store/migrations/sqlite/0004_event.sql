-- What happened. The position is given by the tenant's sequencer, after the commit.
create table event (
    tenant_id text not null,
    delivery_id text not null,
    event_id text not null,
    position integer,
    at integer not null,
    kind text not null,
    dossier_id text,
    actor text not null,
    data text not null,
    content_hash blob,
    answer_hash blob,
    primary key (tenant_id, delivery_id, event_id)
) strict;
create unique index event_position on event (tenant_id, position) where position is not null;
create index event_unnumbered on event (event_id) where position is null;

create table event_head (
    tenant_id text not null,
    position integer not null,
    primary key (tenant_id)
) strict;
