//! Many rows in one stream.

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Gateway, credential, dossier_of, send};

fn row(n: usize) -> Value {
    let letter = char::from(b'A' + u8::try_from(n % 26).unwrap());
    let name = format!("MOREL{letter}");
    let mut row = dossier_of(&name, &format!("{:02}-{:02}", n % 12 + 1, n % 28 + 1));
    row["idempotency_key"] = format!("row-{n}").into();
    row
}

fn rows(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|n| row(n).to_string()).collect();
    rows.join("\n")
}

async fn post(gateway: &Gateway, key: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = gateway
        .request(Method::POST, "/api/v1/batches")
        .bearer_auth(key);
    send(
        request
            .header("content-type", "application/x-ndjson")
            .body(body),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_row_never_costs_the_others() {
    let gateway = Gateway::start_with(&[("SERVER__BODY_BYTES_MAX", "20000")]).await;
    let key = gateway.key().await;
    let mut refused = row(2);
    refused["cerfa"]["apprenti"]["nir"] = "205049399999900".into();
    let mut keyless = row(3);
    keyless.as_object_mut().unwrap().remove("idempotency_key");
    let lines = [
        row(1).to_string(),
        "{\"cerfa\": nothing}".to_owned(),
        refused.to_string(),
        String::new(),
        format!("{{\"x\": \"{}\"}}", "x".repeat(30_000)),
        keyless.to_string(),
        row(4).to_string(),
    ];
    let answer = post(&gateway, &key, lines.join("\n")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let lines = answer.lines();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["line"].is_u64())
        .map(|line| {
            let code = line["problem"]["code"]
                .as_str()
                .unwrap_or("accepted")
                .to_owned();
            (
                line["line"].as_u64().unwrap(),
                line["status"].as_u64().unwrap(),
                code,
            )
        })
        .collect();
    let expected = [
        (1, 202, "accepted"),
        (2, 400, "json-invalide"),
        (3, 422, "payload-refuse"),
        (5, 413, "corps-trop-grand"),
        (6, 400, "cle-idempotence-requise"),
        (7, 202, "accepted"),
    ];
    assert_eq!(
        told,
        expected.map(|(line, status, code)| (line, status, code.to_owned()))
    );
    assert_eq!(
        lines[1]["problem"]["line"], 2,
        "the place is in the whole request"
    );
    assert_eq!(
        lines.last().unwrap()["summary"],
        json!({"rows": 6, "accepted": 2, "replayed": 0, "refused": 4, "complete": true})
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sent_again_makes_no_second_delivery() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let body = rows(20);
    let first = post(&gateway, &key, body.clone()).await.lines();
    assert_eq!(
        first.last().unwrap()["summary"]["accepted"],
        20,
        "{}",
        first[0]
    );
    let again = post(&gateway, &key, body).await.lines();
    assert_eq!(
        again.last().unwrap()["summary"]["replayed"],
        20,
        "{}",
        again[0]
    );
    for (one, two) in first.iter().zip(&again).take(20) {
        assert_eq!(one["delivery"]["id"], two["delivery"]["id"]);
        assert_eq!(one["idempotency_key"], two["idempotency_key"]);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_while_it_is_still_being_sent() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<String>(1);
    let rows = stream::unfold(receiver, |mut receiver| async move {
        let row = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(row), receiver))
    });
    let request = gateway
        .request(Method::POST, "/api/v1/batches")
        .bearer_auth(&key);
    let request = request.header("content-type", "application/x-ndjson");
    sender.send(format!("{}\n", row(1))).await.unwrap();
    let response = request
        .body(reqwest::Body::wrap_stream(rows))
        .send()
        .await
        .unwrap();
    let mut answer = response.bytes_stream();
    let first = answer.next().await.unwrap().unwrap();
    assert!(
        String::from_utf8_lossy(&first).contains("\"line\":1"),
        "answered before the end"
    );
    sender.send(format!("{}\n", row(2))).await.unwrap();
    drop(sender);
    let mut rest = String::new();
    while let Some(chunk) = answer.next().await {
        rest.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
    }
    assert!(
        rest.contains("\"line\":2") && rest.contains("\"complete\":true"),
        "{rest}"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_its_bounds_says_where_it_stopped() {
    let gateway = Gateway::start_with(&[("SERVER__BATCH_ROWS_MAX", "3")]).await;
    let key = gateway.key().await;
    let body = rows(5);
    let lines = post(&gateway, &key, body).await.lines();
    let last = lines.last().unwrap();
    assert_eq!(last["summary"]["rows"], 3);
    assert_eq!(last["summary"]["complete"], false);
    assert_eq!(last["problem"]["code"], "corps-trop-grand");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_keys_take_theirs_from_the_requests() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let mut keyless = row(1);
    keyless.as_object_mut().unwrap().remove("idempotency_key");
    let request = gateway
        .request(Method::POST, "/api/v1/batches")
        .bearer_auth(&key);
    let request = request.header("content-type", "application/x-ndjson");
    let lines = send(
        request
            .header("Idempotency-Key", "lot-7")
            .body(keyless.to_string()),
    )
    .await
    .lines();
    assert_eq!(lines[0]["status"], 202, "{}", lines[0]);
    assert_eq!(lines[0]["idempotency_key"], "lot-7:1");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_has_four_batches_at_once_and_another_network_its_own() {
    let gateway = Gateway::start().await;
    let (key, stranger) = (gateway.key().await, gateway.stranger().await);
    let mut open = Vec::new();
    for n in 0..4 {
        let (sender, receiver) = tokio::sync::mpsc::channel::<String>(1);
        let rows = stream::unfold(receiver, |mut receiver| async move {
            let row = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(row), receiver))
        });
        sender.send(format!("{}\n", row(n))).await.unwrap();
        let request = gateway
            .request(Method::POST, "/api/v1/batches")
            .bearer_auth(&key)
            .header("content-type", "application/x-ndjson")
            .body(reqwest::Body::wrap_stream(rows));
        open.push((sender, request.send().await.unwrap()));
    }
    let refused = post(&gateway, &key, rows(1)).await;
    refused.refuses(429, "trop-de-requetes");
    assert_eq!(post(&gateway, &stranger, rows(1)).await.status, 200);
    for (sender, response) in open {
        drop(sender);
        assert!(response.text().await.unwrap().contains("\"complete\":true"));
    }
    assert_eq!(post(&gateway, &key, rows(1)).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_during_a_batch_ends_it() {
    let gateway = Gateway::start().await;
    let (key, id) = credential(&gateway.app, gateway.tenant, |_| ()).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<String>(1);
    let rows = stream::unfold(receiver, |mut receiver| async move {
        let row = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(row), receiver))
    });
    sender.send(format!("{}\n", row(1))).await.unwrap();
    let request = gateway
        .request(Method::POST, "/api/v1/batches")
        .bearer_auth(&key)
        .header("content-type", "application/x-ndjson")
        .body(reqwest::Body::wrap_stream(rows));
    let mut answer = request.send().await.unwrap().bytes_stream();
    let first = answer.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("\"status\":202"));
    let mut tx = gateway.app.store.writing().await.unwrap();
    let now = gateway.app.clock.now();
    store::credentials::revoke(&mut tx, gateway.tenant, id, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    gateway.clock.advance(std::time::Duration::from_secs(5));
    sender.send(format!("{}\n", row(2))).await.unwrap();
    let mut rest = String::new();
    while let Some(chunk) = answer.next().await {
        rest.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
    }
    let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(last["problem"]["code"], "cle-api-revoquee", "{rest}");
    assert_eq!(
        last["summary"],
        json!({"rows": 1, "accepted": 1, "replayed": 0, "refused": 0, "complete": false})
    );
    gateway.stop().await;
}
