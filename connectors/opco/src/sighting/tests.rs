//! What each look makes of what was read.

use domain::Opco;
use serde_json::{Value, json};

use super::*;
use crate::call::{BodyEnd, Reply};
use crate::norm::decode;

const LIST: &str = include_str!("../../tests/fixtures/norm/factures-etats-v2.json");
const FACTURE: &str = include_str!("../../tests/fixtures/norm/facture-2-lignes.json");
const DETAIL: &str = include_str!("../../tests/fixtures/norm/dossier-detail.json");

fn ours() -> Facture {
    Facture::read(FACTURE.as_bytes()).unwrap().payload
}

fn listed(change: impl Fn(&mut Value)) -> Vec<FactureEtat> {
    let mut list: Value = serde_json::from_str(LIST).unwrap();
    change(&mut list["factures"][0]);
    let items = list["factures"].as_array().unwrap();
    items.iter().filter_map(FactureEtat::read).collect()
}

fn schedule(change: impl Fn(&mut Value)) -> Echeancier {
    let mut detail: Value = serde_json::from_str(DETAIL).unwrap();
    // As it stood before anything was billed.
    for line in detail["echeances"].as_array_mut().unwrap() {
        line["montantRegle"] = json!(0);
        line["montantEnCoursInstruction"] = json!(0);
    }
    change(&mut detail);
    Echeancier::read(&detail).unwrap().echeancier
}

fn billed() -> Billed {
    Billed {
        numero_interne: "1234567".to_owned(),
        numero_externe: "APP-26-0001234".to_owned(),
        before: schedule(|_| ()),
    }
}

fn moved(change: impl Fn(&mut Value)) -> Sighting {
    let billed = billed();
    facture_moved(&ours(), &[(&billed, schedule(change))])
}

fn detail(etat: &str, rupture: Option<&str>) -> DossierDetail {
    let mut body: Value = serde_json::from_str(DETAIL).unwrap();
    body["cerfa"]["etat"] = json!(etat);
    body["cerfa"]["contrat"]["dateRupture"] = json!(rupture);
    let reply = Reply {
        status: 200,
        retry_after: None,
        body_end: BodyEnd::Whole,
        body: body.to_string().into_bytes(),
    };
    let operation = Operation::Detail {
        version: NormVersion::V2,
        numero_interne: "1234567".to_owned(),
    };
    let profile = Profile::shipped(Opco::Akto).unwrap();
    match decode(&profile, &operation, &reply, &[]) {
        Ok(Answer::Detail(detail)) => *detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_invoice_is_found_by_its_number_with_what_differs() {
    let seen = facture_among(&ours(), &listed(|_| ()), &[]).unwrap();
    assert_eq!(seen.numeros.facture.as_deref(), Some("900042"));
    assert_eq!(seen.differences, []);
    let other = listed(|item| item["montantFacture"] = json!(1.0));
    let seen = facture_among(&ours(), &other, &[]).unwrap();
    assert_eq!(seen.differences, [Difference::Total]);
    let elsewhere = listed(|item| item["referenceFactureCFA"] = json!("FA-1"));
    assert_eq!(facture_among(&ours(), &elsewhere, &[]), None);
}

#[test]
fn an_invoice_refused_before_its_correction_is_not_the_corrected_one() {
    let refused = |item: &mut Value| {
        item["etatFacture"] = json!("REJETE");
        item["montantFacture"] = json!(1.0);
    };
    assert_eq!(facture_among(&ours(), &listed(refused), &[]), None);
    // Sent again unchanged: only its own number tells it from the first.
    let same = listed(|item| item["etatFacture"] = json!("REJETE"));
    assert_eq!(facture_among(&ours(), &same, &["900042"]), None);
    assert!(facture_among(&ours(), &same, &[]).is_some());
    let mut both = listed(refused);
    both.extend(listed(|item| {
        item["numeroInterneFacture"] = json!("900050");
    }));
    let seen = facture_among(&ours(), &both, &[]).unwrap();
    assert_eq!(seen.numeros.facture.as_deref(), Some("900050"));
}

#[test]
fn a_schedule_tells_an_invoice_by_what_moved() {
    let numero = ours().lignes[0].numero_echeance.unwrap();
    let line = move |detail: &mut Value, member: &str, amount: f64| {
        for line in detail["echeances"].as_array_mut().unwrap() {
            if line["numero"] == json!(numero) {
                line[member] = json!(amount);
            }
        }
    };
    let whole: i64 = ours()
        .lignes
        .iter()
        .filter(|ligne| ligne.nature_ligne.unwrap().is_scheduled())
        .map(|ligne| ligne.montant.unwrap().cents)
        .sum();
    let whole = format!("{}.{:02}", whole / 100, whole % 100)
        .parse::<f64>()
        .unwrap();
    for member in ["montantEnCoursInstruction", "montantRegle"] {
        let sighting = moved(|detail| line(detail, member, whole));
        assert!(matches!(sighting, Sighting::Found(_)), "{member}");
    }
    assert_eq!(moved(|_| ()), Sighting::Absent);
    let partly = moved(|detail| line(detail, "montantRegle", 1.0));
    assert!(matches!(partly, Sighting::CouldNotTell(_)));
}

#[test]
fn a_schedule_that_came_back_empty_is_no_absence() {
    let empty = moved(|detail| detail["echeances"] = json!([]));
    assert!(matches!(empty, Sighting::CouldNotTell(_)), "{empty:?}");
}

#[test]
fn what_no_schedule_can_show_is_said_beforehand() {
    let mut ancillary = ours();
    assert!(shows_in_schedule(&ancillary));
    ancillary
        .lignes
        .retain(|ligne| !ligne.nature_ligne.unwrap().is_scheduled());
    assert!(!ancillary.lignes.is_empty() && !shows_in_schedule(&ancillary));
    let billed = billed();
    let sighting = facture_moved(&ancillary, &[(&billed, schedule(|_| ()))]);
    assert!(matches!(sighting, Sighting::CouldNotTell(_)));
    let avoir = include_str!("../../tests/fixtures/norm/avoir.json");
    assert!(!shows_in_schedule(
        &Facture::read(avoir.as_bytes()).unwrap().payload
    ));
}

#[test]
fn a_termination_is_told_by_the_state_or_by_its_date() {
    for (etat, date, found) in [
        ("RUPTU", None, true),
        ("RUTPURE", Some("2027-01-15T00:00:00+00:00"), true),
        ("SOLDE", Some("2027-01-15T00:00:00+00:00"), true),
        ("ENGAGE", None, false),
        ("ENGAGE", Some(""), false),
        ("ANNULE", None, false),
    ] {
        match terminated(&detail(etat, date)) {
            Sighting::Found(seen) => {
                assert!(found, "{etat}");
                assert_eq!(seen.receipt.etat.as_deref(), Some(etat));
            }
            Sighting::Absent => assert!(!found, "{etat}"),
            Sighting::CouldNotTell(fault) => panic!("{etat}: {fault:?}"),
        }
    }
    for etat in ["SOLDE", "EN_PAUSE"] {
        let sighting = terminated(&detail(etat, None));
        assert!(matches!(sighting, Sighting::CouldNotTell(_)), "{etat}");
    }
}
