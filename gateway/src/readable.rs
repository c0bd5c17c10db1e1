//! A payload as people read it: each value with the norm's name of it in French and, where it is a code, what that
//! stands for; what is most sensitive masked for whoever need not see it.

use std::collections::BTreeMap;

use admin_api::privacy::Line;
use domain::Kind;
use domain::dossier::{VersionCerfa, enums};
use domain::identifiers::holds_number;
use domain::payload::fields;
use serde_json::Value;

/// What a masked value shows.
const MASK: &str = "•••";
/// The code of an amendment that tells of a disability as much as the flag.
const DISABILITY_RECOGNISED: &str = "34";

/// Masks, in a payload, NIRs, accounts, and whatever tells of a disability.
pub(crate) fn mask(value: &mut Value) {
    each(value, &mut |key, value| {
        // The supplement of an invoice's line tells as much as the flag of a contract; and a number may have
        // strayed into another field.
        let told = value
            .as_str()
            .is_some_and(|text| text.contains("RQTH") || holds_number(text));
        let of_disability = key == "handicap"
            || key.to_ascii_uppercase().contains("RQTH")
            || key == "typeContratApp" && text(value) == DISABILITY_RECOGNISED;
        if is_account(key) || key.eq_ignore_ascii_case("nir") || of_disability || told {
            *value = MASK.into();
        }
    });
}

/// Masks, in a payload, the accounts: they are never the apprentice's.
pub(crate) fn mask_accounts(value: &mut Value) {
    each(value, &mut |key, value| {
        if is_account(key) {
            *value = MASK.into();
        }
    });
}

fn is_account(key: &str) -> bool {
    key.to_ascii_lowercase().contains("iban")
}

/// Shows each member that is there to `change`, at any depth.
fn each(value: &mut Value, change: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members.iter_mut().filter(|(_, value)| !value.is_null()) {
                change(key, value);
                each(value, change);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

/// Returns each value of a payload with its name in French, in the order of the payload.
pub(crate) fn lines(kind: Kind, value: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    let version = value.pointer("/cerfa/versionCERFA").and_then(Value::as_str);
    let version = version.and_then(|version| version.parse().ok());
    let known = Known {
        names: names(kind),
        version: version.unwrap_or(VersionCerfa::NEWEST),
    };
    walk(
        &known,
        (&mut String::new(), &mut Vec::new()),
        value,
        &mut lines,
    );
    lines
}

/// Writes a value for a reader of French, with what it stands for.
pub(crate) fn in_french(line: &Line) -> String {
    match line.stands_for {
        Some((french, _)) => format!("{} ({french})", line.value),
        None => line.value.clone(),
    }
}

/// What is known of the fields of a payload.
struct Known {
    names: BTreeMap<String, &'static str>,
    /// The edition of the form, which decides its codes.
    version: VersionCerfa,
}

/// Returns the norm's names of the fields of a kind, by their place without the ranks in lists.
fn names(kind: Kind) -> BTreeMap<String, &'static str> {
    let fields = fields(kind).into_iter();
    fields
        .map(|field| (field.pointer.replace("/*", ""), field.label))
        .collect()
}

fn walk(
    known: &Known,
    (path, said): (&mut String, &mut Vec<String>),
    value: &Value,
    lines: &mut Vec<Line>,
) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let length = path.len();
                path.push('/');
                path.push_str(key);
                // The one block that everything is in says nothing.
                let tells = path != "/cerfa";
                if tells {
                    let name = known.names.get(path).map_or(key.as_str(), |name| name);
                    said.push(name.to_owned());
                }
                walk(known, (path, said), value, lines);
                if tells {
                    said.pop();
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (rank, item) in items.iter().enumerate() {
                said.push(format!("n° {}", rank + 1));
                walk(known, (path, said), item, lines);
                said.pop();
            }
        }
        Value::Null => {}
        leaf => lines.push(Line {
            name: said.join(" › "),
            value: text(leaf),
            stands_for: enums::told(path, known.version, leaf),
            pointer: path.clone(),
        }),
    }
}

fn text(leaf: &Value) -> String {
    match leaf {
        Value::Bool(true) => "oui".to_owned(),
        Value::Bool(false) => "non".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_names_of_the_norm() {
        let facture = json!({"numero": "F-1", "lignes": [{"montant": 10.5, "numeroDeca": null}], "autre": true});
        let lines = lines(Kind::Facture, &facture);
        let lines: Vec<(&str, &str)> = lines
            .iter()
            .map(|line| (line.name.as_str(), line.value.as_str()))
            .collect();
        let has = |name: &str, value: &str| {
            let of = |line: &&(&str, &str)| line.0.contains(name) && line.1 == value;
            assert!(lines.iter().any(|line| of(&line)), "{name}: {lines:?}");
        };
        has("n° 1 › montant de la ligne", "10.5");
        has("autre", "oui");
        assert_eq!(lines.len(), 3, "what is absent is not told: {lines:?}");
    }

    #[test]
    fn a_code_is_told_with_what_it_stands_for_in_its_edition_of_the_form() {
        let contract = |version: &str| {
            json!({"cerfa": {
                "versionCERFA": version, "apprenti": {"nationalite": "1", "diplome": 74, "prenom": "33"},
            }})
        };
        let said = |version| {
            let lines = lines(Kind::Dossier, &contract(version));
            let told = lines
                .iter()
                .map(|line| line.stands_for.map(|(_, english)| english));
            told.collect::<Vec<_>>()
        };
        let before = "Degree in engineering or of a business school";
        let sorted = |mut said: Vec<Option<&'static str>>| {
            said.sort();
            said
        };
        assert_eq!(
            sorted(said("10103*13")),
            [None, None, Some(before), Some("French")]
        );
        assert_eq!(sorted(said("10103*14")), [None, None, None, Some("French")]);
        let lines = lines(Kind::Dossier, &contract("10103*14"));
        let nationality = lines.iter().find(|line| line.stands_for.is_some()).unwrap();
        assert_eq!(in_french(nationality), "1 (Française)");
        assert_eq!(nationality.pointer, "/cerfa/apprenti/nationalite");
    }

    #[test]
    fn what_is_most_sensitive_is_masked_wherever_it_is() {
        let mut contract = json!({"cerfa": {
            "apprenti": {
                "nom": "MARTIN", "nir": "205049399999992", "handicap": true, "droitsRqthExtensionBOE": true,
            },
            "contrat": {"typeContratApp": 34}, "lignes": [{"natureLigne": "MAJORATION_RQTH"}],
            "employeur": {"iban": "FR76"}, "plus": [{"ibanEmetteur": "FR77"}],
            "remarque": "NIR 2 05 04 93 999 999 92", "compte": "GB29 NWBK 6016 1331 9268 19",
        }});
        let mut accounts = contract.clone();
        mask(&mut contract);
        let said = contract.to_string();
        for secret in [
            "205049399999992",
            "FR7",
            "true",
            "MAJORATION",
            ":34",
            "999 92",
            "NWBK",
        ] {
            assert!(!said.contains(secret), "{said}");
        }
        assert!(said.contains("MARTIN"));
        mask_accounts(&mut accounts);
        let said = accounts.to_string();
        assert!(
            said.contains("205049399999992") && !said.contains("FR7"),
            "{said}"
        );
    }
}
