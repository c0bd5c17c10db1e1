//! What the gateway notices by itself and tells: which conditions there are, how grave each is, and when
//! it is told. `docs/alerts.md` has the formulas.
//!
//! An alert is told when it begins, again each time it grows past its next step, and once when it ends.
//! Nothing here reads a clock or a table: the round of the gateway brings what was counted.

pub mod drift;
pub mod pulse;
pub mod silence;
mod steps;
mod wording;

use std::fmt;

use crate::opco::{Instance, words};
use crate::siret::Siret;

pub use self::steps::{
    BREAKER_GRACE_S, UNKNOWN_FIELD_DAYS, UNKNOWN_STATE_DAYS, backlog, breaker, key_expiry,
    unknown_field, unknown_state,
};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// A CFA key nears its end, or has passed it.
    KeyExpiry,
    /// A site that usually sends at this hour of this weekday no longer does.
    SenderSilent,
    /// An OPCO that usually tells of its dossiers at this hour of this weekday no longer does.
    OpcoSilent,
    /// An OPCO refuses more than its own past weeks show, or one of its refusals comes more often.
    RefusalDrift,
    /// An OPCO is slower than its own past weeks show.
    LatencyDrift,
    /// What should have left is old.
    Backlog,
    /// An OPCO is left at rest because its calls fail.
    BreakerOpen,
    /// An OPCO spells states that nobody knows.
    UnknownState,
    /// An OPCO begins to send fields that nobody knows.
    UnknownField,
}

words!(Condition {
    KeyExpiry = "key_expiry",
    SenderSilent = "sender_silent",
    OpcoSilent = "opco_silent",
    RefusalDrift = "refusal_drift",
    LatencyDrift = "latency_drift",
    Backlog = "backlog",
    BreakerOpen = "breaker_open",
    UnknownState = "unknown_state",
    UnknownField = "unknown_field",
});

/// How grave it is, from the mildest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Somebody should look today.
    Warning,
    /// Somebody should look now.
    Critical,
}

words!(Severity {
    Notice = "notice",
    Warning = "warning",
    Critical = "critical",
});

impl Condition {
    /// Returns how grave a step of it is; steps count from 1.
    pub fn severity(self, level: u8) -> Severity {
        use Severity::{Critical, Notice, Warning};
        let grave: &[Severity] = match self {
            Self::KeyExpiry | Self::Backlog => &[Notice, Warning, Critical],
            Self::BreakerOpen | Self::SenderSilent | Self::RefusalDrift => &[Warning, Critical],
            Self::OpcoSilent | Self::LatencyDrift => &[Warning, Warning, Critical],
            Self::UnknownState => &[Notice, Warning],
            Self::UnknownField => &[Warning],
        };
        let place = usize::from(level.saturating_sub(1)).min(grave.len().saturating_sub(1));
        grave.get(place).copied().unwrap_or(Critical)
    }
}

/// What an alert is about. Never anything of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The site.
    pub site: Option<Siret>,
    /// The system of an OPCO.
    pub instance: Option<Instance>,
    /// What of it: the code of a refusal, how slow.
    pub part: Option<String>,
}

impl Subject {
    /// Returns the subject that is a site.
    pub fn site(site: Siret) -> Self {
        Self {
            site: Some(site),
            ..Self::default()
        }
    }

    /// Returns the subject that is a system of an OPCO.
    pub fn system(instance: Instance) -> Self {
        Self {
            instance: Some(instance),
            ..Self::default()
        }
    }
}

impl fmt::Display for Subject {
    /// Writes the stable name by which two tellings are of the same alert.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        if let Some(site) = &self.site {
            f.write_str(site.as_str())?;
            before = " ";
        }
        if let Some(instance) = self.instance {
            write!(f, "{before}{instance}")?;
            before = " ";
        }
        if let Some(part) = &self.part {
            write!(f, "{before}{part}")?;
        }
        Ok(())
    }
}

/// How bad something is at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Which of its steps it has reached, from 1; 0 when all is well.
    pub level: u8,
    /// What was measured, in the unit of the condition: days, hours, thousandths, seconds, how many.
    pub value: i64,
    /// What past weeks show, where the condition compares.
    pub usual: Option<i64>,
}

impl Measure {
    /// All is well.
    pub const WELL: Self = Self {
        level: 0,
        value: 0,
        usual: None,
    };
}

/// What is kept of an alert that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The highest step that was told; 0 when nothing was.
    pub told: u8,
}

/// What to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Nothing that was not told already.
    Nothing,
    /// It begins and nobody is to hear of it now: a person silenced it.
    Begins,
    /// It begins, or has grown to this step.
    Raised(u8),
    /// It has ended; whether anybody had been told that it began.
    Ended {
        /// Whether its beginning was told.
        was_told: bool,
    },
}

/// Decides what to tell. A step that was told is not told again while the alert lasts, even when it falls
/// back and rises again; what a person silenced is told when the silence ends, if it still lasts.
pub fn telling(kept: Option<Kept>, level: u8, silenced: bool) -> Telling {
    match kept {
        None if level == 0 => Telling::Nothing,
        None if silenced => Telling::Begins,
        None => Telling::Raised(level),
        Some(kept) if level == 0 => Telling::Ended {
            was_told: kept.told > 0,
        },
        Some(kept) if level > kept.told && !silenced => Telling::Raised(level),
        Some(_) => Telling::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opco::Opco;

    /// Plays levels one after the other, and returns what was told at each.
    fn played(levels: &[(u8, bool)]) -> Vec<Telling> {
        let mut kept: Option<Kept> = None;
        let mut told = Vec::new();
        for (level, silenced) in levels {
            let telling = telling(kept, *level, *silenced);
            kept = match telling {
                Telling::Nothing => kept,
                Telling::Begins => Some(Kept { told: 0 }),
                Telling::Raised(level) => Some(Kept { told: level }),
                Telling::Ended { .. } => None,
            };
            told.push(telling);
        }
        told
    }

    #[test]
    fn it_is_told_once_when_it_begins_once_for_each_step_and_once_when_it_ends() {
        use Telling::{Ended, Nothing, Raised};
        let levels = [0, 1, 1, 2, 1, 2, 4, 3, 0, 0, 1].map(|level| (level, false));
        let ended = Ended { was_told: true };
        assert_eq!(
            played(&levels),
            [
                Nothing,
                Raised(1),
                Nothing,
                Raised(2),
                Nothing,
                Nothing,
                Raised(4),
                Nothing,
                ended,
                Nothing,
                Raised(1)
            ]
        );
    }

    #[test]
    fn what_a_person_silenced_is_told_when_the_silence_ends_if_it_still_lasts() {
        use Telling::{Begins, Ended, Nothing, Raised};
        assert_eq!(
            played(&[(1, true), (2, true), (2, false), (0, true)]),
            [Begins, Nothing, Raised(2), Ended { was_told: true }]
        );
        assert_eq!(
            played(&[(1, true), (0, true)]),
            [Begins, Ended { was_told: false }]
        );
        assert_eq!(
            played(&[(1, false), (3, true), (3, false)]),
            [Raised(1), Nothing, Raised(3)]
        );
    }

    #[test]
    fn no_condition_gets_milder_as_it_grows() {
        for condition in Condition::ALL {
            let steps: Vec<Severity> = (1..=6).map(|level| condition.severity(level)).collect();
            assert!(steps.is_sorted(), "{condition}");
        }
        assert_eq!(Condition::KeyExpiry.severity(1), Severity::Notice);
        assert_eq!(Condition::KeyExpiry.severity(5), Severity::Critical);
    }

    #[test]
    fn a_subject_has_one_name() {
        let subject = Subject {
            site: Some("73282932000074".parse().unwrap()),
            instance: Some(Instance::first(Opco::Akto)),
            part: Some("E12".to_owned()),
        };
        assert_eq!(subject.to_string(), "73282932000074 akto/1 E12");
        let system = Subject::system(Instance::first(Opco::Akto));
        assert_eq!(system.to_string(), "akto/1");
    }
}
