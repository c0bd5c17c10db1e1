//! What each site of a network has going on, counted for all of them at once.

use std::collections::BTreeMap;

use domain::id::TenantId;
use domain::{Environment, Siret, Timestamp};

use crate::column::{At, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on};

/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Counts the dossiers of each site that are neither refused, cancelled nor settled.
pub async fn live_dossiers(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
) -> Result<BTreeMap<Siret, u64>, StoreError> {
    // The words of the index `dossier_live`, which answers alone.
    const SQL: &str = "select siret_cfa, count(*) from dossier
        where tenant_id = $1 and environment = $2
          and (etat is null or etat not in ('REFUSE', 'ANNULE', 'SOLDE'))
        group by siret_cfa";
    let rows: Vec<(String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(siret, count)| {
            let at = At {
                table: "dossier",
                row: &siret,
            };
            Ok((at.word("siret_cfa", &siret)?, at.number("count", count)?))
        })
        .collect()
}

/// Returns the hour in which each site last handed something in, or an OPCO took something of it, as far back
/// as hours are counted.
pub async fn last_active(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
) -> Result<BTreeMap<Siret, Timestamp>, StoreError> {
    // Two look-ups at the end of a key for each site, however much was counted.
    const SQL: &str = "select s.siret,
            (select max(p.hour) from pulse p where p.tenant_id = s.tenant_id
                and p.environment = $2 and p.subject = s.siret and p.word = 'sent'),
            (select max(p.hour) from pulse p where p.tenant_id = s.tenant_id
                and p.environment = $2 and p.subject = s.siret and p.word = 'delivered')
        from site s where s.tenant_id = $1";
    let rows: Vec<(String, Option<i64>, Option<i64>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .fetch_all(conn)
        .await?);
    let mut found = BTreeMap::new();
    for (siret, sent, taken) in rows {
        let at = At {
            table: "pulse",
            row: &siret,
        };
        if let Some(hour) = sent.max(taken) {
            let hour = at.instant("hour", hour.saturating_mul(HOUR_MS))?;
            found.insert(at.word("subject", &siret)?, hour);
        }
    }
    Ok(found)
}
