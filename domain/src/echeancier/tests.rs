//! The sample of the protocol, what changed between two readings, and what an invoice moved.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::*;
use crate::payload::Facture;

const DETAIL: &str = include_str!("../../tests/fixtures/dossier/dossier-detail.json");
const FACTURE: &str = include_str!("../../tests/fixtures/payload/facture-2-lignes.json");
const ECHEANCES: &str = include_str!("../../tests/fixtures/payload/facture-multi-echeances.json");
const DOSSIER: &str = "APP-26-0001234";

fn detail() -> Value {
    serde_json::from_str(DETAIL).unwrap()
}

fn read(detail: &Value) -> Echeancier {
    let lecture = Echeancier::read(detail).unwrap();
    assert_eq!(lecture.oddities, Vec::<String>::new());
    lecture.echeancier
}

fn with(pointer: &str, value: Value) -> Echeancier {
    let mut detail = detail();
    *detail.pointer_mut(pointer).unwrap() = value;
    read(&detail)
}

fn facture(text: &str) -> Facture {
    Facture::read(text.as_bytes()).unwrap().payload
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn the_sample_is_read_in_cents_and_forgets_the_contract() {
    let echeancier = read(&detail());
    assert_eq!(echeancier.echeances.len(), 8);
    let third = echeancier.find(3).unwrap();
    assert_eq!(
        (
            third.total_cents(),
            third.under_review_cents(),
            third.left_cents()
        ),
        (156_000, 156_000, 0)
    );
    let sum: i64 = echeancier.echeances.iter().map(Echeance::total_cents).sum();
    assert_eq!(Some(sum), echeancier.engagement.map(|m| m.cents));
    assert_eq!(
        echeancier.granted_cents(NatureLigne::Restauration),
        Some(30_000)
    );
    assert_eq!(
        echeancier.granted_quantity(NatureLigne::Restauration),
        Some(10_000)
    );
    assert_eq!(echeancier.granted_cents(NatureLigne::Mobilite), None);
    assert_eq!(echeancier.first_numero(), Some(1));
    assert!(echeancier.extra.is_empty());
    assert!(!format!("{echeancier:?}").contains("7699999999990000000000153"));
}

#[test]
fn what_is_kept_sealed_reads_as_it_was() {
    let first = read(&detail());
    assert_eq!(read(&first.expose()), first);
    assert_eq!(read(&json!([detail()])), first);
    assert_eq!(Echeancier::read(&json!([])), None);
    assert_eq!(Echeancier::read(&json!("rien")), None);
}

#[test]
fn numeric_texts_and_other_spellings_are_read() {
    let mut lenient = detail();
    lenient["echeances"][1]["montantTotal"] = json!("2340.00");
    lenient["echeances"][1]["numero"] = json!("2");
    lenient["echeances"][1]["codification"] = json!(2);
    lenient["echeances"][1]["dateDebut"] = json!("");
    lenient["engagementsFraisAnnexe"][1]["natureFrais"] = json!("Premierequipement");
    let echeancier = read(&lenient);
    let second = echeancier.find(2).unwrap();
    assert_eq!(
        (second.total_cents(), second.codification.as_deref()),
        (234_000, Some("2"))
    );
    assert_eq!(
        echeancier.granted_cents(NatureLigne::PremierEquipement),
        Some(50_000)
    );
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_kept() {
    let mut odd = detail();
    odd["echeances"][0]["montantTotal"] = json!("beaucoup");
    odd["echeances"][2]["iban"] = json!("FR76ABCD");
    let lecture = Echeancier::read(&odd).unwrap();
    assert_eq!(
        lecture.oddities,
        ["/echeances/0/montantTotal", "/echeances/2/iban"]
    );
    // The parts of the line still tell its whole.
    assert_eq!(lecture.echeancier.find(1).unwrap().total_cents(), 312_000);
}

#[test]
fn only_open_lines_with_something_left_can_be_billed() {
    let echeancier = read(&detail());
    assert_eq!(echeancier.facturable(day("2027-08-31"), false), []);
    let numeros = |on, auto| -> Vec<(i64, i64, bool)> {
        let open = echeancier.facturable(day(on), auto);
        open.iter()
            .map(|f| (f.numero, f.pedagogie_cents, f.auto))
            .collect()
    };
    assert_eq!(
        numeros("2027-09-01", false),
        [(4, 78_000, false), (5, 312_000, false)]
    );
    let fresh = with("/echeances/0/montantRegle", json!(0));
    let first = fresh.facturable(day("2026-09-01"), true);
    assert!(first.iter().all(|f| f.numero == 1 && f.auto));
    assert_eq!(first.len(), 1);
}

#[test]
fn the_disability_supplement_is_billed_apart() {
    let mut detail = detail();
    detail["echeances"][3]["dontMajorationRqth"] = json!(200);
    let echeancier = read(&detail);
    assert_eq!(
        echeancier.find(4).unwrap().expected_cents(),
        (58_000, 20_000)
    );
}

#[test]
fn two_equal_readings_differ_in_nothing_whatever_their_order() {
    let before = read(&detail());
    let mut after = before.clone();
    after.echeances.reverse();
    assert_eq!(changes(&before, &after), []);
}

#[test]
fn every_change_is_told_with_its_number() {
    let before = read(&detail());
    let mut after = detail();
    after["echeances"][2]["montantRegle"] = json!(1560);
    after["echeances"][2]["montantEnCoursInstruction"] = json!(0);
    after["echeances"][3]["montantTotal"] = json!(700.5);
    after["echeances"][4]["dateOuverture"] = json!("2027-10-01");
    after["echeances"][4]["iban"] = json!("FR7699999999990000000000250");
    after["echeances"].as_array_mut().unwrap().pop();
    after["engagement"] = json!(15000);
    after["engagementsFraisAnnexe"][0]["montantTotal"] = json!(450);
    let found = changes(&before, &read(&after));
    let told: Vec<(Option<i64>, &str)> =
        found.iter().map(|c| (c.numero, c.what.as_str())).collect();
    assert_eq!(
        told,
        [
            (None, "engagement"),
            (Some(3), "paid"),
            (Some(3), "under_review"),
            (Some(4), "amount"),
            (Some(5), "opening"),
            (Some(5), "account"),
            (Some(8), "removed"),
            (None, "granted"),
        ]
    );
    assert!(!serde_json::to_string(&found).unwrap().contains("FR76"));
    assert_eq!(found[3].after, Some(Told::Cents(70_050)));
    assert!(!found[1].what.is_of_schedule() && found[3].what.is_of_schedule());
}

#[test]
fn a_line_issued_again_under_the_same_number_is_not_a_new_line() {
    let mut detail = detail();
    detail["echeances"][3]["id"] = json!(501);
    let before = read(&detail);
    detail["echeances"][3]["id"] = json!(777);
    let found = changes(&before, &read(&detail));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].numero, found[0].what),
        (Some(4), Changed::Reissued)
    );

    // Told beside the settled one, it is one more line, and the one to bill.
    let mut old = before.clone();
    for line in old
        .echeances
        .iter_mut()
        .filter(|line| line.numero == Some(4))
    {
        line.montant_regle = line.montant_total;
    }
    let mut both = old.clone();
    let mut again = before.find(4).unwrap().clone();
    again.id = Some("777".into());
    both.echeances.insert(0, again);
    let found = changes(&old, &both);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].numero, found[0].what), (Some(4), Changed::Added));
    assert_eq!(both.find(4).unwrap().id.as_deref(), Some("777"));
}

#[test]
fn an_empty_answer_never_erases_a_schedule() {
    let before = read(&detail());
    let empty = read(&json!({"engagement": 15600, "echeances": []}));
    assert!(empty.would_erase(&before));
    assert!(!before.would_erase(&empty) && !before.would_erase(&before));
}

/// Sets what is paid and under review of lines 2 and 3, in euros.
fn moved(second: (i64, i64), third: (i64, i64)) -> Echeancier {
    let mut detail = detail();
    for (place, (paid, review)) in [(1, second), (2, third)] {
        detail["echeances"][place]["montantRegle"] = json!(paid);
        detail["echeances"][place]["montantEnCoursInstruction"] = json!(review);
    }
    read(&detail)
}

#[test]
fn the_state_of_an_invoice_is_derived_where_the_opco_has_none() {
    let facture = facture(ECHEANCES);
    let before = moved((0, 0), (0, 0));
    for (second, third, known, state) in [
        ((0, 0), (0, 0), None, EtatFacture::Inconnu),
        ((0, 2340), (0, 1560), None, EtatFacture::EnCoursInstruction),
        ((0, 2340), (0, 0), None, EtatFacture::EnCoursInstruction),
        ((2340, 0), (0, 1560), None, EtatFacture::RegleEnPartie),
        ((2340, 0), (1560, 0), None, EtatFacture::Regle),
        ((2000, 0), (1560, 0), None, EtatFacture::RegleEnPartie),
        (
            (0, 0),
            (0, 0),
            Some(EtatFacture::EnCoursInstruction),
            EtatFacture::Rejete,
        ),
    ] {
        let movement = movement(&facture, DOSSIER, &before, &moved(second, third));
        assert_eq!(derived(movement, known), state, "{second:?} {third:?}");
    }
    let whole = movement(&facture, DOSSIER, &before, &moved((2340, 0), (0, 1560)));
    assert!(whole.is_whole() && !whole.is_none());
    assert_eq!(whole.billed_cents, 390_000);
    assert!(movement(&facture, "AUTRE", &before, &before).is_none());
}

#[test]
fn equipment_beside_tuition_waits_for_nothing_in_the_schedule() {
    let facture = facture(FACTURE);
    let before = with("/echeances/0/montantRegle", json!(0));
    let seen = movement(&facture, DOSSIER, &before, &read(&detail()));
    assert_eq!((seen.billed_cents, seen.paid_cents), (312_000, 312_000));
}

#[test]
fn the_states_of_version_2_are_read_and_not_guessed() {
    for (raw, state) in [
        ("REGLE", EtatFacture::Regle),
        ("Réglée", EtatFacture::Regle),
        ("en cours d'instruction", EtatFacture::Inconnu),
        ("EN_COURS_INSTRUCTION", EtatFacture::EnCoursInstruction),
        ("EMIS", EtatFacture::Transmis),
        ("REJETEE", EtatFacture::Rejete),
    ] {
        let expected = (state != EtatFacture::Inconnu).then_some(state);
        assert_eq!(EtatFacture::read(raw), expected, "{raw}");
    }
    assert_eq!(EtatFacture::read("INCONNU"), None);
}

fn line() -> impl Strategy<Value = Echeance> {
    (
        1..6_i64,
        0..1_000_000_i64,
        0..1_000_000_i64,
        0..1_000_000_i64,
        prop::option::of(1..4_u8),
    )
        .prop_map(|(numero, total, paid, review, id)| Echeance {
            id: id.map(|id| id.to_string()),
            numero: Some(numero),
            montant_total: Some(Montant { cents: total }),
            montant_regle: Some(Montant { cents: paid }),
            montant_en_cours_instruction: Some(Montant { cents: review }),
            date_ouverture: Some(day("2026-09-01")),
            ..Echeance::default()
        })
}

fn echeanciers() -> impl Strategy<Value = Echeancier> {
    prop::collection::vec(line(), 0..6).prop_map(|echeances| Echeancier {
        echeances,
        ..Echeancier::default()
    })
}

fn sum(echeancier: &Echeancier, of: fn(&Echeance) -> i64) -> i64 {
    echeancier.echeances.iter().map(of).sum()
}

/// Adds up what the changes say of one field, lines that came and went included.
fn told(changes: &[Change], what: Changed) -> i64 {
    let cents = |told: &Option<Told>| match told {
        Some(Told::Cents(cents)) => *cents,
        _ => 0,
    };
    let of = |change: &&Change| {
        change.what == what || matches!(change.what, Changed::Added | Changed::Removed)
    };
    changes
        .iter()
        .filter(of)
        .map(|change| cents(&change.after) - cents(&change.before))
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn a_schedule_is_kept_to_the_cent(echeancier in echeanciers()) {
        prop_assert_eq!(&Echeancier::read(&echeancier.expose()).unwrap().echeancier, &echeancier);
        prop_assert_eq!(changes(&echeancier, &echeancier), []);
    }

    #[test]
    fn the_changes_of_amounts_add_up_to_the_difference(before in echeanciers(), after in echeanciers()) {
        let difference = sum(&after, Echeance::total_cents) - sum(&before, Echeance::total_cents);
        prop_assert_eq!(told(&changes(&before, &after), Changed::Amount), difference);
    }

    #[test]
    fn an_invoice_never_moves_more_than_it_bills(before in echeanciers(), after in echeanciers()) {
        let seen = movement(&facture(ECHEANCES), DOSSIER, &before, &after);
        prop_assert!(seen.paid_cents >= 0 && seen.under_review_cents >= 0);
        prop_assert!(seen.paid_cents + seen.under_review_cents <= seen.billed_cents);
    }

    #[test]
    fn what_can_be_billed_is_what_is_left_of_open_lines(echeancier in echeanciers()) {
        let billable: i64 = echeancier
            .facturable(day("2026-09-01"), false)
            .iter()
            .map(|f| f.pedagogie_cents + f.rqth_cents)
            .sum();
        prop_assert_eq!(billable, sum(&echeancier, |line| line.left_cents().max(0)));
        prop_assert_eq!(echeancier.facturable(day("2026-08-31"), false), []);
    }
}
