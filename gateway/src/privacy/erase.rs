//! Erasing by destroying keys: all that may go of one person goes in one transaction, or nothing does. The
//! files follow at once; what is interrupted after the commit is taken up by the next sweep.

use std::sync::atomic::Ordering;

use admin_api::privacy::{
    Erased, Fate, Holdings, NotErased, NotShown, Piece, Remaining, Subject, Why,
};
use domain::id::{DeliveryId, FileId, TenantId};
use domain::{Kind, Timestamp};
use serde_json::json;
use store::{Fingerprint, NewEvent, StoreError, TenantKey, Tx, deliveries, events, privacy};

use super::again::ERASED;
use super::holdings::gather;
use super::words::Gone;
use crate::app::App;

/// Destroys what may be of what was shown under this stamp.
pub(crate) async fn erase(
    app: &App,
    tenant: TenantId,
    (subject, stamp): (Subject, &str),
    (actor, reason): (&str, &str),
) -> Result<Erased, NotErased> {
    let keys = app.store.keys(tenant).await?;
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let held = gather(&mut tx, &keys, subject, now)
        .await
        .map_err(NotErased::NotShown)?;
    if held.is_several() {
        return Err(NotErased::NotShown(NotShown::Several));
    }
    if held.stamp() != stamp {
        return Err(NotErased::Changed);
    }
    let destroyed = held.going();
    if destroyed == 0 {
        return Err(NotErased::Nothing);
    }
    let told = |kind: &'static str| {
        NewEvent::new(now, kind)
            .by(actor.to_owned())
            .with(json!({ "reason": reason }))
    };
    let contracts = going(&held).filter(|piece| piece.delivery.kind == Kind::Dossier);
    let contracts: Vec<DeliveryId> = contracts.map(|piece| piece.delivery.id).collect();
    let dossiers = held.dossiers.iter().filter(|one| one.fate == Fate::Goes);
    let dossiers: Vec<_> = dossiers.map(|one| &one.dossier).collect();
    let gone = Gone::of(&mut tx, &keys, (&contracts, &dossiers)).await?;
    let mut files = Vec::new();
    let mut written = Vec::new();
    for piece in going(&held) {
        lock(&mut tx, piece).await?;
        let id = piece.delivery.id;
        privacy::erase_delivery(&mut tx, tenant, id, lane(&keys, id)).await?;
        files.extend(piece.files.iter().map(|file| file.id));
        written.push(told(ERASED).delivery(id));
    }
    detach(&mut tx, &keys, &held, (&gone, now)).await?;
    for held in held.dossiers.iter().filter(|one| one.fate == Fate::Goes) {
        privacy::erase_dossier(&mut tx, tenant, held.dossier.id, now).await?;
        let mut event = told(ERASED);
        event.dossier = Some(held.dossier.id);
        written.push(event);
    }
    for held in held.strangers.iter().filter(|one| one.fate == Fate::Goes) {
        privacy::erase_stranger(&mut tx, tenant, held.stranger.id, now).await?;
        let mut event = told(ERASED);
        event.dossier = Some(held.stranger.id);
        written.push(event);
    }
    events::append(&mut tx, tenant, &written);
    // Before the commit: a process that dies in between wipes once too often, never once too seldom.
    app.shredded.store(true, Ordering::Relaxed);
    tx.commit().await?;
    let all = held.pieces.len() + held.dossiers.len() + held.strangers.len();
    let remaining = held.pieces.iter().filter_map(|piece| match piece.fate {
        Fate::Stays(why) => Some(Remaining {
            delivery: piece.delivery.id,
            kind: piece.delivery.kind,
            why,
        }),
        _ => None,
    });
    let done = Erased {
        destroyed,
        files: files.len(),
        kept: all.saturating_sub(destroyed),
        remaining: remaining.collect(),
    };
    app.tasks.spawn(wipe(app.clone(), tenant, files));
    Ok(done)
}

fn going(held: &Holdings) -> impl Iterator<Item = &Piece> {
    held.pieces.iter().filter(|piece| piece.fate == Fate::Goes)
}

/// Returns the line of a delivery that nothing but its own name leads to.
pub(super) fn lane(keys: &TenantKey, id: DeliveryId) -> Fingerprint {
    keys.fingerprint("lane", &id.to_string())
}

/// Holds a delivery still: nobody starts it again while it is erased.
async fn lock(tx: &mut Tx, piece: &Piece) -> Result<(), NotErased> {
    let (tenant, id) = (piece.delivery.tenant, piece.delivery.id);
    let found = deliveries::find_for_update(tx, tenant, id).await?;
    if found.as_ref() == Some(&piece.delivery) {
        Ok(())
    } else {
        Err(NotErased::Changed)
    }
}

/// Takes what stays for the accounts, or for others it is about, out of the line of the contract that goes, and
/// what was said of it.
async fn detach(
    tx: &mut Tx,
    keys: &TenantKey,
    held: &Holdings,
    (gone, now): (&Gone, Timestamp),
) -> Result<(), StoreError> {
    let lanes: Vec<Fingerprint> = going(held).map(|piece| piece.delivery.lane).collect();
    for piece in &held.pieces {
        let id = piece.delivery.id;
        let own = lanes.contains(&piece.delivery.lane).then(|| lane(keys, id));
        match piece.fate {
            // In the line of another it is about, it stays that one's.
            Fate::Stays(Why::Shared) if own.is_none() => {}
            Fate::Stays(Why::Shared | Why::Accounts(_)) => {
                privacy::detach_delivery(tx, keys.tenant(), id, own).await?;
            }
            _ => continue,
        }
        gone.forget(tx, keys.tenant(), id, now).await?;
    }
    Ok(())
}

/// Removes files whose keys are destroyed, and wipes where the keys were.
async fn wipe(app: App, tenant: TenantId, files: Vec<FileId>) {
    for file in files {
        if let Err(error) = app.files.destroy(tenant, file).await {
            tracing::warn!(error = %error, "an erased file is left to the sweep");
        }
    }
    match app.store.scrub().await {
        Ok(()) => tracing::info!("what was erased is wiped from the database"),
        Err(error) => {
            tracing::warn!(error = %error, "what was erased is wiped by the next round");
        }
    }
}
