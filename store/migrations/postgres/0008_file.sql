-- The files of deliveries: the bytes are elsewhere, sealed; here is what opens them. `sealed` is the
-- file's key, its hash and its name, wrapped by the network's key: without it the file is shredded,
-- and the row stays until the file itself is removed.
create table file (
    tenant_id uuid not null,
    file_id uuid not null,
    delivery_id uuid not null,
    part text collate "C" not null,
    kind text collate "C" not null,
    bytes bigint not null,
    fingerprint bytea,
    sealed bytea,
    created_at bigint not null,
    primary key (tenant_id, file_id)
);
create index file_delivery on file (delivery_id, file_id);
create index file_shredded on file (file_id) where sealed is null;
