//! Filing a contract: what each OPCO takes, and how it refuses.

use reqwest::Method;
use serde_json::json;
use simulator::{Capability, Duplicates, Openness, Overrides, SLUGS, Settings, Version};

use crate::rig::{Rig, dossier_of, dossier_v1, dossier_v2, opened, send};

#[tokio::test]
async fn every_opco_takes_both_samples_and_answers_like_the_sample() {
    let rig = Rig::start().await;
    let sample: serde_json::Value =
        serde_json::from_str(include_str!("../samples/dossier-v1-reponse.json")).unwrap();
    for slug in SLUGS {
        let first = rig.file(slug, Version::V1, &dossier_v1()).await;
        assert_eq!(first.status, 200, "{slug}: {first:?}");
        let body = first.json();
        let keys = |value: &serde_json::Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&body), keys(&sample));
        assert!(body["numeroDeca"].is_null());
        assert!(
            body["numeroExterne"]
                .as_str()
                .unwrap()
                .starts_with("APP-26-")
        );
        let second = rig.file(slug, Version::V2, &dossier_v2()).await;
        assert_ne!(second.numero(), first.numero());
    }
    // Two OPCOs may give the same number.
    let page = rig.handle().ledger(None, 0, 100).unwrap();
    assert_eq!(page.total, 22);
    assert_eq!(
        page.entries
            .iter()
            .filter(|e| e.numero_interne == "1000001")
            .count(),
        11
    );
}

#[tokio::test]
async fn the_shipped_capabilities_decide_what_is_open() {
    let rig = Rig::with(|settings| settings.opcos.clear()).await;
    let filed = |slug, version| {
        let rig = &rig;
        async move { rig.file(slug, version, &dossier_v1()).await.status }
    };
    assert_eq!(filed("opcosante", Version::V1).await, 501);
    assert_eq!(filed("afdas", Version::V2).await, 501);
    assert_eq!(
        filed("opcoep", Version::V2).await,
        200,
        "recette counts as open"
    );
    assert_eq!(filed("akto", Version::V1).await, 200);
    let sandbox = Overrides::default().with(Capability::DossiersV1, Openness::Recette);
    rig.handle().configure("opcosante", &sandbox).unwrap();
    assert_eq!(filed("opcosante", Version::V1).await, 200);
}

#[tokio::test]
async fn refusals_have_the_form_of_each_opco() {
    let rig = Rig::start().await;
    let mut body = dossier_v1();
    body["cerfa"]["apprenti"]
        .as_object_mut()
        .unwrap()
        .remove("nir");
    let text = "Le champ apprenti.nir est obligatoire";
    let refused = |slug| {
        let (rig, body) = (&rig, &body);
        async move {
            let reply = rig.file(slug, Version::V1, body).await;
            assert_eq!(reply.status, 400, "{slug}");
            reply.json()
        }
    };
    assert_eq!(
        refused("akto").await,
        json!({
            "description": "Le dossier est rejeté",
            "errors": [{"code": "CERFA_INCOMPLET", "description": text}],
        })
    );
    assert_eq!(refused("atlas").await, json!({"description": text}));
    assert_eq!(
        refused("opcoep").await,
        json!({"errors": null, "comment": text})
    );
}

#[tokio::test]
async fn the_business_check_comes_after_the_schema() {
    let rig = Rig::start().await;
    let mut body = dossier_v1();
    body["cerfa"]["contrat"]["dateConclusion"] = json!("2019-12-01T00:00:00+00:00");
    let reply = rig.file("akto", Version::V1, &body).await;
    assert_eq!(
        (reply.status, &reply.json()["errors"][0]["code"]),
        (400, &json!("CONTRAT_ANTERIEUR_2020"))
    );
    body["cerfa"]["contrat"]["typeContratApp"] = json!(12);
    let reply = rig.file("akto", Version::V1, &body).await;
    assert_eq!(reply.json()["errors"][0]["code"], "CERFA_NON_CONFORME");
}

#[tokio::test]
async fn a_double_gets_what_the_settings_say() {
    let twice = |settings: &mut Settings| {
        let duplicates = |kind| Overrides {
            duplicates: Some(kind),
            ..opened()
        };
        settings.opcos.insert(
            "atlas".to_owned(),
            duplicates(Duplicates::RefuseAsBadRequest),
        );
        settings
            .opcos
            .insert("opco2i".to_owned(), duplicates(Duplicates::Accept));
    };
    let rig = Rig::with(twice).await;
    for slug in ["akto", "atlas", "opco2i"] {
        rig.file(slug, Version::V1, &dossier_v1()).await.numero();
    }
    let again = rig.file("akto", Version::V2, &dossier_v1()).await;
    assert_eq!(
        (again.status, &again.json()["errors"][0]["code"]),
        (409, &json!("DOSSIER_DOUBLON"))
    );
    assert_eq!(
        rig.file("atlas", Version::V1, &dossier_v1()).await.status,
        400
    );
    assert_eq!(
        rig.file("opco2i", Version::V1, &dossier_v1()).await.status,
        200
    );
    // Another spelling defeats it, at any OPCO.
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_of("Martin"))
            .await
            .status,
        200
    );
    // Refused, the first leaves room.
    let order = |etat| simulator::StateOrder {
        force: true,
        ..simulator::StateOrder::new(etat)
    };
    rig.handle()
        .set_state("akto", "1000001", order(simulator::Etat::Refuse))
        .unwrap();
    assert_eq!(
        rig.file("akto", Version::V1, &dossier_v1()).await.status,
        200
    );
}

#[tokio::test]
async fn an_amendment_wants_its_flow_and_its_contract() {
    let rig = Rig::start().await;
    let numero = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.handle().move_clock(3_600_000, None);
    let deca = rig.handle().dossiers("akto", 0, 1).unwrap()[0]
        .numero_deca
        .clone()
        .unwrap();
    let mut body = dossier_v1();
    body["cerfa"]["contrat"]["typeContratApp"] = json!(36);
    body["cerfa"]["contrat"]["dateEffetAvenant"] = json!("2027-01-01T00:00:00+00:00");
    body["cerfa"]["contrat"]["numeroContratPrecedent"] = json!("093202609999999");
    assert_eq!(rig.file("akto", Version::V1, &body).await.status, 501);
    let open = Overrides::default().with(Capability::Avenant, Openness::Production);
    rig.handle().configure("akto", &open).unwrap();
    let unknown = rig.file("akto", Version::V1, &body).await;
    assert_eq!(unknown.json()["errors"][0]["code"], "DOSSIER_INCONNU");
    body["cerfa"]["contrat"]["numeroContratPrecedent"] = json!(deca);
    rig.file("akto", Version::V1, &body).await.numero();
    assert_eq!(
        rig.handle().dossiers("akto", 1, 1).unwrap()[0].initial,
        Some(numero)
    );
}

#[tokio::test]
async fn what_is_not_a_contract_is_refused_without_harm() {
    let rig = Rig::start().await;
    let post = || rig.call(Method::POST, "akto", "/v1/dossiers");
    let json = |request: reqwest::RequestBuilder, body: String| {
        send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
    };
    let broken = json(post().await, "{\"cerfa\": ".to_owned()).await.unwrap();
    assert_eq!(broken.status, 400);
    assert!(broken.text.contains("ligne 1"), "{broken:?}");
    let deep = json(post().await, "[".repeat(50_000)).await.unwrap();
    assert_eq!(deep.status, 400);
    assert_eq!(
        json(post().await, "[1]".to_owned()).await.unwrap().status,
        400
    );
    let long = json(post().await, " ".repeat(1_100_000)).await.unwrap();
    assert_eq!(long.status, 413);
    assert_eq!(send(post().await.body("{}")).await.unwrap().status, 415);
    let put = rig.call(Method::PUT, "akto", "/v1/dossiers").await;
    let put = send(put).await.unwrap();
    assert_eq!((put.status, put.header("allow")), (405, Some("GET, POST")));
    assert_eq!(rig.get("akto", "/v1/dossier").await.status, 404);
    assert_eq!(rig.get("akto", "/v3/dossiers/etats").await.status, 404);
    let nobody = format!("http://{}/atko/v1/status", rig.running.address);
    assert_eq!(send(rig.http.get(nobody)).await.unwrap().status, 404);
    let end = "/v2/dossiers/rupture/employeur";
    let end = rig.call(Method::POST, "akto", end).await;
    assert_eq!(
        send(end).await.unwrap().status,
        501,
        "a flow that is closed"
    );
    assert_eq!(rig.handle().ledger(None, 0, 10).unwrap().total, 0);
}

#[tokio::test]
async fn paths_do_not_mind_case() {
    let rig = Rig::start().await;
    let call = rig
        .call(Method::POST, "akto", "/V1/Dossiers")
        .await
        .json(&dossier_v1());
    assert_eq!(send(call).await.unwrap().status, 200);
    let url = format!(
        "http://{}/AKTO/sorapiechangecfa/v1/STATUS",
        rig.running.address
    );
    assert_eq!(send(rig.http.get(url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn doubles_sent_at_once_are_taken_once() {
    let rig = Rig::start().await;
    let body = dossier_v1();
    rig.token("akto").await;
    let filed = tokio::join!(
        rig.file("akto", Version::V1, &body),
        rig.file("akto", Version::V1, &body),
        rig.file("akto", Version::V2, &body),
        rig.file("akto", Version::V2, &body),
    );
    let mut statuses = [
        filed.0.status,
        filed.1.status,
        filed.2.status,
        filed.3.status,
    ];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
}
