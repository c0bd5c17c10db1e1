//! What the OPCO owes for a dossier is read, kept and shown; invoices are billed against it.

use domain::Opco;
use harness::payload::{Contract, contract};
use harness::scene::Scene;
use harness::{on_both, wait};
use serde_json::Value;
use simulator::{Fault, FaultKind, Scope};

/// Schedules are read again every minute of the story.
const OFTEN: &str =
    "CFA_GATEWAY__DELIVERY__POLL__SCHEDULE_S=60\nCFA_GATEWAY__DELIVERY__POLL__SCHEDULE_COLD_S=120";

on_both! {
    async fn the_schedule_of_an_engaged_dossier_is_read_and_shown(scene) {
        let contract = contract(700).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let schedule = &dossier["echeancier"];
        let lines = schedule["echeances"].as_array().unwrap();
        assert!(lines.len() >= 4, "{dossier:#}");
        assert!(schedule["read_at"].is_string());
        assert_eq!(schedule["last_result"], "read");
        let total: i64 = lines.iter().map(|line| line["total_cents"].as_i64().unwrap()).sum();
        assert_eq!(schedule["engagement_cents"], total, "{schedule:#}");
        let first = &lines[0];
        assert_eq!(first["numero"], 1);
        assert_eq!(first["siret_cfa"], contract.text("/cerfa/organismeFormation/siret"));
        assert_eq!(first["left_cents"], first["total_cents"]);
        let facturable = schedule["facturable"].as_array().unwrap();
        assert_eq!(facturable.len(), lines.iter().filter(|line| line["open"] == true).count());
        let readings = dossier["lectures"].as_array().unwrap();
        assert_eq!(readings.len(), 1);
        assert_eq!(readings[0]["changements"], serde_json::json!([]));
        let told = event(&scene, "dossier.echeancier_changed").await;
        assert_eq!(told["dossier_id"], dossier["id"]);
        assert_eq!(told["data"]["first"], true);
    }

    async fn a_line_issued_again_is_a_reading_of_its_own_with_what_changed(scene, OFTEN) {
        let contract = contract(710).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let numero = dossier["numero_interne"].as_str().unwrap().to_owned();
        scene.opcos.handle().reissue("akto", &numero, 2).unwrap();
        let id = dossier["id"].as_str().unwrap();
        let changed = wait::until_value("the new reading", async || detail(&scene, id).await, |dossier| {
            dossier["lectures"].as_array().is_some_and(|readings| readings.len() == 2)
        }).await;
        let changes = changed["lectures"][1]["changements"].as_array().unwrap();
        assert!(!changes.is_empty(), "{changed:#}");
        assert!(changes.iter().all(|change| change["numero"] == 2), "{changes:#?}");
        assert!(changes.iter().all(|change| change["libelle"].is_string()));
    }

    async fn an_opco_without_a_list_of_whole_dossiers_is_read_one_by_one(scene) {
        // 501, for want of a better: the list is not there.
        let none = Fault { status: Some(501), ..Fault::new(FaultKind::Echo) }.on(Scope::Liste);
        scene.opcos.fault(Opco::Akto, none);
        for seed in [720, 721, 722] {
            scene.erp.submit(&contract(seed).to(Opco::Akto)).await;
        }
        wait::until_value("three schedules", async || scene.erp.get("/api/v1/dossiers").await.expect(200), |page| {
            page["dossiers"].as_array().is_some_and(|all| all.len() == 3 && all.iter().all(|one| one["etat"] == "ENGAGE"))
        }).await;
        let all = scene.erp.get("/api/v1/dossiers").await.expect(200);
        for dossier in all["dossiers"].as_array().unwrap() {
            let id = dossier["id"].as_str().unwrap();
            wait::until_value("its schedule", async || detail(&scene, id).await, is_scheduled).await;
        }
    }

    async fn a_schedule_that_cannot_be_read_stays_as_it_was_known(scene, OFTEN) {
        let contract = contract(730).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let id = dossier["id"].as_str().unwrap();
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::EmptyBody).on(Scope::Detail));
        let later = wait::until_value("the empty answer", async || detail(&scene, id).await, |dossier| {
            dossier["echeancier"]["last_result"] == "unreadable"
        }).await;
        assert_eq!(later["echeancier"]["echeances"], dossier["echeancier"]["echeances"]);
        assert_eq!(later["lectures"].as_array().unwrap().len(), 1);
    }
}

/// Sends a contract and waits until the gateway has read its schedule.
async fn scheduled(scene: &Scene, contract: &Contract) -> Value {
    let id = scene.erp.submit(contract).await;
    let delivery = scene.erp.until_delivered(&id).await;
    let numero = delivery["numero_interne"].as_str().unwrap();
    let path = format!("/api/v1/dossiers?numero={numero}");
    let page = scene.erp.get(&path).await.expect(200);
    let dossier = page["dossiers"][0]["id"].as_str().unwrap().to_owned();
    wait::until_value(
        "the schedule",
        async || detail(scene, &dossier).await,
        is_scheduled,
    )
    .await
}

fn is_scheduled(dossier: &Value) -> bool {
    let lines = dossier["echeancier"]["echeances"].as_array();
    lines.is_some_and(|lines| !lines.is_empty())
}

async fn detail(scene: &Scene, id: &str) -> Value {
    scene
        .erp
        .get(&format!("/api/v1/dossiers/{id}"))
        .await
        .expect(200)
}

async fn event(scene: &Scene, kind: &str) -> Value {
    let found = wait::until_value(
        "the event",
        async || scene.erp.events().await,
        |events| events.iter().any(|event| event["kind"] == kind),
    );
    let events = found.await;
    events
        .into_iter()
        .find(|event| event["kind"] == kind)
        .unwrap()
}
