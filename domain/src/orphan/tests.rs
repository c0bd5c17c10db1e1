//! Each cause for which the norm misses a pair, and what holds for any two lists.

use jiff::civil::Date;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    nom: &'static str,
    prenom: &'static str,
    birth: Date,
    siret: &'static str,
    start: Date,
    cfa: &'static str,
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn martin() -> Record {
    Record {
        nom: "MARTIN",
        prenom: "Hélène",
        birth: day("2005-04-17"),
        siret: "12345678200010",
        start: day("2026-09-01"),
        cfa: "98765432400019",
    }
}

fn sides(records: &[Record]) -> Vec<Side<'_>> {
    let side = |record: &'_ Record| Side {
        traits: Traits {
            nom: record.nom,
            prenom: record.prenom,
            date_naissance: record.birth,
            siret_employeur: record.siret,
            date_debut_contrat: record.start,
            nir: None,
        },
        siret_cfa: Some(record.cfa),
    };
    records.iter().map(side).collect()
}

fn paired(ours: &[Record], theirs: &[Record]) -> Pairings {
    pair(&sides(ours), &sides(theirs))
}

#[test]
fn the_norms_key_pairs_without_a_question() {
    let found = paired(&[martin()], &[martin()]);
    assert!(found.proposals[0].is_sure() && found.proposals[0].mismatches.is_empty());
    assert!(found.only_ours.is_empty() && found.only_theirs.is_empty());
}

/// Each way in which one contract may be written twice, its causes, and whether nobody needs to look.
fn ways() -> Vec<(Record, Vec<Mismatch>, bool)> {
    let start = day("2026-09-15");
    let cfa = "98765432400027";
    vec![
        (
            Record {
                prenom: "HELENE",
                ..martin()
            },
            vec![Mismatch::Spelling],
            true,
        ),
        (Record { cfa, ..martin() }, vec![Mismatch::CfaSiret], true),
        (
            Record {
                nom: "MARTEN",
                ..martin()
            },
            vec![Mismatch::Names],
            false,
        ),
        (
            Record {
                birth: day("2005-04-18"),
                ..martin()
            },
            vec![Mismatch::BirthDate],
            false,
        ),
        (
            Record { start, ..martin() },
            vec![Mismatch::StartDate],
            false,
        ),
        (
            Record {
                siret: "12345678200028",
                ..martin()
            },
            vec![Mismatch::EmployerSiret],
            false,
        ),
        (
            Record {
                prenom: "Helene",
                start,
                cfa,
                ..martin()
            },
            vec![Mismatch::Spelling, Mismatch::StartDate, Mismatch::CfaSiret],
            false,
        ),
    ]
}

#[test]
fn each_cause_is_named() {
    for (theirs, causes, sure) in ways() {
        let found = paired(&[martin()], std::slice::from_ref(&theirs));
        assert_eq!(found.proposals.len(), 1, "{theirs:?}");
        let proposal = &found.proposals[0];
        assert_eq!(
            (&proposal.mismatches, proposal.is_sure()),
            (&causes, sure),
            "{theirs:?}"
        );
    }
}

#[test]
fn names_in_each_others_place_are_a_cause_too() {
    let swapped = Record {
        nom: "Hélène",
        prenom: "MARTIN",
        ..martin()
    };
    let found = paired(&[martin()], &[swapped]);
    assert_eq!(found.proposals[0].mismatches, [Mismatch::Names]);
    assert_eq!(found.proposals[0].likeness.reason, Reason::SwappedNames);
}

#[test]
fn strangers_stay_alone() {
    let stranger = Record {
        nom: "LEROY",
        prenom: "Paul",
        birth: day("2001-01-02"),
        ..martin()
    };
    let found = paired(&[martin()], &[stranger]);
    assert_eq!((found.only_ours, found.only_theirs), (vec![0], vec![0]));
    assert!(found.proposals.is_empty());
}

#[test]
fn the_likelier_pairing_is_made_first_and_leaves_the_other_alone() {
    let moved = Record {
        start: day("2026-09-15"),
        ..martin()
    };
    let found = paired(&[martin()], &[moved, martin()]);
    assert_eq!(
        (found.proposals[0].theirs, found.proposals[0].ambiguous),
        (1, false)
    );
    assert_eq!(found.only_theirs, [0]);
}

#[test]
fn two_that_are_as_likely_need_a_person() {
    let found = paired(&[martin()], &[martin(), martin()]);
    assert!(found.proposals[0].ambiguous && !found.proposals[0].is_sure());
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (
        prop::sample::select(vec!["MARTIN", "Martin", "MARTEN", "LEROY"]),
        prop::sample::select(vec!["Hélène", "HELENE", "Paul"]),
        1..4_i8,
        prop::sample::select(vec!["12345678200010", "12345678200028"]),
        1..4_i8,
    )
        .prop_map(|(nom, prenom, birth, siret, start)| Record {
            nom,
            prenom,
            birth: Date::new(2005, 4, birth).unwrap(),
            siret,
            start: Date::new(2026, 9, start).unwrap(),
            cfa: "98765432400019",
        });
    prop::collection::vec(record, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_record_is_in_one_place_and_one_only(ours in records(), theirs in records()) {
        let found = paired(&ours, &theirs);
        let mut mine: Vec<usize> = found.proposals.iter().map(|p| p.ours).collect();
        mine.extend(&found.only_ours);
        mine.sort_unstable();
        prop_assert_eq!(mine, (0..ours.len()).collect::<Vec<_>>());
        let mut other: Vec<usize> = found.proposals.iter().map(|p| p.theirs).collect();
        other.extend(&found.only_theirs);
        other.sort_unstable();
        prop_assert_eq!(other, (0..theirs.len()).collect::<Vec<_>>());
    }

    #[test]
    fn an_equal_record_is_never_left_for_a_lesser_one(ours in records()) {
        let found = paired(&ours, &ours);
        prop_assert_eq!(found.proposals.len(), ours.len());
        for proposal in found.proposals {
            prop_assert_eq!(proposal.likeness.score, 100);
        }
    }
}
