//! Whether a call is one that was made before: by its key of idempotency, or by its content.

use std::sync::Arc;

use domain::dossier::Dossier;
use domain::id::DeliveryId;
use domain::{Secret, finding};
use store::{NewEvent, StoreError};
use zeroize::Zeroizing;

use super::{Accepted, Refused, Sender, Submission, content, key_print, purpose, told_to};
use crate::app::App;
use crate::contract;

/// Returns the delivery that the same key of idempotency led to, and whether it was for this very
/// content. Asked before anything is judged: what was taken once stays taken, whatever the rules say
/// today.
pub(crate) async fn recall(
    app: &App,
    sender: &Sender,
    submission: &Submission,
) -> Result<Option<(DeliveryId, bool)>, StoreError> {
    let Some((route, key)) = &submission.idempotency else {
        return Ok(None);
    };
    let network = app.views.network(app, sender.tenant).await?;
    let keys = &network.keys;
    let key = key_print(keys, sender.environment, key);
    let mut tx = app.store.reading().await?;
    let now = app.clock.now();
    let used = store::deliveries::by_idempotency_key(&mut tx, sender.tenant, route, key, now);
    let used = used.await?;
    drop(tx);
    Ok(used.map(|(existing, stored)| {
        let (body, nir) = bare(&submission.reading.dossier);
        let content = content(submission, &body, nir.as_ref());
        (
            existing,
            stored == keys.fingerprint(purpose::CONTENT, &content),
        )
    }))
}

/// Answers a call that is refused now as it was answered before, if it was: what was taken once stays taken,
/// whatever was closed or reached since.
pub(super) async fn earlier(
    app: &App,
    sender: &Sender,
    submission: &Submission,
    refused: Refused,
) -> Result<Accepted, Refused> {
    match recall(app, sender, submission).await? {
        Some((existing, true)) => replayed(app, sender, existing).await,
        Some((existing, false)) => Err(Refused::KeyReused(existing)),
        None => Err(refused),
    }
}

/// Returns whether a contract in custody is this very contract. Opening it is itself on record.
pub(crate) async fn is_same(
    app: &App,
    sender: &Sender,
    existing: DeliveryId,
    dossier: &Dossier,
) -> Result<bool, StoreError> {
    let network = app.views.network(app, sender.tenant).await?;
    let mut tx = app.store.writing().await?;
    let Some(sealed) = store::deliveries::payload(&mut tx, sender.tenant, existing).await? else {
        return Ok(false);
    };
    let opened = NewEvent::new(app.clock.now(), "payload.opened")
        .delivery(existing)
        .with(serde_json::json!({"why": "same_call"}));
    store::events::append(&mut tx, sender.tenant, &[opened]);
    tx.commit().await?;
    let Ok(opened) = contract::open_sealed(&network.keys, existing, &sealed) else {
        return Ok(false);
    };
    let ((one, mine), (other, kept)) = (bare(dossier), bare(&opened.dossier));
    // The NIR is shredded before the rest: what is gone cannot differ.
    let same_nir = match (mine, kept) {
        (Some(mine), Some(kept)) => mine.expose() == kept.expose(),
        (None, Some(_)) => false,
        (_, None) => true,
    };
    Ok(same_nir && *one == *other)
}

/// Returns a contract as it is sealed, and its NIR.
fn bare(dossier: &Dossier) -> (Zeroizing<String>, Option<Secret>) {
    let nir = contract::nir(dossier);
    let mut dossier = dossier.clone();
    dossier.take_nir();
    (Zeroizing::new(contract::sealed_form(&dossier)), nir)
}

/// Answers a repeated call with what the first one stored, as it stands now.
pub(crate) async fn replayed(
    app: &App,
    sender: &Sender,
    id: DeliveryId,
) -> Result<Accepted, Refused> {
    let mut tx = app.store.reading().await?;
    let delivery = store::deliveries::find(&mut tx, sender.tenant, id).await?;
    let submission = store::deliveries::submission(&mut tx, sender.tenant, id).await?;
    let (Some(delivery), Some(submission)) = (delivery, submission) else {
        return Err(Refused::Store(Arc::new(StoreError::Conflict(
            "a replayed delivery is gone",
        ))));
    };
    drop(tx);
    let route = serde_json::from_str(&submission.route_json)
        .map_err(|_| StoreError::Conflict("a stored route cannot be read"))?;
    Ok(Accepted {
        id,
        status: delivery.standing.status,
        waiting: delivery.standing.wait_reason,
        held: delivery.standing.hold_reason,
        opco: delivery.opco,
        route,
        warnings: told_to(app, sender, finding::kept::read(&submission.warnings_json)).await?,
        replayed: true,
    })
}
