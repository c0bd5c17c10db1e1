//! The alerts of a network: those that last, those that ended, what was told of each, and what a person
//! silenced. Each change says whether it was this one that made it: only then may the caller tell it, in the
//! same transaction.

pub mod choices;

use domain::alert::{Condition, Measure, Severity, Subject};
use domain::id::{AlertId, SilenceId, TenantId};
use domain::{Environment, Instance, Opco, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// The most alerts of one page.
pub const MAX_PAGE: u32 = 200;

/// One time that something was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: AlertId,
    /// In which world.
    pub environment: Environment,
    /// What is wrong.
    pub condition: Condition,
    /// About whom.
    pub subject: Subject,
    /// How bad it is, or was when it ended.
    pub measure: Measure,
    /// The highest step that was told; 0 when nothing was.
    pub told: u8,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// When it was last told.
    pub told_at: Option<Timestamp>,
    /// When it ended.
    pub cleared_at: Option<Timestamp>,
}

/// Returns how grave an alert is: in the test world nothing is more than good to know.
pub fn severity(alert: &Alert) -> Severity {
    match alert.environment {
        Environment::Test => Severity::Notice,
        Environment::Live => alert
            .condition
            .severity(alert.told.max(alert.measure.level)),
    }
}

/// A person wants to hear no more of one alert until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its name.
    pub id: SilenceId,
    /// In which world.
    pub environment: Environment,
    /// What is not told.
    pub condition: Condition,
    /// About whom: the text of a [`Subject`].
    pub subject: String,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why, in the person's words.
    pub reason: String,
    /// Who.
    pub author: String,
    /// Since when.
    pub created_at: Timestamp,
}

impl Silence {
    /// Returns whether it is of this alert.
    pub fn covers(&self, environment: Environment, condition: Condition, subject: &str) -> bool {
        self.environment == environment && self.condition == condition && self.subject == subject
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    alert_id: Uuid,
    environment: String,
    condition: String,
    siret_cfa: Option<String>,
    opco: Option<String>,
    instance: Option<i64>,
    part: Option<String>,
    level: i64,
    told: i64,
    measured: i64,
    usual: Option<i64>,
    began_at: i64,
    seen_at: i64,
    told_at: Option<i64>,
    cleared_at: Option<i64>,
}

impl TryFrom<Row> for Alert {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "alert",
            row: &row.alert_id,
        };
        let opco: Option<Opco> = at.maybe_word("opco", row.opco.as_deref())?;
        let number = at.number("instance", row.instance.unwrap_or(1))?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.alert_id.into(),
            environment: at.word("environment", &row.environment)?,
            condition: at.word("condition", &row.condition)?,
            subject: Subject {
                site: at.maybe_word("siret_cfa", row.siret_cfa.as_deref())?,
                instance: opco.map(|opco| Instance { opco, number }),
                part: row.part,
            },
            measure: Measure {
                level: at.number("level", row.level)?,
                value: row.measured,
                usual: row.usual,
            },
            told: at.number("told", row.told)?,
            began_at: at.instant("began_at", row.began_at)?,
            seen_at: at.instant("seen_at", row.seen_at)?,
            told_at: at.maybe_instant("told_at", row.told_at)?,
            cleared_at: at.maybe_instant("cleared_at", row.cleared_at)?,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, alert_id, environment, condition, siret_cfa, opco, instance, part, level, told,
         measured, usual, began_at, seen_at, told_at, cleared_at"
    };
}

/// Lists the alerts of a network that last.
pub async fn lasting(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Alert>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from alert where tenant_id = $1 and cleared_at is null
        order by environment, condition, subject"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Alert::try_from).collect()
}

/// Lists the alerts of a world that ended, the newest first, before one of them.
pub async fn ended(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    before: Option<AlertId>,
    limit: u32,
) -> Result<Vec<Alert>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from alert where tenant_id = $1 and environment = $2 and cleared_at is not null
          and told > 0 and ($3 is null or alert_id < $3)
        order by alert_id desc limit $4"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(before.map(raw))
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Alert::try_from).collect()
}

/// Returns an alert of this network.
pub async fn find(tx: &mut Tx, tenant: TenantId, id: AlertId) -> Result<Option<Alert>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from alert where tenant_id = $1 and alert_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Alert::try_from).transpose()
}

/// Begins one. Returns whether it did: while one lasts there is no second of the same thing.
pub async fn begin(tx: &mut Tx, alert: &Alert) -> Result<bool, StoreError> {
    const SQL: &str = "insert into alert (tenant_id, alert_id, environment, condition, subject,
            siret_cfa, opco, instance, part, level, told, measured, usual, began_at, seen_at, told_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        on conflict do nothing";
    let subject = &alert.subject;
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(alert.tenant))
            .bind(raw(alert.id))
            .bind(alert.environment.as_str())
            .bind(alert.condition.as_str())
            .bind(subject.to_string())
            .bind(subject.site.as_ref().map(domain::Siret::as_str))
            .bind(subject.instance.map(|instance| instance.opco.slug()))
            .bind(subject.instance.map(|instance| i64::from(instance.number)))
            .bind(subject.part.as_deref())
            .bind(i64::from(alert.measure.level))
            .bind(i64::from(alert.told))
            .bind(alert.measure.value)
            .bind(alert.measure.usual)
            .bind(ms(alert.began_at))
            .bind(ms(alert.seen_at))
            .bind(alert.told_at.map(ms))
    );
    Ok(done > 0)
}

/// Keeps how bad one that lasts is now.
pub async fn seen(
    tx: &mut Tx,
    tenant: TenantId,
    id: AlertId,
    measure: Measure,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update alert set level = $3, measured = $4, usual = $5, seen_at = $6
        where tenant_id = $1 and alert_id = $2 and cleared_at is null and seen_at <= $6";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(measure.level))
            .bind(measure.value)
            .bind(measure.usual)
            .bind(ms(now))
    );
    Ok(())
}

/// Keeps that a step of one that lasts is told. Returns whether it was not told before.
pub async fn raise(
    tx: &mut Tx,
    tenant: TenantId,
    id: AlertId,
    level: u8,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update alert set told = $3, told_at = $4
        where tenant_id = $1 and alert_id = $2 and cleared_at is null and told < $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(level))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Ends one that nobody has seen since an instant. Returns whether it did.
pub async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    id: AlertId,
    unseen_since: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update alert set cleared_at = $4
        where tenant_id = $1 and alert_id = $2 and cleared_at is null and seen_at <= $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(unseen_since))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Lets go of what ended before an instant.
pub async fn forget(tx: &mut Tx, tenant: TenantId, before: Timestamp) -> Result<(), StoreError> {
    const ALERTS: &str = "delete from alert where tenant_id = $1 and cleared_at < $2";
    const SILENCES: &str = "delete from alert_silence where tenant_id = $1 and ends_at < $2";
    for sql in [ALERTS, SILENCES] {
        run!(tx, sqlx::query(sql).bind(raw(tenant)).bind(ms(before)));
    }
    Ok(())
}

/// Silences one thing.
pub async fn silence(tx: &mut Tx, tenant: TenantId, silence: &Silence) -> Result<(), StoreError> {
    const SQL: &str = "insert into alert_silence (tenant_id, silence_id, environment, condition,
            subject, ends_at, reason, author, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(silence.id))
            .bind(silence.environment.as_str())
            .bind(silence.condition.as_str())
            .bind(&silence.subject)
            .bind(ms(silence.ends_at))
            .bind(&silence.reason)
            .bind(&silence.author)
            .bind(ms(silence.created_at))
    );
    Ok(())
}

/// Ends the silences of one thing now. Returns whether there was one.
pub async fn speak(
    tx: &mut Tx,
    tenant: TenantId,
    alert: &Alert,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update alert_silence set ends_at = $5
        where tenant_id = $1 and environment = $2 and condition = $3 and subject = $4
          and ends_at > $5";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(alert.environment.as_str())
            .bind(alert.condition.as_str())
            .bind(alert.subject.to_string())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// The columns of a [`Silence`].
type SilenceRow = (Uuid, String, String, String, i64, String, String, i64);

/// Lists what is silenced at an instant, the latest first.
pub async fn silences(
    tx: &mut Tx,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<Silence>, StoreError> {
    const SQL: &str = "select silence_id, environment, condition, subject, ends_at, reason, author,
            created_at
        from alert_silence where tenant_id = $1 and ends_at > $2 order by silence_id desc";
    let rows: Vec<SilenceRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(ms(now))
        .fetch_all(conn)
        .await?);
    let read =
        |(id, environment, condition, subject, ends_at, reason, author, created_at): SilenceRow| {
            let at = At {
                table: "alert_silence",
                row: &id,
            };
            Ok(Silence {
                id: id.into(),
                environment: at.word("environment", &environment)?,
                condition: at.word("condition", &condition)?,
                subject,
                ends_at: at.instant("ends_at", ends_at)?,
                reason,
                author,
                created_at: at.instant("created_at", created_at)?,
            })
        };
    rows.into_iter().map(read).collect()
}
