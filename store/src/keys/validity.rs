//! Until when keys are valid: who is asked next, and what is to be told.

use domain::Timestamp;
use domain::id::{KeyId, TenantId};
use jiff::civil::Date;

use super::{CfaKey, Row, columns};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// Lists the keys in use whose OPCO may be asked again, never asked first.
pub async fn to_ask(
    tx: &mut Tx,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<CfaKey>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from cfa_key where tenant_id = $1 and state = 'active'
          and coalesce(info_due_at, 0) <= $2 order by coalesce(info_due_at, 0), key_id"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(ms(now))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(CfaKey::try_from).collect()
}

/// Takes a key to ask about, until another instant. Returns whether nobody else did.
pub async fn take(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update cfa_key set info_due_at = $4
        where tenant_id = $1 and key_id = $2 and state = 'active'
          and coalesce(info_due_at, 0) <= $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
            .bind(ms(until))
    );
    Ok(done > 0)
}

/// Keeps what an OPCO said of a key's last day, and when it is asked again. What it does not say
/// changes nothing.
pub async fn told(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    expires_on: Option<Date>,
    again_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update cfa_key set expires_on = coalesce($3, expires_on), info_due_at = $4
        where tenant_id = $1 and key_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(expires_on.map(|day| day.to_string()))
            .bind(ms(again_at))
    );
    Ok(())
}

/// Keeps the last day that a person gives to a key, and returns whether there is one that can still be used.
pub async fn given(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    expires_on: Date,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update cfa_key set expires_on = $3, updated_at = $4
        where tenant_id = $1 and key_id = $2 and state <> 'revoked'";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(expires_on.to_string())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Lists the keys in use whose last day is not after a day.
pub async fn ending_by(
    tx: &mut Tx,
    tenant: TenantId,
    day: Date,
) -> Result<Vec<CfaKey>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from cfa_key where tenant_id = $1 and state = 'active' and expires_on <= $2
        order by expires_on, key_id"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(day.to_string())
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(CfaKey::try_from).collect()
}
