//! The files of payloads: sealed as they stream, kept outside of the rows on a disk or in
//! S3-compatible storage, never wholly in memory.
//!
//! A file is received before its delivery is accepted; the row that names it is written with the
//! acceptance. What no row names after a day is removed.

mod inflow;
mod outflow;
mod place;
mod rows;
mod sweep;

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::id::{FileId, TenantId};
use domain::{FileFault, FileKind, Secret, Timestamp};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, Stream};
use thiserror::Error;

pub use self::inflow::Inflow;
pub(crate) use self::rows::insert;
pub use self::rows::{NewFile, StoredFile, in_custody, of_delivery};
pub use self::sweep::Swept;

use self::place::Place;
use crate::error::StoreError;
use crate::sealing::{FileFacts, Fingerprint, SealError, TenantKey};

/// Where files are kept.
#[derive(Debug, Clone)]
pub struct FilesConfig {
    /// The folder they are kept in; with a bucket, where they wait, sealed, until they are whole.
    pub folder: PathBuf,
    /// The S3-compatible storage they are kept in instead.
    pub bucket: Option<Bucket>,
}

/// S3-compatible storage.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// The service's address; absent, Amazon's of the region.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The name of the key.
    pub access_key_id: Secret,
    /// The key.
    pub secret_access_key: Secret,
}

/// The files of payloads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    place: Arc<Place>,
    /// The last day whose leftovers are gone.
    swept: Arc<Mutex<Option<String>>>,
}

/// A file that was received whole, is what it must be, and is kept, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Whose.
    pub tenant: TenantId,
    /// Its name among ours.
    pub id: FileId,
    /// How many clear bytes.
    pub bytes: u64,
    /// The SHA-256 of the clear bytes and the name it came with.
    pub facts: FileFacts,
    /// What it is, by its content.
    pub kind: FileKind,
    /// The keyed fingerprint of its content: equal contents of one network are seen to be equal.
    pub fingerprint: Fingerprint,
    /// Its key and its facts, wrapped by the network's key.
    pub sealed: Vec<u8>,
}

/// Why a file could not be received, read or removed.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is larger than allowed.
    #[error("the file is larger than {max} bytes")]
    TooLarge {
        /// The most bytes.
        max: u64,
    },
    /// It is not one that an OPCO takes.
    #[error("the file cannot go: {0}")]
    Refused(#[from] FileFault),
    /// It stopped coming.
    #[error("the file stopped coming: {0}")]
    Interrupted(String),
    /// What is stored is not what was written: cut, changed, or another's.
    #[error("a stored file is not what was written")]
    Damaged,
    /// It is not where it was put.
    #[error("a stored file is gone")]
    Missing,
    /// Its key was destroyed on purpose, or does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The disk or the service does not do what it is asked.
    #[error("the storage of files does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage cannot be used as configured.
    #[error("storage of files: {0}")]
    Configuration(String),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Files {
    /// Takes the storage as configured. Nothing is written before the first file comes.
    ///
    /// # Errors
    /// [`FileError::Configuration`] when the bucket's settings make no address.
    pub fn open(config: &FilesConfig) -> Result<Self, FileError> {
        Ok(Self {
            place: Arc::new(Place::open(config)?),
            swept: Arc::default(),
        })
    }

    /// Begins to receive a file of at most `max` bytes. Dropped before [`Inflow::finish`], it leaves
    /// nothing.
    pub async fn begin(&self, keys: &TenantKey, id: FileId, max: u64) -> Result<Inflow, FileError> {
        Inflow::begin(Arc::clone(&self.place), keys, id, max).await
    }

    /// Receives a whole file. Cut off, refused or dropped on the way, it leaves nothing.
    ///
    /// # Errors
    /// [`FileError::TooLarge`], [`FileError::Refused`] and [`FileError::Interrupted`] are the
    /// sender's; the others are ours.
    pub async fn receive<S, E>(
        &self,
        keys: &TenantKey,
        id: FileId,
        mut stream: S,
        max: u64,
        name: Option<&str>,
    ) -> Result<Received, FileError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Display,
    {
        let mut inflow = self.begin(keys, id, max).await?;
        while let Some(part) = stream.next().await {
            let part = part.map_err(|error| FileError::Interrupted(error.to_string()))?;
            inflow
                .write(&part)
                .await
                .map_err(|error| error.named(name))?;
        }
        inflow.finish(keys, name).await
    }

    /// Reads a file, chunk by chunk, each opened before it is handed out. Asked again, it begins
    /// again; its length is [`StoredFile::bytes`].
    ///
    /// # Errors
    /// [`SealError::Shredded`] when its key was destroyed; [`FileError::Damaged`] in the stream as
    /// soon as a byte is not what was written.
    pub async fn read(
        &self,
        keys: &TenantKey,
        file: &StoredFile,
    ) -> Result<BoxStream<'static, Result<Bytes, FileError>>, FileError> {
        let sealed = file.sealed.as_deref().ok_or(SealError::Shredded)?;
        let (key, _) = keys.unwrap_file(file.id, sealed)?;
        let chunks = key.chunks(keys.tenant(), file.id)?;
        let source = self.place.read(file.tenant, file.id).await?;
        Ok(outflow::opened(source, chunks, file.bytes))
    }

    /// Removes a file from the storage; one that is not there is removed already.
    pub async fn destroy(&self, tenant: TenantId, id: FileId) -> Result<(), FileError> {
        self.place.remove(tenant, id).await
    }

    /// Writes something small, reads it again and removes it.
    pub async fn probe(&self, now: Timestamp) -> Result<(), FileError> {
        self.place.probe(FileId::new(now)).await
    }
}

impl FileError {
    /// Returns the same with what the file's name lets one believe.
    #[must_use]
    pub fn named(self, name: Option<&str>) -> Self {
        match self {
            Self::Refused(fault) => Self::Refused(fault.named(name)),
            other => other,
        }
    }

    pub(crate) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound {
            Self::Missing
        } else {
            Self::unavailable(error)
        }
    }
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::unavailable(other),
        }
    }
}
