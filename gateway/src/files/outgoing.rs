//! A file in custody on its way to an OPCO: opened chunk by chunk as the call takes it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::Bytes;
use aws_lc_rs::digest::{SHA256, digest};
use domain::file::FileKind;
use domain::payload::part_name;
use domain::{DeliveryId, Kind, rules};
use futures_util::StreamExt as _;
use futures_util::stream;
use opco::{Fichier, FileChunks, Opening};
use serde_json::{Value, json};
use store::{
    Delivery, FileError, FileFacts, Files, SealError, SealedPayload, StoreError, StoredFile,
    TenantKey, Tx,
};

use crate::app::App;

/// A file about to be sent.
pub(crate) struct Outgoing {
    kind: FileKind,
    bytes: u64,
    facts: FileFacts,
    source: Source,
    gone: Arc<AtomicBool>,
}

/// Where its bytes come from.
enum Source {
    /// The storage.
    Stored {
        stored: StoredFile,
        files: Files,
        keys: Arc<TenantKey>,
    },
    /// This very process wrote it, from the payload.
    Written(Bytes),
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
pub(crate) fn facts(file: Option<&StoredFile>) -> rules::FileFacts {
    file.map_or(rules::FileFacts::Absent, |file| rules::FileFacts::Given {
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
    pub(crate) fn stored(
        app: &App,
        keys: &Arc<TenantKey>,
        stored: StoredFile,
    ) -> Result<Self, SealError> {
        Ok(Self {
            kind: stored.kind,
            bytes: stored.bytes,
            facts: stored.facts(keys)?,
            source: Source::Stored {
                stored,
                files: app.files.clone(),
                keys: Arc::clone(keys),
            },
            gone: Arc::default(),
        })
    }

    /// Takes up a PDF that was written from the payload.
    pub(crate) fn written(pdf: Vec<u8>, name: &str) -> Result<Self, SealError> {
        let hash = digest(&SHA256, &pdf);
        let sha256 = hash.as_ref().try_into().map_err(|_| SealError::Opening)?;
        Ok(Self {
            kind: FileKind::Pdf,
            bytes: u64::try_from(pdf.len()).unwrap_or(u64::MAX),
            facts: FileFacts {
                sha256,
                name: Some(name.to_owned()),
            },
            source: Source::Written(pdf.into()),
            gone: Arc::default(),
        })
    }

    /// Returns it as a call takes it.
    pub(crate) fn fichier(&self, kind: Kind) -> Fichier {
        let name = self.facts.name.as_deref().unwrap_or(kind.as_str());
        let open: Box<dyn Fn() -> Opening + Send + Sync> = match &self.source {
            Source::Written(pdf) => {
                let pdf = pdf.clone();
                Box::new(move || {
                    let pdf = pdf.clone();
                    Box::pin(async move { Ok(stream::once(async { Ok(pdf) }).boxed()) })
                })
            }
            Source::Stored {
                stored,
                files,
                keys,
            } => {
                let (files, keys, stored) = (files.clone(), Arc::clone(keys), stored.clone());
                let gone = Arc::clone(&self.gone);
                Box::new(move || {
                    let (files, keys) = (files.clone(), Arc::clone(&keys));
                    let (stored, gone) = (stored.clone(), Arc::clone(&gone));
                    Box::pin(opened(files, keys, stored, gone))
                })
            }
        };
        Fichier::new(name, self.kind, self.bytes, open)
    }

    /// Returns whether reading it showed that it will never be read again: lost, damaged, or its key
    /// destroyed. A storage that was only away does not count.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Returns what the log says of it.
    pub(crate) fn proof(
        &self,
        keys: &TenantKey,
        object: (DeliveryId, &SealedPayload),
    ) -> Result<Value, SealError> {
        proof(keys, object, (self.kind, self.bytes), &self.facts)
    }
}

/// Returns what the log says of a file. The hash is salted with the payload's own key, so that neither
/// can be guessed from once the payload is shredded.
pub(crate) fn proof(
    keys: &TenantKey,
    (delivery, sealed): (DeliveryId, &SealedPayload),
    (kind, bytes): (FileKind, u64),
    facts: &FileFacts,
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
