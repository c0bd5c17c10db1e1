//! Lanes: one dossier, one payload at a time, in the order of acceptance.

use std::sync::{LazyLock, Mutex, PoisonError};

use domain::Timestamp;
use domain::id::TenantId;
use uuid::Uuid;

use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx};
use crate::repeated::{self, Texts};
use crate::sealing::Fingerprint;

/// How many waiting payloads one sweep looks at.
const SWEEP_ROWS: i64 = 5_000;

/// Where the last sweep stopped: sweeps go round, so that each costs the same.
#[derive(Debug, Default)]
pub(crate) struct SweepCursor(Mutex<(Uuid, Uuid)>);

/// Makes due the head of one lane, if it was waiting for its predecessor.
const WAKE: &str = "update delivery
    set status = 'queued', wait_reason = null, due_at = $3, updated_at = $3
    where tenant_id = $1 and status = 'waiting' and wait_reason = 'predecessor'
      and delivery_id = (
        select h.delivery_id from delivery h
        where h.tenant_id = $1 and h.lane = $2
          and h.status in ('queued', 'sending', 'waiting', 'held', 'unknown')
        order by h.delivery_id limit 1)";

static WAKES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(WAKE, 3));

/// The same for many lanes at once.
const WAKE_ALL: &str = "
    with heads as materialized (
        select h.tenant_id, h.delivery_id
        from (select distinct tenant_id, lane
              from unnest($1::uuid[], $2::bytea[]) as given (tenant_id, lane)) l
        cross join lateral (
            select d.tenant_id, d.delivery_id, d.wait_reason from delivery d
            where d.lane = l.lane and d.tenant_id is not distinct from l.tenant_id
              and d.status in ('queued', 'sending', 'waiting', 'held', 'unknown')
            order by d.delivery_id limit 1) h
        where h.wait_reason = 'predecessor'
    )
    update delivery d
    set status = 'queued', wait_reason = null, due_at = $3, updated_at = $3
    from heads h
    where d.tenant_id = h.tenant_id and d.delivery_id = h.delivery_id
      and d.status = 'waiting' and d.wait_reason = 'predecessor'";

/// Makes due whatever waited for the payloads that just ended in these lanes.
pub(crate) async fn wake(
    tx: &mut Tx,
    lanes: &[(TenantId, Fingerprint)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    match &mut tx.engine {
        Engine::Postgres(conn) => {
            let tenants: Vec<Uuid> = lanes.iter().map(|(tenant, _)| raw(*tenant)).collect();
            let prints: Vec<&[u8]> = lanes.iter().map(|(_, lane)| lane.0.as_slice()).collect();
            let done = sqlx::query(WAKE_ALL)
                .bind(tenants)
                .bind(prints)
                .bind(ms(now))
                .execute(&mut **conn)
                .await?;
            Ok(done.rows_affected())
        }
        Engine::Sqlite(conn) => {
            let mut woken = 0;
            for (text, part) in repeated::parts(&WAKES, lanes) {
                let mut query = sqlx::query(text);
                for (tenant, lane) in part {
                    query = query
                        .bind(raw(*tenant))
                        .bind(lane.0.as_slice())
                        .bind(ms(now));
                }
                woken += query.execute(&mut **conn).await?.rows_affected();
            }
            Ok(woken)
        }
    }
}

impl Store {
    /// Wakes lanes whose head waits for a predecessor that is gone, and returns how many.
    ///
    /// Settling wakes lanes at once; this is the net for a predecessor that ended in the very
    /// instant its successor was accepted. One call looks at a bounded number of waiting
    /// payloads and goes on from there the next time.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        const NEXT: &str = "select tenant_id, delivery_id, lane from delivery
            where wait_reason = 'predecessor' and (tenant_id, delivery_id) > ($1, $2)
            order by tenant_id, delivery_id limit $3";
        let (tenant, id) = self.swept.get();
        let mut tx = self.writing().await?;
        let rows: Vec<(Uuid, Uuid, Vec<u8>)> = crate::pool::on!(tx, |conn| sqlx::query_as(NEXT)
            .bind(tenant)
            .bind(id)
            .bind(SWEEP_ROWS)
            .fetch_all(conn)
            .await?);
        let full = i64::try_from(rows.len()).is_ok_and(|len| len == SWEEP_ROWS);
        let reached = rows
            .last()
            .filter(|_| full)
            .map(|(tenant, id, _)| (*tenant, *id));
        let mut lanes = Vec::with_capacity(rows.len());
        for (tenant, id, lane) in &rows {
            let at = crate::column::At {
                table: "delivery",
                row: id,
            };
            lanes.push(((*tenant).into(), at.fingerprint("lane", lane)?));
        }
        lanes.sort_unstable();
        lanes.dedup();
        let woken = if lanes.is_empty() {
            0
        } else {
            wake(&mut tx, &lanes, now).await?
        };
        tx.commit().await?;
        self.swept.set(reached.unwrap_or_default());
        Ok(woken)
    }
}

impl SweepCursor {
    fn get(&self) -> (Uuid, Uuid) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, reached: (Uuid, Uuid)) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reached;
    }
}
