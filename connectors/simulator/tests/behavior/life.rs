//! The life of a dossier at the socket: virtual clock, orders, schedule, deposit number.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Etat, Overrides, Progress, StateOrder, Version};

use crate::rig::{Rig, START_MS, dossier_v1};

async fn etat(rig: &Rig, version: u8) -> (Value, Value) {
    let body = rig
        .get("akto", &format!("/v{version}/dossiers/etats"))
        .await
        .json();
    let item = if version == 1 {
        &body[0]
    } else {
        &body["EtatDossierResult"][0]
    };
    (item["etat"].clone(), item["numeroDeca"].clone())
}

#[tokio::test]
async fn a_contract_is_reviewed_then_engaged_with_its_number_and_its_schedule() {
    let rig = Rig::start().await;
    let numero = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    assert_eq!(etat(&rig, 1).await, (json!("TRANSMIS"), Value::Null));
    rig.tick(5_000);
    assert_eq!(
        etat(&rig, 1).await,
        (json!("EN_COURS_INSTRUCTION"), Value::Null)
    );
    rig.tick(20_000);
    assert_eq!(
        etat(&rig, 2).await,
        (json!("ENGAGE"), json!("093202609000001"))
    );
    let detail = rig
        .get("akto", &format!("/v1/dossiers?numeroInterne={numero}"))
        .await
        .json();
    let sample: Value =
        serde_json::from_str(include_str!("../samples/dossier-detail.json")).unwrap();
    assert_eq!(detail["engagement"], sample["engagement"]);
    assert_eq!(detail["echeances"].as_array().unwrap().len(), 8);
    for (own, sample) in detail
        .as_object()
        .unwrap()
        .iter()
        .zip(sample.as_object().unwrap())
    {
        assert_eq!(own.0, sample.0);
    }
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&detail["cerfa"]), keys(&sample["cerfa"]));
    assert_eq!(
        keys(&detail["cerfa"]["contrat"]),
        keys(&sample["cerfa"]["contrat"])
    );
    assert_eq!(
        keys(&detail["detailsFacturation"]),
        keys(&sample["detailsFacturation"])
    );
    assert_eq!(
        detail["cerfa"]["contrat"]["noContrat"],
        detail["cerfa"]["numeroDeca"]
    );
    let history = rig.handle().dossiers("akto", 0, 1).unwrap()[0]
        .history
        .clone();
    let expected = [
        (Etat::Transmis, START_MS),
        (Etat::EnCoursInstruction, START_MS + 5_000),
        (Etat::Engage, START_MS + 25_000),
    ];
    assert_eq!(history, expected);
}

#[tokio::test]
async fn the_clock_is_moved_over_the_control_api() {
    let rig = Rig::with(|settings| settings.clock_factor = 60).await;
    rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.tick(100);
    assert_eq!(etat(&rig, 1).await.0, "EN_COURS_INSTRUCTION");
    let moved = json!({"advance_ms": 20_000, "factor": 0});
    let reply = rig.control(Method::POST, "/clock", Some(moved)).await;
    assert_eq!(reply.json()["factor"], 0);
    assert_eq!(etat(&rig, 1).await.0, "ENGAGE");
    let before = rig.handle().now_ms();
    rig.tick(1_000_000);
    assert_eq!(rig.handle().now_ms(), before, "a frozen clock stands still");
}

#[tokio::test]
async fn a_state_can_be_ordered_and_only_along_the_ways() {
    let rig = Rig::with(|settings| {
        let waiting = Progress {
            instruction_ms: None,
            decision_ms: None,
            deca_ms: 0,
        };
        settings.opcos.insert(
            "akto".to_owned(),
            Overrides {
                progress: Some(waiting),
                ..crate::rig::opened()
            },
        );
    })
    .await;
    let numero = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.tick(1_000_000);
    assert_eq!(etat(&rig, 1).await.0, "TRANSMIS", "nothing moves by itself");
    let path = format!("/akto/dossiers/{numero}/etat");
    let order = |body: Value| rig.control(Method::POST, &path, Some(body));
    let jump = order(json!({"etat": "ENGAGE"})).await;
    assert_eq!(jump.status, 409);
    for (to, seen) in [
        ("EN_COURS_INSTRUCTION", "EN_COURS_INSTRUCTION"),
        ("ENGAGE", "ENGAGE"),
    ] {
        assert_eq!(order(json!({"etat": to})).await.status, 200);
        assert_eq!(etat(&rig, 1).await.0, seen);
    }
    let text = json!({"etat": "RUPTURE", "commentaire": "Rupture d'un commun accord"});
    assert_eq!(order(text).await.status, 200);
    assert_eq!(etat(&rig, 1).await.0, "RUPTURE");
    assert_eq!(etat(&rig, 2).await.0, "RUPTU", "version 2 has its own word");
    let detail = rig
        .get("akto", &format!("/v1/dossiers?numeroInterne={numero}"))
        .await
        .json();
    assert_eq!(
        detail["cerfa"]["commentaireEtat"],
        "Rupture d'un commun accord"
    );
    assert!(detail["cerfa"]["contrat"]["dateRupture"].is_string());
    assert_eq!(order(json!({"etat": "SOLDE"})).await.status, 200);
    let detail = rig
        .get("akto", &format!("/v1/dossiers?numeroInterne={numero}"))
        .await
        .json();
    for echeance in detail["echeances"].as_array().unwrap() {
        assert_eq!(echeance["montantRegle"], echeance["montantTotal"]);
    }
    assert_eq!(order(json!({"etat": "TRANSMIS"})).await.status, 409);
    assert_eq!(
        order(json!({"etat": "TRANSMIS", "force": true}))
            .await
            .status,
        200
    );
    assert_eq!(order(json!({"etat": "PERDU"})).await.status, 400);
    let nobody = json!({"etat": "ANNULE"});
    let unknown = rig
        .control(Method::POST, "/akto/dossiers/7/etat", Some(nobody))
        .await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_deposit_number_may_come_after_the_engagement() {
    let late = Progress {
        instruction_ms: Some(1),
        decision_ms: Some(1),
        deca_ms: 60_000,
    };
    let rig = Rig::with(|settings| {
        settings.opcos.get_mut("akto").unwrap().progress = Some(late);
    })
    .await;
    rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.tick(2);
    assert_eq!(etat(&rig, 1).await, (json!("ENGAGE"), Value::Null));
    rig.tick(60_000);
    assert_eq!(etat(&rig, 1).await.1, "093202609000001");
}

#[tokio::test]
async fn a_refused_contract_has_no_schedule() {
    let rig = Rig::start().await;
    let numero = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.tick(5_000);
    rig.handle()
        .set_state("akto", &numero, StateOrder::new(Etat::Refuse))
        .unwrap();
    rig.tick(1_000_000);
    assert_eq!(etat(&rig, 1).await, (json!("REFUSE"), Value::Null));
    let detail = rig
        .get("akto", &format!("/v1/dossiers?numeroInterne={numero}"))
        .await
        .json();
    assert_eq!(
        (&detail["echeances"], &detail["engagement"]),
        (&json!([]), &json!(0.0))
    );
}
