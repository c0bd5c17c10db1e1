-- What the gateway notices by itself and tells (docs/alerts.md).

-- How far the log was counted.
create table pulse_head (
    tenant_id uuid not null,
    position bigint not null,
    primary key (tenant_id)
);

-- How much of what happened in each hour (since 1970): of a site, of a system of an OPCO, or of the
-- gateway itself (`subject` empty).
create table pulse (
    tenant_id uuid not null,
    environment text collate "C" not null,
    subject text collate "C" not null,
    word text collate "C" not null,
    hour bigint not null,
    counted bigint not null,
    primary key (tenant_id, environment, subject, word, hour)
);

-- One time that something was wrong, from its beginning to its end. `told` is the highest step that was
-- told; 0 when nothing was.
create table alert (
    tenant_id uuid not null,
    alert_id uuid not null,
    environment text collate "C" not null,
    condition text collate "C" not null,
    subject text collate "C" not null,
    siret_cfa text collate "C",
    opco text collate "C",
    instance bigint,
    part text collate "C",
    level bigint not null,
    told bigint not null,
    measured bigint not null,
    usual bigint,
    began_at bigint not null,
    seen_at bigint not null,
    told_at bigint,
    cleared_at bigint,
    primary key (tenant_id, alert_id)
);
-- The database itself refuses two at a time of one thing.
create unique index alert_lasting on alert (tenant_id, environment, condition, subject)
    where cleared_at is null;

-- A person wants to hear no more of one alert until a time.
create table alert_silence (
    tenant_id uuid not null,
    silence_id uuid not null,
    environment text collate "C" not null,
    condition text collate "C" not null,
    subject text collate "C" not null,
    ends_at bigint not null,
    reason text collate "C" not null,
    author text collate "C" not null,
    created_at bigint not null,
    primary key (tenant_id, silence_id)
);

-- What a person wants by mail; who has no row gets what is critical.
create table alert_choice (
    tenant_id uuid not null,
    person_id uuid not null,
    least text collate "C",
    report bigint not null,
    primary key (tenant_id, person_id)
);

-- Mails on their way. No address is in them: it is the person's at the time of sending.
create table mail (
    tenant_id uuid not null,
    mail_id uuid not null,
    person_id uuid not null,
    title text collate "C" not null,
    body text collate "C" not null,
    tries bigint not null,
    due_at bigint,
    lease_owner text collate "C",
    outcome text collate "C",
    created_at bigint not null,
    ended_at bigint,
    primary key (tenant_id, mail_id)
);
create index mail_due on mail (due_at) where due_at is not null;

-- Which days were reported.
create table daily_report (
    tenant_id uuid not null,
    environment text collate "C" not null,
    day text collate "C" not null,
    told_at bigint not null,
    primary key (tenant_id, environment, day)
);
