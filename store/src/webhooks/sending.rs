//! Handing endpoints to senders, one sender at a time, and writing how far each has come.

use domain::Timestamp;

use super::{Endpoint, Row, columns};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx, on, run};

/// The most endpoints of one claim.
const MAX_ENDPOINTS: u32 = 1_000;

/// How far a sender came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The endpoint has been told of everything up to this position.
    pub position: i64,
    /// How many tries failed since the last that did not.
    pub failures: u32,
    /// Since when they fail.
    pub failing_since: Option<Timestamp>,
    /// When the next try is due.
    pub due_at: Timestamp,
    /// Why nothing is sent any more, if so.
    pub disabled: Option<&'static str>,
}

/// How the endpoints of the whole deployment stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// How many are told.
    pub active: u64,
    /// How many of them fail.
    pub failing: u64,
    /// How many are told no more.
    pub disabled: u64,
    /// By how many events the one furthest behind is behind its log.
    pub behind_max: u64,
    /// How many events are put aside, of all of them.
    pub parked: u64,
}

/// Keeps how far a sender came. Returns whether it still held the endpoint; otherwise nothing
/// changed.
///
/// A position that was moved meanwhile stands: somebody asked for a replay.
pub async fn settle(
    tx: &mut Tx,
    claimed: &Endpoint,
    owner: &str,
    sent: &Sent,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update webhook_endpoint set
            position = case when position = $4 then $5 else position end,
            failures = $6, failing_since = $7, due_at = $8, lease_owner = null,
            disabled_reason = case when disabled_at is null then $9 else disabled_reason end,
            disabled_at = case when disabled_at is null then $10 else disabled_at end
        where tenant_id = $1 and endpoint_id = $2 and lease_owner = $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(claimed.tenant))
            .bind(raw(claimed.id))
            .bind(owner)
            .bind(claimed.position)
            .bind(sent.position)
            .bind(i64::from(sent.failures))
            .bind(sent.failing_since.map(ms))
            .bind(ms(sent.due_at))
            .bind(sent.disabled)
            .bind(sent.disabled.map(|_| ms(now)))
    );
    Ok(done > 0)
}

/// Returns whether an endpoint stands at a position. After [`settle`] in the same transaction, it does not
/// when somebody asked for a replay meanwhile.
pub async fn is_at(tx: &mut Tx, endpoint: &Endpoint, position: i64) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from webhook_endpoint
        where tenant_id = $1 and endpoint_id = $2 and position = $3";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(endpoint.tenant))
        .bind(raw(endpoint.id))
        .bind(position)
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Counts the endpoints of every network.
pub async fn picture(tx: &mut Tx) -> Result<Picture, StoreError> {
    const SQL: &str = "select
            count(case when e.disabled_at is null then 1 end),
            count(case when e.disabled_at is null and e.failures > 0 then 1 end),
            count(case when e.disabled_at is not null then 1 end),
            coalesce(max(case when e.disabled_at is null then h.position - e.position end), 0),
        (select count(*) from webhook_parked)
        from webhook_endpoint e left join event_head h on h.tenant_id = e.tenant_id";
    let (active, failing, disabled, behind, parked): (i64, i64, i64, i64, i64) =
        on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await?);
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Picture {
        active: count(active),
        failing: count(failing),
        disabled: count(disabled),
        behind_max: count(behind),
        parked: count(parked),
    })
}

impl Store {
    /// Takes the endpoints that something can be told to, for `owner` until `until`, at most
    /// `limit`. One whose lease ran out is simply due again: it is told once more under the same
    /// names.
    pub async fn claim_webhooks(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        limit: u32,
    ) -> Result<Vec<Endpoint>, StoreError> {
        macro_rules! sql {
            ($lock:literal) => {
                concat!(
                    "update webhook_endpoint set due_at = $2, lease_owner = $3
                     where (tenant_id, endpoint_id) in (
                        select e.tenant_id, e.endpoint_id from webhook_endpoint e
                        join event_head h on h.tenant_id = e.tenant_id
                        where e.disabled_at is null and e.due_at <= $1
                          and (h.position > e.position or exists (
                            select 1 from webhook_parked p where p.tenant_id = e.tenant_id
                              and p.endpoint_id = e.endpoint_id and p.due_at <= $1))
                        order by e.due_at limit $4",
                    $lock,
                    ") returning ",
                    columns!()
                )
            };
        }
        macro_rules! fetch {
            ($sql:expr, $conn:expr) => {
                sqlx::query_as($sql)
                    .bind(ms(now))
                    .bind(ms(until))
                    .bind(owner)
                    .bind(i64::from(limit.min(MAX_ENDPOINTS)))
                    .fetch_all(&mut **$conn)
                    .await?
            };
        }
        // Most rounds find nothing: a reader sees that without the writer's lock.
        let mut tx = self.reading().await?;
        if limit == 0 || !due(&mut tx, now).await? {
            return Ok(Vec::new());
        }
        drop(tx);
        let mut tx = self.writing().await?;
        let rows: Vec<Row> = match &mut tx.engine {
            Engine::Sqlite(conn) => fetch!(sql!(""), conn),
            Engine::Postgres(conn) => fetch!(sql!(" for update of e skip locked"), conn),
        };
        let endpoints: Vec<Endpoint> = rows
            .into_iter()
            .map(Endpoint::try_from)
            .collect::<Result<_, _>>()?;
        tx.commit().await?;
        Ok(endpoints)
    }
}

async fn due(tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from (select 1 from webhook_endpoint e
        join event_head h on h.tenant_id = e.tenant_id
        where e.disabled_at is null and e.due_at <= $1
          and (h.position > e.position or exists (
            select 1 from webhook_parked p where p.tenant_id = e.tenant_id
              and p.endpoint_id = e.endpoint_id and p.due_at <= $1)) limit 1) found";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(ms(now))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}
