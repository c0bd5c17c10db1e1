//! Who is told of events: the addresses ERPs gave, their secrets, and how far each has been told.

pub mod parking;
mod sending;

use domain::id::{EventId, TenantId, WebhookAttemptId, WebhookId};
use domain::{Environment, Siret, Timestamp};
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::sealing::SealedSecret;

pub use self::sending::{Picture, Sent, is_at, picture, settle};

/// The word of an endpoint's secrets in associated data.
pub const SECRET_PART: &str = "webhook";

/// How many tries of one endpoint are kept.
pub const ATTEMPTS_KEPT: u32 = 200;

/// An address that is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: WebhookId,
    /// The world whose events it is told of.
    pub environment: Environment,
    /// Where to.
    pub url: String,
    /// What people call it.
    pub label: String,
    /// Which events, by name; none named means the published ones.
    pub kinds: Vec<String>,
    /// The sites whose events it is told of; absent for all.
    pub sites: Option<Vec<Siret>>,
    /// The half of the signing key that may be shown.
    pub public_key: String,
    /// What it signs with.
    pub sealed: SealedSecret,
    /// What it signed with before the last rotation.
    pub sealed_before: Option<SealedSecret>,
    /// Until when both sign.
    pub overlap_until: Option<Timestamp>,
    /// Why nothing is sent any more, and since when.
    pub disabled: Option<(String, Timestamp)>,
    /// It has been told of everything up to this position.
    pub position: i64,
    /// How many tries failed since the last that did not.
    pub failures: u32,
    /// Since when they fail.
    pub failing_since: Option<Timestamp>,
    /// When the next try is due; in a claimed one, the lease's end.
    pub due_at: Timestamp,
    /// Who asked for it.
    pub created_by: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its name.
    pub id: WebhookAttemptId,
    /// The event it told of.
    pub event: EventId,
    /// That event's place in the log; a test event has none.
    pub position: Option<i64>,
    /// The name it was sent under.
    pub kind: String,
    /// When it was made.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What came of it, as a stable word.
    pub outcome: String,
    /// What was answered.
    pub http_status: Option<u16>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    endpoint_id: Uuid,
    environment: String,
    url: String,
    label: String,
    kinds: String,
    sites: Option<String>,
    public_key: String,
    sealed: Vec<u8>,
    sealed_before: Option<Vec<u8>>,
    overlap_until: Option<i64>,
    disabled_reason: Option<String>,
    disabled_at: Option<i64>,
    position: i64,
    failures: i64,
    failing_since: Option<i64>,
    due_at: i64,
    created_by: String,
    created_at: i64,
}

impl TryFrom<Row> for Endpoint {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "webhook_endpoint",
            row: &row.endpoint_id,
        };
        let disabled_at = at.maybe_instant("disabled_at", row.disabled_at)?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.endpoint_id.into(),
            environment: at.word("environment", &row.environment)?,
            kinds: at.json("kinds", Some(&row.kinds))?.unwrap_or_default(),
            sites: at.json("sites", row.sites.as_deref())?,
            overlap_until: at.maybe_instant("overlap_until", row.overlap_until)?,
            disabled: disabled_at.map(|since| (row.disabled_reason.unwrap_or_default(), since)),
            position: row.position,
            failures: at.number("failures", row.failures)?,
            failing_since: at.maybe_instant("failing_since", row.failing_since)?,
            due_at: at.instant("due_at", row.due_at)?,
            created_at: at.instant("created_at", row.created_at)?,
            url: row.url,
            label: row.label,
            public_key: row.public_key,
            sealed: SealedSecret(row.sealed),
            sealed_before: row.sealed_before.map(SealedSecret),
            created_by: row.created_by,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, endpoint_id, environment, url, label, kinds, sites, public_key, sealed,
         sealed_before, overlap_until, disabled_reason, disabled_at, position, failures,
         failing_since, due_at, created_by, created_at"
    };
}
pub(crate) use columns;

/// Keeps a new endpoint, which is told of everything after its position.
pub async fn create(tx: &mut Tx, endpoint: &Endpoint) -> Result<(), StoreError> {
    const SQL: &str = "insert into webhook_endpoint (tenant_id, endpoint_id, environment, url,
            label, kinds, sites, public_key, sealed, position, failures, due_at, created_by,
            created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13)";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(endpoint.tenant))
            .bind(raw(endpoint.id))
            .bind(endpoint.environment.as_str())
            .bind(&endpoint.url)
            .bind(&endpoint.label)
            .bind(json_text(&endpoint.kinds)?)
            .bind(endpoint.sites.as_ref().map(json_text).transpose()?)
            .bind(&endpoint.public_key)
            .bind(&endpoint.sealed.0)
            .bind(endpoint.position)
            .bind(ms(endpoint.due_at))
            .bind(&endpoint.created_by)
            .bind(ms(endpoint.created_at))
    );
    Ok(())
}

/// Returns an endpoint of a network.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
) -> Result<Option<Endpoint>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from webhook_endpoint where tenant_id = $1 and endpoint_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Endpoint::try_from).transpose()
}

/// Lists the endpoints of a network, the oldest first.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Endpoint>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from webhook_endpoint where tenant_id = $1 order by endpoint_id"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Endpoint::try_from).collect()
}

/// Changes where to, what it is called, which events and which sites.
pub async fn update(tx: &mut Tx, endpoint: &Endpoint) -> Result<bool, StoreError> {
    const SQL: &str = "update webhook_endpoint set url = $3, label = $4, kinds = $5, sites = $6
        where tenant_id = $1 and endpoint_id = $2";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(endpoint.tenant))
            .bind(raw(endpoint.id))
            .bind(&endpoint.url)
            .bind(&endpoint.label)
            .bind(json_text(&endpoint.kinds)?)
            .bind(endpoint.sites.as_ref().map(json_text).transpose()?)
    );
    Ok(done > 0)
}

/// Signs with another secret from now on, and with the one there was until `overlap_until` too.
pub async fn rotate(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    sealed: &SealedSecret,
    public_key: &str,
    overlap_until: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update webhook_endpoint set sealed_before = sealed, sealed = $3,
            public_key = $4, overlap_until = $5
        where tenant_id = $1 and endpoint_id = $2";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(&sealed.0)
            .bind(public_key)
            .bind(ms(overlap_until))
    );
    Ok(done > 0)
}

/// Sends again, from where it stopped and what was put aside, at once: past failures are forgotten. Whoever holds the
/// endpoint keeps it until its lease ends.
pub async fn enable(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update webhook_endpoint set disabled_reason = null, disabled_at = null,
            failures = 0, failing_since = null,
            due_at = case when lease_owner is null then $3 else due_at end
        where tenant_id = $1 and endpoint_id = $2";
    parking::hurry(tx, tenant, id, None, now).await?;
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Sends nothing more until it is enabled; the position stays.
pub async fn disable(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update webhook_endpoint set disabled_reason = $3, disabled_at = $4
        where tenant_id = $1 and endpoint_id = $2";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(reason)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Tells again, or no more, from a position: the next event told is the one after it, and what was put
/// aside is forgotten.
pub async fn replay(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    position: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update webhook_endpoint set position = $3, failures = 0,
            failing_since = null, due_at = case when lease_owner is null then $4 else due_at end
        where tenant_id = $1 and endpoint_id = $2";
    parking::clear(tx, tenant, id).await?;
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(position)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Forgets an endpoint, its secrets and its tries.
pub async fn delete(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<bool, StoreError> {
    const TRIES: &str = "delete from webhook_attempt where tenant_id = $1 and endpoint_id = $2";
    const SQL: &str = "delete from webhook_endpoint where tenant_id = $1 and endpoint_id = $2";
    run!(tx, sqlx::query(TRIES).bind(raw(tenant)).bind(raw(id)));
    parking::clear(tx, tenant, id).await?;
    let done = run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(raw(id)));
    Ok(done > 0)
}

/// Returns the position after which a network's log holds everything that happened since an
/// instant.
///
/// Positions follow commits and instants nearly do: the search halves the log, so what is asked for
/// is an instant somewhat before the one that matters.
pub async fn position_before(
    tx: &mut Tx,
    tenant: TenantId,
    instant: Timestamp,
) -> Result<i64, StoreError> {
    const SQL: &str = "select position, at from event where tenant_id = $1 and position > $2
        order by position limit 1";
    let (mut low, mut high) = (0, crate::events::head(tx, tenant).await?);
    // Everything up to `low` is earlier; the first event after `high` is not.
    while low < high {
        let middle = low + (high - low) / 2;
        let first: Option<(i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
            .bind(raw(tenant))
            .bind(middle)
            .fetch_optional(conn)
            .await?);
        match first {
            Some((position, at)) if at < ms(instant) => low = position,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Keeps tries, and forgets the oldest beyond [`ATTEMPTS_KEPT`].
pub async fn record(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    attempts: &[Attempt],
) -> Result<(), StoreError> {
    const SQL: &str = "insert into webhook_attempt (tenant_id, endpoint_id, attempt_id, event_id,
            position, kind, at, duration_ms, outcome, http_status)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const FORGET: &str = "delete from webhook_attempt where tenant_id = $1 and endpoint_id = $2
        and attempt_id < (select attempt_id from webhook_attempt
            where tenant_id = $1 and endpoint_id = $2
            order by attempt_id desc limit 1 offset $3)";
    for attempt in attempts {
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(raw(attempt.id))
                .bind(raw(attempt.event))
                .bind(attempt.position)
                .bind(&attempt.kind)
                .bind(ms(attempt.at))
                .bind(i64::try_from(attempt.duration_ms).unwrap_or(i64::MAX))
                .bind(&attempt.outcome)
                .bind(attempt.http_status.map(i64::from))
        );
    }
    run!(
        tx,
        sqlx::query(FORGET)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(ATTEMPTS_KEPT) - 1)
    );
    Ok(())
}

/// Lists the latest tries of an endpoint, the newest first.
pub async fn attempts(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    limit: u32,
) -> Result<Vec<Attempt>, StoreError> {
    const SQL: &str = "select attempt_id, event_id, position, kind, at, duration_ms, outcome,
            http_status
        from webhook_attempt where tenant_id = $1 and endpoint_id = $2
        order by attempt_id desc limit $3";
    type Columns = (
        Uuid,
        Uuid,
        Option<i64>,
        String,
        i64,
        i64,
        String,
        Option<i64>,
    );
    let rows: Vec<Columns> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .bind(i64::from(limit.min(ATTEMPTS_KEPT)))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(id, event, position, kind, at, took, outcome, status)| {
            let row = At {
                table: "webhook_attempt",
                row: &id,
            };
            Ok(Attempt {
                id: id.into(),
                event: event.into(),
                position,
                kind,
                at: row.instant("at", at)?,
                duration_ms: row.number("duration_ms", took)?,
                outcome,
                http_status: status
                    .map(|status| row.number("http_status", status))
                    .transpose()?,
            })
        })
        .collect()
}
