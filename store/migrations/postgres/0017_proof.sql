-- The log of each network as it is proven: who signs, how far it is sealed, its tree, its checkpoints.
create table proof_key (
    tenant_id uuid not null,
    number bigint not null,
    key_id uuid not null,
    public_key bytea not null,
    sealed bytea not null,
    created_at bigint not null,
    primary key (tenant_id, number)
);

-- How many events are in the tree. The lease keeps replicas from doing the same work; that nobody's work
-- is overwritten does not rest on it, but on `size`, which moves only from what its writer read.
create table proof_head (
    tenant_id uuid not null,
    size bigint not null,
    lease_owner text collate "C",
    lease_until bigint not null,
    primary key (tenant_id)
);

-- 256 hashes side by side, or what there is of them: level 0 has the leaves.
create table proof_tile (
    tenant_id uuid not null,
    level bigint not null,
    tile bigint not null,
    hashes bytea not null,
    primary key (tenant_id, level, tile)
);
alter table proof_tile alter column hashes set storage external;

-- `next_key` is the number of the key that takes over at this one, if any.
create table proof_checkpoint (
    tenant_id uuid not null,
    size bigint not null,
    note text collate "C" not null,
    next_key bigint,
    primary key (tenant_id, size)
);
create index proof_checkpoint_rotation on proof_checkpoint (tenant_id, size)
    where next_key is not null;
