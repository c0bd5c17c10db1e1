//! The rule table against its catalogue, and every rule against the contract that breaks it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test whose data is wrong must fail"
)]

use std::collections::BTreeSet;

use domain::Kind;
use domain::dossier::Dossier;
use domain::finding::{Effect, Finding};
use domain::rules::{self, Check, Context, Override, Overrides, Rule};
use jiff::civil::Date;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

const CATALOGUE: &str = include_str!("rules/catalogue.csv");
const BASE: &str = include_str!("rules/base.json");
const FIXTURES: &str = include_str!("rules/fixtures.json");
const SAMPLES: [&str; 2] = [
    include_str!("fixtures/dossier/dossier-v1.json"),
    include_str!("fixtures/dossier/dossier-v2.json"),
];
/// The day of the checks, unless a fixture names another.
const TODAY: &str = "2026-09-02";

#[derive(Deserialize)]
struct Fixture {
    breaks: Option<String>,
    why: String,
    today: Option<String>,
    patch: Value,
    findings: Vec<String>,
}

/// One line of the catalogue.
struct Line<'a> {
    id: &'a str,
    severity: &'a str,
    effect: &'a str,
    scope: &'a str,
    message: &'a str,
}

fn catalogue() -> Vec<Line<'static>> {
    let lines = CATALOGUE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.splitn(6, ';').collect();
            let [id, _, severity, effect, scope, message] = cells[..] else {
                panic!("not a line of the catalogue: {line}")
            };
            Line {
                id,
                severity,
                effect,
                scope,
                message,
            }
        })
        .collect()
}

fn fixtures() -> Vec<Fixture> {
    serde_json::from_str(FIXTURES).unwrap()
}

/// Applies a JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (name, change) in patch {
        let object = target.as_object_mut().unwrap();
        if change.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

fn on(day: &str) -> Context {
    Context {
        today: day.parse::<Date>().unwrap(),
    }
}

fn examine(body: &str, today: &str) -> Vec<Finding> {
    rules::examine(&Dossier::read(body.as_bytes()).unwrap(), &on(today))
}

fn findings_of(fixture: &Fixture) -> Vec<Finding> {
    let mut body: Value = serde_json::from_str(BASE).unwrap();
    merge(&mut body["cerfa"], &fixture.patch);
    examine(&body.to_string(), fixture.today.as_deref().unwrap_or(TODAY))
}

fn told(finding: &Finding) -> String {
    format!("{} {} {}", finding.rule, finding.effect, finding.pointer)
}

/// Returns the parts of a message around its words in braces.
fn fixed_parts(message: &str) -> Vec<&str> {
    message.split(['{', '}']).step_by(2).collect()
}

#[test]
fn the_table_is_the_catalogue() {
    let catalogue = catalogue();
    for line in &catalogue {
        let kind: Kind = line.scope.parse().unwrap();
        let rule = rules::of(kind).find(|rule| rule.id == line.id);
        let rule = rule.unwrap_or_else(|| panic!("{} is missing", line.id));
        assert_eq!(rule.severity.as_str(), line.severity, "{}", line.id);
        assert_eq!(rule.effect.as_str(), line.effect, "{}", line.id);
        assert_eq!(rule.message, line.message, "{}", line.id);
    }
    let known: BTreeSet<&str> = catalogue.iter().map(|line| line.id).collect();
    assert_eq!(
        known.len(),
        catalogue.len(),
        "an id is twice in the catalogue"
    );
    for rule in rules::all() {
        assert!(known.contains(rule.id), "{} is not of this set", rule.id);
    }
}

#[test]
fn every_rule_has_one_row_with_a_place_a_source_and_what_to_do() {
    let ids: Vec<&str> = rules::all().map(|rule| rule.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for Rule {
        id,
        source,
        pointer,
        message,
        remedy,
        ..
    } in rules::all()
    {
        let of_contract = rules::of(Kind::Dossier).any(|rule| rule.id == *id);
        let root = if of_contract { "/cerfa" } else { "" };
        assert!(pointer.starts_with(root), "{id}");
        assert!(
            !source.is_empty() && message.ends_with('.') && remedy.ends_with('.'),
            "{id}"
        );
        assert!(!remedy.contains("  ") && !message.contains("  "), "{id}");
    }
}

#[test]
fn the_base_contract_breaks_nothing() {
    assert_eq!(examine(BASE, TODAY), []);
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
fn every_rule_of_the_payload_has_a_fixture_that_breaks_it() {
    let broken: BTreeSet<String> = fixtures().into_iter().filter_map(|f| f.breaks).collect();
    for rule in rules::of(Kind::Dossier) {
        let elsewhere = matches!(rule.check, Check::Outside | Check::Amendment(_));
        assert!(
            elsewhere || broken.contains(rule.id),
            "{} has no fixture",
            rule.id
        );
    }
}

#[test]
fn every_finding_speaks_in_the_words_of_its_row() {
    for finding in fixtures().iter().flat_map(findings_of) {
        let rule = rules::find(finding.rule).unwrap();
        assert!(!finding.message.contains(['{', '}']), "{}", finding.message);
        assert!(!finding.remedy.is_empty());
        for part in fixed_parts(rule.message) {
            assert!(
                finding.message.contains(part),
                "{}: {}",
                finding.rule,
                finding.message
            );
        }
    }
}

#[test]
fn no_finding_shows_what_is_personal() {
    for finding in fixtures().iter().flat_map(findings_of) {
        let shown = finding.value.unwrap_or_default();
        for personal in [
            "20504939999999",
            "MARTIN",
            "Alice",
            "alice",
            "1996-04-17",
            "2009-01-01",
        ] {
            assert!(!shown.contains(personal), "{} shows {shown}", finding.rule);
            assert!(!finding.message.contains(personal), "{}", finding.rule);
        }
    }
}

#[test]
fn the_samples_are_never_blocked() {
    for body in SAMPLES {
        for today in [TODAY, "2026-11-21"] {
            let found = examine(body, today);
            assert!(
                found.iter().all(|finding| finding.effect == Effect::Warn),
                "{found:#?}"
            );
        }
        assert!(
            examine(body, "2026-11-21")
                .iter()
                .any(|finding| finding.rule == "DAT-011")
        );
    }
}

#[test]
fn an_empty_contract_reports_every_missing_field_at_once_and_none_twice() {
    let found = examine(r#"{"cerfa": {"versionCERFA": "10103*14"}}"#, TODAY);
    assert!(found.len() > 60, "{}", found.len());
    assert!(
        found.iter().all(|finding| finding.rule.starts_with("CPL-")),
        "{found:#?}"
    );
    let places: BTreeSet<&str> = found
        .iter()
        .map(|finding| finding.pointer.as_str())
        .collect();
    assert_eq!(places.len(), found.len());
}

#[test]
fn a_block_that_cannot_be_read_is_not_called_incomplete() {
    let mut body: Value = serde_json::from_str(BASE).unwrap();
    body["cerfa"]["employeur"] = Value::from("ENTREPRISE FICTIVE SAS");
    let found: Vec<String> = examine(&body.to_string(), TODAY).iter().map(told).collect();
    assert_eq!(found, ["STRUCTURE refuse /cerfa/employeur"]);
}

#[test]
fn a_network_may_let_an_emancipated_minor_pass() {
    let minor = fixtures()
        .into_iter()
        .find(|f| f.breaks.as_deref() == Some("CPL-009"))
        .unwrap();
    let row = Override {
        rule: "CPL-009".into(),
        effect: Effect::Warn,
        author: "direction du réseau".into(),
        reason: "mineurs émancipés".into(),
    };
    let overrides = Overrides::new(&[row]).unwrap();
    let found = rules::effective(findings_of(&minor), &overrides);
    assert!(!found.is_empty() && found.iter().all(|finding| finding.effect == Effect::Warn));
}

/// The places of a contract that hold a date, below `cerfa`.
const DATES: [&str; 11] = [
    "/apprenti/dateNaissance",
    "/maitre1/dateNaissance",
    "/formation/dateDebutFormation",
    "/formation/dateFinFormation",
    "/contrat/dateConclusion",
    "/contrat/dateDebutContrat",
    "/contrat/dateFinContrat",
    "/contrat/dateFormationPratiqueEmployeur",
    "/contrat/remunerationsAnnuelles/0/dateDebut",
    "/contrat/remunerationsAnnuelles/0/dateFin",
    "/contrat/remunerationsAnnuelles/1/dateFin",
];

/// The places of a contract that hold a number.
const NUMBERS: [&str; 6] = [
    "/contrat/typeContratApp",
    "/contrat/dureeTravailHebdoHeures",
    "/contrat/dureeTravailHebdoMinutes",
    "/contrat/remunerationsAnnuelles/0/taux",
    "/formation/dureeFormation",
    "/formation/nombreHeuresEnDistanciel",
];

proptest! {
    #[test]
    fn no_dates_and_no_numbers_make_a_rule_panic(
        dates in prop::array::uniform11((0..=9999_u16, 1..=12_u8, 1..=28_u8)),
        numbers in prop::array::uniform6(any::<i64>()),
        today in (1..=9999_i16, 1..=12_i8, 1..=28_i8),
    ) {
        let mut body: Value = serde_json::from_str(BASE).unwrap();
        for (place, (year, month, day)) in DATES.iter().zip(dates) {
            let text = format!("{year:04}-{month:02}-{day:02}");
            *body["cerfa"].pointer_mut(place).unwrap() = Value::from(text);
        }
        for (place, number) in NUMBERS.iter().zip(numbers) {
            *body["cerfa"].pointer_mut(place).unwrap() = Value::from(number);
        }
        let reading = Dossier::read(body.to_string().as_bytes()).unwrap();
        let context = Context { today: Date::new(today.0, today.1, today.2).unwrap() };
        for finding in rules::examine(&reading, &context) {
            prop_assert!(finding.pointer.is_empty() || finding.pointer.starts_with('/'));
        }
    }
}
