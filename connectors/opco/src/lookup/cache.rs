//! The memory of live answers: found, absent and ambiguous each for their own time, errors never.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{Siret, Timestamp};

use super::{Answer, Found, Said};

/// How long an answer that names an OPCO holds, unless a new file is loaded first.
const FOUND: Duration = Duration::from_hours(30 * 24);
/// How long "several OPCOs" and "no OPCO" hold.
const UNDECIDED: Duration = Duration::from_hours(7 * 24);
/// How long "unknown" holds: new employers appear every day.
const ABSENT: Duration = Duration::from_hours(24);
/// How long after its time a found answer may still be shown, marked as stale.
const STALE: Duration = Duration::from_hours(30 * 24);

/// What is remembered of one establishment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Memory {
    /// An answer that still holds.
    Fresh(Answer),
    /// An answer past its time, marked so.
    Stale(Answer),
    /// Nothing.
    Nothing,
}

/// The answers of the live services, up to a number of them.
#[derive(Debug)]
pub(super) struct Cache {
    kept: Mutex<HashMap<Siret, Kept>>,
    capacity: usize,
}

#[derive(Debug)]
struct Kept {
    found: Option<Found>,
    until: Timestamp,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            kept: Mutex::default(),
            capacity,
        }
    }

    /// Returns what is remembered.
    pub(super) fn recall(&self, siret: Siret, now: Timestamp) -> Memory {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(&siret) {
            Some(Kept { found, until }) if now < *until => {
                Memory::Fresh(found.clone().map_or(Answer::Absent, Answer::Found))
            }
            Some(Kept {
                found: Some(found),
                until,
            }) if now < later(*until, STALE) => Memory::Stale(Answer::Found(Found {
                stale: true,
                ..found.clone()
            })),
            _ => Memory::Nothing,
        }
    }

    /// Remembers an answer; a failure is none.
    pub(super) fn remember(&self, siret: Siret, answer: &Answer, now: Timestamp) {
        let (found, holds) = match answer {
            Answer::Found(found) => match found.said {
                Said::Owner { .. } => (Some(found.clone()), FOUND),
                Said::NoOpco | Said::Several => (Some(found.clone()), UNDECIDED),
            },
            Answer::Absent => (None, ABSENT),
            Answer::CouldNotTell(_) => return,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.capacity && !kept.contains_key(&siret) {
            make_room(&mut kept, now, self.capacity);
        }
        kept.insert(
            siret,
            Kept {
                found,
                until: later(now, holds),
            },
        );
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// Drops what no longer holds, and if that is not enough, one answer in sixteen, whichever.
fn make_room(kept: &mut HashMap<Siret, Kept>, now: Timestamp, capacity: usize) {
    kept.retain(|_, one| now < one.until);
    if kept.len() >= capacity {
        let some: Vec<Siret> = kept.keys().copied().take(capacity / 16 + 1).collect();
        for siret in some {
            kept.remove(&siret);
        }
    }
}

fn later(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}
