//! Handing due deliveries to one deliverer only, under a lease.
//!
//! The claim writes the attempt and its event before anything is sent: a delivery whose lease ran
//! out may have been sent, and is handed out again as one to look for.

use domain::id::{DeliveryId, EventId, TenantId};
use domain::{Environment, Instance, Status, Timestamp};
use sqlx::{PgConnection, SqliteConnection};

use crate::column::{At, ms};
use crate::deliveries::{Delivery, DeliveryRow};
use crate::error::StoreError;
use crate::pool::{Pools, Store};
use crate::sealing::SealedPayload;

/// The most deliveries one claim hands out.
pub const MAX_CLAIM: usize = 1_024;
/// How often a claim is tried again after it lost a race for a lane.
const MAX_TRIES: u32 = 5;

/// How many deliveries a claimer has room for, for one network at one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The network.
    pub tenant: TenantId,
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// How many at most.
    pub limit: u32,
}

/// What a claimer has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// It surely was not taken: write.
    Queued,
    /// It may have been taken: look first.
    Unknown,
}

/// A delivery in the hands of one deliverer until the lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery as it is now: `sending`, with this attempt counted when it is a write.
    pub delivery: Delivery,
    /// Whether to write or to look.
    pub was: Was,
    /// Who holds it.
    pub owner: String,
    /// The number of this attempt: with the owner, the fence every settlement must show.
    pub number: i64,
    /// The payload.
    pub sealed: SealedPayload,
    /// The findings that did not stop it, as a JSON array.
    pub warnings_json: String,
    /// The caller's trace.
    pub traceparent: Option<String>,
}

/// The delivery before the claim, with what the deliverer needs.
#[derive(sqlx::FromRow)]
struct ClaimRow {
    #[sqlx(flatten)]
    delivery: DeliveryRow,
    claims: i64,
    body: Vec<u8>,
    nir: Option<Vec<u8>>,
    body_key: Vec<u8>,
    nir_key: Option<Vec<u8>>,
    warnings: String,
    traceparent: Option<String>,
}

/// What is the same for every delivery of one claim.
struct Lease<'a> {
    now: Timestamp,
    until: Timestamp,
    owner: &'a str,
}

/// The columns of [`ClaimRow`], of `d` (delivery), `p` (payload), `k` (`object_key`), `s`
/// (submission).
macro_rules! claim_columns {
    () => {
        "d.tenant_id, d.delivery_id, d.environment, d.kind, d.status, d.wait_reason, d.hold_reason,
         d.due_at, d.lane, d.opco, d.instance, d.siret_cfa, d.siret_employeur, d.version,
         d.attempts, d.looks, d.first_lost_at, d.numero_interne, d.numero_externe, d.numero_deca,
         d.fault, d.created_at, d.updated_at, d.finished_at, d.claims, p.body, p.nir, k.body_key,
         k.nir_key, s.warnings, s.traceparent"
    };
}

macro_rules! claim_joins {
    () => {
        " join payload p on p.tenant_id = d.tenant_id and p.delivery_id = d.delivery_id
          join object_key k on k.tenant_id = d.tenant_id and k.object_id = d.delivery_id
          join submission s on s.tenant_id = d.tenant_id and s.delivery_id = d.delivery_id "
    };
}

/// What makes a delivery `c` the one its lane may send now: due, the first of its lane that has
/// not ended, and no other of the lane in flight.
macro_rules! may_go {
    () => {
        " c.due_at <= $1 and c.due_at is not null and c.opco is not null
          and c.status in ('queued', 'sending', 'waiting', 'unknown')
          and not exists (
            select 1 from delivery e
            where e.tenant_id = c.tenant_id and e.lane = c.lane
              and e.status in ('queued', 'sending', 'waiting', 'held', 'unknown')
              and (e.delivery_id < c.delivery_id
                   or (e.status = 'sending' and e.delivery_id <> c.delivery_id))) "
    };
}

impl Store {
    /// Takes due deliveries for `owner` until `until`: for each want at most its limit, at most
    /// one of a lane, never one that another claimer holds.
    ///
    /// Hands out what is queued, what waited until now, what is to be looked for now, and what
    /// another deliverer held past its lease (as [`Was::Unknown`]).
    pub async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        wants: &[Want],
    ) -> Result<Vec<Claimed>, StoreError> {
        let lease = Lease { now, until, owner };
        self.claiming(&lease, &Asked::Wants(wants)).await
    }

    /// The same for deliveries handed over in memory: those named that may go now.
    pub async fn claim_ids(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        ids: &[(TenantId, DeliveryId)],
    ) -> Result<Vec<Claimed>, StoreError> {
        let lease = Lease { now, until, owner };
        self.claiming(&lease, &Asked::Ids(ids)).await
    }

    async fn claiming(
        &self,
        lease: &Lease<'_>,
        asked: &Asked<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        if asked.at_most() == 0 {
            return Ok(Vec::new());
        }
        for _ in 1..MAX_TRIES {
            match self.claim_once(lease, asked).await {
                // Another claimer took the same lane in the same instant: its row shows now.
                Err(StoreError::Conflict(_)) => {}
                Err(error) if error.is_lost_race() => {}
                done => return done,
            }
        }
        self.claim_once(lease, asked).await
    }

    async fn claim_once(
        &self,
        lease: &Lease<'_>,
        asked: &Asked<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let rows = match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let mut tx = writer.begin_with("begin immediate").await?;
                let rows = on_sqlite(&mut tx, lease, asked).await?;
                tx.commit().await?;
                rows
            }
            // A statement alone is its own transaction.
            Pools::Postgres(pool) => on_postgres(&mut *pool.acquire().await?, lease, asked).await?,
        };
        rows.into_iter()
            .map(|row| row.into_claimed(lease))
            .collect()
    }
}

/// What a claimer asked for.
enum Asked<'a> {
    Wants(&'a [Want]),
    Ids(&'a [(TenantId, DeliveryId)]),
}

impl Asked<'_> {
    fn at_most(&self) -> usize {
        let asked = match self {
            Self::Wants(wants) => wants
                .iter()
                .map(|want| usize::try_from(want.limit).unwrap_or(MAX_CLAIM))
                .fold(0, usize::saturating_add),
            Self::Ids(ids) => ids.len(),
        };
        asked.min(MAX_CLAIM)
    }
}

impl ClaimRow {
    fn into_claimed(self, lease: &Lease<'_>) -> Result<Claimed, StoreError> {
        let mut delivery = Delivery::try_from(self.delivery)?;
        let was = match delivery.standing.status {
            Status::Unknown | Status::Sending => Was::Unknown,
            _ => Was::Queued,
        };
        match was {
            Was::Queued => delivery.attempts = delivery.attempts.saturating_add(1),
            Was::Unknown => {
                delivery.first_lost_at = delivery.first_lost_at.or(Some(lease.now));
            }
        }
        delivery.standing = crate::deliveries::Standing {
            due_at: Some(lease.until),
            ..crate::deliveries::Standing::ended(Status::Sending)
        };
        delivery.updated_at = lease.now;
        Ok(Claimed {
            delivery,
            was,
            owner: lease.owner.to_owned(),
            number: self.claims + 1,
            sealed: SealedPayload {
                body: self.body,
                body_key: self.body_key,
                nir: self.nir,
                nir_key: self.nir_key,
            },
            warnings_json: self.warnings,
            traceparent: self.traceparent,
        })
    }
}

/// What the claim writes, for the row `$1`, `$2` that was `$3` with `$4` claims.
const TAKE_ON_SQLITE: &str = "
    update delivery set status = 'sending', wait_reason = null, due_at = $6, lease_owner = $7,
        claims = $4 + 1, updated_at = $5,
        attempts = attempts + ($3 not in ('unknown', 'sending')),
        first_lost_at = coalesce(first_lost_at, iif($3 in ('unknown', 'sending'), $5, null))
    where tenant_id = $1 and delivery_id = $2;
    insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
    values ($1, $2, $4 + 1, iif($3 in ('unknown', 'sending'), 'look', 'write'), $5);
    insert into event (tenant_id, delivery_id, event_id, at, kind, actor, data)
    values ($1, $2, $8, $5, 'attempt.opened', 'gateway',
        '{\"attempt\":' || ($4 + 1) || ',\"purpose\":\"'
            || iif($3 in ('unknown', 'sending'), 'look', 'write') || '\"}')";

async fn on_sqlite(
    conn: &mut SqliteConnection,
    lease: &Lease<'_>,
    asked: &Asked<'_>,
) -> Result<Vec<ClaimRow>, StoreError> {
    const WANTED: &str = concat!(
        "select ",
        claim_columns!(),
        " from (select * from delivery c
            where c.opco = $2 and c.instance = $3 and c.environment = $4 and c.tenant_id = $5 and",
        may_go!(),
        "order by c.due_at, c.delivery_id limit $6) d",
        claim_joins!(),
        "order by d.due_at, d.delivery_id"
    );
    const NAMED: &str = concat!(
        "select ",
        claim_columns!(),
        " from (select * from delivery c where c.tenant_id = $2 and c.delivery_id = $3 and",
        may_go!(),
        ") d",
        claim_joins!()
    );
    let mut taken = Vec::new();
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
                    .bind(want.tenant.to_string())
                    .bind(i64::try_from(limit).unwrap_or_default())
                    .fetch_all(&mut *conn)
                    .await?;
                room = room.saturating_sub(rows.len());
                take_on_sqlite(conn, lease, rows, &mut taken).await?;
            }
        }
        Asked::Ids(ids) => {
            for (tenant, id) in ids.iter().take(room) {
                let rows: Vec<ClaimRow> = sqlx::query_as(NAMED)
                    .bind(ms(lease.now))
                    .bind(tenant.to_string())
                    .bind(id.to_string())
                    .fetch_all(&mut *conn)
                    .await?;
                take_on_sqlite(conn, lease, rows, &mut taken).await?;
            }
        }
    }
    Ok(taken)
}

async fn take_on_sqlite(
    conn: &mut SqliteConnection,
    lease: &Lease<'_>,
    rows: Vec<ClaimRow>,
    taken: &mut Vec<ClaimRow>,
) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(TAKE_ON_SQLITE)
            .bind(row.delivery.tenant_id())
            .bind(row.delivery.delivery_id())
            .bind(row.delivery.status())
            .bind(row.claims)
            .bind(ms(lease.now))
            .bind(ms(lease.until))
            .bind(lease.owner)
            .bind(EventId::new(lease.now).to_string())
            .execute(&mut *conn)
            .await?;
        taken.push(row);
    }
    Ok(())
}

/// The claim on PostgreSQL, in one statement: `$1` now, `$2` the lease's end, `$3` the owner, `$4`
/// as many event names as rows may be taken. The part that differs picks `c` rows and locks them.
macro_rules! claim_on_postgres {
    ($picked:expr) => {
        concat!(
            "with picked as materialized (",
            $picked,
            "), numbered as (
                select tenant_id, delivery_id, status in ('unknown', 'sending') as looks_first,
                    row_number() over (order by delivery_id) as n
                from picked
            ), taken as (
                update delivery d set status = 'sending', wait_reason = null, due_at = $2,
                    lease_owner = $3, claims = d.claims + 1, updated_at = $1,
                    attempts = d.attempts + case when n.looks_first then 0 else 1 end,
                    first_lost_at = coalesce(d.first_lost_at,
                        case when n.looks_first then $1 end)
                from numbered n
                where d.tenant_id = n.tenant_id and d.delivery_id = n.delivery_id
                returning d.tenant_id, d.delivery_id, d.claims,
                    case when n.looks_first then 'look' else 'write' end as purpose, n.n
            ), opened as (
                insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
                select tenant_id, delivery_id, claims, purpose, $1 from taken
            ), told as (
                insert into event (tenant_id, delivery_id, event_id, at, kind, actor, data)
                select tenant_id, delivery_id, ($4::text[])[n], $1, 'attempt.opened', 'gateway',
                    '{\"attempt\":' || claims || ',\"purpose\":\"' || purpose || '\"}'
                from taken
            )
            select ",
            claim_columns!(),
            " from picked d",
            claim_joins!(),
            "order by d.due_at, d.delivery_id"
        )
    };
}

async fn on_postgres(
    conn: &mut PgConnection,
    lease: &Lease<'_>,
    asked: &Asked<'_>,
) -> Result<Vec<ClaimRow>, StoreError> {
    const WANTED: &str = claim_on_postgres!(concat!(
        "select picks.* from unnest($5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[])
            as w (tenant_id, opco, instance, environment, room)
         cross join lateral (
            select c.* from delivery c
            where c.opco = w.opco and c.instance = w.instance
              and c.environment = w.environment and c.tenant_id = w.tenant_id and",
        may_go!(),
        "order by c.due_at, c.delivery_id limit w.room for update skip locked) picks limit $10"
    ));
    const NAMED: &str = claim_on_postgres!(concat!(
        "select c.* from delivery c
         join unnest($5::text[], $6::text[]) as w (tenant_id, delivery_id)
            on c.tenant_id = w.tenant_id and c.delivery_id = w.delivery_id
         where",
        may_go!(),
        "for update of c skip locked"
    ));
    let at_most = asked.at_most();
    let events: Vec<String> = (0..at_most)
        .map(|_| EventId::new(lease.now).to_string())
        .collect();
    let sql = match asked {
        Asked::Wants(_) => WANTED,
        Asked::Ids(_) => NAMED,
    };
    let query = sqlx::query_as(sql)
        .bind(ms(lease.now))
        .bind(ms(lease.until))
        .bind(lease.owner)
        .bind(events);
    let query = match asked {
        Asked::Wants(wants) => query
            .bind(
                wants
                    .iter()
                    .map(|want| want.tenant.to_string())
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| want.instance.opco.slug())
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| i64::from(want.instance.number))
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| want.environment.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| i64::from(want.limit))
                    .collect::<Vec<_>>(),
            )
            .bind(i64::try_from(at_most).unwrap_or_default()),
        Asked::Ids(ids) => {
            let ids = ids.get(..at_most).unwrap_or(ids);
            query
                .bind(
                    ids.iter()
                        .map(|(tenant, _)| tenant.to_string())
                        .collect::<Vec<_>>(),
                )
                .bind(ids.iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>())
        }
    };
    Ok(query.fetch_all(conn).await?)
}

impl Claimed {
    /// Returns where the delivery goes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the row has no operator, which the claim rules out.
    pub fn target(&self) -> Result<Instance, StoreError> {
        let id = self.delivery.id.to_string();
        self.delivery.target().ok_or_else(|| {
            At {
                table: "delivery",
                row: &id,
            }
            .corrupt("opco")
        })
    }
}
