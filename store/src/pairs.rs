//! The pairs of network and OPCO system that have work: what a fair claimer goes round.

use domain::id::TenantId;
use domain::{Environment, Instance, Opco, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Store, Tx, on, run};

/// How long a pair without work is kept: longer than any accept statement runs, so that a pair is
/// never removed under one.
const IDLE_MS: i64 = 600_000;
/// How many pairs one pruning looks at.
const PRUNE_ROWS: i64 = 1_000;

/// A network with work for one system of an OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivePair {
    /// The network.
    pub tenant: TenantId,
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// When its next work is due.
    pub next_due: Timestamp,
}

/// Makes sure the pair is known.
pub(crate) async fn touch(
    tx: &mut Tx,
    tenant: TenantId,
    target: Instance,
    environment: Environment,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into active_pair (tenant_id, opco, instance, environment, touched_at)
        values ($1, $2, $3, $4, $5)
        on conflict (tenant_id, opco, instance, environment) do update set
            touched_at = excluded.touched_at
            where active_pair.touched_at < excluded.touched_at - 60000";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(target.opco.slug())
            .bind(i64::from(target.number))
            .bind(environment.as_str())
            .bind(ms(now))
    );
    Ok(())
}

impl Store {
    /// Returns every pair that has work, due now or later, each with its next instant.
    pub async fn active_pairs(&self) -> Result<Vec<ActivePair>, StoreError> {
        const SQL: &str = "select * from (
            select p.tenant_id, p.opco, p.instance, p.environment, (
                select d.due_at from delivery d
                where d.opco = p.opco and d.instance = p.instance
                  and d.environment = p.environment and d.tenant_id = p.tenant_id
                  and d.due_at is not null
                order by d.due_at limit 1) as next_due
            from active_pair p) as pair
            where next_due is not null
            order by tenant_id, opco, instance, environment";
        let mut tx = self.reading().await?;
        let rows: Vec<(Uuid, String, i64, String, i64)> =
            on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await?);
        rows.into_iter()
            .map(|(tenant, opco, instance, environment, next_due)| {
                let at = At {
                    table: "active_pair",
                    row: &tenant,
                };
                let opco: Opco = at.word("opco", &opco)?;
                Ok(ActivePair {
                    tenant: tenant.into(),
                    instance: Instance {
                        opco,
                        number: at.number("instance", instance)?,
                    },
                    environment: at.word("environment", &environment)?,
                    next_due: at.instant("next_due", next_due)?,
                })
            })
            .collect()
    }

    /// Forgets pairs that had no work for a while, and returns how many.
    pub async fn prune_pairs(&self, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "delete from active_pair
            where (tenant_id, opco, instance, environment) in (
                select p.tenant_id, p.opco, p.instance, p.environment from active_pair p
                where p.touched_at < $1 and not exists (
                    select 1 from delivery d
                    where d.tenant_id = p.tenant_id and d.opco = p.opco
                      and d.instance = p.instance and d.environment = p.environment
                      and d.status in ('queued', 'sending', 'waiting', 'held', 'unknown'))
                order by p.touched_at limit $2)
            and touched_at < $1";
        let mut tx = self.writing().await?;
        let done = run!(
            tx,
            sqlx::query(SQL).bind(ms(now) - IDLE_MS).bind(PRUNE_ROWS)
        );
        tx.commit().await?;
        Ok(done)
    }
}
