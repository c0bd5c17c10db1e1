//! Who may come in, with what, how often; and what bad input gets.

use std::time::Duration;

use domain::Environment;
use reqwest::Method;
use serde_json::json;

use super::harness::{Gateway, OTHER_SITE, SITE, credential, dossier, send};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_route_and_a_wrong_method_are_told_before_anything_is_asked() {
    let gateway = Gateway::start().await;
    let answer = send(gateway.request(Method::GET, "/api/v1/nowhere")).await;
    answer.refuses(404, "route-inconnue");
    let answer = send(gateway.request(Method::DELETE, "/api/v1/dossiers")).await;
    answer.refuses(405, "methode-interdite");
    assert_eq!(answer.header("allow"), "GET, POST, HEAD");
    let answer = send(gateway.request(Method::GET, "/api/v1/batches")).await;
    answer.refuses(405, "methode-interdite");
    assert_eq!(answer.header("allow"), "POST");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_wrong_revoked_or_expired_key_is_refused() {
    let gateway = Gateway::start().await;
    let path = "/api/v1/deliveries";
    let answer = send(gateway.request(Method::GET, path)).await;
    answer.refuses(401, "authentification-requise");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    gateway
        .get("not-a-key", path)
        .await
        .refuses(401, "cle-api-inconnue");
    let unknown = format!("cfg_test_{}", "a".repeat(43));
    gateway
        .get(&unknown, path)
        .await
        .refuses(401, "cle-api-inconnue");
    let now = gateway.app.clock.now();
    let revoked = gateway.key_with(|c| c.revoked_at = Some(now)).await;
    gateway
        .get(&revoked, path)
        .await
        .refuses(401, "cle-api-revoquee");
    let short = gateway
        .key_with(|c| c.expires_at = Some(now + Duration::from_secs(2)))
        .await;
    assert_eq!(gateway.get(&short, path).await.status, 200);
    gateway.clock.advance(Duration::from_secs(2));
    gateway
        .get(&short, path)
        .await
        .refuses(401, "cle-api-expiree");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_in_either_header_and_for_its_own_world_only() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let header = gateway
        .request(Method::GET, "/api/v1/opcos")
        .header("X-API-KEY", &key);
    assert_eq!(send(header).await.status, 200);
    let disguised = key.replace("cfg_test_", "cfg_live_");
    gateway
        .get(&disguised, "/api/v1/opcos")
        .await
        .refuses(401, "cle-api-inconnue");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_felt_within_seconds() {
    let gateway = Gateway::start().await;
    let (key, id) = credential(&gateway.app, gateway.tenant, |_| ()).await;
    assert_eq!(gateway.get(&key, "/api/v1/opcos").await.status, 200);
    let mut tx = gateway.app.store.writing().await.unwrap();
    let now = gateway.app.clock.now();
    store::credentials::revoke(&mut tx, gateway.tenant, id, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        gateway.get(&key, "/api/v1/opcos").await.status,
        200,
        "still remembered"
    );
    gateway.clock.advance(Duration::from_secs(5));
    gateway
        .get(&key, "/api/v1/opcos")
        .await
        .refuses(401, "cle-api-revoquee");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_it_may_for_the_sites_it_covers() {
    let gateway = Gateway::start().await;
    let reader = gateway
        .key_with(|c| c.actions = vec!["read".to_owned()])
        .await;
    assert_eq!(gateway.get(&reader, "/api/v1/deliveries").await.status, 200);
    let answer = gateway.post(&reader, "/api/v1/dossiers", &dossier()).await;
    answer.refuses(403, "action-interdite");
    let elsewhere = gateway
        .key_with(|c| c.sites = Some(vec![OTHER_SITE.parse().unwrap()]))
        .await;
    let answer = gateway
        .post(&elsewhere, "/api/v1/dossiers", &dossier())
        .await;
    let problem = answer.refuses(403, "site-interdit");
    assert_eq!(problem["pointer"], "/cerfa/organismeFormation/siret");
    let here = gateway
        .key_with(|c| c.sites = Some(vec![SITE.parse().unwrap()]))
        .await;
    let accepted = gateway.post(&here, "/api/v1/dossiers", &dossier()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_networks_world_or_site_does_not_exist() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let accepted = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let path = accepted.header("location").to_owned();
    assert_eq!(gateway.get(&key, &path).await.status, 200);
    let live = gateway
        .key_with(|c| c.environment = Environment::Live)
        .await;
    let elsewhere = gateway
        .key_with(|c| c.sites = Some(vec![OTHER_SITE.parse().unwrap()]))
        .await;
    for other in [gateway.stranger().await, live, elsewhere] {
        gateway.get(&other, &path).await.refuses(404, "introuvable");
        let list = gateway.get(&other, "/api/v1/deliveries").await.json();
        assert_eq!(list["deliveries"], json!([]));
        let cancel = format!("{path}/actions/cancel");
        let answer = gateway
            .post(&other, &cancel, &json!({"reason": "essai"}))
            .await;
        answer.refuses(404, "introuvable");
    }
    gateway
        .get(&key, "/api/v1/deliveries/not-an-id")
        .await
        .refuses(404, "introuvable");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_told_in_every_answer_and_kept() {
    let gateway = Gateway::start().await;
    let key = gateway.key_with(|c| c.quota_per_minute = 2).await;
    let answer = gateway.get(&key, "/api/v1/opcos").await;
    assert_eq!(answer.header("ratelimit-policy"), "\"requetes\";q=2;w=60");
    assert_eq!(answer.header("ratelimit"), "\"requetes\";r=1;t=30");
    assert_eq!(gateway.get(&key, "/api/v1/opcos").await.status, 200);
    let refused = gateway.get(&key, "/api/v1/opcos").await;
    refused.refuses(429, "trop-de-requetes");
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(
        gateway
            .get(&gateway.key().await, "/api/v1/opcos")
            .await
            .status,
        200
    );
    gateway.clock.advance(Duration::from_secs(30));
    assert_eq!(gateway.get(&key, "/api/v1/opcos").await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_or_of_another_type_is_refused() {
    let gateway = Gateway::start_with(&[("SERVER__BODY_BYTES_MAX", "2000")]).await;
    let key = gateway.key().await;
    let problem = gateway
        .post_bytes(&key, vec![b' '; 2_001])
        .await
        .refuses(413, "corps-trop-grand");
    assert!(problem["detail"].as_str().unwrap().contains("2000"));
    // A body far larger than any buffer still gets its answer, not a broken connection.
    gateway
        .post_bytes(&key, vec![b' '; 5_000_000])
        .await
        .refuses(413, "corps-trop-grand");
    let request = gateway
        .request(Method::POST, "/api/v1/dossiers")
        .bearer_auth(&key);
    let answer = send(request.header("content-type", "text/plain").body("{}")).await;
    answer.refuses(415, "type-de-contenu-refuse");
    let request = gateway
        .request(Method::POST, "/api/v1/batches")
        .bearer_auth(&key);
    let answer = send(
        request
            .header("content-type", "application/json")
            .body("{}"),
    )
    .await;
    answer.refuses(415, "type-de-contenu-refuse");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_told_with_its_place() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let problem = gateway
        .post_bytes(&key, "{\n \"cerfa\": }")
        .await
        .refuses(400, "json-invalide");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(2), &json!(11))
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many = format!("{{\"x\": [{}0]}}", "0,".repeat(100_000));
    let huge = format!("{{\"cerfa\": {{\"x\": 1e{}}}}}", "9".repeat(400));
    let twice = "{\"cerfa\": {\"a\": 1, \"a\": 2}}".to_owned();
    for body in [deep, many, huge, twice] {
        let answer = gateway.post_bytes(&key, body).await;
        answer.refuses(400, "json-invalide");
    }
    let latin = b"{\"cerfa\": \"\xe9\"}".to_vec();
    gateway
        .post_bytes(&key, latin)
        .await
        .refuses(400, "json-invalide");
    gateway
        .post_bytes(&key, "")
        .await
        .refuses(400, "json-invalide");
    assert_eq!(gateway.get(&key, "/api/v1/opcos").await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_is_told_by_name_and_never_by_value() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let problem = gateway.get(&key, "/api/v1/deliveries?statut=held").await;
    let problem = problem.refuses(400, "requete-invalide");
    assert!(problem["detail"].as_str().unwrap().contains("statut"));
    for query in [
        "limit=0",
        "limit=1000",
        "cursor=!!",
        "status=finished",
        "since=yesterday",
        "text=a%00b",
    ] {
        let answer = gateway
            .get(&key, &format!("/api/v1/deliveries?{query}"))
            .await;
        answer.refuses(400, "requete-invalide");
    }
    gateway
        .get(&key, "/api/v1/routes/123")
        .await
        .refuses(400, "requete-invalide");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_told_as_such() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    assert_eq!(gateway.get(&key, "/api/v1/deliveries").await.status, 200);
    assert_eq!(
        send(gateway.request(Method::GET, "/health/ready"))
            .await
            .status,
        200
    );
    gateway.app.store.close().await;
    let answer = gateway.get(&key, "/api/v1/deliveries").await;
    answer.refuses(503, "service-indisponible");
    assert!(!answer.header("retry-after").is_empty());
    let answer = gateway.post(&key, "/api/v1/dossiers", &dossier()).await;
    answer.refuses(503, "service-indisponible");
    send(gateway.request(Method::GET, "/health/ready"))
        .await
        .refuses(503, "service-indisponible");
    assert_eq!(
        send(gateway.request(Method::GET, "/health/live"))
            .await
            .status,
        200
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_is_continued_in_the_answer() {
    let gateway = Gateway::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let header = format!("00-{trace}-b7ad6b7169203331-01");
    let request = gateway
        .request(Method::GET, "/api/v1/opcos")
        .header("traceparent", header);
    let answer = send(request).await;
    assert!(
        answer
            .header("traceparent")
            .starts_with(&format!("00-{trace}-"))
    );
    assert_eq!(answer.json()["trace_id"], trace);
    gateway.stop().await;
}
