//! A body with a file in it, on its way: a chunk is asked for when the other side has taken the one
//! before, never ahead; and what is known afterwards: whether all of it left.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};

use crate::fichier::FileChunks;

/// What became of a body, told by the body itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    whole: AtomicBool,
    broken: Mutex<Option<io::ErrorKind>>,
}

impl Progress {
    /// Returns the progress of a body that is handed over at once.
    pub(crate) fn at_once() -> Self {
        let progress = Self::default();
        progress.0.whole.store(true, Ordering::Release);
        progress
    }

    /// Returns whether the last byte was handed to the connection. Before that, the other side cannot
    /// have the whole request: its announced length was not reached.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.whole.load(Ordering::Acquire)
    }

    /// Returns why our own file could not be read, when that is what ended the call.
    pub(crate) fn broken(&self) -> Option<io::ErrorKind> {
        *self.0.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: io::Error) -> io::Error {
        let mut broken = self.0.broken.lock().unwrap_or_else(PoisonError::into_inner);
        *broken = Some(error.kind());
        error
    }
}

/// A body on its way, by the stretches that have not left.
struct Upload {
    before: Option<Vec<u8>>,
    chunks: FileChunks,
    left: u64,
    after: Option<Vec<u8>>,
    progress: Progress,
}

/// Returns the pieces of a body whose file is open and of `bytes` bytes.
pub(crate) fn pieces(
    (before, after): (Vec<u8>, Vec<u8>),
    (chunks, bytes): (FileChunks, u64),
    progress: Progress,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let upload = Upload {
        before: Some(before),
        chunks,
        left: bytes,
        after: Some(after),
        progress,
    };
    stream::try_unfold(upload, step)
}

async fn step(mut upload: Upload) -> io::Result<Option<(Bytes, Upload)>> {
    if let Some(before) = upload.before.take() {
        return Ok(Some((before.into(), upload)));
    }
    if upload.after.is_none() {
        return Ok(None);
    }
    match chunk(&mut upload).await {
        Ok(Some(chunk)) => Ok(Some((chunk, upload))),
        Ok(None) => Ok(upload.after.take().map(|after| {
            upload.progress.0.whole.store(true, Ordering::Release);
            (after.into(), upload)
        })),
        Err(error) => Err(upload.progress.fail(error)),
    }
}

/// Returns the next chunk of the file, or nothing at its end, which must come when it was announced.
async fn chunk(upload: &mut Upload) -> io::Result<Option<Bytes>> {
    while let Some(chunk) = upload.chunks.next().await {
        let chunk = chunk?;
        if chunk.is_empty() {
            continue;
        }
        let bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let longer = || io::Error::new(io::ErrorKind::InvalidData, "longer than announced");
        upload.left = upload.left.checked_sub(bytes).ok_or_else(longer)?;
        return Ok(Some(chunk));
    }
    if upload.left > 0 {
        let shorter = "shorter than announced";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, shorter));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;

    use futures_util::TryStreamExt as _;

    use super::*;

    const CHUNK: usize = 64 * 1024;

    /// A file that exists nowhere, and how much of it was asked for.
    fn counted(bytes: usize) -> (FileChunks, Arc<AtomicUsize>) {
        let given = Arc::<AtomicUsize>::default();
        let counter = given.clone();
        let chunks = stream::unfold(bytes, move |left| {
            let give = left.min(CHUNK);
            counter.fetch_add(give, Ordering::SeqCst);
            async move { (give > 0).then(|| (Ok(vec![b'x'; give].into()), left - give)) }
        });
        (chunks.boxed(), given)
    }

    fn around() -> (Vec<u8>, Vec<u8>) {
        (b"before".to_vec(), b"after".to_vec())
    }

    #[tokio::test]
    async fn no_chunk_is_asked_for_before_the_one_before_it_was_taken() {
        let bytes = 10 * 1024 * 1024 + 7;
        let (chunks, given) = counted(bytes);
        let progress = Progress::default();
        let announced = u64::try_from(bytes).unwrap();
        let mut stream = pin!(pieces(around(), (chunks, announced), progress.clone()));
        let mut taken = 0;
        while let Some(piece) = stream.try_next().await.unwrap() {
            taken += piece.len();
            assert!(piece.len() <= CHUNK);
            assert!(given.load(Ordering::SeqCst) <= taken);
            assert_eq!(progress.is_whole(), taken == bytes + 11);
        }
        assert_eq!(taken, bytes + 11);
    }

    #[tokio::test]
    async fn a_file_of_another_length_than_announced_is_never_whole() {
        for (announced, kind) in [
            (9, io::ErrorKind::InvalidData),
            (11, io::ErrorKind::UnexpectedEof),
        ] {
            let progress = Progress::default();
            let stream = pieces(around(), (counted(10).0, announced), progress.clone());
            let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(
                (progress.is_whole(), progress.broken()),
                (false, Some(kind))
            );
        }
        let progress = Progress::default();
        let stream = pieces(around(), (counted(0).0, 0), progress.clone());
        let sent = stream.try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(sent, b"beforeafter");
        assert!(progress.is_whole());
    }
}
