//! The façade tells the truth about itself, and nothing about who asks.

use admin_api::tree::Bound;
use domain::id::KeyId;
use domain::{Environment, Instance, Opco, Secret};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use store::keys::{self, CfaKey, KeyState};
use store::software::{self, SoftwareCredential};

use super::harness::{Gateway, SITE, dossier, dossier_of, send};

fn named(request: RequestBuilder, key: &str) -> RequestBuilder {
    request
        .header("X-API-KEY", key)
        .header("EDITEUR", "Essais")
        .header("LOGICIEL", "essais")
        .header("VERSION", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facades_document_lists_the_very_routes_that_are_served() {
    let gateway = Gateway::start().await;
    let document = send(gateway.request(Method::GET, "/convergence/openapi.json"))
        .await
        .json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answer = send(gateway.request(Method::PATCH, path)).await;
        assert_eq!(answer.status, 405, "{path}");
        let mut allowed: Vec<_> = answer.header("allow").split(", ").collect();
        let methods = item.as_object().unwrap().keys();
        let mut told: Vec<_> = methods.map(|method| method.to_uppercase()).collect();
        allowed.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, allowed, "{path}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_travels_in_an_address_is_in_no_measure_and_no_answer() {
    let gateway = Gateway::start().await;
    let key = gateway.key().await;
    let siren = &super::harness::SITE[..9];
    for path in [
        format!("/convergence/v2/cfakeyinfo?siren={siren}&XAPIKEY={key}"),
        "/convergence/V1/Dossiers?nom=CANARI&prenom=Zo%C3%A9&dateNaissance=2004-05-06&siret=1"
            .to_owned(),
        "/convergence/SorApiEchangeCFA/v1/dossiers?numeroInterne=CANARI".to_owned(),
    ] {
        let answer = send(named(gateway.request(Method::GET, &path), &key)).await;
        assert!(
            !answer.text.contains("CANARI") && !answer.text.contains(&key),
            "{}",
            answer.text
        );
    }
    let measures = send(gateway.request(Method::GET, "/metrics")).await.text;
    for route in ["/convergence/v2/cfakeyinfo", "/convergence/v1/dossiers"] {
        assert!(
            measures.contains(&format!("route=\"{route}\"")),
            "{measures}"
        );
    }
    assert!(!measures.contains("CANARI") && !measures.contains(&key));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_no_longer_than_it_is_told_to() {
    let gateway = Gateway::start_with(&[("CONVERGENCE__WAIT_MS", "0")]).await;
    let key = gateway.key().await;
    // Nobody delivers here: an OPCO that takes its time.
    let request = gateway.request(Method::POST, "/convergence/v1/dossiers");
    let mut body = dossier();
    body["opco"] = json!("akto");
    let answer = send(named(request, &key).json(&body)).await;
    // Without a key at the OPCO nothing is kept, and the answer comes at once all the same.
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(answer.json()["errors"][0]["code"], "KEY-004");
    assert_eq!(
        gateway.get(&key, "/api/v1/deliveries").await.json()["deliveries"],
        json!([])
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_and_a_quota_holds_here_too() {
    let gateway = Gateway::start().await;
    let key = gateway
        .key_with(|credential| credential.quota_per_minute = 4)
        .await;
    let form = format!("grant_type=client_credentials&client_id=erp&client_secret={key}");
    let asked = gateway
        .request(Method::POST, "/convergence/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let told = send(asked).await.json();
    assert_eq!(
        (&told["token_type"], &told["expires_in"]),
        (&json!("Bearer"), &json!(1_800))
    );
    let token = told["access_token"].as_str().unwrap();
    let states = || {
        let request = gateway.request(Method::GET, "/convergence/v1/dossiers/etats");
        send(named(request, &key).bearer_auth(token))
    };
    assert_eq!(states().await.status, 200);
    gateway.clock.advance(std::time::Duration::from_secs(1_801));
    let ended = states().await;
    assert_eq!(
        (ended.status.as_u16(), &ended.json()["errors"][0]["code"]),
        (401, &json!("JETON_INVALIDE"))
    );
    let again = || {
        send(named(
            gateway.request(Method::GET, "/convergence/v1/dossiers/etats"),
            &key,
        ))
    };
    let mut last = again().await;
    for _ in 0..4 {
        last = again().await;
    }
    assert_eq!(
        (last.status.as_u16(), &last.json()["errors"][0]["code"]),
        (429, &json!("LIMITE_DEBIT"))
    );
    assert!(!last.header("retry-after").is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_right_reads_and_hands_in_nothing() {
    let gateway = Gateway::start().await;
    let reader = gateway
        .key_with(|credential| credential.actions = vec!["read".to_owned()])
        .await;
    let sender = gateway
        .key_with(|credential| credential.actions = vec!["submit".to_owned()])
        .await;
    let refused = async |request: RequestBuilder, key: &str| {
        let answer = send(named(request, key)).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert_eq!(answer.json()["errors"][0]["code"], "ACTION_INTERDITE");
    };
    let post = gateway
        .request(Method::POST, "/convergence/v1/dossiers")
        .json(&dossier());
    refused(post, &reader).await;
    refused(
        gateway.request(Method::GET, "/convergence/v2/dossiers/etats"),
        &sender,
    )
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceiling_reached_is_told_in_the_norms_form_with_when_to_come_back() {
    let gateway = Gateway::start_with(&[("CONVERGENCE__WAIT_MS", "0")]).await;
    let key = gateway.key().await;
    gateway.open_akto().await;
    let day = Bound {
        per_day: Some(1),
        ..Bound::default()
    };
    gateway.bound(Some(SITE), day).await;
    let hand_in = async |name: &str, born: &str| {
        let mut body = dossier_of(name, born);
        body["opco"] = json!("akto");
        let request = gateway.request(Method::POST, "/convergence/v1/dossiers");
        send(named(request, &key).json(&body)).await
    };
    let one = hand_in("Un", "01-02").await;
    assert_eq!(one.status, 503, "it is kept, and on its way: {}", one.text);
    let over = hand_in("Deux", "02-03").await;
    assert_eq!(over.status, 429, "{}", over.text);
    let body = over.json();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["description", "errors"], "{body}");
    let reason = &body["errors"][0];
    assert_eq!(reason["code"], "PLAFOND_ATTEINT");
    for text in [&body["description"], &reason["description"]] {
        let text = text.as_str().unwrap();
        assert!(text.contains("1 envoi par jour"), "{text}");
    }
    // The clock says 10 o'clock in France: fourteen hours are left of the day.
    assert_eq!(over.header("retry-after"), (14 * 3_600).to_string());
    let kept = gateway.get(&key, "/api/v1/deliveries").await.json();
    assert_eq!(kept["deliveries"].as_array().unwrap().len(), 1, "{kept}");
    gateway.stop().await;
}

impl Gateway {
    /// Gives the site a key of an OPCO, and the gateway an account there.
    async fn open_akto(&self) {
        let (now, tenant) = (self.app.clock.now(), self.tenant);
        let instance = Instance::first(Opco::Akto);
        let network = self.app.store.keys(tenant).await.unwrap();
        let seal = |id: KeyId, part| {
            network
                .seal_secret(id.as_bytes(), part, &Secret::new("une clé d'essai"))
                .unwrap()
        };
        let (account, id) = (KeyId::new(now), KeyId::new(now));
        let software = SoftwareCredential {
            tenant,
            id: account,
            instance,
            environment: Environment::Test,
            client_id: "passerelle".to_owned(),
            sealed_secret: Some(seal(account, software::SECRET_PART)),
            sealed_dpop_key: None,
            created_at: now,
        };
        let key = CfaKey {
            tenant,
            id,
            siret_cfa: SITE.parse().unwrap(),
            instance,
            environment: Environment::Test,
            sealed: seal(id, keys::SEAL_PART),
            state: KeyState::Staged,
            expires_on: None,
            probed_at: None,
            probe_result: None,
            last_used_at: None,
            referent: None,
            created_at: now,
            changed_at: now,
        };
        let mut tx = self.app.store.writing().await.unwrap();
        software::put(&mut tx, &software).await.unwrap();
        keys::stage(&mut tx, &key).await.unwrap();
        assert!(keys::activate(&mut tx, tenant, id, now).await.unwrap());
        tx.commit().await.unwrap();
    }
}
