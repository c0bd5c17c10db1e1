//! OPCOs that refuse, throttle, fall silent or answer nonsense.

use admin_api::decisions;
use admin_api::hand::Hand;
use domain::{Instance, Opco};
use harness::network::WORLD;
use harness::payload::contract;
use harness::{network, on_both, payload, wait};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Scope};

/// A gateway whose requests wait for the database for two seconds in all.
const IMPATIENT: &str = "CFA_GATEWAY__SERVER__STORE_TIMEOUT_MS=2000";

on_both! {
    async fn a_database_that_freezes_holds_nobody_and_costs_nothing(scene, IMPATIENT) {
        let contract = contract(290).to(Opco::Akto);
        let hold = scene.database.hold().await;
        let answer = scene.erp.send_as(&contract, "k-1").await;
        assert_eq!(answer.expect(503)["retryable"], true);
        assert!(answer.header("retry-after").is_some());
        hold.release().await;
        let accepted = wait::until("the contract is accepted", async || {
            let answer = scene.erp.send_as(&contract, "k-1").await;
            (answer.status != 503).then(|| answer.expect(202))
        })
        .await;
        scene.erp.until_delivered(&harness::erp::id(&accepted)).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn an_opco_that_throttles_is_left_alone_as_long_as_it_asks(scene) {
        scene.opcos.fault(Opco::Akto, Fault::too_many_requests(Some(40)).on(Scope::Dossiers).times(1));
        let first = contract(200).to(Opco::Akto);
        let id = scene.erp.submit(&first).await;
        let waiting = scene.erp.until_status(&id, "waiting").await;
        assert_eq!(waiting["fault"]["kind"], "throttled");
        let second = contract(201).to(Opco::Akto);
        let other = scene.erp.submit(&second).await;
        scene.erp.until_delivered(&id).await;
        scene.erp.until_delivered(&other).await;
        // Contracts alone: the second was handed in when the refusal was known, a list may have been on its way.
        let mut calls = scene.opcos.calls(Opco::Akto);
        calls.retain(|call| call.route == "dossiers");
        let refused = calls.iter().position(|call| call.status == Some(429)).unwrap();
        let next = &calls[refused + 1];
        let waited = next.arrival_ms - calls[refused].arrival_ms;
        assert!(waited >= 40_000, "the next call came after {waited} ms: {next:?}");
        assert_eq!(scene.opcos.taken(Opco::Akto, &first).len(), 1);
        assert_eq!(scene.opcos.taken(Opco::Akto, &second).len(), 1);
    }

    async fn an_opco_in_announced_works_is_not_called_and_what_waits_says_until_when(scene) {
        let (network, erp) = scene.another(network::network()).await;
        let hand = Hand { name: "cli:essai".to_owned(), now: scene.now(), reason: Some("bascule".to_owned()) };
        let place = (Instance::first(Opco::Akto), WORLD);
        let end = hand.now.checked_add(std::time::Duration::from_hours(10)).unwrap();
        let mut tx = scene.store.writing().await.unwrap();
        let window = decisions::announce(&mut tx, network.tenant, place, (hand.now, end), &hand).await.unwrap();
        tx.commit().await.unwrap();
        let contract = contract(230).to(Opco::Akto);
        let id = erp.submit(&contract).await;
        let waiting = erp.until_status(&id, "waiting").await;
        assert_eq!(waiting["reason"], "maintenance", "{waiting}");
        assert_eq!(waiting["next_at"].as_str().map(|at| at.parse().unwrap()), Some(end), "{waiting}");
        // For that network alone, and the OPCO is as well as it was.
        let other = payload::contract(231).to(Opco::Akto);
        let passed = scene.erp.submit(&other).await;
        scene.erp.until_delivered(&passed).await;
        let opcos = erp.get("/api/v1/opcos").await.expect(200);
        assert_eq!(breaker(&opcos, "akto").as_deref(), Some("ok"), "{opcos}");
        assert!(scene.opcos.taken(Opco::Akto, &contract).is_empty());
        assert_eq!(erp.get(&format!("/api/v1/deliveries/{id}")).await.expect(200)["attempt_count"], 0);

        let hand = Hand { now: scene.now(), ..hand };
        let mut tx = scene.store.writing().await.unwrap();
        decisions::end_window(&mut tx, network.tenant, window.id, &hand).await.unwrap();
        tx.commit().await.unwrap();
        erp.until_delivered(&id).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn an_opco_that_is_down_stops_its_own_lane_only(scene) {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::Down));
        let mut sent = Vec::new();
        for seed in 210..220 {
            let contract = contract(seed).to(Opco::Akto);
            sent.push((scene.erp.submit(&contract).await, contract));
        }
        wait::until("the breaker is open", async || {
            let opcos = scene.erp.get("/api/v1/opcos").await.expect(200);
            breaker(&opcos, "akto").filter(|health| *health != "ok").map(|_| ())
        })
        .await;
        let other = contract(220).to(Opco::Atlas);
        let id = scene.erp.submit(&other).await;
        scene.erp.until_delivered(&id).await;
        for (id, _) in &sent {
            let delivery = scene.erp.delivery(id).await;
            assert!(matches!(delivery["status"].as_str(), Some("waiting" | "queued" | "sending")), "{delivery:#}");
        }
        scene.opcos.heal(Opco::Akto);
        for (id, contract) in &sent {
            scene.erp.until_delivered(id).await;
            assert_eq!(scene.opcos.taken(Opco::Akto, contract).len(), 1);
        }
        let opcos = scene.erp.get("/api/v1/opcos").await.expect(200);
        assert_eq!(breaker(&opcos, "akto").as_deref(), Some("ok"));
    }

    async fn a_lost_answer_is_looked_for_and_never_written_twice(scene) {
        for (seed, opco) in [(230, Opco::Akto), (231, Opco::Afdas)] {
            scene.opcos.fault(opco, Fault::new(FaultKind::LostAnswer).times(1));
            let contract = contract(seed).to(opco);
            let id = scene.erp.submit(&contract).await;
            let delivered = scene.erp.until_delivered(&id).await;
            let taken = scene.opcos.taken(opco, &contract);
            assert_eq!(taken.len(), 1);
            assert_eq!(delivered["numero_interne"], taken[0].numero_interne.as_str());
            assert_eq!(delivered["attempt_count"], 1, "{delivered:#}");
            let purposes: Vec<&Value> = delivered["attempts"].as_array().unwrap().iter()
                .map(|attempt| &attempt["purpose"]).collect();
            assert_eq!(purposes, ["write", "look"]);
        }
    }

    async fn a_lost_answer_is_not_forgotten_while_the_key_is_missing(scene, "look_after_s = [3600]\n") {
        let (network, erp) = scene.another(harness::network::network()).await;
        let site = network.sites[0];
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::LostAnswer).times(1));
        let contract = contract(235).to(Opco::Akto);
        let id = erp.submit(&contract).await;
        erp.until_status(&id, "unknown").await;
        network.revoke_keys(&scene.store, site, Opco::Akto, scene.now()).await;
        // What was decided of the site is kept for a few seconds: others tell when the key is gone.
        let mut seeds = 2_350..;
        wait::until("the key is gone", async || {
            let other = self::contract(seeds.next()?).to(Opco::Akto);
            let accepted = erp.send(&other).await.expect(202);
            (accepted["held"] == "no_key").then_some(())
        })
        .await;
        erp.act(&id, "retry", json!({})).await.expect(200);
        let held = erp.until_held(&id, "no_key").await;
        assert_eq!(held["actions"], json!(["retry", "cancel", "confirm-sent"]));
        let elsewhere = json!({"opco": "atlas"});
        erp.act(&id, "choose-opco", elsewhere).await.expect(409);
        network.add_key(&scene.store, site, Opco::Akto, scene.now()).await;
        let delivered = erp.until_delivered(&id).await;
        assert_eq!(delivered["attempt_count"], 1, "{delivered:#}");
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn a_hiccup_of_the_look_is_no_verdict(scene) {
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::LostAnswer).times(1));
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::ServerError).on(Scope::Etats).times(1));
        let contract = contract(240).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        scene.erp.until_delivered(&id).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn an_answer_that_is_nonsense_is_read_as_a_fault(scene) {
        let faults = [
            Fault::new(FaultKind::Html),
            Fault::new(FaultKind::EmptyBody),
            Fault::new(FaultKind::HalfWritten),
            Fault::new(FaultKind::Redirect),
            Fault::new(FaultKind::DeepJson),
            Fault::new(FaultKind::HugeJson).after_commit(),
            Fault::new(FaultKind::ServerError),
            Fault::new(FaultKind::ExpiredToken),
        ];
        let mut sent = Vec::new();
        for ((seed, opco), fault) in (250..).zip(OPEN).zip(faults) {
            scene.opcos.configure(opco, &simulator::Overrides {
                duplicates: Some(simulator::Duplicates::Refuse),
                ..simulator::Overrides::default()
            });
            scene.opcos.fault(opco, fault.clone().on(Scope::Dossiers).times(1));
            let contract = contract(seed).to(opco);
            sent.push((scene.erp.submit(&contract).await, opco, contract, fault));
        }
        for (id, opco, contract, fault) in sent {
            let ended = scene.erp.until(&id, "its end", |delivery| {
                matches!(delivery["status"].as_str(), Some("delivered" | "held"))
            }).await;
            let taken = scene.opcos.taken(opco, &contract).len();
            match ended["status"].as_str() {
                Some("delivered") => assert_eq!(taken, 1, "{fault:?}"),
                _ => assert!(taken == 0 && ended["fault"]["detail"].is_string(), "{fault:?} {ended:#}"),
            }
            assert!(ended["attempts"].as_array().unwrap().iter().any(|attempt| {
                attempt["outcome"] == "lost" || attempt["outcome"] == "failed"
            }) || fault.kind == FaultKind::ExpiredToken, "{fault:?} {ended:#}");
        }
    }

    async fn a_refusal_ends_the_contract_with_the_words_of_the_opco(scene) {
        scene.opcos.configure(Opco::Akto, &simulator::Overrides {
            duplicates: Some(simulator::Duplicates::Refuse),
            ..simulator::Overrides::default()
        });
        let contract = contract(270).to(Opco::Akto);
        let (_, neighbour) = scene.another(harness::network::network().marked("voisin")).await;
        let first = neighbour.submit(&contract).await;
        neighbour.until_delivered(&first).await;
        // Another network sends the same contract: the OPCO has it, and it is not ours.
        let id = scene.erp.submit(&contract).await;
        let ended = scene.erp.until(&id, "its end", |delivery| {
            !matches!(delivery["status"].as_str(), Some("queued" | "sending" | "unknown" | "waiting"))
        }).await;
        assert_eq!(ended["status"], "rejected", "{ended:#}");
        assert_eq!(ended["fault"]["kind"], "duplicate");
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
        // It is over, so the same contract may be sent again; and it can be revived.
        assert_eq!(ended["actions"], json!(["revive"]));
    }
}

/// OPCOs whose flow is open, one for each fault.
const OPEN: [Opco; 8] = [
    Opco::Afdas,
    Opco::Akto,
    Opco::Atlas,
    Opco::Constructys,
    Opco::Ocapiat,
    Opco::OpcoMobilites,
    Opco::Opco2i,
    Opco::Opcommerce,
];

fn breaker(opcos: &Value, slug: &str) -> Option<String> {
    let all = opcos["opcos"].as_array()?;
    let one = all.iter().find(|opco| opco["opco"] == slug)?;
    Some(one["health"].as_str()?.to_owned())
}
