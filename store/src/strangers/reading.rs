//! Which strangers are read in full next, and what reading one told.

use domain::id::{DossierId, TenantId};
use domain::{Environment, Siret, Timestamp};
use uuid::Uuid;

use super::Prints;
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx, on, run};
use crate::read_jobs::{ReadBudget, ReadKey};
use crate::sealing::{Fingerprint, SealedSecret};

/// The most strangers of one claim.
const MAX_CLAIM: u32 = 1_000;

/// Strangers of one site that are due, in the hands of one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose, and where.
    pub key: ReadKey,
    /// Which.
    pub jobs: Vec<Job>,
}

/// One stranger to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: DossierId,
    /// The OPCO's technical number.
    pub numero_interne: String,
    /// How often in a row it could not be read.
    pub failures: u32,
}

/// What reading one told; nothing, when the OPCO shows no more of it than its line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What tells it from another.
    pub sealed: Option<SealedSecret>,
    /// What it is paired by.
    pub prints: Prints,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
}

impl Store {
    /// Takes due strangers for `owner` until `until`: of each system, up to its limit, all of one site,
    /// the one that has waited longest.
    pub async fn claim_strangers(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        budgets: &[ReadBudget],
    ) -> Result<Vec<Batch>, StoreError> {
        let mut tx = self.writing().await?;
        let mut batches = Vec::new();
        for budget in budgets.iter().filter(|budget| budget.limit > 0) {
            if let Some(key) = longest(&mut tx, budget, now).await? {
                let limit = budget.limit.min(MAX_CLAIM);
                let jobs = claim(&mut tx, &key, limit, (now, until, owner)).await?;
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
    const SQL: &str = "select tenant_id, siret_cfa from stranger
        where opco = $1 and instance = $2 and environment = $3
          and due_at <= $4 and due_at is not null
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
            table: "stranger",
            row: &siret,
        };
        let siret_cfa: Siret = at.word("siret_cfa", &siret)?;
        Ok(ReadKey {
            tenant: tenant.into(),
            siret_cfa,
            instance: budget.instance,
            environment: budget.environment,
        })
    })
    .transpose()
}

async fn claim(
    tx: &mut Tx,
    key: &ReadKey,
    limit: u32,
    (now, until, owner): (Timestamp, Timestamp, &str),
) -> Result<Vec<Job>, StoreError> {
    macro_rules! fetch {
        ($conn:expr, $lock:literal) => {
            sqlx::query_as(concat!(
                "update stranger set due_at = $2, lease_owner = $3
                 where (tenant_id, dossier_id) in (
                    select tenant_id, dossier_id from stranger
                    where tenant_id = $4 and siret_cfa = $5 and opco = $6 and instance = $7
                      and environment = $8 and due_at <= $1 and due_at is not null
                    order by due_at limit $9",
                $lock,
                ") returning dossier_id, numero_interne, failures"
            ))
            .bind(ms(now))
            .bind(ms(until))
            .bind(owner)
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
    let rows: Vec<(Uuid, String, i64)> = match &mut tx.engine {
        Engine::Sqlite(conn) => fetch!(conn, ""),
        Engine::Postgres(conn) => fetch!(conn, " for update skip locked"),
    };
    let mut jobs = Vec::with_capacity(rows.len());
    for (id, numero_interne, failures) in rows {
        let at = At {
            table: "stranger",
            row: &id,
        };
        jobs.push(Job {
            id: id.into(),
            numero_interne,
            failures: at.number("failures", failures)?,
        });
    }
    jobs.sort_by_key(|job| job.id);
    Ok(jobs)
}

/// Keeps what reading a stranger told: it is not read again. Returns whether this reader still held it
/// and it is told for the first time.
pub async fn found(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
    owner: &str,
    reading: &Reading,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update stranger set found_at = $4, sealed = $5, pairing = $6, match_2 = $7,
            match_3 = $8, numero_externe = coalesce($9, numero_externe),
            numero_deca = coalesce($10, numero_deca), due_at = null, lease_owner = null
        where tenant_id = $1 and dossier_id = $2 and lease_owner = $3 and found_at is null
          and fate = 'open' and not exists (
            select 1 from dossier d where d.tenant_id = stranger.tenant_id
              and d.environment = stranger.environment and d.opco = stranger.opco
              and d.instance = stranger.instance and d.numero_interne = stranger.numero_interne
              and d.numero_interne is not null)";
    let bytes = |print: Option<Fingerprint>| print.map(|print| print.0.to_vec());
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(owner)
            .bind(ms(now))
            .bind(reading.sealed.as_ref().map(|sealed| sealed.0.as_slice()))
            .bind(bytes(reading.prints.pairing))
            .bind(bytes(reading.prints.contract))
            .bind(bytes(reading.prints.person))
            .bind(reading.numero_externe.as_deref())
            .bind(reading.numero_deca.as_deref())
    );
    Ok(done > 0)
}

/// Has a stranger that could not be read now read later.
pub async fn later(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
    owner: &str,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update stranger set due_at = $4, lease_owner = null,
            failures = failures + 1
        where tenant_id = $1 and dossier_id = $2 and lease_owner = $3 and due_at is not null";
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

/// Returns whether a contract with this pairing key is on its way, its number not told yet.
pub async fn in_flight(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    pairing: Fingerprint,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from submission s
        join delivery d on d.tenant_id = s.tenant_id and d.delivery_id = s.delivery_id
        where s.tenant_id = $1 and s.environment = $2 and s.kind = 'dossier' and s.pairing = $3
          and s.active = 1 and s.pairing is not null and d.status in ('sending', 'unknown')";
    let count: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(pairing.0.to_vec())
        .fetch_one(conn)
        .await?);
    Ok(count > 0)
}
