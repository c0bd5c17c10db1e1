//! The life of money: under review, paid, in parts, credited, lost, and the dossier's end.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{
    Capability, Etat, EtatFacture, Fault, FaultKind, InvoiceOrder, Openness, Overrides, Payment,
    Scope,
};

use crate::rig::{Engaged, Piece, Rig, Scratch, all_open, certificat_of, invoice, rupture_of};

const DAY_MS: u64 = 86_400_000;

async fn engaged() -> (Rig, Engaged) {
    let rig = Rig::with(|settings| {
        settings.opcos.insert("akto".to_owned(), all_open());
    })
    .await;
    let engaged = Engaged::at(&rig, "akto", "MARTIN").await;
    (rig, engaged)
}

async fn bill(rig: &Rig, body: Value) {
    let reply = rig.send_piece("akto", Piece::facture(body)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

async fn factures(rig: &Rig) -> Vec<Value> {
    let page = rig.get("akto", "/v2/factures/etats").await.json();
    page["factures"].as_array().unwrap().clone()
}

/// Returns what a line of the schedule has paid and under review.
async fn line(rig: &Rig, engaged: &Engaged, rank: usize) -> (f64, f64) {
    let detail = engaged.detail(rig, "akto").await;
    let line = &detail["echeances"][rank];
    (
        line["montantRegle"].as_f64().unwrap(),
        line["montantEnCoursInstruction"].as_f64().unwrap(),
    )
}

fn etat(rig: &Rig) -> Etat {
    rig.handle().dossiers("akto", 0, 1).unwrap()[0].etat
}

#[tokio::test]
async fn an_invoice_is_received_reviewed_and_paid_and_its_line_follows() {
    let (rig, engaged) = engaged().await;
    let lines = [
        engaged.line("PEDAGOGIE", 1, 3_120.0),
        engaged.line("PREMIEREQUIPEMENT", 1, 500.0),
    ];
    bill(&rig, invoice("FA-1", &lines)).await;
    assert_eq!(factures(&rig).await[0]["etatFacture"], "TRANSMIS");
    assert_eq!(line(&rig, &engaged, 0).await, (0.0, 3_120.0));
    rig.handle().move_clock(5_000, None);
    let review = factures(&rig).await[0].clone();
    assert_eq!(review["etatFacture"], "EN_COURS_INSTRUCTION");
    assert!(review["referenceVirement"].is_null() && review["dateReglement"].is_null());
    rig.handle().move_clock(60_000, None);
    let paid = factures(&rig).await[0].clone();
    assert_eq!(paid["etatFacture"], "REGLE");
    assert_eq!(paid["dateReglement"], "2026-11-21T00:00:00+00:00");
    assert_eq!(paid["montantFacture"], 3_620.0);
    assert_eq!(
        paid["dossiers"][0]["numeroExterneDossier"],
        json!(engaged.externe)
    );
    assert_eq!(line(&rig, &engaged, 0).await, (3_120.0, 0.0));
    let sample: Value =
        serde_json::from_str(include_str!("../samples/factures-etats-v2.json")).unwrap();
    for (own, expected) in [
        (&paid, &sample["factures"][0]),
        (&paid["dossiers"][0], &sample["factures"][0]["dossiers"][0]),
        (
            &paid["organismeFormation"],
            &sample["factures"][0]["organismeFormation"],
        ),
    ] {
        let keys =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(keys(own), keys(expected));
    }
    let details = &engaged.detail(&rig, "akto").await["detailsFacturation"];
    assert_eq!(details["fraisPremierEquipementRegles"], true);
    assert_eq!(etat(&rig), Etat::Engage, "much is left to pay");
}

#[tokio::test]
async fn invoice_states_come_by_pages_and_bend_with_the_faults() {
    let (rig, engaged) = engaged().await;
    let small = Overrides {
        page_size: Some(1),
        ..Overrides::default()
    };
    rig.handle().configure("akto", &small).unwrap();
    bill(
        &rig,
        invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]),
    )
    .await;
    bill(
        &rig,
        invoice("FA-2", &[engaged.line("RESTAURATION", 1, 3.0)]),
    )
    .await;
    let page = |number: u32| {
        let path = format!("/v2/factures/etats?numeroPage={number}");
        let rig = &rig;
        async move { rig.get("akto", &path).await.json() }
    };
    let (one, two, three) = (page(1).await, page(2).await, page(3).await);
    assert_eq!((&one["total"], &one["count"]), (&json!(2), &json!(1)));
    assert_eq!(two["factures"][0]["referenceFactureCFA"], "FA-2");
    assert_eq!(three["count"], 0);
    let fault = |kind| {
        let fault = Fault::new(kind).on(Scope::FacturesEtats).times(1);
        rig.handle().add_fault("akto", fault).unwrap();
    };
    fault(FaultKind::RepeatedPage);
    assert_eq!(page(2).await["factures"], one["factures"]);
    fault(FaultKind::WrappedPage);
    assert_eq!(page(1).await[0]["total"], 2);
    fault(FaultKind::EmptyList);
    assert_eq!(page(1).await["total"], 0);
    fault(FaultKind::UnknownState);
    assert_eq!(
        page(1).await["factures"][0]["etatFacture"],
        "EN_ATTENTE_PIECES"
    );
    assert_eq!(page(1).await["factures"][0]["etatFacture"], "TRANSMIS");
}

#[tokio::test]
async fn tuition_may_be_paid_while_equipment_is_under_review() {
    let (rig, engaged) = engaged().await;
    let fault = Fault::new(FaultKind::PartialSettlement).times(1);
    rig.handle().add_fault("akto", fault).unwrap();
    let lines = [
        engaged.line("PEDAGOGIE", 1, 3_120.0),
        engaged.line("PREMIEREQUIPEMENT", 1, 500.0),
    ];
    bill(&rig, invoice("FA-1", &lines)).await;
    rig.handle().move_clock(65_000, None);
    let partial = factures(&rig).await[0].clone();
    assert_eq!(partial["etatFacture"], "EN_COURS_INSTRUCTION");
    assert!(partial["commentaire"].as_str().unwrap().contains("partiel"));
    assert_eq!(line(&rig, &engaged, 0).await, (3_120.0, 0.0));
    let detail = engaged.detail(&rig, "akto").await;
    let equipment = &detail["detailsFacturation"]["fraisPremierEquipementRegles"];
    assert_eq!(equipment, false);
    rig.handle().move_clock(600_000, None);
    assert_eq!(factures(&rig).await[0]["etatFacture"], "REGLE");
}

#[tokio::test]
async fn an_invoice_may_be_refused_after_it_was_taken() {
    let (rig, engaged) = engaged().await;
    let fault = Fault::new(FaultKind::LateRefusal)
        .saying("SIRET_DIFFERENT_ECHEANCE")
        .times(1);
    rig.handle().add_fault("akto", fault).unwrap();
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    bill(&rig, body.clone()).await;
    rig.handle().move_clock(65_000, None);
    let refused = factures(&rig).await[0].clone();
    assert_eq!(refused["etatFacture"], "REJETE");
    assert!(refused["commentaire"].as_str().unwrap().contains("SIRET"));
    assert_eq!(line(&rig, &engaged, 0).await, (0.0, 0.0), "nothing moved");
    bill(&rig, body).await;
}

#[tokio::test]
async fn a_line_after_the_first_is_paid_once_its_certificate_is_there() {
    let (rig, engaged) = engaged().await;
    rig.handle().move_clock(210 * DAY_MS, None);
    let without = |numero: &str, echeance, euros| {
        let mut body = invoice(numero, &[engaged.line("PEDAGOGIE", echeance, euros)]);
        body["estCertificatRealisation"] = json!(false);
        body
    };
    bill(&rig, without("FA-1", 1, 3_120.0)).await;
    bill(&rig, without("FA-2", 2, 2_340.0)).await;
    bill(&rig, without("FA-3", 3, 1_560.0)).await;
    rig.handle().move_clock(DAY_MS, None);
    let states = |all: Vec<Value>| -> Vec<String> {
        all.iter()
            .map(|one| one["etatFacture"].as_str().unwrap().to_owned())
            .collect()
    };
    let waiting = factures(&rig).await;
    assert!(
        waiting[1]["commentaire"]
            .as_str()
            .unwrap()
            .contains("certificat")
    );
    assert_eq!(
        states(waiting),
        ["REGLE", "EN_COURS_INSTRUCTION", "EN_COURS_INSTRUCTION"]
    );
    let structured = Piece::certificat(certificat_of(&engaged, 2));
    let reply = rig.send_piece("akto", structured).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let document = json!({"typeFichier": "CERTIFICAT_REALISATION", "objets": [
        {"typeObjet": "FACTURE", "idObjet": "900003"},
        {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": engaged.numero},
    ]});
    let reply = rig.send_piece("akto", Piece::document(document)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    rig.handle().move_clock(60_000, None);
    assert_eq!(states(factures(&rig).await), ["REGLE", "REGLE", "REGLE"]);
}

#[tokio::test]
async fn an_opco_that_pays_the_first_line_by_itself_refuses_its_invoice() {
    let (rig, engaged) = engaged().await;
    let auto = Overrides::default().with(Capability::AutoEcheance1, Openness::Production);
    rig.handle().configure("akto", &auto).unwrap();
    rig.handle().move_clock(60_000, None);
    assert_eq!(line(&rig, &engaged, 0).await, (3_120.0, 0.0));
    assert!(factures(&rig).await.is_empty());
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    let reply = rig.send_piece("akto", Piece::facture(body)).await;
    assert_eq!(
        reply.json()["errors"][0]["code"],
        "MONTANT_ECHEANCE_INATTENDU"
    );
}

#[tokio::test]
async fn a_line_issued_again_keeps_its_number_and_has_another_label() {
    let (rig, engaged) = engaged().await;
    let path = format!("/akto/dossiers/{}/echeances/1", engaged.numero);
    let done = rig.control(Method::POST, &path, Some(json!({}))).await;
    assert_eq!(done.status, 200, "{done:?}");
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    let reply = rig.send_piece("akto", Piece::facture(body.clone())).await;
    assert_eq!(reply.json()["errors"][0]["code"], "ECHEANCE_INCONNUE");
    let detail = engaged.detail(&rig, "akto").await;
    let first = &detail["echeances"][0];
    assert_eq!(
        (&first["numero"], &first["codification"]),
        (&json!(1), &json!("A1-2"))
    );
    let mut again = body;
    again["lignes"][0]["codificationEcheance"] = first["codification"].clone();
    bill(&rig, again).await;
    // The fault does the same to the first line nobody has invoiced, when the dossier is read.
    let fault = Fault::new(FaultKind::ReissuedSchedule).times(1);
    rig.handle().add_fault("akto", fault).unwrap();
    let detail = engaged.detail(&rig, "akto").await;
    assert_eq!(detail["echeances"][1]["codification"], "A2-2");
    let path = format!("/akto/dossiers/{}/echeances/99", engaged.numero);
    let unknown = rig.control(Method::POST, &path, Some(json!({}))).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_dossier_is_closed_once_every_line_is_paid() {
    let (rig, engaged) = engaged().await;
    rig.handle().move_clock(700 * DAY_MS, None);
    let detail = engaged.detail(&rig, "akto").await;
    for (rank, echeance) in detail["echeances"].as_array().unwrap().iter().enumerate() {
        assert_eq!(etat(&rig), Etat::Engage);
        let numero = u32::try_from(rank + 1).unwrap();
        let euros = echeance["montantTotal"].as_f64().unwrap();
        let body = invoice(
            &format!("FA-{numero}"),
            &[engaged.line("PEDAGOGIE", numero, euros)],
        );
        bill(&rig, body).await;
    }
    rig.handle().move_clock(64_999, None);
    assert_eq!(etat(&rig), Etat::Engage);
    rig.handle().move_clock(1, None);
    assert_eq!(etat(&rig), Etat::Solde);
    let listed = rig.get("akto", "/v2/dossiers/etats").await.json();
    assert_eq!(listed["EtatDossierResult"][0]["etat"], "SOLDE");
    let detail = engaged.detail(&rig, "akto").await;
    for line in detail["echeances"].as_array().unwrap() {
        assert_eq!(line["montantRegle"], line["montantTotal"]);
    }
}

#[tokio::test]
async fn the_balance_is_lost_four_months_after_the_end() {
    let (rig, engaged) = engaged().await;
    // The contract ends on 2028-08-31: the last day is 2028-12-31.
    rig.handle().move_clock(771 * DAY_MS, None);
    for (numero, euros) in [
        (1, 3_120.0),
        (2, 2_340.0),
        (3, 1_560.0),
        (4, 780.0),
        (5, 3_120.0),
        (6, 2_340.0),
        (7, 1_560.0),
    ] {
        let body = invoice(
            &format!("FA-{numero}"),
            &[engaged.line("PEDAGOGIE", numero, euros)],
        );
        bill(&rig, body).await;
    }
    rig.handle().move_clock(60 * DAY_MS, None);
    assert_eq!(
        etat(&rig),
        Etat::Solde,
        "nothing is left that could be paid"
    );
    let late = invoice("FA-8", &[engaged.line("PEDAGOGIE", 8, 780.0)]);
    let reply = rig.send_piece("akto", Piece::facture(late)).await;
    assert_eq!(reply.json()["errors"][0]["code"], "ECHEANCE_FORCLOSE");
    assert_eq!(line(&rig, &engaged, 7).await, (0.0, 0.0));
}

#[tokio::test]
async fn a_termination_cuts_the_schedule_to_the_days_until_then() {
    let (rig, engaged) = engaged().await;
    bill(
        &rig,
        invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]),
    )
    .await;
    let reply = rig
        .terminate("akto", &rupture_of(&engaged, "MARTIN", "2027-06-30"))
        .await;
    assert_eq!(
        (reply.status, reply.json()),
        (
            200,
            json!({"numeroInterne": engaged.numero, "etat": "RUPTU"})
        )
    );
    let detail = engaged.detail(&rig, "akto").await;
    assert_eq!(detail["cerfa"]["etat"], "RUPTURE");
    assert_eq!(
        detail["cerfa"]["contrat"]["dateRupture"],
        "2027-06-30T00:00:00+00:00"
    );
    let lines = detail["echeances"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "what was invoiced, and what is left");
    // 303 days of 365.
    assert_eq!(detail["engagement"], 6_475.06);
    let rest = lines[1]["montantTotal"].as_f64().unwrap();
    let mut last = engaged.line("PEDAGOGIE", 2, rest);
    last["codificationEcheance"] = lines[1]["codification"].clone();
    rig.handle().move_clock(230 * DAY_MS, None);
    bill(&rig, invoice("FA-2", &[last])).await;
    rig.handle().move_clock(DAY_MS, None);
    assert_eq!(etat(&rig), Etat::Solde);
}

#[tokio::test]
async fn a_credit_note_cancels_what_is_unpaid_and_takes_back_what_is_paid() {
    let (rig, engaged) = engaged().await;
    let note = |numero: &str, origine: &str, line: Value| {
        let mut body = invoice(numero, &[line]);
        body["typeFacture"] = json!("AVOIR");
        body["numeroFactureOrigine"] = json!(origine);
        body
    };
    let tuition = |euros| engaged.line("PEDAGOGIE", 1, euros);
    bill(&rig, invoice("FA-1", &[tuition(3_120.0)])).await;
    bill(&rig, note("AV-1", "FA-1", tuition(-3_120.0))).await;
    assert_eq!(factures(&rig).await[0]["etatFacture"], "ANNULE");
    assert_eq!(line(&rig, &engaged, 0).await, (0.0, 0.0));
    // The line can be invoiced again, paid, and credited in part.
    bill(&rig, invoice("FA-2", &[tuition(3_120.0)])).await;
    rig.handle().move_clock(65_000, None);
    bill(&rig, note("AV-2", "FA-2", tuition(-120.0))).await;
    assert_eq!(line(&rig, &engaged, 0).await, (3_120.0, 0.0));
    rig.handle().move_clock(65_000, None);
    assert_eq!(line(&rig, &engaged, 0).await, (3_000.0, 0.0));
    for (numero, origine, euros, code) in [
        ("AV-3", "FA-1", -1.0, "AVOIR_SANS_FACTURE"),
        ("AV-3", "FA-9", -1.0, "AVOIR_SANS_FACTURE"),
        ("AV-3", "FA-2", -3_000.01, "AVOIR_EXCESSIF"),
        ("AV-3", "FA-2", 1.0, "AVOIR_EXCESSIF"),
        ("AV-2", "FA-2", -1.0, "FACTURE_DEJA_CONNUE"),
    ] {
        let body = note(numero, origine, tuition(euros));
        let reply = rig.send_piece("akto", Piece::facture(body)).await;
        assert_eq!(reply.json()["errors"][0]["code"], code, "{numero} {euros}");
    }
}

#[tokio::test]
async fn payments_wait_for_an_order_when_told_to() {
    let (rig, engaged) = engaged().await;
    let still = Overrides {
        payment: Some(Payment {
            instruction_ms: Some(1),
            payment_ms: None,
            rest_ms: None,
        }),
        ..Overrides::default()
    };
    rig.handle().configure("akto", &still).unwrap();
    bill(
        &rig,
        invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]),
    )
    .await;
    rig.handle().move_clock(100 * DAY_MS, None);
    assert_eq!(line(&rig, &engaged, 0).await, (0.0, 3_120.0));
    let order = InvoiceOrder {
        etat: EtatFacture::Regle,
        motif: None,
    };
    rig.handle()
        .set_invoice_state("akto", "900001", order.clone())
        .unwrap();
    assert_eq!(line(&rig, &engaged, 0).await, (3_120.0, 0.0));
    let listed = rig
        .control(Method::GET, "/akto/factures", None)
        .await
        .json();
    assert_eq!(
        (&listed[0]["reference"], &listed[0]["etat"]),
        (&json!("FA-1"), &json!("REGLE"))
    );
    assert!(rig.handle().set_invoice_state("akto", "7", order).is_err());
}

#[tokio::test]
async fn an_opco_that_restarts_forgets_no_money() {
    let file = Scratch::new("ledger");
    let start = || {
        Rig::with(|settings| {
            settings.ledger = Some(file.0.clone());
            settings.opcos.insert("akto".to_owned(), all_open());
        })
    };
    let rig = start().await;
    let engaged = Engaged::at(&rig, "akto", "MARTIN").await;
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    bill(&rig, body.clone()).await;
    let end = rupture_of(&engaged, "MARTIN", "2027-06-30");
    assert_eq!(rig.terminate("akto", &end).await.status, 200);
    let before = engaged.detail(&rig, "akto").await;
    rig.running.stop().await;

    assert!(!file.text().contains("FR7699999999990000000000153"));
    let rig = start().await;
    rig.handle().move_clock(60_000, None);
    let after = engaged.detail(&rig, "akto").await;
    assert_eq!(after["echeances"], before["echeances"]);
    assert_eq!(after["cerfa"]["etat"], "RUPTURE");
    let again = rig.send_piece("akto", Piece::facture(body)).await;
    assert_eq!(again.json()["errors"][0]["code"], "FACTURE_DEJA_CONNUE");
    assert_eq!(rig.terminate("akto", &end).await.status, 400);
    assert_eq!(rig.handle().ledger(Some("akto"), 0, 10).unwrap().total, 3);
}
