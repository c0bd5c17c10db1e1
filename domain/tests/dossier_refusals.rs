//! What a bad contract payload gets: every error of form at once, each at its place, and a body that
//! threatens the reader refused whole.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its fixture must stop"
)]

use domain::dossier::{Dossier, SyntaxError, SyntaxKind, join_findings};
use domain::finding::{Effect, Finding, Severity};
use domain::rules;
use serde_json::{Value, json};

const V1: &[u8] = include_bytes!("fixtures/dossier/dossier-v1.json");

fn with(changes: &[(&str, Value)]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(V1).unwrap();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    body.to_string().into_bytes()
}

fn findings(body: &[u8]) -> Vec<Finding> {
    Dossier::read(body).unwrap().findings
}

fn refused(body: &[u8]) -> SyntaxError {
    Dossier::read(body).unwrap_err()
}

/// Bad values as JSON texts, each with the rule it breaks.
const BAD: &[(&str, &str, &str)] = &[
    ("/cerfa/employeur/siret", r#""12345678200011""#, "IDT-001"),
    (
        "/cerfa/employeur/siret",
        r#""123 456 782 00010""#,
        "IDT-001",
    ),
    ("/cerfa/employeur/siret", "12345678200010", "STRUCTURE"),
    (
        "/cerfa/organismeFormation/siret",
        r#""98765432400018""#,
        "IDT-002",
    ),
    (
        "/cerfa/organismeFormation/uaiCfa",
        r#""0939999A""#,
        "IDT-003",
    ),
    ("/cerfa/apprenti/nir", r#""205049399999993""#, "IDT-004"),
    (
        "/cerfa/apprenti/nir",
        r#"{"numero":"205049399999992"}"#,
        "STRUCTURE",
    ),
    ("/cerfa/formation/rncp", r#""RNCP123456""#, "IDT-009"),
    ("/cerfa/formation/codeDiplome", r#""3203""#, "IDT-009"),
    ("/cerfa/employeur/naf", r#""5610""#, "IDT-009"),
    ("/cerfa/employeur/codeIdcc", r#""IDCC1979""#, "IDT-009"),
    (
        "/cerfa/employeur/adresse/codePostal",
        r#""9300""#,
        "IDT-009",
    ),
    (
        "/cerfa/apprenti/departementNaissance",
        r#""Paris""#,
        "STRUCTURE",
    ),
    ("/cerfa/apprenti/sexe", r#""X""#, "ENU-001"),
    ("/cerfa/versionCERFA", r#""10103*99""#, "ENU-001"),
    ("/cerfa/contrat/typeContratApp", r#""11a""#, "ENU-001"),
    ("/cerfa/contrat/typeContratApp", "11.5", "ENU-001"),
    ("/cerfa/contrat/typeContratApp", "true", "STRUCTURE"),
    (
        "/cerfa/contrat/remunerationsAnnuelles/1/typeSalaire",
        r#""RSA""#,
        "ENU-001",
    ),
    (
        "/cerfa/contrat/remunerationsAnnuelles/1/taux",
        r#""beaucoup""#,
        "STRUCTURE",
    ),
    (
        "/cerfa/contrat/remunerationsAnnuelles",
        r#"{"ordre":"1.1"}"#,
        "STRUCTURE",
    ),
    (
        "/cerfa/contrat/dateDebutContrat",
        r#""01/09/2026""#,
        "STRUCTURE",
    ),
    (
        "/cerfa/contrat/dateDebutContrat",
        r#""2026-02-30""#,
        "STRUCTURE",
    ),
    (
        "/cerfa/contrat/dateDebutContrat",
        r#""2026-09-01 et la suite""#,
        "STRUCTURE",
    ),
    ("/cerfa/contrat/dateDebutContrat", "20260901", "STRUCTURE"),
    ("/cerfa/contrat/salaireEmbauche", r#""966,21""#, "STRUCTURE"),
    ("/cerfa/contrat/salaireEmbauche", "1e300", "STRUCTURE"),
    ("/cerfa/contrat/travailRisque", r#""oui""#, "STRUCTURE"),
    (
        "/cerfa/formation/dureeFormation",
        "18446744073709551615",
        "STRUCTURE",
    ),
    ("/cerfa/formation/dureeFormation", "-1e300", "STRUCTURE"),
    ("/cerfa/apprenti/handicap", r#""true""#, "STRUCTURE"),
    ("/cerfa/apprenti/nom", r#"["MARTIN"]"#, "STRUCTURE"),
    (
        "/cerfa/apprenti/adresse",
        r#""3 ALLEE DES EXEMPLES""#,
        "STRUCTURE",
    ),
    ("/cerfa/maitre1", "[]", "STRUCTURE"),
];

fn bad_values() -> impl Iterator<Item = (&'static str, Value, &'static str)> {
    BAD.iter()
        .map(|(pointer, text, rule)| (*pointer, serde_json::from_str(text).unwrap(), *rule))
}

#[test]
fn a_bad_value_is_one_finding_at_its_place() {
    for (pointer, value, rule) in bad_values() {
        let found = findings(&with(&[(pointer, value.clone())]));
        assert_eq!(found.len(), 1, "{pointer} {value}: {found:?}");
        let finding = &found[0];
        assert_eq!(
            (finding.pointer.as_str(), finding.rule),
            (pointer, rule),
            "{value}"
        );
        assert_eq!(
            (finding.severity, finding.effect),
            (Severity::Bloquant, Effect::Refuse)
        );
        assert!(
            finding.message.ends_with('.') && finding.remedy.ends_with('.'),
            "{finding:?}"
        );
    }
}

#[test]
fn all_errors_are_told_at_once_and_in_order() {
    let found = findings(&with(&[
        ("/cerfa/employeur/siret", json!("1")),
        ("/cerfa/apprenti/nir", json!("1")),
        ("/cerfa/contrat/dateDebutContrat", json!("demain")),
        ("/cerfa/organismeFormation/uaiCfa", json!("1")),
    ]));
    let mut rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["IDT-001", "IDT-003", "IDT-004", "STRUCTURE"]);
}

#[test]
fn the_texts_are_those_of_the_rule_table() {
    for (pointer, value, rule) in bad_values() {
        let Some(row) = rules::find(rule) else {
            assert_eq!(rule, "STRUCTURE");
            continue;
        };
        let finding = findings(&with(&[(pointer, value)])).remove(0);
        assert_eq!(
            (finding.severity, finding.effect),
            (row.severity, row.effect),
            "{rule}"
        );
        // The words in braces vary; what stands before the first does not.
        let fixed = row.message.split('{').next().unwrap();
        assert!(
            finding.message.starts_with(fixed),
            "{rule}: {}",
            finding.message
        );
    }
}

#[test]
fn a_bad_value_is_forwarded_as_it_came_unless_it_is_personal() {
    for (pointer, value, _) in bad_values() {
        let written = Dossier::read(&with(&[(pointer, value.clone())]))
            .unwrap()
            .dossier
            .write();
        let personal = ["/cerfa/apprenti/nir", "/cerfa/apprenti/handicap"].contains(&pointer);
        let kept = written.pointer(pointer);
        assert_eq!(kept, (!personal).then_some(&value), "{pointer}");
    }
}

#[test]
fn no_finding_shows_a_nir_or_a_disability_flag() {
    for value in [
        json!("205049399999993"),
        json!(205_049_399_999_993_i64),
        json!(["205049399999993"]),
    ] {
        let shown = format!("{:?}", findings(&with(&[("/cerfa/apprenti/nir", value)])));
        assert!(!shown.contains("2050493"), "{shown}");
    }
    let strayed = findings(&with(&[(
        "/cerfa/employeur/siret",
        json!("205049399999992"),
    )]));
    assert_eq!(strayed[0].value.as_deref(), Some("***"));
    let flag = findings(&with(&[("/cerfa/apprenti/handicap", json!("reconnu"))]));
    assert!(!format!("{flag:?}").contains("reconnu"));
}

#[test]
fn an_offending_value_is_shown_cut() {
    let found = findings(&with(&[(
        "/cerfa/employeur/siret",
        json!("é".repeat(10_000)),
    )]));
    assert_eq!(found[0].value.as_ref().unwrap().chars().count(), 81);
}

#[test]
fn an_odd_text_is_a_warning_and_is_sent_all_the_same() {
    let long = "X".repeat(81);
    for (pointer, value) in [
        ("/cerfa/employeur/telephone", "01 99 00 00 01"),
        ("/cerfa/contrat/numeroContratPrecedent", "093202613010123"),
        ("/cerfa/employeur/denomination", long.as_str()),
    ] {
        let reading = Dossier::read(&with(&[(pointer, json!(value))])).unwrap();
        assert_eq!(reading.findings.len(), 1, "{pointer}");
        assert_eq!(reading.findings[0].effect, Effect::Warn);
        assert_eq!(reading.findings[0].pointer, pointer);
        assert_eq!(reading.dossier.write().pointer(pointer).unwrap(), value);
    }
}

#[test]
fn a_body_that_is_no_object_with_a_cerfa_is_one_finding() {
    for (body, pointer) in [
        ("null", ""),
        ("[]", ""),
        ("\"cerfa\"", ""),
        ("12", ""),
        ("{}", "/cerfa"),
        (r#"{"employeur":{}}"#, "/cerfa"),
        (r#"{"cerfa":{}}"#, "/cerfa"),
        (r#"{"cerfa":null}"#, "/cerfa"),
        (r#"{"cerfa":[]}"#, "/cerfa"),
    ] {
        let found = findings(body.as_bytes());
        assert_eq!(found.len(), 1, "{body}: {found:?}");
        assert_eq!(
            (found[0].rule, found[0].pointer.as_str()),
            ("STRUCTURE", pointer),
            "{body}"
        );
    }
}

#[test]
fn what_could_not_be_read_is_not_missing_as_well() {
    let of_rules = vec![
        rules::finding("IDT-001", "/cerfa/employeur/siret", &[]),
        rules::finding("IDT-002", "/cerfa/organismeFormation/siret", &[]),
    ];
    let of_reading = findings(&with(&[("/cerfa/employeur", json!("ENTREPRISE FICTIVE"))]));
    let pointers: Vec<String> = join_findings(of_reading, of_rules)
        .into_iter()
        .map(|finding| finding.pointer)
        .collect();
    assert_eq!(
        pointers,
        ["/cerfa/employeur", "/cerfa/organismeFormation/siret"]
    );
}

#[test]
fn what_is_not_json_says_where() {
    let error = refused(b"{\n  \"cerfa\": {,\n}");
    assert_eq!(
        (error.kind, error.line, error.column),
        (SyntaxKind::NotJson, 2, 13)
    );
    assert_eq!(
        error.message,
        "Le corps n'est pas un JSON valide : corrigez le corps et renvoyez-le."
    );
    for body in [
        "",
        " ",
        "{",
        "{\"cerfa\":",
        "{} {}",
        "nul",
        "{\"cerfa\":{\"employeur\":{\"siret\":\"1",
    ] {
        assert_eq!(refused(body.as_bytes()).kind, SyntaxKind::NotJson, "{body}");
    }
}

#[test]
fn bytes_that_are_not_utf8_say_where() {
    let error = refused(b"{\n\"cerfa\": \"\xE9\"}");
    assert_eq!(
        (error.kind, error.line, error.column),
        (SyntaxKind::NotUtf8, 2, 11)
    );
}

#[test]
fn a_name_given_twice_is_refused_at_every_level() {
    for body in [
        r#"{"cerfa":{},"cerfa":{}}"#,
        r#"{"cerfa":{"employeur":{"siret":"1","siret":"2"}}}"#,
        r#"{"cerfa":{"employeur":{"siret":null,"siret":null}}}"#,
        r#"{"cerfa":{"contrat":{"remunerationsAnnuelles":[{"taux":1,"taux":2}]}}}"#,
        r#"{"cerfa":{"maitre1":{"nir":"1","nir":"2"}}}"#,
        r#"{"inconnu":1,"inconnu":2}"#,
        r#"{"cerfa":{"inconnu":{"a":[{"b":1,"\u0062":2}]}}}"#,
        r#"{"cerfa":{"employeurV2":{},"employeurV2":{}}}"#,
    ] {
        let error = refused(body.as_bytes());
        assert_eq!(error.kind, SyntaxKind::DuplicateKey, "{body}");
        assert!(error.line == 1 && error.column > 0, "{body}: {error:?}");
    }
}

#[test]
fn a_deep_body_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [33, 200, 100_000] {
            let body = format!("{{\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth));
            assert_eq!(
                refused(body.as_bytes()).kind,
                SyntaxKind::TooDeep,
                "{depth}"
            );
        }
    }
    let body = format!(
        "{{\"cerfa\":{{\"etat\":{}1{}}}}}",
        "[".repeat(30),
        "]".repeat(30)
    );
    assert!(Dossier::read(body.as_bytes()).is_ok());
}

#[test]
fn a_body_of_too_many_values_is_refused() {
    let zeros = vec!["0"; 100_000].join(",");
    for body in [
        format!("[{zeros}]"),
        format!("{{\"x\":[{zeros}]}}"),
        format!("{{\"cerfa\":{{\"contrat\":{{\"remunerationsAnnuelles\":[{zeros}]}}}}}}"),
        format!("{{\"cerfa\":{{\"apprenti\":{{\"nir\":[{zeros}]}}}}}}"),
    ] {
        assert_eq!(refused(body.as_bytes()).kind, SyntaxKind::TooManyElements);
    }
}

#[test]
fn findings_are_listed_up_to_a_bound() {
    let periods = vec![r#"{"taux":"x"}"#; 5_000].join(",");
    let body = format!("{{\"cerfa\":{{\"contrat\":{{\"remunerationsAnnuelles\":[{periods}]}}}}}}");
    let found = findings(body.as_bytes());
    assert_eq!(found.len(), 201);
    assert_eq!(
        found[199].pointer,
        "/cerfa/contrat/remunerationsAnnuelles/199/taux"
    );
    assert!(found[200].message.contains("200"), "{:?}", found[200]);
}

#[test]
fn a_number_no_machine_can_keep_is_refused_without_harm() {
    let long = "9".repeat(10_000);
    for number in [long.as_str(), "1e999999999", "-1e400"] {
        let body = format!("{{\"cerfa\":{{\"contrat\":{{\"salaireEmbauche\":{number}}}}}}}");
        assert_eq!(
            refused(body.as_bytes()).kind,
            SyntaxKind::NotJson,
            "{number:.20}"
        );
    }
    for number in ["1e-999999999", "123456789012345678901234567890", "-0.0"] {
        let body = format!("{{\"cerfa\":{{\"contrat\":{{\"salaireEmbauche\":{number}}}}}}}");
        assert!(Dossier::read(body.as_bytes()).is_ok(), "{number}");
    }
}
