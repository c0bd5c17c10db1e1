//! The storage itself: what comes in comes out, what was touched does not, what stops leaves nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use bytes::Bytes;
use domain::FileFault;
use domain::id::FileId;
use futures_util::StreamExt as _;
use futures_util::stream;
use proptest::prelude::*;
use store::{FileError, StoredFile, TenantKey};

use super::{MARK, Shelf, picture, read, stored};
use crate::harness::{Database, now};

/// Clear bytes of a chunk, and sealed ones.
const CHUNK: usize = 65_536;
const SEALED: usize = CHUNK + 16;

async fn keys() -> (Database, Arc<TenantKey>) {
    let db = Database::sqlite().await;
    let tenant = db.network().await;
    let keys = db.store.keys(tenant).await.unwrap();
    (db, keys)
}

#[test]
fn what_comes_in_comes_out_whatever_its_size() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (db, keys) = runtime.block_on(keys());
    let shelf = Shelf::new();
    let cases = ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(cases, |(chunks in 0..4_usize, off in 0..40_usize, piece in 1..200_000_usize)| {
        let size = (chunks * CHUNK + off).saturating_sub(20).max(46);
        let content = picture(size);
        runtime.block_on(async {
            let parts = content.chunks(piece).map(|part| Ok::<_, String>(Bytes::copy_from_slice(part)));
            let id = FileId::new(now());
            let parts = stream::iter(parts.collect::<Vec<_>>());
            let exactly = u64::try_from(size).unwrap();
            let received = shelf.files.receive(&keys, id, parts, exactly, None).await.unwrap();
            let file = stored(&received);
            assert_eq!(file.bytes, exactly);
            // Twice: a file is read again when its sending is tried again.
            for _ in 0..2 {
                assert!(read(&shelf.files, &keys, &file).await.unwrap() == content, "{size}");
            }
            shelf.files.destroy(received.tenant, id).await.unwrap();
            shelf.files.destroy(received.tenant, id).await.unwrap();
            let missing = read(&shelf.files, &keys, &file).await.unwrap_err();
            assert!(matches!(missing, FileError::Missing), "{missing}");
        });
    });
    assert!(shelf.stored().is_empty());
    runtime.block_on(db.remove());
}

#[tokio::test]
async fn nothing_of_a_file_can_be_read_or_entered_by_others() {
    let (db, keys) = keys().await;
    let shelf = Shelf::new();
    let received = shelf.put(&keys, now(), &picture(3 * CHUNK)).await;
    let path = shelf.stored().remove(0);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 3 * SEALED);
    assert!(!bytes.windows(MARK.len()).any(|window| window == MARK));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    for folder in path.ancestors().skip(1).take(3) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert!(received.sealed.windows(6).all(|window| window != b"Durand"));
    db.remove().await;
}

/// A way to touch what is stored: the sealed bytes, and the row.
type Touch = fn(&mut Vec<u8>, &mut StoredFile);

#[tokio::test]
async fn what_was_touched_is_refused() {
    let (db, keys) = keys().await;
    let shelf = Shelf::new();
    let touches: [(&str, Touch); 12] = [
        ("first byte flipped", |bytes, _| bytes[0] ^= 1),
        ("a middle byte flipped", |bytes, _| {
            bytes[SEALED + 900] ^= 0x80;
        }),
        ("last byte flipped", |bytes, _| {
            *bytes.last_mut().unwrap() ^= 1;
        }),
        ("a byte cut off", |bytes, _| bytes.truncate(bytes.len() - 1)),
        ("a byte added", |bytes, _| bytes.push(0)),
        ("last chunk cut off", |bytes, _| bytes.truncate(2 * SEALED)),
        ("last chunk cut off, in the row too", |bytes, row| {
            bytes.truncate(2 * SEALED);
            row.bytes = 2 * 65_536;
        }),
        ("said to be shorter", |_, row| row.bytes -= 1),
        ("said to be longer", |_, row| row.bytes += 1),
        ("two chunks swapped", |bytes, _| {
            let second: Vec<u8> = bytes.drain(SEALED..2 * SEALED).collect();
            bytes.splice(0..0, second);
        }),
        ("a chunk twice", |bytes, _| {
            let first = bytes[..SEALED].to_vec();
            bytes[SEALED..2 * SEALED].copy_from_slice(&first);
        }),
        ("emptied", |bytes, row| {
            bytes.clear();
            row.bytes = 0;
        }),
    ];
    for (what, touch) in touches {
        let received = shelf.put(&keys, now(), &picture(2 * CHUNK + 500)).await;
        let mut row = stored(&received);
        let path = shelf.stored().remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        touch(&mut bytes, &mut row);
        std::fs::write(&path, &bytes).unwrap();
        let refused = read(&shelf.files, &keys, &row)
            .await
            .map(|bytes| bytes.len());
        assert!(
            matches!(refused, Err(FileError::Damaged)),
            "{what}: {refused:?}"
        );
        shelf.files.destroy(row.tenant, row.id).await.unwrap();
    }
    db.remove().await;
}

#[tokio::test]
async fn a_file_of_another_or_of_another_network_does_not_open() {
    let (db, keys) = keys().await;
    let tenant = db.network().await;
    let strange = db.store.keys(tenant).await.unwrap();
    let shelf = Shelf::new();
    let mine = stored(&shelf.put(&keys, now(), &picture(CHUNK + 5)).await);
    let path = shelf.stored().remove(0);
    let other = stored(&shelf.put(&keys, now(), &picture(CHUNK + 5)).await);
    let foreign = stored(&shelf.put(&strange, now(), &picture(CHUNK + 5)).await);
    // The keys of one, the name of the other.
    for sealed in [&other.sealed, &foreign.sealed] {
        let row = StoredFile {
            sealed: sealed.clone(),
            ..mine.clone()
        };
        let refused = read(&shelf.files, &keys, &row)
            .await
            .map(|bytes| bytes.len());
        assert!(matches!(refused, Err(FileError::Seal(_))), "{refused:?}");
    }
    let refused = read(&shelf.files, &strange, &mine)
        .await
        .map(|bytes| bytes.len());
    assert!(matches!(refused, Err(FileError::Seal(_))), "{refused:?}");
    // The bytes of one in the place of the other.
    let bytes = std::fs::read(&path).unwrap();
    for place in shelf.stored().iter().filter(|place| **place != path) {
        std::fs::write(place, &bytes).unwrap();
    }
    for (keys, row) in [(&keys, &other), (&strange, &foreign)] {
        let refused = read(&shelf.files, keys, row).await.map(|bytes| bytes.len());
        assert!(matches!(refused, Err(FileError::Damaged)), "{refused:?}");
    }
    assert!(read(&shelf.files, &keys, &mine).await.is_ok());
    db.remove().await;
}

#[tokio::test]
async fn what_is_refused_stops_or_is_dropped_leaves_nothing() {
    let (db, keys) = keys().await;
    let shelf = Shelf::new();
    let receive = async |parts: Vec<Result<Bytes, String>>, max, name| {
        let id = FileId::new(now());
        shelf
            .files
            .receive(&keys, id, stream::iter(parts), max, name)
            .await
            .unwrap_err()
    };
    let part = |size| Ok(Bytes::from(picture(size)));
    let error = receive(vec![part(70_000), Err("gone".to_owned())], 100_000, None).await;
    assert!(matches!(error, FileError::Interrupted(_)), "{error}");
    let error = receive(vec![part(70_000), part(30_001)], 100_000, None).await;
    assert!(
        matches!(error, FileError::TooLarge { max: 100_000 }),
        "{error}"
    );
    let page = vec![Ok(Bytes::from("<html>".repeat(400)))];
    let error = receive(page, 100_000, Some("facture.pdf")).await;
    assert!(
        matches!(
            error,
            FileError::Refused(FileFault::Disguised(domain::file::Content::Page))
        ),
        "{error}"
    );
    let error = receive(vec![Ok(Bytes::from_static(b"%PDF-1.4"))], 100, None).await;
    assert!(
        matches!(error, FileError::Refused(FileFault::Truncated)),
        "{error}"
    );
    let error = receive(Vec::new(), 100, None).await;
    assert!(
        matches!(error, FileError::Refused(FileFault::Empty)),
        "{error}"
    );
    assert!(shelf.stored().is_empty());

    // A caller that goes away in the middle.
    let endless = stream::once(async move { part(100_000) })
        .chain(stream::pending::<Result<Bytes, String>>());
    let receiving =
        shelf
            .files
            .receive(&keys, FileId::new(now()), Box::pin(endless), 1 << 30, None);
    let mut receiving = Box::pin(receiving);
    while shelf.stored().is_empty() {
        assert!(futures_util::poll!(&mut receiving).is_pending());
        tokio::task::yield_now().await;
    }
    drop(receiving);
    crate::harness::until(|| shelf.stored().is_empty()).await;
    db.remove().await;
}

#[tokio::test]
async fn a_probe_tells_a_folder_that_can_be_written_from_one_that_cannot() {
    let shelf = Shelf::new();
    shelf.files.probe(now()).await.unwrap();
    assert!(shelf.stored().is_empty());
    std::fs::remove_dir_all(&shelf.folder).unwrap();
    std::fs::write(&shelf.folder, b"a file where the folder should be").unwrap();
    let refused = shelf.files.probe(now()).await.unwrap_err();
    assert!(matches!(refused, FileError::Unavailable(_)), "{refused}");
    std::fs::remove_file(&shelf.folder).unwrap();
}
