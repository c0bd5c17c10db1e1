//! What a socket can do to a call, and which of three outcomes a write then has.

use std::time::{Duration, Instant};

use domain::payload::Facture;
use domain::{Fault, FaultKind, NormVersion, Outcome};
use opco::{Operation, Profile, Settings, Transport, exchange};
use serde_json::json;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::bench::{self, Deed, Misbehaving, filing, identity, key_only, sample, transport};
use crate::walked::{etats_all, factures_all, file};

async fn written(profile: &Profile) -> Outcome {
    file(&transport(), profile, &identity(), &filing(NormVersion::V1)).await
}

async fn read(profile: &Profile) -> Fault {
    exchange(&transport(), profile, &identity(), &Operation::Status)
        .await
        .unwrap_err()
}

fn lost(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Lost(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Failed(fault) => fault,
        other => panic!("{other:?}"),
    }
}

async fn answering(status: u16, body: &[u8]) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_bytes(body);
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_contract_taken_comes_back_with_its_number() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/dossiers"))
        .and(header("x-api-key", bench::KEY))
        .and(header("editeur", "Editions de l'Ete"))
        .and(header("logiciel", "Passerelle - CFA"))
        .and(header("version", "1.0.0"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(sample("dossier-v1-reponse")))
        .expect(1)
        .mount(&server)
        .await;
    match written(&key_only(&server.uri())).await {
        Outcome::Taken(receipt) => assert_eq!(receipt.numero_interne.as_deref(), Some("1234567")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_status_says_whether_a_contract_may_have_been_taken() {
    let refusal = br#"{"description": "Champ vide"}"#;
    for (status, kind) in [
        (301, FaultKind::Unreadable),
        (400, FaultKind::Rejected),
        (401, FaultKind::KeyRefused),
        (403, FaultKind::KeyRefused),
        (409, FaultKind::Duplicate),
        (429, FaultKind::Throttled),
        (501, FaultKind::NotSupported),
        (503, FaultKind::Unavailable),
    ] {
        let server = answering(status, refusal).await;
        assert_eq!(
            failed(written(&key_only(&server.uri())).await).kind,
            kind,
            "{status}"
        );
    }
    for status in [408, 500, 502, 504, 520] {
        let server = answering(status, refusal).await;
        let fault = lost(written(&key_only(&server.uri())).await);
        assert_eq!(fault.kind, FaultKind::Unavailable, "{status}");
    }
}

#[tokio::test]
async fn a_conflict_without_a_body_is_no_word_of_the_opco() {
    let server = answering(409, b"").await;
    let fault = failed(written(&key_only(&server.uri())).await);
    assert_eq!(fault.kind, FaultKind::Unreadable);
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_a_lost_answer() {
    for body in ["", "<html>Merci</html>", "{\"numeroInterne\":", "{}", "[]"] {
        let server = answering(200, body.as_bytes()).await;
        let fault = lost(written(&key_only(&server.uri())).await);
        assert_eq!(fault.kind, FaultKind::Unreadable, "{body}");
        assert_eq!(fault.raw.as_deref(), (!body.is_empty()).then_some(body));
    }
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fault = failed(written(&key_only(&address)).await);
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.detail.contains("no connection"), "{}", fault.detail);
}

#[tokio::test]
async fn a_failed_handshake_sent_nothing() {
    let server = Misbehaving::start(Deed::Send(b"HTTP/1.1 200 OK\r\n\r\n{}".to_vec())).await;
    let address = server.address.replace("http:", "https:");
    let fault = failed(written(&key_only(&address)).await);
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_handshake_that_hangs_sent_nothing() {
    let server = Misbehaving::start(Deed::Ignore).await;
    let profile = key_only(&server.address.replace("http:", "https:"));
    let settings = Settings {
        connect_timeout_ms: 200,
        ..Settings::default()
    };
    let transport = Transport::new(bench::clock(), &settings).unwrap();
    let fault = failed(file(&transport, &profile, &identity(), &filing(NormVersion::V1)).await);
    assert!(
        fault.detail.contains("no connection within"),
        "{}",
        fault.detail
    );
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_a_lost_answer() {
    let server = Misbehaving::start(Deed::Send(Vec::new())).await;
    let fault = lost(written(&key_only(&server.address)).await);
    assert_eq!((fault.kind, fault.status), (FaultKind::Unavailable, None));
    // Never a second try by itself.
    assert_eq!(server.requests(), 1);
    assert_eq!(
        read(&key_only(&server.address)).await.kind,
        FaultKind::Unavailable
    );
}

#[tokio::test]
async fn silence_ends_at_the_time_limit_as_a_lost_answer() {
    let server = Misbehaving::start(Deed::Stall(Vec::new())).await;
    let profile = Profile {
        timeout_ms: 300,
        ..key_only(&server.address)
    };
    let started = Instant::now();
    let fault = lost(written(&profile).await);
    assert!(started.elapsed() >= Duration::from_millis(250));
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(fault.detail.contains("time limit"), "{}", fault.detail);
}

#[tokio::test]
async fn half_a_body_is_a_lost_answer() {
    let half =
        b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{\"numeroInterne\": \"12345".to_vec();
    let cut = Misbehaving::start(Deed::Send(half.clone())).await;
    let fault = lost(written(&key_only(&cut.address)).await);
    assert_eq!(
        (fault.kind, fault.status),
        (FaultKind::Unreadable, Some(200))
    );
    assert_eq!(fault.raw.as_deref(), Some("{\"numeroInterne\": \"12345"));
    assert_eq!(
        read(&key_only(&cut.address)).await.kind,
        FaultKind::Unreadable
    );

    let stalled = Misbehaving::start(Deed::Stall(half)).await;
    let profile = Profile {
        timeout_ms: 300,
        ..key_only(&stalled.address)
    };
    let fault = lost(written(&profile).await);
    assert!(fault.detail.contains("the time was up"), "{}", fault.detail);
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let server = Misbehaving::start(Deed::Flood).await;
    let profile = Profile {
        timeout_ms: 30_000,
        ..key_only(&server.address)
    };
    let fault = lost(written(&profile).await);
    assert_eq!(fault.kind, FaultKind::Unreadable);
    assert!(fault.detail.contains("larger"), "{}", fault.detail);
    assert!(fault.raw.unwrap().chars().count() <= 4_097);
}

#[tokio::test]
async fn what_is_no_http_is_a_lost_answer() {
    let server = Misbehaving::start(Deed::Send(b"220 mail.example ESMTP\r\n".to_vec())).await;
    assert_eq!(
        lost(written(&key_only(&server.address)).await).kind,
        FaultKind::Unavailable
    );
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let server = MockServer::start().await;
    let elsewhere = format!("{}/elsewhere", server.uri());
    Mock::given(path("/elsewhere"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(sample("dossier-v1-reponse")))
        .expect(0)
        .mount(&server)
        .await;
    for status in [301, 302, 307, 308] {
        let moved = ResponseTemplate::new(status).insert_header("location", elsewhere.as_str());
        let guard = Mock::given(path("/v1/dossiers")).respond_with(moved);
        let guard = guard.mount_as_scoped(&server).await;
        let fault = failed(written(&key_only(&server.uri())).await);
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Unreadable, Some(status))
        );
        assert!(fault.detail.contains("redirect"), "{}", fault.detail);
        drop(guard);
    }
}

#[tokio::test]
async fn the_delay_an_opco_asks_for_is_kept() {
    let server = MockServer::start().await;
    Mock::given(path("/v1/dossiers"))
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "17"))
        .mount(&server)
        .await;
    let fault = failed(written(&key_only(&server.uri())).await);
    assert_eq!(fault.retry_after, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn the_pages_of_a_list_are_walked_under_a_permit_each() {
    let server = MockServer::start().await;
    for number in ["1", "2"] {
        let page = sample(&format!("etats-dossiers-v2-page{number}"));
        Mock::given(path("/v2/dossiers/etats"))
            .and(query_param("numeroPage", number))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(page))
            .expect(1)
            .mount(&server)
            .await;
    }
    let (transport, profile, identity) = (transport(), key_only(&server.uri()), identity());
    let etats = etats_all((&transport, &profile, &identity), NormVersion::V2)
        .await
        .unwrap();
    assert_eq!((etats.items.len(), etats.complete), (3, true));
}

#[tokio::test]
async fn a_list_of_invoices_that_is_not_whole_is_no_absence() {
    let line =
        |numero: &str| json!({"numeroInterneFacture": numero, "referenceFactureCFA": numero});
    let first = json!({"total": 3, "page": 1, "factures": [line("1"), line("2")]});
    let ended_early = json!({"total": 3, "page": 2, "factures": []});
    let unnamed = json!({"total": 3, "page": 2, "factures": [line("3"), {"montantFacture": 1}]});
    let whole = json!({"total": 3, "page": 2, "factures": [line("3")]});
    let ours = Facture {
        numero: Some("FA-2026-00042".to_owned()),
        ..Facture::default()
    };
    for (second, told) in [(ended_early, false), (unnamed, false), (whole, true)] {
        let server = MockServer::start().await;
        for (number, page) in [("1", &first), ("2", &second)] {
            Mock::given(path("/v2/factures/etats"))
                .and(query_param("numeroPage", number))
                .respond_with(ResponseTemplate::new(200).set_body_json(page))
                .expect(1)
                .mount(&server)
                .await;
        }
        let (transport, profile, identity) = (transport(), key_only(&server.uri()), identity());
        let listed = factures_all((&transport, &profile, &identity))
            .await
            .unwrap();
        match opco::facture_listed(&ours, &listed, &[]).outcome() {
            Outcome::Absent => assert!(told, "{second}"),
            Outcome::CouldNotTell(fault) => {
                assert!(!told, "{second}");
                assert!(fault.detail.contains("not whole"), "{}", fault.detail);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_write_and_a_read_do_not_take_each_others_door() {
    let profile = key_only("http://127.0.0.1:9");
    let (transport, identity) = (transport(), identity());
    let fault = failed(file(&transport, &profile, &identity, &Operation::Status).await);
    assert_eq!(fault.kind, FaultKind::Misconfigured);
    let filing = filing(NormVersion::V1);
    let fault = exchange(&transport, &profile, &identity, &filing)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Misconfigured);
}
