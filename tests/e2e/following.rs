//! What belongs to a contract goes where the contract went, after it, once.

use domain::{Capability, Opco};
use harness::payload::{Contract, contract};
use harness::pieces::rupture;
use harness::scene::Scene;
use harness::{erp, network, on_both, wait};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Kind, Scope};

/// An OPCO that refuses doubles, one look, and retries that follow each other closely.
const REPLAYED: &str = "CFA_GATEWAY__DELIVERY__WORKER__RETRY_AFTER_S=40,40,40,40,40,40,40,40\n\
    look_after_s = [1]\nreplay_after_lost = true";

on_both! {
    async fn a_termination_sent_at_once_waits_for_its_contract_and_leaves_by_itself(scene) {
        opened(&scene, Opco::Akto).await;
        let contract = contract(500).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let answer = scene.erp.post("/api/v1/ruptures", &rupture(&contract), &[]).await;
        let accepted = answer.expect(202);
        assert_eq!(accepted["opco"], "akto");
        assert_eq!(accepted["route"]["source"], "contract");
        let id = erp::id(&accepted);
        assert_eq!(answer.header("location").unwrap(), format!("/api/v1/deliveries/{id}"));
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["kind"], "rupture");
        let contract = scene.erp.delivery(&first).await;
        let taken = filed(&scene, Opco::Akto, Kind::Rupture);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0], contract["numero_interne"].as_str().unwrap());
        let numero = contract["numero_interne"].as_str().unwrap().to_owned();
        wait::until_value("the terminated dossier", async || dossier(&scene, &numero).await, |dossier| {
            dossier["etat"] == "RUPTURE"
        }).await;
    }

    async fn a_contract_ends_once(scene) {
        opened(&scene, Opco::Akto).await;
        let contract = contract(510).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let body = json_with(rupture(&contract), "livraison_contrat", json!(first));
        let id = erp::id(&scene.erp.post("/api/v1/ruptures", &body, &[]).await.expect(202));
        let again = scene.erp.post("/api/v1/ruptures", &body, &[]).await;
        let problem = again.expect(409);
        assert_eq!(problem["code"], "dossier-en-double");
        assert_eq!(problem["delivery_id"], id.as_str());
        let key = [("idempotency-key", "rupture-1")];
        scene.erp.post("/api/v1/ruptures", &body, &key).await.expect(409);
        scene.erp.until_delivered(&id).await;
        assert_eq!(filed(&scene, Opco::Akto, Kind::Rupture).len(), 1);
    }

    async fn the_same_key_gives_the_same_termination(scene) {
        opened(&scene, Opco::Akto).await;
        let contract = contract(515).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let key = [("idempotency-key", "rupture-2")];
        let body = rupture(&contract);
        let first = scene.erp.post("/api/v1/ruptures", &body, &key).await.expect(202);
        let again = scene.erp.post("/api/v1/ruptures", &body, &key).await;
        assert_eq!(again.expect(202)["id"], first["id"]);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        scene.erp.until_delivered(first["id"].as_str().unwrap()).await;
        let numero = scene.erp.delivery(&id).await["numero_interne"].as_str().unwrap().to_owned();
        wait::until_value("the terminated dossier", async || dossier(&scene, &numero).await, |dossier| {
            dossier["etat"] == "RUPTURE"
        }).await;
        let late = scene.erp.post("/api/v1/ruptures", &body, &key).await;
        assert_eq!(late.expect(202)["id"], first["id"], "whatever it has done to its contract");
        let mut other = body.clone();
        other["motifRupture"] = json!("AUTRE");
        scene.erp.post("/api/v1/ruptures", &other, &key).await.expect(422);
    }

    async fn a_termination_whose_answer_is_lost_is_looked_for_and_not_sent_again(scene) {
        opened(&scene, Opco::Akto).await;
        let contract = contract(520).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        scene.erp.until_delivered(&first).await;
        let lost = Fault::new(FaultKind::LostAnswer).on(Scope::Rupture).times(1);
        scene.opcos.fault(Opco::Akto, lost);
        let body = rupture(&contract);
        let id = erp::id(&scene.erp.post("/api/v1/ruptures", &body, &[]).await.expect(202));
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(filed(&scene, Opco::Akto, Kind::Rupture).len(), 1);
        let purposes: Vec<&Value> = delivered["attempts"].as_array().unwrap().iter()
            .map(|attempt| &attempt["purpose"]).collect();
        assert!(purposes.iter().any(|purpose| **purpose == "look"), "{delivered:#}");
        let wrote = purposes.iter().filter(|purpose| **purpose == "write").count();
        let sent = scene.opcos.calls(Opco::Akto).iter()
            .filter(|call| call.route.contains("rupture")).count();
        assert_eq!(sent, 1, "{wrote} writes: {delivered:#}");
    }

    async fn a_lost_termination_that_the_states_show_first_is_found_and_not_held(scene) {
        opened(&scene, Opco::Akto).await;
        let contract = contract(525).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let numero = scene.erp.until_delivered(&first).await["numero_interne"].as_str().unwrap().to_owned();
        wait::until_value("the engaged dossier", async || dossier(&scene, &numero).await, |dossier| {
            dossier["etat"] == "ENGAGE"
        }).await;
        let lost = Fault::new(FaultKind::LostAnswer).on(Scope::Rupture).times(1);
        scene.opcos.fault(Opco::Akto, lost);
        // The looks cannot tell until the list of states has told.
        let blind = Fault::new(FaultKind::Unavailable).on(Scope::Detail);
        scene.opcos.fault(Opco::Akto, blind);
        let body = rupture(&contract);
        let id = erp::id(&scene.erp.post("/api/v1/ruptures", &body, &[]).await.expect(202));
        wait::until_value("the terminated dossier", async || dossier(&scene, &numero).await, |dossier| {
            dossier["etat"] == "RUPTURE"
        }).await;
        scene.opcos.heal(Opco::Akto);
        scene.erp.until_delivered(&id).await;
        assert_eq!(filed(&scene, Opco::Akto, Kind::Rupture).len(), 1);
    }

    async fn a_termination_to_send_again_is_looked_for_where_its_dossier_says_it_ended(scene, REPLAYED) {
        opened(&scene, Opco::Akto).await;
        let contract = contract(527).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let numero = scene.erp.until_delivered(&first).await["numero_interne"].as_str().unwrap().to_owned();
        wait::until_value("the engaged dossier", async || dossier(&scene, &numero).await, |dossier| {
            dossier["etat"] == "ENGAGE"
        }).await;
        // Lost and not found, it is to be sent again, which the OPCO puts off.
        let lost = Fault::new(FaultKind::DropBeforeCommit).on(Scope::Rupture).times(1);
        scene.opcos.fault(Opco::Akto, lost);
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::Unavailable).on(Scope::Rupture));
        let id = erp::id(&scene.erp.post("/api/v1/ruptures", &rupture(&contract), &[]).await.expect(202));
        scene.erp.until(&id, "a second write", |delivery| {
            let attempts = delivery["attempts"].as_array().unwrap().iter();
            attempts.filter(|one| one["purpose"] == "write" && one["closed_at"].is_string()).count() >= 2
        }).await;
        let ended = simulator::StateOrder::new(simulator::Etat::Rupture);
        scene.opcos.handle().set_state("akto", &numero, ended).unwrap();
        wait::until_value("the terminated dossier", async || dossier(&scene, &numero).await, |dossier| {
            dossier["etat"] == "RUPTURE"
        }).await;
        scene.opcos.heal(Opco::Akto);
        let found = scene.erp.until_status(&id, "delivered").await;
        assert!(filed(&scene, Opco::Akto, Kind::Rupture).is_empty(), "{found:#}");
    }

    async fn a_certificate_takes_the_number_its_contract_was_given(scene) {
        scene.opcos.open(Opco::Akto, simulator::Capability::Certificats);
        network::switch(&scene.store, Opco::Akto, Capability::Certificats, scene.now()).await;
        let contract = contract(530).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let body = json_with(certificat(&contract), "livraison_contrat", json!(first));
        let id = erp::id(&scene.erp.post("/api/v1/certificats", &body, &[]).await.expect(202));
        scene.erp.until_delivered(&id).await;
        let numero = scene.erp.delivery(&first).await["numero_interne"].clone();
        assert_eq!(filed(&scene, Opco::Akto, Kind::Certificat), [numero.as_str().unwrap()]);
    }

    async fn what_follows_a_contract_that_was_given_up_is_held_for_a_person(scene) {
        let contract = contract(540).to(Opco::OpcoSante);
        let first = scene.erp.submit(&contract).await;
        scene.erp.until_held(&first, "flow_not_open").await;
        network::switch(&scene.store, Opco::OpcoSante, Capability::Rupture, scene.now()).await;
        let body = json_with(rupture(&contract), "livraison_contrat", json!(first));
        let accepted = scene.erp.post("/api/v1/ruptures", &body, &[]).await.expect(202);
        let id = erp::id(&accepted);
        scene.erp.act(&first, "cancel", json!({})).await.expect(200);
        scene.erp.until_held(&id, "contract_missing").await;
        assert!(filed(&scene, Opco::OpcoSante, Kind::Rupture).is_empty());
    }

    async fn nothing_is_guessed_about_a_contract_nobody_knows(scene) {
        let stranger = rupture(&contract(550));
        let refused = scene.erp.post("/api/v1/ruptures", &stranger, &[]).await.expect(422);
        let told = refused["constats"].to_string();
        assert!(told.contains("livraison_contrat"), "{refused:#}");
        let (_, other) = scene.another(network::network()).await;
        let contract = contract(551).to(Opco::Akto);
        let theirs = other.submit(&contract).await;
        let body = json_with(rupture(&contract), "livraison_contrat", json!(theirs));
        scene.erp.post("/api/v1/ruptures", &body, &[]).await.expect(422);
        // Naming an OPCO beside it makes it nobody's no less.
        let body = json_with(body, "opco", json!("akto"));
        let refused = scene.erp.post("/api/v1/ruptures", &body, &[]).await.expect(422);
        assert!(refused["constats"].to_string().contains("/livraison_contrat"), "{refused:#}");
        assert_eq!(scene.erp.get("/api/v1/deliveries").await.expect(200)["deliveries"], json!([]));
    }

    async fn a_validation_says_what_would_be_and_keeps_nothing(scene) {
        let contract = contract(560).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        scene.erp.until_delivered(&first).await;
        let valid = |kind: &str| format!("/api/v1/validations/{kind}");
        let verdict = scene.erp.post(&valid("ruptures"), &rupture(&contract), &[]).await.expect(200);
        assert_eq!(verdict["acceptable"], true);
        assert_eq!(verdict["opco"], "akto");
        let wrong = json!({"dateSignature": "hier", "livraison_contrat": first});
        let verdict = scene.erp.post(&valid("conventions"), &wrong, &[]).await.expect(200);
        assert_eq!(verdict["acceptable"], false);
        let pointers: Vec<&Value> = verdict["constats"].as_array().unwrap().iter()
            .map(|one| &one["pointer"]).collect();
        assert!(pointers.iter().any(|pointer| **pointer == "/dateSignature"), "{verdict:#}");
        assert!(pointers.len() > 5, "all at once: {verdict:#}");
        scene.erp.post(&valid("inconnus"), &json!({}), &[]).await.expect(404);
        let all = scene.erp.get("/api/v1/deliveries").await.expect(200);
        assert_eq!(all["deliveries"].as_array().unwrap().len(), 1);
    }
}

/// Opens the flow of terminations on both sides.
async fn opened(scene: &Scene, opco: Opco) {
    scene.opcos.open(opco, simulator::Capability::Rupture);
    network::switch(&scene.store, opco, Capability::Rupture, scene.now()).await;
}

/// Returns the dossiers for which an OPCO took a payload of a kind, in order.
fn filed(scene: &Scene, opco: Opco, kind: Kind) -> Vec<String> {
    let page = scene
        .opcos
        .handle()
        .ledger_of(Some(opco.slug()), kind, 0, 1_000);
    let entries = page.unwrap().entries;
    entries
        .into_iter()
        .flat_map(|entry| entry.dossiers)
        .collect()
}

async fn dossier(scene: &Scene, numero: &str) -> Value {
    let path = format!("/api/v1/dossiers?opco=akto&numero={numero}");
    scene.erp.get(&path).await.expect(200)["dossiers"][0].clone()
}

fn certificat(contract: &Contract) -> Value {
    let of = |pointer: &str| contract.body.pointer(pointer).unwrap().clone();
    json!({
        "typeCertificat": "Intermediaire",
        "dateSignature": "2026-09-02",
        "attestationConservationPieces": true,
        "natureAction": "Formation par apprentissage",
        "employeur": { "siret": of("/cerfa/employeur/siret") },
        "apprenti": { "nom": of("/cerfa/apprenti/nom"), "prenom": of("/cerfa/apprenti/prenom") },
        "organismeFormation": { "siret": of("/cerfa/organismeFormation/siret") },
        "echeance": {
            "numero": 1, "codification": "A1", "duree": 35,
            "dateDebut": "2026-09-01", "dateFin": "2026-09-01", "echeancePartielle": false,
        },
    })
}

fn json_with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}
