//! Sending an invoice: what is taken, and every reason why one is not.

use serde_json::{Value, json};
use simulator::{Capability, Kind, Openness, Overrides};

use crate::rig::{Engaged, Piece, Reply, Rig, all_open, convention_of, invoice};

/// Starts with everything open at one OPCO, and an engaged contract there.
async fn engaged(slug: &str) -> (Rig, Engaged) {
    let rig = Rig::with(|settings| {
        settings.opcos.insert(slug.to_owned(), all_open());
    })
    .await;
    let engaged = Engaged::at(&rig, slug, "MARTIN").await;
    (rig, engaged)
}

async fn billed(rig: &Rig, body: &Value) -> Reply {
    rig.send_piece("akto", Piece::facture(body.clone())).await
}

/// Returns the codes of a refusal.
fn codes(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 400, "{reply:?}");
    let body = reply.json();
    let errors = body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_invoice_is_taken_and_answered_like_the_sample() {
    let (rig, engaged) = engaged("akto").await;
    let lines = [
        engaged.line("PEDAGOGIE", 1, 3_120.0),
        engaged.line("PREMIEREQUIPEMENT", 1, 500.0),
    ];
    let reply = billed(&rig, &invoice("FA-1", &lines)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let sample: Value =
        serde_json::from_str(include_str!("../samples/facture-reponse.json")).unwrap();
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&reply.json()), keys(&sample));
    let ledger = rig
        .handle()
        .ledger_of(Some("akto"), Kind::Facture, 0, 10)
        .unwrap();
    let [entry] = ledger.entries.try_into().unwrap();
    assert_eq!(entry.natural_key, "98765432400019|FA-1");
    assert_eq!(entry.numero_interne, reply.json()["numeroInterneFacture"]);
    assert_eq!(entry.dossiers, [engaged.numero]);
    assert_eq!(entry.file.unwrap().sha256.len(), 64);
    assert_eq!(entry.content_sha256.unwrap().len(), 64);
}

#[tokio::test]
async fn amounts_may_be_texts_and_are_compared_to_the_cent() {
    let (rig, engaged) = engaged("akto").await;
    let mut body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_119.99)]);
    assert_eq!(
        codes(&billed(&rig, &body).await),
        ["MONTANT_ECHEANCE_INATTENDU"]
    );
    body["lignes"][0]["montant"] = json!("3120.00");
    body["montantTotal"] = json!("3120.0");
    assert_eq!(billed(&rig, &body).await.status, 200);
}

#[tokio::test]
async fn each_of_the_twelve_reasons_is_said_when_it_is_due() {
    let (rig, engaged) = engaged("akto").await;
    let good = || invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    let with = |pointer: &str, value: Value| {
        let mut body = good();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let annexes = |nature: &str, euros: f64| {
        let lines = [
            engaged.line("PEDAGOGIE", 1, 3_120.0),
            engaged.line(nature, 1, euros),
        ];
        invoice("FA-1", &lines)
    };
    let later = invoice("FA-1", &[engaged.line("PEDAGOGIE", 2, 2_340.0)]);
    let split = [
        engaged.line("PEDAGOGIE", 1, 3_000.0),
        engaged.line("MAJORATION_RQTH", 1, 120.0),
    ];
    let cases = [
        (
            with("/ibanEmetteur", json!("FR7699999999990000000000250")),
            "IBAN_DIFFERENT_ECHEANCE",
        ),
        (with("/ibanEmetteur", json!("")), "IBAN_EMETTEUR_ABSENT"),
        (
            annexes("PREMIEREQUIPEMENT", 500.01),
            "FRAIS_ANNEXES_PLAFOND_DEPASSE",
        ),
        (annexes("HEBERGEMENT", 6.0), "FRAIS_ANNEXES_PLAFOND_DEPASSE"),
        (
            invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_000.0)]),
            "MONTANT_ECHEANCE_INATTENDU",
        ),
        (invoice("FA-1", &split), "MONTANT_INATTENDU"),
        (
            with("/siretEmetteur", json!("98765432400027")),
            "SIRET_EMETTEUR_INCONNU",
        ),
        (
            with("/lignes/0/numeroDossier", json!(null)),
            "NUMERO_EXTERNE_ABSENT",
        ),
        (with("/lignes/0/numeroDeca", json!("")), "DECA_ABSENT"),
        (
            with("/lignes/0/numeroDeca", json!("093202609999999")),
            "DECA_DIFFERENT",
        ),
        (
            with("/lignes/0/numeroDossier", json!(engaged.numero)),
            "DOSSIER_INCONNU",
        ),
        (later, "ECHEANCE_NON_OUVERTE"),
        (
            with("/montantTotal", json!(3_120.01)),
            "TOTAL_DIFFERENT_SOMME_LIGNES",
        ),
        (
            with("/lignes/0/numeroEcheance", json!(9)),
            "ECHEANCE_INCONNUE",
        ),
        (
            with("/lignes/0/codificationEcheance", json!("E1")),
            "ECHEANCE_INCONNUE",
        ),
    ];
    for (body, code) in cases {
        assert_eq!(codes(&billed(&rig, &body).await), [code], "{body}");
    }
}

#[tokio::test]
async fn everything_against_an_invoice_is_said_at_once_and_nothing_is_taken() {
    let (rig, engaged) = engaged("akto").await;
    let good = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    let mut all = good.clone();
    all["ibanEmetteur"] = json!(null);
    all["montantTotal"] = json!(1);
    all["lignes"][0]["numeroDossier"] = json!(null);
    assert_eq!(codes(&billed(&rig, &all).await).len(), 3);
    let total = |kind| rig.handle().ledger_of(None, kind, 0, 0).unwrap().total;
    assert_eq!(total(Kind::Facture), 0);
    assert_eq!(billed(&rig, &good).await.status, 200);
    assert_eq!(total(Kind::Facture), 1);
}

#[tokio::test]
async fn a_siret_of_another_contract_is_known_and_different() {
    let (rig, engaged) = engaged("akto").await;
    let mut other = crate::rig::dossier_of("PETIT");
    other["cerfa"]["organismeFormation"]["siret"] = json!("98765432400027");
    rig.file("akto", simulator::Version::V1, &other)
        .await
        .numero();
    let mut body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    body["siretEmetteur"] = json!("98765432400027");
    let said = codes(&billed(&rig, &body).await);
    assert_eq!(said, ["SIRET_DIFFERENT_ECHEANCE"]);
}

#[tokio::test]
async fn a_number_that_is_taken_is_known_whatever_comes_with_it() {
    let (rig, engaged) = engaged("akto").await;
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    assert_eq!(billed(&rig, &body).await.status, 200);
    let again = billed(&rig, &body).await;
    let other = invoice("FA-1", &[engaged.line("PREMIEREQUIPEMENT", 1, 10.0)]);
    let other = billed(&rig, &other).await;
    assert_eq!(codes(&again), ["FACTURE_DEJA_CONNUE"]);
    assert_eq!(again.text, other.text, "the same words");
    // The same money under another number has been asked for already.
    let mut twice = body.clone();
    twice["numero"] = json!("FA-2");
    assert_eq!(
        codes(&billed(&rig, &twice).await),
        ["MONTANT_ECHEANCE_INATTENDU"]
    );
    // Refused later, it may be sent again under its number.
    let rejected = json!({"etat": "REJETE", "motif": "IBAN_DIFFERENT_ECHEANCE"});
    let path = "/akto/factures/900001/etat";
    let reply = rig
        .control(reqwest::Method::POST, path, Some(rejected))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(billed(&rig, &body).await.status, 200);
}

#[tokio::test]
async fn the_same_invoice_at_once_is_taken_once() {
    let (rig, engaged) = engaged("akto").await;
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    let sent = tokio::join!(
        billed(&rig, &body),
        billed(&rig, &body),
        billed(&rig, &body)
    );
    let mut statuses = [sent.0.status, sent.1.status, sent.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
}

#[tokio::test]
async fn several_contracts_or_periods_pass_only_where_they_may() {
    let (rig, first) = engaged("akto").await;
    let second = Engaged::at(&rig, "akto", "PETIT").await;
    rig.handle().move_clock(120 * 86_400_000, None);
    let contracts = invoice(
        "FA-1",
        &[
            first.line("PEDAGOGIE", 1, 3_120.0),
            second.line("PEDAGOGIE", 1, 3_120.0),
        ],
    );
    let periods = invoice(
        "FA-2",
        &[
            first.line("PEDAGOGIE", 1, 3_120.0),
            first.line("PEDAGOGIE", 2, 2_340.0),
        ],
    );
    let closed = Overrides::default()
        .with(Capability::MultiContrats, Openness::Unknown)
        .with(Capability::MultiEcheances, Openness::Unknown);
    rig.handle().configure("akto", &closed).unwrap();
    assert_eq!(
        codes(&billed(&rig, &contracts).await),
        ["MULTI_CONTRATS_NON_ADMIS"]
    );
    assert_eq!(
        codes(&billed(&rig, &periods).await),
        ["MULTI_ECHEANCES_NON_ADMISES"]
    );
    rig.handle().configure("akto", &all_open()).unwrap();
    assert_eq!(billed(&rig, &periods).await.status, 200);
    let said = codes(&billed(&rig, &contracts).await);
    assert_eq!(said, ["MONTANT_ECHEANCE_INATTENDU"]);
}

#[tokio::test]
async fn an_adjusted_amount_passes_only_where_it_may() {
    let (rig, engaged) = engaged("akto").await;
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_000.0)]);
    assert_eq!(billed(&rig, &body).await.status, 400);
    let lenient = Overrides {
        adjusted_amounts: Some(true),
        strict_iban: Some(false),
        ..Overrides::default()
    };
    rig.handle().configure("akto", &lenient).unwrap();
    let mut body = body;
    body["ibanEmetteur"] = json!("FR7699999999990000000000250");
    assert_eq!(billed(&rig, &body).await.status, 200);
    let rest = invoice("FA-2", &[engaged.line("PEDAGOGIE", 1, 120.01)]);
    assert_eq!(billed(&rig, &rest).await.status, 400);
    let rest = invoice("FA-2", &[engaged.line("PEDAGOGIE", 1, 120.0)]);
    assert_eq!(billed(&rig, &rest).await.status, 200);
}

#[tokio::test]
async fn an_agreement_decides_what_ancillary_costs_are_granted() {
    let (rig, engaged) = engaged("akto").await;
    let mut agreement = convention_of(&engaged, "MARTIN");
    agreement["couts"]["nombreRepasTotaux"] = json!(10);
    agreement["couts"]["montantPremierEquipement"] = json!(0);
    let reply = rig.send_piece("akto", Piece::convention(agreement)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let detail = engaged.detail(&rig, "akto").await;
    assert_eq!(
        detail["engagementsFraisAnnexe"],
        json!([{"natureFrais": "RESTAURATION", "quantite": 10, "prixUnitaire": 3.0, "montantTotal": 30.0}])
    );
    let equipment = invoice("FA-1", &[engaged.line("PREMIEREQUIPEMENT", 1, 1.0)]);
    assert_eq!(
        codes(&billed(&rig, &equipment).await),
        ["FRAIS_ANNEXES_PLAFOND_DEPASSE"]
    );
    for (numero, euros, status) in [
        ("FA-2", 20.0, 200),
        ("FA-3", 10.01, 400),
        ("FA-4", 10.0, 200),
    ] {
        let meals = invoice(numero, &[engaged.line("RESTAURATION", 1, euros)]);
        assert_eq!(billed(&rig, &meals).await.status, status, "{numero}");
    }
}

#[tokio::test]
async fn each_opco_refuses_in_its_own_words_and_form() {
    let mut said = Vec::new();
    for slug in ["akto", "afdas", "opco2i", "opcoep"] {
        let (rig, engaged) = engaged(slug).await;
        let label = rig.handle().settings(slug).unwrap().codification;
        let mut line = engaged.line("PEDAGOGIE", 1, 3_120.0);
        line["codificationEcheance"] = match label {
            simulator::Codification::A => json!("A1"),
            simulator::Codification::E => json!("E1"),
            simulator::Codification::Bare => json!("1"),
        };
        let mut body = invoice("FA-1", &[line]);
        body["montantTotal"] = json!(1.0);
        let reply = rig.send_piece(slug, Piece::facture(body)).await;
        assert_eq!(reply.status, 400, "{slug} {reply:?}");
        said.push(reply.json());
    }
    let sample: Value =
        serde_json::from_str(include_str!("../samples/erreur-400-facture.json")).unwrap();
    assert_eq!(said[0]["description"], sample["description"]);
    assert_eq!(said[0]["errors"][0], sample["errors"][0]);
    assert_eq!(
        said[1]["errors"][0],
        json!({"code": "R11", "message": "Total différent de la somme des lignes"})
    );
    assert_eq!(
        said[2]["errors"][0],
        json!({"message": "TOTAL DIFFERENT DE LA SOMME DES LIGNES"})
    );
    assert_eq!(
        said[3],
        json!({"errors": null, "comment": "TOTAL DIFFERENT DE LA SOMME DES LIGNES"})
    );
}

#[tokio::test]
async fn a_contract_that_is_not_engaged_cannot_be_invoiced() {
    let (rig, engaged) = engaged("akto").await;
    let numero = rig
        .file(
            "akto",
            simulator::Version::V1,
            &crate::rig::dossier_of("PETIT"),
        )
        .await;
    let early = Engaged {
        numero: numero.numero(),
        externe: numero.json()["numeroExterne"].as_str().unwrap().to_owned(),
        deca: engaged.deca.clone(),
    };
    let body = invoice("FA-1", &[early.line("PEDAGOGIE", 1, 3_120.0)]);
    assert_eq!(codes(&billed(&rig, &body).await), ["DOSSIER_NON_ENGAGE"]);
}

#[tokio::test]
async fn a_closed_flow_answers_501_before_anything_is_looked_at() {
    let (rig, engaged) = engaged("akto").await;
    let closed = Overrides::default()
        .with(Capability::Factures, Openness::Developpement)
        .with(Capability::FacturesEtats, Openness::Unknown);
    rig.handle().configure("akto", &closed).unwrap();
    assert_eq!(billed(&rig, &json!({})).await.status, 501);
    assert_eq!(rig.get("akto", "/v2/factures/etats").await.status, 501);
    let credit = Overrides::default()
        .with(Capability::Factures, Openness::Production)
        .with(Capability::Avoir, Openness::Unknown);
    rig.handle().configure("akto", &credit).unwrap();
    let mut note = invoice("AV-1", &[engaged.line("PEDAGOGIE", 1, -1.0)]);
    note["typeFacture"] = json!("AVOIR");
    note["numeroFactureOrigine"] = json!("FA-1");
    assert_eq!(billed(&rig, &note).await.status, 501);
}
