//! Members of an answer that the norm as we know it does not have: told by their names, never by their
//! values. An OPCO that sends new ones has changed, and somebody should read its notes.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use domain::form::FieldOutline;
use domain::{Kind, echeancier, facture_etat, payload};
use serde_json::Value;

/// The most names of one answer.
const NAMES_MAX: usize = 20;
/// The longest name of a member, and the most digits in it: more may be somebody's number.
const NAME_CHARS_MAX: usize = 60;
const NAME_DIGITS_MAX: usize = 6;
/// What stands for a name that is none.
const UNTOLD: &str = "…";

/// The members beside the blocks of a dossier, and those of a line of states (protocol §7).
const NUMBERS: [&str; 5] = [
    "numerointerne",
    "numeroexterne",
    "numerodeca",
    "etat",
    "commentaireetat",
];

/// The pointers that are known, in lower case: OPCOs differ in that alone.
type Known = HashSet<String>;

static DETAIL: LazyLock<Known> = LazyLock::new(|| {
    let mut fields = payload::fields(Kind::Dossier);
    fields.extend(echeancier::fields());
    let mut known = pointers(fields);
    known.insert("/cerfa".to_owned());
    known.extend(NUMBERS.map(|name| format!("/{name}")));
    known.extend(NUMBERS.map(|name| format!("/cerfa/{name}")));
    known
});
static ETATS: LazyLock<Known> =
    LazyLock::new(|| NUMBERS.map(|name| format!("/{name}")).into_iter().collect());
static FACTURES: LazyLock<Known> = LazyLock::new(|| pointers(facture_etat::fields()));

fn pointers(fields: Vec<FieldOutline>) -> Known {
    let mut known = Known::new();
    for field in fields {
        let pointer = field.pointer.to_ascii_lowercase();
        if let (Some(alias), Some((parent, _))) = (field.alias, pointer.rsplit_once('/')) {
            known.insert(format!("{parent}/{}", alias.to_ascii_lowercase()));
        }
        known.insert(pointer);
    }
    known
}

/// Names what is unknown in a whole dossier.
pub(crate) fn of_detail(detail: &Value) -> Vec<String> {
    told(&[detail], &DETAIL)
}

/// Names what is unknown in the lines of a list of dossiers.
pub(crate) fn of_etats(lines: &[Value]) -> Vec<String> {
    told(&lines.iter().collect::<Vec<_>>(), &ETATS)
}

/// Names what is unknown in the lines of a list of invoices.
pub(crate) fn of_factures(lines: &[Value]) -> Vec<String> {
    told(&lines.iter().collect::<Vec<_>>(), &FACTURES)
}

fn told(values: &[&Value], known: &Known) -> Vec<String> {
    let mut found = BTreeSet::new();
    for value in values {
        walk(value, ("", ""), known, &mut found);
    }
    found.into_iter().collect()
}

/// Walks through what is known; what is below an unknown member is its own affair.
fn walk(value: &Value, (at, shown): (&str, &str), known: &Known, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let pointer = format!("{at}/{}", name.to_ascii_lowercase());
                // A block may carry a suffix on read (protocol §6.1).
                let plain = pointer
                    .strip_suffix("v2")
                    .filter(|plain| known.contains(*plain));
                let pointer = plain.unwrap_or(&pointer);
                let place = format!("{shown}/{}", readable(name));
                if known.contains(pointer) {
                    walk(inner, (pointer, &place), known, found);
                } else if found.len() < NAMES_MAX {
                    found.insert(place);
                }
            }
        }
        Value::Array(items) => {
            let (at, shown) = (format!("{at}/*"), format!("{shown}/*"));
            for item in items {
                walk(item, (&at, &shown), known, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns a name that may be shown: what names a member may be data where an OPCO keeps a table.
fn readable(name: &str) -> &str {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_name = !name.is_empty()
        && name.len() <= NAME_CHARS_MAX
        && digits <= NAME_DIGITS_MAX
        && name.chars().all(plain);
    if is_name { name } else { UNTOLD }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_norm_has_is_known_however_it_is_spelled() {
        let detail = json!({
            "Cerfa": {"employeurV2": {"siret": "1"}, "apprenti": {"nom": "A", "adresse": {"adresse1": "x"}},
                "numeroInterne": "7", "contrat": {"remunerationsAnnuelles": [{"taux": 53}]}},
            "engagement": 1, "echeances": [{"numero": 1, "IBAN": null}],
            "detailsFacturation": {"iban": "x", "periodesFraisAnnexes": [{"nature": "x"}]},
        });
        assert_eq!(of_detail(&detail), Vec::<String>::new());
        assert_eq!(
            of_etats(&[json!({"numeroInterne": "1", "etat": "ENGAGE"})]),
            Vec::<String>::new()
        );
        let line = json!({"numeroInterneFacture": "1", "organismeFormation": {"IBAN": "x"},
            "dossiers": [{"montant": 1}]});
        assert_eq!(of_factures(&[line]), Vec::<String>::new());
    }

    #[test]
    fn what_it_has_not_is_told_once_by_its_name_alone() {
        let detail = json!({
            "cerfa": {"apprenti": {"nom": "A", "pseudo": {"nom": "B"}}},
            "echeances": [{"numero": 1, "bonus": 5}, {"numero": 2, "bonus": 6}],
            "199097512345678": "table", "Deux mots": 1,
        });
        assert_eq!(
            of_detail(&detail),
            ["/cerfa/apprenti/pseudo", "/echeances/*/bonus", "/…"]
        );
        let many: serde_json::Map<String, Value> = (0..100)
            .map(|n| (format!("champ{n}"), Value::Null))
            .collect();
        assert_eq!(of_etats(&[Value::Object(many)]).len(), NAMES_MAX);
    }
}
