//! An erasure that is done again: what the database holds was put back from before it.

use domain::id::{DeliveryId, DossierId, TenantId};
use domain::{Kind, Timestamp};
use serde_json::json;
use store::{Delivery, NewEvent, Store, StoreError, TenantKey, Tx};
use store::{deliveries, dossiers, events, invoices, privacy, strangers};

use super::erase::lane;
use super::holdings::is_erased;
use super::words::Gone;

/// What the log calls an erasure.
pub(crate) const ERASED: &str = "privacy.erased";

/// What was erased.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// A delivery.
    Delivery(DeliveryId),
    /// A dossier, or one that no ERP sent.
    Dossier(DossierId),
}

/// Erases it again. Returns whether it was there to erase; done twice, it does nothing.
pub(crate) async fn apply(
    store: &Store,
    tenant: TenantId,
    what: What,
    (actor, now): (&str, Timestamp),
) -> Result<bool, StoreError> {
    let keys = store.keys(tenant).await?;
    let mut tx = store.writing().await?;
    let mut event = NewEvent::new(now, ERASED)
        .by(actor.to_owned())
        .with(json!({ "reason": "restauration" }));
    let done = match what {
        What::Delivery(id) => {
            event.delivery = Some(id);
            match deliveries::find_for_update(&mut tx, tenant, id).await? {
                Some(found) => delivery(&mut tx, &keys, &found, now).await?,
                None => false,
            }
        }
        What::Dossier(id) => {
            event.dossier = Some(id);
            dossier(&mut tx, tenant, id, now).await?
        }
    };
    if done {
        events::append(&mut tx, tenant, &[event]);
        tx.commit().await?;
    }
    Ok(done)
}

async fn delivery(
    tx: &mut Tx,
    keys: &TenantKey,
    found: &Delivery,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (tenant, id) = (found.tenant, found.id);
    let sealed = privacy::is_sealed(tx, tenant, id).await?;
    if is_erased(keys, found, sealed) {
        return Ok(false);
    }
    if found.kind == Kind::Dossier {
        let dossiers = dossiers::opened_by(tx, tenant, id).await?;
        let dossiers: Vec<_> = dossiers.iter().collect();
        let gone = Gone::of(tx, keys, (&[id], &dossiers)).await?;
        // What stays for the accounts stood in its line, or was about its person.
        for follow_up in deliveries::follow_ups(tx, tenant, found.lane).await? {
            let own = Some(lane(keys, follow_up.id));
            privacy::detach_delivery(tx, tenant, follow_up.id, own).await?;
            gone.forget(tx, tenant, follow_up.id, now).await?;
        }
        for invoice in invoices::of_contract(tx, tenant, id.into()).await? {
            privacy::detach_delivery(tx, tenant, invoice.delivery, None).await?;
            gone.forget(tx, tenant, invoice.delivery, now).await?;
        }
    }
    privacy::erase_delivery(tx, tenant, id, lane(keys, id)).await?;
    Ok(true)
}

async fn dossier(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut done = false;
    // The copy may be from before its schedule, or a stranger, was read: it would be now.
    if dossiers::find(tx, tenant, id).await?.is_some()
        && !privacy::is_erased(tx, tenant, id).await?
    {
        privacy::erase_dossier(tx, tenant, id, now).await?;
        done = true;
    }
    if let Some(found) = strangers::find(tx, tenant, id).await?
        && (found.sealed.is_some()
            || found.prints != strangers::Prints::default()
            || found.found_at.is_none())
    {
        privacy::erase_stranger(tx, tenant, id, now).await?;
        done = true;
    }
    Ok(done)
}
