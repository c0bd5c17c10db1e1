-- What OPCOs said when they refused. A known reason of protocol §15 has one row, `reason` its code and
-- `fingerprint` empty; a text that nobody knows has `reason` empty, its keyed fingerprint and, sealed, its
-- words with numbers and names hidden. Nothing of a text is in clear.
create table refusal (
    tenant_id blob not null,
    opco text not null,
    environment text not null,
    kind text not null,
    reason text not null,
    fingerprint blob not null,
    sealed blob,
    told integer not null,
    first_told_at integer not null,
    last_told_at integer not null,
    delivery_id blob not null,
    primary key (tenant_id, opco, environment, kind, reason, fingerprint)
) strict, without rowid;
