-- What was told of the days that count: each is told once when it is near and once when it is there.
-- `subject_id` is the dossier, or the delivery of a contract that has none yet; `numero` is the échéance,
-- 0 when it is about none.
create table countdown (
    tenant_id blob not null,
    subject_id blob not null,
    word text not null,
    numero integer not null,
    falls_on text not null,
    near_at integer,
    due_at integer,
    primary key (tenant_id, subject_id, word, numero, falls_on)
) strict, without rowid;
