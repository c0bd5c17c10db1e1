//! Who may call: the header checks in their order, tokens, keys, proofs.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Auth, CfaKey, Client, Dpop, Fault, FaultKind, Openness, SLUGS, Version};

use crate::proof::{Signer, claims, without_key};
use crate::rig::{KEY, Reply, Rig, SECRET, START_MS, dossier_v1, opened, send};

const ETATS: &str = "/v1/dossiers/etats";

#[tokio::test]
async fn headers_are_checked_in_the_order_of_the_protocol() {
    let rig = Rig::with(|settings| {
        let closed = opened().with(simulator::Capability::DossiersV1, Openness::Developpement);
        settings.opcos.insert("constructys".to_owned(), closed);
    })
    .await;
    let token = rig.token("akto").await;
    let call = |slug| {
        rig.bare(Method::POST, slug, "/v1/dossiers")
            .json(&json!({"cerfa": {}}))
    };
    let status = |request| async { send(request).await.unwrap().status };

    assert_eq!(status(call("akto")).await, 401);
    assert_eq!(status(call("akto").bearer_auth("autre")).await, 401);
    assert_eq!(status(call("akto").bearer_auth(&token)).await, 403);
    let known = |slug, token: &str| call(slug).bearer_auth(token).header("X-Api-Key", KEY);
    assert_eq!(status(known("akto", &token)).await, 400);
    for missing in ["EDITEUR", "LOGICIEL", "VERSION"] {
        let mut request = known("akto", &token);
        for name in ["EDITEUR", "LOGICIEL", "VERSION"] {
            if name != missing {
                request = request.header(name, "x");
            }
        }
        let reply = send(request).await.unwrap();
        assert_eq!(reply.status, 400);
        assert!(reply.text.contains(missing), "{reply:?}");
    }
    // Closed comes before the schema, open lets the schema speak.
    let token = rig.token("constructys").await;
    assert_eq!(status(call("constructys").bearer_auth(&token)).await, 403);
    assert_eq!(
        rig.file("constructys", Version::V1, &json!({}))
            .await
            .status,
        501
    );
    let reply = rig.file("akto", Version::V1, &json!({})).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["errors"][0]["code"], "CERFA_INCOMPLET");
}

#[tokio::test]
async fn every_opco_gives_tokens_at_its_own_address_and_no_other_opco_takes_them() {
    let rig = Rig::start().await;
    for slug in SLUGS {
        assert_eq!(rig.get(slug, ETATS).await.status, 200, "{slug}");
    }
    let token = rig.token("akto").await;
    let elsewhere = rig.bare(Method::GET, "atlas", ETATS).bearer_auth(token);
    assert_eq!(send(elsewhere).await.unwrap().status, 401);
}

#[tokio::test]
async fn a_token_ends_with_its_lifetime_or_with_the_fault() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
    rig.tick(3_600_000);
    let reply = rig.get("akto", ETATS).await;
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").is_some());
    rig.forget_tokens();
    assert_eq!(rig.get("akto", ETATS).await.status, 200);

    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::ExpiredToken).times(1))
        .unwrap();
    assert_eq!(rig.get("akto", ETATS).await.status, 401);
    assert_eq!(
        rig.get("akto", ETATS).await.status,
        401,
        "the token itself is dead"
    );
    rig.forget_tokens();
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
}

#[tokio::test]
async fn the_token_endpoint_speaks_oauth() {
    let rig = Rig::start().await;
    let reply = rig
        .ask_token("akto", &[("scope", "api.read api.write")])
        .await;
    let body = reply.json();
    assert_eq!(body["expires_in"], 3_600);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "api.read api.write");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let error = |reply: Reply| {
        (
            reply.status,
            reply.json()["error"].as_str().unwrap().to_owned(),
        )
    };
    let expected = |status, word: &str| (status, word.to_owned());
    let password = rig.ask_token("akto", &[("grant_type", "password")]).await;
    assert_eq!(error(password), expected(400, "unsupported_grant_type"));
    let nobody = rig.ask_token("opcoep", &[("client_secret", "")]).await;
    assert_eq!(error(nobody), expected(401, "invalid_client"));
    let scope = rig.ask_token("opcoep", &[("scope", "api.read")]).await;
    assert_eq!(error(scope), expected(400, "invalid_scope"));
    let url = rig.running.token_url("akto").unwrap();
    let json = send(
        rig.http
            .post(url)
            .json(&json!({"grant_type": "client_credentials"})),
    )
    .await;
    assert_eq!(error(json.unwrap()), expected(400, "invalid_request"));
}

#[tokio::test]
async fn an_opco_may_ask_for_the_key_alone() {
    let rig = Rig::with(|settings| {
        settings.opcos.get_mut("opcosante").unwrap().auth = Some(Auth::KeyOnly);
    })
    .await;
    let call = || {
        rig.bare(Method::GET, "opcosante", ETATS)
            .header("EDITEUR", "a")
            .header("LOGICIEL", "b")
            .header("VERSION", "c")
    };
    assert_eq!(send(call()).await.unwrap().status, 403);
    assert_eq!(
        send(call().header("X-API-KEY", KEY)).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_strict_simulator_knows_only_what_was_registered() {
    let rig = Rig::with(|settings| settings.strict = true).await;
    assert_eq!(
        rig.ask_token("akto", &[]).await.json()["error"],
        "invalid_client"
    );
    let client = Client {
        client_id: "editeur".to_owned(),
        client_secret: SECRET.to_owned(),
    };
    rig.handle().register_client("akto", &client).unwrap();
    assert_eq!(rig.get("akto", ETATS).await.status, 403);
    let key = CfaKey {
        key: KEY.to_owned(),
        siren: Some("123456782".to_owned()),
        expires: Some(jiff::civil::date(2026, 11, 30)),
        revoked: false,
    };
    rig.handle().register_key("akto", &key).unwrap();
    assert_eq!(rig.get("akto", ETATS).await.status, 200);
    let reply = rig.file("akto", Version::V1, &dossier_v1()).await;
    assert_eq!(
        reply.status, 403,
        "the key belongs to another SIREN: {reply:?}"
    );
    rig.handle().move_clock(10 * 86_400_000, None);
    let reply = rig.get("akto", ETATS).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("CLE_CFA_EXPIREE"));
}

#[tokio::test]
async fn an_expired_key_is_refused_as_often_as_told() {
    let rig = Rig::start().await;
    rig.handle()
        .add_fault("atlas", Fault::new(FaultKind::ExpiredKey).times(1))
        .unwrap();
    assert_eq!(rig.get("atlas", ETATS).await.status, 403);
    assert_eq!(rig.get("atlas", ETATS).await.status, 200);
}

#[tokio::test]
async fn a_key_may_be_longer_than_a_thousand_characters() {
    let rig = Rig::start().await;
    let token = rig.token("akto").await;
    let call = |length| {
        rig.bare(Method::GET, "akto", ETATS)
            .bearer_auth(&token)
            .header("X-API-KEY", "k".repeat(length))
            .header("EDITEUR", "É·diteur")
            .header("LOGICIEL", "b")
            .header("VERSION", "c")
    };
    assert_eq!(send(call(4_096)).await.unwrap().status, 200);
    assert_eq!(send(call(9_000)).await.unwrap().status, 403);
}

async fn prove(rig: &Rig, proof: Option<String>) -> (u16, Value) {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "editeur"),
        ("client_secret", "secret"),
    ];
    let request = rig
        .http
        .post(rig.running.token_url("afdas").unwrap())
        .form(&form);
    let request = match proof {
        Some(proof) => request.header("DPoP", proof),
        None => request,
    };
    let reply = send(request).await.unwrap();
    (reply.status, reply.json())
}

#[tokio::test]
async fn a_proof_is_verified_when_it_carries_its_key() {
    let rig = Rig::start().await;
    let url = rig.running.token_url("afdas").unwrap();
    let now_s = START_MS / 1_000;
    let signer = Signer::new();
    let header = signer.header();
    let good = signer.sign(&header, &claims(&url, now_s));
    let (status, body) = prove(&rig, Some(good.clone())).await;
    assert_eq!(
        (status, &body["token_type"]),
        (200, &json!("Bearer")),
        "{body}"
    );

    let mut stolen = header.clone();
    stolen["jwk"] = Signer::new().jwk;
    let mut private = header.clone();
    private["jwk"]["d"] = json!("AQAB");
    let mut other_type = header.clone();
    other_type["typ"] = json!("JWT");
    let mut unsigned = header.clone();
    unsigned["alg"] = json!("none");
    let mut get = claims(&url, now_s);
    get["htm"] = json!("GET");
    let late = claims(&url, now_s - 301);
    let elsewhere = claims("http://127.0.0.1/afdas/v1/token", now_s);
    for (why, proof) in [
        ("no proof", None),
        ("shown twice", Some(good)),
        (
            "another's key",
            Some(signer.sign(&stolen, &claims(&url, now_s))),
        ),
        (
            "a private key",
            Some(signer.sign(&private, &claims(&url, now_s))),
        ),
        (
            "another type",
            Some(signer.sign(&other_type, &claims(&url, now_s))),
        ),
        (
            "no algorithm",
            Some(signer.sign(&unsigned, &claims(&url, now_s))),
        ),
        ("another method", Some(signer.sign(&header, &get))),
        ("too old", Some(signer.sign(&header, &late))),
        ("another address", Some(signer.sign(&header, &elsewhere))),
        ("not a JWT", Some("a.b".to_owned())),
    ] {
        let (status, body) = prove(&rig, proof).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &json!("invalid_dpop_proof")),
            "{why}: {body}"
        );
    }
}

#[tokio::test]
async fn a_proof_without_its_key_passes_unless_the_key_is_asked_for() {
    let rig = Rig::start().await;
    let url = rig.running.token_url("afdas").unwrap();
    let proof = || Some(without_key(&url, START_MS / 1_000));
    assert_eq!(prove(&rig, proof()).await.0, 200);
    let asked = simulator::Overrides {
        dpop: Some(Dpop::ProofWithKey),
        ..Default::default()
    };
    rig.handle().configure("afdas", &asked).unwrap();
    assert_eq!(prove(&rig, proof()).await.0, 400);
}
