//! What travels with a file: taken in whichever form, kept once, sent as it came, and nothing left of what
//! was refused.

use domain::{Capability, Opco};
use harness::payload::contract;
use harness::pieces::{Form, certificat, convention, document, facture, files, pdf};
use harness::scene::Scene;
use harness::{erp, network, on_both, wait};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Kind, LedgerEntry, Scope};

on_both! {
    async fn an_agreement_sent_before_its_contract_is_numbered_leaves_by_itself_with_its_file(scene) {
        let contract = contract(700).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let answer = scene.erp.hand_in(&agreement, Form::Multipart, &[]).await;
        let accepted = answer.expect(202);
        assert_eq!(accepted["opco"], "akto");
        let id = erp::id(&accepted);
        assert_eq!(answer.header("location").unwrap(), format!("/api/v1/deliveries/{id}"));
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["kind"], "convention");
        assert_eq!(delivered["version"], "v1");
        let numero = scene.erp.delivery(&first).await["numero_interne"].clone();
        let taken = ledger(&scene, Opco::Akto, Kind::Convention);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].dossiers, [numero.as_str().unwrap()]);
        assert_eq!(delivered["numero_document"], taken[0].numero_interne.as_str());
        assert_eq!(delivered["numero_interne"], Value::Null, "it is no dossier");
        assert_eq!(delivered["file"]["kind"], "pdf");
        let (_, content) = agreement.file.as_ref().unwrap();
        assert_eq!(taken[0].file.as_ref().unwrap().sha256, sha256(content));
        // What the log proves: the payload and its file, hashed under the payload's own key.
        let events = delivered["timeline"].as_array().unwrap();
        let hashes: Vec<&Value> = events.iter().map(|event| &event["data"]["file"]["hash"])
            .filter(|hash| hash.is_string()).collect();
        assert_eq!(hashes.len(), 2, "accepted and delivered: {delivered:#}");
        assert_eq!(hashes[0], hashes[1]);
        assert!(!delivered.to_string().contains(&sha256(content)), "{delivered:#}");
    }

    async fn each_form_of_a_body_is_the_same_payload_and_leaves_one_file(scene) {
        let contract = contract(701).to(Opco::Atlas);
        let first = scene.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let key = [("idempotency-key", "convention-1")];
        let accepted = scene.erp.hand_in(&agreement, Form::Multipart, &key).await.expect(202);
        for form in [Form::Turned, Form::Base64, Form::Multipart] {
            let again = scene.erp.hand_in(&agreement, form, &key).await;
            assert_eq!(again.expect(202)["id"], accepted["id"], "{form:?}");
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
        }
        let other = agreement.clone().filed(Some(("Convention signée.pdf", pdf(40_001))));
        scene.erp.hand_in(&other, Form::Multipart, &key).await.expect(422);
        until_files(&scene, 1).await;
        scene.erp.until_delivered(&erp::id(&accepted)).await;
        assert_eq!(ledger(&scene, Opco::Atlas, Kind::Convention).len(), 1);
    }

    async fn an_agreement_in_base64_and_a_document_in_parts_follow_one_contract(scene) {
        let contract = contract(702).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let id = erp::id(&scene.erp.hand_in(&agreement, Form::Base64, &[]).await.expect(202));
        let mobility = document("CONVENTION_MOBILITE").of(&first);
        let other = erp::id(&scene.erp.hand_in(&mobility, Form::Turned, &[]).await.expect(202));
        scene.erp.until_delivered(&id).await;
        scene.erp.until_delivered(&other).await;
        let taken = ledger(&scene, Opco::Akto, Kind::Document);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].dossiers, ledger(&scene, Opco::Akto, Kind::Convention)[0].dossiers);
        assert_eq!(taken[0].file.as_ref().unwrap().sha256, sha256(&pdf(20_000)));
    }

    async fn a_certificate_goes_as_a_document_where_only_that_route_is_open(scene) {
        let contract = contract(710).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let bare = certificat(&contract).of(&first);
        let signed = bare.clone()
            .with("echeance", json!({"numero": 2, "codification": "A2", "duree": 35,
                "dateDebut": "2026-09-01", "dateFin": "2026-09-01", "echeancePartielle": false}))
            .filed(Some(("signé.pdf", pdf(9_000))));
        let verdict = scene.erp.validate(&bare, Form::Base64).await.expect(200);
        assert_eq!((&verdict["acceptable"], &verdict["version"]), (&true.into(), &"v1".into()));
        let written = erp::id(&scene.erp.hand_in(&bare, Form::Base64, &[]).await.expect(202));
        let given = erp::id(&scene.erp.hand_in(&signed, Form::Turned, &[]).await.expect(202));
        let unsigned = bare.clone().with("representantLegal", json!({}));
        let refused = scene.erp.hand_in(&unsigned, Form::Base64, &[]).await.expect(422);
        assert!(refused["constats"].to_string().contains("/representantLegal/nom"), "{refused:#}");
        for id in [&written, &given] {
            let delivered = scene.erp.until_delivered(id).await;
            assert_eq!((&delivered["kind"], &delivered["version"]), (&"certificat".into(), &"v1".into()));
            assert!(delivered["numero_document"].is_string(), "{delivered:#}");
        }
        let numero = scene.erp.delivery(&first).await["numero_interne"].clone();
        let taken = ledger(&scene, Opco::Akto, Kind::Document);
        assert_eq!(taken.len(), 2);
        assert!(taken.iter().all(|one| one.dossiers == [numero.as_str().unwrap()]));
        assert!(taken[0].natural_key.contains("CERTIFICAT_REALISATION"), "{:?}", taken[0]);
        let given = sha256(&pdf(9_000));
        let sent: Vec<bool> = taken.iter()
            .map(|one| one.file.as_ref().unwrap().sha256 == given).collect();
        assert_eq!(sent.iter().filter(|given| **given).count(), 1, "the other was written here");
    }

    async fn a_document_that_names_an_invoice_alone_follows_the_contract_it_bills(scene) {
        let contract = contract(712).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let due = due(&scene, &first).await;
        let bill = facture(&contract, "F-712", due).of(&first);
        let id = erp::id(&scene.erp.hand_in(&bill, Form::Base64, &[]).await.expect(202));
        let billed = scene.erp.until_delivered(&id).await;
        let numero = billed["numero_facture"].as_str().unwrap();
        assert!(billed["numero_document"].is_string(), "{billed:#}");
        let of = |numero: &str| document("CERTIFICAT_REALISATION")
            .with("objets", json!([{"typeObjet": "FACTURE", "idObjet": numero}]));
        let answer = scene.erp.hand_in(&of(numero), Form::Multipart, &[]).await.expect(202);
        assert_eq!(answer["opco"], "akto");
        scene.erp.until_delivered(&erp::id(&answer)).await;
        let taken = ledger(&scene, Opco::Akto, Kind::Document);
        assert_eq!(taken.len(), 1);
        assert!(taken[0].natural_key.contains(&format!("FACTURE:{numero}")), "{:?}", taken[0]);
        scene.erp.hand_in(&of("404404"), Form::Multipart, &[]).await.expect(422);
        // One that names another contract besides is known to be about both, until the last of their people goes.
        let second = scene.erp.submit(&self::contract(713).to(Opco::Akto)).await;
        let besides = scene.erp.until_delivered(&second).await;
        let both = document("CERTIFICAT_REALISATION").with("objets", json!([
            {"typeObjet": "FACTURE", "idObjet": numero},
            {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": besides["numero_interne"]},
        ]));
        let both = scene.erp.hand_in(&both, Form::Multipart, &[]).await.expect(202);
        let mut tx = scene.store.reading().await.unwrap();
        let tenant = scene.network.tenant;
        for (document, about) in [(&answer, vec![]), (&both, vec![first, second])] {
            let id = erp::id(document).parse().unwrap();
            let known = store::invoices::contracts(&mut tx, tenant, id).await.unwrap();
            assert_eq!(known.iter().map(ToString::to_string).collect::<Vec<_>>(), about);
        }
        drop(tx);
        scene.erp.until_delivered(&erp::id(&both)).await;
        // Another network does not see it.
        let (_, other) = scene.another(network::network()).await;
        other.hand_in(&of(numero), Form::Multipart, &[]).await.expect(422);
    }

    async fn a_structured_certificate_takes_its_file_along(scene) {
        scene.opcos.open(Opco::Akto, simulator::Capability::Certificats);
        network::switch(&scene.store, Opco::Akto, Capability::Certificats, scene.now()).await;
        let contract = contract(711).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let signed = certificat(&contract).of(&first).filed(Some(("signé.pdf", pdf(9_000))));
        let id = erp::id(&scene.erp.hand_in(&signed, Form::Multipart, &[]).await.expect(202));
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["version"], "v2");
        let taken = ledger(&scene, Opco::Akto, Kind::Certificat);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].file.as_ref().unwrap().sha256, sha256(&pdf(9_000)));
        // A period is certified once, with a file or without.
        let again = certificat(&contract).of(&first);
        scene.erp.hand_in(&again, Form::Base64, &[]).await.expect(409);
    }

    async fn a_file_that_cannot_go_is_refused_by_its_code_and_nothing_is_left(scene) {
        let contract = contract(703).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let disguised = b"PK\x03\x04 une archive".to_vec();
        let truncated = pdf(30_000)[..20_000].to_vec();
        let locked = b"%PDF-1.7\ntrailer << /Encrypt 1 0 R >>\nstartxref\n9\n%%EOF".to_vec();
        for (content, code) in [
            (disguised, "fichier-deguise"),
            (truncated, "fichier-tronque"),
            (locked, "fichier-protege"),
        ] {
            let spoilt = agreement.clone().filed(Some(("c.pdf", content)));
            for form in [Form::Multipart, Form::Turned, Form::Base64] {
                let refused = scene.erp.hand_in(&spoilt, form, &[]).await.expect(422);
                assert_eq!(refused["code"], code, "{refused:#}");
                let refused = scene.erp.validate(&spoilt, form).await.expect(422);
                assert_eq!(refused["code"], code, "{refused:#}");
            }
        }
        let bare = agreement.clone().filed(None);
        let refused = scene.erp.hand_in(&bare, Form::Multipart, &[]).await.expect(422);
        let constats = refused["constats"].as_array().unwrap();
        let missing = constats.iter().find(|one| one["rule"] == "CNV-004").unwrap();
        assert_eq!((&missing["pointer"], &missing["effect"]), (&"/fichier".into(), &"refuse".into()));
        let unsigned = agreement.with("attestationConventionSigneeCFA", false.into());
        scene.erp.hand_in(&unsigned, Form::Multipart, &[]).await.expect(422);
        until_files(&scene, 0).await;
        let all = scene.erp.get("/api/v1/deliveries").await.expect(200);
        assert_eq!(all["deliveries"].as_array().unwrap().len(), 1, "the contract alone");
    }

    async fn a_validation_says_whether_the_file_was_looked_at_and_keeps_none(scene) {
        let contract = contract(704).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let verdict = scene.erp.validate(&agreement, Form::Multipart).await.expect(200);
        assert_eq!((&verdict["acceptable"], &verdict["file"]), (&true.into(), &"checked".into()));
        let bare = agreement.filed(None);
        let verdict = scene.erp.validate(&bare, Form::Base64).await.expect(200);
        assert_eq!(verdict["acceptable"], true, "the other rules are applied: {verdict:#}");
        assert_eq!(verdict["file"], "not_looked");
        until_files(&scene, 0).await;
    }

    async fn an_agreement_whose_answer_is_lost_is_held_until_a_person_knows(scene) {
        let contract = contract(705).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        scene.erp.until_delivered(&first).await;
        // One arrives and its answer is lost; the other never arrives.
        for (kind, times, action) in [
            (FaultKind::LostAnswer, 1, "confirm-sent"),
            (FaultKind::DropBeforeCommit, 1, "complete"),
        ] {
            scene.opcos.fault(Opco::Akto, Fault::new(kind).on(Scope::Conventions).times(1));
            let agreement = convention(&contract).of(&first);
            let taken = scene.erp.hand_in(&agreement, Form::Multipart, &[]).await;
            let id = erp::id(&taken.expect(202));
            let held = scene.erp.until_held(&id, "outcome_unknown").await;
            assert_eq!(held["actions"], json!(["cancel", "confirm-sent", "complete"]));
            assert!(held["explanation"].as_str().unwrap().contains("« complete »"), "{held:#}");
            // There is nothing to look with.
            scene.erp.act(&id, "retry", json!({})).await.expect(409);
            // No number is known by which it could be confirmed.
            scene.erp.act(&id, action, json!({})).await.expect(200);
            let delivered = scene.erp.until_delivered(&id).await;
            let sent = u64::from(action == "complete") + times;
            assert_eq!(delivered["attempt_count"], sent, "{delivered:#}");
        }
        assert_eq!(ledger(&scene, Opco::Akto, Kind::Convention).len(), 2, "each once");
    }

    async fn where_the_profile_says_so_a_lost_agreement_is_sent_again(
        scene, "resend_after_lost = true"
    ) {
        let contract = contract(706).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        scene.erp.until_delivered(&first).await;
        let lost = Fault::new(FaultKind::LostAnswer).on(Scope::Conventions).times(1);
        scene.opcos.fault(Opco::Akto, lost);
        let agreement = convention(&contract).of(&first);
        let id = erp::id(&scene.erp.hand_in(&agreement, Form::Base64, &[]).await.expect(202));
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["attempt_count"], 2, "{delivered:#}");
        let taken = ledger(&scene, Opco::Akto, Kind::Convention);
        assert_eq!(taken.len(), 2, "nothing in the norm keeps a second one out");
        assert_eq!(taken[0].content_sha256, taken[1].content_sha256);
        assert_eq!(
            taken[0].file.as_ref().map(|file| &file.sha256),
            taken[1].file.as_ref().map(|file| &file.sha256),
        );
    }

    async fn a_file_that_is_lost_is_for_a_person_and_says_nothing_about_the_opco(scene) {
        let contract = contract(707).to(Opco::Akto);
        scene.opcos.fault(Opco::Akto, Fault::new(FaultKind::Unavailable).on(Scope::Dossiers));
        let first = scene.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let id = erp::id(&scene.erp.hand_in(&agreement, Form::Multipart, &[]).await.expect(202));
        let kept = files(&scene.gateway.files);
        assert_eq!(kept.len(), 1);
        let content = std::fs::read(&kept[0]).unwrap();
        assert!(!content.windows(5).any(|bytes| bytes == b"%PDF-"), "it is sealed");
        std::fs::remove_file(&kept[0]).unwrap();
        scene.opcos.heal(Opco::Akto);
        scene.erp.until_held(&id, "file_unreadable").await;
        assert!(ledger(&scene, Opco::Akto, Kind::Convention).is_empty());
        std::fs::write(&kept[0], content).unwrap();
        scene.erp.act(&id, "retry", json!({})).await.expect(200);
        scene.erp.until_delivered(&id).await;
        assert_eq!(ledger(&scene, Opco::Akto, Kind::Convention).len(), 1);
    }
}

/// Returns what an OPCO took of a kind, in order.
fn ledger(scene: &Scene, opco: Opco, kind: Kind) -> Vec<LedgerEntry> {
    let page = scene
        .opcos
        .handle()
        .ledger_of(Some(opco.slug()), kind, 0, 1_000);
    page.unwrap().entries
}

/// Waits for the schedule of a contract; returns the first line that may be billed and its cents.
async fn due(scene: &Scene, contract: &str) -> (i64, i64) {
    let delivered = scene.erp.until_delivered(contract).await;
    let numero = delivered["numero_interne"].as_str().unwrap();
    let list = format!("/api/v1/dossiers?numero={numero}");
    let page = scene.erp.get(&list).await.expect(200);
    let id = page["dossiers"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/dossiers/{id}");
    let scheduled = wait::until_value(
        "the schedule",
        async || scene.erp.get(&path).await.expect(200),
        |dossier| dossier["echeancier"]["facturable"][0]["numero"].is_i64(),
    )
    .await;
    let first = &scheduled["echeancier"]["facturable"][0];
    (
        first["numero"].as_i64().unwrap(),
        first["pedagogie_cents"].as_i64().unwrap(),
    )
}

/// Waits until so many files are kept: those that nobody took go a moment after the answer.
async fn until_files(scene: &Scene, count: usize) {
    wait::until_value(
        "the files",
        async || files(&scene.gateway.files).len(),
        |kept| *kept == count,
    )
    .await;
}

fn sha256(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let hash: Vec<String> = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hash.concat()
}
