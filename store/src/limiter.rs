//! Who may send to a system when no Redis shares its limit: one holder at a time, at the full
//! local limit, the others wait.

use domain::{Instance, Timestamp};

use crate::column::ms;
use crate::error::StoreError;
use crate::pool::{Store, run};

impl Store {
    /// Takes or renews the right to send to a system until `until`, and returns whether `holder`
    /// has it now.
    pub async fn acquire_limit(
        &self,
        instance: Instance,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "insert into limiter_lease (opco, instance, holder, lease_until)
            values ($1, $2, $3, $4)
            on conflict (opco, instance) do update set holder = excluded.holder,
                lease_until = excluded.lease_until
            where limiter_lease.holder = excluded.holder or limiter_lease.lease_until <= $5";
        let mut tx = self.writing().await?;
        let done = run!(
            tx,
            sqlx::query(SQL)
                .bind(instance.opco.slug())
                .bind(i64::from(instance.number))
                .bind(holder)
                .bind(ms(until))
                .bind(ms(now))
        );
        tx.commit().await?;
        Ok(done > 0)
    }

    /// Gives the right to send back, if `holder` has it.
    pub async fn release_limit(&self, instance: Instance, holder: &str) -> Result<(), StoreError> {
        const SQL: &str = "delete from limiter_lease
            where opco = $1 and instance = $2 and holder = $3";
        let mut tx = self.writing().await?;
        run!(
            tx,
            sqlx::query(SQL)
                .bind(instance.opco.slug())
                .bind(i64::from(instance.number))
                .bind(holder)
        );
        tx.commit().await
    }
}
