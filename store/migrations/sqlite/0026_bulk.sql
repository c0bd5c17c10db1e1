-- One act of a person upon many deliveries. While a replica has it in hand, due_at is the end of its lease.
create table bulk (
    tenant_id blob not null,
    bulk_id blob not null,
    person_id blob not null,
    environment text not null,
    action text not null,
    opco text,
    query text not null,
    reason text not null,
    per_minute integer not null,
    state text not null,
    total integer not null,
    done integer not null,
    skipped integer not null,
    failed integer not null,
    due_at integer,
    lease_owner text,
    created_at integer not null,
    begun_at integer,
    ended_at integer,
    ended_by text,
    primary key (tenant_id, bulk_id),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
) strict, without rowid;
create index bulk_due on bulk (due_at) where due_at is not null;

-- Its deliveries as they were counted, in the order in which they have their turn, and what became of each.
create table bulk_item (
    tenant_id blob not null,
    bulk_id blob not null,
    place integer not null,
    delivery_id blob not null,
    stood text not null,
    foreseen text,
    fate text,
    obstacle text,
    at integer,
    primary key (tenant_id, bulk_id, place),
    foreign key (tenant_id, bulk_id) references bulk (tenant_id, bulk_id)
) strict, without rowid;
-- Leads with the delivery: few acts name one, and a network has many.
create index bulk_item_delivery on bulk_item (delivery_id);

-- Adopted dossiers that no delivery brought, by the key that pairs them with the contract: it may be handed
-- in later.
create index dossier_adopted on dossier (tenant_id, environment, pairing)
    where delivery_id = x'00000000000000000000000000000000';
