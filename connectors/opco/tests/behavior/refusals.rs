//! Every shape of refusal read into one fault, and every status into its meaning.

use domain::{FaultKind, NormVersion, Opco};
use opco::{BodyEnd, Operation, Reply, decode};
use serde_json::json;

use crate::bench::{detail, filing, key_only, profile, reply, sample};

const V1: NormVersion = NormVersion::V1;

fn fault(opco: Opco, operation: &Operation, reply: &Reply) -> domain::Fault {
    decode(&profile(opco, ""), operation, reply, &[]).unwrap_err()
}

fn items(body: impl Into<Vec<u8>>) -> Vec<(Option<String>, String)> {
    let fault = fault(Opco::Akto, &filing(V1), &reply(400, body));
    fault
        .items
        .into_iter()
        .map(|item| (item.code, item.text))
        .collect()
}

fn said(code: Option<&str>, text: &str) -> (Option<String>, String) {
    (code.map(str::to_owned), text.to_owned())
}

#[test]
fn every_shape_of_refusal_is_read() {
    assert_eq!(
        items(sample("erreur-400-atlas")),
        [said(None, "Le champ apprenti.nir est obligatoire")]
    );
    assert_eq!(
        items(sample("erreur-400-opco-ep")),
        [said(None, "Dossier introuvable")]
    );
    assert_eq!(
        items(sample("erreur-400-facture")),
        [
            said(None, "La facture est rejetée"),
            said(
                Some("TOTAL_DIFFERENT_SOMME_LIGNES"),
                "Le montant total de la facture doit correspondre à la somme des montants des \
                 lignes"
            ),
            said(
                Some("ECHEANCE_NON_OUVERTE"),
                "L'échéance n'est pas ouverte à la facturation"
            ),
        ]
    );
    for (body, expected) in [
        (
            json!({"Description": "Refusé", "Errors": [{"Code": "A1", "Description": "Trop"}]}),
            vec![said(None, "Refusé"), said(Some("A1"), "Trop")],
        ),
        (
            json!({"errors": [{"champ": "apprenti.nom", "motif": "vide"}, "tout court", 12]}),
            vec![
                said(None, "champ: apprenti.nom, motif: vide"),
                said(None, "tout court"),
                said(None, "12"),
            ],
        ),
        (
            json!({"error": "invalid_request", "error_description": "Jeton absent"}),
            vec![said(None, "Jeton absent - invalid_request")],
        ),
        (
            json!({"title": "Requête invalide", "errors": {"cerfa.apprenti.nom": ["vide", "court"]}}),
            vec![
                said(None, "Requête invalide"),
                said(Some("cerfa.apprenti.nom"), "vide"),
                said(Some("cerfa.apprenti.nom"), "court"),
            ],
        ),
        (json!([{"message": "Non"}]), vec![said(None, "Non")]),
        (json!("Non"), vec![said(None, "Non")]),
        (json!({"code": "E7"}), vec![said(Some("E7"), "")]),
    ] {
        assert_eq!(items(body.to_string()), expected, "{body}");
    }
}

#[test]
fn a_refusal_is_bounded_whatever_its_size() {
    let errors: Vec<_> = (0..1_000)
        .map(|n| json!({"code": n, "description": "x".repeat(5_000)}))
        .collect();
    let fault = fault(
        Opco::Akto,
        &filing(V1),
        &reply(400, json!({"errors": errors}).to_string()),
    );
    assert_eq!(fault.items.len(), 50);
    assert!(
        fault
            .items
            .iter()
            .all(|item| item.text.chars().count() <= 601)
    );
    assert!(fault.raw.unwrap().chars().count() <= 4_097);
}

#[test]
fn every_status_has_its_meaning_at_every_opco() {
    let table = [
        (302, FaultKind::Unreadable),
        (400, FaultKind::Rejected),
        (401, FaultKind::SoftwareRefused),
        (403, FaultKind::KeyRefused),
        (404, FaultKind::Rejected),
        (405, FaultKind::NotSupported),
        (408, FaultKind::Unavailable),
        (409, FaultKind::Duplicate),
        (422, FaultKind::Rejected),
        (429, FaultKind::Throttled),
        (500, FaultKind::Unavailable),
        (501, FaultKind::NotSupported),
        (502, FaultKind::Unavailable),
        (503, FaultKind::Unavailable),
        (504, FaultKind::Unavailable),
    ];
    for opco in Opco::ALL {
        for (status, kind) in table {
            let read = fault(
                opco,
                &filing(V1),
                &reply(status, r#"{"description": "Champ vide"}"#),
            );
            assert_eq!(
                (read.kind, read.status),
                (kind, Some(status)),
                "{opco} {status}"
            );
        }
    }
}

#[test]
fn an_unknown_dossier_is_said_in_each_opcos_way() {
    let unknown = r#"{"errors": null, "comment": "Dossier introuvable"}"#;
    for opco in Opco::ALL {
        let own = if opco == Opco::OpcoEp { 400 } else { 404 };
        for operation in [
            detail(V1),
            Operation::Liste {
                numeros: vec!["1".to_owned()],
            },
        ] {
            let read = fault(opco, &operation, &reply(own, unknown));
            assert_eq!(read.kind, FaultKind::NotFound, "{opco}");
        }
        // In a list of states nothing can be unknown: the route is not there.
        let etats = Operation::Etats {
            version: V1,
            page: 1,
        };
        assert_ne!(
            fault(opco, &etats, &reply(own, unknown)).kind,
            FaultKind::NotFound,
            "{opco}"
        );
    }
}

#[test]
fn another_refusal_is_never_taken_for_an_absence() {
    let header = reply(400, r#"{"comment": "L'en-tête EDITEUR est obligatoire"}"#);
    assert_eq!(
        fault(Opco::OpcoEp, &detail(V1), &header).kind,
        FaultKind::Rejected
    );
    // At OPCO EP a 404 comes from the gateway in front of it.
    let no_route = reply(404, r#"{"message": "no Route matched with those values"}"#);
    assert_eq!(
        fault(Opco::OpcoEp, &detail(V1), &no_route).kind,
        FaultKind::NotSupported
    );
    let page = reply(404, "<html><title>Not Found</title></html>");
    for opco in Opco::ALL {
        let read = fault(opco, &detail(V1), &page);
        assert_ne!(read.kind, FaultKind::NotFound, "{opco}");
    }
}

#[test]
fn a_duplicate_is_known_by_its_status_or_by_explicit_words() {
    for words in [
        "Ce dossier est déjà connu",
        "Dossier DÉJÀ TRANSMIS le 2026-09-01",
        "Un dossier identique a déjà été transmis",
        "Un dossier existe déjà pour cet apprenti",
        "Doublon détecté",
    ] {
        let body = json!({"description": words}).to_string();
        assert_eq!(
            fault(Opco::Atlas, &filing(V1), &reply(400, body)).kind,
            FaultKind::Duplicate
        );
    }
    let by_code = r#"{"errors": [{"code": "DOSSIER_DOUBLON", "description": "refus"}]}"#;
    assert_eq!(
        fault(Opco::Atlas, &filing(V1), &reply(400, by_code)).kind,
        FaultKind::Duplicate
    );
    let another = r#"{"description": "L'apprenti a déjà un contrat en cours"}"#;
    assert_eq!(
        fault(Opco::Atlas, &filing(V1), &reply(400, another)).kind,
        FaultKind::Rejected
    );
    let own_words = profile(Opco::Atlas, "duplicate_words = ['contrat en cours']");
    let read = decode(&own_words, &filing(V1), &reply(400, another), &[]).unwrap_err();
    assert_eq!(read.kind, FaultKind::Duplicate);
}

#[test]
fn only_an_explicit_answer_is_a_verdict() {
    let page = "<!DOCTYPE html><h1>Request blocked</h1>";
    for status in [400, 403, 404, 409, 422] {
        let read = fault(Opco::Akto, &filing(V1), &reply(status, page));
        assert_eq!(read.kind, FaultKind::Unreadable, "{status}");
        assert!(read.detail.contains("HTML"), "{}", read.detail);
        assert_eq!(read.raw.as_deref(), Some(page));
    }
    let half = Reply {
        body_end: BodyEnd::CutOff,
        ..reply(400, r#"{"description": "Le ch"#)
    };
    assert_eq!(
        fault(Opco::Akto, &filing(V1), &half).kind,
        FaultKind::Unreadable
    );
    let silent = reply(400, "");
    assert_eq!(
        fault(Opco::Akto, &filing(V1), &silent).kind,
        FaultKind::Unreadable
    );
}

#[test]
fn the_credential_that_is_refused_is_the_one_named() {
    let software = r#"{"description": "Logiciel non autorisé pour ce CFA"}"#;
    let read = fault(Opco::Akto, &filing(V1), &reply(403, software));
    assert_eq!(read.kind, FaultKind::SoftwareRefused);
    assert_eq!(
        fault(Opco::Akto, &filing(V1), &reply(403, "")).kind,
        FaultKind::KeyRefused
    );
    // Where the key is all there is, a 401 is about the key.
    let alone = key_only("https://opco.example");
    let read = decode(&alone, &filing(V1), &reply(401, ""), &[]).unwrap_err();
    assert_eq!(read.kind, FaultKind::KeyRefused);
}

#[test]
fn what_is_echoed_back_is_kept_masked() {
    let echo = json!({
        "description": "NIR 2 05 04 93 999 999 92 invalide pour l'IBAN FR76 9999 9999 9900 0000 0000 153",
        "errors": [{"code": "205049399999992", "description": "clé canary-cfa-key"}],
        "cerfa": {"apprenti": {"nir": "109022A99999771", "handicap": true}},
    });
    let reply = reply(400, echo.to_string());
    let read = decode(
        &profile(Opco::Akto, ""),
        &filing(V1),
        &reply,
        &["canary-cfa-key"],
    )
    .unwrap_err();
    let kept = serde_json::to_string(&read).unwrap();
    for private in [
        "205049399999992",
        "999 999 92",
        "109022A99999771",
        "9999 9999",
        "canary",
        "true",
    ] {
        assert!(!kept.contains(private), "{private}: {kept}");
    }
    assert!(kept.contains("invalide pour l'IBAN ***"), "{kept}");
}
