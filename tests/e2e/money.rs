//! What the OPCO owes for a dossier is read, kept and shown; invoices are billed against it.

use domain::{Capability, Opco, Timestamp};
use harness::payload::{Contract, contract};
use harness::pieces::{Form, document, facture, rupture};
use harness::scene::Scene;
use harness::{erp, network, on_both, wait};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Kind, Scope};

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

    async fn an_invoice_handed_in_at_once_waits_for_its_dossier_and_is_paid(scene, OFTEN) {
        let (echeance, cents) = first_due(&scene, 740).await;
        let contract = contract(741).to(Opco::Akto);
        let first = scene.erp.submit(&contract).await;
        let bill = facture(&contract, "F-741", (echeance, cents)).of(&first);
        let accepted = scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        assert_eq!(accepted["status"], "waiting", "{accepted:#}");
        assert_eq!(accepted["waiting"], "dossier");
        let id = erp::id(&accepted);
        let delivered = scene.erp.until_delivered(&id).await;
        assert_eq!(delivered["kind"], "facture");
        assert_eq!(scene.opcos.handle().ledger_of(Some("akto"), Kind::Facture, 0, 10).unwrap().entries.len(), 1);
        let dossier = of_contract(&scene, &first).await;
        let paid = wait::until_value("the payment", async || detail(&scene, &dossier).await, |dossier| {
            // The invoice and the schedule are read one after the other.
            dossier["factures"][0]["etat"] == "REGLE"
                && dossier["echeancier"]["echeances"][0]["paid_cents"] == cents
        }).await;
        let bill = &paid["factures"][0];
        assert_eq!(bill["numero"], "F-741");
        assert_eq!(bill["total_cents"], cents);
        assert!(bill["numero_interne_facture"].is_string(), "{bill:#}");
        let line = &paid["echeancier"]["echeances"][0];
        assert_eq!((&line["paid_cents"], &line["left_cents"]), (&json!(cents), &json!(0)));
        let events = scene.erp.events().await;
        let states: Vec<&str> = events.iter().filter(|event| event["kind"] == "facture.etat_changed")
            .map(|event| event["data"]["etat"].as_str().unwrap()).collect();
        assert_eq!(states.last(), Some(&"REGLE"), "{states:?}");
        // A dossier that nobody here knows is said at once, line by line, unless it may be filed elsewhere.
        let strange = facture(&contract, "F-742", (echeance, cents));
        let mut strange = strange.of(&first);
        strange.json["lignes"][0]["numeroDossier"] = json!("APP-INCONNU");
        let refused = scene.erp.hand_in(&strange, Form::Multipart, &[]).await.expect(422);
        let told = refused["constats"].as_array().unwrap();
        assert!(told.iter().any(|one| one["pointer"] == "/lignes/0/numeroDossier" && one["value"] == "APP-INCONNU"), "{refused:#}");
        strange.json.as_object_mut().unwrap().remove("livraison_contrat");
        strange.json["opco"] = json!("akto");
        strange.json["lignes"][0]["codificationEcheance"] = json!("A1");
        strange.json["lignes"][0]["numeroDeca"] = json!("093202609010124");
        let kept = scene.erp.hand_in(&strange, Form::Multipart, &[]).await.expect(202);
        assert_eq!((&kept["status"], &kept["waiting"]), (&json!("waiting"), &json!("dossier")), "{kept:#}");
        let waits = kept["warnings"].as_array().unwrap().iter().find(|one| one["effect"] == "wait").unwrap();
        assert_eq!(waits["severity"], "avertissement", "{waits}");
    }

    async fn a_certificate_follows_its_invoice_as_a_document_linked_to_it(scene, OFTEN) {
        for (theirs, ours) in [
            (simulator::Capability::Documents, Capability::Documents),
            (simulator::Capability::FacturesEtats, Capability::FacturesEtats),
        ] {
            scene.opcos.open(Opco::Akto, theirs);
            network::switch(&scene.store, Opco::Akto, ours, scene.now()).await;
        }
        let contract = contract(745).a_year_earlier().to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let second = &dossier["echeancier"]["facturable"][1];
        let owed = (second["numero"].as_i64().unwrap(), second["pedagogie_cents"].as_i64().unwrap());
        let (delivery, id) = (dossier["delivery_id"].as_str().unwrap(), dossier["id"].as_str().unwrap());
        let bill = facture(&contract, "F-745", owed).of(delivery)
            .with("estCertificatRealisation", json!(false));
        let accepted = scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        let warned = accepted["warnings"].as_array().unwrap();
        let told = warned.iter().find(|one| one["rule"] == "FAC-018");
        let told = told.unwrap().to_string();
        assert!(told.contains("document lié à la facture"), "{told}");
        let billed = scene.erp.until_delivered(&erp::id(&accepted)).await;
        let numero = billed["numero_facture"].as_str().unwrap();
        let waits = wait::until_value("the OPCO's word", async || detail(&scene, id).await, |dossier| {
            dossier["factures"][0]["commentaire"].is_string()
        }).await;
        let bill = &waits["factures"][0];
        assert_eq!(bill["commentaire"], "En attente du certificat de réalisation");
        assert_eq!(bill["certificat_attendu"], true);
        let proof = document("CERTIFICAT_REALISATION").with("objets", json!([
            {"typeObjet": "FACTURE", "idObjet": numero},
            {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": dossier["numero_interne"]},
        ]));
        let sent = scene.erp.hand_in(&proof, Form::Multipart, &[]).await.expect(202);
        scene.erp.until_delivered(&erp::id(&sent)).await;
        assert_eq!(detail(&scene, id).await["factures"][0]["certificat_attendu"], false);
        let paid = wait::until_value("the payment", async || detail(&scene, id).await, |dossier| {
            dossier["factures"][0]["etat"] == "REGLE"
        }).await;
        assert_eq!(paid["factures"][0]["commentaire"], Value::Null, "it was said of another state");
        // Of one whose person was erased the state is followed, and what the OPCO says of it is not kept again.
        let contract = self::contract(746).a_year_earlier().to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let second = &dossier["echeancier"]["facturable"][1];
        let owed = (second["numero"].as_i64().unwrap(), second["pedagogie_cents"].as_i64().unwrap());
        let id = dossier["id"].as_str().unwrap();
        let bill = facture(&contract, "F-746", owed).of(dossier["delivery_id"].as_str().unwrap())
            .with("estCertificatRealisation", json!(false));
        let billed = erp::id(&scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202));
        scene.erp.until_delivered(&billed).await;
        let (tenant, billed) = (scene.network.tenant, billed.parse().unwrap());
        let mut tx = scene.store.writing().await.unwrap();
        store::privacy::close_words(&mut tx, tenant, billed, scene.now()).await.unwrap();
        store::privacy::erase_words(&mut tx, tenant, billed).await.unwrap();
        tx.commit().await.unwrap();
        let lists = || scene.opcos.calls(Opco::Akto).iter().filter(|call| call.route == "factures_etats").count();
        let before = lists();
        wait::until("two more lists, one of them kept", async || (lists() > before + 1).then_some(())).await;
        let bill = detail(&scene, id).await["factures"][0].clone();
        assert!(bill["etat"].is_string() && bill["commentaire"].is_null(), "{bill:#}");
    }

    async fn an_invoice_of_an_echeance_to_come_waits_for_its_day_and_holds_up_nothing(scene) {
        scene.opcos.open(Opco::Akto, simulator::Capability::Rupture);
        network::switch(&scene.store, Opco::Akto, Capability::Rupture, scene.now()).await;
        let contract = contract(750).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let lines = dossier["echeancier"]["echeances"].as_array().unwrap();
        let later = lines.iter().find(|line| line["open"] == false).unwrap();
        let owed = (later["numero"].as_i64().unwrap(), later["total_cents"].as_i64().unwrap());
        let delivery = dossier["delivery_id"].as_str().unwrap();
        let bill = facture(&contract, "F-750", owed).of(delivery);
        let accepted = scene.erp.hand_in(&bill, Form::Base64, &[]).await.expect(202);
        assert_eq!(accepted["waiting"], "opening_date", "{accepted:#}");
        let waiting = scene.erp.delivery(&erp::id(&accepted)).await;
        let opens = later["date_ouverture"].as_str().unwrap();
        // Midnight in Paris is the evening before.
        let until: Timestamp = waiting["next_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(domain::calendar::day_in_france(until).to_string(), opens);
        let ended = scene.erp.post("/api/v1/ruptures", &rupture(&contract), &[]).await.expect(202);
        scene.erp.until_delivered(&erp::id(&ended)).await;
        assert_eq!(scene.erp.delivery(&erp::id(&accepted)).await["status"], "waiting");
    }

    async fn words_that_nobody_knows_are_kept_for_an_operator_and_whole_on_the_delivery(scene) {
        let contract = contract(755).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let owed = due(&dossier);
        let delivery = dossier["delivery_id"].as_str().unwrap();
        let words = "Motif inexpliqué pour Léa Dupont : voir le gestionnaire 42";
        for (numero, said) in [("F-755", words), ("F-756", "IBAN_EMETTEUR_ABSENT")] {
            let refusal = Fault::new(FaultKind::Refusal).on(Scope::Factures).times(1).saying(said);
            scene.opcos.fault(Opco::Akto, refusal);
            let bill = facture(&contract, numero, owed).of(delivery);
            let id = erp::id(&scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202));
            let refused = scene.erp.until_status(&id, "rejected").await;
            let told = refused["fault"].to_string();
            assert_eq!(told.contains(words), numero == "F-755", "{told}");
        }
        let tenant = scene.network.tenant;
        let keys = scene.store.keys(tenant).await.unwrap();
        let listed = wait::until_value("both refusals", async || {
            let mut tx = scene.store.reading().await.unwrap();
            store::refusals::list(&mut tx, &keys).await.unwrap()
        }, |listed| listed.len() == 2).await;
        let unknown = listed.iter().find(|one| one.reason.is_none()).unwrap();
        assert_eq!(unknown.text.as_deref(), Some("[REFUS] Motif inexpliqué pour … : voir le gestionnaire …"));
        assert_eq!((unknown.told, unknown.opco), (1, Opco::Akto));
        let known = listed.iter().find_map(|one| one.reason);
        assert_eq!(known, Some(domain::rejet::Rejet::IbanEmetteurAbsent));
    }

    async fn what_is_billed_already_is_refused_before_it_leaves(scene) {
        let contract = contract(760).to(Opco::Akto);
        let dossier = scheduled(&scene, &contract).await;
        let owed = due(&dossier);
        let delivery = dossier["delivery_id"].as_str().unwrap();
        let bill = facture(&contract, "F-760", owed).of(delivery);
        let id = erp::id(&scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202));
        let same = scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(409);
        assert_eq!(same["delivery_id"], id.as_str(), "{same:#}");
        let other = facture(&contract, "F-761", owed).of(delivery);
        let problem = scene.erp.hand_in(&other, Form::Multipart, &[]).await.expect(422);
        assert!(rules(&problem).contains(&"FAC-011".to_owned()), "{problem:#}");
        let adjusted = other.with("facture_ajustee", json!("régularisation convenue avec l'OPCO"));
        scene.erp.hand_in(&adjusted, Form::Multipart, &[]).await.expect(202);
        scene.erp.until_delivered(&id).await;
    }

    async fn the_days_that_count_are_told_once_and_shown(scene, "CFA_GATEWAY__DELIVERY__POLL__COUNTDOWN_S=20") {
        let dossier = scheduled(&scene, &contract(810).to(Opco::Akto)).await;
        let days = dossier["delais"].as_array().unwrap();
        let opened = days.iter().find(|day| day["countdown"] == "echeance_opens").unwrap();
        assert_eq!((&opened["numero_echeance"], &opened["nearness"]), (&json!(1), &json!("due")));
        assert!(days.iter().any(|day| day["countdown"] == "balance_lost"), "{days:#?}");
        event(&scene, "dossier.deadline_reached").await;
        // Another contract, told after it, shows that rounds go on.
        scheduled(&scene, &contract(811).to(Opco::Akto)).await;
        let events = wait::until_value("both openings", async || scene.erp.events().await, |events| {
            reached(events, &Value::Null).len() == 2
        }).await;
        let own = reached(&events, &dossier["id"]);
        assert_eq!(own.len(), 1, "{own:#?}");
        assert_eq!(own[0]["data"]["numeroEcheance"], 1);
    }

    async fn the_money_is_reconciled_to_the_cent_and_exported(scene, OFTEN) {
        let billed = contract(800).to(Opco::Akto);
        let dossier = scheduled(&scene, &billed).await;
        let (echeance, cents) = due(&dossier);
        scheduled(&scene, &contract(801).to(Opco::Akto)).await;
        let before = scene.erp.get("/api/v1/reconciliation").await.expect(200);
        assert_eq!(before["total"]["dossiers"], 2);
        assert_eq!(before["total"]["due_cents"], 2 * cents);
        assert_eq!(before["total"]["gap_cents"], 2 * cents);
        assert_eq!(before["ecarts"].as_array().unwrap().len(), 2);
        assert_eq!(before["groups"][0]["causes"][0]["cause"], "not_billed", "{before:#}");
        let bill = facture(&billed, "F-800", (echeance, cents)).of(dossier["delivery_id"].as_str().unwrap());
        scene.erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
        let after = wait::until_value("the payment", async || scene.erp.get("/api/v1/reconciliation").await.expect(200), |after| {
            after["total"]["paid_cents"] == cents
        }).await;
        assert_eq!(after["total"]["gap_cents"], cents, "{after:#}");
        assert_eq!(after["total"]["billed_cents"], cents);
        let none = scene.erp.get("/api/v1/reconciliation?opco=atlas").await.expect(200);
        assert_eq!(none["total"]["dossiers"], 0);
        let past = scene.erp.get("/api/v1/reconciliation?to=2020-01-01").await.expect(200);
        assert_eq!(past["groups"], json!([]));
        scene.erp.get("/api/v1/reconciliation?from=2026-02-01&to=2026-01-01").await.expect(400);
        let csv = scene.erp.get("/api/v1/reconciliation/export?format=csv").await;
        assert_eq!(csv.status, 200);
        let text = csv.text;
        assert_eq!(text.lines().count(), 2, "{text}");
        let apprenti = billed.text("/cerfa/apprenti/nom");
        assert!(!text.contains(apprenti), "{text}");
        let book = scene.erp.get("/api/v1/reconciliation/export?format=xlsx&complet=true").await;
        assert!(book.text.starts_with("PK"));
        let (_, stranger) = scene.another(network::network().marked("autre")).await;
        let theirs = stranger.get("/api/v1/reconciliation").await.expect(200);
        assert_eq!(theirs["total"]["dossiers"], 0);
    }

    async fn an_invoice_whose_answer_is_lost_is_found_by_what_it_moved(scene, OFTEN) {
        lost(&scene, Opco::Akto, 770).await;
    }

    async fn an_invoice_whose_answer_is_lost_is_found_in_the_list(scene, OFTEN) {
        scene.opcos.open(Opco::Akto, simulator::Capability::FacturesEtats);
        network::switch(&scene.store, Opco::Akto, Capability::FacturesEtats, scene.now()).await;
        let id = lost(&scene, Opco::Akto, 780).await;
        let paid = wait::until_value("the transfer", async || scene.erp.get(&format!("/api/v1/deliveries/{id}")).await.expect(200), |delivery| {
            delivery["timeline"].as_array().unwrap().iter().any(|event| event["data"]["referenceVirement"].is_string())
        });
        paid.await;
    }
}

/// Has an invoice taken without an answer, and returns its delivery once it was found.
async fn lost(scene: &Scene, opco: Opco, seed: u64) -> String {
    let contract = contract(seed).to(opco);
    let dossier = scheduled(scene, &contract).await;
    let delivery = dossier["delivery_id"].as_str().unwrap();
    let lost = Fault::new(FaultKind::LostAnswer)
        .on(Scope::Factures)
        .times(1);
    scene.opcos.fault(opco, lost);
    let bill = facture(&contract, &format!("F-{seed}"), due(&dossier)).of(delivery);
    let id = erp::id(
        &scene
            .erp
            .hand_in(&bill, Form::Multipart, &[])
            .await
            .expect(202),
    );
    let delivered = scene.erp.until_delivered(&id).await;
    let attempts = delivered["attempts"].as_array().unwrap();
    let writes = attempts
        .iter()
        .filter(|attempt| attempt["purpose"] == "write")
        .count();
    assert_eq!(writes, 1, "{delivered:#}");
    assert!(
        attempts.iter().any(|attempt| attempt["outcome"] == "found"),
        "{delivered:#}"
    );
    id
}

/// Returns what the first échéance of a fresh contract of this shape owes.
async fn first_due(scene: &Scene, seed: u64) -> (i64, i64) {
    due(&scheduled(scene, &contract(seed).to(Opco::Akto)).await)
}

pub(super) fn due(dossier: &Value) -> (i64, i64) {
    let first = &dossier["echeancier"]["facturable"][0];
    assert_eq!(first["rqth_cents"], 0, "{dossier:#}");
    (
        first["numero"].as_i64().unwrap(),
        first["pedagogie_cents"].as_i64().unwrap(),
    )
}

async fn of_contract(scene: &Scene, delivery: &str) -> String {
    let numero = scene.erp.delivery(delivery).await["numero_interne"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = scene
        .erp
        .get(&format!("/api/v1/dossiers?numero={numero}"))
        .await
        .expect(200);
    page["dossiers"][0]["id"].as_str().unwrap().to_owned()
}

/// Returns the events of days that have come, of one dossier or of all.
fn reached<'a>(events: &'a [Value], dossier: &Value) -> Vec<&'a Value> {
    let told = events
        .iter()
        .filter(|event| event["kind"] == "dossier.deadline_reached");
    told.filter(|event| dossier.is_null() || event["dossier_id"] == *dossier)
        .collect()
}

fn rules(problem: &Value) -> Vec<String> {
    let findings = problem["constats"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// Sends a contract and waits until the gateway has read its schedule.
pub(super) async fn scheduled(scene: &Scene, contract: &Contract) -> Value {
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

pub(super) async fn detail(scene: &Scene, id: &str) -> Value {
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
