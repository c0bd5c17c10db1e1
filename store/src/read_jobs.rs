//! The reads that keep dossiers fresh: one row for each site at each system, claimed under a lease
//! and a budget.

use domain::{Environment, Instance, Opco, Siret, TenantId, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::dossiers::Dossier;
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx, on, run};
use crate::settle::ReadPlan;

/// The most jobs of one claim for one system.
const MAX_JOBS: u32 = 1_000;

/// Which list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReadKey {
    /// Whose.
    pub tenant: TenantId,
    /// The site.
    pub siret_cfa: Siret,
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
}

/// A read that is due, in the hands of one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadJob {
    /// Which list.
    pub key: ReadKey,
    /// When it is due; in a claimed one, the lease's end.
    pub due_at: Timestamp,
    /// The usual interval, in milliseconds.
    pub interval_ms: u64,
    /// When it was last read.
    pub last_read_at: Option<Timestamp>,
    /// What the last read said, as a stable word.
    pub last_result: Option<String>,
    /// How often in a row it failed.
    pub failures: u32,
}

/// How much a reader may take at one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBudget {
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// How many lists at most.
    pub limit: u32,
}

/// What came of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadResult {
    /// What it said, as a stable word (`read`, `failed`, `released`).
    pub word: &'static str,
    /// Whether the list was read whole.
    pub read: bool,
    /// When to read it again.
    pub due_at: Timestamp,
    /// The usual interval from now on, in milliseconds.
    pub interval_ms: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    siret_cfa: String,
    opco: String,
    instance: i64,
    environment: String,
    due_at: i64,
    interval_ms: i64,
    last_read_at: Option<i64>,
    last_result: Option<String>,
    failures: i64,
}

macro_rules! columns {
    () => {
        "tenant_id, siret_cfa, opco, instance, environment, due_at, interval_ms, last_read_at,
         last_result, failures"
    };
}

impl TryFrom<Row> for ReadJob {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "read_job",
            row: &row.siret_cfa,
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            key: ReadKey {
                tenant: row.tenant_id.into(),
                siret_cfa: at.word("siret_cfa", &row.siret_cfa)?,
                instance: Instance {
                    opco,
                    number: at.number("instance", row.instance)?,
                },
                environment: at.word("environment", &row.environment)?,
            },
            due_at: at.instant("due_at", row.due_at)?,
            interval_ms: at.number("interval_ms", row.interval_ms)?,
            last_read_at: at.maybe_instant("last_read_at", row.last_read_at)?,
            last_result: row.last_result,
            failures: at.number("failures", row.failures)?,
        })
    }
}

/// Plans a read, unless an earlier one is planned; from then on it is made at least that often.
pub async fn schedule(tx: &mut Tx, key: &ReadKey, plan: ReadPlan) -> Result<(), StoreError> {
    const SQL: &str = "insert into read_job (tenant_id, siret_cfa, opco, instance, environment,
            due_at, interval_ms, failures)
        values ($1, $2, $3, $4, $5, $6, $7, 0)
        on conflict (tenant_id, siret_cfa, opco, instance, environment) do update set
            due_at = case when read_job.due_at < excluded.due_at
                then read_job.due_at else excluded.due_at end,
            interval_ms = case when read_job.interval_ms < excluded.interval_ms
                then read_job.interval_ms else excluded.interval_ms end
        where read_job.due_at > excluded.due_at or read_job.interval_ms > excluded.interval_ms";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(key.siret_cfa.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(key.environment.as_str())
            .bind(ms(plan.due_at))
            .bind(i64::try_from(plan.interval_ms).unwrap_or(i64::MAX))
    );
    Ok(())
}

/// Returns the job of a list.
pub async fn find(tx: &mut Tx, key: &ReadKey) -> Result<Option<ReadJob>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from read_job where tenant_id = $1 and siret_cfa = $2 and opco = $3 and instance = $4
          and environment = $5"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(key.tenant))
        .bind(key.siret_cfa.as_str())
        .bind(key.instance.opco.slug())
        .bind(i64::from(key.instance.number))
        .bind(key.environment.as_str())
        .fetch_optional(conn)
        .await?);
    row.map(ReadJob::try_from).transpose()
}

/// Returns when the list that shows a dossier is read next; nothing when no reading is planned. One that
/// is past is being made, or waits for its OPCO's limits.
pub async fn next(tx: &mut Tx, dossier: &Dossier) -> Result<Option<Timestamp>, StoreError> {
    let key = ReadKey {
        tenant: dossier.tenant,
        siret_cfa: dossier.siret_cfa,
        instance: dossier.instance,
        environment: dossier.environment,
    };
    Ok(find(tx, &key).await?.map(|job| job.due_at))
}

/// Returns the systems that have reads due, with how many.
pub async fn due(
    tx: &mut Tx,
    now: Timestamp,
) -> Result<Vec<(Instance, Environment, u64)>, StoreError> {
    const SQL: &str = "select opco, instance, environment, count(*) from read_job
        where due_at <= $1 group by opco, instance, environment
        order by opco, instance, environment";
    let rows: Vec<(String, i64, String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(ms(now))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(opco, number, environment, count)| {
            let at = At {
                table: "read_job",
                row: &opco,
            };
            let instance = Instance {
                opco: at.word("opco", &opco)?,
                number: at.number("instance", number)?,
            };
            Ok((
                instance,
                at.word("environment", &environment)?,
                at.number("count", count)?,
            ))
        })
        .collect()
}

/// Returns the lists that nobody reads although their site has a key: nothing was ever sent there.
pub async fn unread(tx: &mut Tx, limit: u32) -> Result<Vec<ReadKey>, StoreError> {
    const SQL: &str = "select k.tenant_id, k.siret_cfa, k.opco, k.instance, k.environment
        from cfa_key k where k.state = 'active' and not exists (
            select 1 from read_job j where j.tenant_id = k.tenant_id
              and j.siret_cfa = k.siret_cfa and j.opco = k.opco and j.instance = k.instance
              and j.environment = k.environment)
        order by k.tenant_id, k.siret_cfa, k.opco limit $1";
    let rows: Vec<(Uuid, String, String, i64, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(tenant, siret, opco, number, environment)| {
            let at = At {
                table: "cfa_key",
                row: &siret,
            };
            Ok(ReadKey {
                tenant: tenant.into(),
                siret_cfa: at.word("siret_cfa", &siret)?,
                instance: Instance {
                    opco: at.word("opco", &opco)?,
                    number: at.number("instance", number)?,
                },
                environment: at.word("environment", &environment)?,
            })
        })
        .collect()
}

/// Returns, for each system that lists dossiers of these sites, when the least fresh of its lists was
/// last read; nothing when one never was. A list that is read every `seldom_ms` or less often is of a
/// site that sent nothing, and makes nothing less fresh.
pub async fn freshness(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    sites: Option<&[Siret]>,
    seldom_ms: u64,
) -> Result<Vec<(Instance, Option<Timestamp>)>, StoreError> {
    const SQL: &str = "select opco, instance, min(coalesce(last_read_at, -1)) from read_job
        where tenant_id = $1 and environment = $2
          and ($3 is null or $3 like '%' || siret_cfa || '%') and interval_ms < $4
        group by opco, instance order by opco, instance";
    let sites = sites.map(|sites| {
        let sites: Vec<&str> = sites.iter().map(Siret::as_str).collect();
        sites.join(",")
    });
    let rows: Vec<(String, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(&sites)
        .bind(i64::try_from(seldom_ms).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(opco, number, read_at)| {
            let at = At {
                table: "read_job",
                row: &opco,
            };
            let instance = Instance {
                opco: at.word("opco", &opco)?,
                number: at.number("instance", number)?,
            };
            let read_at = (read_at >= 0).then_some(read_at);
            Ok((instance, at.maybe_instant("last_read_at", read_at)?))
        })
        .collect()
}

/// Keeps what came of a read. Returns whether the reader still held it; otherwise nothing changed.
///
/// A contract delivered during the read asks for an earlier one: that plan stands.
pub async fn settle(
    tx: &mut Tx,
    job: &ReadJob,
    owner: &str,
    result: ReadResult,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update read_job set
            due_at = case when due_at < $12 and due_at < $7 then due_at
                when interval_ms < $13 and $11 + interval_ms < $7 then $11 + interval_ms
                else $7 end,
            interval_ms = case when (due_at < $12 or interval_ms < $13) and interval_ms < $8
                then interval_ms else $8 end,
            last_result = $9,
            last_read_at = case when $10 then $11 else last_read_at end,
            failures = case when $10 then 0 else failures + 1 end, lease_owner = null
        where tenant_id = $1 and siret_cfa = $2 and opco = $3 and instance = $4
          and environment = $5 and lease_owner = $6";
    let key = &job.key;
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(key.siret_cfa.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(key.environment.as_str())
            .bind(owner)
            .bind(ms(result.due_at))
            .bind(i64::try_from(result.interval_ms).unwrap_or(i64::MAX))
            .bind(result.word)
            .bind(result.read)
            .bind(ms(now))
            .bind(ms(job.due_at))
            .bind(i64::try_from(job.interval_ms).unwrap_or(i64::MAX))
    );
    Ok(done > 0)
}

impl Store {
    /// Takes due reads for `owner` until `until`, within the budget of each system. A read whose
    /// lease ran out is simply due again: reading twice does no harm.
    pub async fn claim_reads(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        budgets: &[ReadBudget],
    ) -> Result<Vec<ReadJob>, StoreError> {
        macro_rules! sql {
            ($lock:literal) => {
                concat!(
                    "update read_job set due_at = $2, lease_owner = $3
                     where (tenant_id, siret_cfa, opco, instance, environment) in (
                        select tenant_id, siret_cfa, opco, instance, environment from read_job
                        where opco = $4 and instance = $5 and environment = $6 and due_at <= $1
                        order by due_at limit $7",
                    $lock,
                    ") returning ",
                    columns!()
                )
            };
        }
        let mut tx = self.writing().await?;
        let mut jobs: Vec<ReadJob> = Vec::new();
        for budget in budgets.iter().filter(|budget| budget.limit > 0) {
            macro_rules! fetch {
                ($sql:expr, $conn:expr) => {
                    sqlx::query_as($sql)
                        .bind(ms(now))
                        .bind(ms(until))
                        .bind(owner)
                        .bind(budget.instance.opco.slug())
                        .bind(i64::from(budget.instance.number))
                        .bind(budget.environment.as_str())
                        .bind(i64::from(budget.limit.min(MAX_JOBS)))
                        .fetch_all(&mut **$conn)
                        .await?
                };
            }
            let rows: Vec<Row> = match &mut tx.engine {
                Engine::Sqlite(conn) => fetch!(sql!(""), conn),
                Engine::Postgres(conn) => fetch!(sql!(" for update skip locked"), conn),
            };
            for row in rows {
                jobs.push(row.try_into()?);
            }
        }
        tx.commit().await?;
        Ok(jobs)
    }
}
