//! The samples of the norm, and what is really sent, read back.

use domain::{Etat, FaultKind, NormVersion, Opco};
use jiff::civil::date;
use opco::{Answer, DossierDetail, Operation, Page, decode};
use serde_json::{Value, json};

use crate::bench::{self, detail, filing, profile, reply, sample};

const V1: NormVersion = NormVersion::V1;
const V2: NormVersion = NormVersion::V2;

fn etats(version: NormVersion) -> Operation {
    Operation::Etats { version, page: 1 }
}

fn page_of(body: impl Into<Vec<u8>>) -> Page {
    match decode(&profile(Opco::Akto, ""), &etats(V2), &reply(200, body), &[]) {
        Ok(Answer::Etats(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn detail_of(body: &Value) -> DossierDetail {
    match decode(
        &profile(Opco::Akto, ""),
        &detail(V1),
        &reply(200, body.to_string()),
        &[],
    ) {
        Ok(Answer::Detail(detail)) => *detail,
        other => panic!("{other:?}"),
    }
}

fn sample_value(name: &str) -> Value {
    serde_json::from_slice(&sample(name)).unwrap()
}

#[test]
fn a_receipt_is_read_at_every_opco() {
    for opco in Opco::ALL {
        for (status, version) in [(200, V1), (201, V2)] {
            let reply = reply(status, sample("dossier-v1-reponse"));
            match decode(&profile(opco, ""), &filing(version), &reply, &[]) {
                Ok(Answer::Receipt(receipt)) => {
                    assert_eq!(receipt.numero_interne.as_deref(), Some("1234567"));
                    assert_eq!(receipt.numero_externe.as_deref(), Some("APP-26-0001234"));
                    assert_eq!(receipt.numero_deca, None);
                }
                other => panic!("{opco}: {other:?}"),
            }
        }
    }
}

/// What an OPCO says in the place of a state may name somebody: it goes into no clear column.
#[test]
fn a_state_that_is_a_sentence_is_kept_as_unreadable_and_a_known_one_under_its_word() {
    let page = page_of(
        json!([
            {"numeroInterne": "1", "etat": "Dossier de Mme X, NIR 205049399999992"},
            {"numeroInterne": "2", "etat": "RUPTURE de Mme X"},
            {"numeroInterne": "3", "etat": "EN_ATTENTE_PIECES"},
        ])
        .to_string(),
    );
    let told: Vec<_> = page
        .items
        .iter()
        .map(|item| (item.etat, item.etat_brut.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (None, Some(opco::UNREADABLE)),
            (Some(Etat::Rupture), Some("RUPTURE")),
            (None, Some("EN_ATTENTE_PIECES")),
        ]
    );
    let body = json!({"cerfa": {"numeroInterne": "1", "etat": "refus : voir M. X"}});
    match decode(
        &profile(Opco::Akto, ""),
        &filing(V1),
        &reply(200, body.to_string()),
        &[],
    ) {
        Ok(Answer::Receipt(receipt)) => {
            assert_eq!(receipt.etat.as_deref(), Some(opco::UNREADABLE));
        }
        other => panic!("{other:?}"),
    }
    let list = json!({"total": 1, "page": 1, "factures": [{
        "numeroInterneFacture": "7", "etatFacture": "Vu avec Mme X",
        "referenceVirement": "VIR 2 05 04 93 999 999 92 de septembre",
    }]});
    let asked = Operation::FacturesEtats { page: 1 };
    match decode(
        &profile(Opco::Akto, ""),
        &asked,
        &reply(200, list.to_string()),
        &[],
    ) {
        Ok(Answer::FacturesEtats(page)) => {
            let facture = page.items.first().unwrap();
            assert_eq!(facture.etat_facture.as_deref(), Some(opco::UNREADABLE));
            let told = facture.reference_virement.as_deref();
            assert_eq!(told, Some("VIR *** de septembre"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_receipt_in_another_dress_is_still_a_receipt() {
    for body in [
        json!({"NumeroInterne": 1_234_567, "numeroExterne": ""}),
        json!([{"numeroInterne": "1234567"}]),
        json!({"cerfa": {"numeroInterne": "1234567", "etat": "TRANSMIS"}}),
    ] {
        let reply = reply(200, body.to_string());
        match decode(&profile(Opco::Akto, ""), &filing(V1), &reply, &[]) {
            Ok(Answer::Receipt(receipt)) => {
                assert_eq!(receipt.numero_interne.as_deref(), Some("1234567"), "{body}");
                assert_eq!(receipt.numero_externe, None);
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_number_that_cannot_be_one_is_no_receipt() {
    let endless = "9".repeat(9_000);
    for numero in [json!(endless), json!(1.234_567e30), json!(12.5)] {
        let body = json!({"numeroInterne": numero}).to_string();
        let read = decode(
            &profile(Opco::Akto, ""),
            &filing(V1),
            &reply(200, body),
            &[],
        );
        assert_eq!(read.unwrap_err().kind, FaultKind::Unreadable);
    }
}

#[test]
fn control_characters_are_spaces_wherever_an_opco_writes_them() {
    let body = json!({"numeroInterne": "12\u{0}34\u{1b}[2J", "etat": "TRANS\u{7f}MIS"}).to_string();
    match decode(
        &profile(Opco::Akto, ""),
        &filing(V1),
        &reply(200, body),
        &[],
    ) {
        Ok(Answer::Receipt(receipt)) => {
            assert_eq!(receipt.numero_interne.as_deref(), Some("12 34 [2J"));
            assert_eq!(receipt.etat.as_deref(), Some("TRANS MIS"));
        }
        other => panic!("{other:?}"),
    }
    let body = json!({"message": "Refus\u{1b}[31m du dossier\u{0}"}).to_string();
    let read = decode(
        &profile(Opco::Akto, ""),
        &filing(V1),
        &reply(400, body),
        &[],
    );
    let fault = read.unwrap_err();
    let kept = format!("{} {:?} {:?}", fault.detail, fault.raw, fault.items);
    assert!(
        !kept.contains(['\u{0}', '\u{1b}']) && kept.contains("Refus"),
        "{kept}"
    );
}

#[test]
fn the_states_are_read_in_each_form_of_the_list() {
    let bare = page_of(sample("etats-dossiers-v1"));
    assert_eq!(
        (bare.items.len(), bare.total, bare.page),
        (3, Some(3), None)
    );
    let first = page_of(sample("etats-dossiers-v2-page1"));
    assert_eq!(
        (first.items.len(), first.total, first.page),
        (2, Some(3), Some(1))
    );
    let second = page_of(sample("etats-dossiers-v2-page2"));
    assert_eq!(
        second.items.first().unwrap().etat,
        Some(Etat::EnCoursInstruction)
    );
    assert_eq!(second.items.first().unwrap().numero_deca, None);
    let wrapped = page_of(json!([sample_value("etats-dossiers-v2-page1")]).to_string());
    assert_eq!(wrapped, first);
    let other_name = json!({"total": "1", "page": 1, "dossiers": [{"numeroInterne": 7}]});
    assert_eq!(
        page_of(other_name.to_string())
            .items
            .first()
            .unwrap()
            .numero_interne,
        "7"
    );
}

#[test]
fn an_empty_list_is_a_list() {
    for body in [
        json!([]),
        json!({"total": 0, "count": 0, "page": 1, "EtatDossierResult": []}),
        json!([{"total": 0, "count": 0, "page": 1, "EtatDossierResult": []}]),
        json!({"total": 0, "EtatDossierResult": null}),
    ] {
        let page = page_of(body.to_string());
        assert_eq!(
            (page.items.len(), page.total, page.skipped),
            (0, Some(0), 0),
            "{body}"
        );
    }
}

#[test]
fn an_unknown_state_is_kept_raw_and_a_synonym_is_understood() {
    let body = json!([
        {"numeroInterne": "1", "etat": "RUPTU"},
        {"numeroInterne": "2", "etat": "EN_PAUSE"},
        {"numeroInterne": "3"},
        {"etat": "ENGAGE"},
        "nonsense",
    ])
    .to_string();
    let akto = profile(
        Opco::Akto,
        "state_synonyms = { EN_PAUSE = 'EN_COURS_INSTRUCTION' }",
    );
    let page = page_of(body.as_str());
    let states: Vec<_> = page.items.iter().map(|item| item.etat).collect();
    assert_eq!(states, [Some(Etat::Rupture), None, None]);
    assert_eq!(
        page.items.get(1).unwrap().etat_brut.as_deref(),
        Some("EN_PAUSE")
    );
    assert_eq!(page.skipped, 2);
    match decode(&akto, &etats(V1), &reply(200, body), &[]) {
        Ok(Answer::Etats(page)) => {
            assert_eq!(
                page.items.get(1).unwrap().etat,
                Some(Etat::EnCoursInstruction)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dossier_is_read_in_full() {
    let detail = detail_of(&sample_value("dossier-detail"));
    assert_eq!(
        detail.numeros.numero_deca.as_deref(),
        Some("093202609010123")
    );
    assert_eq!(detail.etat, Some(Etat::Engage));
    let money = &detail.echeancier;
    assert_eq!(money.engagement.unwrap().cents, 1_560_000);
    assert_eq!(money.echeances.len(), 8);
    let second = money.find(2).unwrap();
    assert_eq!(second.codification.as_deref(), Some("A2"));
    assert_eq!(second.date_ouverture, Some(date(2027, 3, 1)));
    assert_eq!(second.date_fin, Some(date(2027, 2, 28)));
    assert_eq!(second.under_review_cents(), 234_000);
    assert!(second.iban.is_some());
    let frais = money.engagements_frais_annexe.first().unwrap();
    assert_eq!(frais.quantite.unwrap().hundredths, 10_000);
    assert_eq!(frais.prix_unitaire.unwrap().cents, 300);
    assert!(!money.details_facturation.is_empty());
    assert!(detail.oddities.is_empty(), "{:?}", detail.oddities);
    let pairing = detail.pairing().unwrap();
    assert_eq!(
        (pairing.nom.as_str(), pairing.prenom.as_str()),
        ("MARTIN", "Alice")
    );
    assert_eq!(pairing.siret_employeur.as_str(), "12345678200010");
    assert_eq!(pairing.date_debut_contrat, date(2026, 9, 1));
}

#[test]
fn blocks_under_their_second_name_are_found() {
    let mut body = sample_value("dossier-detail");
    let cerfa = body.get_mut("cerfa").unwrap().as_object_mut().unwrap();
    for block in ["employeur", "apprenti", "contrat"] {
        let value = cerfa.remove(block).unwrap();
        cerfa.insert(format!("{block}V2"), value);
    }
    cerfa.insert("contrat".to_owned(), Value::Null);
    cerfa.remove("numeroDeca");
    let found = detail_of(&body);
    assert_eq!(
        found.pairing(),
        detail_of(&sample_value("dossier-detail")).pairing()
    );
    assert!(found.cerfa.get("employeur").is_some());
    assert!(found.cerfa.get("employeurV2").is_none());
    // From `contrat.noContrat`, which the obsolete `numeroDeca` doubles.
    assert_eq!(
        found.numeros.numero_deca.as_deref(),
        Some("093202609010123")
    );
}

#[test]
fn a_member_of_the_wrong_type_is_noted_and_costs_no_other() {
    let detail = detail_of(&json!({
        "cerfa": {"numeroInterne": "1", "etat": "ENGAGE"},
        "engagement": {"montant": 3},
        "echeances": [
            {"numero": "1", "montantTotal": "3120.50", "dateOuverture": "demain", "dateDebut": ""},
            "rien",
        ],
        "engagementsFraisAnnexe": 12,
    }));
    let first = detail.echeancier.echeances.first().unwrap();
    assert_eq!((first.numero, first.total_cents()), (Some(1), 312_050));
    assert_eq!(
        detail.oddities,
        [
            "/echeances/0/dateOuverture",
            "/echeances/1",
            "/engagement",
            "/engagementsFraisAnnexe"
        ]
    );
    assert_eq!(detail.pairing(), None);
}

#[test]
fn several_dossiers_are_read_at_once() {
    let one = sample_value("dossier-detail");
    let liste = Operation::Liste {
        numeros: vec!["1234567".to_owned()],
    };
    for body in [json!([one, one]), json!({"dossiers": [one, one]})] {
        match decode(
            &profile(Opco::Akto, ""),
            &liste,
            &reply(200, body.to_string()),
            &[],
        ) {
            Ok(Answer::Liste(details)) => assert_eq!(details.len(), 2),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn health_and_key_are_read() {
    let akto = profile(Opco::Akto, "");
    match decode(
        &akto,
        &Operation::Status,
        &reply(200, sample("status-v1")),
        &[],
    ) {
        Ok(Answer::Status(status)) => {
            assert_eq!(status.status, "healthy");
            assert_eq!(status.versions, ["1.0", "2.0"]);
            assert_eq!(status.uptime_s, Some(86_400));
        }
        other => panic!("{other:?}"),
    }
    let key_info = Operation::KeyInfo {
        siren: "987654324".parse().unwrap(),
    };
    match decode(&akto, &key_info, &reply(200, sample("cfakeyinfo-v2")), &[]) {
        Ok(Answer::KeyInfo(info)) => {
            assert_eq!(
                (info.known, info.date_fin_validite),
                (true, Some(date(2027, 12, 31)))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_success_that_is_not_the_answer_is_unreadable() {
    let key_info = Operation::KeyInfo {
        siren: "987654324".parse().unwrap(),
    };
    let liste = Operation::Liste { numeros: vec![] };
    for operation in [
        Operation::Status,
        filing(V1),
        etats(V2),
        detail(V2),
        liste,
        key_info,
    ] {
        for body in [
            "",
            "null",
            "12",
            "{}",
            "[[]]",
            "\"oui\"",
            "<html></html>",
            "{\"a\":",
        ] {
            let read = decode(&profile(Opco::Akto, ""), &operation, &reply(200, body), &[]);
            let fault = read.unwrap_err();
            assert_eq!(fault.kind, FaultKind::Unreadable, "{operation:?} {body}");
            assert_eq!(fault.status, Some(200));
        }
    }
}

#[test]
fn no_print_of_an_answer_shows_personal_data() {
    let detail = detail_of(&sample_value("dossier-detail"));
    let print = format!("{detail:?} {:?}", bench::filing(V1));
    for private in ["MARTIN", "205049399999992", "FR769999", "2005-04-17"] {
        assert!(!print.contains(private), "{private}");
    }
}
