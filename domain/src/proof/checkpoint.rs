//! What a log says of itself at a size (C2SP `tlog-checkpoint`): origin, size, root, and three lines of
//! ours: the size of the checkpoint before, when this one was signed, and the key that signs from now
//! on, if another.

use std::fmt;
use std::str::FromStr;

use super::hash::Hash;
use super::note::{NoteError, VerifierKey};
use crate::clock::Timestamp;

/// What our line of the checkpoint before starts with.
const PREVIOUS: &str = "previous ";
/// What our line of the date starts with.
const DATE: &str = "date ";
/// What our line of the next key starts with.
const NEXT: &str = "next-key ";

/// The text of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many events it has.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The size of the checkpoint before, 0 when there is none: one taken away is missed.
    pub previous: u64,
    /// When it was signed, as the signer says, to the millisecond.
    pub date: Timestamp,
    /// The key that takes over here: the note is then signed with the old one and with this.
    pub next_key: Option<VerifierKey>,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}\n{}\n{}",
            self.origin,
            self.size,
            self.root.to_base64()
        )?;
        writeln!(f, "{PREVIOUS}{}\n{DATE}{:.3}", self.previous, self.date)?;
        match &self.next_key {
            Some(key) => writeln!(f, "{NEXT}{key}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let read = read(text).ok_or(NoteError::Form)?;
        // One form only: what is written again is what was read.
        if read.to_string() == text {
            Ok(read)
        } else {
            Err(NoteError::Form)
        }
    }
}

fn read(text: &str) -> Option<Checkpoint> {
    let mut lines = text.lines();
    let origin = lines.next()?.to_owned();
    let size = lines.next()?.parse().ok()?;
    let root = Hash::from_base64(lines.next()?)?;
    let previous = lines.next()?.strip_prefix(PREVIOUS)?.parse().ok()?;
    let date = lines.next()?.strip_prefix(DATE)?.parse().ok()?;
    let next_key = match lines.next() {
        Some(line) => Some(line.strip_prefix(NEXT)?.parse().ok()?),
        None => None,
    };
    Some(Checkpoint {
        origin,
        size,
        root,
        previous,
        date,
        next_key,
    })
}
