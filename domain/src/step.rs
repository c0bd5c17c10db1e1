//! What becomes of a delivery after an exchange: one pure function of (outcome, progress, now).
//!
//! Only an explicit answer of the OPCO ends a dossier. A lost answer is looked for before anything
//! is written again, and a look that could not tell teaches nothing.

mod course;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{HoldReason, WaitReason};
use crate::outcome::{Fault, FaultKind, Outcome, Receipt};
use crate::retry::{Schedule, later};
pub use course::{Course, Sight, next_in, other_content, until_open};

/// The least wait after a look that could not tell.
pub const BLIND_LOOK_MIN: Duration = Duration::from_mins(1);
/// The longest wait after a look that could not tell, unless the OPCO asks for more.
pub const BLIND_LOOK_MAX: Duration = Duration::from_hours(1);
/// The most looks a policy may ask for.
pub const MAX_LOOKS: usize = 20;

/// What is remembered of a delivery between two exchanges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Writes opened so far, the one that just ended included; looks are not counted.
    pub attempts: u32,
    /// Looks since the last write that read everything and found nothing; not the one that just ended.
    pub looks: u32,
    /// When an answer was first lost; kept until the delivery ends.
    pub first_lost_at: Option<Timestamp>,
    /// The fault last remembered: see [`remember`].
    pub fault: Option<Fault>,
    /// Any number drawn by the caller: it spreads retries, and only ever adds to a delay.
    pub chance: u32,
}

/// What to do when every look came back empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterLost {
    /// Write again: the OPCO refuses doubles.
    Replay,
    /// A person decides.
    Hold,
}

/// How one OPCO's failures are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The delays between writes.
    pub schedule: Schedule,
    /// The delays before each look; as many empty looks are needed before absence is believed.
    pub looks: Vec<Duration>,
    /// What absence then means.
    pub after_lost: AfterLost,
}

impl Default for Policy {
    /// Returns the default schedule, four looks over eight minutes, then a person.
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            looks: [15, 45, 120, 300]
                .into_iter()
                .map(Duration::from_secs)
                .collect(),
            after_lost: AfterLost::Hold,
        }
    }
}

/// What becomes of the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The OPCO has it.
    Delivered(Receipt),
    /// The OPCO refused it, explicitly.
    Rejected(Fault),
    /// Written again by itself at an instant.
    Wait {
        /// Why it waits.
        reason: WaitReason,
        /// From when.
        until: Timestamp,
    },
    /// Looked for at an instant, before anything is written.
    Look {
        /// From when.
        at: Timestamp,
    },
    /// A person must act.
    Hold(HoldReason, Fault),
    /// Temporary failures outlasted the schedule; a person can revive it.
    Dead(Fault),
}

/// Decides what becomes of a delivery after an exchange (design §5, §6.1).
pub fn next(progress: &Progress, outcome: &Outcome, policy: &Policy, now: Timestamp) -> Next {
    match outcome {
        Outcome::Taken(receipt) | Outcome::Found(receipt) => Next::Delivered(receipt.clone()),
        Outcome::Failed(fault) => failed(progress, fault, policy, now),
        Outcome::Lost(fault) => Next::Look {
            at: later(now, first_look(policy, fault)),
        },
        Outcome::Absent => absent(progress, policy, now),
        Outcome::CouldNotTell(fault) => Next::Look {
            at: later(now, blind(progress, fault, now)),
        },
    }
}

/// Returns what to remember of the delivery once `outcome` is settled.
///
/// A lost write starts the looks afresh; an empty look counts, a blind one does not; the OPCO's
/// word that it already has the payload is kept through the looks that follow it.
pub fn remember(progress: &Progress, outcome: &Outcome, now: Timestamp) -> Progress {
    let mut kept = progress.clone();
    match outcome {
        Outcome::Taken(_) | Outcome::Found(_) => kept.fault = None,
        Outcome::Failed(fault) => {
            kept.looks = 0;
            kept.fault = Some(fault.clone());
        }
        Outcome::Lost(fault) => {
            kept.looks = 0;
            kept.first_lost_at.get_or_insert(now);
            kept.fault = Some(fault.clone());
        }
        Outcome::Absent => kept.looks = kept.looks.saturating_add(1),
        Outcome::CouldNotTell(fault) => {
            if !said_duplicate(progress) {
                kept.fault = Some(fault.clone());
            }
        }
    }
    kept
}

fn failed(progress: &Progress, fault: &Fault, policy: &Policy, now: Timestamp) -> Next {
    match fault.kind {
        FaultKind::Throttled | FaultKind::Unavailable | FaultKind::Unreadable => {
            match policy
                .schedule
                .delay(progress.attempts, fault.retry_after, progress.chance)
            {
                Some(delay) => Next::Wait {
                    reason: WaitReason::Retry,
                    until: later(now, delay.wait),
                },
                None => Next::Dead(fault.clone()),
            }
        }
        FaultKind::Rejected => Next::Rejected(fault.clone()),
        // It proves that the OPCO has such a dossier: a look tells whether it is ours, and its number.
        FaultKind::Duplicate => Next::Look {
            at: later(now, first_look(policy, fault)),
        },
        FaultKind::KeyRefused => Next::Hold(HoldReason::NoKey, fault.clone()),
        FaultKind::SoftwareRefused | FaultKind::Misconfigured => {
            Next::Hold(HoldReason::NoSoftwareCredential, fault.clone())
        }
        // A write has nothing to find, so a 404 speaks of the route, not of the payload.
        FaultKind::NotSupported | FaultKind::NotFound => {
            Next::Hold(HoldReason::FlowNotOpen, fault.clone())
        }
    }
}

fn absent(progress: &Progress, policy: &Policy, now: Timestamp) -> Next {
    let done = progress.looks.saturating_add(1);
    if let (true, None, Some(fault)) = (
        said_duplicate(progress),
        progress.first_lost_at,
        progress.fault.clone(),
    ) {
        // Nothing of ours can be there: the refusal stands.
        return Next::Rejected(fault);
    }
    let place = usize::try_from(done).unwrap_or(usize::MAX);
    if let Some(delay) = policy.looks.get(place) {
        return Next::Look {
            at: later(now, *delay),
        };
    }
    let fault = || {
        progress.fault.clone().unwrap_or_else(|| {
            Fault::new(
                FaultKind::Unreadable,
                "the answer was lost and no look found the payload",
            )
        })
    };
    match policy.after_lost {
        // It says that it has what its lists do not show: writing again would only repeat that.
        AfterLost::Replay if said_duplicate(progress) => {
            Next::Hold(HoldReason::OutcomeUnknown, fault())
        }
        AfterLost::Replay if policy.schedule.delay(progress.attempts, None, 0).is_some() => {
            Next::Wait {
                reason: WaitReason::Retry,
                until: now,
            }
        }
        AfterLost::Replay | AfterLost::Hold => Next::Hold(HoldReason::OutcomeUnknown, fault()),
    }
}

fn said_duplicate(progress: &Progress) -> bool {
    progress
        .fault
        .as_ref()
        .is_some_and(|fault| fault.kind == FaultKind::Duplicate)
}

/// Returns the wait before the first look: a policy without looks still looks once.
fn first_look(policy: &Policy, fault: &Fault) -> Duration {
    let own = policy.looks.first().copied().unwrap_or(BLIND_LOOK_MIN);
    own.max(announced(fault))
}

/// Returns the wait after a look that could not tell: half of the time already spent in doubt.
fn blind(progress: &Progress, fault: &Fault, now: Timestamp) -> Duration {
    let spent = progress.first_lost_at.map_or(Duration::ZERO, |lost| {
        Duration::try_from(now.duration_since(lost)).unwrap_or(Duration::ZERO)
    });
    (spent / 2)
        .clamp(BLIND_LOOK_MIN, BLIND_LOOK_MAX)
        .max(announced(fault))
}

fn announced(fault: &Fault) -> Duration {
    fault
        .retry_after
        .unwrap_or_default()
        .min(crate::retry::RETRY_AFTER_CAP)
}

#[cfg(test)]
mod tests;
