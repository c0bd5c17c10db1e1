//! The answer of a batch, line by line. It never makes the request wait: many senders read nothing
//! until they have sent everything.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::web::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// How much of the answer may wait for a sender that does not read it yet.
const PENDING_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// The side that writes the answer. It waits while too much of it is unread.
pub(super) struct Sender {
    lines: mpsc::UnboundedSender<(Bytes, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

/// The sender went away.
pub(super) struct Gone;

impl Sender {
    /// Writes one line.
    pub(super) async fn send(&mut self, line: &impl Serialize) -> Result<(), Gone> {
        let mut bytes = serde_json::to_vec(line).map_err(|_| Gone)?;
        bytes.push(b'\n');
        let weight = u32::try_from(bytes.len())
            .unwrap_or(PENDING_BYTES_MAX)
            .min(PENDING_BYTES_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(weight);
        let permit = tokio::select! {
            permit = room => permit.map_err(|_| Gone)?,
            () = self.lines.closed() => return Err(Gone),
        };
        self.lines
            .send((Bytes::from(bytes), permit))
            .map_err(|_| Gone)
    }
}

/// Makes the two sides of an answer.
pub(super) fn answer() -> (Sender, impl Stream<Item = Result<Bytes, Infallible>>) {
    let (lines, receiver) = mpsc::unbounded_channel();
    let room = usize::try_from(PENDING_BYTES_MAX).unwrap_or(usize::MAX >> 4);
    let sender = Sender {
        lines,
        room: Arc::new(Semaphore::new(room)),
    };
    let answer = stream::unfold(receiver, |mut receiver| async move {
        let (line, _permit) = receiver.recv().await?;
        Some((Ok(line), receiver))
    });
    (sender, answer)
}
