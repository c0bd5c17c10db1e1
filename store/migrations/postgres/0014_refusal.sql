-- What OPCOs said when they refused. A known reason of protocol §15 has one row, `reason` its code and
-- `fingerprint` empty; a text that nobody knows has `reason` empty, its keyed fingerprint and, sealed, its
-- words with numbers and names hidden. Nothing of a text is in clear.
create table refusal (
    tenant_id uuid not null,
    opco text collate "C" not null,
    environment text collate "C" not null,
    kind text collate "C" not null,
    reason text collate "C" not null,
    fingerprint bytea not null,
    sealed bytea,
    told bigint not null,
    first_told_at bigint not null,
    last_told_at bigint not null,
    delivery_id uuid not null,
    primary key (tenant_id, opco, environment, kind, reason, fingerprint)
);
