//! The rows of a batch as they come, within its bounds.

use std::time::Duration;

use actix_web::web;
use futures_util::{Stream, StreamExt as _, stream};

use crate::http::Bounds;
use crate::http::ndjson::{Line, Lines};
use crate::http::problem::{Code, Problem};

/// How long the sender may pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// Something read from the sender: a line, or why there are no more.
pub(super) type Read = Result<Line, Problem>;

/// Reads the lines, within the bounds of a batch.
pub(super) fn rows(bounds: Bounds, payload: web::Payload) -> impl Stream<Item = Read> {
    let reader = Reader {
        payload,
        lines: Lines::new(bounds.body_bytes),
        bytes_left: bounds.batch_bytes,
        rows_left: bounds.batch_rows,
        ended: false,
    };
    stream::unfold(reader, |mut reader| async move {
        let read = reader.next().await?;
        Some((read, reader))
    })
}

struct Reader {
    payload: web::Payload,
    lines: Lines,
    bytes_left: usize,
    rows_left: usize,
    ended: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Read> {
        loop {
            if let Some(line) = self.lines.next() {
                return Some(self.counted(line));
            }
            if self.ended {
                return None;
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
