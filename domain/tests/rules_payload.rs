//! Every rule of the payloads that speak of a contract, against the payload that breaks it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test whose data is wrong must fail"
)]

#[path = "rules_payload/numbers.rs"]
mod numbers;
#[path = "rules_payload/world.rs"]
mod world;

use std::collections::BTreeSet;

use domain::finding::{Effect, Finding};
use domain::payload::{Convention, Facture};
use domain::rejet::Rejet;
use domain::rules::{
    self, Awaits, BillingProfile, Check, ConventionContext, FactureContext, FileFacts, Known,
    Origin, Override, Overrides,
};
use domain::{Kind, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::world::{World, body, context, set};

const FIXTURES: &str = include_str!("rules/payload-fixtures.json");

#[derive(Deserialize)]
struct Fixture {
    breaks: Option<String>,
    why: String,
    payload: String,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    context: Map<String, Value>,
    findings: Vec<String>,
}

fn fixtures() -> Vec<Fixture> {
    serde_json::from_str(FIXTURES).unwrap()
}

fn findings_of(fixture: &Fixture) -> Vec<Finding> {
    let mut body = body(&fixture.payload);
    set(&mut body, &fixture.set);
    let mut context = context(&fixture.payload);
    set(&mut context, &fixture.context);
    World::new(context).examine(&fixture.payload, body.to_string().as_bytes())
}

fn told(finding: &Finding) -> String {
    format!("{} {} {}", finding.rule, finding.effect, finding.pointer)
}

#[test]
fn every_fixture_gives_exactly_its_findings() {
    for fixture in fixtures() {
        let found: Vec<String> = findings_of(&fixture).iter().map(told).collect();
        assert_eq!(
            found, fixture.findings,
            "{:?}: {}",
            fixture.breaks, fixture.why
        );
        if let Some(breaks) = &fixture.breaks {
            assert!(
                found.iter().any(|told| told.starts_with(breaks.as_str())),
                "{}",
                fixture.why
            );
        }
    }
}

#[test]
fn every_rule_has_a_fixture_that_breaks_it() {
    let broken: BTreeSet<String> = fixtures().into_iter().filter_map(|f| f.breaks).collect();
    for rule in rules::all() {
        let of_contract = rules::of(Kind::Dossier).any(|other| other.id == rule.id)
            && !matches!(rule.check, Check::Amendment(_));
        assert!(
            of_contract || broken.contains(rule.id),
            "{} has no fixture",
            rule.id
        );
    }
}

#[test]
fn every_finding_speaks_in_the_words_of_its_row_and_shows_nothing_personal() {
    for finding in fixtures().iter().flat_map(findings_of) {
        let rule = rules::find(finding.rule).unwrap();
        assert!(!finding.message.contains(['{', '}']), "{}", finding.message);
        for part in rule.message.split(['{', '}']).step_by(2) {
            assert!(
                finding.message.contains(part),
                "{}: {}",
                finding.rule,
                finding.message
            );
        }
        let shown = format!("{finding:?}");
        for personal in ["9999999999", "MARTIN", "MARTEN", "Alice", "2005-04-17"] {
            assert!(!shown.contains(personal), "{shown}");
        }
    }
}

#[test]
fn what_waits_says_what_for() {
    for finding in fixtures().iter().flat_map(findings_of) {
        let waits = finding.effect == Effect::Wait;
        assert_eq!(
            rules::awaits(&finding).is_some(),
            waits,
            "{}",
            told(&finding)
        );
    }
    let of = |rule: &str| {
        let fixture = fixtures()
            .into_iter()
            .find(|f| f.breaks.as_deref() == Some(rule))
            .unwrap();
        let found = findings_of(&fixture);
        found
            .iter()
            .find(|f| f.rule == rule)
            .and_then(rules::awaits)
            .unwrap()
    };
    assert_eq!(of("CNV-001"), Awaits::Number);
    assert_eq!(of("FAC-006"), Awaits::Deca);
    assert_eq!(of("FAC-007"), Awaits::Engagement);
    assert_eq!(of("FAC-010"), Awaits::Opening);
    assert_eq!(of("FAC-021"), Awaits::Schedule);
    assert_eq!(of("FAC-010").reason(), domain::WaitReason::OpeningDate);
}

#[test]
fn an_invoice_waits_for_the_last_of_its_echeances() {
    let mut context = context("facture-multi-echeances");
    context["profile"]["multiEcheances"] = json!(true);
    context["echeancier"]["echeances"][1]["dateOuverture"] = json!("2027-07-01");
    context["echeancier"]["echeances"][2]["dateOuverture"] = json!("2027-08-01");
    let body = body("facture-multi-echeances").to_string();
    let found = World::new(context).examine("facture-multi-echeances", body.as_bytes());
    assert_eq!(rules::opens_on(&found), Some("2027-08-01".parse().unwrap()));
    assert_eq!(rules::opens_on(&[]), None);
}

#[test]
fn what_the_opco_has_told_since_completes_an_invoice_and_replaces_nothing() {
    let mut bare = body("facture-2-lignes");
    for name in ["numeroDossier", "numeroDeca", "codificationEcheance"] {
        bare["lignes"][0].as_object_mut().unwrap().remove(name);
    }
    bare["lignes"][1]["codificationEcheance"] = json!("B1");
    let world = World::new(context("facture-2-lignes"));
    let mut facture = Facture::read(bare.to_string().as_bytes()).unwrap().payload;
    rules::complete_facture(&mut facture, &[world.known()]);
    let whole = Facture::read(body("facture-2-lignes").to_string().as_bytes()).unwrap();
    assert_eq!(facture.lignes[0], whole.payload.lignes[0]);
    assert_eq!(
        facture.lignes[1].codification_echeance.as_deref(),
        Some("B1")
    );

    let untouched = Facture::read(bare.to_string().as_bytes()).unwrap().payload;
    let mut facture = untouched.clone();
    rules::complete_facture(&mut facture, &[world.known(), Known::default()]);
    assert_eq!(facture.lignes[0], untouched.lignes[0]);
}

#[test]
fn every_refusal_of_the_opco_is_foreseen_by_a_rule_that_has_its_fixture() {
    let broken: BTreeSet<String> = fixtures().into_iter().filter_map(|f| f.breaks).collect();
    for rejet in Rejet::ALL {
        let advice = rejet.advice();
        assert!(!advice.rules.is_empty(), "{rejet}");
        assert!(
            advice.rules.iter().all(|rule| broken.contains(*rule)),
            "{rejet}"
        );
    }
}

#[test]
fn without_any_knowledge_only_the_payload_is_judged_and_an_invoice_waits() {
    let facture = Facture::read(body("facture-2-lignes").to_string().as_bytes()).unwrap();
    let context = FactureContext {
        now: "2026-10-06T08:00:00Z".parse().unwrap(),
        dossiers: &[],
        profile: BillingProfile::default(),
        emitters: None,
        already_sent: None,
        adjusted: None,
        origin: Origin::NotLooked,
        file: FileFacts::NotLooked,
    };
    let found = rules::check_facture(&facture.payload, &context);
    assert_eq!(
        found.iter().map(told).collect::<Vec<_>>(),
        ["FAC-021 wait /lignes/0"]
    );

    let convention = Convention::read(body("convention").to_string().as_bytes()).unwrap();
    let nothing = ConventionContext {
        dossier: Known::default(),
        file: FileFacts::NotLooked,
    };
    assert_eq!(rules::check_convention(&convention.payload, &nothing), []);
}

#[test]
fn a_network_may_change_what_is_a_matter_of_opinion_and_nothing_else() {
    let row = |rule: &str, effect| Override {
        rule: rule.into(),
        effect,
        author: "direction du réseau".into(),
        reason: "pratique de l'OPCO".into(),
    };
    let overrides =
        Overrides::new(&[row("FAC-018", Effect::Refuse), row("FAC-011", Effect::Warn)]).unwrap();
    for (rule, before, after) in [
        ("FAC-018", Effect::Warn, Effect::Refuse),
        ("FAC-011", Effect::Refuse, Effect::Warn),
    ] {
        let fixture = fixtures()
            .into_iter()
            .find(|f| f.breaks.as_deref() == Some(rule))
            .unwrap();
        let found = findings_of(&fixture);
        assert!(!found.is_empty() && found.iter().all(|f| f.effect == before));
        let found = rules::effective(found, &overrides);
        assert!(found.iter().all(|f| f.effect == after), "{found:?}");
    }
    for (rule, effect) in [
        ("FAC-001", Effect::Warn),
        ("FAC-003", Effect::Warn),
        ("FAC-014", Effect::Hold),
        ("CNV-003", Effect::Wait),
    ] {
        assert!(Overrides::new(&[row(rule, effect)]).is_err(), "{rule}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(13),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn an_invoice_of_what_can_be_billed_is_never_refused(
        paid in prop::collection::vec((0..=100_i64, 0..=100_i64, 0..400_000_i64), 8),
        today in (0..700_i32),
    ) {
        let mut context = context("facture-multi-echeances");
        for (line, (paid, review, rqth)) in
            context["echeancier"]["echeances"].as_array_mut().unwrap().iter_mut().zip(&paid)
        {
            let total = 100_i64;
            let paid = *paid.min(&total);
            let review = *review.min(&(total - paid));
            line["montantTotal"] = json!(total);
            // The supplement is told only of lines not yet billed.
            let rqth = if paid == 0 && review == 0 { rqth % 101 } else { 0 };
            line["dontMajorationRqth"] = json!(rqth);
            line["montantRegle"] = json!(paid);
            line["montantEnCoursInstruction"] = json!(review);
        }
        let now: Timestamp = "2026-10-06T08:00:00Z".parse().unwrap();
        let now = now.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(today))).unwrap();
        context["now"] = json!(now);
        context["dossier"]["readAt"] = json!(now);
        context["profile"]["multiEcheances"] = json!(true);
        let world = World::new(context);
        let mut lignes = Vec::new();
        for open in world.echeancier.facturable(world.today(), false) {
            for (nature, cents) in [("PEDAGOGIE", open.pedagogie_cents), ("MAJORATION_RQTH", open.rqth_cents)] {
                if cents > 0 {
                    lignes.push(json!({
                        "montant": cents / 100, "natureLigne": nature, "quantite": 1,
                        "numeroEcheance": open.numero, "codificationEcheance": open.codification,
                        "numeroDeca": "093202609010123", "numeroDossier": "APP-26-0001234",
                    }));
                }
            }
        }
        prop_assume!(!lignes.is_empty());
        let mut facture = body("facture-multi-echeances");
        let total: i64 = lignes.iter().map(|ligne| ligne["montant"].as_i64().unwrap()).sum();
        facture["lignes"] = Value::Array(lignes);
        facture["montantTotal"] = json!(total);
        facture["dateEmission"] = json!(world.today().to_string());
        let found = world.examine("facture-multi-echeances", facture.to_string().as_bytes());
        prop_assert_eq!(found.iter().map(told).collect::<Vec<_>>(), Vec::<String>::new());
    }

    #[test]
    fn no_amounts_and_no_numbers_make_a_rule_panic(
        cents in prop::collection::vec(any::<i64>(), 4), numero in any::<i64>(), now in 0..4_000_000_000_i64,
    ) {
        let mut context = context("facture-2-lignes");
        context["now"] = json!(Timestamp::from_second(now).unwrap());
        let mut facture = body("facture-2-lignes");
        let [a, b, c, d] = cents[..] else { panic!("four") };
        facture["lignes"][0]["montant"] = json!(a);
        facture["lignes"][1]["montant"] = json!(b);
        facture["lignes"][1]["quantite"] = json!(c);
        facture["lignes"][1]["numeroEcheance"] = json!(numero);
        context["echeancier"]["echeances"][0]["montantRegle"] = json!(d % 1_000_000_000_000);
        for finding in World::new(context).examine("facture-2-lignes", facture.to_string().as_bytes()) {
            prop_assert!(finding.pointer.is_empty() || finding.pointer.starts_with('/'));
        }
    }
}
