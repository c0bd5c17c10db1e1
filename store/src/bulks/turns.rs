//! The turns of an act upon many: one replica at a time gives them, under a lease.

use domain::Timestamp;
use domain::bulk::{Fate, Obstacle};
use domain::id::{BulkId, DeliveryId, TenantId};

use super::{Bulk, Row, columns};
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx, on, run};

/// An act upon many in one replica's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Which.
    pub bulk: Bulk,
    /// When its next turn was due.
    pub due_at: Timestamp,
}

/// The turn of one delivery, as whoever has the lease writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whose network.
    pub tenant: TenantId,
    /// Of which act.
    pub bulk: BulkId,
    /// Which turn.
    pub place: u32,
    /// Who has the lease.
    pub owner: String,
}

/// Writes what became of the delivery whose turn it is: nothing in its way, or this. Returns whether it
/// was written; it is not when the act was stopped, when somebody else has it in hand, or when that turn
/// has passed. Whatever is done in the same transaction must then be undone.
pub async fn reach(
    tx: &mut Tx,
    turn: &Turn,
    obstacle: Option<Obstacle>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // The row of the act is locked until the commit: to stop it waits for this turn.
    const BULK: &str = "update bulk set done = done + $5, skipped = skipped + $6,
            failed = failed + $7
        where tenant_id = $1 and bulk_id = $2 and state = 'running' and lease_owner = $3
          and done + skipped + failed = $4 - 1";
    const ITEM: &str = "update bulk_item set fate = $4, obstacle = $5, at = $6
        where tenant_id = $1 and bulk_id = $2 and place = $3";
    let fate = obstacle.map_or(Fate::Done, Obstacle::fate);
    let one = |of: Fate| i64::from(fate == of);
    let held = run!(
        tx,
        sqlx::query(BULK)
            .bind(raw(turn.tenant))
            .bind(raw(turn.bulk))
            .bind(&turn.owner)
            .bind(i64::from(turn.place))
            .bind(one(Fate::Done))
            .bind(one(Fate::Skipped))
            .bind(one(Fate::Failed))
    );
    if held == 0 {
        return Ok(false);
    }
    run!(
        tx,
        sqlx::query(ITEM)
            .bind(raw(turn.tenant))
            .bind(raw(turn.bulk))
            .bind(i64::from(turn.place))
            .bind(fate.as_str())
            .bind(obstacle.map(Obstacle::as_str))
            .bind(ms(now))
    );
    Ok(true)
}

/// Returns whether another act upon many was done to a delivery since an instant.
pub async fn reached_by_another(
    tx: &mut Tx,
    turn: &Turn,
    delivery: DeliveryId,
    since: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from bulk_item
        where delivery_id = $2 and tenant_id is not distinct from $1 and bulk_id <> $3
          and fate = 'done' and at >= $4";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(turn.tenant))
        .bind(raw(delivery))
        .bind(raw(turn.bulk))
        .bind(ms(since))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Lays one aside until its next turn is due. Nothing happens when somebody else has it in hand.
pub async fn rest(
    tx: &mut Tx,
    (tenant, id): (TenantId, BulkId),
    owner: &str,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update bulk set due_at = $4, lease_owner = null
        where tenant_id = $1 and bulk_id = $2 and lease_owner = $3 and state = 'running'";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(owner)
            .bind(ms(due_at))
    );
    Ok(())
}

/// Ends one whose deliveries all had their turn. Returns whether it was still in hand.
pub async fn end(
    tx: &mut Tx,
    (tenant, id): (TenantId, BulkId),
    owner: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update bulk set state = 'ended', due_at = null, lease_owner = null,
            ended_at = $4
        where tenant_id = $1 and bulk_id = $2 and lease_owner = $3 and state = 'running'
          and done + skipped + failed >= total";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(owner)
            .bind(ms(now))
    );
    Ok(done > 0)
}

impl Store {
    /// Takes the acts upon many whose next turn is due, for `owner` until `until`. One whose lease ran
    /// out is due again: it goes on where the last written turn left it.
    pub async fn claim_bulks(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        limit: u32,
    ) -> Result<Vec<Leased>, StoreError> {
        const DUE: &str = "select count(*) from bulk where due_at <= $1 and due_at is not null";
        macro_rules! sql {
            ($lock:literal) => {
                concat!(
                    "select ",
                    columns!(),
                    " from bulk where due_at <= $1 and due_at is not null
                     order by due_at limit $2",
                    $lock
                )
            };
        }
        const TAKE: &str = "update bulk set due_at = $3, lease_owner = $4
            where tenant_id = $1 and bulk_id = $2";
        // Mostly there is none, and a look takes no lock.
        let mut tx = self.reading().await?;
        let due: i64 = on!(tx, |conn| sqlx::query_scalar(DUE)
            .bind(ms(now))
            .fetch_one(conn)
            .await?);
        drop(tx);
        if due == 0 {
            return Ok(Vec::new());
        }
        let mut tx = self.writing().await?;
        let limit = i64::from(limit);
        let rows: Vec<Row> = match &mut tx.engine {
            Engine::Sqlite(conn) => {
                let query = sqlx::query_as(sql!("")).bind(ms(now)).bind(limit);
                query.fetch_all(&mut **conn).await?
            }
            Engine::Postgres(conn) => {
                let query = sqlx::query_as(sql!(" for update skip locked"));
                let query = query.bind(ms(now)).bind(limit);
                query.fetch_all(&mut **conn).await?
            }
        };
        let mut taken = Vec::with_capacity(rows.len());
        for row in rows {
            let due = row.due_at.unwrap_or_else(|| ms(now));
            let at = At {
                table: "bulk",
                row: &"due",
            };
            let due_at = at.instant("due_at", due)?;
            let bulk = Bulk::try_from(row)?;
            run!(
                tx,
                sqlx::query(TAKE)
                    .bind(raw(bulk.tenant))
                    .bind(raw(bulk.id))
                    .bind(ms(until))
                    .bind(owner)
            );
            taken.push(Leased { bulk, due_at });
        }
        tx.commit().await?;
        Ok(taken)
    }
}
