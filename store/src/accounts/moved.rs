//! Whose money may have moved, by the log: whatever an account hangs on changes in a transaction that tells of
//! its dossier, its contract or its invoice, and the log is in the order of commits.

use domain::id::{DossierId, TenantId};
use uuid::Uuid;

use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Tx, on};
use crate::{events, retention};

/// The most events that are looked through for what they are about.
const EVENTS_MAX: i64 = 5_000;

/// What a log tells of accounts since a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The accounts of these dossiers may be others now; no other is.
    These(Vec<DossierId>),
    /// Any may be.
    Any,
}

/// Returns how far the log of a network goes, and whose money may have moved after a position; more than
/// `most` dossiers, or what is about no dossier in particular, are any.
///
/// Accounts read after this hold whatever is told up to that place.
pub async fn since(
    tx: &mut Tx,
    tenant: TenantId,
    position: i64,
    most: usize,
) -> Result<(i64, Moved), StoreError> {
    let head = events::head(tx, tenant).await?;
    if head == position {
        return Ok((head, Moved::These(Vec::new())));
    }
    // A log that is shorter than it was is another: the database was put back.
    if !(0..=EVENTS_MAX).contains(&head.saturating_sub(position)) {
        return Ok((head, Moved::Any));
    }
    let told = told(tx, tenant, (position, head), most).await?;
    let moved = match told {
        ids if ids.len() > most || ids.iter().any(Uuid::is_nil) => Moved::Any,
        ids => Moved::These(ids.into_iter().map(DossierId::from).collect()),
    };
    Ok((head, moved))
}

/// Returns the dossiers that the events of a range are about, their contracts and invoices included, and a
/// nil name where one is about no dossier in particular.
async fn told(
    tx: &mut Tx,
    tenant: TenantId,
    (after, head): (i64, i64),
    most: usize,
) -> Result<Vec<Uuid>, StoreError> {
    // An invoice knows its contract by the delivery that brought it, or by the dossier where none did.
    const SQL: &str = "with told as (
            select distinct delivery_id, dossier_id, kind = $5 as anything from event
            where tenant_id = $1 and position > $2 and position <= $3),
        billed as (
            select contract_id from invoice_contract
            where tenant_id = $1 and delivery_id in (select delivery_id from told))
        select dossier_id from told where dossier_id is not null
        union select $4 from told where anything
        union select dossier_id from dossier where tenant_id = $1
            and delivery_id in (select delivery_id from told where delivery_id <> $4)
        union select dossier_id from dossier where tenant_id = $1
            and delivery_id in (select contract_id from billed)
        union select dossier_id from dossier where tenant_id = $1
            and dossier_id in (select contract_id from billed)
        limit $6";
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(after)
        .bind(head)
        .bind(Uuid::nil())
        .bind(retention::PURGED)
        .bind(limit)
        .fetch_all(conn)
        .await?))
}
