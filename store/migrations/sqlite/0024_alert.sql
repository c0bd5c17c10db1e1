-- What the gateway notices by itself and tells (docs/alerts.md).

-- How far the log was counted.
create table pulse_head (
    tenant_id blob not null,
    position integer not null,
    primary key (tenant_id)
) strict, without rowid;

-- How much of what happened in each hour (since 1970): of a site, of a system of an OPCO, or of the
-- gateway itself (`subject` empty).
create table pulse (
    tenant_id blob not null,
    environment text not null,
    subject text not null,
    word text not null,
    hour integer not null,
    counted integer not null,
    primary key (tenant_id, environment, subject, word, hour)
) strict, without rowid;

-- One time that something was wrong, from its beginning to its end. `told` is the highest step that was
-- told; 0 when nothing was.
create table alert (
    tenant_id blob not null,
    alert_id blob not null,
    environment text not null,
    condition text not null,
    subject text not null,
    siret_cfa text,
    opco text,
    instance integer,
    part text,
    level integer not null,
    told integer not null,
    measured integer not null,
    usual integer,
    began_at integer not null,
    seen_at integer not null,
    told_at integer,
    cleared_at integer,
    primary key (tenant_id, alert_id)
) strict, without rowid;
-- The database itself refuses two at a time of one thing.
create unique index alert_lasting on alert (tenant_id, environment, condition, subject)
    where cleared_at is null;

-- A person wants to hear no more of one alert until a time.
create table alert_silence (
    tenant_id blob not null,
    silence_id blob not null,
    environment text not null,
    condition text not null,
    subject text not null,
    ends_at integer not null,
    reason text not null,
    author text not null,
    created_at integer not null,
    primary key (tenant_id, silence_id)
) strict, without rowid;

-- What a person wants by mail; who has no row gets what is critical.
create table alert_choice (
    tenant_id blob not null,
    person_id blob not null,
    least text,
    report integer not null,
    primary key (tenant_id, person_id)
) strict, without rowid;

-- Mails on their way. No address is in them: it is the person's at the time of sending.
create table mail (
    tenant_id blob not null,
    mail_id blob not null,
    person_id blob not null,
    title text not null,
    body text not null,
    tries integer not null,
    due_at integer,
    lease_owner text,
    outcome text,
    created_at integer not null,
    ended_at integer,
    primary key (tenant_id, mail_id)
) strict, without rowid;
create index mail_due on mail (due_at) where due_at is not null;

-- Which days were reported.
create table daily_report (
    tenant_id blob not null,
    environment text not null,
    day text not null,
    told_at integer not null,
    primary key (tenant_id, environment, day)
) strict, without rowid;
