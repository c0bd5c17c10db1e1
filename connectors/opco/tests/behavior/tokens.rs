//! Software tokens at the socket: asked once, kept, replaced once, proven where asked.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use domain::{FaultKind, NormVersion, Opco, Outcome, Secret};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use opco::{Answer, Operation, Profile, Settings, Transport, exchange};
use serde_json::{Value, json};
use wiremock::matchers::{header, header_exists, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::bench::{self, filing, identity, sample, transport};
use crate::walked::file;

async fn token(server: &MockServer, text: &str, answer: ResponseTemplate, times: u64) {
    let body = json!({"access_token": text, "token_type": "Bearer", "expires_in": 3600});
    let answer = answer.set_body_json(body);
    Mock::given(method("POST"))
        .and(path("/akto/SorApiIdentityServer/connect/token"))
        .respond_with(answer)
        .up_to_n_times(times)
        .expect(times)
        .mount(server)
        .await;
}

async fn status(server: &MockServer, bearer: &str, answer: ResponseTemplate, times: u64) {
    Mock::given(path("/akto/SorApiEchangeCFA/v1/status"))
        .and(header("authorization", format!("Bearer {bearer}")))
        .respond_with(answer)
        .expect(times)
        .mount(server)
        .await;
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200)
}

fn healthy() -> ResponseTemplate {
    ok().set_body_bytes(sample("status-v1"))
}

fn akto(server: &MockServer) -> Profile {
    Profile::shipped(Opco::Akto)
        .unwrap()
        .rehosted(&server.uri())
        .unwrap()
}

/// Asks for the status as many times at once.
async fn at_once(
    transport: &Arc<Transport>,
    profile: &Profile,
    times: usize,
) -> Vec<Result<Answer, domain::Fault>> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..times {
        let (transport, profile) = (transport.clone(), profile.clone());
        calls.spawn(async move {
            exchange(&transport, &profile, &identity(), &Operation::Status).await
        });
    }
    calls.join_all().await
}

#[tokio::test]
async fn every_opcos_software_identifies_itself_in_its_way() {
    let server = MockServer::start().await;
    let grant = json!({"access_token": "jeton", "expires_in": 3600});
    Mock::given(method("POST"))
        .and(wiremock::matchers::path_regex("token$"))
        .respond_with(ok().set_body_json(grant))
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer jeton"))
        .respond_with(ok().set_body_bytes(sample("dossier-v1-reponse")))
        .mount(&server)
        .await;
    let mut text = String::new();
    for opco in Opco::ALL {
        let profile = Profile::shipped(opco)
            .unwrap()
            .rehosted(&server.uri())
            .unwrap();
        for version in [NormVersion::V1, NormVersion::V2] {
            let outcome = file(&transport(), &profile, &identity(), &filing(version)).await;
            assert!(matches!(outcome, Outcome::Taken(_)), "{opco} {outcome:?}");
        }
    }
    for request in server.received_requests().await.unwrap() {
        if request.url.path().ends_with("token") {
            let body = String::from_utf8(request.body.clone()).unwrap();
            let proof = if request.headers.contains_key("dpop") {
                " with a proof"
            } else {
                ""
            };
            writeln!(text, "{} {body}{proof}", request.url.path()).unwrap();
        } else {
            writeln!(text, "  then {}", request.url.path()).unwrap();
        }
    }
    insta::assert_snapshot!("token_requests", text);
}

#[tokio::test]
async fn calls_that_come_together_share_one_token_request() {
    let server = MockServer::start().await;
    token(
        &server,
        "premier",
        ok().set_delay(Duration::from_millis(100)),
        1,
    )
    .await;
    status(&server, "premier", healthy(), 20).await;
    let answers = at_once(&Arc::new(transport()), &akto(&server), 20).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn calls_that_wait_together_share_one_refusal() {
    let server = MockServer::start().await;
    let refusal = ResponseTemplate::new(400)
        .set_body_json(json!({"error": "invalid_client"}))
        .set_delay(Duration::from_millis(100));
    Mock::given(method("POST"))
        .respond_with(refusal)
        .expect(1)
        .mount(&server)
        .await;
    let answers = at_once(&Arc::new(transport()), &akto(&server), 10).await;
    assert_eq!(answers.len(), 10);
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind, FaultKind::SoftwareRefused);
    }
}

#[tokio::test]
async fn a_token_is_kept_until_a_minute_before_its_end() {
    let server = MockServer::start().await;
    token(&server, "premier", ok(), 1).await;
    token(&server, "second", ok(), 1).await;
    status(&server, "premier", healthy(), 2).await;
    status(&server, "second", healthy(), 1).await;
    let clock = bench::clock();
    let transport = Transport::new(clock.clone(), &Settings::default()).unwrap();
    for seconds in [0, 3_539, 1] {
        clock.advance(Duration::from_secs(seconds));
        let answer = exchange(&transport, &akto(&server), &identity(), &Operation::Status).await;
        assert!(answer.is_ok(), "{seconds}: {answer:?}");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_hold_it() {
    let server = MockServer::start().await;
    token(&server, "perime", ok(), 1).await;
    token(
        &server,
        "neuf",
        ok().set_delay(Duration::from_millis(50)),
        1,
    )
    .await;
    status(&server, "perime", ResponseTemplate::new(401), 5).await;
    status(&server, "neuf", healthy(), 5).await;
    let answers = at_once(&Arc::new(transport()), &akto(&server), 5).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_contract_is_sent_again_after_a_401_and_only_once() {
    let server = MockServer::start().await;
    token(&server, "premier", ok(), 1).await;
    token(&server, "second", ok(), 1).await;
    Mock::given(path("/akto/SorApiEchangeCFA/v1/dossiers"))
        .respond_with(ResponseTemplate::new(401))
        .expect(2)
        .mount(&server)
        .await;
    let filing = filing(NormVersion::V1);
    match file(&transport(), &akto(&server), &identity(), &filing).await {
        Outcome::Failed(fault) => assert_eq!(fault.kind, FaultKind::SoftwareRefused),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_filed() {
    for (answer, kind) in [
        (ResponseTemplate::new(401), FaultKind::SoftwareRefused),
        (ResponseTemplate::new(404), FaultKind::Misconfigured),
        (ResponseTemplate::new(429), FaultKind::Throttled),
        (ResponseTemplate::new(500), FaultKind::Unavailable),
        (ok().set_body_string("<html>"), FaultKind::Unreadable),
        (
            ok().set_body_json(json!({"expires_in": 60})),
            FaultKind::Unreadable,
        ),
        (ResponseTemplate::new(302), FaultKind::Unreadable),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/akto/SorApiIdentityServer/connect/token"))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
        let filing = filing(NormVersion::V1);
        match file(&transport(), &akto(&server), &identity(), &filing).await {
            Outcome::Failed(fault) => assert_eq!(fault.kind, kind, "{fault:?}"),
            other => panic!("{other:?}"),
        }
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_token_is_never_lent_to_another_secret() {
    let server = MockServer::start().await;
    token(&server, "premier", ok(), 1).await;
    status(&server, "premier", healthy(), 1).await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    let (transport, profile) = (transport(), akto(&server));
    assert!(
        exchange(&transport, &profile, &identity(), &Operation::Status)
            .await
            .is_ok()
    );
    let mut stranger = identity();
    stranger.software.as_mut().unwrap().client_secret = Secret::new("guessed");
    let answer = exchange(&transport, &profile, &stranger, &Operation::Status).await;
    assert_eq!(answer.unwrap_err().kind, FaultKind::SoftwareRefused);
}

#[tokio::test]
async fn a_slow_token_endpoint_costs_no_more_than_the_whole_exchange_may() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ok().set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let profile = Profile {
        timeout_ms: 300,
        ..akto(&server)
    };
    match file(
        &transport(),
        &profile,
        &identity(),
        &filing(NormVersion::V1),
    )
    .await
    {
        Outcome::Failed(fault) => assert_eq!(fault.kind, FaultKind::Unavailable),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_key_alone_is_sent_where_it_is_all_that_is_asked() {
    let server = MockServer::start().await;
    Mock::given(path("/v1/status"))
        .and(header_exists("x-api-key"))
        .respond_with(healthy())
        .expect(1)
        .mount(&server)
        .await;
    let alone = opco::Identity {
        software: None,
        ..identity()
    };
    let profile = bench::key_only(&server.uri());
    assert!(
        exchange(&transport(), &profile, &alone, &Operation::Status)
            .await
            .is_ok()
    );
    let requests = server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|request| !request.headers.contains_key("authorization"))
    );
    // Elsewhere it is not enough.
    let answer = exchange(&transport(), &akto(&server), &alone, &Operation::Status).await;
    assert_eq!(answer.unwrap_err().kind, FaultKind::Misconfigured);
}

fn claims(request: &Request) -> Value {
    let proof = request.headers.get("dpop").unwrap().to_str().unwrap();
    let jwk = jsonwebtoken::decode_header(proof).unwrap().jwk.unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    jsonwebtoken::decode::<Value>(proof, &key, &rules)
        .unwrap()
        .claims
}

#[tokio::test]
async fn afdas_gets_a_proof_with_the_token_request_and_its_own_nonce_when_it_wants_one() {
    let server = MockServer::start().await;
    let endpoint = "/afdas/oauth2/default/v1/token";
    Mock::given(path(endpoint))
        .respond_with(
            ResponseTemplate::new(400)
                .insert_header("dpop-nonce", "n-42")
                .set_body_json(json!({"error": "use_dpop_nonce"})),
        )
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path(endpoint))
        .respond_with(ok().set_body_json(json!({"access_token": "jeton", "expires_in": "3600"})))
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer jeton"))
        .respond_with(healthy())
        .expect(1)
        .mount(&server)
        .await;
    let afdas = Profile::shipped(Opco::Afdas)
        .unwrap()
        .rehosted(&server.uri())
        .unwrap();
    let mut identity = identity();
    identity.software.as_mut().unwrap().dpop_key = Some(opco::generate_proof_key().unwrap());
    assert!(
        exchange(&transport(), &afdas, &identity, &Operation::Status)
            .await
            .is_ok()
    );
    let requests = server.received_requests().await.unwrap();
    let [first, second, call] = requests.as_slice() else {
        panic!("{}", requests.len())
    };
    let htu = format!("{}{endpoint}", server.uri());
    assert_eq!(claims(first).get("htu"), Some(&Value::String(htu)));
    assert_eq!(claims(first).get("htm"), Some(&"POST".into()));
    assert_eq!(claims(first).get("nonce"), None);
    assert_eq!(claims(second).get("nonce"), Some(&"n-42".into()));
    assert_ne!(claims(first).get("jti"), claims(second).get("jti"));
    // The call itself uses the token as a plain bearer (protocol §3.2).
    assert!(!call.headers.contains_key("dpop"));
}
