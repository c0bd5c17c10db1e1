//! Any bytes as a contract payload: reading never panics, and what is written reads the same.
#![no_main]

use domain::dossier::Dossier;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(first) = Dossier::read(body) else {
        return;
    };
    let written = first.dossier.write().to_string();
    let again = Dossier::read(written.as_bytes());
    let again = again.unwrap_or_else(|error| panic!("unreadable once written: {error}"));
    // What decides is compared; an unknown number of seventeen digits may move by its last one.
    assert_eq!(
        again.dossier.cerfa.employeur.siret,
        first.dossier.cerfa.employeur.siret
    );
    assert_eq!(
        again.dossier.cerfa.apprenti.nir,
        first.dossier.cerfa.apprenti.nir
    );
    assert_eq!(again.dossier.pairing(), first.dossier.pairing());
    let printed = format!("{first:?}");
    if let Some(nir) = &first.dossier.cerfa.apprenti.nir {
        let elsewhere = written.matches(nir.expose()).count() > 1;
        assert!(
            elsewhere || !printed.contains(nir.expose()),
            "a print shows the NIR"
        );
    }
});
