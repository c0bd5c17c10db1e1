//! Receiving a file: judged, hashed, sealed and written chunk by chunk, in place only when whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};
use domain::Inspector;
use domain::id::{FileId, TenantId};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use zeroize::Zeroizing;

use super::place::Place;
use super::{FileError, Received};
use crate::sealing::{CHUNK, Chunks, FileFacts, FileKey, SealError, TAG, TenantKey};

/// A file that is coming in. Dropped, it leaves nothing.
pub struct Inflow {
    place: Arc<Place>,
    tenant: TenantId,
    id: FileId,
    max: u64,
    bytes: u64,
    key: FileKey,
    chunks: Chunks,
    /// What is not sealed yet: at most one chunk.
    chunk: Zeroizing<Vec<u8>>,
    digest: digest::Context,
    inspector: Inspector,
    out: File,
    /// Last, so that the file is closed before it is removed.
    waiting: Waiting,
}

/// A file that is not in its place yet: removed when dropped.
#[derive(Debug)]
pub(super) struct Waiting(PathBuf);

impl Inflow {
    pub(super) async fn begin(
        place: Arc<Place>,
        keys: &TenantKey,
        id: FileId,
        max: u64,
    ) -> Result<Self, FileError> {
        let tenant = keys.tenant();
        let key = FileKey::generate()?;
        let (out, waiting) = place.create(id).await?;
        Ok(Self {
            tenant,
            id,
            max,
            bytes: 0,
            chunks: key.chunks(tenant, id)?,
            key,
            chunk: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)),
            digest: digest::Context::new(&SHA256),
            inspector: Inspector::default(),
            out,
            waiting,
            place,
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// As soon as the file is too large or cannot be one that goes; it is then to be dropped.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), FileError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > self.max {
            return Err(FileError::TooLarge { max: self.max });
        }
        self.inspector.read(bytes)?;
        self.digest.update(bytes);
        while !bytes.is_empty() {
            // A full chunk waits for the next byte: only then is it known not to be the last.
            if self.chunk.len() == CHUNK {
                self.seal(false).await?;
            }
            let room = CHUNK.saturating_sub(self.chunk.len()).min(bytes.len());
            let (part, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.chunk.extend_from_slice(part);
            bytes = rest;
        }
        Ok(())
    }

    /// Ends: the file is judged, sealed to its end, on disk, and in its place.
    ///
    /// # Errors
    /// As [`super::Files::receive`]; nothing is left then.
    pub async fn finish(
        mut self,
        keys: &TenantKey,
        name: Option<&str>,
    ) -> Result<Received, FileError> {
        if keys.tenant() != self.tenant {
            return Err(SealError::Key.into());
        }
        let kind = std::mem::take(&mut self.inspector)
            .end()
            .map_err(|fault| fault.named(name))?;
        self.seal(true).await?;
        self.out.flush().await?;
        self.out.sync_all().await?;
        let hash = self.digest.finish();
        let facts = FileFacts {
            sha256: hash.as_ref().try_into().map_err(|_| SealError::Opening)?,
            name: name.filter(|name| !name.is_empty()).map(str::to_owned),
        };
        let sealed = keys.wrap_file(self.id, &self.key, &facts)?;
        self.place.keep(self.waiting, self.tenant, self.id).await?;
        Ok(Received {
            tenant: self.tenant,
            id: self.id,
            bytes: self.bytes,
            fingerprint: keys.fingerprint_bytes("file", &facts.sha256),
            facts,
            kind,
            sealed,
        })
    }

    async fn seal(&mut self, last: bool) -> Result<(), FileError> {
        self.chunks.seal(&mut self.chunk, last)?;
        self.out.write_all(&self.chunk).await?;
        self.chunk.clear();
        Ok(())
    }
}

impl std::fmt::Debug for Inflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflow")
            .field("id", &self.id)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Waiting {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Renamed to its place, or removed by a sweep: then it is not there any more.
        let _ = std::fs::remove_file(&self.0);
    }
}
