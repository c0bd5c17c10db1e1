//! The samples pass, and what is missing or wrong is named where it is.

use serde_json::json;

use super::*;

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn convention_sample() -> Value {
    sample(include_str!("../../../tests/samples/convention.json"))
}

fn fields(findings: &[Finding]) -> Vec<&str> {
    findings
        .iter()
        .map(|finding| finding.field.as_deref().unwrap_or("-"))
        .collect()
}

#[test]
fn every_sample_passes_and_gives_what_it_says() {
    let agreement = convention(&convention_sample()).unwrap();
    assert_eq!((agreement.repas, agreement.equipement_cents), (100, 50_000));
    assert!(agreement.mandat && agreement.unattested.is_empty() && !agreement.mobilite);
    let invoice = facture(&sample(include_str!(
        "../../../tests/samples/facture-2-lignes.json"
    )))
    .unwrap();
    assert_eq!((invoice.total_cents, invoice.lignes.len()), (362_000, 2));
    assert_eq!(invoice.lignes[1].nature, Nature::PremierEquipement);
    let many = sample(include_str!(
        "../../../tests/samples/facture-multi-echeances.json"
    ));
    assert_eq!(facture(&many).unwrap().lignes.len(), 3);
    let credit = facture(&sample(include_str!("../../../tests/samples/avoir.json"))).unwrap();
    assert!(credit.avoir && credit.total_cents == -50_000);
    let document = document(&sample(include_str!(
        "../../../tests/samples/document-infosFichier.json"
    )));
    assert_eq!(document.unwrap().objets.len(), 2);
    let certificate = certificat(&sample(include_str!(
        "../../../tests/samples/certificat-v2.json"
    )));
    assert_eq!(certificate.unwrap().echeance, 3);
    let end = rupture(&sample(include_str!(
        "../../../tests/samples/rupture-v2.json"
    )));
    assert_eq!(end.unwrap().date, jiff::civil::date(2027, 1, 15));
}

#[test]
fn everything_missing_or_wrong_is_told_at_once_with_its_place() {
    let mut body = convention_sample();
    body["couts"]["coutTotalPedagogieCFA"] = json!(0.001);
    body["employeur"]["siret"] = json!("12345678200011");
    body.as_object_mut().unwrap().remove("mandatEmployeur");
    body.as_object_mut().unwrap().remove("formation");
    let findings = convention(&body).unwrap_err();
    let expected = [
        "mandatEmployeur",
        "employeur.siret",
        "formation",
        "couts.coutTotalPedagogieCFA",
    ];
    assert_eq!(fields(&findings), expected);
    assert_eq!(
        fields(&facture(&json!({"lignes": [{}]})).unwrap_err()).last(),
        Some(&"lignes[0].codificationEcheance")
    );
    assert_eq!(facture(&json!([])).unwrap_err().len(), 1);
}

#[test]
fn the_lenient_habits_of_clients_pass() {
    let mut body = convention_sample();
    let couts = body["couts"].as_object_mut().unwrap();
    couts.remove("mentionMobiliteInternationale");
    couts.insert("mentionMobilitéInternationale".to_owned(), json!(true));
    couts.insert("montantRQTHAnnee1".to_owned(), json!(null));
    couts.insert("montantPremierEquipement".to_owned(), json!("499.90"));
    let read = convention(&body).unwrap();
    assert!(read.mobilite && read.equipement_cents == 49_990);
}

#[test]
fn what_has_a_refusal_of_its_own_is_not_a_matter_of_schema() {
    let mut body = sample(include_str!("../../../tests/samples/facture-2-lignes.json"));
    body["ibanEmetteur"] = json!("");
    body["siretEmetteur"] = json!("1");
    body["lignes"][0]["numeroDossier"] = json!(null);
    let read = facture(&body).unwrap();
    assert!(read.iban.is_none() && read.lignes[0].dossier.is_none());
}

#[test]
fn a_credit_note_names_its_invoice() {
    let mut body = sample(include_str!("../../../tests/samples/avoir.json"));
    body.as_object_mut().unwrap().remove("numeroFactureOrigine");
    let findings = facture(&body).unwrap_err();
    assert_eq!(fields(&findings), ["numeroFactureOrigine"]);
}
