//! The lists a person of the dashboard comes back to.

use domain::id::{PersonId, TenantId};

use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// The most that one person keeps.
pub const MOST: usize = 50;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// What the person calls it.
    pub name: String,
    /// The filters, as an address holds them.
    pub query: String,
}

/// Lists what a person keeps, by name.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
) -> Result<Vec<SavedView>, StoreError> {
    const SQL: &str = "select name, query from saved_view
        where tenant_id = $1 and person_id = $2 order by name";
    let rows: Vec<(String, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(person))
        .fetch_all(conn)
        .await?);
    let rows = rows.into_iter();
    Ok(rows
        .map(|(name, query)| SavedView { name, query })
        .collect())
}

/// Keeps one, in the place of the one of that name. Returns whether there was room.
pub async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
    view: &SavedView,
) -> Result<bool, StoreError> {
    const SQL: &str = "insert into saved_view (tenant_id, person_id, name, query)
        values ($1, $2, $3, $4)
        on conflict (tenant_id, person_id, name) do update set query = excluded.query";
    let kept = list(tx, tenant, person).await?;
    if kept.len() >= MOST && kept.iter().all(|one| one.name != view.name) {
        return Ok(false);
    }
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(person))
            .bind(&view.name)
            .bind(&view.query)
    );
    Ok(true)
}

/// Lets one go.
pub async fn forget(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
    name: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "delete from saved_view
        where tenant_id = $1 and person_id = $2 and name = $3";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(person))
            .bind(name)
    );
    Ok(())
}
