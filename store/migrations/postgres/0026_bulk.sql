-- One act of a person upon many deliveries. While a replica has it in hand, due_at is the end of its lease.
create table bulk (
    tenant_id uuid not null,
    bulk_id uuid not null,
    person_id uuid not null,
    environment text collate "C" not null,
    action text collate "C" not null,
    opco text collate "C",
    query text collate "C" not null,
    reason text collate "C" not null,
    per_minute bigint not null,
    state text collate "C" not null,
    total bigint not null,
    done bigint not null,
    skipped bigint not null,
    failed bigint not null,
    due_at bigint,
    lease_owner text collate "C",
    created_at bigint not null,
    begun_at bigint,
    ended_at bigint,
    ended_by text collate "C",
    primary key (tenant_id, bulk_id),
    foreign key (tenant_id, person_id) references person (tenant_id, person_id)
);
create index bulk_due on bulk (due_at) where due_at is not null;

-- Its deliveries as they were counted, in the order in which they have their turn, and what became of each.
create table bulk_item (
    tenant_id uuid not null,
    bulk_id uuid not null,
    place bigint not null,
    delivery_id uuid not null,
    stood text collate "C" not null,
    foreseen text collate "C",
    fate text collate "C",
    obstacle text collate "C",
    at bigint,
    primary key (tenant_id, bulk_id, place),
    foreign key (tenant_id, bulk_id) references bulk (tenant_id, bulk_id)
);
-- Leads with the delivery: few acts name one, and a network has many.
create index bulk_item_delivery on bulk_item (delivery_id);

-- Adopted dossiers that no delivery brought, by the key that pairs them with the contract: it may be handed
-- in later.
create index dossier_adopted on dossier (tenant_id, environment, pairing)
    where delivery_id = '00000000-0000-0000-0000-000000000000';
