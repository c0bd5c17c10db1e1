//! The check of one object against the fields the protocol gives it, whatever is sent.

use serde_json::{Map, Value};

use super::fields::{self, Field, Kind, Need};
use super::{Finding, amount, day, is_absent, whole};

/// The most findings one refusal lists.
const MOST_FINDINGS: usize = 200;

/// The codes of what is absent and of what is wrong; ours, as those of the OPCOs are unknown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codes {
    pub(super) missing: &'static str,
    pub(super) wrong: &'static str,
}

/// Collects what is wrong.
pub(super) struct Checker {
    codes: Codes,
    /// Whether the latest CERFA's lists apply.
    pub(super) latest: bool,
    pub(super) findings: Vec<Finding>,
}

fn under(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

impl Checker {
    pub(super) fn new(codes: Codes) -> Self {
        Self {
            codes,
            latest: true,
            findings: Vec::new(),
        }
    }

    fn report(&mut self, code: &'static str, path: &str, text: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding::of(code, text).at(path));
        }
    }

    pub(super) fn missing(&mut self, path: &str) {
        let text = format!("Le champ {path} est obligatoire");
        self.report(self.codes.missing, path, text);
    }

    pub(super) fn wrong(&mut self, path: &str, why: &str) {
        let text = format!("Le champ {path} est invalide : {why}");
        self.report(self.codes.wrong, path, text);
    }

    /// Checks an object that must be there.
    pub(super) fn block(
        &mut self,
        parent: &Map<String, Value>,
        path: &str,
        name: &str,
        fields: &[Field],
    ) {
        if is_absent(parent.get(name)) {
            self.missing(&under(path, name));
        } else {
            self.optional_block(parent, path, name, fields);
        }
    }

    /// Checks an object if it is there.
    pub(super) fn optional_block(
        &mut self,
        parent: &Map<String, Value>,
        path: &str,
        name: &str,
        fields: &[Field],
    ) {
        match parent.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(block)) => self.fields(block, &under(path, name), fields),
            Some(_) => self.wrong(&under(path, name), "objet attendu"),
        }
    }

    /// Checks a list of objects that may not be empty.
    pub(super) fn list(
        &mut self,
        parent: &Map<String, Value>,
        path: &str,
        (name, most): (&str, usize),
        fields: &[Field],
    ) {
        let path = under(path, name);
        match parent.get(name) {
            None | Some(Value::Null) => self.missing(&path),
            Some(Value::Array(items)) if items.is_empty() => self.missing(&path),
            Some(Value::Array(items)) if items.len() > most => {
                self.wrong(&path, &format!("{most} éléments au plus"));
            }
            Some(Value::Array(items)) => {
                for (rank, item) in items.iter().enumerate() {
                    let path = format!("{path}[{rank}]");
                    match item {
                        Value::Object(item) => self.fields(item, &path, fields),
                        _ => self.wrong(&path, "objet attendu"),
                    }
                }
            }
            Some(_) => self.wrong(&path, "tableau attendu"),
        }
    }

    pub(super) fn fields(&mut self, block: &Map<String, Value>, path: &str, fields: &[Field]) {
        for field in fields {
            let needed = match field.need {
                Need::Always => true,
                Need::V14 => self.latest,
                Need::Never => false,
            };
            let value = block.get(field.name);
            match value.filter(|_| !is_absent(value)) {
                Some(value) => self.one(value, &under(path, field.name), field.kind),
                None if needed => self.missing(&under(path, field.name)),
                None => {}
            }
        }
    }

    fn one(&mut self, value: &Value, path: &str, kind: Kind) {
        let why = match kind {
            Kind::Adresse => return self.adresse(value, path),
            Kind::Ignored => None,
            Kind::Bool => (!value.is_boolean()).then(|| "booléen attendu".to_owned()),
            Kind::Int => whole(value)
                .is_none_or(|number| !(0..=9_999_999).contains(&number))
                .then(|| "nombre entier attendu".to_owned()),
            Kind::Number => amount(value).is_none().then(|| "nombre attendu".to_owned()),
            Kind::Euros => crate::cents::read(value)
                .is_none()
                .then(|| "montant en euros à deux décimales attendu".to_owned()),
            Kind::Code(codes) => unknown_code(value, codes),
            Kind::Diplome if self.latest => unknown_code(value, fields::DIPLOMES_V14),
            Kind::Diplome => unknown_code(value, fields::DIPLOMES),
            Kind::Niveau => unknown_code(value, &[1, 2, 3, 4, 5, 6, 7, 8]),
            Kind::Text(longest) => match value.as_str() {
                None => Some("texte attendu".to_owned()),
                Some(text) if text.chars().count() > longest => {
                    Some(format!("{longest} caractères au plus"))
                }
                Some(_) => None,
            },
            Kind::Date => value
                .as_str()
                .and_then(day)
                .is_none()
                .then(|| "date attendue".to_owned()),
            Kind::Word(words) => value
                .as_str()
                .is_none_or(|text| !words.contains(&text))
                .then(|| format!("une des valeurs {} est attendue", words.join(", "))),
            Kind::Form(fits, name) => match value.as_str() {
                None => Some("texte attendu".to_owned()),
                Some(text) => (!fits(text)).then(|| format!("{name} incorrect")),
            },
            Kind::Courriel => value
                .as_str()
                .is_none_or(|text| text.chars().count() > 80 || !text.contains('@'))
                .then(|| "courriel incorrect".to_owned()),
        };
        if let Some(why) = why {
            self.wrong(path, &why);
        }
    }

    /// Accepts the current form and that of 2021 (protocol §6.2).
    fn adresse(&mut self, value: &Value, path: &str) {
        let Value::Object(adresse) = value else {
            return self.wrong(path, "objet attendu");
        };
        if ["adresse1", "voie", "label"]
            .iter()
            .all(|name| is_absent(adresse.get(*name)))
        {
            self.missing(&under(path, "adresse1"));
        }
        self.fields(adresse, path, fields::ADRESSE);
    }
}

fn unknown_code(value: &Value, codes: &[i64]) -> Option<String> {
    match whole(value) {
        None => Some("code numérique attendu".to_owned()),
        Some(code) => (!codes.contains(&code)).then(|| format!("code {code} inconnu")),
    }
}
