//! Any bytes as any payload but the contract, or as a schedule: reading never panics, what is written
//! reads the same, and no print shows an account.
#![no_main]

use domain::Kind;
use domain::echeancier::{Echeancier, changes};
use domain::facture_etat::FactureEtat;
use domain::payload::Payload;
use libfuzzer_sys::fuzz_target;

const KINDS: [Kind; 5] = [
    Kind::Convention,
    Kind::Facture,
    Kind::Certificat,
    Kind::Document,
    Kind::Rupture,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    match KINDS.get(usize::from(first % 6)) {
        Some(kind) => payload(*kind, body),
        None => schedule(body),
    }
});

fn payload(kind: Kind, body: &[u8]) {
    let Ok(first) = Payload::read(kind, body) else {
        return;
    };
    let written = first.payload.write().to_string();
    let again = Payload::read(kind, written.as_bytes());
    let again = again.unwrap_or_else(|error| panic!("unreadable once written: {error}"));
    assert_eq!(again.payload.siret_cfa(), first.payload.siret_cfa());
    if let Payload::Facture(facture) = &first.payload {
        let Payload::Facture(second) = &again.payload else {
            panic!("another kind once written");
        };
        assert_eq!(second.sum_of_lines(), facture.sum_of_lines());
        if let Some(iban) = &facture.iban_emetteur {
            let elsewhere = written.matches(iban.expose()).count() > 1;
            let printed = format!("{first:?}");
            assert!(
                elsewhere || !printed.contains(iban.expose()),
                "a print shows the account"
            );
        }
    }
}

fn schedule(body: &[u8]) {
    let Ok(value) = serde_json::from_slice(body) else {
        return;
    };
    let _ = FactureEtat::read(&value);
    let Some(first) = Echeancier::read(&value) else {
        return;
    };
    let again = Echeancier::read(&first.echeancier.expose());
    let again = again.unwrap_or_else(|| panic!("unreadable once written"));
    assert_eq!(changes(&first.echeancier, &again.echeancier), []);
}
