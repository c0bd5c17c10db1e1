//! Every number a payload holds, against what no such number can be.

use std::collections::BTreeSet;

use domain::Kind;
use domain::dossier::Dossier;
use domain::finding::{Effect, Finding};
use domain::form::FieldOutline;
use domain::payload;
use domain::rules::{self, Context};
use serde_json::{Value, json};

use super::world::{World, body, context};

/// What reading calls a number.
const NUMBERS: [&str; 4] = [
    "un montant en euros",
    "un taux en pourcentage",
    "un nombre",
    "un nombre entier",
];

const SAMPLES: [(Kind, &str); 6] = [
    (Kind::Dossier, "avenant"),
    (Kind::Convention, "convention"),
    (Kind::Facture, "facture-2-lignes"),
    (Kind::Certificat, "certificat-v2"),
    (Kind::Document, "document-infosFichier"),
    (Kind::Rupture, "rupture-v2"),
];

fn numbers(kind: Kind) -> Vec<FieldOutline> {
    let mut fields = payload::fields(kind);
    fields.retain(|field| NUMBERS.contains(&field.form) && !field.is_block && !field.read_only);
    fields
}

/// Returns the place of a field in a sample: the first of each list.
fn place(field: &FieldOutline) -> String {
    field.pointer.replace('*', "0")
}

/// Sets a member, and makes the objects that hold it.
fn put(body: &mut Value, pointer: &str, value: &Value) {
    let mut at = body;
    for name in pointer.split('/').skip(1) {
        at = match at {
            Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
            other => &mut other[name],
        };
    }
    *at = value.clone();
}

fn examine(kind: Kind, name: &str, body: &Value) -> Vec<Finding> {
    let text = body.to_string();
    if kind == Kind::Dossier {
        let today = "2026-09-02".parse().unwrap();
        let reading = Dossier::read(text.as_bytes()).unwrap();
        return rules::examine(&reading, &Context { today });
    }
    World::new(context(name)).examine(name, text.as_bytes())
}

#[test]
fn no_number_is_taken_that_none_can_be() {
    let nonsense = [
        json!(-1),
        json!(-0.5),
        json!(0.005),
        json!(1e18),
        json!(9_223_372_036_854_775_807_i64),
        json!("-1"),
        json!("99999999999999999999"),
        json!("1e3"),
    ];
    let mut seen = 0;
    for (kind, name) in SAMPLES {
        for field in numbers(kind) {
            let pointer = place(&field);
            for value in &nonsense {
                let mut body = body(name);
                put(&mut body, &pointer, value);
                let found = examine(kind, name, &body);
                let named: BTreeSet<&str> = found
                    .iter()
                    .filter(|one| one.effect == Effect::Refuse && !one.rule.is_empty())
                    .map(|one| one.pointer.as_str())
                    .collect();
                assert!(
                    named.contains(pointer.as_str()),
                    "{kind:?} {pointer} {value}: {found:?}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 30 * nonsense.len(), "{seen}");
}
