-- The log of each network as it is proven: who signs, how far it is sealed, its tree, its checkpoints.
create table proof_key (
    tenant_id blob not null,
    number integer not null,
    key_id blob not null,
    public_key blob not null,
    sealed blob not null,
    created_at integer not null,
    primary key (tenant_id, number)
) strict, without rowid;

-- How many events are in the tree. The lease keeps replicas from doing the same work; that nobody's work
-- is overwritten does not rest on it, but on `size`, which moves only from what its writer read.
create table proof_head (
    tenant_id blob not null,
    size integer not null,
    lease_owner text,
    lease_until integer not null,
    primary key (tenant_id)
) strict, without rowid;

-- 256 hashes side by side, or what there is of them: level 0 has the leaves.
create table proof_tile (
    tenant_id blob not null,
    level integer not null,
    tile integer not null,
    hashes blob not null,
    primary key (tenant_id, level, tile)
) strict;

-- `next_key` is the number of the key that takes over at this one, if any.
create table proof_checkpoint (
    tenant_id blob not null,
    size integer not null,
    note text not null,
    next_key integer,
    primary key (tenant_id, size)
) strict, without rowid;
create index proof_checkpoint_rotation on proof_checkpoint (tenant_id, size)
    where next_key is not null;
