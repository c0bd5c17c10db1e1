//! Each refusal by the words an OPCO may use, and what is not one.

use std::collections::BTreeSet;

use super::*;
use crate::outcome::{Fault, FaultItem, FaultKind};

fn item(text: &str) -> FaultItem {
    FaultItem {
        code: None,
        text: text.into(),
    }
}

/// The condensed reasons of the FAQ first, then other turns of each.
const TEXTS: &[(&str, Rejet)] = &[
    ("Facture déjà connue", Rejet::FactureDejaConnue),
    (
        "LA FACTURE FA-12 A DEJA ETE TRANSMISE",
        Rejet::FactureDejaConnue,
    ),
    (
        "Une facture portant ce numéro existe déjà",
        Rejet::FactureDejaConnue,
    ),
    (
        "IBAN différent de celui de l'échéance",
        Rejet::IbanDifferentEcheance,
    ),
    (
        "L’iban émetteur ne correspond pas à l'IBAN connu",
        Rejet::IbanDifferentEcheance,
    ),
    (
        "Le montant des frais annexes excède le plafond",
        Rejet::FraisAnnexesPlafondDepasse,
    ),
    (
        "Frais annexes : montant supérieur à l'engagé",
        Rejet::FraisAnnexesPlafondDepasse,
    ),
    (
        "L'IBAN de l'émetteur n'est pas renseigné",
        Rejet::IbanEmetteurAbsent,
    ),
    (
        "ibanEmetteur : champ obligatoire",
        Rejet::IbanEmetteurAbsent,
    ),
    (
        "Le montant de l'échéance est différent du montant attendu",
        Rejet::MontantEcheanceInattendu,
    ),
    (
        "Le montant de l’échéance ne correspond pas au montant attendu",
        Rejet::MontantEcheanceInattendu,
    ),
    ("SIRET émetteur inconnu", Rejet::SiretEmetteurInconnu),
    (
        "Le siret de l'émetteur n'est pas reconnu",
        Rejet::SiretEmetteurInconnu,
    ),
    (
        "Le SIRET de la facture est différent du SIRET de l'échéance",
        Rejet::SiretDifferentEcheance,
    ),
    (
        "Le numéro externe du dossier est absent",
        Rejet::NumeroExterneAbsent,
    ),
    (
        "Numéro de dossier non renseigné",
        Rejet::NumeroExterneAbsent,
    ),
    (
        "L'échéance n'est pas ouverte à la facturation",
        Rejet::EcheanceNonOuverte,
    ),
    (
        "L'échéance n'est pas encore ouverte",
        Rejet::EcheanceNonOuverte,
    ),
    (
        "Le montant ne correspond pas au montant attendu",
        Rejet::MontantInattendu,
    ),
    (
        "Le montant total de la facture doit correspondre à la somme des montants des lignes",
        Rejet::TotalDifferentSommeLignes,
    ),
    ("Numéro d'échéance inconnu", Rejet::EcheanceInconnue),
    ("L'échéance n° 12 n'existe pas", Rejet::EcheanceInconnue),
];

#[test]
fn each_refusal_is_known_by_its_words() {
    let lexicon = Lexicon::default();
    for (text, rejet) in TEXTS {
        assert_eq!(lexicon.recognise(&item(text)), Some(*rejet), "{text}");
        let shouted = text.to_uppercase();
        assert_eq!(
            lexicon.recognise(&item(&shouted)),
            Some(*rejet),
            "{shouted}"
        );
    }
    let covered: BTreeSet<Rejet> = TEXTS.iter().map(|(_, rejet)| *rejet).collect();
    assert_eq!(covered.len(), Rejet::ALL.len());
}

#[test]
fn the_accents_may_be_apart_from_their_letters_or_gone() {
    let lexicon = Lexicon::default();
    for text in [
        "L'e\u{301}che\u{301}ance n'est pas ouverte",
        "L'echeance n'est pas ouverte",
    ] {
        assert_eq!(
            lexicon.recognise(&item(text)),
            Some(Rejet::EcheanceNonOuverte)
        );
    }
}

#[test]
fn an_unknown_text_is_not_guessed() {
    let lexicon = Lexicon::default();
    for text in [
        "",
        "Une erreur est survenue",
        "Le premier équipement est déjà réglé",
        "Le fichier joint est illisible",
        "La clé CFA est expirée",
        "Contrat sans numéro DECA",
    ] {
        assert_eq!(lexicon.recognise(&item(text)), None, "{text}");
    }
}

#[test]
fn the_answer_of_the_sample_is_known_by_code_and_by_words() {
    let sample = include_str!("../../tests/fixtures/payload/erreur-400-facture.json");
    let body: serde_json::Value = serde_json::from_str(sample).unwrap();
    for error in body["errors"].as_array().unwrap() {
        let text = error["description"].as_str().unwrap();
        let expected = error["code"].as_str().unwrap().parse().ok();
        let lexicon = Lexicon::default();
        assert_eq!(lexicon.recognise(&item(text)), expected);
        let coded = FaultItem {
            code: Some(error["code"].as_str().unwrap().to_lowercase()),
            text: "refus".into(),
        };
        assert_eq!(lexicon.recognise(&coded), expected);
    }
}

#[test]
fn an_opco_may_have_words_of_its_own_and_they_come_first() {
    let own: Keywords = serde_json::from_value(serde_json::json!({
        "rejet": "ECHEANCE_NON_OUVERTE", "all": ["période", "Non Éligible"],
    }))
    .unwrap();
    let empty = Keywords {
        rejet: Rejet::MontantInattendu,
        all: vec![" ".into()],
        any: vec![],
    };
    let lexicon = Lexicon::new(&[empty, own]);
    let text = "Periode non eligible : montant inattendu";
    assert_eq!(
        lexicon.recognise(&item(text)),
        Some(Rejet::EcheanceNonOuverte)
    );
    assert_eq!(lexicon.recognise(&item("rien de connu")), None);
}

#[test]
fn a_refusal_of_several_messages_is_sorted() {
    let mut fault = Fault::new(FaultKind::Rejected, "told so");
    fault.items = [
        "IBAN absent",
        "Erreur 42",
        "L'IBAN est obligatoire",
        "SIRET inconnu",
    ]
    .map(item)
    .to_vec();
    let sorted = Lexicon::default().sort(&fault);
    assert_eq!(
        sorted.known,
        [Rejet::IbanEmetteurAbsent, Rejet::SiretEmetteurInconnu]
    );
    assert_eq!(sorted.unknown, [&item("Erreur 42")]);
}

#[test]
fn every_refusal_has_a_row_of_its_own() {
    let rows: Vec<Rejet> = ADVICE.iter().map(|(rejet, _)| *rejet).collect();
    assert_eq!(rows, Rejet::ALL);
}

#[test]
fn eleven_refusals_are_foreseen_by_rules_and_one_shows_with_the_key() {
    let mut foreseen = 0;
    for rejet in Rejet::ALL {
        let advice = rejet.advice();
        assert!(
            advice.message.ends_with('.') && advice.remedy.ends_with('.'),
            "{rejet}"
        );
        assert!(
            !advice.remedy.contains("  ") && !advice.message.contains("  "),
            "{rejet}"
        );
        for rule in advice.rules {
            assert!(crate::rules::find(rule).is_some(), "{rejet}: {rule}");
        }
        // FAC-013 asks the keys, which tell more than the payload and the schedule.
        foreseen += usize::from(!advice.rules.is_empty() && !advice.rules.contains(&"FAC-013"));
    }
    assert_eq!(foreseen, 11);
}
