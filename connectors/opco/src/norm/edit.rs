//! Where an OPCO's writing departs from the norm: each departure is a variant and one arm.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The paths of the addresses in a contract (protocol §6).
const ADDRESSES: [&str; 5] = [
    "/cerfa/employeur/adresse",
    "/cerfa/apprenti/adresse",
    "/cerfa/apprenti/responsableLegal/adresse",
    "/cerfa/organismeFormation/adresse",
    "/cerfa/organismeFormationLieuFormationPrincipal/adresse",
];

/// One departure in what is written to an OPCO (protocol §18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Sends `38362` where the norm sends `RNCP38362` (protocol §6.6).
    BareRncp,
    /// Sends addresses in their form of 2021: `numero`, `voie`, `complement` (protocol §6.2).
    Address2021,
    /// Sends an agreement's `mentionMobiliteInternationale` with an accent, as the one client seen
    /// with real traffic does (protocol §9).
    AccentedMobilite,
}

/// Where a certification is named: in a contract, and in an agreement.
const RNCP: [&str; 2] = ["/cerfa/formation/rncp", "/formation/rncp"];

/// Applies one departure to a payload on its way out.
pub(crate) fn apply(edit: Edit, body: &mut Value) {
    match edit {
        Edit::BareRncp => {
            for path in RNCP {
                if let Some(Value::String(rncp)) = body.pointer_mut(path)
                    && let Some(bare) = rncp.strip_prefix("RNCP")
                {
                    *rncp = bare.to_owned();
                }
            }
        }
        Edit::Address2021 => {
            for path in ADDRESSES {
                if let Some(Value::Object(adresse)) = body.pointer_mut(path) {
                    to_2021(adresse);
                }
            }
        }
        Edit::AccentedMobilite => {
            if let Some(Value::Object(couts)) = body.pointer_mut("/couts")
                && let Some(mention) = couts.remove("mentionMobiliteInternationale")
            {
                couts.insert("mentionMobilitéInternationale".to_owned(), mention);
            }
        }
    }
}

fn to_2021(adresse: &mut Map<String, Value>) {
    if let Some(Value::String(line)) = adresse.remove("adresse1") {
        let digits = line.chars().take_while(char::is_ascii_digit).count();
        let (numero, voie) = line.split_at(digits);
        // "12BIS RUE…" has no whole number: the line then stays one.
        match numero.parse::<u32>() {
            Ok(numero) if voie.starts_with(' ') => {
                adresse.insert("numero".to_owned(), numero.into());
                adresse.insert("voie".to_owned(), voie.trim_start().into());
            }
            _ => {
                adresse.insert("voie".to_owned(), line.into());
            }
        }
    }
    if let Some(complement) = adresse.remove("adresse2") {
        adresse.insert("complement".to_owned(), complement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bare_rncp_loses_its_prefix_only() {
        let mut body = json!({"cerfa": {"formation": {"rncp": "RNCP38362", "typeDiplome": 54}}});
        apply(Edit::BareRncp, &mut body);
        assert_eq!(
            body,
            json!({"cerfa": {"formation": {"rncp": "38362", "typeDiplome": 54}}})
        );
        apply(Edit::BareRncp, &mut body);
        assert_eq!(body.pointer("/cerfa/formation/rncp"), Some(&json!("38362")));
    }

    #[test]
    fn an_agreement_is_written_in_the_dialect_too() {
        let mut body = json!({"formation": {"rncp": "RNCP38362"},
            "couts": {"mentionMobiliteInternationale": true, "nombreRepasTotaux": 3}});
        apply(Edit::BareRncp, &mut body);
        apply(Edit::AccentedMobilite, &mut body);
        let expected = json!({"formation": {"rncp": "38362"},
            "couts": {"mentionMobilitéInternationale": true, "nombreRepasTotaux": 3}});
        assert_eq!(body, expected);
    }

    #[test]
    fn an_address_takes_its_form_of_2021() {
        let mut body = json!({"cerfa": {"employeur": {"adresse": {
            "adresse1": "12 RUE DES ESSAIS", "adresse2": "BATIMENT B",
            "codePostal": "93000", "commune": "BOBIGNY"}}}});
        apply(Edit::Address2021, &mut body);
        let expected = json!({"numero": 12, "voie": "RUE DES ESSAIS", "complement": "BATIMENT B",
            "codePostal": "93000", "commune": "BOBIGNY"});
        assert_eq!(body.pointer("/cerfa/employeur/adresse"), Some(&expected));
    }

    #[test]
    fn an_address_without_a_whole_number_keeps_its_line() {
        for line in [
            "LIEU-DIT LE BOIS",
            "12BIS RUE DES ESSAIS",
            "99999999999 RUE",
            "12",
        ] {
            let mut body = json!({"cerfa": {"apprenti": {"adresse": {"adresse1": line}}}});
            apply(Edit::Address2021, &mut body);
            let expected = json!({"voie": line});
            assert_eq!(
                body.pointer("/cerfa/apprenti/adresse"),
                Some(&expected),
                "{line}"
            );
        }
    }
}
