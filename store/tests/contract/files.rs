//! Files beside the rows: sealed, whole or not at all, and gone with their payloads.

mod bucket;
mod memory;
mod storage;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use domain::id::{DeliveryId, FileId, TenantId};
use domain::{FileKind, Status, Timestamp};
use futures_util::TryStreamExt as _;
use futures_util::stream;
use store::retention::{self, Cutoffs};
use store::{
    Accepted, FileError, Files, FilesConfig, NewDelivery, Received, Standing, StoredFile,
    TenantKey, deliveries, files,
};

use crate::harness::{Database, at, contract, now, on_both, paired};

/// What must not be found in what is stored.
const MARK: &[u8] = b"CANARI-DU-FICHIER";
/// More than any file of the tests.
const MAX: u64 = 20_000_000;

/// A folder of one test, removed with it.
struct Shelf {
    folder: PathBuf,
    files: Files,
}

impl Shelf {
    fn new() -> Self {
        let name = format!("cfa-gateway-files-{}", FileId::new(now()));
        let folder = std::env::temp_dir().join(name);
        let config = FilesConfig {
            folder: folder.clone(),
            bucket: None,
        };
        let files = Files::open(&config).unwrap();
        Self { folder, files }
    }

    /// Returns the paths of every file in the folder.
    fn stored(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.folder, &mut found);
        found
    }

    async fn put(&self, keys: &TenantKey, at: Timestamp, content: &[u8]) -> Received {
        received(&self.files, keys, at, content).await.unwrap()
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        // A test that wrote nothing has no folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

async fn received(
    files: &Files,
    keys: &TenantKey,
    at: Timestamp,
    content: &[u8],
) -> Result<Received, FileError> {
    let parts: Vec<Result<Bytes, String>> = content
        .chunks(10_000)
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    let name = Some("Convention de M. Durand.png");
    files
        .receive(keys, FileId::new(at), stream::iter(parts), MAX, name)
        .await
}

/// A picture of any size: what follows its end is the marked filling.
fn picture(size: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend([0; 17]);
    bytes.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
    let filling = MARK.iter().copied().cycle().zip(0_u8..=250).map(|(a, _)| a);
    bytes.extend(filling.cycle().take(size.saturating_sub(bytes.len())));
    bytes
}

/// The row a received file will have.
fn stored(received: &Received) -> StoredFile {
    StoredFile {
        tenant: received.tenant,
        id: received.id,
        delivery: DeliveryId::new(now()),
        part: "fichier".to_owned(),
        kind: received.kind,
        bytes: received.bytes,
        fingerprint: Some(received.fingerprint),
        sealed: Some(received.sealed.clone()),
        created_at: now(),
    }
}

async fn read(files: &Files, keys: &TenantKey, file: &StoredFile) -> Result<Vec<u8>, FileError> {
    let parts: Vec<Bytes> = files.read(keys, file).await?.try_collect().await?;
    Ok(parts.concat())
}

async fn of(db: &Database, tenant: TenantId, id: DeliveryId) -> Vec<StoredFile> {
    let mut tx = db.store.reading().await.unwrap();
    files::of_delivery(&mut tx, tenant, id).await.unwrap()
}

async fn with_file(shelf: &Shelf, keys: &TenantKey, mut new: NewDelivery) -> NewDelivery {
    let file = shelf.put(keys, new.created_at, &picture(70_000)).await;
    new.files.push(file.row("fichier"));
    new
}

on_both! {
    async fn the_rows_of_files_are_written_with_the_acceptance(db) {
        let shelf = Shelf::new();
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let first = with_file(&shelf, &keys, paired(&keys, now(), "durand")).await;
        let twin = with_file(&shelf, &keys, paired(&keys, now(), "durand")).await;
        let bare = contract(&keys, now());
        let group = [first.clone(), twin.clone(), bare.clone()];
        let answers = db.store.accept(&group).await.unwrap();
        let duplicate = Accepted::DuplicateDossier { existing: first.id };
        assert_eq!(answers, [Accepted::Stored, duplicate, Accepted::Stored]);
        assert_eq!(db.store.accept(&group[..1]).await.unwrap(), [Accepted::Stored]);

        assert_eq!(db.number("select count(*) from file").await, 1);
        assert!(of(db, tenant, bare.id).await.is_empty());
        let found = of(db, tenant, first.id).await.remove(0);
        let given = &first.files[0];
        assert_eq!((found.id, found.part.as_str(), found.kind), (given.id, "fichier", FileKind::Png));
        assert_eq!(found.sealed.as_ref(), Some(&given.sealed));
        assert_eq!(found.facts(&keys).unwrap().name.as_deref(), Some("Convention de M. Durand.png"));
        assert_eq!(read(&shelf.files, &keys, &found).await.unwrap(), picture(70_000));
        // Equal contents are seen to be equal inside of a network, and nowhere else.
        assert_eq!(found.fingerprint, Some(twin.files[0].fingerprint));
        let stranger = db.network().await;
        let others = db.store.keys(stranger).await.unwrap();
        let other = shelf.put(&others, now(), &picture(70_000)).await;
        assert_ne!(Some(other.fingerprint), found.fingerprint);
        assert!(of(db, stranger, first.id).await.is_empty());
    }

    async fn a_shredded_payload_takes_the_keys_of_its_files_and_then_the_files(db) {
        let shelf = Shelf::new();
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let gone = with_file(&shelf, &keys, contract(&keys, now())).await;
        let kept = with_file(&shelf, &keys, contract(&keys, now())).await;
        db.store.accept(&[gone.clone(), kept.clone()]).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        assert_eq!(files::in_custody(&mut tx).await.unwrap(), (2, 140_000));
        assert!(retention::shred_payload(&mut tx, tenant, gone.id).await.unwrap());
        assert_eq!(files::in_custody(&mut tx).await.unwrap(), (1, 70_000));
        tx.commit().await.unwrap();
        let row = of(db, tenant, gone.id).await.remove(0);
        assert_eq!((row.sealed.as_ref(), row.fingerprint), (None, None));
        let refused = read(&shelf.files, &keys, &row).await.unwrap_err();
        assert!(matches!(refused, FileError::Seal(store::SealError::Shredded)), "{refused}");

        let swept = shelf.files.sweep(&db.store, at(10)).await.unwrap();
        assert_eq!((swept.shredded, swept.orphans), (1, 0));
        assert_eq!(shelf.stored().len(), 1);
        assert!(of(db, tenant, gone.id).await.is_empty());
        let row = of(db, tenant, kept.id).await.remove(0);
        assert_eq!(read(&shelf.files, &keys, &row).await.unwrap(), picture(70_000));
    }

    async fn what_no_delivery_took_is_removed_after_a_day_and_nothing_else(db) {
        const DAY: i64 = 86_400;
        let shelf = Shelf::new();
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let kept = with_file(&shelf, &keys, contract(&keys, now())).await;
        db.store.accept(std::slice::from_ref(&kept)).await.unwrap();
        shelf.put(&keys, now(), &picture(100)).await;
        shelf.put(&keys, at(3 * DAY), &picture(100)).await;
        // Another gateway's, in the same folder.
        let elsewhere = Database::sqlite().await;
        let foreign = elsewhere.network().await;
        let strange = elsewhere.store.keys(foreign).await.unwrap();
        shelf.put(&strange, now(), &picture(100)).await;
        // What a process that was killed leaves half received.
        let waiting = shelf.folder.join("incoming").join(FileId::new(now()).to_string());
        std::fs::write(&waiting, b"half").unwrap();

        let sweep = async |now| shelf.files.sweep(&db.store, now).await.unwrap().orphans;
        assert_eq!(sweep(at(DAY - 1)).await, 0);
        assert_eq!(shelf.stored().len(), 5);
        assert_eq!(sweep(at(DAY + 1)).await, 2);
        assert!(!waiting.exists());
        assert_eq!(sweep(at(3 * DAY)).await, 0);
        assert_eq!(sweep(at(4 * DAY + 1)).await, 1);
        assert_eq!(shelf.stored().len(), 2);
        let row = of(db, tenant, kept.id).await.remove(0);
        assert_eq!(read(&shelf.files, &keys, &row).await.unwrap(), picture(70_000));
        elsewhere.remove().await;
    }

    async fn files_have_a_retention_of_their_own(db) {
        let shelf = Shelf::new();
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let old = with_file(&shelf, &keys, contract(&keys, now())).await;
        let open = with_file(&shelf, &keys, contract(&keys, now())).await;
        db.store.accept(&[old.clone(), open.clone()]).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let found = deliveries::find_for_update(&mut tx, tenant, old.id).await.unwrap();
        let mut found = found.unwrap();
        found.standing = Standing::ended(Status::Delivered);
        let event = store::NewEvent::new(at(10), "delivery.confirmed").delivery(old.id);
        deliveries::update(&mut tx, &found, &event).await.unwrap();
        tx.commit().await.unwrap();
        let cutoffs = Cutoffs { files: Some(at(100)), ..Cutoffs::default() };
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(retention::preview(&mut tx, tenant, &cutoffs).await.unwrap().files, 1);
        drop(tx);
        assert_eq!(db.store.purge(tenant, &cutoffs, (10, now())).await.unwrap().files, 1);
        assert!(db.store.purge(tenant, &cutoffs, (10, now())).await.unwrap().is_empty());
        assert_eq!(db.number("select count(*) from payload").await, 2);
        assert_eq!(db.number("select count(*) from file where sealed is null").await, 1);
        assert!(of(db, tenant, open.id).await[0].sealed.is_some());
    }
}
