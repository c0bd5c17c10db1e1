//! A database that answers nothing for a while: nobody waits for it without end.

use reqwest::Method;
use serde_json::Value;

use super::harness::{Answer, Gateway, dossier_of, send};

/// Starts a gateway whose requests wait for the store for a second and a half in all.
async fn impatient() -> Gateway {
    Gateway::start_with(&[("SERVER__STORE_TIMEOUT_MS", "1500")]).await
}

async fn submit(gateway: &Gateway, key: &str, contract: &Value) -> Answer {
    let request = gateway.post_request(key, "/api/v1/dossiers", contract);
    send(request.header("idempotency-key", "k-1")).await
}

fn told_to_come_back(problem: &Value) {
    assert_eq!(problem["retryable"], true);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("a pu être enregistré") && detail.contains("même clé d'idempotence"),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hands_in_to_a_frozen_store_is_told_to_come_back_and_counted_once() {
    let gateway = impatient().await;
    let key = gateway.key().await;
    let contract = dossier_of("GARNIER", "03-14");
    let frozen = gateway.app.store.writing().await.unwrap();
    let answer = submit(&gateway, &key, &contract).await;
    told_to_come_back(&answer.refuses(503, "service-indisponible"));
    assert!(!answer.header("retry-after").is_empty());
    drop(frozen);
    let mut answer = submit(&gateway, &key, &contract).await;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        answer = submit(&gateway, &key, &contract).await;
    }
    assert_eq!(answer.status, 202, "{}", answer.text);
    let listed = gateway.get(&key, "/api/v1/deliveries").await.json();
    assert_eq!(
        listed["deliveries"].as_array().unwrap().len(),
        1,
        "{listed}"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_a_batch_waits_for_itself_and_the_batch_goes_on() {
    let gateway = impatient().await;
    let key = gateway.key().await;
    let frozen = gateway.app.store.writing().await.unwrap();
    let row = |n: usize| {
        let mut row = dossier_of("GARNIER", &format!("03-{n:02}"));
        row["idempotency_key"] = format!("row-{n}").into();
        row.to_string()
    };
    let rows: Vec<String> = (1..=3).map(row).collect();
    let request = gateway
        .request(Method::POST, "/api/v1/batches")
        .bearer_auth(&key)
        .header("content-type", "application/x-ndjson")
        .body(rows.join("\n"));
    let answer = send(request).await;
    assert_eq!(answer.status, 200);
    let lines = answer.lines();
    let (last, rows) = lines.split_last().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(row["status"], 503, "{row}");
        told_to_come_back(&row["problem"]);
    }
    assert_eq!(last["summary"]["complete"], true, "{last}");
    drop(frozen);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_while_no_connection_is_free_is_told_to_come_back() {
    let gateway = impatient().await;
    let (known, new) = (gateway.key().await, gateway.key().await);
    assert_eq!(gateway.get(&known, "/api/v1/deliveries").await.status, 200);
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(gateway.app.store.reading().await.unwrap());
    }
    for key in [&known, &new] {
        let answer = gateway.get(key, "/api/v1/deliveries").await;
        let problem = answer.refuses(503, "service-indisponible");
        assert!(!answer.header("retry-after").is_empty());
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("enregistré"), "{detail}");
    }
    drop(taken);
    gateway.stop().await;
}
