//! What each payload that is no contract is answered, and what its refusal says.

use domain::rejet::Rejet;
use domain::{FaultKind, Kind, NormVersion, Opco};
use opco::{
    Answer, BodyEnd, Numeros, Operation, Page, Piece, PieceReceipt, Profile, Refus, Reply, decode,
};
use serde_json::{Value, json};

use crate::bench::{self, PIECES, profile, reply, sample};

fn answered(profile: &Profile, piece: Piece, reply: &Reply) -> Result<PieceReceipt, FaultKind> {
    let operation = bench::piece(piece, false);
    match decode(profile, &operation, reply, &[]) {
        Ok(Answer::Piece(receipt)) => Ok(receipt),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => Err(fault.kind),
    }
}

fn refused(opco: Opco, overlay: &str, piece: Piece, status: u16, body: &Value) -> domain::Fault {
    let operation = bench::piece(piece, false);
    let reply = reply(status, body.to_string());
    decode(&profile(opco, overlay), &operation, &reply, &[]).unwrap_err()
}

fn factures(body: &Value) -> Result<Page<domain::facture_etat::FactureEtat>, FaultKind> {
    let operation = Operation::FacturesEtats { page: 1 };
    let akto = profile(Opco::Akto, "");
    match decode(&akto, &operation, &reply(200, body.to_string()), &[]) {
        Ok(Answer::FacturesEtats(page)) => Ok(page),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => Err(fault.kind),
    }
}

#[test]
fn each_piece_has_its_receipt_at_every_opco() {
    let documented = json!({"numeroInterneDocument": 770_042}).to_string();
    for opco in Opco::ALL {
        let profile = profile(opco, "");
        for piece in [Piece::Convention, Piece::Certificat, Piece::Document] {
            let receipt = answered(&profile, piece, &reply(201, documented.as_str())).unwrap();
            assert_eq!(receipt.numeros.document.as_deref(), Some("770042"));
            assert_eq!(receipt.receipt, domain::Receipt::default());
        }
        let receipt = answered(
            &profile,
            Piece::Facture,
            &reply(200, sample("facture-reponse")),
        );
        let numeros = Numeros {
            facture: Some("900042".to_owned()),
            document: Some("770042".to_owned()),
        };
        assert_eq!(receipt.unwrap().numeros, numeros);
        let ended = json!([{"NumeroInterne": "1234567", "Etat": "RUPTU"}]).to_string();
        let receipt = answered(&profile, Piece::Rupture, &reply(200, ended))
            .unwrap()
            .receipt;
        assert_eq!(receipt.numero_interne.as_deref(), Some("1234567"));
        assert_eq!(receipt.etat.as_deref(), Some("RUPTU"));
    }
}

#[test]
fn a_success_that_says_too_little_is_no_receipt() {
    let akto = profile(Opco::Akto, "");
    let thin = json!({"statut": "ok"}).to_string();
    for piece in PIECES {
        for (status, body) in [
            (200, ""),
            (204, ""),
            (200, "<html>Merci</html>"),
            (200, "{"),
        ] {
            let read = answered(&akto, piece, &reply(status, body));
            assert_eq!(read, Err(FaultKind::Unreadable), "{piece:?} {body}");
        }
        let half = Reply {
            body_end: BodyEnd::CutOff,
            ..reply(200, "{}")
        };
        assert_eq!(answered(&akto, piece, &half), Err(FaultKind::Unreadable));
        let told = json!({"errors": [{"description": "Fichier illisible"}]}).to_string();
        let read = answered(&akto, piece, &reply(200, told));
        assert_eq!(read, Err(FaultKind::Unreadable), "{piece:?}");
        // What the answer holds is known for two of them only.
        let enough = !matches!(piece, Piece::Facture | Piece::Rupture);
        let read = answered(&akto, piece, &reply(200, thin.as_str()));
        assert_eq!(read.is_ok(), enough, "{piece:?}");
    }
}

#[test]
fn a_profile_may_say_that_a_success_has_no_body() {
    let silent = profile(Opco::Akto, "empty_receipts = ['convention', 'facture']");
    assert!(answered(&silent, Piece::Convention, &reply(204, "")).is_ok());
    for piece in [Piece::Document, Piece::Facture, Piece::Rupture] {
        let read = answered(&silent, piece, &reply(204, ""));
        assert_eq!(read, Err(FaultKind::Unreadable), "{piece:?}");
    }
}

#[test]
fn an_invoice_already_known_is_a_duplicate_at_every_opco() {
    for opco in Opco::ALL {
        for body in [
            json!({"description": "La facture est déjà connue"}),
            json!({"errors": null, "comment": "Facture déjà intégrée"}),
            json!({"Description": "Refus", "Errors": [{"Description": "Numéro de facture déjà utilisé"}]}),
            json!({"errors": [{"code": "FACTURE_DEJA_CONNUE", "description": "refus"}]}),
        ] {
            let fault = refused(opco, "", Piece::Facture, 400, &body);
            assert_eq!(fault.kind, FaultKind::Duplicate, "{opco} {body}");
        }
        let other = json!({"description": "L'échéance n'est pas ouverte à la facturation"});
        let fault = refused(opco, "", Piece::Facture, 400, &other);
        assert_eq!(fault.kind, FaultKind::Rejected, "{opco}");
    }
}

#[test]
fn the_words_of_a_refused_invoice_are_sorted_and_counted() {
    let body: Value = serde_json::from_slice(&sample("erreur-400-facture")).unwrap();
    let fault = refused(Opco::Akto, "", Piece::Facture, 400, &body);
    let refus = Refus::read(&profile(Opco::Akto, ""), Kind::Facture, &fault);
    let known = [Rejet::TotalDifferentSommeLignes, Rejet::EcheanceNonOuverte];
    assert_eq!((refus.known.as_slice(), refus.known_texts), (&known[..], 2));
    // The heading is no reason, so that nothing is left to look at.
    assert_eq!(refus.unknown, []);

    let body = json!({"description": "Motif 4012 : cf. gestionnaire"});
    let fault = refused(Opco::Akto, "", Piece::Facture, 400, &body);
    let refus = Refus::read(&profile(Opco::Akto, ""), Kind::Facture, &fault);
    assert_eq!((refus.known_texts, refus.unknown.len()), (0, 1));
    // Two words in the profile, and it is known.
    let own = "rejets = [{ rejet = 'IBAN_DIFFERENT_ECHEANCE', all = ['motif 4012'] }]";
    let refus = Refus::read(&profile(Opco::Akto, own), Kind::Facture, &fault);
    assert_eq!(refus.known, [Rejet::IbanDifferentEcheance]);
    assert_eq!(refus.unknown, []);
    // Of another kind nothing is known, and everything is for an operator to look at.
    let refus = Refus::read(&profile(Opco::Akto, own), Kind::Convention, &fault);
    assert_eq!((refus.known.len(), refus.unknown), (0, fault.items));
}

#[test]
fn an_unknown_dossier_named_by_a_piece_is_a_verdict_and_a_missing_route_is_none() {
    let unknown = json!({"Description": "Dossier introuvable"});
    let no_route = json!({"message": "no Route matched with those values"});
    for piece in PIECES {
        for status in [400, 404] {
            let fault = refused(Opco::OpcoEp, "", piece, status, &unknown);
            assert_eq!(fault.kind, FaultKind::Rejected, "{piece:?} {status}");
            assert_eq!(fault.items[0].text, "Dossier introuvable");
        }
        let fault = refused(Opco::OpcoEp, "", piece, 404, &no_route);
        assert_eq!(fault.kind, FaultKind::NotSupported, "{piece:?}");
        let fault = refused(Opco::OpcoEp, "", piece, 501, &json!({}));
        assert_eq!(fault.kind, FaultKind::NotSupported, "{piece:?}");
    }
}

#[test]
fn invoices_are_read_in_each_form_of_the_list() {
    let sampled: Value = serde_json::from_slice(&sample("factures-etats-v2")).unwrap();
    let page = factures(&sampled).unwrap();
    assert_eq!(
        (page.items.len(), page.total, page.page),
        (2, Some(2), Some(1))
    );
    assert_eq!(
        page.items[0].reference_virement.as_deref(),
        Some("VIR-2026-118820")
    );
    assert_eq!(factures(&json!([sampled])).unwrap(), page);
    let bare = sampled["factures"].clone();
    assert_eq!(factures(&bare).unwrap().items, page.items);
    let pascal = json!({"Total": 1, "Page": 1, "Factures": [{"NumeroInterneFacture": 7,
        "ReferenceFactureCFA": "F1", "EtatFacture": "REGLE", "MontantFacture": "12.50"}]});
    let page = factures(&pascal).unwrap();
    assert_eq!(page.items[0].numero_interne_facture.as_deref(), Some("7"));
    assert_eq!(page.items[0].montant_facture.unwrap().cents, 1_250);
}

#[test]
fn a_line_without_any_number_is_skipped_and_a_page_of_such_lines_is_no_page() {
    let page = factures(&json!({"total": 2, "factures": [
        {"referenceFactureCFA": "F1"}, {"montantFacture": 3}]}));
    let page = page.unwrap();
    assert_eq!((page.items.len(), page.skipped), (1, 1));
    for body in [
        json!({"total": 1, "factures": [{"montantFacture": 3}]}),
        json!({"total": 1}),
        json!({"factures": null}),
        json!("rien"),
    ] {
        assert_eq!(factures(&body), Err(FaultKind::Unreadable), "{body}");
    }
    assert_eq!(
        factures(&json!({"total": 0, "factures": []}))
            .unwrap()
            .items,
        []
    );
}

#[test]
fn a_detail_in_capitals_is_read_like_any_other() {
    fn capitalised(value: &Value) -> Value {
        match value {
            Value::Object(object) => object
                .iter()
                .map(|(name, member)| {
                    let (first, rest) = name.split_at(1);
                    (first.to_uppercase() + rest, capitalised(member))
                })
                .collect(),
            Value::Array(items) => items.iter().map(capitalised).collect(),
            other => other.clone(),
        }
    }
    let body: Value = serde_json::from_slice(&sample("dossier-detail")).unwrap();
    for version in [NormVersion::V1, NormVersion::V2] {
        let operation = bench::detail(version);
        let read = |body: &Value| {
            let reply = reply(200, body.to_string());
            match decode(&profile(Opco::Afdas, ""), &operation, &reply, &[]) {
                Ok(Answer::Detail(detail)) => *detail,
                other => panic!("{other:?}"),
            }
        };
        let (plain, capitals) = (read(&body), read(&capitalised(&body)));
        assert_eq!(plain.echeancier, capitals.echeancier);
        assert_eq!(plain.pairing(), capitals.pairing());
        assert_eq!(plain.numeros, capitals.numeros);
        assert!(plain.pairing().is_some() && !plain.echeancier.echeances.is_empty());
    }
}
