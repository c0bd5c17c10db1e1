//! What the binary tells about itself is what it does.

use reqwest::Method;
use serde_json::Value;

use super::harness::{Gateway, send};
use crate::http::problem::Code;

#[tokio::test(flavor = "multi_thread")]
async fn the_document_lists_the_very_routes_that_are_served() {
    let gateway = Gateway::start().await;
    let document = send(gateway.request(Method::GET, "/openapi.json"))
        .await
        .json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{id}", "0190a0b0-0000-7000-8000-000000000000")
            .replace("{action}", "cancel")
            .replace("{siret}", "12345678200010");
        let answer = send(gateway.request(Method::PATCH, &path)).await;
        answer.refuses(405, "methode-interdite");
        let mut allowed: Vec<_> = answer
            .header("allow")
            .split(", ")
            .filter(|m| *m != "HEAD")
            .collect();
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase());
        let mut told: Vec<_> = methods.collect();
        allowed.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, allowed, "{path}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_document_comes_from_the_binary_alone() {
    let gateway = Gateway::start().await;
    let answer = send(gateway.request(Method::GET, "/docs")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (308, "/docs/")
    );
    let page = send(gateway.request(Method::GET, "/docs/")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'self'")
    );
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    let script = send(gateway.request(Method::GET, "/docs/swagger-initializer.js")).await;
    assert!(script.text.contains("/openapi.json"), "{}", script.text);
    let asks_nobody = script.text.contains("\"validatorUrl\": \"none\"");
    assert!(asks_nobody, "{}", script.text);
    send(gateway.request(Method::GET, "/docs/none.js"))
        .await
        .refuses(404, "route-inconnue");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_every_problem_leads_to_its_explanation() {
    let gateway = Gateway::start().await;
    for code in Code::ALL {
        let entry = code.entry();
        let answer = send(gateway.request(Method::GET, &format!("/problems/{}", entry.slug))).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains(entry.title));
    }
    send(gateway.request(Method::GET, "/problems/none"))
        .await
        .refuses(404, "introuvable");
    assert!(
        send(gateway.request(Method::GET, "/problems"))
            .await
            .text
            .contains("payload-refuse")
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_count_requests_by_route_and_hold_no_identifier() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let id = "0190a0b0-0000-7000-8000-000000000000";
    gateway
        .get(&key, &format!("/api/v1/deliveries/{id}?x=secret-canary"))
        .await;
    let measures = send(gateway.request(Method::GET, "/metrics")).await;
    assert!(
        measures
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    assert!(
        measures.text.contains("route=\"/api/v1/deliveries/{id}\""),
        "{}",
        measures.text
    );
    assert!(!measures.text.contains(id) && !measures.text.contains("canary"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_guessing_and_keeping() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let answer = gateway.get(&key, "/api/v1/deliveries").await;
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    let head = send(gateway.request(Method::HEAD, "/health/live")).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    let document: Value = send(gateway.request(Method::GET, "/openapi.json"))
        .await
        .json();
    assert_eq!(document["info"]["title"], "CFA Gateway");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_for_probes_answers_probes_and_measures_alone() {
    let gateway = Gateway::start().await;
    let any = "127.0.0.1:0".parse().unwrap();
    let (address, handle, server) =
        crate::http::serve_monitoring(gateway.app.clone(), any).unwrap();
    tokio::spawn(server);
    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}"))
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(get(path).await, (200, r#"{"status":"ok"}"#.to_owned()));
    }
    let (status, measures) = get("/metrics").await;
    assert_eq!(status, 200);
    assert!(measures.contains("cfa_gateway_build_info"), "{measures}");
    for path in [
        "/api/v1/deliveries",
        "/convergence",
        "/docs/",
        "/openapi.json",
    ] {
        let (status, said) = get(path).await;
        assert_eq!(status, 404, "{path}: {said}");
    }
    handle.stop(false).await;
    gateway.stop().await;
}
