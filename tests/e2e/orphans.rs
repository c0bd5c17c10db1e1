//! Dossiers an OPCO knows and no ERP sent, and the reverse: shown, paired, followed.

use domain::Opco;
use harness::gateway::Gateway;
use harness::norm::Norm;
use harness::payload::{Contract, contract};
use harness::pieces::{Form, facture};
use harness::scene::Scene;
use harness::{erp, network, on_both, wait};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Kind, Scope};

const OPCO: Opco = Opco::Akto;
/// What the lists do not show is missed after two minutes of the story.
const SOON: &str = "CFA_GATEWAY__DELIVERY__POLL__UNLISTED_S=120
CFA_GATEWAY__DELIVERY__POLL__SCHEDULE_S=60
CFA_GATEWAY__DELIVERY__POLL__SCHEDULE_COLD_S=120
CFA_GATEWAY__DELIVERY__POLL__COLD_S=20";

/// The lists of sites that sent nothing are read within a minute of the story.
const SILENT: &str = "CFA_GATEWAY__DELIVERY__POLL__COLD_S=20
CFA_GATEWAY__DELIVERY__POLL__HOT_S=20
CFA_GATEWAY__DELIVERY__POLL__SILENT_S=40";

on_both! {
    async fn what_an_employer_files_is_found_once_and_by_its_network_alone(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_000).await;
        let filed = contract(2_001);
        let numero = file(&employer, &filed).await;
        let orphan = found(&scene, &numero).await;
        assert_eq!(orphan["rule"], "VEI-003", "{orphan:#}");
        assert_eq!(orphan["contrat"]["nom"], filed.text("/cerfa/apprenti/nom"));
        assert_eq!(orphan["contrat"]["siret_cfa"], scene.network.sites[0].to_string());
        assert_eq!(orphan["proposition"], Value::Null);
        let id = orphan["id"].as_str().unwrap();
        let (_, stranger) = scene.another(network::network()).await;
        let list = stranger.get("/api/v1/orphelins").await.expect(200);
        assert_eq!(list["orphelins"], json!([]));
        let refused = act(&stranger, id, "adopt", json!({})).await;
        assert_eq!(refused.status, 404);
        let ignored = act(&scene.erp, id, "ignore", json!({})).await.expect(200);
        assert_eq!(ignored["fate"], "ignored");
        assert_eq!(list_of(&scene, "side=opco").await, json!([]));
        assert_eq!(act(&scene.erp, id, "ignore", json!({})).await.status, 409);
        act(&scene.erp, id, "reopen", json!({})).await.expect(200);
        found(&scene, &numero).await;
        // Its list is read again and again, and nothing more is asked or told.
        let listed = lists(&scene);
        wait::until("three more lists", async || (lists(&scene) > listed + 2).then_some(())).await;
        assert_eq!(details_of(&scene, &numero), 1);
        let events = scene.erp.events().await;
        let told: Vec<&Value> = events.iter().filter(|one| one["kind"] == "dossier.orphan_found").collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0]["data"]["numeroInterne"], numero);
        assert!(!json!(events).to_string().contains(filed.text("/cerfa/apprenti/nom")));
        let opened = events.iter().filter(|one| one["kind"] == "dossier.orphans_opened");
        assert!(opened.count() >= 2);
    }

    async fn a_site_that_sent_nothing_has_its_list_read_all_the_same(scene, SILENT) {
        let employer = employer(&scene).await;
        let numero = file(&employer, &contract(2_005)).await;
        let orphan = found(&scene, &numero).await;
        assert_eq!(orphan["contrat"]["siret_cfa"], scene.network.sites[0].to_string());
        let sent = scene.erp.get("/api/v1/deliveries").await.expect(200);
        assert_eq!(sent["deliveries"], json!([]));
        // So have all others; where nothing can be read, nobody asks.
        let asked = |opco: &Opco| !scene.opcos.calls(*opco).is_empty();
        let silent: Vec<Opco> = wait::until("every other list", async || {
            let silent: Vec<Opco> = Opco::ALL.into_iter().filter(|opco| !asked(opco)).collect();
            (silent.len() == 1).then_some(silent)
        }).await;
        assert_eq!(silent, [Opco::OpcoSante]);
    }

    async fn an_orphan_is_not_read_again_after_a_restart(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_010).await;
        let numero = file(&employer, &contract(2_011)).await;
        let orphan = found(&scene, &numero).await;
        let settings = scene.opcos.settings(&format!("timeout_ms = 300000\n{}", harness::opcos::WIDE));
        let settings = format!("[server]\nlisten = \"127.0.0.1:0\"\n[delivery.worker]\nlease_s = 700\nturn_wait_s = 60\n[delivery.poll]\ncold_s = 20\nhot_s = 20\n{settings}");
        let Scene { gateway, .. } = &scene;
        assert_eq!(details_of(&scene, &numero), 1);
        let second = Gateway::start(
            &settings, Vec::new(), &scene.database.folder, scene.clock.clone(), scene.store.clone(),
        ).await;
        assert_ne!(second.origin, gateway.origin);
        let listed = lists(&scene);
        wait::until("more lists", async || (lists(&scene) > listed + 3).then_some(())).await;
        let list = scene.erp.at(&second.origin).get("/api/v1/orphelins").await.expect(200);
        assert_eq!(list["orphelins"][0]["id"], orphan["id"]);
        assert_eq!(details_of(&scene, &numero), 1);
        assert!(second.stop().await);
    }

    async fn another_spelling_is_the_probable_cause_and_a_double_is_not_tied(scene, SOON) {
        let employer = employer(&scene).await;
        let sent = contract(2_020).with("/cerfa/apprenti/nom", json!("LEFEVRE")).to(OPCO);
        let delivery = scene.erp.submit(&sent).await;
        scene.erp.until_delivered(&delivery).await;
        let filed = contract(2_020).with("/cerfa/apprenti/nom", json!("Lefèvre"));
        let numero = file(&employer, &filed).await;
        let orphan = found(&scene, &numero).await;
        let proposed = &orphan["proposition"];
        assert_eq!(proposed["delivery_id"], delivery, "{orphan:#}");
        assert_eq!(proposed["ecarts"][0]["what"], "spelling", "{orphan:#}");
        assert_eq!((&proposed["sure"], &proposed["likeness"]), (&json!(true), &json!(100)));
        let id = orphan["id"].as_str().unwrap();
        let double = act(&scene.erp, id, "adopt", json!({"delivery_id": delivery})).await;
        assert_eq!(double.status, 409, "{:#}", double.json());
        assert!(double.json()["detail"].as_str().unwrap().contains("double emploi"));
    }

    async fn an_orphan_is_tied_to_the_contract_that_never_arrived(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_030).await;
        // The ERP names nobody: a person must choose, and it stays here.
        let nom = format!("{}T", contract(2_031).text("/cerfa/apprenti/nom"));
        let sent = contract(2_031).with("/cerfa/apprenti/nom", json!(nom));
        let accepted = scene.erp.send(&sent).await.expect(202);
        assert_eq!(accepted["status"], "held", "{accepted:#}");
        let delivery = erp::id(&accepted);
        let numero = file(&employer, &contract(2_031)).await;
        let orphan = found(&scene, &numero).await;
        let proposed = &orphan["proposition"];
        assert_eq!(proposed["delivery_id"], delivery, "{orphan:#}");
        assert_eq!((&proposed["ecarts"][0]["what"], &proposed["reason"]), (&json!("names"), &json!("one_letter")));
        assert_eq!((&proposed["status"], &proposed["sure"]), (&json!("held"), &json!(false)));
        let id = orphan["id"].as_str().unwrap();
        let adopted = act(&scene.erp, id, "adopt", json!({"delivery_id": delivery})).await.expect(200);
        assert_eq!(adopted["fate"], "adopted");
        let after = scene.erp.delivery(&delivery).await;
        assert_eq!((&after["status"], &after["opco"]), (&json!("delivered"), &json!("akto")));
        assert_eq!(after["numero_interne"], numero);
        let dossier = adopted["dossier_id"].as_str().unwrap();
        let dossier = scene.erp.get(&format!("/api/v1/dossiers/{dossier}")).await.expect(200);
        assert_eq!(dossier["delivery_id"], delivery);
        assert_eq!(list_of(&scene, "").await, json!([]));
    }

    async fn an_orphan_adopted_alone_is_followed_and_billed_by_its_number(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_040).await;
        let filed = contract(2_041);
        let numero = file(&employer, &filed).await;
        let orphan = found(&scene, &numero).await;
        let id = orphan["id"].as_str().unwrap();
        reconciled(&scene).await;
        let adopted = act(&scene.erp, id, "adopt", json!({})).await.expect(200);
        assert_eq!((&adopted["dossier_id"], &adopted["fate"]), (&json!(id), &json!("adopted")));
        reconciled(&scene).await;
        let dossier = wait::until_value("the schedule", async || detail(&scene, id).await, |dossier| {
            dossier["echeancier"]["facturable"].as_array().is_some_and(|lines| !lines.is_empty())
        }).await;
        assert_eq!(dossier["delivery_id"], Value::Null);
        let first = &dossier["echeancier"]["facturable"][0];
        let owed = (first["numero"].as_i64().unwrap(), first["pedagogie_cents"].as_i64().unwrap());
        let mut bill = facture(&filed, "F-2041", owed);
        bill.json["lignes"][0]["numeroDossier"] = dossier["numero_externe"].clone();
        let accepted = scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        scene.erp.until_delivered(&erp::id(&accepted)).await;
        let taken = scene.opcos.handle().ledger_of(Some("akto"), Kind::Facture, 0, 10).unwrap();
        assert_eq!(taken.entries.len(), 1);
        let paid = wait::until_value("the payment", async || detail(&scene, id).await, |dossier| {
            dossier["factures"][0]["etat"] == "REGLE"
        }).await;
        assert_eq!(paid["factures"][0]["numero"], "F-2041");
        reconciled(&scene).await;
        assert_eq!(act(&scene.erp, id, "reopen", json!({})).await.status, 409);
    }

    async fn an_orphan_adopted_without_its_contract_is_tied_to_the_one_it_surely_is(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_060).await;
        // The ERP names nobody: it stays here, and would be refused as a double once it left.
        let accepted = scene.erp.send(&contract(2_061)).await.expect(202);
        assert_eq!(accepted["status"], "held", "{accepted:#}");
        let delivery = erp::id(&accepted);
        let numero = file(&employer, &contract(2_061)).await;
        let orphan = found(&scene, &numero).await;
        assert_eq!(orphan["proposition"]["sure"], true, "{orphan:#}");
        let id = orphan["id"].as_str().unwrap();
        let adopted = act(&scene.erp, id, "adopt", json!({})).await.expect(200);
        assert_eq!((&adopted["fate"], &adopted["delivery_id"]), (&json!("adopted"), &json!(delivery)));
        let after = scene.erp.delivery(&delivery).await;
        assert_eq!((&after["status"], &after["numero_interne"]), (&json!("delivered"), &json!(numero)));
        let listed = list_of(&scene, "fate=adopted&side=opco").await;
        assert_eq!(listed[0]["delivery_id"], delivery, "{listed:#}");
    }

    async fn a_contract_handed_in_after_its_dossier_was_adopted_is_tied_and_not_refused(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_070).await;
        let numero = file(&employer, &contract(2_071)).await;
        let orphan = found(&scene, &numero).await;
        let id = orphan["id"].as_str().unwrap();
        let adopted = act(&scene.erp, id, "adopt", json!({})).await.expect(200);
        assert_eq!(adopted["delivery_id"], Value::Null, "nobody has sent it yet");
        reconciled(&scene).await;
        let delivery = scene.erp.submit(&contract(2_071).to(OPCO)).await;
        let after = scene.erp.until_delivered(&delivery).await;
        assert_eq!(after["numero_interne"], numero, "{after:#}");
        assert_eq!(detail(&scene, id).await["delivery_id"], delivery);
        reconciled(&scene).await;
        let filed = scene.opcos.handle().ledger_of(Some("akto"), Kind::Dossier, 0, 10).unwrap();
        assert_eq!(filed.entries.len(), 2, "the OPCO was not told of it twice");
    }

    async fn what_the_opco_does_not_show_is_told_and_tied_to_what_it_shows(scene, SOON) {
        let employer = employer(&scene).await;
        ours(&scene, 2_050).await;
        scene.opcos.fault(OPCO, Fault::new(FaultKind::DropBeforeCommit).on(Scope::Dossiers));
        let sent = contract(2_051).to(OPCO);
        let delivery = scene.erp.submit(&sent).await;
        // A person is sure that it arrived, and mistaken in the number.
        wait::until("the word of a person", async || {
            let said = json!({"numero_interne": "404404"});
            (scene.erp.act(&delivery, "confirm-sent", said).await.status == 200).then_some(())
        }).await;
        scene.opcos.heal(OPCO);
        let missed = wait::until("the one not shown", async || {
            list_of(&scene, "side=cfa").await.get(0).cloned()
        }).await;
        assert_eq!((&missed["rule"], &missed["delivery_id"]), (&json!("VEI-004"), &json!(delivery)));
        assert_eq!(missed["contrat"]["nom"], sent.text("/cerfa/apprenti/nom"));
        let numero = file(&employer, &contract(2_051)).await;
        let orphan = found(&scene, &numero).await;
        assert_eq!(orphan["proposition"]["delivery_id"], delivery, "{orphan:#}");
        assert_eq!(orphan["proposition"]["ecarts"], json!([]));
        let pages = [list_of(&scene, "limit=1").await, list_of(&scene, "").await];
        assert_eq!(pages.map(|page| page.as_array().unwrap().len()), [1, 2]);
        let id = orphan["id"].as_str().unwrap();
        reconciled(&scene).await;
        let adopted = act(&scene.erp, id, "adopt", json!({"delivery_id": delivery})).await.expect(200);
        assert_eq!(adopted["dossier_id"], missed["id"]);
        reconciled(&scene).await;
        assert_eq!(detail(&scene, missed["id"].as_str().unwrap()).await["numero_interne"], numero);
        assert_eq!(scene.erp.delivery(&delivery).await["numero_interne"], numero);
        assert_eq!(list_of(&scene, "").await, json!([]));
    }
}

/// Opens the routes of the story and returns a client that files at the OPCO for the same centre.
async fn employer(scene: &Scene) -> Norm {
    scene.opcos.open(OPCO, simulator::Capability::DossiersV1);
    let now = scene.now();
    network::switch(&scene.store, OPCO, domain::Capability::DossiersV1, now).await;
    let (base, token) = scene.opcos.addresses(OPCO);
    let key = scene.network.key(scene.network.sites[0], OPCO);
    let direct = Norm::new(&base, &key);
    direct.signed_in(&token, "logiciel", "secret").await
}

async fn file(employer: &Norm, contract: &Contract) -> String {
    let answer = employer.post("/v1/dossiers", &contract.body).await;
    let body = answer.expect(200);
    body["numeroInterne"].as_str().unwrap().to_owned()
}

/// Sends a contract, so that the site's list is read.
async fn ours(scene: &Scene, seed: u64) {
    let id = scene.erp.submit(&contract(seed).to(OPCO)).await;
    scene.erp.until_delivered(&id).await;
}

/// Waits until a dossier of the OPCO is an orphan.
async fn found(scene: &Scene, numero: &str) -> Value {
    wait::until("the orphan", async || {
        let list = list_of(scene, "side=opco").await;
        let mut all = list.as_array().unwrap().iter();
        all.find(|one| one["numero_interne"] == numero).cloned()
    })
    .await
}

async fn list_of(scene: &Scene, filter: &str) -> Value {
    let path = format!("/api/v1/orphelins?{filter}");
    scene.erp.get(&path).await.expect(200)["orphelins"].clone()
}

async fn detail(scene: &Scene, id: &str) -> Value {
    let path = format!("/api/v1/dossiers/{id}");
    scene.erp.get(&path).await.expect(200)
}

/// Asks for the money of the network: under test, what is kept of it must be what the store holds.
async fn reconciled(scene: &Scene) -> Value {
    scene.erp.get("/api/v1/reconciliation").await.expect(200)
}

async fn act(erp: &erp::Erp, id: &str, action: &str, mut with: Value) -> erp::Answer {
    with["reason"] = json!("déposé par l'employeur");
    let path = format!("/api/v1/orphelins/{id}/actions/{action}");
    erp.post(&path, &with, &[]).await
}

/// Returns how often the OPCO was asked for its lists.
fn lists(scene: &Scene) -> usize {
    let calls = scene.opcos.calls(OPCO);
    calls.iter().filter(|call| call.route == "etats").count()
}

/// Returns how often the OPCO was asked for this dossier in full.
fn details_of(scene: &Scene, numero: &str) -> usize {
    let calls = scene.opcos.calls(OPCO);
    let of_it = calls.iter().filter(|call| call.route == "detail");
    of_it
        .filter(|call| call.numero_interne.as_deref() == Some(numero))
        .count()
}
