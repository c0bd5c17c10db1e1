//! The live services against a local fake, with the shapes that were seen of the real ones.

mod cfadock;
mod memory;

use domain::Secret;
use domain::clock::ManualClock;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const ATLAS: &str = "41816609600069";
const OTHER: &str = "89448692700011";
const RESOURCE: &str = "b2452a3d-7786-4a26-99c3-0389fbb3763e";

fn siret(text: &str) -> Siret {
    text.parse().unwrap()
}

fn manual() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-11-21T08:00:00Z".parse().unwrap()))
}

/// Which services a test sets.
#[derive(Clone, Copy)]
struct Set {
    france_competences: bool,
    tabular: bool,
    cfadock: bool,
}

const AUTHORITY: Set = Set {
    france_competences: true,
    tabular: false,
    cfadock: false,
};
const TABLE: Set = Set {
    france_competences: false,
    tabular: true,
    cfadock: false,
};
const CFADOCK: Set = Set {
    france_competences: false,
    tabular: false,
    cfadock: true,
};
const BOTH: Set = Set {
    france_competences: true,
    tabular: true,
    cfadock: false,
};
const ALL: Set = Set {
    france_competences: true,
    tabular: true,
    cfadock: true,
};

fn lookup(server: &MockServer, clock: Arc<dyn Clock>, set: Set) -> Lookup {
    let base_url = server.uri();
    let settings = Settings {
        france_competences: set.france_competences.then(|| FranceCompetencesSettings {
            api_key: Secret::new("canary-key"),
            base_url: base_url.clone(),
            path: "/siro/v1/public/{siret}".to_owned(),
            per_second: 100,
        }),
        tabular: set.tabular.then(|| TabularSettings {
            resource: RESOURCE.to_owned(),
            base_url: base_url.clone(),
            per_second: 100,
        }),
        cfadock: set.cfadock.then_some(CfadockSettings {
            base_url,
            per_second: 100,
        }),
        timeout_ms: 2_000,
        ..Settings::default()
    };
    Lookup::new(&settings, clock).unwrap().unwrap()
}

fn france_competences(code: &str, owner: Option<(&str, &str)>) -> Value {
    let mut body = json!({ "code": code, "siret": ATLAS, "idcc": "1486" });
    if let (Some((code, nom)), Some(fields)) = (owner, body.as_object_mut()) {
        fields.insert(
            "opcoRattachement".to_owned(),
            json!({ "code": code, "nom": nom }),
        );
        fields.insert(
            "opcoGestion".to_owned(),
            json!({ "code": "N/C", "nom": "N/C" }),
        );
    }
    body
}

async fn serve(server: &MockServer, at: &str, answer: ResponseTemplate, calls: u64) {
    Mock::given(path(at))
        .respond_with(answer)
        .expect(calls)
        .mount(server)
        .await;
}

fn json_of(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn authority_path() -> String {
    format!("/siro/v1/public/{ATLAS}")
}

fn table_path() -> String {
    format!("/api/resources/{RESOURCE}/data/")
}

fn owner_of(answer: &Answer) -> Option<(Opco, Option<Opco>, Certainty)> {
    match answer {
        Answer::Found(Found {
            said: Said::Owner { opco, manager },
            certainty,
            ..
        }) => Some((*opco, *manager, *certainty)),
        _ => None,
    }
}

#[tokio::test]
async fn each_code_of_france_competences_has_its_meaning() {
    let found = |said, certainty| Some((said, certainty));
    let atlas = Said::Owner {
        opco: Opco::Atlas,
        manager: None,
    };
    for (code, owner, expected) in [
        (
            "01",
            Some(("03", "ATLAS")),
            found(atlas, Certainty::Reference),
        ),
        (
            "01",
            Some(("N/C", "N/C")),
            found(Said::NoOpco, Certainty::Reference),
        ),
        ("01", None, found(Said::NoOpco, Certainty::Reference)),
        (
            "02",
            Some(("03", "ATLAS")),
            found(atlas, Certainty::Claimed),
        ),
        (
            "03",
            Some(("03", "ATLAS")),
            found(atlas, Certainty::Claimed),
        ),
        ("99", None, None),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path(authority_path()))
            .and(header("X-Gravitee-Api-Key", "canary-key"))
            .respond_with(json_of(&france_competences(code, owner)))
            .expect(1)
            .mount(&server)
            .await;
        let answer = lookup(&server, manual(), AUTHORITY)
            .find(siret(ATLAS))
            .await;
        match expected {
            None => assert_eq!(answer, Answer::Absent),
            Some((said, certainty)) => {
                let Answer::Found(found) = answer else {
                    panic!("{code}: {answer:?}")
                };
                assert_eq!((found.said, found.certainty), (said, certainty));
                assert_eq!(found.idcc, IdccCode::new(1486));
                assert!(!found.stale);
            }
        }
    }
}

#[tokio::test]
async fn the_manager_is_told_beside_the_owner() {
    let server = MockServer::start().await;
    let mut body = france_competences("01", Some(("03", "ATLAS")));
    body["opcoGestion"] = json!({ "code": "02", "nom": "AKTO" });
    serve(&server, &authority_path(), json_of(&body), 1).await;
    let answer = lookup(&server, manual(), AUTHORITY)
        .find(siret(ATLAS))
        .await;
    assert_eq!(
        owner_of(&answer),
        Some((Opco::Atlas, Some(Opco::Akto), Certainty::Reference))
    );
}

#[tokio::test]
async fn the_open_table_is_asked_when_france_competences_fails() {
    let server = MockServer::start().await;
    serve(&server, &authority_path(), ResponseTemplate::new(500), 1).await;
    // Typed columns lose their leading zeros.
    let row = json!({ "SIRET": 41_816_609_600_069_u64, "IDCC": 16, "OPCO_PROPRIETAIRE": "ATLAS",
                      "OPCO_GESTION": null });
    Mock::given(path(table_path()))
        .and(query_param("SIRET__exact", ATLAS))
        .respond_with(json_of(&json!({ "data": [row] })))
        .expect(1)
        .mount(&server)
        .await;
    let Answer::Found(found) = lookup(&server, manual(), BOTH).find(siret(ATLAS)).await else {
        panic!()
    };
    assert_eq!(
        found.said,
        Said::Owner {
            opco: Opco::Atlas,
            manager: None
        }
    );
    assert_eq!(
        (found.source, found.idcc),
        (Source::Tabular, IdccCode::new(16))
    );
}

#[tokio::test]
async fn unknown_at_france_competences_is_final_and_nobody_else_is_asked() {
    let server = MockServer::start().await;
    serve(
        &server,
        &authority_path(),
        json_of(&france_competences("99", None)),
        1,
    )
    .await;
    serve(&server, &table_path(), ResponseTemplate::new(500), 0).await;
    assert_eq!(
        lookup(&server, manual(), BOTH).find(siret(ATLAS)).await,
        Answer::Absent
    );
}

#[tokio::test]
async fn absent_from_the_open_table_is_an_answer_only_when_the_authority_did_not_fail() {
    let server = MockServer::start().await;
    serve(&server, &authority_path(), ResponseTemplate::new(503), 1).await;
    serve(&server, &table_path(), json_of(&json!({ "data": [] })), 2).await;
    let answer = lookup(&server, manual(), BOTH).find(siret(ATLAS)).await;
    assert!(matches!(answer, Answer::CouldNotTell(_)), "{answer:?}");
    assert_eq!(
        lookup(&server, manual(), TABLE).find(siret(ATLAS)).await,
        Answer::Absent
    );
}

#[tokio::test]
async fn a_line_without_an_opco_and_lines_that_disagree_are_told_apart() {
    let row = |owner: Value| json!({ "SIRET": ATLAS, "IDCC": "1486", "OPCO_PROPRIETAIRE": owner, "OPCO_GESTION": null });
    for (rows, expected) in [
        (vec![row(Value::Null)], Said::NoOpco),
        (vec![row(json!("ATLAS")), row(json!("AKTO"))], Said::Several),
    ] {
        let server = MockServer::start().await;
        serve(&server, &table_path(), json_of(&json!({ "data": rows })), 1).await;
        let answer = lookup(&server, manual(), TABLE).find(siret(ATLAS)).await;
        let Answer::Found(found) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(found.said, expected);
    }
}

#[tokio::test]
async fn what_cannot_be_believed_tells_nothing() {
    let ok =
        |text: &str| ResponseTemplate::new(200).set_body_raw(text.to_owned(), "application/json");
    let foreign = json!({ "code": "01", "siret": OTHER, "opcoRattachement": { "code": "03" } });
    let torn = france_competences("01", Some(("03", "AKTO")));
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let large = format!("{{\"code\":\"01\",\"pad\":\"{}\"}}", "x".repeat(600 * 1024));
    let away =
        ResponseTemplate::new(302).insert_header("location", "https://quel-est-mon-opco.invalid/");
    for (name, answer) in [
        ("a page", ok("<!doctype html><title>Maintenance</title>")),
        ("nothing", ok("")),
        ("half an answer", ok("{\"code\":\"01\",\"siret\":")),
        ("deep nesting", ok(&deep)),
        ("too much", ok(&large)),
        ("a list", ok("[]")),
        ("no code", ok("{}")),
        ("a code that is a number", ok("{\"code\":1}")),
        (
            "an unknown OPCO",
            json_of(&france_competences("01", Some(("12", "X")))),
        ),
        ("code and name of two OPCOs", json_of(&torn)),
        ("another establishment", json_of(&foreign)),
        ("a redirect", away),
        ("no such path", ResponseTemplate::new(404)),
        ("a refused key", ResponseTemplate::new(401)),
    ] {
        let server = MockServer::start().await;
        serve(&server, &authority_path(), answer, 1).await;
        let answer = lookup(&server, manual(), AUTHORITY)
            .find(siret(ATLAS))
            .await;
        let Answer::CouldNotTell(fault) = answer else {
            panic!("{name}: {answer:?}")
        };
        let printed = format!("{fault:?}");
        assert!(
            !printed.contains(ATLAS) && !printed.contains("canary"),
            "{printed}"
        );
    }
}

#[test]
fn settings_that_no_service_could_be_called_with_are_refused() {
    let with = |change: fn(&mut Settings)| {
        let mut settings: Settings = toml::from_str(
            "[tabular]\nresource = \"abc\"\n[france_competences]\napi_key = \"k\"\n",
        )
        .unwrap();
        change(&mut settings);
        Lookup::new(&settings, manual()).map(|lookup| lookup.is_some())
    };
    assert_eq!(with(|_| ()), Ok(true));
    assert_eq!(
        with(|s| {
            s.tabular = None;
            s.france_competences = None;
        }),
        Ok(false)
    );
    assert!(with(|s| s.timeout_ms = 0).is_err());
    assert!(with(|s| s.tabular.as_mut().unwrap().per_second = 0).is_err());
    assert!(with(|s| s.tabular.as_mut().unwrap().resource = "a/../b".to_owned()).is_err());
    assert!(with(|s| s.tabular.as_mut().unwrap().base_url = "file:///x".to_owned()).is_err());
    assert!(with(|s| s.france_competences.as_mut().unwrap().path = "/x".to_owned()).is_err());
    let printed = with(|s| s.breaker.failures = 0).map_err(|fault| fault.kind);
    assert_eq!(printed, Err(FaultKind::Misconfigured));
}

/// Returns a valid SIRET for each small number: its check digits are found by trying.
fn number(n: u32) -> String {
    let siren = (0..10)
        .map(|d| format!("{:08}{d}", 40_000_000 + n))
        .find(|text| text.parse::<domain::Siren>().is_ok());
    let siren = siren.unwrap();
    (0..10)
        .map(|d| format!("{siren}0001{d}"))
        .find(|text| text.parse::<Siret>().is_ok())
        .unwrap()
}
