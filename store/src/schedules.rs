//! The schedules of dossiers: which are read next, and every reading that told something new.
//!
//! A reading is sealed by whoever read it: this module keeps bytes and instants.

use domain::id::{DossierId, SnapshotId, TenantId};
use domain::{Environment, Instance, Siret, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::dossiers::{self, Dossier};
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx, on, run};
use crate::read_jobs::{ReadBudget, ReadKey};
use crate::sealing::SealedSecret;

/// The most dossiers of one claim.
const MAX_CLAIM: u32 = 1_000;

/// Dossiers of one site whose schedules are due, in the hands of one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose, and where.
    pub key: ReadKey,
    /// Which.
    pub jobs: Vec<ScheduleJob>,
}

/// One schedule to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleJob {
    /// The dossier.
    pub dossier: Dossier,
    /// When the lease ends.
    pub until: Timestamp,
    /// When it was last read.
    pub read_at: Option<Timestamp>,
    /// How often in a row it could not be read.
    pub failures: u32,
}

/// Where the reading of a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// When it is read next.
    pub due_at: Timestamp,
    /// When it was last read.
    pub read_at: Option<Timestamp>,
    /// What the last read said, as a stable word.
    pub last_result: Option<String>,
}

/// A reading that told something new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, by which it was sealed.
    pub id: SnapshotId,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen unchanged.
    pub last_seen_at: Timestamp,
    /// The reading; absent once shredded.
    pub sealed: Option<SealedSecret>,
}

/// What came of reading one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What it said, as a stable word.
    pub word: &'static str,
    /// Whether it was read.
    pub read: bool,
    /// When to read it again.
    pub due_at: Timestamp,
}

/// The word under which a reading is sealed.
pub const PART: &str = "echeancier";

/// Plans the first reading of every dossier of a site that its OPCO has committed to.
pub async fn enlist(tx: &mut Tx, key: &ReadKey, now: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "insert into schedule (tenant_id, dossier_id, environment, opco, instance,
            siret_cfa, due_at, failures)
        select d.tenant_id, d.dossier_id, d.environment, d.opco, d.instance, d.siret_cfa, $6, 0
        from dossier d
        where d.tenant_id = $1 and d.environment = $2 and d.opco = $3 and d.instance = $4
          and d.siret_cfa = $5 and d.numero_interne is not null
          and d.etat in ('ENGAGE', 'RUPTURE', 'SOLDE')
          and not exists (select 1 from schedule s
            where s.tenant_id = d.tenant_id and s.dossier_id = d.dossier_id)
        on conflict do nothing";
    Ok(run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(key.environment.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(key.siret_cfa.as_str())
            .bind(ms(now))
    ))
}

/// Has the schedule of a dossier read by an instant, or sooner where that was planned.
pub async fn hurry(tx: &mut Tx, dossier: &Dossier, by: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "insert into schedule (tenant_id, dossier_id, environment, opco, instance,
            siret_cfa, due_at, failures)
        values ($1, $2, $3, $4, $5, $6, $7, 0)
        on conflict (tenant_id, dossier_id) do update set due_at = excluded.due_at
        where schedule.due_at > excluded.due_at";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(dossier.tenant))
            .bind(raw(dossier.id))
            .bind(dossier.environment.as_str())
            .bind(dossier.instance.opco.slug())
            .bind(i64::from(dossier.instance.number))
            .bind(dossier.siret_cfa.as_str())
            .bind(ms(by))
    );
    Ok(())
}

/// Returns where the reading of a dossier's schedule stands.
pub async fn plan(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<Option<Plan>, StoreError> {
    type Row = (i64, Option<i64>, Option<String>);
    const SQL: &str = "select due_at, read_at, last_result from schedule
        where tenant_id = $1 and dossier_id = $2";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .fetch_optional(conn)
        .await?);
    let at = At {
        table: "schedule",
        row: &dossier,
    };
    row.map(|(due_at, read_at, last_result)| {
        Ok(Plan {
            due_at: at.instant("due_at", due_at)?,
            read_at: at.maybe_instant("read_at", read_at)?,
            last_result,
        })
    })
    .transpose()
}

type SnapshotRow = (Uuid, i64, i64, Option<Vec<u8>>);

fn snapshot(
    (id, first, last, sealed): SnapshotRow,
    dossier: DossierId,
) -> Result<Snapshot, StoreError> {
    let at = At {
        table: "schedule_snapshot",
        row: &dossier,
    };
    Ok(Snapshot {
        id: id.into(),
        first_seen_at: at.instant("first_seen_at", first)?,
        last_seen_at: at.instant("last_seen_at", last)?,
        sealed: sealed.map(SealedSecret),
    })
}

/// Returns the last reading of a dossier's schedule.
pub async fn current(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<Option<Snapshot>, StoreError> {
    const SQL: &str = "select p.snapshot_id, p.first_seen_at, p.last_seen_at, p.sealed
        from schedule s
        join schedule_snapshot p on p.tenant_id = s.tenant_id and p.dossier_id = s.dossier_id
          and p.snapshot_id = s.snapshot_id
        where s.tenant_id = $1 and s.dossier_id = $2";
    let row: Option<SnapshotRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .fetch_optional(conn)
        .await?);
    row.map(|row| snapshot(row, dossier)).transpose()
}

/// Returns one reading of a dossier's schedule.
pub async fn reading(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
    id: SnapshotId,
) -> Result<Option<Snapshot>, StoreError> {
    const SQL: &str = "select snapshot_id, first_seen_at, last_seen_at, sealed
        from schedule_snapshot
        where tenant_id = $1 and dossier_id = $2 and snapshot_id = $3";
    let row: Option<SnapshotRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(|row| snapshot(row, dossier)).transpose()
}

/// Returns the last reading of each dossier of a site at one system, by dossier, after one of them.
pub async fn current_of_site(
    tx: &mut Tx,
    key: &ReadKey,
    after: Option<DossierId>,
    limit: u32,
) -> Result<Vec<(DossierId, Snapshot)>, StoreError> {
    type Row = (Uuid, Uuid, i64, i64, Option<Vec<u8>>);
    const SQL: &str =
        "select s.dossier_id, p.snapshot_id, p.first_seen_at, p.last_seen_at, p.sealed
        from schedule s
        join schedule_snapshot p on p.tenant_id = s.tenant_id and p.dossier_id = s.dossier_id
          and p.snapshot_id = s.snapshot_id
        where s.tenant_id = $1 and s.siret_cfa = $2 and s.opco = $3 and s.instance = $4
          and s.environment = $5 and s.dossier_id > $6
        order by s.dossier_id limit $7";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(key.tenant))
        .bind(key.siret_cfa.as_str())
        .bind(key.instance.opco.slug())
        .bind(i64::from(key.instance.number))
        .bind(key.environment.as_str())
        .bind(after.map(raw).unwrap_or_default())
        .bind(i64::from(limit.clamp(1, MAX_CLAIM)))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(dossier, id, first, last, sealed)| {
            let dossier = dossier.into();
            Ok((dossier, snapshot((id, first, last, sealed), dossier)?))
        })
        .collect()
}

/// Returns every reading that told something new, the oldest first.
pub async fn snapshots(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<Vec<Snapshot>, StoreError> {
    const SQL: &str = "select snapshot_id, first_seen_at, last_seen_at, sealed
        from schedule_snapshot where tenant_id = $1 and dossier_id = $2 order by snapshot_id";
    let rows: Vec<SnapshotRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(|row| snapshot(row, dossier)).collect()
}

/// Keeps a reading that told something new; it is the current one from now on.
pub async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
    (id, sealed): (SnapshotId, &SealedSecret),
    now: Timestamp,
) -> Result<(), StoreError> {
    const INSERT: &str = "insert into schedule_snapshot (tenant_id, dossier_id, snapshot_id,
            first_seen_at, last_seen_at, sealed)
        values ($1, $2, $3, $4, $4, $5)";
    const CURRENT: &str = "update schedule set snapshot_id = $3
        where tenant_id = $1 and dossier_id = $2";
    let (tenant, dossier) = (raw(tenant), raw(dossier));
    run!(
        tx,
        sqlx::query(INSERT)
            .bind(tenant)
            .bind(dossier)
            .bind(raw(id))
            .bind(ms(now))
            .bind(sealed.0.as_slice())
    );
    run!(
        tx,
        sqlx::query(CURRENT)
            .bind(tenant)
            .bind(dossier)
            .bind(raw(id))
    );
    Ok(())
}

/// Says that the current reading was seen again, unchanged.
pub async fn seen_again(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
    id: SnapshotId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update schedule_snapshot set last_seen_at = $4
        where tenant_id = $1 and dossier_id = $2 and snapshot_id = $3";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(dossier))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(())
}

/// Ends the reading of one schedule. Returns whether the reader still held it.
///
/// A reading that was asked for meanwhile stays planned.
pub async fn settle(
    tx: &mut Tx,
    job: &ScheduleJob,
    owner: &str,
    told: &Told,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update schedule set
            due_at = case when due_at < $4 and due_at < $5 then due_at else $5 end,
            last_result = $6, lease_owner = null,
            read_at = case when $7 then $8 else read_at end,
            failures = case when $7 then 0 else failures + 1 end
        where tenant_id = $1 and dossier_id = $2 and lease_owner = $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(job.dossier.tenant))
            .bind(raw(job.dossier.id))
            .bind(owner)
            .bind(ms(job.until))
            .bind(ms(told.due_at))
            .bind(told.word)
            .bind(told.read)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Has a schedule that is known already read at once: its dossier is no longer what it was.
pub(crate) async fn moved(
    tx: &mut Tx,
    tenant: Uuid,
    dossier: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update schedule set due_at = $3
        where tenant_id = $1 and dossier_id = $2 and due_at > $3";
    run!(
        tx,
        sqlx::query(SQL).bind(tenant).bind(dossier).bind(ms(now))
    );
    Ok(())
}

/// What one claim asks for.
struct Asked<'a> {
    now: Timestamp,
    until: Timestamp,
    owner: &'a str,
}

impl Store {
    /// Takes due schedules for `owner` until `until`: of each system, up to its limit of dossiers, all
    /// of one site, the one that has waited longest. Reading twice does no harm.
    pub async fn claim_schedules(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        budgets: &[ReadBudget],
    ) -> Result<Vec<Batch>, StoreError> {
        let asked = Asked { now, until, owner };
        let mut tx = self.writing().await?;
        let mut batches = Vec::new();
        for budget in budgets.iter().filter(|budget| budget.limit > 0) {
            if let Some(key) = longest(&mut tx, budget, now).await? {
                let jobs = claim(&mut tx, &key, budget.limit.min(MAX_CLAIM), &asked).await?;
                if !jobs.is_empty() {
                    batches.push(Batch { key, jobs });
                }
            }
        }
        tx.commit().await?;
        Ok(batches)
    }
}

/// Returns the site that has waited longest at a system.
async fn longest(
    tx: &mut Tx,
    budget: &ReadBudget,
    now: Timestamp,
) -> Result<Option<ReadKey>, StoreError> {
    const SQL: &str = "select tenant_id, siret_cfa from schedule
        where opco = $1 and instance = $2 and environment = $3 and due_at <= $4
        order by due_at limit 1";
    let row: Option<(Uuid, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(budget.instance.opco.slug())
        .bind(i64::from(budget.instance.number))
        .bind(budget.environment.as_str())
        .bind(ms(now))
        .fetch_optional(conn)
        .await?);
    row.map(|(tenant, siret)| {
        let at = At {
            table: "schedule",
            row: &siret,
        };
        let siret_cfa: Siret = at.word("siret_cfa", &siret)?;
        Ok(key(
            tenant.into(),
            siret_cfa,
            budget.instance,
            budget.environment,
        ))
    })
    .transpose()
}

fn key(
    tenant: TenantId,
    siret_cfa: Siret,
    instance: Instance,
    environment: Environment,
) -> ReadKey {
    ReadKey {
        tenant,
        siret_cfa,
        instance,
        environment,
    }
}

async fn claim(
    tx: &mut Tx,
    key: &ReadKey,
    limit: u32,
    asked: &Asked<'_>,
) -> Result<Vec<ScheduleJob>, StoreError> {
    macro_rules! sql {
        ($lock:literal) => {
            concat!(
                "update schedule set due_at = $2, lease_owner = $3
                 where (tenant_id, dossier_id) in (
                    select tenant_id, dossier_id from schedule
                    where tenant_id = $4 and siret_cfa = $5 and opco = $6 and instance = $7
                      and environment = $8 and due_at <= $1
                    order by due_at limit $9",
                $lock,
                ") returning dossier_id, read_at, failures"
            )
        };
    }
    macro_rules! fetch {
        ($sql:expr, $conn:expr) => {
            sqlx::query_as($sql)
                .bind(ms(asked.now))
                .bind(ms(asked.until))
                .bind(asked.owner)
                .bind(raw(key.tenant))
                .bind(key.siret_cfa.as_str())
                .bind(key.instance.opco.slug())
                .bind(i64::from(key.instance.number))
                .bind(key.environment.as_str())
                .bind(i64::from(limit))
                .fetch_all(&mut **$conn)
                .await?
        };
    }
    let rows: Vec<(Uuid, Option<i64>, i64)> = match &mut tx.engine {
        Engine::Sqlite(conn) => fetch!(sql!(""), conn),
        Engine::Postgres(conn) => fetch!(sql!(" for update skip locked"), conn),
    };
    let mut jobs = Vec::with_capacity(rows.len());
    for (id, read_at, failures) in rows {
        if let Some(dossier) = dossiers::find(tx, key.tenant, id.into()).await? {
            let at = At {
                table: "schedule",
                row: &id,
            };
            jobs.push(ScheduleJob {
                dossier,
                until: asked.until,
                read_at: at.maybe_instant("read_at", read_at)?,
                failures: at.number("failures", failures)?,
            });
        }
    }
    jobs.sort_by_key(|job| job.dossier.id);
    Ok(jobs)
}
