//! The contract check, on the samples and on what is wrong with them.

use serde_json::json;

use super::fields::Need;
use super::*;

fn sample() -> Value {
    serde_json::from_str(include_str!("../../tests/samples/dossier-v1.json")).unwrap()
}

fn texts(body: &Value) -> Vec<String> {
    check(body)
        .unwrap_err()
        .into_iter()
        .map(|finding| finding.text)
        .collect()
}

#[test]
fn both_samples_pass() {
    assert!(check(&sample()).is_ok());
    let second: Value =
        serde_json::from_str(include_str!("../../tests/samples/dossier-v2.json")).unwrap();
    let contract = check(&second).unwrap();
    assert_eq!(contract.siret_employeur, "11122237800015");
    assert_eq!(contract.fin, jiff::civil::date(2028, 8, 31));
}

#[test]
fn every_field_marked_as_required_is_required() {
    let blocks = [
        ("employeur", fields::EMPLOYEUR),
        ("apprenti", fields::APPRENTI),
        ("maitre1", fields::MAITRE),
        ("formation", fields::FORMATION),
        ("contrat", fields::CONTRAT),
        ("organismeFormation", fields::ORGANISME),
    ];
    for (block, fields) in blocks {
        for field in fields {
            let mut body = sample();
            body["cerfa"][block]
                .as_object_mut()
                .unwrap()
                .remove(field.name);
            let needed = field.need != Need::Never;
            assert_eq!(check(&body).is_err(), needed, "{block}.{}", field.name);
            if needed {
                let expected = format!("Le champ {block}.{} est obligatoire", field.name);
                assert_eq!(texts(&body), [expected]);
            }
        }
        let mut body = sample();
        body["cerfa"].as_object_mut().unwrap().remove(block);
        assert!(texts(&body).contains(&format!("Le champ {block} est obligatoire")));
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut body = sample();
    body["cerfa"]["apprenti"]["nir"] = json!("205049399999993");
    body["cerfa"]["employeur"]["siret"] = json!("12345678200011");
    body["cerfa"]["contrat"]["typeContratApp"] = json!(99);
    body["cerfa"]["apprenti"]["handicap"] = json!("oui");
    body["cerfa"]["contrat"]["remunerationsAnnuelles"][1]["typeSalaire"] = json!("SMIG");
    let texts = texts(&body);
    assert_eq!(texts.len(), 5, "{texts:?}");
    assert!(texts.contains(&"Le champ apprenti.nir est invalide : NIR incorrect".to_owned()));
    assert!(
        !texts.iter().any(|text| text.contains("205049399999993")),
        "a NIR was repeated"
    );
}

#[test]
fn numbers_may_be_written_as_texts_but_texts_not_as_numbers() {
    let mut body = sample();
    body["cerfa"]["contrat"]["typeContratApp"] = json!("11");
    body["cerfa"]["contrat"]["salaireEmbauche"] = json!("966.21");
    body["cerfa"]["employeur"]["nombreDeSalaries"] = json!("18");
    assert!(check(&body).is_ok());
    body["cerfa"]["employeur"]["codeIdcc"] = json!(1979);
    body["cerfa"]["contrat"]["salaireEmbauche"] = json!("beaucoup");
    assert_eq!(texts(&body).len(), 2);
}

#[test]
fn the_diploma_list_follows_the_version_of_the_cerfa() {
    let mut body = sample();
    body["cerfa"]["formation"]["typeDiplome"] = json!(64);
    assert!(check(&body).is_ok());
    body["cerfa"]["versionCERFA"] = json!("10103*13");
    assert_eq!(
        texts(&body),
        ["Le champ formation.typeDiplome est invalide : code 64 inconnu"]
    );
    body["cerfa"]["formation"]["typeDiplome"] = json!(71);
    body["cerfa"]["formation"]
        .as_object_mut()
        .unwrap()
        .remove("nombreHeuresEnDistanciel");
    assert!(check(&body).is_ok());
    body["cerfa"]["versionCERFA"] = json!("10103*15");
    assert!(check(&body).is_err());
}

#[test]
fn what_is_conditional_is_asked_for_when_its_condition_holds() {
    let mut body = sample();
    body["cerfa"]["contrat"]["typeContratApp"] = json!(33);
    body["cerfa"]["organismeFormation"]["lieuFormationIdentique"] = json!(false);
    assert_eq!(
        texts(&body),
        [
            "Le champ contrat.numeroContratPrecedent est obligatoire",
            "Le champ contrat.dateEffetAvenant est obligatoire",
            "Le champ organismeFormationLieuFormationPrincipal est obligatoire",
        ]
    );
}

#[test]
fn the_address_of_2021_and_the_other_spelling_of_the_attestation_pass() {
    let mut body = sample();
    body["cerfa"]["apprenti"]["adresse"] = json!({"numero": 3, "voie": "ALLEE DES EXEMPLES", "codePostal": "93000", "commune": "BOBIGNY"});
    let cerfa = body["cerfa"].as_object_mut().unwrap();
    let attested = cerfa.remove("CERFASignatureProbante").unwrap();
    cerfa.insert("CERFAsignatureProbante".to_owned(), attested);
    cerfa.insert("champInconnu".to_owned(), json!([1]));
    assert!(check(&body).is_ok());
}

#[test]
fn a_day_is_read_in_every_spelling_and_never_shifted() {
    let expected = Some(jiff::civil::date(2026, 9, 1));
    for text in [
        "2026-09-01T00:00:00+0000",
        "2026-09-01T00:00:00+00:00",
        "2026-09-01T00:00:00Z",
        "2026-09-01T00:00:00+02:00",
        "2026-09-01",
    ] {
        assert_eq!(day(text), expected, "{text}");
    }
    for text in [
        "2026-13-01",
        "01/09/2026",
        "2026-09-01 soir",
        "",
        "2026-09-0é",
    ] {
        assert_eq!(day(text), None, "{text}");
    }
}

#[test]
fn the_business_check_knows_the_first_day_of_the_norm() {
    let mut contract = check(&sample()).unwrap();
    assert_eq!(business(&contract), []);
    contract.conclusion = jiff::civil::date(2019, 12, 31);
    contract.fin = contract.debut;
    let codes: Vec<_> = business(&contract)
        .iter()
        .map(|finding| finding.code)
        .collect();
    assert_eq!(codes, ["CONTRAT_ANTERIEUR_2020", "CERFA_NON_CONFORME"]);
}
