//! Where sealed files are: a folder, or S3-compatible storage behind a folder in which they wait.
//!
//! `DAY/NETWORK/FILE`, the day being the one in the file's own identifier: what was left behind is
//! found by looking at old days only.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::id::{FileId, TenantId};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::inflow::Waiting;
use super::{Bucket, FileError, FilesConfig};
use crate::sealing::{CHUNK, TAG};

/// Where files wait until they are whole.
const INCOMING: &str = "incoming";
/// Bytes of a part sent to a bucket: the least that S3 allows for all but the last.
const PART: usize = 5 * 1024 * 1024;
/// How many files are sent to a bucket at the same time: each holds two parts in memory.
const SENDERS: usize = 4;
/// How long the service may take for one request, and for all its tries.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RETRIES: usize = 3;

/// Where sealed files are.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    bucket: Option<Sender>,
}

/// The way to a bucket.
#[derive(Debug)]
struct Sender {
    objects: Arc<dyn ObjectStore>,
    turns: Arc<Semaphore>,
    /// Where connections live: a server's threads have runtimes of their own, which end before it.
    home: Handle,
}

impl Place {
    pub(super) fn open(config: &FilesConfig) -> Result<Self, FileError> {
        let bucket = config.bucket.as_ref().map(Sender::open).transpose()?;
        Ok(Self {
            folder: config.folder.clone(),
            bucket,
        })
    }

    /// Makes the file in which one waits that is coming in.
    pub(super) async fn create(&self, id: FileId) -> Result<(File, Waiting), FileError> {
        let folder = self.folder.join(INCOMING);
        let path = folder.join(id.to_string());
        let file = blocking(move || {
            private_folder(&folder)?;
            let file = private_file(&path)?;
            Ok((file, Waiting::new(path)))
        })
        .await;
        let (file, waiting) = file.map_err(FileError::unavailable)?;
        Ok((File::from_std(file), waiting))
    }

    /// Puts a whole file in its place, durably.
    pub(super) async fn keep(
        &self,
        waiting: Waiting,
        tenant: TenantId,
        id: FileId,
    ) -> Result<(), FileError> {
        let name = name(tenant, id);
        if let Some(bucket) = &self.bucket {
            return bucket.send(waiting, name).await;
        }
        let (place, root) = (self.folder.join(&name), self.folder.clone());
        blocking(move || moved(&waiting, &place, &root))
            .await
            .map_err(FileError::unavailable)
    }

    /// Reads the sealed bytes.
    pub(super) async fn read(
        &self,
        tenant: TenantId,
        id: FileId,
    ) -> Result<BoxStream<'static, Result<Bytes, FileError>>, FileError> {
        let name = name(tenant, id);
        if let Some(bucket) = &self.bucket {
            let found = bucket.objects.get(&name.as_str().into()).await?;
            return Ok(found.into_stream().map_err(FileError::from).boxed());
        }
        let file = File::open(self.folder.join(name)).await?;
        Ok(stream::try_unfold(file, |mut file| async move {
            let mut part = BytesMut::with_capacity(CHUNK + TAG);
            let read = file.read_buf(&mut part).await?;
            Ok::<_, FileError>((read > 0).then(|| (part.freeze(), file)))
        })
        .boxed())
    }

    /// Removes a file, if it is there.
    pub(super) async fn remove(&self, tenant: TenantId, id: FileId) -> Result<(), FileError> {
        let name = name(tenant, id);
        let removed = match &self.bucket {
            Some(bucket) => bucket
                .objects
                .delete(&name.as_str().into())
                .await
                .map_err(FileError::from),
            None => tokio::fs::remove_file(self.folder.join(name))
                .await
                .map_err(FileError::from),
        };
        match removed {
            Err(FileError::Missing) => Ok(()),
            other => other,
        }
    }

    /// Returns the days that have files, oldest first.
    pub(super) async fn days(&self) -> Result<Vec<String>, FileError> {
        let mut days: Vec<String> = match &self.bucket {
            Some(bucket) => {
                let listed = bucket.objects.list_with_delimiter(None).await?;
                let name = |path: object_store::path::Path| path.filename().map(str::to_owned);
                listed
                    .common_prefixes
                    .into_iter()
                    .filter_map(name)
                    .collect()
            }
            None => self.list(&self.folder).await?,
        };
        days.retain(|day| day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()));
        days.sort_unstable();
        Ok(days)
    }

    /// Returns the files of a day.
    pub(super) async fn of_day(&self, day: &str) -> Result<Vec<(TenantId, FileId)>, FileError> {
        let mut found = Vec::new();
        if let Some(bucket) = &self.bucket {
            let mut listed = bucket.objects.list(Some(&day.into()));
            while let Some(object) = listed.try_next().await? {
                let path = object.location.to_string();
                let mut parts = path.rsplit('/');
                found.extend(named(parts.next(), parts.next()));
            }
            return Ok(found);
        }
        let folder = self.folder.join(day);
        for tenant in self.list(&folder).await? {
            for file in self.list(&folder.join(&tenant)).await? {
                found.extend(named(Some(&file), Some(&tenant)));
            }
        }
        Ok(found)
    }

    /// Removes what has waited since before an instant: its process died.
    pub(super) async fn remove_waiting(
        &self,
        is_old: impl Fn(FileId) -> bool,
    ) -> Result<u64, FileError> {
        let folder = self.folder.join(INCOMING);
        let mut removed = 0;
        for name in self.list(&folder).await? {
            if name.parse().is_ok_and(&is_old) {
                drop(Waiting::new(folder.join(name)));
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes the folders of a day that have nothing in them any more.
    pub(super) async fn remove_empty(&self, day: &str) -> Result<(), FileError> {
        if self.bucket.is_some() {
            return Ok(());
        }
        let folder = self.folder.join(day);
        for tenant in self.list(&folder).await? {
            // One that is not empty stays: that is what the call is for.
            let _ = tokio::fs::remove_dir(folder.join(tenant)).await;
        }
        let _ = tokio::fs::remove_dir(folder).await;
        Ok(())
    }

    /// Writes something small where files are written, reads it and removes it.
    pub(super) async fn probe(&self, id: FileId) -> Result<(), FileError> {
        const SAID: &[u8] = b"cfa-gateway";
        let (mut file, waiting) = self.create(id).await?;
        file.write_all(SAID).await.map_err(FileError::unavailable)?;
        file.sync_all().await.map_err(FileError::unavailable)?;
        drop(file);
        self.keep(waiting, TenantId::PLATFORM, id).await?;
        let parts: Vec<Bytes> = self
            .read(TenantId::PLATFORM, id)
            .await?
            .try_collect()
            .await?;
        self.remove(TenantId::PLATFORM, id).await?;
        self.remove_empty(&day(id)).await?;
        if parts.concat() == SAID {
            Ok(())
        } else {
            Err(FileError::Damaged)
        }
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        let mut entries = match tokio::fs::read_dir(folder).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(error.into()),
        };
        while let Some(entry) = entries.next_entry().await? {
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

impl Sender {
    fn open(bucket: &Bucket) -> Result<Self, FileError> {
        let plain = bucket
            .endpoint
            .as_ref()
            .is_some_and(|url| url.starts_with("http://"));
        let client = ClientOptions::new()
            .with_allow_http(plain)
            .with_timeout(REQUEST_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(bucket.access_key_id.expose())
            .with_secret_access_key(bucket.secret_access_key.expose())
            .with_client_options(client)
            // Not every service that speaks S3 knows it.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: RETRY_TIMEOUT,
                ..RetryConfig::default()
            });
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let objects = builder.build();
        let objects = objects.map_err(|error| FileError::Configuration(error.to_string()))?;
        Ok(Self {
            objects: Arc::new(objects),
            turns: Arc::new(Semaphore::new(SENDERS)),
            home: Handle::current(),
        })
    }

    /// Sends a whole file. Once begun it goes on even if nobody waits for it any more; what nobody
    /// accepts is swept.
    async fn send(&self, waiting: Waiting, name: String) -> Result<(), FileError> {
        let (objects, turns) = (Arc::clone(&self.objects), Arc::clone(&self.turns));
        let sending = self.home.spawn(async move {
            let _turn = turns
                .acquire_owned()
                .await
                .map_err(FileError::unavailable)?;
            let mut file = File::open(waiting.path()).await?;
            let mut out =
                BufWriter::with_capacity(objects, name.into(), PART).with_max_concurrency(1);
            let copied = tokio::io::copy(&mut file, &mut out).await;
            let done = match copied {
                Ok(_) => out.shutdown().await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                // The service drops what was begun and never ended, if it does not hear this.
                let _ = out.abort().await;
                return Err(FileError::unavailable(error));
            }
            Ok(())
        });
        sending.await.map_err(FileError::unavailable)?
    }
}

/// Returns the day in a file's identifier.
pub(super) fn day(id: FileId) -> String {
    let ms = millisecond(id);
    let at = domain::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y%m%d").to_string()
}

/// Returns the instant in a file's identifier.
pub(super) fn millisecond(id: FileId) -> i64 {
    i64::try_from(Uuid::from(id).as_u128() >> 80).unwrap_or_default()
}

fn name(tenant: TenantId, id: FileId) -> String {
    format!("{}/{tenant}/{id}", day(id))
}

fn named(file: Option<&str>, tenant: Option<&str>) -> Option<(TenantId, FileId)> {
    Some((tenant?.parse().ok()?, file?.parse().ok()?))
}

/// Renames a file into its place, and does not return before that is on disk.
fn moved(waiting: &Waiting, place: &Path, root: &Path) -> io::Result<()> {
    let folder = place.parent().unwrap_or(root);
    let made = !folder.is_dir();
    private_folder(folder)?;
    std::fs::rename(waiting.path(), place)?;
    let synced = |folder: &Path| std::fs::File::open(folder)?.sync_all();
    synced(folder)?;
    if made {
        folder.parent().map_or(Ok(()), synced)?;
        synced(root)?;
    }
    Ok(())
}

/// Makes a folder that only its owner enters.
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Makes a file that only its owner reads.
fn private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
