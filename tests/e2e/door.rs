//! The door: who may send what, and what each bad input gets.

use std::fmt::Write as _;

use domain::Opco;
use harness::network::network;
use harness::on_both;
use harness::payload::{contract, site};
use reqwest::Method;
use serde_json::{Value, json};

on_both! {
    async fn a_refused_contract_is_told_everything_and_nothing_is_kept(scene) {
        let bad = contract(400).to(Opco::Akto)
            .with("/cerfa/apprenti/nir", json!("205049399999993"))
            .with("/cerfa/employeur/siret", json!("12345678200011"))
            .with("/cerfa/contrat/dateFinContrat", json!("2026-08-31T00:00:00+00:00"));
        let refused = scene.erp.send(&bad).await.expect(422);
        let pointers: Vec<&str> = refused["constats"].as_array().unwrap().iter()
            .map(|constat| constat["pointer"].as_str().unwrap_or_default()).collect();
        for pointer in ["/cerfa/apprenti/nir", "/cerfa/employeur/siret", "/cerfa/contrat/dateFinContrat"] {
            assert!(pointers.contains(&pointer), "{refused:#}");
        }
        assert!(!refused.to_string().contains("205049399999993"), "the NIR is masked");
        let checked = scene.erp.post("/api/v1/validations/dossiers", &bad.body, &[]).await;
        assert!(checked.text.contains("/cerfa/apprenti/nir"), "{}", checked.text);
        let kept = scene.erp.get("/api/v1/deliveries").await.expect(200);
        assert_eq!(kept["deliveries"], json!([]));
        assert_eq!(scene.opcos.total(), 0);
    }

    async fn each_bad_request_gets_its_own_answer(scene) {
        let json = [("content-type", "application/json")];
        let post = async |body: Vec<u8>, headers: &[(&str, &str)]| {
            scene.erp.request(Method::POST, "/api/v1/dossiers", headers, body).await
        };
        let broken = post(b"{\"cerfa\": {\n  \"employeur\": }".to_vec(), &json).await.expect(400);
        assert_eq!((&broken["line"], broken["column"].is_number()), (&json!(2), true));
        let huge = format!("{{\"x\":\"{}\"}}", "a".repeat(3_000_000));
        post(huge.into_bytes(), &json).await.expect(413);
        post(b"<xml/>".to_vec(), &[("content-type", "application/xml")]).await.expect(415);
        scene.erp.get("/api/v1/nulle-part").await.expect(404);
        scene.erp.with_token("cfg_test_inconnue").get("/api/v1/deliveries").await.expect(401);
        let mut many = String::from("[0");
        (0..100_000).for_each(|n| write!(many, ",{n}").unwrap());
        many.push(']');
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let bodies: [Vec<u8>; 6] = [
            deep.into_bytes(),
            many.into_bytes(),
            b"{\"a\":1,\"a\":2}".to_vec(),
            b"{\"a\":\"\xff\xfe\"}".to_vec(),
            format!("{{\"a\":1{}}}", "0".repeat(5_000)).into_bytes(),
            Vec::new(),
        ];
        for body in bodies {
            let said = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            let answer = post(body, &json).await;
            assert!(matches!(answer.status.as_u16(), 400 | 422), "{said}: {}", answer.text);
        }
        let id = scene.erp.submit(&contract(410).to(Opco::Akto)).await;
        scene.erp.until_delivered(&id).await;
    }

    async fn a_credential_may_send_for_its_sites_only(scene) {
        let (network, all) = scene.another(network().sites(2)).await;
        let token = network.credential(&scene.store, Some(vec![site(0)]), scene.now()).await;
        let one = all.with_token(&token);
        let mine = one.submit(&contract(420).to(Opco::Akto)).await;
        let refused = one.send(&contract(421).of(site(1)).to(Opco::Akto)).await.expect(403);
        assert_eq!(refused["code"], "site-interdit");
        one.send(&contract(422).of(site(7)).to(Opco::Akto)).await.expect(403);
        let other = all.submit(&contract(423).of(site(1)).to(Opco::Akto)).await;
        one.get(&format!("/api/v1/deliveries/{other}")).await.expect(404);
        let seen = one.get("/api/v1/deliveries").await.expect(200);
        let seen: Vec<&Value> = seen["deliveries"].as_array().unwrap().iter().map(|d| &d["id"]).collect();
        assert_eq!(seen, [&json!(mine)]);
        all.until_delivered(&mine).await;
        all.until_delivered(&other).await;
        // A contract much like another site's is told of, by whoever reads it, and that one is not named.
        let nom = format!("{}T", contract(423).text("/cerfa/apprenti/nom"));
        let near = contract(423).to(Opco::Akto).with("/cerfa/apprenti/nom", json!(nom));
        let told = one.send_as(&near, "semblable").await.expect(202);
        let again = one.send_as(&near, "semblable").await.expect(202);
        let read = one.delivery(&harness::erp::id(&told)).await;
        for told in [told, again, read.clone()] {
            let said = told["warnings"].to_string();
            assert!(said.contains("DUP-002") && said.contains("autre site du réseau"), "{said}");
            assert!(!told.to_string().contains(&other), "{told:#}");
        }
        let whole = all.delivery(read["id"].as_str().unwrap()).await;
        assert!(whole["warnings"].to_string().contains(&other), "{whole:#}");
    }

    async fn a_network_sees_nothing_of_another(scene) {
        let (_, stranger) = scene.another(network()).await;
        let contract = contract(430).to(Opco::Akto);
        let id = scene.erp.submit(&contract).await;
        stranger.get(&format!("/api/v1/deliveries/{id}")).await.expect(404);
        for action in ["retry", "cancel", "choose-opco", "complete", "revive", "confirm-sent"] {
            stranger.act(&id, action, json!({})).await.expect(404);
        }
        scene.erp.until_delivered(&id).await;
        let dossiers = scene.erp.get("/api/v1/dossiers").await.expect(200);
        let dossier = dossiers["dossiers"][0]["id"].as_str().unwrap();
        stranger.get(&format!("/api/v1/dossiers/{dossier}")).await.expect(404);
        for list in ["deliveries", "dossiers"] {
            let seen = stranger.get(&format!("/api/v1/{list}")).await.expect(200);
            assert_eq!(seen[list], json!([]));
        }
        assert!(stranger.events().await.is_empty());
        // The same contract of another network is another contract to us.
        let twin = stranger.submit(&contract).await;
        stranger.until_delivered(&twin).await;
    }

    async fn a_repeated_call_gets_the_first_answer(scene) {
        let contract = contract(440).to(Opco::Akto);
        let first = scene.erp.send_as(&contract, "cle-1").await.expect(202);
        let again = scene.erp.send_as(&contract, "cle-1").await;
        assert_eq!(again.expect(202)["id"], first["id"]);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let other = contract.clone().with("/cerfa/employeur/nombreDeSalaries", json!(19));
        let refused = scene.erp.send_as(&other, "cle-1").await.expect(422);
        assert_eq!(refused["code"], "idempotence-autre-contenu");
        scene.erp.until_delivered(&harness::erp::id(&first)).await;
        assert_eq!(scene.erp.send_as(&contract, "cle-1").await.expect(202)["id"], first["id"]);
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn concurrent_twins_make_one_delivery(scene) {
        for seed in 450..455 {
            let contract = contract(seed).to(Opco::Akto);
            let key = format!("jumeaux-{seed}");
            let calls = (0..6).map(|_| scene.erp.send_as(&contract, &key));
            let answers = futures_util::future::join_all(calls).await;
            let mut ids = Vec::new();
            for answer in answers {
                match answer.status.as_u16() {
                    202 => ids.push(harness::erp::id(&answer.json())),
                    409 => assert_eq!(answer.json()["code"], "idempotence-en-cours"),
                    _ => unreachable!("{}", answer.text),
                }
            }
            ids.dedup();
            assert_eq!(ids.len(), 1);
            scene.erp.until_delivered(&ids[0]).await;
            assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
        }
    }

    async fn concurrent_duplicates_without_a_key_make_one_delivery(scene) {
        let contract = contract(460).to(Opco::Akto);
        let calls = (0..8).map(|_| scene.erp.send(&contract));
        let answers = futures_util::future::join_all(calls).await;
        let accepted: Vec<_> = answers.iter().filter(|a| a.status.as_u16() == 202).collect();
        assert_eq!(accepted.len(), 1);
        assert!(answers.iter().all(|a| matches!(a.status.as_u16(), 202 | 409)));
        scene.erp.until_delivered(&harness::erp::id(&accepted[0].json())).await;
        assert_eq!(scene.opcos.taken(Opco::Akto, &contract).len(), 1);
    }

    async fn one_bad_row_costs_the_others_nothing(scene) {
        let mut rows = Vec::new();
        for seed in 470..490 {
            let mut contract = contract(seed).to(Opco::Akto);
            contract.body["idempotency_key"] = json!(format!("ligne-{seed}"));
            if seed == 475 {
                contract = contract.with("/cerfa/apprenti/nir", json!("1"));
            }
            rows.push(contract.body.to_string());
        }
        "{ce n'est pas du JSON".clone_into(&mut rows[9]);
        let body = rows.join("\n").into_bytes();
        let ndjson = [("content-type", "application/x-ndjson")];
        let answer = scene.erp.request(Method::POST, "/api/v1/batches", &ndjson, body.clone()).await;
        let lines = answer.lines();
        let (last, lines) = lines.split_last().unwrap();
        assert_eq!(last["summary"], json!({"rows": 20, "accepted": 18, "replayed": 0, "refused": 2, "complete": true}));
        for (at, line) in lines.iter().enumerate() {
            let status = match at { 5 => 422, 9 => 400, _ => 202 };
            assert_eq!((&line["line"], &line["status"]), (&json!(at + 1), &json!(status)), "{line}");
        }
        for line in lines.iter().filter(|line| line["status"] == 202) {
            scene.erp.until_delivered(&harness::erp::id(&line["delivery"])).await;
        }
        assert_eq!(scene.opcos.total(), 18);
        let again = scene.erp.request(Method::POST, "/api/v1/batches", &ndjson, body).await;
        assert_eq!(again.lines().last().unwrap()["summary"]["replayed"], 18);
        assert_eq!(scene.opcos.total(), 18);
    }

    async fn too_many_requests_are_told_when_to_come_back(scene) {
        let now = scene.now();
        let (token, _) = scene.network.credential_with(&scene.store, None, 5, now).await;
        let erp = scene.erp.with_token(&token);
        let mut last = erp.get("/api/v1/deliveries").await;
        for _ in 0..20 {
            last = erp.get("/api/v1/deliveries").await;
            if last.status.as_u16() == 429 {
                break;
            }
        }
        last.expect(429);
        assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
        assert!(last.header("ratelimit").is_some());
    }

    async fn a_revoked_credential_opens_nothing(scene) {
        let now = scene.now();
        let (token, id) = scene.network.credential_with(&scene.store, None, 600, now).await;
        let mut tx = scene.store.writing().await.unwrap();
        assert!(store::credentials::revoke(&mut tx, scene.network.tenant, id, now).await.unwrap());
        tx.commit().await.unwrap();
        let refused = scene.erp.with_token(&token).send(&contract(500)).await.expect(401);
        assert_eq!(refused["code"], "cle-api-revoquee");
    }
}
