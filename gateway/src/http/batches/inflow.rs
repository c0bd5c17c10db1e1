//! The rows of a batch as they come, within its bounds.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::Instant;

use crate::http::Bounds;
use crate::http::ndjson::{Line, Lines};
use crate::http::problem::{Code, Problem};

/// How long the sender may pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How long the sender may take in all, however steadily it goes on.
const WHOLE_MAX: Duration = Duration::from_hours(1);

/// Something read from the sender: a line, or why there are no more.
pub(super) type Read = Result<Line, Problem>;

/// Reads the lines, within the bounds of a batch.
pub(super) fn rows<S: Chunks>(bounds: Bounds, payload: S) -> impl Stream<Item = Read> {
    let reader = Reader {
        payload,
        lines: Lines::new(bounds.body_bytes),
        bytes_left: bounds.batch_bytes,
        rows_left: bounds.batch_rows,
        ends_at: Instant::now() + WHOLE_MAX,
        ended: false,
    };
    stream::unfold(reader, |mut reader| async move {
        let read = reader.next().await?;
        Some((read, reader))
    })
}

/// The body of a request, as it comes.
pub(super) trait Chunks: Stream<Item = Result<Bytes, PayloadError>> + Unpin {}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Chunks for S {}

struct Reader<S> {
    payload: S,
    lines: Lines,
    bytes_left: usize,
    rows_left: usize,
    ends_at: Instant,
    ended: bool,
}

impl<S: Chunks> Reader<S> {
    async fn next(&mut self) -> Option<Read> {
        loop {
            if let Some(line) = self.lines.next() {
                return Some(self.counted(line));
            }
            if self.ended {
                return None;
            }
            if Instant::now() >= self.ends_at {
                let detail =
                    "Le lot a duré plus d'une heure ; les lignes suivantes sont à renvoyer.";
                return Some(self.stop(Problem::new(Code::TooSlow, detail)));
            }
            match tokio::time::timeout(PAUSE_MAX, self.payload.next()).await {
                Err(_) => return Some(self.stop(Problem::plain(Code::TooSlow))),
                Ok(Some(Err(_))) => {
                    let detail = "Le corps s'est interrompu avant sa fin.";
                    return Some(self.stop(Problem::new(Code::InvalidRequest, detail)));
                }
                Ok(Some(Ok(chunk))) => match self.bytes_left.checked_sub(chunk.len()) {
                    None => {
                        let max = "Le lot dépasse la taille permise ; les lignes suivantes sont à renvoyer.";
                        return Some(self.stop(Problem::new(Code::TooLarge, max)));
                    }
                    Some(left) => {
                        self.bytes_left = left;
                        self.lines.push(&chunk);
                    }
                },
                Ok(None) => {
                    self.ended = true;
                    let line = self.lines.last()?;
                    return Some(self.counted(line));
                }
            }
        }
    }

    fn counted(&mut self, line: Line) -> Read {
        let Some(left) = self.rows_left.checked_sub(1) else {
            let max = "Le lot a trop de lignes ; celles qui suivent sont à renvoyer.";
            return self.stop(Problem::new(Code::TooLarge, max));
        };
        self.rows_left = left;
        Ok(line)
    }

    fn stop(&mut self, problem: Problem) -> Read {
        self.ended = true;
        self.lines = Lines::new(0);
        Err(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_never_ends_is_stopped_after_an_hour() {
        let bounds = Bounds {
            body_bytes: 100,
            batch_bytes: usize::MAX,
            batch_rows: usize::MAX,
            file_bytes: 0,
            upload: Duration::ZERO,
        };
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(PAUSE_MAX / 2).await;
            Some((Ok(Bytes::from_static(b"x\n")), ()))
        });
        let read: Vec<Read> = rows(bounds, Box::pin(drip)).take(1_000).collect().await;
        assert_eq!(read.iter().filter(|read| read.is_ok()).count(), 120);
        let problem = read.last().unwrap().as_ref().unwrap_err();
        assert_eq!((read.len(), problem.code()), (121, Code::TooSlow));
    }
}
