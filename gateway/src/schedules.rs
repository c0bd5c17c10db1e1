//! The schedules of the dossiers an OPCO has committed to: read at once when a dossier moves, before an
//! invoice leaves, and otherwise as seldom as what can be billed allows.

mod keep;
mod rest;

use domain::Timestamp;
use store::{StoreError, TenantKey};

use crate::app::App;

pub(crate) use self::keep::all as keep;

/// Opens a reading that was kept. Nothing, when it was shredded.
pub(crate) fn open(
    keys: &TenantKey,
    snapshot: &store::schedules::Snapshot,
) -> Option<domain::echeancier::Echeancier> {
    let sealed = snapshot.sealed.as_ref()?;
    match keys.open_secret(snapshot.id.as_bytes(), store::schedules::PART, sealed) {
        Ok(text) => {
            let value = serde_json::from_str(text.expose()).ok()?;
            domain::echeancier::Echeancier::read(&value).map(|lecture| lecture.echeancier)
        }
        Err(error) => {
            tracing::warn!(error = %error, "a schedule does not open");
            None
        }
    }
}

/// Has the schedule of a dossier read by an instant, for whoever needs it fresh.
pub(crate) async fn hurry(
    app: &App,
    dossier: &store::Dossier,
    by: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = app.store.writing().await?;
    store::schedules::hurry(&mut tx, dossier, by).await?;
    tx.commit().await
}
