//! Reading a file: chunk by chunk, nothing handed out before it was opened.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::FileError;
use crate::sealing::{CHUNK, Chunks, TAG};

/// A file being read.
struct Outflow {
    source: BoxStream<'static, Result<Bytes, FileError>>,
    chunks: Chunks,
    /// Sealed bytes not opened yet.
    held: BytesMut,
    /// Clear bytes still to come.
    left: u64,
    ended: bool,
}

/// Returns the clear bytes of a sealed stream that must have exactly so many.
pub(super) fn opened(
    source: BoxStream<'static, Result<Bytes, FileError>>,
    chunks: Chunks,
    bytes: u64,
) -> BoxStream<'static, Result<Bytes, FileError>> {
    let outflow = Outflow {
        source,
        chunks,
        held: BytesMut::new(),
        left: bytes,
        ended: false,
    };
    stream::try_unfold(outflow, |mut outflow| async move {
        let next = outflow.next().await?;
        Ok(next.map(|bytes| (bytes, outflow)))
    })
    .boxed()
}

impl Outflow {
    async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
        if self.ended {
            return Ok(None);
        }
        let clear = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let sealed = clear.saturating_add(TAG);
        while self.held.len() < sealed {
            let part = self.source.next().await.ok_or(FileError::Damaged)??;
            self.held.extend_from_slice(&part);
        }
        let mut chunk = self.held.split_to(sealed);
        self.left = self
            .left
            .saturating_sub(u64::try_from(clear).unwrap_or(u64::MAX));
        self.ended = self.left == 0;
        if self.ended && !(self.held.is_empty() && self.source.next().await.is_none()) {
            return Err(FileError::Damaged);
        }
        let opened = self
            .chunks
            .open(&mut chunk, self.ended)
            .map_err(|_| FileError::Damaged)?;
        let length = opened.len();
        chunk.truncate(length);
        Ok(Some(chunk.freeze()))
    }
}
