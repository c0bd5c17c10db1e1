//! The daily report: which days were told, and what was still open when one ended.

use domain::id::{CredentialId, TenantId};
use domain::{Environment, Siret, Status, Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use crate::column::{At, first_id_of, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// What of a site's deliveries stands at one place for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The site.
    pub siret_cfa: Siret,
    /// Where.
    pub status: Status,
    /// Why, by its stable word.
    pub reason: Option<String>,
    /// How many.
    pub count: u64,
}

/// Counts what was accepted before an instant and has not ended, by site, status and reason.
pub async fn open(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    before: Timestamp,
) -> Result<Vec<Open>, StoreError> {
    const SQL: &str = "select siret_cfa, status, coalesce(hold_reason, wait_reason), count(*)
        from delivery
        where tenant_id is not distinct from $1
          and status in ('queued', 'sending', 'waiting', 'held', 'unknown')
          and environment = $2 and delivery_id < $3
        group by 1, 2, 3 order by 1, 2, 3";
    let rows: Vec<(String, String, Option<String>, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(first_id_of(before))
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "delivery",
        row: &"open",
    };
    let read = |(site, status, reason, count): (String, String, Option<String>, i64)| {
        Ok(Open {
            siret_cfa: at.word("siret_cfa", &site)?,
            status: at.word("status", &status)?,
            reason,
            count: at.number("count", count)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// What of a sender's payloads of a span stands at one place for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The site they are of.
    pub siret_cfa: Siret,
    /// The credential that handed them in.
    pub credential: CredentialId,
    /// What people call it.
    pub label: String,
    /// Where they stand now.
    pub status: Status,
    /// Why, by its stable word.
    pub reason: Option<String>,
    /// How many.
    pub count: u64,
}

/// Counts what each credential handed in between two instants, by site and by where it stands now.
pub async fn sent(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Sent>, StoreError> {
    type Row = (String, Uuid, String, String, Option<String>, i64);
    const SQL: &str = "select d.siret_cfa, s.credential_id, c.label, d.status,
            coalesce(d.hold_reason, d.wait_reason), count(*)
        from submission s
        join delivery d on d.tenant_id = s.tenant_id and d.delivery_id = s.delivery_id
        join credential c on c.tenant_id = s.tenant_id and c.credential_id = s.credential_id
        where s.tenant_id = $1 and s.delivery_id >= $2 and s.delivery_id < $3
          and s.environment = $4
        group by 1, 2, 3, 4, 5 order by 1, 3, 2, 4, 5";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(first_id_of(from))
        .bind(first_id_of(to))
        .bind(environment.as_str())
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "delivery",
        row: &"sent",
    };
    let read = |(site, credential, label, status, reason, count): Row| {
        Ok(Sent {
            siret_cfa: at.word("siret_cfa", &site)?,
            credential: credential.into(),
            label,
            status: at.word("status", &status)?,
            reason,
            count: at.number("count", count)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Returns whether a day was told.
pub async fn is_told(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    day: Date,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from daily_report
        where tenant_id = $1 and environment = $2 and day = $3";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(day.to_string())
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Keeps that a day is told. Returns whether it was not told before: only then may the caller tell it, in
/// the same transaction.
pub async fn tell(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    day: Date,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "insert into daily_report (tenant_id, environment, day, told_at)
        values ($1, $2, $3, $4) on conflict do nothing";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(environment.as_str())
            .bind(day.to_string())
            .bind(ms(now))
    );
    Ok(done > 0)
}
