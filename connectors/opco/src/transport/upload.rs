//! A body with a file in it, on its way: read a chunk at a time as the other side takes it, never
//! ahead; and what is known afterwards: whether all of it left.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, Stream};
use tokio::io::AsyncReadExt as _;

use crate::fichier::FileReader;

/// How much of a file is in memory at once, for each call.
pub(crate) const CHUNK: usize = 64 * 1024;

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
    reader: FileReader,
    left: u64,
    after: Option<Vec<u8>>,
    progress: Progress,
}

/// Returns the pieces of a body whose file is open and of `bytes` bytes.
pub(crate) fn pieces(
    (before, after): (Vec<u8>, Vec<u8>),
    (reader, bytes): (FileReader, u64),
    progress: Progress,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    let upload = Upload {
        before: Some(before),
        reader,
        left: bytes,
        after: Some(after),
        progress,
    };
    stream::try_unfold(upload, step)
}

async fn step(mut upload: Upload) -> io::Result<Option<(Vec<u8>, Upload)>> {
    if let Some(before) = upload.before.take() {
        return Ok(Some((before, upload)));
    }
    if upload.left > 0 {
        return match chunk(&mut upload).await {
            Ok(chunk) => Ok(Some((chunk, upload))),
            Err(error) => Err(upload.progress.fail(error)),
        };
    }
    let Some(after) = upload.after.take() else {
        return Ok(None);
    };
    match upload.reader.read(&mut [0]).await {
        Ok(0) => {
            upload.progress.0.whole.store(true, Ordering::Release);
            Ok(Some((after, upload)))
        }
        Ok(_) => {
            let longer = io::Error::new(io::ErrorKind::InvalidData, "longer than announced");
            Err(upload.progress.fail(longer))
        }
        Err(error) => Err(upload.progress.fail(error)),
    }
}

async fn chunk(upload: &mut Upload) -> io::Result<Vec<u8>> {
    let most = usize::try_from(upload.left).map_or(CHUNK, |left| left.min(CHUNK));
    let mut chunk = vec![0; most];
    let read = upload.reader.read(&mut chunk).await?;
    if read == 0 {
        let shorter = "shorter than announced";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, shorter));
    }
    chunk.truncate(read);
    upload.left = upload
        .left
        .saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
    Ok(chunk)
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Poll};

    use futures_util::TryStreamExt as _;
    use tokio::io::{AsyncRead, ReadBuf};

    use super::*;

    /// A file without bytes in memory, which counts what is asked of it.
    struct Counted {
        left: usize,
        given: Arc<AtomicUsize>,
        largest: Arc<AtomicUsize>,
    }

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.largest.fetch_max(buffer.remaining(), Ordering::SeqCst);
            let give = self.left.min(buffer.remaining());
            buffer.put_slice(&vec![b'x'; give]);
            self.left -= give;
            self.given.fetch_add(give, Ordering::SeqCst);
            Poll::Ready(Ok(()))
        }
    }

    fn counted(bytes: usize) -> (FileReader, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let (given, largest) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let reader = Box::pin(Counted {
            left: bytes,
            given: given.clone(),
            largest: largest.clone(),
        });
        (reader, given, largest)
    }

    fn around() -> (Vec<u8>, Vec<u8>) {
        (b"before".to_vec(), b"after".to_vec())
    }

    #[tokio::test]
    async fn no_more_than_a_chunk_is_read_ahead_of_what_was_taken() {
        let bytes = 10 * 1024 * 1024 + 7;
        let (reader, given, largest) = counted(bytes);
        let progress = Progress::default();
        let stream = pieces(
            around(),
            (reader, u64::try_from(bytes).unwrap()),
            progress.clone(),
        );
        let mut stream = pin!(stream);
        let mut taken = 0;
        while let Some(piece) = stream.try_next().await.unwrap() {
            taken += piece.len();
            assert!(piece.len() <= CHUNK);
            assert!(given.load(Ordering::SeqCst) <= taken);
            assert_eq!(progress.is_whole(), taken == bytes + 11);
        }
        assert_eq!(taken, bytes + 11);
        assert!(largest.load(Ordering::SeqCst) <= CHUNK);
    }

    #[tokio::test]
    async fn a_file_of_another_length_than_announced_is_never_whole() {
        for (announced, kind) in [
            (9, io::ErrorKind::InvalidData),
            (11, io::ErrorKind::UnexpectedEof),
        ] {
            let progress = Progress::default();
            let (reader, ..) = counted(10);
            let stream = pieces(around(), (reader, announced), progress.clone());
            let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(
                (progress.is_whole(), progress.broken()),
                (false, Some(kind))
            );
        }
        let progress = Progress::default();
        let (reader, ..) = counted(0);
        let stream = pieces(around(), (reader, 0), progress.clone());
        assert_eq!(
            stream.try_collect::<Vec<_>>().await.unwrap().concat(),
            b"beforeafter"
        );
        assert!(progress.is_whole());
    }
}
