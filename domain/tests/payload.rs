//! The other payloads from outside: the samples of the protocol, every leniency it asks for, and what
//! holds for any value in any place.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its fixture must stop"
)]

use domain::Kind;
use domain::form::{Jour, Montant, Quantite};
use domain::payload::{
    self, Certificat, Convention, Facture, NatureLigne, Numero, Payload, Reading, Rupture,
    TypeFacture,
};
use jiff::civil::Date;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

const CONVENTION: &str = include_str!("fixtures/payload/convention.json");
const FACTURE: &str = include_str!("fixtures/payload/facture-2-lignes.json");
const ECHEANCES: &str = include_str!("fixtures/payload/facture-multi-echeances.json");
const CONTRATS: &str = include_str!("fixtures/payload/facture-multi-contrats.json");
const AVOIR: &str = include_str!("fixtures/payload/avoir.json");
const CERTIFICAT: &str = include_str!("fixtures/payload/certificat-v2.json");
const DOCUMENT: &str = include_str!("fixtures/payload/document-infosFichier.json");
const RUPTURE: &str = include_str!("fixtures/payload/rupture-v2.json");

const SAMPLES: [(Kind, &str); 8] = [
    (Kind::Convention, CONVENTION),
    (Kind::Facture, FACTURE),
    (Kind::Facture, ECHEANCES),
    (Kind::Facture, CONTRATS),
    (Kind::Facture, AVOIR),
    (Kind::Certificat, CERTIFICAT),
    (Kind::Document, DOCUMENT),
    (Kind::Rupture, RUPTURE),
];

fn read(kind: Kind, body: &Value) -> Reading<Payload> {
    Payload::read(kind, body.to_string().as_bytes()).unwrap()
}

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Returns a sample with one member set; the object that holds it must exist.
fn with(text: &str, pointer: &str, value: Value) -> Value {
    let mut body = sample(text);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn facture(body: &Value) -> Facture {
    let reading = Facture::read(body.to_string().as_bytes()).unwrap();
    assert_eq!(reading.findings, []);
    reading.payload
}

fn told(reading: &Reading<Payload>) -> Vec<String> {
    let tell = |f: &domain::Finding| format!("{} {}", f.rule, f.pointer);
    reading.findings.iter().map(tell).collect()
}

/// Removes nulls, which say nothing.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Writes whole numbers one way: 3120.0 and 3120 are the same number.
fn plain_numbers(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(plain_numbers),
        Value::Array(items) => items.iter_mut().for_each(plain_numbers),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0);
            if let Some(whole) = whole {
                *value = format!("{whole:.0}").parse::<i64>().unwrap().into();
            }
        }
        _ => {}
    }
}

#[test]
fn every_sample_is_read_without_a_finding_and_written_as_it_came() {
    for (kind, text) in SAMPLES {
        let mut body = sample(text);
        let reading = read(kind, &body);
        assert_eq!(reading.findings, [], "{kind}");
        assert_eq!(reading.payload.kind(), kind);
        without_nulls(&mut body);
        plain_numbers(&mut body);
        assert_eq!(reading.payload.write(), body, "{kind}");
    }
}

#[test]
fn a_contract_is_a_payload_like_the_others() {
    let body = include_str!("fixtures/dossier/dossier-v1.json");
    let reading = Payload::read(Kind::Dossier, body.as_bytes()).unwrap();
    assert_eq!(
        (reading.findings.len(), reading.payload.kind()),
        (0, Kind::Dossier)
    );
    assert!(reading.payload.siret_cfa().is_some() && reading.payload.siret_employeur().is_some());
}

#[test]
fn each_payload_names_the_centre_whose_key_it_goes_with() {
    for (kind, text) in SAMPLES {
        let cfa = read(kind, &sample(text)).payload.siret_cfa();
        let expected = (kind != Kind::Document).then_some("98765432400019");
        assert_eq!(cfa.as_ref().map(domain::Siret::as_str), expected, "{kind}");
    }
    assert_eq!(payload::part_name(Kind::Document), Some("infosFichier"));
    assert_eq!(payload::part_name(Kind::Rupture), None);
}

#[test]
fn every_number_of_the_opco_is_found_and_may_be_replaced() {
    use Numero::{DossierExterne, DossierInterne, FactureInterne};
    for (kind, text, expected) in [
        (Kind::Convention, CONVENTION, vec![DossierInterne]),
        (
            Kind::Facture,
            CONTRATS,
            vec![DossierExterne, DossierExterne],
        ),
        (
            Kind::Certificat,
            CERTIFICAT,
            vec![DossierInterne, FactureInterne],
        ),
        (
            Kind::Document,
            DOCUMENT,
            vec![FactureInterne, DossierInterne],
        ),
        (Kind::Rupture, RUPTURE, vec![DossierInterne, DossierExterne]),
    ] {
        let mut payload = read(kind, &sample(text)).payload;
        let mut numeros = payload.numeros_mut();
        let kinds: Vec<Numero> = numeros.iter().map(|(what, _)| *what).collect();
        assert_eq!(kinds, expected, "{kind}");
        for (_, text) in &mut numeros {
            text.insert_str(0, "akto-");
        }
        let written = payload.write().to_string();
        assert_eq!(written.matches("\"akto-").count(), expected.len(), "{kind}");
        // No number is left as it came, wherever it stands.
        for number in ["\"1234567\"", "\"APP-26-0001234\"", "\"900107\""] {
            assert!(!written.contains(number), "{kind}: {number}");
        }
    }
}

#[test]
fn numeric_texts_are_read_in_cents_and_sent_as_numbers() {
    for total in [json!(3620), json!("3620"), json!("3620.00"), json!(3620.0)] {
        let facture = facture(&with(FACTURE, "/montantTotal", total));
        assert_eq!(facture.montant_total, Some(Montant { cents: 362_000 }));
        assert_eq!(facture.write()["montantTotal"], json!(3620));
    }
    let text = facture(&with(FACTURE, "/lignes/0/numeroEcheance", json!("1")));
    assert_eq!(text.write()["lignes"][0]["numeroEcheance"], json!(1));
    let quantity = facture(&with(FACTURE, "/lignes/0/quantite", json!("42")));
    assert_eq!(
        quantity.lignes[0].quantite,
        Some(Quantite { hundredths: 4200 })
    );
}

#[test]
fn both_spellings_of_international_mobility_are_read_and_one_is_sent() {
    let mut body = sample(CONVENTION);
    let couts = body["couts"].as_object_mut().unwrap();
    couts.remove("mentionMobiliteInternationale");
    couts.insert("mentionMobilitéInternationale".into(), json!(true));
    let reading = Convention::read(body.to_string().as_bytes()).unwrap();
    assert_eq!(reading.findings, []);
    assert_eq!(
        reading.payload.couts.mention_mobilite_internationale,
        Some(true)
    );
    let written = reading.payload.write();
    assert_eq!(
        written["couts"]["mentionMobiliteInternationale"],
        json!(true)
    );
    assert_eq!(written["couts"].get("mentionMobilitéInternationale"), None);
}

#[test]
fn a_codification_is_echoed_as_text_even_when_it_came_as_a_number() {
    let facture = facture(&with(FACTURE, "/lignes/0/codificationEcheance", json!(99)));
    assert_eq!(
        facture.lignes[0].codification_echeance.as_deref(),
        Some("99")
    );
}

#[test]
fn an_empty_text_is_no_date_and_is_not_sent() {
    let facture = facture(&with(FACTURE, "/dateEmission", json!("")));
    assert_eq!(facture.date_emission, None);
    assert_eq!(facture.write().get("dateEmission"), None);
    let body = with(CERTIFICAT, "/dateSignature", json!(" "));
    assert_eq!(read(Kind::Certificat, &body).findings, []);
}

#[test]
fn a_certificate_keeps_its_plain_days_and_reads_every_spelling() {
    for text in [
        "2027-03-01",
        "2027-03-01T00:00:00+00:00",
        "2027-03-01T00:00:00+0200",
    ] {
        let body = with(CERTIFICAT, "/echeance/dateDebut", json!(text));
        let Payload::Certificat(certificat) = read(Kind::Certificat, &body).payload else {
            panic!("not a certificate")
        };
        let jour = Jour {
            date: "2027-03-01".parse().unwrap(),
        };
        assert_eq!(certificat.echeance.date_debut, Some(jour));
        assert_eq!(certificat.write()["echeance"]["dateDebut"], "2027-03-01");
    }
}

#[test]
fn unknown_fields_are_kept_at_every_level() {
    for pointer in ["/champNouveau", "/lignes/0/champNouveau"] {
        let facture = facture(&with(FACTURE, pointer, json!({"a": [1, null]})));
        let written = facture.write();
        assert_eq!(
            written.pointer(pointer),
            Some(&json!({"a": [1, null]})),
            "{pointer}"
        );
    }
}

#[test]
fn every_error_of_form_is_told_at_once_at_its_place() {
    let mut body = sample(FACTURE);
    body["montantTotal"] = json!("3 620,00");
    body["ibanEmetteur"] = json!("FR7699999999990000000000154");
    body["siretEmetteur"] = json!("98765432400018");
    body["lignes"][0]["natureLigne"] = json!("PEDAGOGY");
    body["lignes"][1]["montant"] = json!(true);
    body["lignes"][1]["numeroDossier"] = json!(1234);
    let mut found = told(&read(Kind::Facture, &body));
    found.sort();
    assert_eq!(
        found,
        [
            "ENU-001 /lignes/0/natureLigne",
            "FAC-003 /ibanEmetteur",
            "IDT-002 /siretEmetteur",
            "STRUCTURE /lignes/1/montant",
            "STRUCTURE /lignes/1/numeroDossier",
            "STRUCTURE /montantTotal",
        ]
    );
}

#[test]
fn what_blocks_the_type_of_a_certificate_is_its_own_rule() {
    let reading = read(
        Kind::Certificat,
        &with(CERTIFICAT, "/typeCertificat", json!("Partiel")),
    );
    assert_eq!(told(&reading), ["CRT-001 /typeCertificat"]);
    assert_eq!(reading.findings[0].message, "Type de certificat inconnu.");
}

#[test]
fn no_account_is_ever_printed() {
    let facture = facture(&sample(FACTURE));
    assert!(!format!("{facture:?}").contains("7699999999990000000000153"));
    let bad = with(
        FACTURE,
        "/ibanEmetteur",
        json!("FR7699999999990000000000154"),
    );
    let reading = read(Kind::Facture, &bad);
    assert!(!format!("{reading:?}").contains("999999990000000000154"));
    assert_eq!(reading.findings[0].value.as_deref(), Some("***"));
    let strayed = with(
        FACTURE,
        "/lignes/0/natureLigne",
        json!("FR7699999999990000000000153"),
    );
    assert_eq!(
        read(Kind::Facture, &strayed).findings[0].value.as_deref(),
        Some("***")
    );
}

#[test]
fn a_credit_note_is_known_by_its_type_or_its_sign() {
    let avoir = facture(&sample(AVOIR));
    assert_eq!(avoir.type_facture, Some(TypeFacture::Avoir));
    assert!(avoir.is_avoir());
    assert_eq!(avoir.sum_of_lines(), Some(-50_000));
    let mut unsaid = sample(AVOIR);
    unsaid.as_object_mut().unwrap().remove("typeFacture");
    assert!(facture(&unsaid).is_avoir());
    assert!(!facture(&sample(FACTURE)).is_avoir());
}

#[test]
fn a_nature_is_known_however_the_opco_spells_it() {
    for (raw, nature) in [
        ("Premierequipement", NatureLigne::PremierEquipement),
        ("PREMIER_EQUIPEMENT", NatureLigne::PremierEquipement),
        (" restauration", NatureLigne::Restauration),
        ("MajorationRQTH", NatureLigne::MajorationRqth),
    ] {
        assert_eq!(NatureLigne::read(raw), Some(nature), "{raw}");
    }
    assert_eq!(NatureLigne::read("TRANSPORT"), None);
}

/// Any JSON of a modest size.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|hundredths| Value::from(f64::from(hundredths) / 100.0)),
        ".{0,20}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[TZ0-9:+ -]{0,16}".prop_map(Value::from),
        "-?[0-9]{0,14}[.][0-9]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z0-9/~]{0,12}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Lists the pointers of every value of a body.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(object) => object
            .iter()
            .for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), found)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

fn lignes() -> impl Strategy<Value = Vec<(i64, usize, i64, Option<String>)>> {
    let ligne = (
        -1_000_000_000_i64..1_000_000_000,
        0..NatureLigne::ALL.len(),
        0..100_i64,
        prop::option::of("[A-Z0-9]{1,4}"),
    );
    prop::collection::vec(ligne, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(9),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_value_in_any_place_is_read_and_writes_what_reads_the_same(
        which in 0..SAMPLES.len(), place in any::<prop::sample::Index>(), value in any_json(),
    ) {
        let (kind, text) = SAMPLES[which];
        let mut body = sample(text);
        let mut places = Vec::new();
        pointers(&body, "", &mut places);
        *body.pointer_mut(place.get(&places).as_str()).unwrap() = value;
        let written = read(kind, &body).payload.write();
        prop_assert_eq!(read(kind, &written).payload.write(), written);
    }

    #[test]
    fn no_damaged_sample_panics(
        which in 0..SAMPLES.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let (kind, text) = SAMPLES[which];
        let mut body = text.as_bytes().to_vec();
        body[at.index(text.len())] = byte;
        let _ = Payload::read(kind, &body);
    }

    #[test]
    fn generated_payloads_read_as_they_were_written(
        texts in prop::collection::vec(prop::option::of("[A-Za-zÉéÈ' -]{0,12}[a-z]"), 4),
        cents in prop::collection::vec(0..100_000_000_i64, 3),
        hours in prop::option::of(-100_000..999_900_i64),
        days in prop::collection::vec((1990..2100_i16, 1..=12_i8, 1..=28_i8), 3),
        flag in prop::option::of(any::<bool>()),
    ) {
        let text = |at: usize| texts[at].as_deref().map(|text| text.trim().to_owned());
        let day = |at: usize| Date::new(days[at].0, days[at].1, days[at].2).unwrap();
        let amount = |at: usize| Some(Montant { cents: cents[at] });
        let mut convention = Convention {
            numero_interne_dossier: text(0),
            mandat_employeur: flag,
            date_signature: Some(day(0)),
            ..Convention::default()
        };
        convention.apprenti.nom = text(1);
        convention.couts.cout_total_pedagogie_cfa = amount(0);
        convention.couts.montant_premier_equipement = amount(1);
        convention.couts.mention_mobilite_internationale = flag;
        let mut certificat = Certificat {
            lieu_signature_contrat: text(2),
            date_signature: Some(Jour { date: day(1) }),
            attestation_conservation_pieces: flag,
            ..Certificat::default()
        };
        certificat.representant_legal.nom = text(3);
        certificat.echeance.duree = hours.map(|hundredths| Quantite { hundredths });
        certificat.echeance.date_fin = Some(Jour { date: day(2) });
        let mut rupture = Rupture {
            numero_externe_dossier: text(0),
            date_notification: Some(day(0)),
            ..Rupture::default()
        };
        rupture.apprenti.prenom = text(1);
        rupture.contrat.date_rupture = Some(day(1));
        for payload in [
            Payload::Convention(Box::new(convention)),
            Payload::Certificat(Box::new(certificat)),
            Payload::Rupture(Box::new(rupture)),
        ] {
            let again = read(payload.kind(), &payload.write());
            prop_assert_eq!(again.findings, []);
            prop_assert_eq!(again.payload, payload);
        }
    }

    #[test]
    fn a_generated_invoice_reads_as_it_was_written_to_the_cent(lignes in lignes()) {
        let lignes: Vec<payload::Ligne> = lignes
            .into_iter()
            .map(|(cents, nature, echeance, codification)| payload::Ligne {
                montant: Some(Montant { cents }),
                nature_ligne: Some(NatureLigne::ALL[nature]),
                quantite: Some(Quantite { hundredths: echeance + 1 }),
                numero_echeance: Some(echeance),
                codification_echeance: codification,
                ..Default::default()
            })
            .collect();
        let facture = Facture {
            numero: Some("FA-1".into()),
            date_emission: Some("2026-10-05".parse().unwrap()),
            lignes,
            ..Default::default()
        };
        let read = Facture::read(facture.write().to_string().as_bytes()).unwrap();
        prop_assert_eq!(read.findings, []);
        prop_assert_eq!(read.payload.sum_of_lines(), facture.sum_of_lines());
        prop_assert_eq!(read.payload, facture);
    }
}
