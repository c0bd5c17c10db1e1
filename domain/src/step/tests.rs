//! Every outcome, and the promises that hold for all of them.

use proptest::prelude::*;

use super::*;
use crate::retry::RETRY_AFTER_CAP;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-09-01T12:00:00Z")
}

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, "told so")
}

fn first() -> Progress {
    Progress {
        attempts: 1,
        ..Progress::default()
    }
}

fn receipt() -> Receipt {
    Receipt {
        numero_interne: Some("42".into()),
        ..Receipt::default()
    }
}

fn replaying() -> Policy {
    Policy {
        after_lost: AfterLost::Replay,
        ..Policy::default()
    }
}

/// Plays outcomes one after the other, as the gateway does, and returns the last decision.
fn play(policy: &Policy, outcomes: &[Outcome]) -> Next {
    let mut progress = Progress::default();
    let mut now = noon();
    let mut decision = Next::Wait {
        reason: WaitReason::Retry,
        until: now,
    };
    for outcome in outcomes {
        if let Next::Wait { until, .. } = decision {
            progress.attempts += 1;
            now = until;
        }
        if let Next::Look { at } = decision {
            now = at;
        }
        decision = next(&progress, outcome, policy, now);
        progress = remember(&progress, outcome, now);
    }
    decision
}

#[test]
fn a_taken_payload_is_delivered() {
    let next = next(
        &first(),
        &Outcome::Taken(receipt()),
        &Policy::default(),
        noon(),
    );
    assert_eq!(next, Next::Delivered(receipt()));
}

#[test]
fn an_operator_that_is_down_makes_the_payload_wait_and_dies_only_after_days() {
    let policy = Policy::default();
    for kind in [
        FaultKind::Unavailable,
        FaultKind::Throttled,
        FaultKind::Unreadable,
    ] {
        let mut progress = Progress::default();
        let mut now = noon();
        loop {
            progress.attempts += 1;
            match next(&progress, &Outcome::Failed(fault(kind)), &policy, now) {
                Next::Wait {
                    reason: WaitReason::Retry,
                    until,
                } => {
                    assert!(until > now);
                    now = until;
                }
                end => {
                    assert_eq!(end, Next::Dead(fault(kind)));
                    break;
                }
            }
        }
        let days = now.duration_since(noon()).as_secs() / 86_400;
        assert!(days >= 7, "{kind}: dead after {days} days");
    }
}

#[test]
fn an_announced_delay_is_a_floor() {
    let asked = Fault {
        retry_after: Some(Duration::from_secs(90)),
        ..fault(FaultKind::Throttled)
    };
    let next = next(
        &first(),
        &Outcome::Failed(asked),
        &Policy::default(),
        noon(),
    );
    assert_eq!(
        next,
        Next::Wait {
            reason: WaitReason::Retry,
            until: at("2026-09-01T12:01:30Z")
        }
    );
}

#[test]
fn what_only_a_person_can_mend_is_held_with_its_reason() {
    for (kind, reason) in [
        (FaultKind::KeyRefused, HoldReason::NoKey),
        (FaultKind::SoftwareRefused, HoldReason::NoSoftwareCredential),
        (FaultKind::Misconfigured, HoldReason::NoSoftwareCredential),
        (FaultKind::NotSupported, HoldReason::FlowNotOpen),
        (FaultKind::NotFound, HoldReason::FlowNotOpen),
    ] {
        let next = next(
            &first(),
            &Outcome::Failed(fault(kind)),
            &Policy::default(),
            noon(),
        );
        assert_eq!(next, Next::Hold(reason, fault(kind)));
    }
}

#[test]
fn a_lost_answer_is_looked_for_several_times_then_held() {
    let lost = Outcome::Lost(fault(FaultKind::Unavailable));
    let policy = Policy::default();
    let mut outcomes = vec![lost.clone()];
    for _ in 0..policy.looks.len() {
        assert!(matches!(play(&policy, &outcomes), Next::Look { .. }));
        outcomes.push(Outcome::Absent);
    }
    let held = Next::Hold(HoldReason::OutcomeUnknown, fault(FaultKind::Unavailable));
    assert_eq!(play(&policy, &outcomes), held);
}

#[test]
fn an_absent_payload_is_written_again_where_doubles_are_refused() {
    let mut outcomes = vec![Outcome::Lost(fault(FaultKind::Unavailable))];
    outcomes.extend(std::iter::repeat_n(Outcome::Absent, 4));
    assert!(matches!(
        play(&replaying(), &outcomes),
        Next::Wait {
            reason: WaitReason::Retry,
            ..
        }
    ));

    // The replay is lost too: the looks start afresh.
    outcomes.push(Outcome::Lost(fault(FaultKind::Unavailable)));
    outcomes.push(Outcome::Absent);
    assert!(matches!(play(&replaying(), &outcomes), Next::Look { .. }));

    outcomes.push(Outcome::Found(receipt()));
    assert_eq!(play(&replaying(), &outcomes), Next::Delivered(receipt()));
}

#[test]
fn replays_that_are_always_lost_end_with_a_person() {
    let mut outcomes = Vec::new();
    for _ in 0..=Schedule::default().retries() {
        outcomes.push(Outcome::Lost(fault(FaultKind::Unavailable)));
        outcomes.extend(std::iter::repeat_n(Outcome::Absent, 4));
    }
    assert_eq!(
        play(&replaying(), &outcomes),
        Next::Hold(HoldReason::OutcomeUnknown, fault(FaultKind::Unavailable))
    );
}

#[test]
fn a_duplicate_on_a_replay_is_looked_for_and_never_written_again() {
    let mut outcomes = vec![Outcome::Lost(fault(FaultKind::Unavailable))];
    outcomes.extend(std::iter::repeat_n(Outcome::Absent, 4));
    outcomes.push(Outcome::Failed(fault(FaultKind::Duplicate)));
    assert!(matches!(play(&replaying(), &outcomes), Next::Look { .. }));

    let mut found = outcomes.clone();
    found.push(Outcome::Found(receipt()));
    assert_eq!(play(&replaying(), &found), Next::Delivered(receipt()));

    outcomes.push(Outcome::CouldNotTell(fault(FaultKind::Unavailable)));
    outcomes.extend(std::iter::repeat_n(Outcome::Absent, 4));
    assert_eq!(
        play(&replaying(), &outcomes),
        Next::Hold(HoldReason::OutcomeUnknown, fault(FaultKind::Duplicate))
    );
}

#[test]
fn a_duplicate_on_a_first_write_is_looked_for_once() {
    let duplicate = Outcome::Failed(fault(FaultKind::Duplicate));
    let policy = replaying();
    assert!(matches!(
        play(&policy, std::slice::from_ref(&duplicate)),
        Next::Look { .. }
    ));
    assert_eq!(
        play(&policy, &[duplicate.clone(), Outcome::Found(receipt())]),
        Next::Delivered(receipt())
    );
    let blind = Outcome::CouldNotTell(fault(FaultKind::Unavailable));
    assert!(matches!(
        play(&policy, &[duplicate.clone(), blind.clone()]),
        Next::Look { .. }
    ));
    assert_eq!(
        play(&policy, &[duplicate, blind, Outcome::Absent]),
        Next::Rejected(fault(FaultKind::Duplicate))
    );
}

#[test]
fn blind_looks_never_become_a_verdict_and_grow_apart() {
    let policy = Policy::default();
    let mut progress = first();
    let lost = Outcome::Lost(fault(FaultKind::Unavailable));
    progress = remember(&progress, &lost, noon());
    let mut now = noon();
    for _ in 0..2_000 {
        let blind = Outcome::CouldNotTell(fault(FaultKind::Unavailable));
        let Next::Look { at } = next(&progress, &blind, &policy, now) else {
            panic!("a blind look decided something");
        };
        assert!(at > now);
        assert!(Duration::try_from(at.duration_since(now)).unwrap() <= BLIND_LOOK_MAX);
        progress = remember(&progress, &blind, now);
        now = at;
    }
    assert_eq!(progress.looks, 0);
}

fn faults() -> impl Strategy<Value = Fault> {
    (
        proptest::sample::select(FaultKind::ALL),
        proptest::option::of(0_u64..1_000_000),
    )
        .prop_map(|(kind, asked)| Fault {
            retry_after: asked.map(Duration::from_secs),
            ..fault(kind)
        })
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Taken(receipt())),
        faults().prop_map(Outcome::Failed),
        faults().prop_map(Outcome::Lost),
        Just(Outcome::Found(receipt())),
        Just(Outcome::Absent),
        faults().prop_map(Outcome::CouldNotTell),
    ]
}

fn progresses() -> impl Strategy<Value = Progress> {
    (
        0_u32..50,
        0_u32..10,
        any::<bool>(),
        proptest::option::of(faults()),
        any::<u32>(),
    )
        .prop_map(|(attempts, looks, lost, fault, chance)| Progress {
            attempts,
            looks,
            first_lost_at: lost.then(|| at("2026-08-31T00:00:00Z")),
            fault,
            chance,
        })
}

proptest! {
    #[test]
    fn a_lost_answer_never_leads_straight_to_a_write(
        progress in progresses(), lost in faults(), replay: bool,
    ) {
        let policy = if replay { replaying() } else { Policy::default() };
        let next = next(&progress, &Outcome::Lost(lost), &policy, noon());
        prop_assert!(matches!(next, Next::Look { at } if at > noon()), "{:?}", next);
    }

    #[test]
    fn only_an_explicit_answer_ends_a_dossier(
        progress in progresses(), outcome in outcomes(), replay: bool,
    ) {
        let policy = if replay { replaying() } else { Policy::default() };
        match next(&progress, &outcome, &policy, noon()) {
            Next::Delivered(_) => {
                prop_assert!(matches!(outcome, Outcome::Taken(_) | Outcome::Found(_)));
            }
            Next::Rejected(fault) => {
                prop_assert!(matches!(fault.kind, FaultKind::Rejected | FaultKind::Duplicate));
                prop_assert!(matches!(outcome, Outcome::Failed(_) | Outcome::Absent));
            }
            Next::Dead(fault) => {
                prop_assert!(fault.kind.is_temporary());
                prop_assert!(matches!(outcome, Outcome::Failed(_)));
            }
            Next::Wait { .. } | Next::Look { .. } | Next::Hold(..) => {}
        }
    }

    #[test]
    fn nothing_comes_back_before_the_announced_instant(
        progress in progresses(), outcome in outcomes(),
    ) {
        let asked = match &outcome {
            Outcome::Failed(f) | Outcome::Lost(f) | Outcome::CouldNotTell(f) => f.retry_after,
            Outcome::Taken(_) | Outcome::Found(_) | Outcome::Absent => None,
        };
        let floor = later(noon(), asked.unwrap_or_default().min(RETRY_AFTER_CAP));
        match next(&progress, &outcome, &replaying(), noon()) {
            Next::Wait { until, .. } => prop_assert!(until >= floor),
            Next::Look { at } => prop_assert!(at >= floor),
            _ => {}
        }
    }
}
