-- What happened. The position is given last in the transaction, under the lock of the network's
-- head: the order of positions is the order of commits.
create table event (
    tenant_id blob not null,
    delivery_id blob not null,
    event_id blob not null,
    position integer not null,
    at integer not null,
    kind text not null,
    dossier_id blob,
    actor text not null,
    data text not null,
    content_hash blob,
    answer_hash blob,
    primary key (tenant_id, position)
) strict, without rowid;
create index event_delivery on event (tenant_id, delivery_id);

create table event_head (
    tenant_id blob not null,
    position integer not null,
    primary key (tenant_id)
) strict, without rowid;
