//! Every call to an OPCO for a delivery: opened by the claim, closed by the settlement.

use domain::{DeliveryId, Fault, NormVersion, TenantId, Timestamp};

use crate::column::{At, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on};

/// The most attempts of one delivery that are read.
pub const MAX_ATTEMPTS: u32 = 1_000;

/// One call to an OPCO.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its number among the delivery's, from 1.
    pub number: u32,
    /// What it was for, as a stable word: `write` or `look`.
    pub purpose: String,
    /// When it went on record, before the call.
    pub opened_at: Timestamp,
    /// When its outcome was kept; absent while under way, or when its process died.
    pub closed_at: Option<Timestamp>,
    /// The outcome, as a stable word.
    pub outcome: Option<String>,
    /// The OPCO's HTTP status, when it answered.
    pub http_status: Option<u16>,
    /// How long the exchange took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The failure, masked.
    pub fault: Option<Fault>,
    /// The version of the norm.
    pub version: Option<NormVersion>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    purpose: String,
    opened_at: i64,
    closed_at: Option<i64>,
    outcome: Option<String>,
    http_status: Option<i64>,
    duration_ms: Option<i64>,
    fault: Option<String>,
    version: Option<String>,
    trace_id: Option<String>,
}

/// Returns the attempts of one delivery, in order.
pub async fn of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<Attempt>, StoreError> {
    const SQL: &str = "select number, purpose, opened_at, closed_at, outcome, http_status,
            duration_ms, fault, version, trace_id
        from attempt where tenant_id = $1 and delivery_id = $2 order by number limit $3";
    let delivery = raw(delivery);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(delivery)
        .bind(i64::from(MAX_ATTEMPTS))
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "attempt",
        row: &delivery,
    };
    rows.into_iter().map(|row| attempt(at, row)).collect()
}

fn attempt(at: At<'_>, row: Row) -> Result<Attempt, StoreError> {
    let http_status = row
        .http_status
        .map(|status| at.number("http_status", status));
    let duration_ms = row.duration_ms.map(|ms| at.number("duration_ms", ms));
    Ok(Attempt {
        number: at.number("number", row.number)?,
        purpose: row.purpose,
        opened_at: at.instant("opened_at", row.opened_at)?,
        closed_at: at.maybe_instant("closed_at", row.closed_at)?,
        outcome: row.outcome,
        http_status: http_status.transpose()?,
        duration_ms: duration_ms.transpose()?,
        fault: at.json("fault", row.fault.as_deref())?,
        version: at.maybe_word("version", row.version.as_deref())?,
        trace_id: row.trace_id,
    })
}
