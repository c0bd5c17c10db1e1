-- What was told of the days that count: each is told once when it is near and once when it is there.
-- `subject_id` is the dossier, or the delivery of a contract that has none yet; `numero` is the échéance,
-- 0 when it is about none.
create table countdown (
    tenant_id uuid not null,
    subject_id uuid not null,
    word text collate "C" not null,
    numero bigint not null,
    falls_on text collate "C" not null,
    near_at bigint,
    due_at bigint,
    primary key (tenant_id, subject_id, word, numero, falls_on)
);
