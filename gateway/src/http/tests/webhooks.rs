//! Saying who is told of events.

use reqwest::Method;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::harness::{Answer, Gateway, OTHER_SITE, SITE, send};

const HERE: &str = "/api/v1/webhooks";
const ERP: &str = "https://erp.example.fr/evenements?jeton=canary-of-an-address";

/// Makes a webhook and returns its address in the API and its secret.
async fn made(gateway: &Gateway, key: &str, wanted: &Value) -> (String, String) {
    let answer = gateway.post(key, HERE, wanted).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let secret = answer.json()["secret"].as_str().unwrap().to_owned();
    (answer.header("location").to_owned(), secret)
}

async fn act(gateway: &Gateway, key: &str, place: &str, action: &str, body: &Value) -> Answer {
    gateway.post(key, &format!("{place}/{action}"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_read_changed_and_forgotten() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let (place, secret) = made(&gateway, &key, &json!({"url": ERP, "label": " ERP "})).await;
    assert!(secret.starts_with("whsec_"));
    let read = gateway.get(&key, &place).await.json();
    assert_eq!((&read["url"], &read["label"]), (&json!(ERP), &json!("ERP")));
    assert_eq!(
        (&read["state"], &read["kinds"]),
        (&json!("active"), &json!([]))
    );
    assert!(read["public_key"].as_str().unwrap().starts_with("whpk_"));
    let changed = json!({"url": "https://autre.example.fr/", "kinds": ["delivery.held"]});
    let request = gateway.request(Method::PUT, &place).bearer_auth(&key);
    let answer = send(request.json(&changed)).await;
    assert_eq!(
        answer.json()["kinds"],
        json!(["delivery.held"]),
        "{}",
        answer.text
    );
    let listed = gateway.get(&key, HERE).await.json();
    assert_eq!(listed["webhooks"][0]["url"], "https://autre.example.fr/");
    for answer in [&answer.text, &listed.to_string(), &read.to_string()] {
        assert!(!answer.contains(&secret), "a secret is shown twice");
    }
    let gone = send(gateway.request(Method::DELETE, &place).bearer_auth(&key)).await;
    assert_eq!(gone.status, 204);
    gateway.get(&key, &place).await.refuses(404, "introuvable");
    let feed = gateway.get(&key, "/api/v1/events").await;
    let kinds: Vec<Value> = feed.json()["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["webhook.created", "webhook.updated", "webhook.deleted"]
    );
    assert!(!feed.text.contains("canary") && !feed.text.contains(&secret));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_takes_a_right_of_its_own() {
    let gateway = Gateway::start().await;
    let key = gateway
        .key_with(|credential| credential.actions = vec!["read".into(), "act".into()])
        .await;
    gateway
        .get(&key, HERE)
        .await
        .refuses(403, "action-interdite");
    let answer = gateway.post(&key, HERE, &json!({"url": ERP})).await;
    answer.refuses(403, "action-interdite");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_sees_or_touches_a_webhook() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let (place, _) = made(&gateway, &key, &json!({"url": ERP})).await;
    let live = gateway
        .key_with(|credential| credential.environment = domain::Environment::Live)
        .await;
    let one_site = gateway
        .key_with(|credential| credential.sites = Some(vec![SITE.parse().unwrap()]))
        .await;
    for other in [gateway.stranger().await, live, one_site] {
        assert_eq!(
            gateway.get(&other, HERE).await.json()["webhooks"],
            json!([])
        );
        gateway
            .get(&other, &place)
            .await
            .refuses(404, "introuvable");
        let attempts = format!("{place}/attempts");
        gateway
            .get(&other, &attempts)
            .await
            .refuses(404, "introuvable");
        for action in ["rotate", "replay", "enable", "disable", "test"] {
            let answer = act(&gateway, &other, &place, action, &json!({"after": 0})).await;
            answer.refuses(404, "introuvable");
        }
        let put = gateway.request(Method::PUT, &place).bearer_auth(&other);
        send(put.json(&json!({"url": ERP})))
            .await
            .refuses(404, "introuvable");
        let delete = gateway.request(Method::DELETE, &place).bearer_auth(&other);
        send(delete).await.refuses(404, "introuvable");
    }
    assert_eq!(gateway.get(&key, &place).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_some_sites_asks_only_for_their_events() {
    let gateway = Gateway::start().await;
    let key = gateway
        .key_with(|credential| credential.sites = Some(vec![SITE.parse().unwrap()]))
        .await;
    let (place, _) = made(&gateway, &key, &json!({"url": ERP})).await;
    assert_eq!(
        gateway.get(&key, &place).await.json()["sites"],
        json!([SITE])
    );
    let wide = json!({"url": ERP, "sites": [SITE, OTHER_SITE]});
    gateway
        .post(&key, HERE, &wide)
        .await
        .refuses(403, "site-interdit");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_refused_with_what_to_do() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    for url in [
        "http://erp.example.fr/",
        "https://qui:quoi@erp.example.fr/",
        "https://10.0.0.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://127.1/",
        "erp",
    ] {
        let answer = gateway.post(&key, HERE, &json!({"url": url})).await;
        let problem = answer.refuses(422, "adresse-webhook-refusee");
        assert_eq!(problem["pointer"], "/url", "{url}");
    }
    for (wanted, pointer) in [
        (json!({"url": ERP, "label": "x".repeat(101)}), "/label"),
        (json!({"url": ERP, "kinds": ["delivry.held"]}), "/kinds"),
        (json!({"url": ERP, "sites": []}), "/sites"),
    ] {
        let problem = gateway.post(&key, HERE, &wanted).await;
        assert_eq!(problem.refuses(400, "requete-invalide")["pointer"], pointer);
    }
    let unknown = json!({"url": ERP, "secret": "whsec_"});
    gateway
        .post(&key, HERE, &unknown)
        .await
        .refuses(400, "requete-invalide");
    for _ in 0..20 {
        made(&gateway, &key, &json!({"url": ERP})).await;
    }
    let answer = gateway.post(&key, HERE, &json!({"url": ERP})).await;
    answer.refuses(409, "webhooks-au-complet");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_stopped_started_and_placed_anywhere_in_the_log() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let (place, first) = made(&gateway, &key, &json!({"url": ERP})).await;
    let none = json!({});
    let stopped = act(&gateway, &key, &place, "disable", &none).await.json();
    assert_eq!(
        (&stopped["state"], &stopped["reason"]),
        (&json!("disabled"), &json!("asked"))
    );
    let started = act(&gateway, &key, &place, "enable", &none).await.json();
    assert_eq!(
        (&started["state"], &started["since"]),
        (&json!("active"), &Value::Null)
    );
    let placed = act(&gateway, &key, &place, "replay", &json!({"after": 2}))
        .await
        .json();
    assert_eq!(
        (&placed["position"], &placed["behind"]),
        (&json!(2), &json!(2))
    );
    let since = json!({"since": "2026-08-25T08:00:00Z"});
    let placed = act(&gateway, &key, &place, "replay", &since).await.json();
    assert_eq!(placed["position"], 0);
    for wrong in [
        json!({}),
        json!({"after": -1}),
        json!({"after": 99}),
        json!({"after": 0, "since": "2026-08-25T08:00:00Z"}),
    ] {
        let answer = act(&gateway, &key, &place, "replay", &wrong).await;
        answer.refuses(400, "requete-invalide");
    }
    let rotated = act(
        &gateway,
        &key,
        &place,
        "rotate",
        &json!({"overlap_hours": 2}),
    )
    .await
    .json();
    assert_ne!(rotated["secret"], json!(first));
    assert_eq!(rotated["webhook"]["overlap_until"], "2026-08-25T10:00:00Z");
    let long = act(
        &gateway,
        &key,
        &place,
        "rotate",
        &json!({"overlap_hours": 169}),
    )
    .await;
    long.refuses(400, "requete-invalide");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_shows_what_the_erp_answered_and_leaves_the_rest_alone() {
    let erp = MockServer::start().await;
    let refusal = ResponseTemplate::new(503).set_body_string("canary-of-an-answer");
    Mock::given(any()).respond_with(refusal).mount(&erp).await;
    let open = [
        ("WEBHOOK__ALLOW_HTTP", "true"),
        ("WEBHOOK__ALLOWED_NETWORKS", "127.0.0.0/8"),
    ];
    let gateway = Gateway::start_with(&open).await;
    let key = gateway.key().await;
    let (place, _) = made(&gateway, &key, &json!({"url": erp.uri()})).await;
    let before = gateway.get(&key, &place).await.json();
    let tried = act(&gateway, &key, &place, "test", &json!({})).await;
    let attempt = tried.json();
    assert_eq!(
        (&attempt["outcome"], &attempt["http_status"]),
        (&json!("refused"), &json!(503))
    );
    assert!(attempt["explanation"].as_str().unwrap().len() > 10);
    assert!(!tried.text.contains("canary"));
    let requests = erp.received_requests().await.unwrap();
    let body: Value = requests[0].body_json().unwrap();
    assert_eq!(body["type"], "webhook.test");
    assert_eq!(
        requests[0].headers["webhook-id"],
        attempt["event_id"].as_str().unwrap()
    );
    assert_eq!(gateway.get(&key, &place).await.json(), before);
    let attempts = gateway.get(&key, &format!("{place}/attempts")).await.json();
    assert_eq!(attempts["attempts"], json!([attempt]));
    gateway.stop().await;
}
