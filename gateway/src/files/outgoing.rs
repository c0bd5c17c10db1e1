//! A file in custody on its way to an OPCO: opened chunk by chunk as the call takes it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::payload::part_name;
use domain::rules::FileFacts;
use domain::{DeliveryId, Kind};
use futures_util::StreamExt as _;
use opco::{Fichier, FileChunks, Opening};
use serde_json::{Value, json};
use store::{
    Delivery, FileError, Files, SealError, SealedPayload, StoreError, StoredFile, TenantKey, Tx,
};

use crate::app::App;

/// A file about to be sent.
pub(crate) struct Outgoing {
    stored: StoredFile,
    facts: store::FileFacts,
    files: Files,
    keys: Arc<TenantKey>,
    gone: Arc<AtomicBool>,
}

/// Returns the file of a delivery, when payloads of its kind may have one.
pub(crate) async fn of(tx: &mut Tx, delivery: &Delivery) -> Result<Option<StoredFile>, StoreError> {
    if part_name(delivery.kind).is_none() {
        return Ok(None);
    }
    let found = store::files::of_delivery(tx, delivery.tenant, delivery.id).await?;
    Ok(found.into_iter().next())
}

/// Says of a file in custody what the rules ask. It was judged when it came in.
pub(crate) fn facts(file: Option<&StoredFile>) -> FileFacts {
    file.map_or(FileFacts::Absent, |file| FileFacts::Given {
        kind: file.kind,
        bytes: file.bytes,
        readable: true,
    })
}

impl Outgoing {
    /// Takes up the file of a delivery.
    ///
    /// # Errors
    /// Its key was destroyed, or does not open.
    pub(crate) fn new(
        app: &App,
        keys: &Arc<TenantKey>,
        stored: StoredFile,
    ) -> Result<Self, SealError> {
        Ok(Self {
            facts: stored.facts(keys)?,
            stored,
            files: app.files.clone(),
            keys: Arc::clone(keys),
            gone: Arc::default(),
        })
    }

    /// Returns it as a call takes it.
    pub(crate) fn fichier(&self, kind: Kind) -> Fichier {
        let name = self.facts.name.as_deref().unwrap_or(kind.as_str());
        let (files, keys, stored) = (
            self.files.clone(),
            Arc::clone(&self.keys),
            self.stored.clone(),
        );
        let gone = Arc::clone(&self.gone);
        Fichier::new(name, stored.kind, stored.bytes, move || {
            let (files, keys) = (files.clone(), Arc::clone(&keys));
            let (stored, gone) = (stored.clone(), Arc::clone(&gone));
            let opening: Opening = Box::pin(opened(files, keys, stored, gone));
            opening
        })
    }

    /// Returns whether reading it showed that it will never be read again: lost, damaged, or its key
    /// destroyed. A storage that was only away does not count.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Returns what the log says of it: what it is, and its salted hash.
    pub(crate) fn proof(
        &self,
        delivery: DeliveryId,
        sealed: &SealedPayload,
    ) -> Result<Value, SealError> {
        proof(
            &self.keys,
            (delivery, sealed),
            (self.stored.kind, self.stored.bytes),
            &self.facts,
        )
    }
}

/// Returns what the log says of a file. The hash is salted with the payload's own key, so that neither
/// can be guessed from once the payload is shredded.
pub(crate) fn proof(
    keys: &TenantKey,
    (delivery, sealed): (DeliveryId, &SealedPayload),
    (kind, bytes): (domain::FileKind, u64),
    facts: &store::FileFacts,
) -> Result<Value, SealError> {
    let hash = keys.content_hash(delivery, sealed, &facts.sha256)?;
    let hash = hash.map(|byte| format!("{byte:02x}")).concat();
    Ok(json!({"kind": kind.as_str(), "bytes": bytes, "hash": hash}))
}

async fn opened(
    files: Files,
    keys: Arc<TenantKey>,
    stored: StoredFile,
    gone: Arc<AtomicBool>,
) -> io::Result<FileChunks> {
    let told = move |error: FileError| {
        if is_lasting(&error) {
            gone.store(true, Ordering::Release);
        }
        io::Error::other(error)
    };
    let chunks = files.read(&keys, &stored).await.map_err(told.clone())?;
    Ok(chunks.map(move |chunk| chunk.map_err(told.clone())).boxed())
}

fn is_lasting(error: &FileError) -> bool {
    matches!(
        error,
        FileError::Missing | FileError::Damaged | FileError::Seal(_)
    )
}
