//! What a delivery was judged to be, kept and read by those who judge again.

use std::collections::HashSet;

use domain::{DeliveryId, Environment, HoldReason, Instance, TenantId};

use uuid::Uuid;

use super::query::MAX_PAGE;
use super::{COLUMNS, Delivery, DeliveryRow};
use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Store, Tx, on, run};

/// How many numbers one statement asks about.
const NUMBERS: usize = 200;

/// Keeps a new routing answer and new findings, both as JSON.
pub async fn set_judgement(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
    route_json: &str,
    warnings_json: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "update submission set route = $3, warnings = $4
        where tenant_id = $1 and delivery_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(route_json)
            .bind(warnings_json)
    );
    Ok(())
}

/// Returns deliveries of every network that are held for one reason, after a given one, oldest
/// first: for whoever mends the cause for all of them, a page at a time.
pub async fn held(
    tx: &mut Tx,
    reason: HoldReason,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    // The words of the index: SQLite uses it only for the same condition.
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery where status = 'held' and hold_reason = $1 and delivery_id > $2
          and status in ('held', 'dead', 'rejected')
        order by delivery_id limit $3"
    );
    let rows: Vec<DeliveryRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(reason.as_str())
        .bind(after.map(raw).unwrap_or_default())
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Delivery::try_from).collect()
}

impl Store {
    /// Returns which of an OPCO's numbers belong to dossiers that other deliveries brought. One that no
    /// delivery brought may be what is looked for.
    pub async fn known_numbers(
        &self,
        delivery: &Delivery,
        instance: Instance,
        numbers: &[&str],
    ) -> Result<HashSet<String>, StoreError> {
        let mut tx = self.reading().await?;
        let (tenant, world) = (delivery.tenant, delivery.environment);
        known_to(
            &mut tx,
            (tenant, Some(delivery.id)),
            instance,
            world,
            numbers,
        )
        .await
    }
}

/// Returns which of an OPCO's numbers belong to dossiers this network already has.
pub(crate) async fn known_in(
    tx: &mut Tx,
    tenant: TenantId,
    instance: Instance,
    environment: Environment,
    numbers: &[&str],
) -> Result<HashSet<String>, StoreError> {
    known_to(tx, (tenant, None), instance, environment, numbers).await
}

async fn known_to(
    tx: &mut Tx,
    (tenant, looking): (TenantId, Option<DeliveryId>),
    instance: Instance,
    environment: Environment,
    numbers: &[&str],
) -> Result<HashSet<String>, StoreError> {
    const SQL: &str = "select numero_interne from dossier
        where tenant_id = $1 and environment = $2 and opco = $3 and instance = $4
          and numero_interne in (select value from json_each($5))
          and ($6 is null or (delivery_id <> $6 and delivery_id <> $7))";
    const ON_POSTGRES: &str = "select numero_interne from dossier
        where tenant_id = $1 and environment = $2 and opco = $3 and instance = $4
          and numero_interne in (select json_array_elements_text($5::json))
          and ($6::uuid is null or (delivery_id <> $6 and delivery_id <> $7))";
    let mut known = HashSet::with_capacity(numbers.len());
    for part in numbers.chunks(NUMBERS) {
        let list = serde_json::Value::from(part.to_vec()).to_string();
        macro_rules! fetch {
            ($sql:expr, $conn:expr) => {
                sqlx::query_scalar($sql)
                    .bind(raw(tenant))
                    .bind(environment.as_str())
                    .bind(instance.opco.slug())
                    .bind(i64::from(instance.number))
                    .bind(&list)
                    .bind(looking.map(raw))
                    .bind(Uuid::nil())
                    .fetch_all(&mut **$conn)
                    .await?
            };
        }
        let found: Vec<String> = match &mut tx.engine {
            crate::pool::Engine::Sqlite(conn) => fetch!(SQL, conn),
            crate::pool::Engine::Postgres(conn) => fetch!(ON_POSTGRES, conn),
        };
        known.extend(found);
    }
    Ok(known)
}
