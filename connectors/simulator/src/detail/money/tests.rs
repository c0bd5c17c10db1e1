//! The money of a dossier is written as the sample writes it.

use jiff::civil::date;

use super::*;
use crate::book::{Annexes, Shares};
use crate::opcos;
use crate::schedule::{Terms, build};

fn account() -> Account {
    let terms = Terms {
        debut: date(2026, 9, 1),
        fin: date(2028, 8, 31),
        diplome: 54,
        type_contrat: 11,
        mostly_remote: false,
        handicap: false,
        siret_cfa: "98765432400019".to_owned(),
        deca_stem: "093202609".to_owned(),
    };
    let position = |echeance| Position {
        echeance,
        paid: Shares::default(),
        review: Shares::default(),
        last_paid_ms: None,
        deadline: None,
    };
    Account {
        positions: build(&terms, 780_000).into_iter().map(position).collect(),
        granted: Annexes::default(),
        billed: std::collections::BTreeMap::new(),
        settled: vec![Nature::PremierEquipement],
        periods: vec![(1, Nature::PremierEquipement), (3, Nature::Restauration)],
        open_invoices: 0,
    }
}

#[test]
fn two_full_years_are_written_as_in_the_sample() {
    let sample: Value =
        serde_json::from_str(include_str!("../../../tests/samples/dossier-detail.json")).unwrap();
    let mut account = account();
    // What the sample says has been paid and is under review.
    account.positions[0].paid.pedagogie = 312_000;
    account.positions[1].review.pedagogie = 234_000;
    account.positions[2].review.pedagogie = 156_000;
    let settings = opcos::shipped().unwrap().swap_remove(1);
    let written = write(&account, "98765432400019", &settings);
    assert_eq!(written[0].1, sample["engagement"]);
    let (lines, expected) = (&written[1].1, &sample["echeances"]);
    for (line, expected) in lines
        .as_array()
        .unwrap()
        .iter()
        .zip(expected.as_array().unwrap())
    {
        for (name, value) in expected.as_object().unwrap() {
            // The sample leaves the period of a later year open.
            let open = value.is_null() && name.starts_with("date");
            let same = match value.as_f64() {
                Some(number) => line[name].as_f64() == Some(number),
                None => line[name] == *value,
            };
            assert!(open || same, "{name} of {}", expected["numero"]);
        }
        assert_eq!(
            line.as_object().unwrap().len(),
            expected.as_object().unwrap().len()
        );
    }
    let details = &sample["detailsFacturation"];
    assert_eq!(
        written[2].1["periodesFraisAnnexes"],
        details["periodesFraisAnnexes"]
    );
    assert_eq!(written[2].1["fraisPremierEquipementRegles"], true);
    assert_eq!(written[3].1, sample["engagementsFraisAnnexe"]);
}
