//! What the OPCO says afterwards comes back, and everything that happened can be read in order.

use std::collections::HashMap;

use domain::{Capability, Opco};
use harness::erp::Erp;
use harness::payload::contract;
use harness::{network, on_both, wait};
use serde_json::{Value, json};
use simulator::{Etat, Fault, FaultKind, Scope, StateOrder};
use store::keys;

on_both! {
    async fn the_state_of_a_dossier_comes_back_until_it_is_engaged(scene) {
        let mut sent = Vec::new();
        for (seed, opco) in [(300, Opco::Akto), (301, Opco::Afdas)] {
            let contract = contract(seed).to(opco);
            sent.push((scene.erp.submit(&contract).await, opco));
        }
        for (id, opco) in sent {
            let delivered = scene.erp.until_delivered(&id).await;
            let numero = delivered["numero_interne"].as_str().unwrap().to_owned();
            let dossier = engaged(&scene.erp, opco, &numero).await;
            assert_eq!(dossier["opco"], opco.slug());
            assert!(dossier["numero_deca"].is_string(), "{dossier:#}");
            let path = format!("/api/v1/dossiers/{}", dossier["id"].as_str().unwrap());
            let detail = scene.erp.get(&path).await.expect(200);
            let states: Vec<&Value> = detail["history"].as_array().unwrap().iter()
                .map(|entry| &entry["etat"]).collect();
            assert_eq!(states.last().unwrap().as_str(), Some("ENGAGE"), "{detail:#}");
            // How many there were depends on when it was read; each is another than the one before.
            assert!(states.windows(2).all(|two| two[0] != two[1]), "{detail:#}");
            // Nothing needs the NIR any more: it was destroyed with the news.
            let id = id.parse().unwrap();
            let mut tx = scene.store.reading().await.unwrap();
            let sealed = store::deliveries::payload(&mut tx, scene.network.tenant, id).await.unwrap().unwrap();
            assert!(sealed.nir.is_none() && sealed.nir_key.is_none());
            assert!(!sealed.body.is_empty());
            let told = store::events::of_delivery(&mut tx, scene.network.tenant, id).await.unwrap();
            assert!(told.iter().any(|event| event.kind == "payload.nir_shredded"), "{told:#?}");
        }
    }

    async fn a_nir_may_be_kept_for_its_days(scene, "CFA_GATEWAY__RETENTION__NIR=aged") {
        let contract = contract(305).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let delivered = scene.erp.until_delivered(&id).await;
        let numero = delivered["numero_interne"].as_str().unwrap().to_owned();
        engaged(&scene.erp, Opco::Akto, &numero).await;
        let id = id.parse().unwrap();
        let mut tx = scene.store.reading().await.unwrap();
        let sealed = store::deliveries::payload(&mut tx, scene.network.tenant, id).await.unwrap().unwrap();
        assert!(sealed.nir_key.is_some());
    }

    async fn an_empty_list_erases_nothing_and_an_unknown_state_is_kept_as_it_is(scene) {
        let contract = contract(310).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let delivered = scene.erp.until_delivered(&id).await;
        let numero = delivered["numero_interne"].as_str().unwrap().to_owned();
        engaged(&scene.erp, Opco::Akto, &numero).await;
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::EmptyList).on(Scope::Etats));
        let before = scene.opcos.calls(Opco::Akto).len();
        wait::until("two more reads", async || {
            (scene.opcos.calls(Opco::Akto).len() > before + 1).then_some(())
        }).await;
        assert_eq!(dossier(&scene.erp, Opco::Akto, &numero).await["etat"], "ENGAGE");
        scene.opcos.heal(Opco::Akto);
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::UnknownState).on(Scope::Etats));
        wait::until_value("the unknown state", async || dossier(&scene.erp, Opco::Akto, &numero).await, |dossier| {
            dossier["etat_raw"] == "EN_ATTENTE_PIECES"
        }).await;
    }

    async fn the_end_of_a_key_is_asked_of_the_opco_and_told_once(scene, "CFA_GATEWAY__DELIVERY__POLL__COUNTDOWN_S=20") {
        let (site, tenant) = (scene.network.sites[0], scene.network.tenant);
        let secret = scene.network.key(site, Opco::Akto);
        let known = simulator::CfaKey {
            key: secret.clone(), siren: None, expires: Some("2026-09-20".parse().unwrap()), revoked: false,
        };
        scene.opcos.handle().register_key("akto", &known).unwrap();
        scene.opcos.open(Opco::Akto, simulator::Capability::Cfakeyinfo);
        network::switch(&scene.store, Opco::Akto, Capability::Cfakeyinfo, scene.now()).await;
        let ends = async || {
            let events = scene.erp.events().await.into_iter();
            events.filter(|event| event["kind"] == "key.expiring").collect::<Vec<_>>()
        };
        let told = wait::until_value("the end of the key", ends, |told| !told.is_empty()).await;
        assert_eq!(told[0]["data"], json!({
            "environment": "test", "siretCfa": site, "opco": "akto", "instance": 1,
            "dateFinValidite": "2026-09-20", "joursRestants": 18, "expiree": false,
        }));
        assert!(!told[0].to_string().contains(&secret));
        // Another end, entered by a person where the OPCO tells none, shows that rounds go on.
        let mut tx = scene.store.writing().await.unwrap();
        let keys = keys::list(&mut tx, tenant).await.unwrap();
        let other = keys.iter().find(|key| key.instance.opco == Opco::Atlas).unwrap();
        let tomorrow = Some("2026-09-03".parse().unwrap());
        keys::set_probe_result(&mut tx, tenant, other.id, "accepted", tomorrow, scene.now()).await.unwrap();
        tx.commit().await.unwrap();
        let told = wait::until_value("the other end", ends, |told| told.len() == 2).await;
        assert_eq!(told[1]["data"]["opco"], "atlas");
        assert_eq!(told[1]["data"]["joursRestants"], 1);
        let asked = scene.opcos.calls(Opco::Akto).into_iter().filter(|call| call.route == "cfakeyinfo");
        assert_eq!(asked.count(), 1, "once a day");
    }

    async fn a_state_that_moves_backwards_is_told_as_it_is(scene) {
        let contract = contract(315).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        let delivered = scene.erp.until_delivered(&id).await;
        let numero = delivered["numero_interne"].as_str().unwrap().to_owned();
        engaged(&scene.erp, Opco::Akto, &numero).await;
        let order = StateOrder { force: true, ..StateOrder::new(Etat::Annule) };
        scene.opcos.handle().set_state("akto", &numero, order).unwrap();
        wait::until_value("the new state", async || dossier(&scene.erp, Opco::Akto, &numero).await, |dossier| {
            dossier["etat"] == "ANNULE"
        }).await;
    }

    async fn the_feed_is_in_order_and_without_gaps(scene) {
        let (_, other) = scene.another(harness::network::network()).await;
        let mut ids = Vec::new();
        for seed in 320..335 {
            ids.push(scene.erp.submit(&contract(seed).to(Opco::Akto)).await);
            other.submit(&contract(seed).to(Opco::Atlas)).await;
        }
        for id in &ids {
            scene.erp.until_delivered(id).await;
        }
        let events = wait::until("every delivery in the feed", async || {
            let events = scene.erp.events().await;
            let told = events.iter().filter(|event| event["kind"] == "delivery.delivered").count();
            (told == ids.len()).then_some(events)
        }).await;
        let positions: Vec<i64> = events.iter().map(|e| e["position"].as_i64().unwrap()).collect();
        let last = i64::try_from(positions.len()).unwrap();
        assert_eq!(positions, (1..=last).collect::<Vec<_>>(), "no gap, from the first");
        let mut of: HashMap<&str, Vec<&str>> = HashMap::new();
        for event in &events {
            if let Some(id) = event["delivery_id"].as_str() {
                of.entry(id).or_default().push(event["kind"].as_str().unwrap());
            }
        }
        assert_eq!(of.len(), ids.len(), "only the network's own");
        for id in &ids {
            let kinds = &of[id.as_str()];
            assert_eq!(kinds.first(), Some(&"delivery.accepted"));
            assert!(kinds.contains(&"delivery.delivered"), "{kinds:?}");
        }
    }
}

/// Two OPCOs may well give the same number.
async fn dossier(erp: &Erp, opco: Opco, numero: &str) -> Value {
    let path = format!("/api/v1/dossiers?opco={opco}&numero={numero}");
    let found = erp.get(&path).await;
    found.expect(200)["dossiers"][0].clone()
}

async fn engaged(erp: &Erp, opco: Opco, numero: &str) -> Value {
    wait::until_value(
        "an engaged dossier",
        async || dossier(erp, opco, numero).await,
        |dossier| dossier["etat"] == "ENGAGE",
    )
    .await
}
