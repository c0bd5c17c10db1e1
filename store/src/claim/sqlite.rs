//! Claiming on SQLite: in the writer's transaction nobody else claims.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::id::{DeliveryId, TenantId};
use sqlx::SqliteConnection;

use super::{Asked, ClaimRow, Lease};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx};
use crate::repeated::{self, Texts};

/// What the claim writes, for the row `$1`, `$2` that was `$3` with `$4` claims.
const TAKE: &str = "
    update delivery set status = 'sending', wait_reason = null, due_at = $6, lease_owner = $7,
        claims = $4 + 1, updated_at = $5,
        attempts = attempts + ($3 not in ('unknown', 'sending')),
        first_lost_at = coalesce(first_lost_at, iif($3 = 'sending', $5, null))
    where tenant_id = $1 and delivery_id = $2;
    insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
    values ($1, $2, $4 + 1, iif($3 in ('unknown', 'sending'), 'look', 'write'), $5)";

const WANTED: &str = concat!(
    "select ",
    claim_columns!(),
    " from (select * from delivery c
        where c.opco = $2 and c.instance = $3 and c.environment = $4 and c.tenant_id = $5 and",
    may_go!("="),
    "order by c.due_at, c.delivery_id limit $6) d",
    claim_joins!(),
    "order by d.due_at, d.delivery_id"
);

const NAMED: &str = concat!(
    "select ",
    claim_columns!(),
    " from (select * from delivery c where c.tenant_id = $2 and c.delivery_id = $3 and",
    may_go!("="),
    ") d",
    claim_joins!()
);

static TAKES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(TAKE, 7));
static NAMES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(NAMED, 3));

pub(super) async fn claim(
    tx: &mut Tx,
    lease: &Lease<'_>,
    asked: &Asked<'_>,
) -> Result<Vec<ClaimRow>, StoreError> {
    let mut taken = Vec::new();
    let Engine::Sqlite(conn) = &mut tx.engine else {
        return Ok(taken);
    };
    let conn: &mut SqliteConnection = conn;
    let mut room = asked.at_most();
    match asked {
        Asked::Wants(wants) => {
            for want in *wants {
                let limit = room.min(usize::try_from(want.limit).unwrap_or(room));
                let rows: Vec<ClaimRow> = sqlx::query_as(WANTED)
                    .bind(ms(lease.now))
                    .bind(want.instance.opco.slug())
                    .bind(i64::from(want.instance.number))
                    .bind(want.environment.as_str())
                    .bind(raw(want.tenant))
                    .bind(i64::try_from(limit).unwrap_or_default())
                    .fetch_all(&mut *conn)
                    .await?;
                room = room.saturating_sub(rows.len());
                take(&mut *conn, lease, &rows).await?;
                taken.extend(rows);
            }
        }
        Asked::Ids(ids) => {
            let mut seen = HashSet::with_capacity(ids.len());
            let names: Vec<&(TenantId, DeliveryId)> = ids
                .iter()
                .filter(|(_, id)| seen.insert(*id))
                .take(room)
                .collect();
            for (text, part) in repeated::parts(&NAMES, &names) {
                let mut query = sqlx::query_as(text);
                for (tenant, id) in part {
                    query = query.bind(ms(lease.now)).bind(raw(*tenant)).bind(raw(*id));
                }
                // Only the first of a lane may go, so that no two rows stand in each other's way.
                let rows: Vec<ClaimRow> = query.fetch_all(&mut *conn).await?;
                take(&mut *conn, lease, &rows).await?;
                taken.extend(rows);
            }
        }
    }
    Ok(taken)
}

async fn take(
    conn: &mut SqliteConnection,
    lease: &Lease<'_>,
    rows: &[ClaimRow],
) -> Result<(), StoreError> {
    for (text, part) in repeated::parts(&TAKES, rows) {
        let mut query = sqlx::query(text);
        for row in part {
            query = query
                .bind(row.delivery.tenant_id())
                .bind(row.delivery.delivery_id())
                .bind(row.delivery.status().to_owned())
                .bind(row.claims)
                .bind(ms(lease.now))
                .bind(ms(lease.until))
                .bind(lease.owner.to_owned());
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}
