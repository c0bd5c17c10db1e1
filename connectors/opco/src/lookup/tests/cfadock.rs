//! CFADock: asked last, one establishment or a hundred, and believed only where it is clear.

use std::sync::Mutex;

use domain::clock::SystemClock;
use wiremock::matchers::body_string_contains;
use wiremock::{Request, Respond};

use super::*;

#[tokio::test]
async fn cfadock_is_asked_last_and_its_failure_outweighs_nobody() {
    let server = MockServer::start().await;
    serve(
        &server,
        &authority_path(),
        json_of(&france_competences("99", None)),
        1,
    )
    .await;
    serve(&server, "/api/opcos", ResponseTemplate::new(500), 1).await;
    assert_eq!(
        lookup(&server, manual(), ALL).find(siret(ATLAS)).await,
        Answer::Absent
    );

    let server = MockServer::start().await;
    serve(
        &server,
        &authority_path(),
        json_of(&france_competences("99", None)),
        1,
    )
    .await;
    let body = json!({ "filters": { "siret": ATLAS }, "idcc": 16, "opcoName": "old label",
                       "opcoSiren": "851296632", "searchStatus": "ok" });
    serve(&server, "/api/opcos", json_of(&body), 1).await;
    let answer = lookup(&server, manual(), ALL).find(siret(ATLAS)).await;
    assert_eq!(
        owner_of(&answer),
        Some((Opco::Atlas, None, Certainty::Claimed))
    );
}

#[tokio::test]
async fn each_status_of_cfadock_has_its_meaning() {
    let body = |status: Value| json!({ "Filters": { "Siret": ATLAS }, "OpcoSiren": null, "ResultStatus": status });
    for (body, expected) in [
        (body(json!("NOT_FOUND")), Some(false)),
        (body(json!("MULTIPLE_OPCO")), Some(true)),
        (body(json!("ERROR")), None),
        (body(Value::Null), None),
        (body(json!("OK")), None),
        (json!({ "opcoSiren": "851296632" }), None),
    ] {
        let server = MockServer::start().await;
        serve(&server, "/api/opcos", json_of(&body), 1).await;
        let answer = lookup(&server, manual(), CFADOCK).find(siret(ATLAS)).await;
        match (expected, &answer) {
            (Some(false), Answer::Absent) | (None, Answer::CouldNotTell(_)) => {}
            (Some(true), Answer::Found(found)) if found.said == Said::Several => {}
            _ => panic!("{body}: {answer:?}"),
        }
    }
}

/// Answers a batch for all that was asked but the first, in reverse order.
struct Batch(Mutex<Vec<usize>>);

impl Respond for &'static Batch {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
        self.0.lock().unwrap().push(asked.len());
        let item = |one: &Value| {
            json!({ "filters": one, "opcoName": "OPCO ATLAS", "idcc": 1486, "url": null,
                    "searchStatus": "OK" })
        };
        let mut found: Vec<Value> = asked.iter().skip(1).rev().map(item).collect();
        found.insert(
            0,
            json!({ "filters": { "siret": "x" }, "searchStatus": "OK" }),
        );
        if let Some(odd) = found.last_mut() {
            odd["opcoName"] = json!("OPCO INCONNU");
        }
        json_of(&json!({ "found": found }))
    }
}

#[tokio::test]
async fn many_go_to_cfadock_by_hundreds_and_come_back_by_siret() {
    static BATCH: Batch = Batch(Mutex::new(Vec::new()));
    let sirets: Vec<Siret> = (0..250).map(|n| siret(&number(n))).collect();
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/opcos"))
        .and(header("accept", "text/plain"))
        .and(body_string_contains("siret"))
        .respond_with(&BATCH)
        .mount(&server)
        .await;
    let clock = Arc::new(SystemClock);
    let twice: Vec<Siret> = sirets.iter().chain(&sirets).copied().collect();
    let answers = lookup(&server, clock, CFADOCK).find_many(&twice).await;
    assert_eq!(*BATCH.0.lock().unwrap(), [100, 100, 50]);
    assert_eq!(answers.len(), 500);
    for (place, answer) in answers.iter().enumerate() {
        match place % 250 {
            0 | 100 | 200 => assert_eq!(*answer, Answer::Absent, "{place}"),
            // The odd item is that establishment's trouble alone.
            1 | 101 | 201 => assert!(matches!(answer, Answer::CouldNotTell(_)), "{place}"),
            _ => assert_eq!(
                owner_of(answer),
                Some((Opco::Atlas, None, Certainty::Claimed))
            ),
        }
    }
}
