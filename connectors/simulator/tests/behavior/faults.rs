//! Every fault switch, as the client sees it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, RateLimit, Scope, Version};

use crate::rig::{KEY, Rig, dossier_of, dossier_v1};

const ETATS: &str = "/v1/dossiers/etats";

/// Starts with a token in hand and one fault on at AKTO.
async fn faulty(fault: Fault) -> Rig {
    let rig = Rig::start().await;
    rig.token("akto").await;
    rig.handle().add_fault("akto", fault).unwrap();
    rig
}

fn taken(rig: &Rig) -> usize {
    rig.handle().ledger(Some("akto"), 0, 100).unwrap().total
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back_or_not() {
    let rig = faulty(Fault::too_many_requests(Some(7)).times(1)).await;
    rig.handle()
        .add_fault("akto", Fault::too_many_requests(None).times(1))
        .unwrap();
    let told = rig.file("akto", Version::V1, &dossier_v1()).await;
    assert_eq!((told.status, told.header("retry-after")), (429, Some("7")));
    let silent = rig.file("akto", Version::V1, &dossier_v1()).await;
    assert_eq!((silent.status, silent.header("retry-after")), (429, None));
    assert_eq!(taken(&rig), 0);
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        200
    );
}

#[tokio::test]
async fn server_errors_have_the_status_asked_for() {
    let rig = faulty(Fault::new(FaultKind::ServerError).times(1)).await;
    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::Unavailable).times(1))
        .unwrap();
    let gateway = Fault::new(FaultKind::ServerError).with_status(504).times(1);
    rig.handle().add_fault("akto", gateway).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(rig.get("akto", ETATS).await.status);
    }
    assert_eq!(statuses, [500, 503, 504, 200]);
}

#[tokio::test]
async fn a_slow_answer_is_late_and_right() {
    let rig = faulty(Fault::slow(120).times(1)).await;
    let started = Instant::now();
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        200
    );
    assert!(started.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_hang_never_answers_and_the_work_is_done_only_when_asked() {
    let rig = faulty(Fault::new(FaultKind::Hang).times(1)).await;
    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::Hang).after_commit().times(1))
        .unwrap();
    let body = dossier_v1();
    for expected in [0, 1] {
        let call = rig
            .call(Method::POST, "akto", "/v1/dossiers")
            .await
            .json(&body);
        let lost = call
            .timeout(Duration::from_millis(300))
            .send()
            .await
            .unwrap_err();
        assert!(lost.is_timeout(), "{lost:?}");
        assert_eq!(taken(&rig), expected);
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_contract_taken_and_the_caller_without_a_word() {
    let rig = faulty(Fault::new(FaultKind::LostAnswer).times(1)).await;
    assert_eq!(
        rig.get("akto", ETATS).await.status,
        200,
        "reads are left alone"
    );
    let lost = rig
        .try_file("akto", Version::V1, &dossier_v1())
        .await
        .unwrap_err();
    assert!(
        !lost.is_timeout() && !lost.is_connect() && lost.status().is_none(),
        "{lost:?}"
    );
    assert_eq!(taken(&rig), 1);
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        409
    );
    let log = rig.handle().requests(Some("akto"), 10).unwrap();
    let lost = log
        .iter()
        .find(|entry| entry.fault.as_deref() == Some("lost_answer"))
        .unwrap();
    assert_eq!(
        (lost.status, lost.numero_interne.as_deref()),
        (None, Some("1000001"))
    );
}

#[tokio::test]
async fn a_refused_contract_does_not_use_up_a_lost_answer() {
    let rig = faulty(Fault::new(FaultKind::LostAnswer).times(1)).await;
    assert_eq!(rig.file("akto", Version::V1, &json!({})).await.status, 400);
    assert!(
        rig.try_file("akto", Version::V1, &dossier_v1())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_drop_before_the_commit_leaves_nothing() {
    let rig = faulty(Fault::new(FaultKind::DropBeforeCommit).times(1)).await;
    assert!(
        rig.try_file("akto", Version::V1, &dossier_v1())
            .await
            .is_err()
    );
    assert_eq!(taken(&rig), 0);
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        200
    );
}

#[tokio::test]
async fn pages_can_repeat_be_wrapped_or_be_empty() {
    let rig = faulty(Fault::new(FaultKind::RepeatedPage).times(1)).await;
    let small = simulator::Overrides {
        page_size: Some(1),
        ..Default::default()
    };
    rig.handle().configure("akto", &small).unwrap();
    for nom in ["MARTIN", "PETIT"] {
        rig.file("akto", Version::V1, &dossier_of(nom))
            .await
            .numero();
    }
    let path = "/v2/dossiers/etats?numeroPage=2";
    let repeated = rig.get("akto", path).await.json();
    let item = &repeated["EtatDossierResult"][0];
    assert_eq!(
        (&repeated["page"], &item["numeroInterne"]),
        (&json!(2), &json!("1000001"))
    );
    let right = rig.get("akto", path).await.json();
    assert_eq!(right["EtatDossierResult"][0]["numeroInterne"], "1000002");

    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::WrappedPage).times(1))
        .unwrap();
    assert_eq!(rig.get("akto", path).await.json(), json!([right]));

    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::EmptyList).times(2))
        .unwrap();
    let empty = rig.get("akto", path).await.json();
    assert_eq!((&empty["total"], &empty["count"]), (&json!(0), &json!(0)));
    assert_eq!(rig.get("akto", ETATS).await.json(), json!([]));
    assert_eq!(
        rig.get("akto", ETATS)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn error_bodies_can_begin_their_keys_with_a_capital() {
    let rig = faulty(Fault::new(FaultKind::PascalCaseErrors).times(1)).await;
    let body = rig.file("akto", Version::V1, &json!({})).await.json();
    assert_eq!(body["Errors"][0]["Code"], "CERFA_INCOMPLET");
    assert!(body["Description"].is_string());
}

#[tokio::test]
async fn what_comes_back_may_be_no_json() {
    let html = |status| Fault::new(FaultKind::Html).with_status(status).times(1);
    let rig = faulty(html(200)).await;
    rig.handle().add_fault("akto", html(502)).unwrap();
    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::EmptyBody).times(1))
        .unwrap();
    for status in [200, 502] {
        let page = rig.file("akto", Version::V1, &dossier_v1()).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, Some("text/html"))
        );
        assert!(page.text.starts_with("<!DOCTYPE html>"));
    }
    let empty = rig.file("akto", Version::V1, &dossier_v1()).await;
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    assert_eq!(taken(&rig), 0);
    rig.handle()
        .add_fault("akto", html(200).after_commit())
        .unwrap();
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        200
    );
    assert_eq!(taken(&rig), 1, "taken, behind an unreadable answer");
}

#[tokio::test]
async fn an_error_can_repeat_the_whole_call_and_is_kept_nowhere() {
    let rig = faulty(Fault::new(FaultKind::Echo).times(1)).await;
    let page = Fault {
        text: Some("nous avons lu CLEF-9".to_owned()),
        ..Fault::new(FaultKind::Html)
    };
    let body = dossier_v1();
    let echo = rig.file("akto", Version::V1, &body).await;
    assert_eq!(echo.status, 400);
    for sent in [KEY, "Bearer ", "logiciel: Banc", "MARTIN"] {
        assert!(echo.text.contains(sent), "{sent}: {}", echo.text);
    }
    let summary = serde_json::to_string(&rig.handle().summary()).unwrap();
    assert!(!summary.contains(KEY), "{summary}");
    assert_eq!(taken(&rig), 0);
    rig.handle().add_fault("akto", page).unwrap();
    let told = rig.file("akto", Version::V1, &body).await;
    assert!(told.text.contains("CLEF-9"), "{}", told.text);
    let wrong = Fault::new(FaultKind::Echo).with_status(200);
    assert!(rig.handle().add_fault("akto", wrong).is_err());
}

#[tokio::test]
async fn a_body_can_stop_halfway() {
    let rig = faulty(Fault::new(FaultKind::HalfWritten).after_commit().times(1)).await;
    let body = dossier_v1();
    let call = rig
        .call(Method::POST, "akto", "/v1/dossiers")
        .await
        .json(&body);
    let mut response = call.send().await.unwrap();
    assert_eq!(response.status(), 200, "the head comes whole");
    let half = response.chunk().await.unwrap().unwrap();
    assert!(
        half.starts_with(b"{\"numeroInterne\":\"1000001\""),
        "{half:?}"
    );
    assert!(serde_json::from_slice::<Value>(&half).is_err());
    assert!(response.chunk().await.is_err());
    assert_eq!(taken(&rig), 1);
}

#[tokio::test]
async fn an_answer_can_be_a_redirect_or_monstrous() {
    let rig = faulty(Fault::new(FaultKind::Redirect).times(1)).await;
    let redirect = rig.get("akto", ETATS).await;
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, Some("/akto/ailleurs"))
    );
    let deep = Fault {
        size: Some(5_000),
        ..Fault::new(FaultKind::DeepJson)
    };
    rig.handle().add_fault("akto", deep.times(1)).unwrap();
    let deep = rig.get("akto", ETATS).await;
    assert_eq!(
        (deep.text.len(), deep.text.starts_with("[[[")),
        (10_000, true)
    );
    let huge = Fault {
        size: Some(3_000_000),
        ..Fault::new(FaultKind::HugeJson)
    };
    rig.handle().add_fault("akto", huge.times(1)).unwrap();
    let huge = rig.get("akto", ETATS).await;
    assert_eq!(huge.text.len(), 3_000_000);
    assert!(huge.json()["numeroInterne"].is_string());
}

#[tokio::test]
async fn a_state_can_be_in_no_list() {
    let rig = faulty(Fault::new(FaultKind::UnknownState).times(2)).await;
    let numero = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    assert_eq!(
        rig.get("akto", ETATS).await.json()[0]["etat"],
        "EN_ATTENTE_PIECES"
    );
    let path = format!("/v1/dossiers?numeroInterne={numero}");
    assert_eq!(
        rig.get("akto", &path).await.json()["cerfa"]["etat"],
        "EN_ATTENTE_PIECES"
    );
    assert_eq!(rig.get("akto", ETATS).await.json()[0]["etat"], "TRANSMIS");
}

#[tokio::test]
async fn an_opco_that_is_down_gives_neither_tokens_nor_answers() {
    let rig = faulty(Fault::new(FaultKind::Down)).await;
    assert_eq!(rig.get("akto", ETATS).await.status, 503);
    assert_eq!(rig.ask_token("akto", &[]).await.status, 503);
    assert_eq!(rig.get("atlas", ETATS).await.status, 200, "the others work");
    rig.handle().clear_faults("akto").unwrap();
    let closed = Fault {
        close: true,
        ..Fault::new(FaultKind::Down)
    };
    rig.handle().add_fault("akto", closed).unwrap();
    assert!(rig.try_get("akto", ETATS).await.is_err());
    rig.handle().clear_faults("akto").unwrap();
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
}

#[tokio::test]
async fn a_fault_stays_on_its_route_and_token_faults_are_asked_for() {
    let rig = faulty(Fault::new(FaultKind::ServerError).on(Scope::Etats)).await;
    assert_eq!(rig.get("akto", ETATS).await.status, 500);
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        200
    );
    assert_eq!(rig.ask_token("akto", &[]).await.status, 200);
    let token = Fault::new(FaultKind::Unavailable).on(Scope::Token);
    rig.handle().add_fault("akto", token).unwrap();
    assert_eq!(rig.ask_token("akto", &[]).await.status, 503);
}

#[tokio::test]
async fn a_limit_that_is_enforced_answers_429_with_the_time_to_wait() {
    let rig = Rig::start().await;
    let limit = RateLimit {
        burst: 2,
        per_minute: 30,
    };
    let limited = simulator::Overrides {
        rate_limit: Some(limit),
        ..Default::default()
    };
    rig.handle().configure("akto", &limited).unwrap();
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
    let third = rig.get("akto", ETATS).await;
    assert_eq!(
        (third.status, third.header("retry-after")),
        (429, Some("3"))
    );
    rig.tick(2_000);
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
    assert_eq!(rig.get("akto", ETATS).await.status, 429);
    let lifted = simulator::Overrides {
        no_rate_limit: true,
        ..Default::default()
    };
    rig.handle().configure("akto", &lifted).unwrap();
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
}
