//! A payload through the door, and what can be read and done afterwards.

use domain::id::DeliveryId;
use domain::{HoldReason, Status};
use reqwest::Method;
use serde_json::{Value, json};
use store::Standing;

use crate::reroute;

use super::harness::{Gateway, OTHER_SITE, dossier, dossier_of, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_is_accepted_and_can_be_followed() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let accepted = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let body = accepted.json();
    let id = body["id"].as_str().unwrap();
    assert_eq!(
        accepted.header("location"),
        format!("/api/v1/deliveries/{id}")
    );
    assert_eq!(body["opco"], Value::Null);
    assert_eq!(body["route"]["siret"], "12345678200010");
    let detail = gateway.get(&key, accepted.header("location")).await.json();
    assert_eq!(detail["id"], id);
    assert_eq!(detail["status"], body["status"]);
    assert!(detail["explanation"].as_str().unwrap().len() > 10);
    assert!(detail["reason"].is_string());
    assert_eq!(detail["siret_employeur"], "12345678200010");
    assert_eq!(detail["timeline"][0]["kind"], "delivery.accepted");
    assert!(detail["route"]["trail"].as_array().unwrap().len() > 1);
    assert_eq!(detail["attempts"], json!([]));
    assert!(
        detail["actions"]
            .as_array()
            .unwrap()
            .contains(&json!("cancel"))
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_finding_is_told_at_once_with_what_to_do_and_who_acts() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let mut wrong = dossier();
    wrong["cerfa"]["apprenti"]["nir"] = "205049399999900".into();
    wrong["cerfa"]["contrat"]["dateFinContrat"] = "2026-01-01T00:00:00+00:00".into();
    wrong["mandat"]["date"] = "hier".into();
    let problem = gateway
        .post(&key, "/api/v1/dossiers", &wrong)
        .await
        .refuses(422, "payload-refuse");
    let constats = problem["constats"].as_array().unwrap();
    let pointers: Vec<_> = constats
        .iter()
        .map(|c| c["pointer"].as_str().unwrap())
        .collect();
    for expected in [
        "/cerfa/apprenti/nir",
        "/cerfa/contrat/dateFinContrat",
        "/mandat/date",
    ] {
        assert!(
            pointers.contains(&expected),
            "{expected} not in {pointers:?}"
        );
    }
    for constat in constats {
        for member in ["rule", "message", "remedy", "actor", "effect", "severity"] {
            assert!(
                constat[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{constat}"
            );
        }
    }
    assert!(!problem.to_string().contains("205049399999900"));
    let list = gateway.get(&key, "/api/v1/deliveries").await.json();
    assert_eq!(
        list["deliveries"],
        json!([]),
        "nothing is kept of what is refused"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_says_the_same_and_keeps_nothing() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let path = "/api/v1/validations/dossiers";
    let verdict = gateway.post(&key, path, &dossier()).await.json();
    assert_eq!(verdict["acceptable"], true, "{verdict}");
    let mut wrong = dossier();
    wrong["cerfa"]["apprenti"]["nir"] = "205049399999900".into();
    let verdict = gateway.post(&key, path, &wrong).await.json();
    assert_eq!(verdict["acceptable"], false);
    assert!(!verdict["constats"].as_array().unwrap().is_empty());
    let list = gateway.get(&key, "/api/v1/deliveries").await.json();
    assert_eq!(list["deliveries"], json!([]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gets_the_same_delivery_and_another_content_is_refused() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let with_key = |body: &Value| {
        gateway
            .post_request(&key, "/api/v1/dossiers", body)
            .header("Idempotency-Key", "\"k-1\"")
    };
    let first = send(with_key(&dossier())).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let again = send(with_key(&dossier())).await;
    assert_eq!(again.status, 202, "{}", again.text);
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = send(with_key(&dossier_of("BERNARD", "01-02"))).await;
    let problem = other.refuses(422, "idempotence-autre-contenu");
    assert_eq!(problem["delivery_id"], first.json()["id"]);
    let mut hashed = dossier();
    hashed["mandat"]["empreinte"] = "ab".repeat(32).into();
    send(with_key(&hashed))
        .await
        .refuses(422, "idempotence-autre-contenu");
    let spaced = gateway
        .request(Method::POST, "/api/v1/dossiers")
        .bearer_auth(&key);
    let spaced = spaced
        .header("Idempotency-Key", "k-1")
        .header("content-type", "application/json");
    let spaced = send(spaced.body(serde_json::to_string_pretty(&dossier()).unwrap())).await;
    assert_eq!(
        spaced.json()["id"],
        first.json()["id"],
        "compared as parsed, not as spelled"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_sent_together_are_one_delivery() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let twin = || {
        let request = gateway.post_request(&key, "/api/v1/dossiers", &dossier());
        send(request.header("Idempotency-Key", "twin"))
    };
    let (one, two, three) = tokio::join!(twin(), twin(), twin());
    let ids = [one, two, three].map(|answer| answer.json()["id"].as_str().unwrap().to_owned());
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_contract_again_is_a_conflict_that_links_to_the_first() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let first = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    let again = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    let problem = again.refuses(409, "dossier-en-double");
    assert_eq!(problem["delivery"], first.header("location"));
    assert_eq!(again.header("location"), first.header("location"));
    assert!(problem["constats"].to_string().contains("DUP-001"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page_and_filtered() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let mut sent = Vec::new();
    for (n, name) in ["ARNAUD", "BESSON", "CARON", "DUMONT", "ETIENNE"]
        .into_iter()
        .enumerate()
    {
        let body = dossier_of(name, &format!("0{}-11", n + 1));
        let answer = gateway.post(&key, "/api/v1/dossiers", &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        sent.push(answer.json()["id"].as_str().unwrap().to_owned());
    }
    let mut path = "/api/v1/deliveries?kind=dossier&limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = gateway.get(&key, &path).await;
        let body = page.json();
        let ids = body["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["id"].as_str().unwrap());
        seen.extend(ids.map(str::to_owned));
        let link = page.header("link").to_owned();
        assert_eq!(body["next"].is_string(), !link.is_empty());
        let Some(next) = link
            .strip_prefix('<')
            .and_then(|l| l.strip_suffix(">; rel=\"next\""))
        else {
            break;
        };
        path = next.to_owned();
    }
    sent.reverse();
    assert_eq!(seen, sent);
    let count = async |query: &str| {
        let list = gateway
            .get(&key, &format!("/api/v1/deliveries?{query}"))
            .await
            .json();
        list["deliveries"].as_array().unwrap().len()
    };
    assert_eq!(count("status=delivered").await, 0);
    assert_eq!(count(&format!("site={OTHER_SITE}")).await, 0);
    assert_eq!(count("text=12345678200010").await, 5);
    assert_eq!(count("since=2026-08-26T00:00:00Z").await, 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_acts_with_a_reason_and_only_as_the_state_allows() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let accepted = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    let path = accepted.header("location").to_owned();
    let act = async |action: &str, body: Value| {
        gateway
            .post(&key, &format!("{path}/actions/{action}"), &body)
            .await
    };
    let problem = act("cancel", json!({}))
        .await
        .refuses(422, "action-incomplete");
    assert_eq!(problem["pointer"], "/reason");
    act("choose-opco", json!({"reason": "appel"}))
        .await
        .refuses(422, "action-incomplete");
    act("explode", json!({"reason": "x"}))
        .await
        .refuses(404, "route-inconnue");
    act("revive", json!({"reason": "x"}))
        .await
        .refuses(409, "etat-incompatible");
    let chosen = act(
        "choose-opco",
        json!({"reason": "dit par l'employeur", "opco": "akto"}),
    )
    .await;
    assert_eq!(chosen.status, 200, "{}", chosen.text);
    assert_eq!(chosen.json()["opco"], "akto");
    let cancelled = act("cancel", json!({"reason": "contrat rompu avant envoi"}))
        .await
        .json();
    assert_eq!(cancelled["status"], "cancelled");
    let last = cancelled["timeline"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(last["kind"], "delivery.cancelled");
    assert_eq!(last["data"]["reason"], "contrat rompu avant envoi");
    assert!(last["actor"].as_str().unwrap().starts_with("credential:"));
    act("cancel", json!({"reason": "encore"}))
        .await
        .refuses(409, "etat-incompatible");
    gateway.stop().await;
}

/// Puts a delivery where a test needs it.
async fn stand(gateway: &Gateway, id: DeliveryId, standing: store::Standing) {
    let mut tx = gateway.app.store.writing().await.unwrap();
    let found = store::deliveries::find_for_update(&mut tx, gateway.tenant, id).await;
    let mut delivery = found.unwrap().unwrap();
    delivery.standing = standing;
    let event = store::NewEvent::new(gateway.app.clock.now(), "delivery.held").delivery(id);
    store::deliveries::update(&mut tx, &delivery, &event)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_another_delivery_has_is_refused() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let mut ids = Vec::new();
    for name in ["MARTIN", "BERNARD"] {
        let dossier = dossier_of(name, "01-02");
        let accepted = gateway.post(&key, "/api/v1/dossiers", &dossier).await;
        let path = accepted.header("location").to_owned();
        let body = json!({"reason": "appel", "opco": "akto"});
        let chosen = gateway
            .post(&key, &format!("{path}/actions/choose-opco"), &body)
            .await;
        assert_eq!(chosen.status, 200, "{}", chosen.text);
        let id: DeliveryId = accepted.json()["id"].as_str().unwrap().parse().unwrap();
        stand(&gateway, id, Standing::held(HoldReason::OutcomeUnknown)).await;
        ids.push((id, format!("{path}/actions/confirm-sent"), path));
    }
    let number = json!({"reason": "vu à l'OPCO", "numero_interne": "AKTO-77"});
    let first = gateway.post(&key, &ids[0].1, &number).await;
    assert_eq!(first.json()["status"], "delivered", "{}", first.text);
    let second = gateway.post(&key, &ids[1].1, &number).await;
    let problem = second.refuses(409, "etat-incompatible");
    assert_eq!(problem["delivery_id"], ids[0].0.to_string());
    let standing = gateway.get(&key, &ids[1].2).await.json();
    assert_eq!(standing["status"], "held", "{standing}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mandate_is_kept_only_with_the_judgement_it_led_to() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let mut dossier = dossier();
    dossier.as_object_mut().unwrap().remove("mandat");
    let accepted = gateway.post(&key, "/api/v1/dossiers", &dossier).await;
    let id: DeliveryId = accepted.json()["id"].as_str().unwrap().parse().unwrap();
    stand(&gateway, id, Standing::held(HoldReason::MandateMissing)).await;
    let mut tx = gateway.app.store.reading().await.unwrap();
    let before = store::deliveries::find(&mut tx, gateway.tenant, id).await;
    drop(tx);
    let before = before.unwrap().unwrap();
    let now = gateway.app.clock.now();
    let mandate = || store::mandates::Mandate {
        tenant: gateway.tenant,
        id: domain::id::MandateId::new(now),
        siret_cfa: before.siret_cfa,
        scope: store::mandates::Scope::Delivery(id),
        reference: "M-2".to_owned(),
        signed_on: "2026-08-01".parse().unwrap(),
        document_hash: None,
        author: "credential:x".to_owned(),
        created_at: now,
    };
    let kept = async || {
        let mut tx = gateway.app.store.reading().await.unwrap();
        let kept = store::mandates::of_delivery(&mut tx, gateway.tenant, id).await;
        kept.unwrap().is_some()
    };
    let complete = async || {
        let given = reroute::Given {
            chosen: None,
            mandate: Some(mandate()),
        };
        let again = reroute::again(&gateway.app, &before, given).await;
        let again = again.unwrap().unwrap();
        let standing = reroute::standing(&again, now);
        let (app, by) = (&gateway.app, reroute::GATEWAY);
        reroute::keep(app, &before, &again, standing, "delivery.completed", by)
            .await
            .unwrap()
    };
    stand(&gateway, id, Standing::ended(Status::Cancelled)).await;
    assert!(!complete().await && !kept().await);
    stand(&gateway, id, before.standing).await;
    assert!(complete().await && kept().await);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_tells_everything_once_and_in_order() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let feed = async |after: i64| {
        gateway
            .get(&key, &format!("/api/v1/events?after={after}"))
            .await
            .json()
    };
    assert_eq!(feed(0).await, json!({"events": [], "next": 0}));
    let accepted = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    let told = feed(0).await;
    assert_eq!(told["events"][0]["kind"], "delivery.accepted");
    assert_eq!(told["events"][0]["delivery_id"], accepted.json()["id"]);
    assert_eq!(told["events"][0]["position"], 1);
    let next = told["next"].as_i64().unwrap();
    assert_eq!(feed(next).await, json!({"events": [], "next": next}));
    let stranger = gateway.stranger().await;
    let other = gateway.get(&stranger, "/api/v1/events").await.json();
    assert_eq!(other["events"], json!([]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opcos_and_routes_are_told_with_their_reasons() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let opcos = gateway.get(&key, "/api/v1/opcos").await.json();
    let opcos = opcos["opcos"].as_array().unwrap();
    assert_eq!(opcos.len(), 11);
    assert!(opcos.iter().all(|opco| opco["health"] == "ok"));
    assert!(
        opcos
            .iter()
            .any(|opco| opco["capabilities"]["dossiers_v2"] == "production")
    );
    let route = gateway
        .get(&key, "/api/v1/routes/12345678200010?idcc=1979")
        .await
        .json();
    assert_eq!(route["siret"], "12345678200010");
    assert!(!route["trail"].as_array().unwrap().is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_has_a_door_that_says_all_that_is_missing() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    for kind in ["conventions", "factures", "certificats", "documents"] {
        let answer = gateway
            .post(&key, &format!("/api/v1/{kind}"), &json!({}))
            .await;
        answer.refuses(422, "payload-refuse");
    }
    gateway
        .get(&key, "/api/v1/dossiers/not-an-id")
        .await
        .refuses(404, "introuvable");
    assert_eq!(
        gateway.get(&key, "/api/v1/dossiers").await.json()["dossiers"],
        json!([])
    );
    gateway.stop().await;
}
