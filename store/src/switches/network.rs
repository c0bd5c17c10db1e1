//! A network's own switches: they hold for it alone, over the deployment's.

use domain::Timestamp;
use domain::id::{OverrideId, TenantId};

use super::{CapabilitySwitch, Row};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

macro_rules! columns {
    () => {
        "switch_id, opco, instance, capability, openness, author, reason, valid_from, valid_until,
         created_at"
    };
}

/// Keeps a switch of a network.
pub async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    given: &CapabilitySwitch,
) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into network_switch (tenant_id, ",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(given.id))
            .bind(given.instance.opco.slug())
            .bind(i64::from(given.instance.number))
            .bind(given.capability.as_str())
            .bind(given.openness.as_str())
            .bind(&given.author)
            .bind(&given.reason)
            .bind(ms(given.from))
            .bind(given.until.map(ms))
            .bind(ms(given.created_at))
    );
    Ok(())
}

/// Ends a switch of a network, and returns whether there was one to end.
pub async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    id: OverrideId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update network_switch set valid_until = $3
        where tenant_id = $1 and switch_id = $2 and (valid_until is null or valid_until > $3)";
    let ended = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(ended > 0)
}

/// Lists the switches of a network that are not over at an instant: by system and capability, the latest
/// first.
pub async fn ahead(
    tx: &mut Tx,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<CapabilitySwitch>, StoreError> {
    const SQL: &str = concat!(
        "select null as label, ",
        columns!(),
        " from network_switch
        where tenant_id = $1 and (valid_until is null or valid_until > $2)
        order by opco, instance, capability, switch_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(ms(now))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(CapabilitySwitch::try_from).collect()
}

/// Returns those in force at an instant: for each system and capability the latest one.
pub async fn effective(
    tx: &mut Tx,
    tenant: TenantId,
    at: Timestamp,
) -> Result<Vec<CapabilitySwitch>, StoreError> {
    let mut found = ahead(tx, tenant, at).await?;
    found.retain(|switch| switch.from <= at);
    found.dedup_by_key(|switch| (switch.instance, switch.capability));
    Ok(found)
}
