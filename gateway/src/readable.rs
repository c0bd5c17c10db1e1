//! A payload as people read it: each value with the norm's name of it in French; what is most sensitive
//! masked for whoever need not see it.

use std::collections::BTreeMap;

use domain::Kind;
use domain::identifiers::holds_number;
use domain::payload::fields;
use serde_json::Value;

/// What a masked value shows.
const MASK: &str = "•••";

/// Masks, in a payload, NIRs, accounts, and whatever tells of a disability.
pub(crate) fn mask(value: &mut Value) {
    each(value, &mut |key, value| {
        // The supplement of an invoice's line tells as much as the flag of a contract; and a number may have
        // strayed into another field.
        let told = value
            .as_str()
            .is_some_and(|text| text.contains("RQTH") || holds_number(text));
        let of_disability = key == "handicap" || key.to_ascii_uppercase().contains("RQTH");
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
pub(crate) fn lines(kind: Kind, value: &Value) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    walk(
        &names(kind),
        (&mut String::new(), &mut Vec::new()),
        value,
        &mut lines,
    );
    lines
}

/// Returns the norm's names of the fields of a kind, by their place without the ranks in lists.
fn names(kind: Kind) -> BTreeMap<String, &'static str> {
    let fields = fields(kind).into_iter();
    fields
        .map(|field| (field.pointer.replace("/*", ""), field.label))
        .collect()
}

fn walk(
    names: &BTreeMap<String, &'static str>,
    (path, said): (&mut String, &mut Vec<String>),
    value: &Value,
    lines: &mut Vec<(String, String)>,
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
                    said.push(names.get(path).map_or(key.as_str(), |name| name).to_owned());
                }
                walk(names, (path, said), value, lines);
                if tells {
                    said.pop();
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (rank, item) in items.iter().enumerate() {
                said.push(format!("n° {}", rank + 1));
                walk(names, (path, said), item, lines);
                said.pop();
            }
        }
        Value::Null => {}
        leaf => lines.push((said.join(" › "), text(leaf))),
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
        let has = |name: &str, value: &str| {
            let of = |line: &&(String, String)| line.0.contains(name) && line.1 == value;
            assert!(lines.iter().any(|line| of(&line)), "{name}: {lines:?}");
        };
        has("n° 1 › montant de la ligne", "10.5");
        has("autre", "oui");
        assert_eq!(lines.len(), 3, "what is absent is not told: {lines:?}");
    }

    #[test]
    fn what_is_most_sensitive_is_masked_wherever_it_is() {
        let mut contract = json!({"cerfa": {
            "apprenti": {
                "nom": "MARTIN", "nir": "205049399999992", "handicap": true, "droitsRqthExtensionBOE": true,
            },
            "lignes": [{"natureLigne": "MAJORATION_RQTH"}],
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
