//! The contract payload from outside: the samples of the protocol, and every leniency it asks for.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its fixture must stop"
)]

use domain::dossier::{Dossier, Reading, VersionCerfa, enums};
use serde_json::{Value, json};

const V1: &[u8] = include_bytes!("fixtures/dossier/dossier-v1.json");
const V2: &[u8] = include_bytes!("fixtures/dossier/dossier-v2.json");
const DETAIL: &[u8] = include_bytes!("fixtures/dossier/dossier-detail.json");

fn read(body: &[u8]) -> Reading {
    Dossier::read(body).unwrap()
}

/// Returns a sample with one member set; the object that holds it must exist.
fn with(sample: &[u8], pointer: &str, value: Value) -> Value {
    let mut body: Value = serde_json::from_slice(sample).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

/// Reads the V1 sample with one member changed, which must raise nothing.
fn lenient(pointer: &str, value: Value) -> Dossier {
    let reading = read(with(V1, pointer, value).to_string().as_bytes());
    assert_eq!(reading.findings, [], "{pointer}");
    reading.dossier
}

/// Removes nulls and blank texts, which say nothing.
fn without_blanks(value: &mut Value) {
    if let Value::Object(object) = value {
        object.retain(|_, value| !value.is_null() && value != "");
        object.values_mut().for_each(without_blanks);
    }
}

#[test]
fn every_sample_is_read_without_a_finding() {
    for sample in [V1, V2, DETAIL] {
        assert_eq!(read(sample).findings, []);
    }
}

#[test]
fn a_written_sample_reads_as_the_same_dossier() {
    for sample in [V1, V2] {
        let first = read(sample).dossier;
        let again = read(first.write().to_string().as_bytes());
        assert_eq!(again.findings, []);
        assert_eq!(again.dossier, first);
    }
}

#[test]
fn a_canonical_body_is_written_as_it_came() {
    for sample in [V1, V2] {
        let mut body: Value = serde_json::from_slice(sample).unwrap();
        without_blanks(&mut body);
        assert_eq!(read(sample).dossier.write(), body);
    }
}

#[test]
fn what_only_the_opco_sets_is_read_and_never_sent() {
    let dossier = read(DETAIL).dossier;
    assert_eq!(dossier.cerfa.numero_interne.as_deref(), Some("1234567"));
    assert_eq!(
        dossier.cerfa.contrat.no_contrat.as_deref(),
        Some("093202609010123")
    );
    let written = dossier.write();
    for name in [
        "numeroInterne",
        "numeroExterne",
        "numeroDeca",
        "etat",
        "commentaireEtat",
    ] {
        assert_eq!(written["cerfa"].get(name), None, "{name}");
    }
    for name in ["noContrat", "noAvenant", "dateRupture"] {
        assert_eq!(written["cerfa"]["contrat"].get(name), None, "{name}");
    }
}

#[test]
fn an_odd_value_in_a_field_of_the_opco_troubles_nobody() {
    let dossier = lenient("/cerfa/contrat/noContrat", json!(0));
    assert_eq!(dossier.cerfa.contrat.no_contrat, None);
    let dossier = lenient("/cerfa/contrat/dateRupture", json!("0000-00-00"));
    assert_eq!(dossier.cerfa.contrat.date_rupture, None);
    assert_eq!(dossier.write()["cerfa"]["contrat"].get("dateRupture"), None);
    lenient("/cerfa/etat", json!({"code": 3}));
}

#[test]
fn every_spelling_of_a_date_gives_its_day_and_no_other() {
    for text in [
        "2026-09-01T00:00:00+0000",
        "2026-09-01T00:00:00+00:00",
        "2026-09-01T00:00:00Z",
        "2026-09-01T00:00:00.000Z",
        "2026-09-01T00:00:00+02:00",
        "2026-09-01T23:59:59-11:00",
        "2026-09-01",
    ] {
        let dossier = lenient("/cerfa/contrat/dateDebutContrat", json!(text));
        let day = dossier.cerfa.contrat.date_debut_contrat.unwrap();
        assert_eq!(day.to_string(), "2026-09-01", "{text}");
        let written = &dossier.write()["cerfa"]["contrat"]["dateDebutContrat"];
        assert_eq!(written, "2026-09-01T00:00:00+00:00");
    }
}

#[test]
fn a_blank_is_no_value_and_is_not_sent() {
    let dossier = lenient("/cerfa/contrat/dateEffetAvenant", json!(""));
    assert_eq!(dossier.cerfa.contrat.date_effet_avenant, None);
    assert_eq!(
        dossier.write()["cerfa"]["contrat"].get("dateEffetAvenant"),
        None
    );
    let dossier = lenient("/cerfa/apprenti/nomUsage", json!("  "));
    assert_eq!(dossier.cerfa.apprenti.nom_usage, None);
}

#[test]
fn codes_and_amounts_may_come_as_texts_and_are_sent_as_numbers() {
    let dossier = lenient("/cerfa/contrat/typeContratApp", json!("11"));
    assert_eq!(dossier.write()["cerfa"]["contrat"]["typeContratApp"], 11);
    let dossier = lenient("/cerfa/contrat/salaireEmbauche", json!("966.21"));
    assert_eq!(
        dossier.cerfa.contrat.salaire_embauche.unwrap().cents,
        96_621
    );
    assert_eq!(
        dossier.write()["cerfa"]["contrat"]["salaireEmbauche"],
        966.21
    );
    let dossier = lenient("/cerfa/formation/dureeFormation", json!(1350.0));
    assert_eq!(
        dossier.write()["cerfa"]["formation"]["dureeFormation"],
        1350
    );
    let dossier = lenient("/cerfa/apprenti/derniereClasse", json!("01"));
    assert_eq!(dossier.write()["cerfa"]["apprenti"]["derniereClasse"], 1);
}

#[test]
fn identifiers_are_sent_in_their_canonical_form() {
    let cases = [
        ("/cerfa/formation/rncp", "38362", "RNCP38362"),
        ("/cerfa/apprenti/nir", "2050493999999", "205049399999992"),
        ("/cerfa/employeur/naf", "56.10A", "5610A"),
        ("/cerfa/employeur/codeIdcc", "16", "0016"),
        ("/cerfa/apprenti/departementNaissance", "1", "01"),
        ("/cerfa/apprenti/departementNaissance", "099", "099"),
        ("/cerfa/apprenti/departementNaissance", "2a", "2A"),
    ];
    for (pointer, given, written) in cases {
        let dossier = lenient(pointer, json!(given));
        assert_eq!(
            dossier.write().pointer(pointer).unwrap(),
            written,
            "{given}"
        );
    }
}

#[test]
fn the_other_spelling_of_the_signature_is_read_and_mended() {
    let mut body: Value = serde_json::from_slice(V1).unwrap();
    let cerfa = body["cerfa"].as_object_mut().unwrap();
    let attested = cerfa.remove("CERFASignatureProbante").unwrap();
    cerfa.insert("CERFAsignatureProbante".to_owned(), attested);
    let reading = read(body.to_string().as_bytes());
    assert_eq!(reading.findings, []);
    assert_eq!(reading.dossier.cerfa.cerfa_signature_probante, Some(true));
    assert_eq!(reading.dossier, read(V1).dossier);
}

#[test]
fn a_block_with_the_v2_suffix_stands_in_for_the_plain_name() {
    let mut body: Value = serde_json::from_slice(V2).unwrap();
    let cerfa = std::mem::take(body["cerfa"].as_object_mut().unwrap());
    body["cerfa"] = cerfa
        .into_iter()
        .map(|(name, value)| {
            if value.is_object() {
                (format!("{name}V2"), value)
            } else {
                (name, value)
            }
        })
        .collect();
    body["cerfa"]["employeur"] = Value::Null;
    let reading = read(body.to_string().as_bytes());
    assert_eq!(reading.findings, []);
    assert_eq!(reading.dossier, read(V2).dossier);
}

#[test]
fn a_block_given_under_both_names_is_refused_and_the_plain_one_wins() {
    for suffixed_first in [true, false] {
        let plain = r#""contrat":{"typeContratApp":11}"#;
        let suffixed = r#""contratV2":{"typeContratApp":31}"#;
        let (one, two) = if suffixed_first {
            (suffixed, plain)
        } else {
            (plain, suffixed)
        };
        let reading = read(format!(r#"{{"cerfa":{{{one},{two}}}}}"#).as_bytes());
        assert_eq!(reading.dossier.cerfa.contrat.type_contrat_app, Some(11));
        assert_eq!(reading.findings.len(), 1);
        assert_eq!(reading.findings[0].rule, "STRUCTURE");
    }
}

#[test]
fn an_address_of_2021_is_read_and_sent_in_the_current_form() {
    let old = json!({"numero": 12, "voie": "RUE DES ESSAIS", "complement": "BATIMENT B",
        "label": "12 RUE DES ESSAIS 93000 BOBIGNY", "codePostal": "93000", "commune": "BOBIGNY"});
    let dossier = lenient("/cerfa/employeur/adresse", old);
    assert_eq!(dossier, read(V1).dossier);

    let label = json!({"label": "LIEU-DIT LE TEST", "codePostal": "93000", "commune": "BOBIGNY"});
    let dossier = lenient("/cerfa/employeur/adresse", label);
    assert_eq!(
        dossier.cerfa.employeur.adresse.adresse1.as_deref(),
        Some("LIEU-DIT LE TEST")
    );
}

#[test]
fn a_second_tutor_beside_the_cerfa_object_finds_its_place() {
    let mut body: Value = serde_json::from_slice(V2).unwrap();
    let maitre2 = body["cerfa"]
        .as_object_mut()
        .unwrap()
        .remove("maitre2")
        .unwrap();
    body["maitre2"] = maitre2;
    let reading = read(body.to_string().as_bytes());
    assert_eq!(reading.findings, []);
    assert_eq!(reading.dossier, read(V2).dossier);
}

#[test]
fn the_withdrawn_number_of_a_tutor_is_forgotten() {
    let dossier = lenient("/cerfa/maitre1/nir", json!("205049399999992"));
    assert_eq!(dossier, read(V1).dossier);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_body() {
    let body = [b"\xEF\xBB\xBF", V1].concat();
    assert_eq!(read(&body), read(V1));
}

#[test]
fn unknown_fields_are_kept_and_forwarded_at_every_level() {
    let unknown = json!({"a": [1, 2.5, null, {"b": "é\"/~"}], "c": true});
    for parent in [
        "",
        "/cerfa",
        "/cerfa/employeur",
        "/cerfa/employeur/adresse",
        "/cerfa/apprenti",
        "/cerfa/apprenti/responsableLegal",
        "/cerfa/apprenti/responsableLegal/adresse",
        "/cerfa/maitre1",
        "/cerfa/maitre2",
        "/cerfa/formation",
        "/cerfa/contrat",
        "/cerfa/contrat/remunerationsAnnuelles/1",
        "/cerfa/organismeFormation",
        "/cerfa/organismeFormationLieuFormationPrincipal",
    ] {
        let mut body: Value = serde_json::from_slice(V2).unwrap();
        body.pointer_mut(parent).unwrap()["champDeDemain"] = unknown.clone();
        let reading = read(body.to_string().as_bytes());
        assert_eq!(reading.findings, [], "{parent}");
        without_blanks(&mut body);
        body.pointer_mut(parent).unwrap()["champDeDemain"] = unknown.clone();
        assert_eq!(reading.dossier.write(), body, "{parent}");
    }
}

#[test]
fn the_nir_is_taken_out_and_put_back() {
    let whole = read(V1).dossier;
    let mut dossier = whole.clone();
    let nir = dossier.take_nir().unwrap();
    assert_eq!(nir.expose(), "205049399999992");
    assert!(!dossier.write().to_string().contains("205049399999992"));
    assert_eq!(dossier.take_nir(), None);
    dossier.put_nir(nir);
    assert_eq!(dossier, whole);
}

#[test]
fn no_print_shows_the_nir_or_the_disability_flag() {
    let shown = format!("{:?}", read(V1));
    assert!(!shown.contains("2050493"), "{shown}");
    assert!(shown.contains("nir: Some(***)"), "{shown}");
    assert!(shown.contains("handicap: Some(***)"), "{shown}");
}

#[test]
fn the_accessors_answer_what_routing_and_pairing_ask() {
    let mut dossier = read(V1).dossier;
    assert_eq!(
        dossier.siret_employeur().unwrap().as_str(),
        "12345678200010"
    );
    assert_eq!(dossier.siret_cfa().unwrap().as_str(), "98765432400019");
    assert_eq!(dossier.idcc().unwrap().as_str(), "1979");
    assert_eq!(dossier.naf().unwrap().as_str(), "5610A");
    assert_eq!(dossier.version_cerfa(), VersionCerfa::V14);
    let pairing = dossier.pairing().unwrap();
    assert_eq!(
        (pairing.nom.as_str(), pairing.prenom.as_str()),
        ("MARTIN", "Alice")
    );
    assert_eq!(pairing.date_naissance.to_string(), "2005-04-17");
    assert_eq!(pairing.date_debut_contrat.to_string(), "2026-09-01");
    dossier.cerfa.apprenti.prenom = None;
    assert_eq!(dossier.pairing(), None);
}

#[test]
fn the_codes_of_the_samples_are_in_their_lists() {
    for sample in [V1, V2] {
        let dossier = read(sample).dossier;
        let mut count = 0;
        for field in enums::coded_fields(&dossier) {
            count += 1;
            let meaning = field
                .enumeration
                .meaning(dossier.version_cerfa(), field.code);
            assert!(meaning.is_some(), "{field:?}");
            assert!(
                dossier.write().pointer(field.pointer).is_some(),
                "{field:?}"
            );
        }
        assert!(count >= 12, "{count}");
    }
}

#[test]
fn an_edition_of_the_form_has_its_own_codes() {
    use enums::Enumeration::{Diplome, NiveauDiplome, TypeEmployeur};

    let known = |list: enums::Enumeration, version, code| list.meaning(version, code).is_some();
    for (list, code) in [
        (Diplome, 64),
        (Diplome, 44),
        (TypeEmployeur, 30),
        (NiveauDiplome, 8),
    ] {
        assert!(known(list, VersionCerfa::V14, code), "{list:?} {code}");
        assert!(!known(list, VersionCerfa::V13, code), "{list:?} {code}");
    }
    for (list, code) in [(Diplome, 61), (Diplome, 74), (NiveauDiplome, 1)] {
        assert!(!known(list, VersionCerfa::V14, code), "{list:?} {code}");
        assert!(known(list, VersionCerfa::V10, code), "{list:?} {code}");
    }
    assert!(known(TypeEmployeur, VersionCerfa::V13, 29));
}
