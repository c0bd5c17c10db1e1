-- What happened. The position is given last in the transaction, under the lock of the network's
-- head: the order of positions is the order of commits.
create table event (
    tenant_id uuid not null,
    delivery_id uuid not null,
    event_id uuid not null,
    position bigint not null,
    at bigint not null,
    kind text collate "C" not null,
    dossier_id uuid,
    actor text collate "C" not null,
    data text collate "C" not null,
    content_hash bytea,
    answer_hash bytea,
    primary key (tenant_id, position)
);
create index event_delivery on event (delivery_id);

create table event_head (
    tenant_id uuid not null,
    position bigint not null,
    primary key (tenant_id)
);
-- Each commit of a network rewrites its head: a page with room keeps that in place.
alter table event_head set (fillfactor = 50);
