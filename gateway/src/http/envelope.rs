//! What travels with a payload and is no part of it: the mandate record and the chosen OPCO.
//!
//! Beside `cerfa` at the root of the body, or in headers. Taken off before the payload is kept, so
//! that nothing of ours ever reaches an OPCO.

use actix_web::http::header::HeaderMap;
use domain::{Effect, Finding, Opco, Severity};
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::problem::{Code, Problem};

const MANDAT: &str = "mandat";
const OPCO: &str = "opco";
const MANDAT_REFERENCE: &str = "cfa-mandat-reference";
const MANDAT_DATE: &str = "cfa-mandat-date";
const MANDAT_EMPREINTE: &str = "cfa-mandat-empreinte";
const CFA_OPCO: &str = "cfa-opco";

/// The longest reference of a mandate.
const REFERENCE_CHARS_MAX: usize = 100;
/// The hash of the mandate's document: SHA-256, in hexadecimal.
const EMPREINTE_CHARS: usize = 64;

/// What a sender says about a payload, beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The management mandate the employer gave (ELI-002).
    pub(crate) mandat: Option<Mandat>,
    /// The OPCO the sender chose.
    pub(crate) opco: Option<Opco>,
}

/// A management mandate, as the sender records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mandat {
    /// The sender's reference.
    pub(crate) reference: String,
    /// The day it was signed.
    pub(crate) date: Date,
    /// The SHA-256 of the signed document, in lower-case hexadecimal.
    pub(crate) empreinte: Option<String>,
}

/// Reads the headers. They hold for the whole request.
pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Envelope, Problem> {
    let text = |name: &str| {
        let value = headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default().trim());
        value.map(str::to_owned)
    };
    let mut findings = Vec::new();
    let fields = [
        text(MANDAT_REFERENCE),
        text(MANDAT_DATE),
        text(MANDAT_EMPREINTE),
    ];
    let mandat = if fields.iter().all(Option::is_none) {
        None
    } else {
        let [reference, date, empreinte] = fields;
        mandat(reference, date, empreinte, &mut findings)
    };
    let opco = text(CFA_OPCO).and_then(|slug| opco(&slug, &mut findings));
    match findings.first() {
        None => Ok(Envelope { mandat, opco }),
        Some(finding) => Err(Problem::new(
            Code::InvalidRequest,
            format!(
                "En-têtes « CFA-… » : {} {}",
                finding.message, finding.remedy
            ),
        )),
    }
}

/// The names of the envelope at the root of a body.
pub(crate) const MEMBERS: [&str; 2] = [MANDAT, OPCO];

/// Reads the members taken off a body's root, in the order of [`MEMBERS`]; what the body says wins
/// over the headers. Everything wrong is a finding, so that it is told with all the others.
pub(crate) fn of_members(
    [mandate, chosen]: [Option<Value>; 2],
    headers: &Envelope,
    findings: &mut Vec<Finding>,
) -> Envelope {
    let mut envelope = headers.clone();
    match mandate {
        None | Some(Value::Null) => {}
        Some(Value::Object(fields)) => envelope.mandat = mandat_of_object(fields, findings),
        Some(_) => findings.push(wrong(
            "/mandat",
            "« mandat » n'est pas un objet.".to_owned(),
            "Donnez un objet portant « reference », « date » et, si possible, « empreinte ».",
        )),
    }
    match chosen {
        None | Some(Value::Null) => {}
        Some(Value::String(slug)) => envelope.opco = opco(&slug, findings),
        Some(_) => envelope.opco = opco("", findings),
    }
    envelope
}

fn mandat_of_object(mut fields: Map<String, Value>, findings: &mut Vec<Finding>) -> Option<Mandat> {
    let mut text = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        // Anything else is as wrong as an empty text, and told the same way.
        Some(_) => Some(String::new()),
    };
    let (reference, date, empreinte) = (text("reference"), text("date"), text("empreinte"));
    if let Some(name) = fields.keys().next() {
        findings.push(wrong(
            "/mandat",
            format!("Champ inconnu dans « mandat » : « {} ».", shortened(name)),
            "Ne gardez que « reference », « date » et « empreinte ».",
        ));
    }
    mandat(reference, date, empreinte, findings)
}

fn mandat(
    reference: Option<String>,
    date: Option<String>,
    empreinte: Option<String>,
    findings: &mut Vec<Finding>,
) -> Option<Mandat> {
    let before = findings.len();
    let reference = reference.unwrap_or_default();
    let length = reference.chars().count();
    if length == 0 || length > REFERENCE_CHARS_MAX || reference.chars().any(char::is_control) {
        findings.push(wrong(
            "/mandat/reference",
            "La référence du mandat est absente ou illisible.".to_owned(),
            "Donnez la référence de votre mandat, en 100 caractères au plus.",
        ));
    }
    let date = date.as_deref().and_then(|date| date.parse::<Date>().ok());
    if date.is_none() {
        findings.push(wrong(
            "/mandat/date",
            "La date du mandat est absente ou illisible.".to_owned(),
            "Donnez la date de signature sous la forme AAAA-MM-JJ.",
        ));
    }
    let empreinte = empreinte.map(|text| text.to_ascii_lowercase());
    let hash = |text: &String| {
        text.len() == EMPREINTE_CHARS && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if empreinte.as_ref().is_some_and(|text| !hash(text)) {
        findings.push(wrong(
            "/mandat/empreinte",
            "L'empreinte du mandat n'est pas un SHA-256.".to_owned(),
            "Donnez le SHA-256 du document signé, en 64 chiffres hexadécimaux, ou rien.",
        ));
    }
    let date = date.filter(|_| findings.len() == before)?;
    Some(Mandat {
        reference,
        date,
        empreinte,
    })
}

fn opco(slug: &str, findings: &mut Vec<Finding>) -> Option<Opco> {
    let opco = slug.parse().ok();
    if opco.is_none() {
        let slugs: Vec<&str> = Opco::ALL.iter().map(|opco| opco.slug()).collect();
        findings.push(wrong(
            "/opco",
            "Cet OPCO n'existe pas.".to_owned(),
            &format!("Choisissez parmi : {}.", slugs.join(", ")),
        ));
    }
    opco
}

fn wrong(pointer: &str, message: String, remedy: &str) -> Finding {
    Finding {
        rule: "STRUCTURE",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        pointer: pointer.to_owned(),
        message,
        remedy: remedy.to_owned(),
        value: None,
    }
}

fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn taken(root: &Value) -> (Envelope, Vec<Finding>) {
        let mut findings = Vec::new();
        let members = MEMBERS.map(|name| root.get(name).cloned());
        let envelope = of_members(members, &Envelope::default(), &mut findings);
        (envelope, findings)
    }

    #[test]
    fn the_mandate_and_the_chosen_opco_are_read() {
        let (envelope, findings) = taken(&json!({
            "mandat": {"reference": "M-1", "date": "2026-08-01", "empreinte": "AB".repeat(32)},
            "opco": "akto",
        }));
        assert!(findings.is_empty());
        assert_eq!(envelope.opco, Some(Opco::Akto));
        let mandat = envelope.mandat.unwrap();
        assert_eq!(
            (mandat.reference.as_str(), mandat.date.to_string().as_str()),
            ("M-1", "2026-08-01")
        );
        assert_eq!(mandat.empreinte, Some("ab".repeat(32)));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let (envelope, findings) = taken(&json!({
            "mandat": {"date": "hier", "empreinte": 3, "nom": "x"},
            "opco": "opco-des-mers",
        }));
        let pointers: Vec<&str> = findings.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/mandat",
                "/mandat/reference",
                "/mandat/date",
                "/mandat/empreinte",
                "/opco"
            ]
        );
        assert_eq!(envelope, Envelope::default());
        assert_eq!(taken(&json!({"mandat": 1})).1.len(), 1);
    }

    #[test]
    fn headers_say_the_same_and_the_body_wins() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (MANDAT_REFERENCE, "M-2"),
            (MANDAT_DATE, "2026-08-02"),
            (CFA_OPCO, "afdas"),
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let envelope = of_headers(&headers).unwrap();
        assert_eq!(envelope.mandat.as_ref().unwrap().reference, "M-2");
        let both = of_members([None, Some(json!("akto"))], &envelope, &mut Vec::new());
        assert_eq!(
            (both.opco, both.mandat),
            (Some(Opco::Akto), envelope.mandat)
        );
        headers.remove(MANDAT_DATE);
        assert_eq!(
            of_headers(&headers).unwrap_err().code(),
            Code::InvalidRequest
        );
    }
}
