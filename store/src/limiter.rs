//! Who may send to a system when no Redis shares its limit: one holder at a time, at the full
//! local limit, the others wait. And until when a system asked not to be called at all.

use domain::{Environment, Instance, Timestamp};

use crate::column::{At, ms};
use crate::error::StoreError;
use crate::pool::{Store, on, run};

impl Store {
    /// Takes or renews the right to send to a system until `until`, and returns whether `holder`
    /// has it now.
    pub async fn acquire_limit(
        &self,
        instance: Instance,
        environment: Environment,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "insert into limiter_lease (opco, instance, environment, holder,
                lease_until)
            values ($1, $2, $3, $4, $5)
            on conflict (opco, instance, environment) do update set holder = excluded.holder,
                lease_until = excluded.lease_until
            where limiter_lease.holder = excluded.holder or limiter_lease.lease_until <= $6";
        let mut tx = self.writing().await?;
        let done = run!(
            tx,
            sqlx::query(SQL)
                .bind(instance.opco.slug())
                .bind(i64::from(instance.number))
                .bind(environment.as_str())
                .bind(holder)
                .bind(ms(until))
                .bind(ms(now))
        );
        tx.commit().await?;
        Ok(done > 0)
    }

    /// Returns whether nobody but `holder` may be sending to a system under a lease.
    pub async fn limit_is_free(
        &self,
        instance: Instance,
        environment: Environment,
        holder: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "select count(*) from limiter_lease
            where opco = $1 and instance = $2 and environment = $3 and holder <> $4
              and lease_until > $5";
        let mut tx = self.reading().await?;
        let others: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(instance.opco.slug())
            .bind(i64::from(instance.number))
            .bind(environment.as_str())
            .bind(holder)
            .bind(ms(now))
            .fetch_one(conn)
            .await?);
        Ok(others == 0)
    }

    /// Notes until when a system asked not to be called, unless it asked for longer before.
    pub async fn silence(
        &self,
        instance: Instance,
        environment: Environment,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "insert into limiter_silence (opco, instance, environment, silent_until)
            values ($1, $2, $3, $4)
            on conflict (opco, instance, environment) do update set
                silent_until = excluded.silent_until
            where limiter_silence.silent_until < excluded.silent_until";
        let mut tx = self.writing().await?;
        run!(
            tx,
            sqlx::query(SQL)
                .bind(instance.opco.slug())
                .bind(i64::from(instance.number))
                .bind(environment.as_str())
                .bind(ms(until))
        );
        tx.commit().await
    }

    /// Returns the systems that asked not to be called yet, each with its instant.
    pub async fn silences(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(Instance, Environment, Timestamp)>, StoreError> {
        const SQL: &str = "select opco, instance, environment, silent_until from limiter_silence
            where silent_until > $1 order by opco, instance, environment";
        let mut tx = self.reading().await?;
        let rows: Vec<(String, i64, String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
            .bind(ms(now))
            .fetch_all(conn)
            .await?);
        rows.into_iter()
            .map(|(opco, instance, environment, until)| {
                let at = At {
                    table: "limiter_silence",
                    row: &opco,
                };
                let instance = Instance {
                    opco: at.word("opco", &opco)?,
                    number: at.number("instance", instance)?,
                };
                let environment = at.word("environment", &environment)?;
                Ok((instance, environment, at.instant("silent_until", until)?))
            })
            .collect()
    }

    /// Gives every right to send back that `holder` has: at its stop, so that others need not wait.
    pub async fn release_limits(&self, holder: &str) -> Result<(), StoreError> {
        const SQL: &str = "delete from limiter_lease where holder = $1";
        let mut tx = self.writing().await?;
        run!(tx, sqlx::query(SQL).bind(holder));
        tx.commit().await
    }
}
