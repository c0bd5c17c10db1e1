//! A hundred files at once cost what a hundred chunks cost, not what a hundred files cost.

use std::sync::Arc;

use bytes::Bytes;
use domain::id::FileId;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Barrier;

use super::{MAX, Shelf, picture, stored};
use crate::harness::{Database, now};

/// How many files come in at once.
const AT_ONCE: usize = 100;
/// How many pieces of how many bytes make one of them: ten megabytes.
const PIECES: usize = 160;
const PIECE: usize = 65_536;
/// What the process may grow by, in KiB: an eighth of what comes in.
const GROWTH_KIB: u64 = 128 * 1024;

/// The most memory this process ever had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_files_of_ten_megabytes_at_once_are_never_held() {
    let db = Database::sqlite().await;
    let keys = db.store.keys(db.network().await).await.unwrap();
    let shelf = Shelf::new();
    let piece = Bytes::from(vec![7; PIECE]);
    let half_way = Arc::new(Barrier::new(AT_ONCE));
    let before = peak_kib();
    let uploads = (0..AT_ONCE).map(|_| {
        let (piece, half_way) = (piece.clone(), Arc::clone(&half_way));
        let pieces = stream::iter(0..PIECES).then(move |at| {
            let (piece, half_way) = (piece.clone(), Arc::clone(&half_way));
            async move {
                if at == PIECES / 2 {
                    // Nobody goes on before all are here: they are all on their way at once.
                    half_way.wait().await;
                }
                Ok::<_, String>(piece)
            }
        });
        let head = stream::once(async { Ok(Bytes::from(picture(46))) });
        let content = Box::pin(head.chain(pieces));
        shelf
            .files
            .receive(&keys, FileId::new(now()), content, MAX, None)
    });
    let received = join_all(uploads).await;
    let mut read = 0;
    for received in received {
        let file = stored(&received.unwrap());
        let mut parts = shelf.files.read(&keys, &file).await.unwrap();
        while let Some(part) = parts.try_next().await.unwrap() {
            read += part.len();
        }
    }
    assert_eq!(read, AT_ONCE * (PIECES * PIECE + 46));
    let growth = peak_kib() - before;
    assert!(growth < GROWTH_KIB, "grew by {growth} KiB");
    db.remove().await;
}
