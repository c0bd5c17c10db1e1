//! What waits for a person, and what a person does about it.

use std::time::Duration;

use admin_api::decisions;
use admin_api::hand::Hand;
use domain::{Effect, Opco};
use harness::network::network;
use harness::payload::{Contract, contract};
use harness::{on_both, wait};
use serde_json::json;
use simulator::{Fault, FaultKind, Scope};

/// An employer nobody knows, under an agreement that two OPCOs share.
fn ambiguous(seed: u64) -> Contract {
    contract(seed)
        .with("/cerfa/employeur/codeIdcc", json!("8211"))
        .with("/cerfa/employeur/naf", json!("0220Z"))
}

/// The same contract with one letter of the name spelled otherwise.
fn respelled(contract: &Contract) -> Contract {
    let nom = format!("{}S", contract.text("/cerfa/apprenti/nom"));
    contract.clone().with("/cerfa/apprenti/nom", json!(nom))
}

on_both! {
    async fn an_ambiguous_employer_waits_for_a_choice(scene) {
        let contract = ambiguous(100);
        let accepted = scene.erp.send(&contract).await.expect(202);
        assert_eq!(accepted["status"], "held");
        assert_eq!(accepted["opco"], json!(null));
        let candidates = accepted["route"]["candidates"].as_array().unwrap();
        assert!(candidates.len() > 1, "{accepted}");
        let id = harness::erp::id(&accepted);
        let refused = scene.erp.act(&id, "choose-opco", json!({})).await.expect(422);
        assert_eq!(refused["pointer"], "/opco");
        scene.erp.act(&id, "choose-opco", json!({"opco": "akto"})).await.expect(200);
        scene.erp.until_delivered(&id).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn a_contract_without_its_key_leaves_once_the_key_is_there(scene) {
        let (network, erp) = scene.another(network().without_key(Opco::Akto)).await;
        let contract = contract(110).to(Opco::Akto);
        let id = erp.submit(&contract).await;
        erp.until_held(&id, "no_key").await;
        assert_eq!(scene.opcos.calls(Opco::Akto).len(), 0);
        network.add_key(&scene.store, network.sites[0], Opco::Akto, scene.now()).await;
        erp.until_delivered(&id).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn a_key_that_its_opco_refuses_is_not_tried_again_until_it_is_another(scene) {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::ExpiredKey).on(Scope::Dossiers));
        let contract = contract(115).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        scene.erp.until_held(&id, "no_key").await;
        let told = wait::until("the word on the key", async || {
            scene.erp.events().await.into_iter().find(|event| event["kind"] == "key.told")
        }).await;
        assert_eq!(told["data"]["probe"], "refused", "{told:#}");
        // What is held is looked through every few seconds of the story.
        let later = scene.now().checked_add(Duration::from_mins(2)).unwrap();
        wait::until("two minutes", async || (scene.now() > later).then_some(())).await;
        let held = scene.erp.delivery(&id).await;
        assert_eq!((&held["status"], &held["attempt_count"]), (&json!("held"), &json!(1)), "{held:#}");
        scene.opcos.heal(Opco::Akto);
        scene.network.add_key(&scene.store, scene.network.sites[0], Opco::Akto, scene.now()).await;
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["attempt_count"], 2, "{delivered:#}");
        // Each call is told with its key.
        let timeline = delivered["timeline"].as_array().unwrap();
        let keys: Vec<_> = timeline.iter().filter_map(|event| event["data"]["key"].as_str()).collect();
        assert!(keys.len() >= 2 && keys.first() != keys.last(), "{timeline:#?}");
    }

    async fn a_contract_without_mandate_waits_for_one(scene) {
        let (_, erp) = scene.another(network().unattested()).await;
        let id = erp.submit(&contract(120).to(Opco::Akto)).await;
        erp.until_held(&id, "mandate_missing").await;
        let mandat = json!({"mandat": {"reference": "M-7", "date": "2026-08-20"}});
        erp.act(&id, "complete", mandat).await.expect(200);
        erp.until_delivered(&id).await;
        // The same in the envelope of the next one.
        let mut with = contract(121).to(Opco::Akto);
        with.body["mandat"] = json!({"reference": "M-8", "date": "2026-08-20"});
        let id = erp.submit(&with).await;
        erp.until_delivered(&id).await;
    }

    async fn what_a_network_has_refused_instead_of_held_is_refused(scene) {
        let (network, erp) = scene.another(network().unattested()).await;
        let hand = Hand { name: "cli:essai".to_owned(), now: scene.now(), reason: Some("plus strict".to_owned()) };
        let mut tx = scene.store.writing().await.unwrap();
        for rule in ["ELI-002", "DUP-002"] {
            let strict = (rule.to_owned(), Effect::Refuse);
            decisions::change_rule(&mut tx, network.tenant, strict, &hand).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut first = contract(122).to(Opco::Akto);
        let refused = erp.send(&first).await.expect(422);
        assert!(refused["constats"].to_string().contains("ELI-002"), "{refused:#}");
        first.body["mandat"] = json!({"reference": "M-9", "date": "2026-08-20"});
        let id = erp.submit(&first).await;
        let refused = erp.send(&respelled(&first)).await.expect(422);
        let said = refused["constats"].to_string();
        assert!(said.contains("DUP-002") && said.contains(&id), "{refused:#}");
        erp.until_delivered(&id).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &respelled(&first)).len(), 0);
    }

    async fn the_same_contract_twice_is_a_conflict(scene) {
        let contract = contract(130).to(Opco::Atlas);
        let id = scene.erp.submit(&contract).await;
        let refused = scene.erp.send(&contract).await.expect(409);
        assert_eq!(refused["code"], "dossier-en-double");
        assert_eq!(refused["delivery_id"], id.as_str());
        let constats = refused["constats"].as_array().unwrap();
        assert!(constats.iter().any(|constat| constat["rule"] == "DUP-001"), "{refused:#}");
        scene.erp.until_delivered(&id).await;
        scene.erp.send(&contract).await.expect(409);
        assert_eq!(scene.opcos.taken(Opco::Atlas, &contract).len(), 1);
    }

    async fn a_contract_spelled_otherwise_waits_for_a_word(scene) {
        let first = contract(140).to(Opco::Atlas);
        let id = scene.erp.submit(&first).await;
        scene.erp.until_delivered(&id).await;
        let second = respelled(&first);
        let twin = scene.erp.submit(&second).await;
        let held = scene.erp.until_held(&twin, "probable_duplicate").await;
        assert!(held["warnings"].to_string().contains(&id), "{held:#}");
        assert_eq!(scene.opcos.taken(Opco::Atlas, &second).len(), 0);
        scene.erp.act(&twin, "complete", json!({})).await.expect(200);
        scene.erp.until_delivered(&twin).await;
        assert_eq!(scene.opcos.taken(Opco::Atlas, &second).len(), 1);
        // A third is cancelled instead: it never leaves, and its own spelling is free again.
        let third = respelled(&second);
        let id = scene.erp.submit(&third).await;
        scene.erp.act(&id, "cancel", json!({})).await.expect(200);
        assert_eq!(scene.erp.delivery(&id).await["status"], "cancelled");
        scene.erp.act(&id, "retry", json!({})).await.expect(409);
        let again = scene.erp.submit(&third).await;
        assert_ne!(again, id);
    }

    async fn a_cancelled_contract_never_leaves(scene) {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::Unavailable));
        let contract = contract(150).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        scene.erp.until_status(&id, "waiting").await;
        scene.erp.act(&id, "cancel", json!({})).await.expect(200);
        scene.opcos.heal(Opco::Akto);
        let other = scene.erp.submit(&contract).await;
        scene.erp.until_delivered(&other).await;
        assert_eq!(scene.erp.delivery(&id).await["status"], "cancelled");
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn a_dead_contract_can_be_revived(scene, "CFA_GATEWAY__DELIVERY__WORKER__RETRY_AFTER_S=1,2") {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::Unavailable));
        let contract = contract(160).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let dead = scene.erp.until_status(&id, "dead").await;
        assert_eq!(dead["attempt_count"], 3);
        assert_eq!(dead["actions"], json!(["revive", "cancel", "confirm-sent"]));
        scene.opcos.heal(Opco::Akto);
        scene.erp.act(&id, "revive", json!({})).await.expect(200);
        scene.erp.until_delivered(&id).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn what_no_look_finds_waits_until_a_person_says_it_was_sent(scene, "look_after_s = [1, 2]\n") {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::DropBeforeCommit).times(1));
        let contract = contract(170).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let held = scene.erp.until_held(&id, "outcome_unknown").await;
        assert_eq!(held["look_count"], 2);
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 0, "never written again");
        scene.erp.act(&id, "confirm-sent", json!({})).await.expect(422);
        let number = json!({"numero_interne": "AKTO-77"});
        let sent = scene.erp.act(&id, "confirm-sent", number).await.expect(200);
        assert_eq!(sent["status"], "delivered");
        assert_eq!(sent["numero_interne"], "AKTO-77");
        let found = scene.erp.get("/api/v1/dossiers?numero=AKTO-77").await.expect(200);
        assert_eq!(found["dossiers"][0]["delivery_id"], id.as_str());
    }

    async fn what_no_look_finds_is_written_again_where_doubles_are_refused(scene, "look_after_s = [1, 2]\nreplay_after_lost = true\n") {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::DropBeforeCommit).times(1));
        let contract = contract(180).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["attempt_count"], 2);
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }
}
