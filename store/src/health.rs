//! How the OPCOs answered a network lately, and what waits for each of them.

use domain::id::TenantId;
use domain::{Environment, Instance, Opco, Siret, Timestamp};

use crate::column::{At, first_id_of, ms, raw};
use crate::dossiers::joined;
use crate::error::StoreError;
use crate::pool::{Tx, on};

/// The most calls of one answer: the latest.
const MAX_CALLS: i64 = 20_000;

/// Whose deliveries are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The network.
    pub tenant: TenantId,
    /// Which world.
    pub environment: Environment,
    /// Only these sites.
    pub sites: Option<Vec<Siret>>,
}

/// One call to an OPCO that came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Whom.
    pub opco: Opco,
    /// The OPCO's HTTP status, when it answered.
    pub http_status: Option<u16>,
    /// Whether it ended without an answer that could be read. The status of an answer that took what was
    /// sent is not kept.
    pub unanswered: bool,
    /// How long the exchange took, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// What waits for one OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Whom.
    pub opco: Opco,
    /// How many deliveries.
    pub count: u64,
    /// When the oldest of them was accepted.
    pub oldest: Timestamp,
}

/// The columns of a [`Call`].
type CallRow = (String, Option<i64>, bool, Option<i64>);

/// Returns the calls since an instant for what was accepted since then: the latest twenty thousand. A
/// call for something older is not among them; the names of deliveries follow time, and calls have no
/// index of their own.
pub async fn calls(tx: &mut Tx, whose: &Whose, since: Timestamp) -> Result<Vec<Call>, StoreError> {
    const SQL: &str = "select d.opco, a.http_status,
            a.http_status is null and a.outcome in ('failed', 'lost', 'could_not_tell'),
            a.duration_ms
        from delivery d
          join attempt a on a.tenant_id = d.tenant_id and a.delivery_id = d.delivery_id
        where d.tenant_id = $1 and d.delivery_id >= $2 and d.environment = $3
          and d.opco is not null and ($4 is null or $4 like '%' || d.siret_cfa || '%')
          and a.closed_at is not null and a.opened_at >= $5 and a.outcome <> 'held'
        order by d.delivery_id desc limit $6";
    let rows: Vec<CallRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(whose.tenant))
        .bind(first_id_of(since))
        .bind(whose.environment.as_str())
        .bind(whose.sites.as_deref().map(joined))
        .bind(ms(since))
        .bind(MAX_CALLS)
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "attempt",
        row: &"calls",
    };
    let call = |(opco, status, unanswered, duration): CallRow| {
        let status = status.map(|status| at.number("http_status", status));
        let duration = duration.map(|duration| at.number("duration_ms", duration));
        Ok(Call {
            opco: at.word("opco", &opco)?,
            http_status: status.transpose()?,
            unanswered,
            duration_ms: duration.transpose()?,
        })
    };
    rows.into_iter().map(call).collect()
}

/// Counts what is on its way to each OPCO and not there yet, by the index of what is on its way.
pub async fn backlog(tx: &mut Tx, whose: &Whose) -> Result<Vec<Backlog>, StoreError> {
    const SQL: &str = "select opco, count(*), min(created_at) from delivery
        where tenant_id is not distinct from $1
          and status in ('queued', 'sending', 'waiting', 'held', 'unknown')
          and environment = $2 and opco is not null
          and ($3 is null or $3 like '%' || siret_cfa || '%')
        group by opco order by opco";
    let rows: Vec<(String, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(whose.tenant))
        .bind(whose.environment.as_str())
        .bind(whose.sites.as_deref().map(joined))
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "delivery",
        row: &"backlog",
    };
    let one = |(opco, count, oldest): (String, i64, i64)| {
        Ok(Backlog {
            opco: at.word("opco", &opco)?,
            count: at.number("count", count)?,
            oldest: at.instant("created_at", oldest)?,
        })
    };
    rows.into_iter().map(one).collect()
}

/// The oldest thing that should have left for a system of an OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// Which system.
    pub instance: Instance,
    /// Since when it should have.
    pub since: Timestamp,
}

/// Returns since when something should have left for each system. What waits for a person, for another
/// payload or for a day is not late; what was tried is late since the first try, the rest since the gateway
/// last could not act.
pub async fn overdue(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
) -> Result<Vec<Overdue>, StoreError> {
    const SQL: &str = "select opco, instance, min(coalesce((
            select min(a.opened_at) from attempt a
            where a.tenant_id = d.tenant_id and a.delivery_id = d.delivery_id), d.updated_at))
        from delivery d
        where tenant_id is not distinct from $1
          and status in ('queued', 'sending', 'waiting', 'held', 'unknown') and status <> 'held'
          and environment = $2 and opco is not null
          and (wait_reason is null or wait_reason in ('retry', 'limit', 'breaker'))
        group by opco, instance";
    let rows: Vec<(String, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "delivery",
        row: &"overdue",
    };
    let one = |(opco, number, since): (String, i64, i64)| {
        Ok(Overdue {
            instance: Instance {
                opco: at.word("opco", &opco)?,
                number: at.number("instance", number)?,
            },
            since: at.instant("updated_at", since)?,
        })
    };
    rows.into_iter().map(one).collect()
}
