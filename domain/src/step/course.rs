//! What follows a lost answer, kind by kind (design §6.1): which look exists, and what is done where
//! none does.

use jiff::civil::Date;

use super::{AfterLost, Next, Policy, Progress, next, said_duplicate};
use crate::calendar;
use crate::clock::Timestamp;
use crate::delivery::{HoldReason, Kind, WaitReason};
use crate::outcome::{Fault, FaultKind, Outcome, Receipt};
use crate::retry::later;

/// How a payload whose answer was lost can be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sight {
    /// The list of dossiers, then the details of the new ones, by the pairing key.
    Etats,
    /// The list of invoices, by our number.
    FacturesEtats,
    /// The schedule: did what is under review or paid move as expected?
    Echeancier,
    /// The state of the dossier.
    Dossier,
    /// The norm has no read for it.
    Nothing,
}

/// How one kind is treated at one OPCO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// How it is looked for.
    pub sight: Sight,
    /// When, and what absence means.
    pub policy: Policy,
}

impl Course {
    /// Returns the course of a kind. `policy` is the profile's; `invoice_states` says whether the
    /// OPCO lists invoices (V2); `resend_unseen` is the profile's word on what cannot be looked for.
    ///
    /// An invoice is always sent again when every look was empty: a double is refused by its number,
    /// and that refusal proves that the first one arrived.
    pub fn of(kind: Kind, policy: Policy, invoice_states: bool, resend_unseen: bool) -> Self {
        let replay = |replay| {
            if replay {
                AfterLost::Replay
            } else {
                AfterLost::Hold
            }
        };
        let (sight, after_lost) = match kind {
            Kind::Dossier => (Sight::Etats, policy.after_lost),
            Kind::Facture if invoice_states => (Sight::FacturesEtats, AfterLost::Replay),
            Kind::Facture => (Sight::Echeancier, AfterLost::Replay),
            Kind::Rupture => (Sight::Dossier, policy.after_lost),
            Kind::Convention | Kind::Certificat | Kind::Document => {
                (Sight::Nothing, replay(resend_unseen))
            }
        };
        Self {
            sight,
            policy: Policy {
                after_lost,
                ..policy
            },
        }
    }
}

/// Decides what becomes of a delivery of any kind after an exchange. For a contract it is [`next`].
pub fn next_in(progress: &Progress, outcome: &Outcome, course: &Course, now: Timestamp) -> Next {
    let lost_before = progress.first_lost_at.is_some();
    match (course.sight, outcome) {
        (Sight::Nothing, Outcome::Lost(fault) | Outcome::CouldNotTell(fault)) => {
            unseen(progress, fault, course, now)
        }
        (Sight::Nothing, Outcome::Absent) => {
            let fault = Fault::new(
                FaultKind::Unreadable,
                "the answer was lost and nothing can tell",
            );
            unseen(progress, &fault, course, now)
        }
        // After a lost answer, "already known" is the answer.
        (Sight::Nothing, Outcome::Failed(fault)) if fault.kind == FaultKind::Duplicate => {
            if lost_before {
                Next::Delivered(Receipt::default())
            } else {
                Next::Rejected(fault.clone())
            }
        }
        // A schedule may take days to show an invoice that the OPCO says it knows. It was ours: the
        // first write was lost, and its number is ours alone.
        (Sight::Echeancier, Outcome::Absent) if lost_before && said_duplicate(progress) => {
            match next(progress, outcome, &course.policy, now) {
                Next::Hold(HoldReason::OutcomeUnknown, _) => Next::Delivered(Receipt::default()),
                other => other,
            }
        }
        _ => next(progress, outcome, &course.policy, now),
    }
}

/// Without a look, the profile decides: a person, or one more write at the schedule's own pace.
fn unseen(progress: &Progress, fault: &Fault, course: &Course, now: Timestamp) -> Next {
    let delay = match course.policy.after_lost {
        AfterLost::Hold => None,
        AfterLost::Replay => {
            course
                .policy
                .schedule
                .delay(progress.attempts, fault.retry_after, progress.chance)
        }
    };
    match delay {
        Some(delay) => Next::Wait {
            reason: WaitReason::Retry,
            until: later(now, delay.wait),
        },
        None => Next::Hold(HoldReason::OutcomeUnknown, fault.clone()),
    }
}

/// Returns what becomes of an invoice that the OPCO has under our number with another content: only a
/// person can tell which one is right.
pub fn other_content(fault: Fault) -> Next {
    Next::Hold(HoldReason::ProbableDuplicate, fault)
}

/// Returns what becomes of an invoice refused because its échéance is not open: it goes again on the
/// day the schedule tells, at the earliest tomorrow, since the OPCO has just said *not today*.
pub fn until_open(opens_on: Option<Date>, now: Timestamp) -> Next {
    let tomorrow = calendar::day_in_france(now).tomorrow().unwrap_or(Date::MAX);
    let day = opens_on.map_or(tomorrow, |opens| opens.max(tomorrow));
    Next::Wait {
        reason: WaitReason::OpeningDate,
        until: calendar::start_of_day_in_france(day),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::step::remember;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn noon() -> Timestamp {
        at("2026-09-01T12:00:00Z")
    }

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, "told so")
    }

    fn lost() -> Outcome {
        Outcome::Lost(fault(FaultKind::Unavailable))
    }

    fn course(kind: Kind, states: bool, resend: bool) -> Course {
        Course::of(kind, Policy::default(), states, resend)
    }

    /// Plays outcomes one after the other, as the gateway does, and returns the last decision.
    fn play(course: &Course, outcomes: &[Outcome]) -> Next {
        let mut progress = Progress::default();
        let mut now = noon();
        let mut decision = Next::Wait {
            reason: WaitReason::Retry,
            until: now,
        };
        for outcome in outcomes {
            match &decision {
                Next::Wait { until, .. } => {
                    progress.attempts += 1;
                    now = *until;
                }
                Next::Look { at } => now = *at,
                _ => {}
            }
            decision = next_in(&progress, outcome, course, now);
            progress = remember(&progress, outcome, now);
        }
        decision
    }

    fn absences(outcomes: &mut Vec<Outcome>) {
        outcomes.extend(std::iter::repeat_n(Outcome::Absent, 4));
    }

    #[test]
    fn every_kind_has_its_look_or_none() {
        for (kind, states, sight) in [
            (Kind::Dossier, false, Sight::Etats),
            (Kind::Facture, true, Sight::FacturesEtats),
            (Kind::Facture, false, Sight::Echeancier),
            (Kind::Rupture, false, Sight::Dossier),
            (Kind::Convention, true, Sight::Nothing),
            (Kind::Certificat, true, Sight::Nothing),
            (Kind::Document, true, Sight::Nothing),
        ] {
            assert_eq!(course(kind, states, false).sight, sight, "{kind}");
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_held_unless_the_profile_resends() {
        for kind in [Kind::Convention, Kind::Certificat, Kind::Document] {
            let held = play(&course(kind, true, false), &[lost()]);
            assert_eq!(
                held,
                Next::Hold(HoldReason::OutcomeUnknown, fault(FaultKind::Unavailable))
            );
            let again = play(&course(kind, true, true), &[lost()]);
            assert!(
                matches!(again, Next::Wait { reason: WaitReason::Retry, until } if until > noon())
            );
        }
    }

    #[test]
    fn what_is_resent_and_always_lost_ends_with_a_person() {
        let course = course(Kind::Document, false, true);
        let outcomes: Vec<Outcome> = std::iter::repeat_with(lost)
            .take(course.policy.schedule.retries() + 1)
            .collect();
        assert!(matches!(
            play(&course, &outcomes),
            Next::Hold(HoldReason::OutcomeUnknown, _)
        ));
    }

    #[test]
    fn already_known_is_a_success_only_after_a_lost_answer() {
        let known = Outcome::Failed(fault(FaultKind::Duplicate));
        let course = course(Kind::Convention, false, true);
        let first = play(&course, std::slice::from_ref(&known));
        assert_eq!(first, Next::Rejected(fault(FaultKind::Duplicate)));
        let again = play(&course, &[lost(), known]);
        assert_eq!(again, Next::Delivered(Receipt::default()));
    }

    #[test]
    fn a_lost_invoice_is_looked_for_then_sent_again_whatever_the_profile_says_of_contracts() {
        for states in [true, false] {
            let course = course(Kind::Facture, states, false);
            let mut outcomes = vec![lost()];
            assert!(matches!(play(&course, &outcomes), Next::Look { .. }));
            absences(&mut outcomes);
            assert!(matches!(play(&course, &outcomes), Next::Wait { .. }));
        }
    }

    #[test]
    fn an_invoice_known_after_a_replay_is_delivered_where_only_the_schedule_could_tell() {
        let mut outcomes = vec![lost()];
        absences(&mut outcomes);
        outcomes.push(Outcome::Failed(fault(FaultKind::Duplicate)));
        let schedule = course(Kind::Facture, false, false);
        let states = course(Kind::Facture, true, false);
        assert!(matches!(play(&schedule, &outcomes), Next::Look { .. }));
        assert!(matches!(play(&states, &outcomes), Next::Look { .. }));
        absences(&mut outcomes);
        assert_eq!(
            play(&schedule, &outcomes),
            Next::Delivered(Receipt::default())
        );
        // A list that does not show what the OPCO says it has is a riddle for a person.
        assert!(matches!(
            play(&states, &outcomes),
            Next::Hold(HoldReason::OutcomeUnknown, _)
        ));
    }

    #[test]
    fn an_invoice_known_on_its_first_write_and_seen_nowhere_is_refused() {
        let known = Outcome::Failed(fault(FaultKind::Duplicate));
        let course = course(Kind::Facture, false, false);
        let end = play(&course, &[known, Outcome::Absent]);
        assert_eq!(end, Next::Rejected(fault(FaultKind::Duplicate)));
    }

    #[test]
    fn a_termination_follows_the_profile() {
        let mut outcomes = vec![lost()];
        absences(&mut outcomes);
        assert!(matches!(
            play(&course(Kind::Rupture, false, true), &outcomes),
            Next::Hold(..)
        ));
        let policy = Policy {
            after_lost: AfterLost::Replay,
            ..Policy::default()
        };
        let replaying = Course::of(Kind::Rupture, policy, false, false);
        assert!(matches!(play(&replaying, &outcomes), Next::Wait { .. }));
    }

    #[test]
    fn an_announced_delay_is_a_floor_for_what_is_resent() {
        let asked = Fault {
            retry_after: Some(Duration::from_mins(10)),
            ..fault(FaultKind::Unavailable)
        };
        let next = play(
            &course(Kind::Document, false, true),
            &[Outcome::Lost(asked)],
        );
        let floor = at("2026-09-01T12:10:00Z");
        assert!(matches!(next, Next::Wait { until, .. } if until >= floor));
    }

    #[test]
    fn an_invoice_that_came_too_early_goes_again_when_its_echeance_opens() {
        let opens = |day: &str| until_open(Some(day.parse().unwrap()), noon());
        let wait = |until| Next::Wait {
            reason: WaitReason::OpeningDate,
            until: at(until),
        };
        assert_eq!(opens("2027-03-01"), wait("2027-02-28T23:00:00Z"));
        assert_eq!(opens("2026-09-01"), wait("2026-09-01T22:00:00Z"));
        assert_eq!(until_open(None, noon()), wait("2026-09-01T22:00:00Z"));
        assert!(matches!(
            other_content(fault(FaultKind::Duplicate)),
            Next::Hold(..)
        ));
    }
}
