//! One dossier's event that an ERP does not take must not hold back the news of all others: the event and
//! those of its dossier behind it are put aside and tried in their own time, while the rest goes on.
//!
//! An event is put aside only once the ERP took another after it: who takes nothing is down, and everything
//! waits in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Timestamp;
use store::webhooks::parking::{EVENTS_MAX, Parked, SUBJECTS_MAX, Subject};

use super::wire::{Call, Outcome};

/// How many tries of an event fail before others are tried before it.
const FAILURES_BEFORE: u32 = 2;
/// How many events of other dossiers are tried, at most, to see whether the ERP takes any.
const PROBES_MAX: usize = 5;
/// The longest rest of an endpoint that answers and refuses the only dossier it has news of: what comes
/// meanwhile would wait as long.
pub(super) const ALONE_REST_MAX: Duration = Duration::from_mins(30);

/// What events are about that concern no dossier.
const NOBODY: Subject = [0; 16];

/// What is put aside of an endpoint, and what may have to be.
#[derive(Debug, Default)]
pub(super) struct Lot {
    rows: BTreeMap<i64, Parked>,
    /// Events passed over since one was not taken; they count once another is.
    pending: Vec<Parked>,
    changed: BTreeSet<i64>,
    gone: BTreeSet<i64>,
}

/// What is to be written of it.
pub(super) struct Changes {
    pub(super) put: Vec<Parked>,
    pub(super) gone: Vec<i64>,
}

impl Lot {
    pub(super) fn new(parked: Vec<Parked>) -> Self {
        Self {
            rows: parked.into_iter().map(|one| (one.position, one)).collect(),
            ..Self::default()
        }
    }

    /// Returns whether no event has to be told apart by its dossier.
    pub(super) fn is_idle(&self) -> bool {
        self.rows.is_empty() && self.pending.is_empty()
    }

    /// Returns whether the end of what was told depends on what the ERP takes next.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns whether the ERP was tried with nothing but the dossier that is stuck.
    pub(super) fn is_alone(&self) -> bool {
        let first = self.pending.first();
        self.stuck() == 1 && first.is_some_and(|one| one.subject != NOBODY)
    }

    /// Returns the event to try again now.
    pub(super) fn due(&self, now: Timestamp) -> Option<Parked> {
        let is_due = |one: &&Parked| one.due_at.is_some_and(|due| due <= now);
        self.rows.values().find(is_due).copied()
    }

    /// An event put aside was taken, or is no longer told: the next of its dossier follows at once.
    pub(super) fn taken(&mut self, one: &Parked, now: Timestamp) {
        self.rows.remove(&one.position);
        self.changed.remove(&one.position);
        self.gone.insert(one.position);
        let same = |next: &&mut Parked| next.subject == one.subject;
        if let Some(next) = self.rows.values_mut().find(same) {
            next.due_at = Some(now);
            self.changed.insert(next.position);
        }
    }

    /// An event put aside was not taken again.
    pub(super) fn failed(&mut self, one: &Parked, now: Timestamp, due_at: Timestamp) {
        if let Some(row) = self.rows.get_mut(&one.position) {
            row.failures = row.failures.saturating_add(1);
            row.failing_since.get_or_insert(now);
            row.due_at = Some(due_at);
            self.changed.insert(one.position);
        }
    }

    /// Passes an event over when another of its dossier is before it. Returns whether it was; not when
    /// there is no room, and then nothing may follow.
    pub(super) fn passes(&mut self, position: i64, subject: Subject) -> Passed {
        let parked = self.rows.values().chain(&self.pending);
        if !parked.into_iter().any(|one| one.subject == subject) {
            return Passed::Not;
        }
        if self.rows.len() + self.pending.len() >= EVENTS_MAX {
            return Passed::NoRoom;
        }
        self.pass(Parked {
            position,
            subject,
            failures: 0,
            failing_since: None,
            due_at: None,
        });
        Passed::Over
    }

    /// An event was not taken: passes it over, to see whether others are, if it may be.
    pub(super) fn stuck_at(&mut self, one: Parked, call: &Call) -> bool {
        let known: BTreeSet<Subject> = self.rows.values().map(|row| row.subject).collect();
        let may = is_about_one_event(call)
            && (self.is_pending() || one.failures >= FAILURES_BEFORE)
            && self.stuck() <= PROBES_MAX
            && known.len() + self.stuck() < SUBJECTS_MAX
            && self.rows.len() + self.pending.len() < EVENTS_MAX;
        if may {
            self.pending.push(one);
        }
        may
    }

    /// The ERP took an event after those passed over: they are put aside. Returns the events it did not
    /// take.
    pub(super) fn confirm(&mut self) -> Vec<i64> {
        let pending = std::mem::take(&mut self.pending);
        let stuck = pending.iter().filter(|one| one.due_at.is_some());
        let stuck = stuck.map(|one| one.position).collect();
        for one in pending {
            self.keep(one);
        }
        stuck
    }

    /// Returns what is to be written; what was passed over and not put aside is tried again.
    pub(super) fn changes(self) -> Changes {
        let rows = self.rows;
        Changes {
            put: rows
                .into_values()
                .filter(|one| self.changed.contains(&one.position))
                .collect(),
            gone: self.gone.into_iter().collect(),
        }
    }

    fn stuck(&self) -> usize {
        let stuck = self.pending.iter().filter(|one| one.due_at.is_some());
        stuck.count()
    }

    fn pass(&mut self, one: Parked) {
        if self.is_pending() {
            self.pending.push(one);
        } else {
            self.keep(one);
        }
    }

    fn keep(&mut self, one: Parked) {
        self.changed.insert(one.position);
        self.rows.insert(one.position, one);
    }
}

/// Whether an event is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// It is to be told.
    Not,
    /// It is told after those of its dossier before it.
    Over,
    /// It should be, and there is no room.
    NoRoom,
}

/// Returns whether a failure may be about one event: an ERP that is down, or asks to be left alone, says
/// nothing about any.
fn is_about_one_event(call: &Call) -> bool {
    matches!(call.outcome, Outcome::Refused | Outcome::TimedOut)
        && call.retry_after.is_none()
        && call.status != Some(429)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn call(outcome: Outcome, status: Option<u16>, retry_after: Option<u64>) -> Call {
        Call {
            outcome,
            status,
            retry_after: retry_after.map(Duration::from_secs),
            took: Duration::ZERO,
        }
    }

    fn stuck(position: i64, subject: u8, failures: u32) -> Parked {
        Parked {
            position,
            subject: [subject; 16],
            failures,
            failing_since: Some(NOW),
            due_at: Some(NOW),
        }
    }

    fn refused() -> Call {
        call(Outcome::Refused, Some(500), None)
    }

    #[test]
    fn what_is_stuck_is_put_aside_with_what_follows_it_once_another_is_taken() {
        let mut lot = Lot::default();
        assert!(!lot.stuck_at(stuck(1, 1, 1), &refused()), "once is chance");
        assert!(lot.stuck_at(stuck(1, 1, 2), &refused()));
        assert!(lot.is_alone() && lot.is_pending());
        assert_eq!(lot.passes(2, [1; 16]), Passed::Over);
        assert_eq!(lot.passes(3, [2; 16]), Passed::Not);
        assert_eq!(lot.confirm(), [1]);
        assert_eq!(lot.passes(4, [1; 16]), Passed::Over);
        let first = lot.due(NOW).unwrap();
        assert_eq!(first.position, 1);
        lot.taken(&first, NOW);
        let next = lot.due(NOW).unwrap();
        assert_eq!(next.position, 2, "in the order of the log");
        lot.failed(&next, NOW, Timestamp::MAX);
        assert_eq!(lot.due(NOW), None, "the third waits behind the second");
        let changes = lot.changes();
        assert_eq!(changes.gone, [1]);
        let put: Vec<_> = changes
            .put
            .iter()
            .map(|one| (one.position, one.failures))
            .collect();
        assert_eq!(put, [(2, 1), (4, 0)]);
    }

    #[test]
    fn of_an_erp_that_takes_nothing_nothing_is_put_aside() {
        let mut lot = Lot::default();
        for subject in 1..=6 {
            assert!(
                lot.stuck_at(stuck(subject.into(), subject, 2), &refused()),
                "{subject}"
            );
        }
        assert!(
            !lot.stuck_at(stuck(7, 7, 2), &refused()),
            "enough were tried"
        );
        assert!(!lot.is_alone());
        let changes = lot.changes();
        assert!(changes.put.is_empty() && changes.gone.is_empty());
    }

    #[test]
    fn who_is_down_or_asks_for_rest_says_nothing_about_an_event() {
        for call in [
            call(Outcome::Unreachable, None, None),
            call(Outcome::Gone, Some(410), None),
            call(Outcome::Refused, Some(429), None),
            call(Outcome::Refused, Some(503), Some(60)),
        ] {
            assert!(!Lot::default().stuck_at(stuck(1, 1, 9), &call), "{call:?}");
        }
        let slow = call(Outcome::TimedOut, None, None);
        assert!(Lot::default().stuck_at(stuck(1, 1, 2), &slow));
    }

    #[test]
    fn there_is_an_end_to_what_is_put_aside() {
        let many = (1..=20).map(|subject| stuck(subject.into(), subject, 2));
        let mut full = Lot::new(many.collect());
        assert!(!full.stuck_at(stuck(99, 99, 2), &refused()));
        let long = (1..=i64::try_from(EVENTS_MAX).unwrap()).map(|position| Parked {
            position,
            ..stuck(1, 1, 2)
        });
        full = Lot::new(long.collect());
        assert_eq!(full.passes(5_000, [1; 16]), Passed::NoRoom);
        assert_eq!(full.passes(5_000, [2; 16]), Passed::Not);
    }
}
