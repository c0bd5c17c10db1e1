//! Reading states and dossiers back.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{CfaKey, Overrides, Version};

use crate::rig::{KEY, Rig, dossier_of, dossier_v1, dossier_v2, send};

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn version_1_lists_everything_at_once_and_version_2_by_pages() {
    let rig = Rig::start().await;
    let small = Overrides {
        page_size: Some(2),
        ..Overrides::default()
    };
    rig.handle().configure("akto", &small).unwrap();
    let mut numeros = Vec::new();
    for nom in ["MARTIN", "PETIT", "LEROY"] {
        numeros.push(
            rig.file("akto", Version::V1, &dossier_of(nom))
                .await
                .numero(),
        );
    }
    let first = rig.get("akto", "/v1/dossiers/etats").await.json();
    let sample: Value =
        serde_json::from_str(include_str!("../samples/etats-dossiers-v1.json")).unwrap();
    assert_eq!(keys(&first[0]), keys(&sample[0]));
    let listed = |items: &Value| -> Vec<String> {
        let items = items.as_array().unwrap();
        items
            .iter()
            .map(|item| item["numeroInterne"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed(&first), numeros);
    let one = rig
        .get("akto", "/v2/dossiers/etats?numeroPage=1")
        .await
        .json();
    let sample: Value =
        serde_json::from_str(include_str!("../samples/etats-dossiers-v2-page1.json")).unwrap();
    assert_eq!(keys(&one), keys(&sample));
    assert_eq!(
        (&one["total"], &one["count"], &one["page"]),
        (&json!(3), &json!(2), &json!(1))
    );
    let two = rig
        .get("akto", "/v2/dossiers/etats?numeroPage=2")
        .await
        .json();
    assert_eq!(
        (&two["total"], &two["count"], &two["page"]),
        (&json!(3), &json!(1), &json!(2))
    );
    let pages = [
        listed(&one["EtatDossierResult"]),
        listed(&two["EtatDossierResult"]),
    ]
    .concat();
    assert_eq!(pages, numeros);
    let three = rig
        .get("akto", "/v2/dossiers/etats?numeroPage=3")
        .await
        .json();
    assert_eq!((&three["total"], &three["count"]), (&json!(3), &json!(0)));
    assert_eq!(
        rig.get("akto", "/v2/dossiers/etats").await.json()["page"],
        1
    );
    for page in ["0", "-1", "x", "99999999999999999999"] {
        let reply = rig
            .get("akto", &format!("/v2/dossiers/etats?numeroPage={page}"))
            .await;
        assert_eq!(reply.status, 400, "{page}");
    }
}

#[tokio::test]
async fn a_detail_is_the_contract_as_filed_with_what_the_opco_adds() {
    let rig = Rig::start().await;
    let numero = rig.file("akto", Version::V2, &dossier_v2()).await.numero();
    let path = format!("/v2/dossiers?numeroInterne={numero}");
    let detail = rig.get("akto", &path).await.json();
    let filed = dossier_v2();
    for block in [
        "employeur",
        "apprenti",
        "maitre2",
        "formation",
        "organismeFormation",
    ] {
        assert_eq!(detail["cerfa"][block], filed["cerfa"][block], "{block}");
    }
    assert_eq!(detail["cerfa"]["etat"], "TRANSMIS");
    assert_eq!(detail["cerfa"]["numeroInterne"], json!(numero));
    assert_eq!(detail["echeances"], json!([]));
    let sample: Value =
        serde_json::from_str(include_str!("../samples/dossier-detail.json")).unwrap();
    assert_eq!(keys(&detail), keys(&sample));
    let first = rig
        .get("akto", &format!("/v1/dossiers?numeroInterne={numero}"))
        .await;
    assert_eq!(
        first.json()["cerfa"],
        detail["cerfa"],
        "one store for both versions"
    );

    let suffix = Overrides {
        v2_suffix: Some(true),
        ..Overrides::default()
    };
    rig.handle().configure("akto", &suffix).unwrap();
    let detail = rig.get("akto", &path).await.json();
    assert_eq!(detail["cerfa"]["employeurV2"]["siret"], "11122237800015");
    assert!(detail["cerfa"].get("employeur").is_none());
}

#[tokio::test]
async fn an_unknown_dossier_is_a_404_or_the_400_of_opco_ep() {
    let rig = Rig::start().await;
    for numero in ["9999999", "0", "abc", "-1", "99999999999999999999999"] {
        let path = format!("/v1/dossiers?numeroInterne={numero}");
        assert_eq!(rig.get("akto", &path).await.status, 404, "{numero}");
    }
    let reply = rig
        .get("opcoep", "/v1/dossiers?numeroInterne=9999999")
        .await;
    let sample: Value =
        serde_json::from_str(include_str!("../samples/erreur-400-opco-ep.json")).unwrap();
    assert_eq!((reply.status, reply.json()), (400, sample));
    assert_eq!(rig.get("akto", "/v1/dossiers").await.status, 400);
}

#[tokio::test]
async fn a_dossier_is_found_by_its_exact_pairing_key() {
    let rig = Rig::start().await;
    let numero = rig.file("afdas", Version::V1, &dossier_v1()).await.numero();
    let path = |nom: &str| {
        format!(
            "/v1/dossiers?nom={nom}&prenom=Alice&dateNaissance=2005-04-17T00:00:00+00:00\
             &siret=12345678200010&dateDebutContrat=2026-09-01"
        )
    };
    let found = rig.get("afdas", &path("MARTIN")).await.json();
    assert_eq!(found["cerfa"]["numeroInterne"], json!(numero));
    assert_eq!(rig.get("afdas", &path("Martin")).await.status, 404);
    let partly = rig
        .get("afdas", "/v1/dossiers?nom=MARTIN&prenom=Alice")
        .await;
    assert_eq!(partly.status, 400);
}

#[tokio::test]
async fn several_dossiers_come_at_once_and_the_unknown_are_left_out() {
    let rig = Rig::start().await;
    let first = rig.file("atlas", Version::V1, &dossier_v1()).await.numero();
    let second = rig
        .file("atlas", Version::V1, &dossier_of("PETIT"))
        .await
        .numero();
    let path = format!("/v1/dossiers/liste?numerosInternes={second},9999999,{first}");
    let details = rig.get("atlas", &path).await.json();
    let numeros: Vec<&Value> = details
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["cerfa"]["numeroInterne"])
        .collect();
    assert_eq!(numeros, [&json!(second), &json!(first)]);
    assert_eq!(rig.get("atlas", "/v1/dossiers/liste").await.status, 400);
    let many = vec!["1"; 101].join(",");
    let many = rig
        .get(
            "atlas",
            &format!("/v1/dossiers/liste?numerosInternes={many}"),
        )
        .await;
    assert_eq!(many.status, 400);
}

#[tokio::test]
async fn a_key_sees_its_own_dossiers_only_until_a_siren_joins_them() {
    let rig = Rig::start().await;
    let numero = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    let token = rig.token("akto").await;
    let other = |path: String| {
        let request = rig
            .bare(Method::GET, "akto", &path)
            .bearer_auth(&token)
            .header("X-API-KEY", "autre")
            .header("EDITEUR", "a")
            .header("LOGICIEL", "b")
            .header("VERSION", "c");
        async { send(request).await.unwrap() }
    };
    let etats = || other("/v1/dossiers/etats".to_owned());
    assert_eq!(etats().await.json(), json!([]));
    assert_eq!(
        other(format!("/v1/dossiers?numeroInterne={numero}"))
            .await
            .status,
        404
    );
    for key in [KEY, "autre"] {
        let key = CfaKey {
            key: key.to_owned(),
            siren: Some("987654324".to_owned()),
            expires: None,
            revoked: false,
        };
        rig.handle().register_key("akto", &key).unwrap();
    }
    assert_eq!(etats().await.json()[0]["numeroInterne"], json!(numero));
}

#[tokio::test]
async fn the_validity_of_a_key_can_be_asked_for() {
    let rig = Rig::start().await;
    let token = rig.token("akto").await;
    let ask = |siren: &str, key: &str| {
        let request = rig
            .bare(
                Method::GET,
                "akto",
                &format!("/v2/cfakeyinfo?siren={siren}&XAPIKEY={key}"),
            )
            .bearer_auth(&token)
            .header("EDITEUR", "a")
            .header("LOGICIEL", "b")
            .header("VERSION", "c");
        async { send(request).await.unwrap() }
    };
    let sample: Value =
        serde_json::from_str(include_str!("../samples/cfakeyinfo-v2.json")).unwrap();
    assert_eq!(ask("987654324", "quelconque").await.json(), sample);
    let key = CfaKey {
        key: "finie".to_owned(),
        siren: Some("987654324".to_owned()),
        expires: Some(jiff::civil::date(2026, 11, 20)),
        revoked: false,
    };
    rig.handle().register_key("akto", &key).unwrap();
    let body = ask("987654324", "finie").await.json();
    assert_eq!(
        (&body["status"], &body["dateFinValidite"]),
        (&json!("error"), &json!("2026-11-20"))
    );
    let good = CfaKey {
        key: "bonne".to_owned(),
        expires: None,
        ..key
    };
    rig.handle().register_key("akto", &good).unwrap();
    assert_eq!(ask("987654324", "bonne").await.json()["status"], "success");
    assert_eq!(ask("123456782", "bonne").await.json()["status"], "error");
    assert_eq!(ask("123456789", "bonne").await.status, 400);
    let log = rig.handle().requests(Some("akto"), 100).unwrap();
    assert!(
        !serde_json::to_string(&log).unwrap().contains("bonne"),
        "a key was written down"
    );
}

#[tokio::test]
async fn health_needs_no_identity() {
    let rig = Rig::start().await;
    rig.tick(86_400_000);
    let reply = send(rig.bare(Method::GET, "afdas", "/v1/status"))
        .await
        .unwrap();
    let sample: Value = serde_json::from_str(include_str!("../samples/status-v1.json")).unwrap();
    assert_eq!(reply.json(), sample);
}
