//! Agreements, documents, certificates, terminations, and what all bodies of several parts share.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Kind, Overrides, Scope};

use crate::rig::{
    Engaged, KEY, PDF, Piece, Reply, Rig, all_open, certificat_of, convention_of, invoice,
    rupture_of, send,
};

async fn engaged() -> (Rig, Engaged) {
    let rig = Rig::with(|settings| {
        settings.opcos.insert("akto".to_owned(), all_open());
    })
    .await;
    let engaged = Engaged::at(&rig, "akto", "MARTIN").await;
    (rig, engaged)
}

fn total(rig: &Rig, kind: Kind) -> usize {
    rig.handle()
        .ledger_of(Some("akto"), kind, 0, 0)
        .unwrap()
        .total
}

/// Returns the codes and fields of a refusal, as the page would name them.
fn codes(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let errors = body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns one good payload of every kind that comes in parts.
fn one_of_each(engaged: &Engaged) -> [(Kind, Scope, Piece); 4] {
    let document = json!({"typeFichier": "CONVENTION_MOBILITE", "objets": [
        {"typeObjet": "DOSSIER_APPRENTISSAGE", "idObjet": engaged.numero},
    ]});
    let bill = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    [
        (
            Kind::Convention,
            Scope::Conventions,
            Piece::convention(convention_of(engaged, "MARTIN")),
        ),
        (Kind::Facture, Scope::Factures, Piece::facture(bill)),
        (Kind::Document, Scope::Documents, Piece::document(document)),
        (
            Kind::Certificat,
            Scope::Certificats,
            Piece::certificat(certificat_of(engaged, 1)),
        ),
    ]
}

#[tokio::test]
async fn every_kind_is_taken_answered_with_a_number_and_written_down_once() {
    let (rig, engaged) = engaged().await;
    for (kind, _, piece) in one_of_each(&engaged) {
        let reply = rig.send_piece("akto", piece).await;
        assert_eq!(reply.status, 200, "{kind:?} {reply:?}");
        assert!(reply.json()["numeroInterneDocument"].is_string());
        assert_eq!(total(&rig, kind), 1, "{kind:?}");
    }
    let end = rupture_of(&engaged, "MARTIN", "2027-01-15");
    assert_eq!(rig.terminate("akto", &end).await.status, 200);
    let page = rig.handle().ledger(Some("akto"), 0, 100).unwrap();
    let kinds: Vec<Kind> = page.entries.iter().map(|entry| entry.kind).collect();
    let expected = [
        Kind::Dossier,
        Kind::Convention,
        Kind::Facture,
        Kind::Document,
        Kind::Certificat,
        Kind::Rupture,
    ];
    assert_eq!((kinds.as_slice(), page.total), (&expected[..], 6));
    let keys: Vec<&str> = page
        .entries
        .iter()
        .map(|e| e.natural_key.as_str())
        .collect();
    assert_eq!(keys[0], "MARTIN|Alice|2005-04-17|12345678200010|2026-09-01");
    assert_eq!(keys[1], engaged.numero);
    assert_eq!(keys[2], "98765432400019|FA-1");
    let sha = &page.entries[3].file.as_ref().unwrap().sha256;
    assert_eq!(
        keys[3],
        format!("CONVENTION_MOBILITE|{sha}|DOSSIER:{}", engaged.numero)
    );
    assert_eq!(keys[4], format!("{}|1|Intermediaire", engaged.numero));
    assert_eq!(keys[5], engaged.numero);
    let filtered = rig
        .control(Method::GET, "/ledger?opco=akto&kind=rupture", None)
        .await
        .json();
    assert_eq!(filtered["total"], 1);
}

#[tokio::test]
async fn every_fault_works_on_every_kind() {
    let (rig, engaged) = engaged().await;
    for (kind, scope, piece) in one_of_each(&engaged) {
        let on = |fault: Fault| {
            rig.handle()
                .add_fault("akto", fault.on(scope).times(1))
                .unwrap();
        };
        let sent = || rig.try_piece("akto", piece.clone());
        for (fault, status) in [
            (Fault::too_many_requests(Some(3)), 429),
            (Fault::new(FaultKind::Unavailable), 503),
            (Fault::new(FaultKind::Html), 502),
            (Fault::new(FaultKind::ExpiredToken), 401),
            (Fault::new(FaultKind::ExpiredKey), 403),
            (Fault::new(FaultKind::Refusal).saying("Motif du jour"), 400),
        ] {
            on(fault);
            let reply = sent().await.unwrap();
            assert_eq!(reply.status, status, "{kind:?} {reply:?}");
            assert_eq!(total(&rig, kind), 0, "{kind:?} {status}");
            if status == 400 {
                assert!(reply.text.contains("Motif du jour"), "{reply:?}");
            }
            rig.forget_tokens();
        }
        on(Fault::new(FaultKind::DropBeforeCommit));
        assert!(sent().await.is_err(), "{kind:?}");
        assert_eq!(total(&rig, kind), 0, "{kind:?}");
        on(Fault::new(FaultKind::LostAnswer));
        assert!(sent().await.is_err(), "{kind:?}");
        assert_eq!(total(&rig, kind), 1, "{kind:?}");
        on(Fault::new(FaultKind::Echo).with_status(400));
        let echoed = sent().await.unwrap();
        assert!(echoed.text.contains(KEY) && echoed.text.contains(piece.name));
    }
    let end = rupture_of(&engaged, "MARTIN", "2027-01-15");
    let lost = Fault::new(FaultKind::LostAnswer)
        .on(Scope::Rupture)
        .times(1);
    rig.handle().add_fault("akto", lost).unwrap();
    let call = rig
        .call(Method::POST, "akto", "/v2/dossiers/rupture/employeur")
        .await;
    assert!(send(call.json(&end)).await.is_err());
    assert_eq!(total(&rig, Kind::Rupture), 1);
    assert_eq!(
        codes(&rig.terminate("akto", &end).await),
        ["RUPTURE_DEJA_ENREGISTREE"]
    );
}

#[tokio::test]
async fn headers_are_checked_before_the_parts_and_the_parts_before_the_business() {
    let (rig, _) = engaged().await;
    let bare = rig.bare(Method::POST, "akto", "/v1/factures");
    let form = Form::new().text("facture", "no json");
    assert_eq!(send(bare.multipart(form)).await.unwrap().status, 401);
    let token = rig.token("akto").await;
    let call = || {
        rig.bare(Method::POST, "akto", "/v1/factures")
            .bearer_auth(&token)
    };
    let form = || Form::new().text("facture", "no json");
    assert_eq!(send(call().multipart(form())).await.unwrap().status, 403);
    let keyed = || call().header("X-Api-Key", KEY);
    let software = send(keyed().multipart(form())).await.unwrap();
    assert_eq!(
        software.json()["errors"][0]["code"],
        "LOGICIEL_NON_AUTORISE"
    );
    let unreadable = rig.call(Method::POST, "akto", "/v1/Factures").await;
    let reply = send(unreadable.multipart(form())).await.unwrap();
    assert_eq!(codes(&reply), ["REQUETE_ILLISIBLE"]);
    let json = rig.call(Method::POST, "akto", "/v1/factures").await;
    let reply = send(json.json(&json!({}))).await.unwrap();
    assert_eq!(reply.status, 415);
    let empty = rig.call(Method::POST, "akto", "/v1/factures").await;
    let reply = send(empty.multipart(Form::new().text("convention", "{}")))
        .await
        .unwrap();
    assert_eq!(codes(&reply), ["PARTIE_ABSENTE"]);
    let schema = rig.send_piece("akto", Piece::facture(json!({}))).await;
    assert!(codes(&schema).iter().all(|code| code == "CHAMP_ABSENT"));
}

#[tokio::test]
async fn a_file_is_wanted_and_told_by_its_first_bytes_and_its_size() {
    let (rig, engaged) = engaged().await;
    let small = Overrides {
        largest_file: Some(64),
        ..Overrides::default()
    };
    rig.handle().configure("akto", &small).unwrap();
    let png = b"\x89PNG\r\n\x1a\n".to_vec();
    let large = [PDF, &[b' '; 64]].concat();
    let with = |piece: &Piece, file: Option<Vec<u8>>| Piece {
        file,
        ..piece.clone()
    };
    for (kind, _, piece) in one_of_each(&engaged) {
        let sent = |file| rig.send_piece("akto", with(&piece, file));
        let disguised = sent(Some(b"MZ not a pdf".to_vec())).await;
        assert_eq!(disguised.status, 400, "{kind:?}");
        assert!(disguised.text.contains("FICHIER_REFUSE"));
        assert_eq!(sent(Some(large.clone())).await.status, 413, "{kind:?}");
        assert_eq!(sent(Some(Vec::new())).await.status, 400, "{kind:?}");
        let image = if kind == Kind::Facture { 400 } else { 200 };
        assert_eq!(sent(Some(png.clone())).await.status, image, "{kind:?}");
        let none = if kind == Kind::Certificat { 200 } else { 400 };
        assert_eq!(sent(None).await.status, none, "{kind:?}");
    }
}

#[tokio::test]
async fn a_large_file_passes_and_its_sum_is_right() {
    let (rig, engaged) = engaged().await;
    let mut file = PDF.to_vec();
    file.resize(5 * 1024 * 1024, b'%');
    let expected = sum_of(&file);
    let piece = Piece {
        file: Some(file.clone()),
        ..Piece::convention(convention_of(&engaged, "MARTIN"))
    };
    assert_eq!(rig.send_piece("akto", piece).await.status, 200);
    let page = rig
        .handle()
        .ledger_of(Some("akto"), Kind::Convention, 0, 1)
        .unwrap();
    let kept = page.entries[0].file.clone().unwrap();
    assert_eq!((kept.bytes, kept.sha256), (5 * 1024 * 1024, expected));
    // Beyond what is read to the end, the connection is left.
    file.resize(65 * 1024 * 1024, b'%');
    let piece = Piece {
        file: Some(file),
        ..Piece::convention(convention_of(&engaged, "MARTIN"))
    };
    let left = rig.try_piece("akto", piece).await;
    assert!(left.is_err() || left.unwrap().status == 413);
}

fn sum_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

#[tokio::test]
async fn parts_may_come_in_any_order_with_others_between() {
    let (rig, engaged) = engaged().await;
    let json = convention_of(&engaged, "MARTIN").to_string();
    let typed = Part::text(json).mime_str("application/json").unwrap();
    let form = Form::new()
        .part(
            "fichier",
            Part::bytes(PDF).file_name("convention signée.pdf"),
        )
        .text("remarque", "rien")
        .part("convention", typed);
    let call = rig.call(Method::POST, "akto", "/v1/conventions").await;
    assert_eq!(send(call.multipart(form)).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_agreement_needs_its_contract_its_mandate_and_its_attestations() {
    let (rig, engaged) = engaged().await;
    let good = convention_of(&engaged, "MARTIN");
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, status, code) in [
        (
            with("/numeroInterneDossier", json!("7")),
            404,
            "DOSSIER_INCONNU",
        ),
        (
            with("/apprenti/nom", json!("MARTINE")),
            400,
            "CONVENTION_NON_CONFORME",
        ),
        (
            with("/employeur/siret", json!("11122237800015")),
            400,
            "CONVENTION_NON_CONFORME",
        ),
        (with("/mandatEmployeur", json!(false)), 400, "MANDAT_ABSENT"),
        (
            with("/attestationConventionConformeJSON", json!(false)),
            400,
            "ATTESTATION_ABSENTE",
        ),
        (with("/mandatEmployeur", json!(null)), 400, "CHAMP_ABSENT"),
        (
            with("/couts/coutTotalPedagogieCFA", json!("cher")),
            400,
            "CHAMP_INVALIDE",
        ),
    ] {
        let reply = rig.send_piece("akto", Piece::convention(body)).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(codes(&reply), [code]);
    }
    assert_eq!(total(&rig, Kind::Convention), 0);
    // Nothing in the protocol says that a second one is refused.
    for count in 1..=2 {
        let reply = rig
            .send_piece("akto", Piece::convention(good.clone()))
            .await;
        assert_eq!((reply.status, total(&rig, Kind::Convention)), (200, count));
    }
}

#[tokio::test]
async fn a_document_belongs_to_something_the_opco_knows() {
    let (rig, engaged) = engaged().await;
    let document = |objet: &str, id: &str| {
        Piece::document(json!({
            "typeFichier": "FACTURE",
            "objets": [{"typeObjet": objet, "idObjet": id}],
        }))
    };
    let unknown = rig.send_piece("akto", document("FACTURE", "900001")).await;
    // This route writes its keys with capitals (protocol §3.5).
    assert_eq!(unknown.json()["Errors"][0]["Code"], "FACTURE_INCONNUE");
    let unknown = rig
        .send_piece("akto", document("DOSSIER_APPRENTISSAGE", "7"))
        .await;
    assert_eq!(unknown.json()["Errors"][0]["Code"], "DOSSIER_INCONNU");
    let none = Piece::document(json!({"typeFichier": "FACTURE", "objets": []}));
    assert_eq!(rig.send_piece("akto", none).await.status, 400);
    let body = invoice("FA-1", &[engaged.line("PEDAGOGIE", 1, 3_120.0)]);
    rig.send_piece("akto", Piece::facture(body)).await;
    let known = rig.send_piece("akto", document("FACTURE", "900001")).await;
    assert_eq!(known.status, 200, "{known:?}");
}

#[tokio::test]
async fn a_certificate_is_about_a_past_period_of_a_known_line() {
    let (rig, engaged) = engaged().await;
    let with = |pointer: &str, value: Value| {
        let mut body = certificat_of(&engaged, 1);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    for (body, code) in [
        (with("/echeance/numero", json!(99)), "ECHEANCE_INCONNUE"),
        (
            with("/echeance/codification", json!("Z")),
            "ECHEANCE_INCONNUE",
        ),
        (
            with("/echeance/dateFin", json!("2030-01-01")),
            "PERIODE_INCOHERENTE",
        ),
        (
            with("/employeur/siret", json!("11122237800015")),
            "CERTIFICAT_NON_CONFORME",
        ),
        (
            with("/numeroInterneFacture", json!("900001")),
            "FACTURE_INCONNUE",
        ),
        (with("/typeCertificat", json!("Partiel")), "CHAMP_INVALIDE"),
    ] {
        let reply = rig.send_piece("akto", Piece::certificat(body)).await;
        assert_eq!((reply.status, codes(&reply)), (400, vec![code.to_owned()]));
    }
    assert_eq!(total(&rig, Kind::Certificat), 0);
}

#[tokio::test]
async fn a_termination_is_about_its_contract_and_comes_once() {
    let (rig, engaged) = engaged().await;
    let mut wrong = rupture_of(&engaged, "MARTIN", "2029-01-01");
    wrong["numeroDeca"] = json!("093202609999999");
    let reply = rig.terminate("akto", &wrong).await;
    assert_eq!(
        codes(&reply),
        ["RUPTURE_NON_CONFORME", "RUPTURE_NON_CONFORME"]
    );
    let good = rupture_of(&engaged, "MARTIN", "2027-01-15");
    let twice = tokio::join!(rig.terminate("akto", &good), rig.terminate("akto", &good));
    let mut statuses = [twice.0.status, twice.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(total(&rig, Kind::Rupture), 1);
    let early = rig
        .file(
            "akto",
            simulator::Version::V1,
            &crate::rig::dossier_of("PETIT"),
        )
        .await;
    let early = Engaged {
        numero: early.numero(),
        externe: early.json()["numeroExterne"].as_str().unwrap().to_owned(),
        deca: engaged.deca.clone(),
    };
    let mut body = rupture_of(&early, "PETIT", "2027-01-15");
    body["numeroDeca"] = json!(null);
    assert_eq!(
        codes(&rig.terminate("akto", &body).await),
        ["DOSSIER_NON_ENGAGE"]
    );
}

#[tokio::test]
async fn another_key_cannot_send_for_a_contract_it_does_not_see() {
    let (rig, engaged) = engaged().await;
    let token = rig.token("akto").await;
    let call = rig
        .bare(Method::POST, "akto", "/v1/conventions")
        .bearer_auth(token)
        .header("X-API-KEY", "une-autre-cle-93000")
        .header("EDITEUR", "Essais")
        .header("LOGICIEL", "Banc")
        .header("VERSION", "1.0.0");
    let form = Form::new()
        .text("convention", convention_of(&engaged, "MARTIN").to_string())
        .part("fichier", Part::bytes(PDF));
    let reply = send(call.multipart(form)).await.unwrap();
    assert_eq!(
        (reply.status, codes(&reply)),
        (404, vec!["DOSSIER_INCONNU".to_owned()])
    );
}
