//! Spellings that are one name, and pairs of contracts with what they are worth.

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn alice() -> Traits<'static> {
    Traits {
        nom: "MARTIN",
        prenom: "Alice",
        date_naissance: day("2005-04-07"),
        siret_employeur: "12345678200010",
        date_debut_contrat: day("2026-09-01"),
        nir: None,
    }
}

#[test]
fn spellings_of_one_name_fold_alike() {
    for (a, b) in [
        ("Lefèvre", "LEFEVRE"),
        ("Jean-Pierre", "JEAN PIERRE"),
        ("D'Almeida", "DALMEIDA"),
        ("D’Almeida", "D ALMEIDA"),
        ("de La Tour", "TOUR"),
        ("de Souza", "SOUZA"),
        ("du Pont", "Pont"),
        ("Le Goff", "LEGOFF"),
        ("Cœur", "COEUR"),
        ("Nu\u{308}nez", "NUNEZ"),
        ("Strauß", "STRAUSS"),
        ("  MARTIN ", "martin"),
    ] {
        assert!(folded_eq(a, b), "{a} / {b}: {} / {}", fold(a), fold(b));
    }
}

#[test]
fn different_names_stay_different_and_none_becomes_empty() {
    assert!(!folded_eq("Martin", "Martinet"));
    assert_eq!(fold("De"), "de");
    assert_eq!(fold("Le"), "le");
    assert_eq!(fold("Иванов"), "иванов");
    assert_eq!(fold(""), "");
}

#[test]
fn the_pairing_text_ignores_spelling_and_nothing_else() {
    let other = Traits {
        nom: "Martín",
        prenom: "ALICE",
        ..alice()
    };
    assert_eq!(pairing_text(&alice()), pairing_text(&other));
    for changed in [
        Traits {
            nom: "Alice",
            prenom: "Martin",
            ..alice()
        },
        Traits {
            date_naissance: day("2005-04-08"),
            ..alice()
        },
        Traits {
            siret_employeur: "98765432400019",
            ..alice()
        },
        Traits {
            date_debut_contrat: day("2026-09-02"),
            ..alice()
        },
    ] {
        assert_ne!(pairing_text(&alice()), pairing_text(&changed));
    }
}

#[test]
fn each_near_key_survives_what_it_is_for() {
    let nir = Some("205049399999992");
    let [a_nir, a_contract, a_person] = near_texts(&Traits { nir, ..alice() });
    let swapped = Traits {
        nom: "ALICE",
        prenom: "martin",
        nir: Some("2050493999999"),
        ..alice()
    };
    let [b_nir, b_contract, b_person] = near_texts(&swapped);
    assert_eq!(
        (&a_nir, &a_contract, &a_person),
        (&b_nir, &b_contract, &b_person)
    );

    let turned = Traits {
        nom: "MARTON",
        date_naissance: day("2005-07-04"),
        ..alice()
    };
    let [none, contract, person] = near_texts(&turned);
    assert_eq!(none, None);
    assert_eq!(contract, a_contract);
    assert_ne!(person, a_person);
}

/// The names, birth date, employer and start of a contract near to [`alice`]'s, and why it is near.
const NEAR: [(&str, &str, &str, &str, &str, Reason); 11] = [
    (
        "Martin",
        "ALICE",
        "2005-04-07",
        "12345678200010",
        "2026-09-01",
        Reason::Same,
    ),
    (
        "ALICE",
        "MARTIN",
        "2005-04-07",
        "12345678200010",
        "2026-09-01",
        Reason::SwappedNames,
    ),
    (
        "MARTEN",
        "Alice",
        "2005-04-07",
        "12345678200010",
        "2026-09-01",
        Reason::OneLetter,
    ),
    (
        "MARTIN",
        "Alcie",
        "2005-04-07",
        "12345678200010",
        "2026-09-01",
        Reason::OneLetter,
    ),
    (
        "MARTIN",
        "Alic",
        "2005-04-07",
        "12345678200010",
        "2026-09-01",
        Reason::OneLetter,
    ),
    (
        "MARTIN-DUPONT",
        "Alice",
        "2005-04-07",
        "12345678200010",
        "2026-09-01",
        Reason::PartOfName,
    ),
    (
        "MARTIN",
        "Alice",
        "2005-07-04",
        "12345678200010",
        "2026-09-01",
        Reason::DayMonthSwapped,
    ),
    (
        "MARTIN",
        "Alice",
        "2005-04-17",
        "12345678200010",
        "2026-09-01",
        Reason::BirthDate,
    ),
    (
        "MARTIN",
        "Alice",
        "2005-04-07",
        "12345678200028",
        "2026-09-01",
        Reason::OtherContract,
    ),
    (
        "MARTIN",
        "Alice",
        "2005-04-07",
        "98765432400019",
        "2026-09-01",
        Reason::OtherContract,
    ),
    (
        "MARTIN",
        "Alice",
        "2005-04-07",
        "12345678200010",
        "2026-09-15",
        Reason::OtherContract,
    ),
];

#[test]
fn near_contracts_are_held_with_the_reason() {
    for (nom, prenom, birth, siret_employeur, start, reason) in NEAR {
        let other = Traits {
            nom,
            prenom,
            date_naissance: day(birth),
            siret_employeur,
            date_debut_contrat: day(start),
            nir: None,
        };
        let likeness = score(&alice(), &other);
        assert_eq!(likeness.reason, reason);
        assert!(likeness.score >= HOLD_AT, "{reason}: {}", likeness.score);
        assert_eq!(likeness, score(&other, &alice()));
    }
}

#[test]
fn one_number_under_two_names_is_held() {
    let nir = Some("205049399999992");
    let married = Traits {
        nom: "DURAND",
        nir,
        ..alice()
    };
    let likeness = score(&Traits { nir, ..alice() }, &married);
    assert_eq!(
        likeness,
        Likeness {
            score: 95,
            reason: Reason::SameNir
        }
    );
}

#[test]
fn what_is_no_duplicate_is_not_held() {
    let next_contract = Traits {
        date_debut_contrat: day("2028-09-01"),
        ..alice()
    };
    let likeness = score(&alice(), &next_contract);
    assert_eq!(
        likeness,
        Likeness {
            score: 35,
            reason: Reason::OtherContract
        }
    );

    let colleague = Traits {
        nom: "DURAND",
        prenom: "Bruno",
        ..alice()
    };
    assert!(score(&alice(), &colleague).score < HOLD_AT);

    let one = Traits {
        prenom: "Léa",
        nir: Some("205049399999992"),
        ..alice()
    };
    let twin = Traits {
        prenom: "Léo",
        nir: Some("105049399999995"),
        ..alice()
    };
    assert!(score(&one, &twin).score <= 40, "twins are two persons");
}

#[test]
fn a_payload_gives_its_traits() {
    let pairing = Pairing {
        nom: "MARTIN".into(),
        prenom: "Alice".into(),
        date_naissance: day("2005-04-07"),
        siret_employeur: "12345678200010".parse().unwrap(),
        date_debut_contrat: day("2026-09-01"),
    };
    let nir: Nir = "205049399999992".parse().unwrap();
    let traits = Traits::new(&pairing, Some(&nir));
    assert_eq!(pairing_text(&traits), pairing_text(&alice()));
    assert_eq!(near_texts(&traits)[0].as_deref(), Some("nir|2050493999999"));
}

proptest! {
    #[test]
    fn folding_twice_is_folding_once(name in "\\PC{0,40}") {
        let once = fold(&name);
        prop_assert_eq!(&fold(&once), &once);
    }

    #[test]
    fn a_score_is_symmetric_and_a_percentage(
        a in "[a-zéè' -]{1,12}", b in "[a-zéè' -]{1,12}", c in "[a-zéè' -]{1,12}",
    ) {
        let one = Traits { nom: &a, prenom: &c, ..alice() };
        let two = Traits { nom: &b, prenom: &a, ..alice() };
        let likeness = score(&one, &two);
        prop_assert_eq!(likeness, score(&two, &one));
        prop_assert!(likeness.score <= 100);
    }
}
