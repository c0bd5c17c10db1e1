//! Files of lines written by a thread of their own, so that no answer waits in the runtime's way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::oneshot;

use crate::settings::LedgerSync;

/// How many lines may wait for the thread before a caller is held back.
const MOST_WAITING: usize = 65_536;
/// The most lines one sync covers.
const LARGEST_GROUP: usize = 4_096;

/// One line, and who waits for it.
struct Line {
    bytes: Vec<u8>,
    done: Option<oneshot::Sender<bool>>,
}

/// A file that lines are added to.
pub(crate) struct Writer {
    lines: SyncSender<Line>,
}

impl Writer {
    /// Opens or creates a file for adding. A line cut short by a crash is ended first.
    pub(crate) fn open(path: &Path, sync: LedgerSync) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)?;
        let mut length = file.seek(SeekFrom::End(0))?;
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0_u8];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        let (lines, waiting) = sync_channel(MOST_WAITING);
        std::thread::Builder::new()
            .name("simulator-writer".to_owned())
            .spawn(move || write_all(file, length, sync, &waiting))?;
        Ok(Self { lines })
    }

    /// Adds a line and returns whether it is safe, as safe as the settings ask.
    pub(crate) async fn append(&self, bytes: Vec<u8>) -> bool {
        let (done, answer) = oneshot::channel();
        self.lines
            .send(Line {
                bytes,
                done: Some(done),
            })
            .is_ok()
            && answer.await.unwrap_or(false)
    }

    /// Adds a line nobody waits for.
    pub(crate) fn push(&self, bytes: Vec<u8>) {
        if self.lines.send(Line { bytes, done: None }).is_err() {
            tracing::error!("the request log is no longer written");
        }
    }

    /// Waits for the lines pushed so far.
    pub(crate) async fn flush(&self) -> bool {
        self.append(Vec::new()).await
    }
}

fn write_all(mut file: File, mut length: u64, sync: LedgerSync, waiting: &Receiver<Line>) {
    let largest = if sync == LedgerSync::Each {
        1
    } else {
        LARGEST_GROUP
    };
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        // Whatever came during the last sync goes with the next; no timer.
        while group.len() < largest {
            match waiting.try_recv() {
                Ok(line) => group.push(line),
                Err(_) => break,
            }
        }
        let bytes: Vec<u8> = group.iter().flat_map(|line| &line.bytes).copied().collect();
        let written = file.write_all(&bytes).and_then(|()| match sync {
            LedgerSync::Off => Ok(()),
            _ if bytes.is_empty() => Ok(()),
            LedgerSync::Each | LedgerSync::Grouped => file.sync_data(),
        });
        match &written {
            Ok(()) => length += u64::try_from(bytes.len()).unwrap_or(0),
            Err(error) => {
                tracing::error!(%error, "a file of the simulator could not be written");
                // What was half written must not stand: nobody was told it is there.
                if let Err(error) = file.set_len(length) {
                    tracing::error!(%error, "and could not be cut back: no more lines are taken");
                    return;
                }
            }
        }
        for line in group {
            if let Some(done) = line.done {
                // The caller may have gone; the line stands all the same.
                let _gone = done.send(written.is_ok());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_added_after_what_a_crash_cut_short() {
        let path = std::env::temp_dir().join(format!("simulator-writer-{}", std::process::id()));
        std::fs::write(&path, b"{\"whole\":1}\n{\"cut").unwrap();
        let writer = Writer::open(&path, LedgerSync::Grouped).unwrap();
        assert!(writer.append(b"{\"next\":2}\n".to_vec()).await);
        writer.push(b"{\"last\":3}\n".to_vec());
        assert!(writer.flush().await);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "{\"whole\":1}\n{\"cut\n{\"next\":2}\n{\"last\":3}\n");
    }
}
