//! How many payloads a site, or a whole network, may hand in: a person of the network's word.

use std::collections::BTreeMap;

use domain::id::TenantId;
use domain::{Environment, Siret, Timestamp};

use crate::column::{At, first_id_of, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// One ceiling. It holds in each world apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// Whose.
    pub tenant: TenantId,
    /// The site; the whole network when absent.
    pub site: Option<Siret>,
    /// How many in a minute; as many as one likes when absent.
    pub per_minute: Option<u32>,
    /// How many in a day of France; as many as one likes when absent.
    pub per_day: Option<u32>,
    /// Who said so.
    pub author: String,
    /// When.
    pub updated_at: Timestamp,
}

/// The site a row is about; none for the whole network.
fn column(site: Option<&Siret>) -> &str {
    site.map_or("", Siret::as_str)
}

/// Sets a ceiling; one that bounds nothing is taken away.
pub async fn put(tx: &mut Tx, given: &Ceiling) -> Result<(), StoreError> {
    const REMOVE: &str = "delete from ceiling where tenant_id = $1 and siret_cfa = $2";
    const PUT: &str = "insert into ceiling
            (tenant_id, siret_cfa, per_minute, per_day, author, updated_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, siret_cfa) do update set per_minute = excluded.per_minute,
            per_day = excluded.per_day, author = excluded.author, updated_at = excluded.updated_at";
    let site = column(given.site.as_ref());
    if given.per_minute.is_none() && given.per_day.is_none() {
        run!(tx, sqlx::query(REMOVE).bind(raw(given.tenant)).bind(site));
        return Ok(());
    }
    run!(
        tx,
        sqlx::query(PUT)
            .bind(raw(given.tenant))
            .bind(site)
            .bind(given.per_minute.map(i64::from))
            .bind(given.per_day.map(i64::from))
            .bind(&given.author)
            .bind(ms(given.updated_at))
    );
    Ok(())
}

type Row = (String, Option<i64>, Option<i64>, String, i64);

fn read(tenant: TenantId, row: Row) -> Result<Ceiling, StoreError> {
    let (siret, per_minute, per_day, author, updated_at) = row;
    let at = At {
        table: "ceiling",
        row: &siret,
    };
    let number = |name, value: Option<i64>| value.map(|value| at.number(name, value)).transpose();
    Ok(Ceiling {
        tenant,
        site: match siret.as_str() {
            "" => None,
            siret => Some(at.word("siret_cfa", siret)?),
        },
        per_minute: number("per_minute", per_minute)?,
        per_day: number("per_day", per_day)?,
        author,
        updated_at: at.instant("updated_at", updated_at)?,
    })
}

/// Returns the ceiling of a site, or of the whole network.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    site: Option<&Siret>,
) -> Result<Option<Ceiling>, StoreError> {
    const SQL: &str = "select siret_cfa, per_minute, per_day, author, updated_at from ceiling
        where tenant_id = $1 and siret_cfa = $2";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(column(site))
        .fetch_optional(conn)
        .await?);
    row.map(|row| read(tenant, row)).transpose()
}

/// Lists the ceilings of a network, its own first.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Ceiling>, StoreError> {
    const SQL: &str = "select siret_cfa, per_minute, per_day, author, updated_at from ceiling
        where tenant_id = $1 order by siret_cfa";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(|row| read(tenant, row)).collect()
}

/// Counts what a site, or a whole network, has handed in since an instant; at most one more than `most`.
pub async fn accepted(
    tx: &mut Tx,
    (tenant, environment): (TenantId, Environment),
    site: Option<&Siret>,
    since: Timestamp,
    most: u32,
) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from (select 1 as one from delivery
        where tenant_id = $1 and delivery_id >= $2 and environment = $3
          and ($4 = '' or siret_cfa = $4) limit $5) as found";
    let count: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(first_id_of(since))
        .bind(environment.as_str())
        .bind(column(site))
        .bind(i64::from(most).saturating_add(1))
        .fetch_one(conn)
        .await?);
    let at = At {
        table: "delivery",
        row: &"count",
    };
    at.number("count", count)
}

/// Counts what each site has handed in since an instant.
pub async fn accepted_by_site(
    tx: &mut Tx,
    (tenant, environment): (TenantId, Environment),
    since: Timestamp,
) -> Result<BTreeMap<Siret, u64>, StoreError> {
    const SQL: &str = "select siret_cfa, count(*) from delivery
        where tenant_id = $1 and delivery_id >= $2 and environment = $3 group by siret_cfa";
    let rows: Vec<(String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(first_id_of(since))
        .bind(environment.as_str())
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(siret, count)| {
            let at = At {
                table: "delivery",
                row: &siret,
            };
            Ok((at.word("siret_cfa", &siret)?, at.number("count", count)?))
        })
        .collect()
}
