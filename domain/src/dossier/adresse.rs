//! An address, in its current form, read from its 2021 form too (protocol §6.2).

use serde_json::Value;

use crate::form::block::block;
use crate::identifiers::CodePostal;

block! {
    /// An address (protocol §6.2).
    Adresse ("un objet") {
        /// Number and street.
        pub adresse1: Option<String> = "adresse1", "adresse (numéro et voie)";
        /// Whatever else helps to find the place.
        pub adresse2: Option<String> = "adresse2", "complément d'adresse";
        /// Postcode.
        pub code_postal: Option<CodePostal> = "codePostal", "code postal";
        /// Town.
        pub commune: Option<String> = "commune", "commune", max(80);
    }
    settle from_2021;
}

/// Turns the 2021 form (`numero`, `voie`, `complement`, `label`) into the current one.
///
/// Fields of both forms side by side are left alone: the current form wins, and the others travel
/// as unknown fields do.
fn from_2021(adresse: &mut Adresse) {
    if adresse.adresse1.is_some() || adresse.extra.contains("adresse1") {
        return;
    }
    let [numero, voie, label, complement] =
        ["numero", "voie", "label", "complement"].map(|name| text_of(adresse, name));
    let street = match (numero, voie) {
        (Some(numero), Some(voie)) => Some(format!("{numero} {voie}")),
        (None, Some(voie)) => Some(voie),
        (_, None) => label,
    };
    let Some(street) = street else { return };
    adresse.adresse1 = Some(street);
    if adresse.adresse2.is_none() && !adresse.extra.contains("adresse2") {
        adresse.adresse2 = complement;
        adresse.extra.remove("complement");
    }
    for name in ["numero", "voie", "label"] {
        adresse.extra.remove(name);
    }
}

fn text_of(adresse: &Adresse, name: &str) -> Option<String> {
    let text = match adresse.extra.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
