//! What travels with a payload and is no part of it: the mandate record and the chosen OPCO.
//!
//! Beside `cerfa` at the root of the body, or in headers. Taken off before the payload is kept, so
//! that nothing of ours ever reaches an OPCO.

use actix_web::http::header::HeaderMap;
use domain::{Effect, Finding, Opco, Severity};
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::problem::{Code, Problem};
use crate::intake::Mandate;

const MANDAT: &str = "mandat";
const OPCO: &str = "opco";
const MANDAT_REFERENCE: &str = "cfa-mandat-reference";
const MANDAT_DATE: &str = "cfa-mandat-date";
const MANDAT_EMPREINTE: &str = "cfa-mandat-empreinte";
const CFA_OPCO: &str = "cfa-opco";

/// The longest reference of a mandate.
const REFERENCE_CHARS_MAX: usize = 100;
/// The hash of the mandate's document: SHA-256, in hexadecimal.
const EMPREINTE_BYTES: usize = 32;

/// What a sender says about a payload, beside it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Envelope {
    /// The management mandate the employer gave (ELI-002).
    pub(crate) mandate: Option<Mandate>,
    /// The OPCO the sender chose.
    pub(crate) opco: Option<Opco>,
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
    let mandate = if fields.iter().all(Option::is_none) {
        None
    } else {
        let [reference, date, empreinte] = fields;
        mandat(
            reference,
            date.as_deref(),
            empreinte.as_deref(),
            &mut findings,
        )
    };
    let opco = text(CFA_OPCO).and_then(|slug| opco(&slug, &mut findings));
    match findings.first() {
        None => Ok(Envelope { mandate, opco }),
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
        Some(Value::Object(fields)) => envelope.mandate = mandat_of_object(fields, findings),
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

fn mandat_of_object(
    mut fields: Map<String, Value>,
    findings: &mut Vec<Finding>,
) -> Option<Mandate> {
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
    mandat(reference, date.as_deref(), empreinte.as_deref(), findings)
}

fn mandat(
    reference: Option<String>,
    date: Option<&str>,
    empreinte: Option<&str>,
    findings: &mut Vec<Finding>,
) -> Option<Mandate> {
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
    let date = date.and_then(|date| date.parse::<Date>().ok());
    if date.is_none() {
        findings.push(wrong(
            "/mandat/date",
            "La date du mandat est absente ou illisible.".to_owned(),
            "Donnez la date de signature sous la forme AAAA-MM-JJ.",
        ));
    }
    let hash = empreinte.map(bytes_of_hex);
    if hash == Some(None) {
        findings.push(wrong(
            "/mandat/empreinte",
            "L'empreinte du mandat n'est pas un SHA-256.".to_owned(),
            "Donnez le SHA-256 du document signé, en 64 chiffres hexadécimaux, ou rien.",
        ));
    }
    let signed_on = date.filter(|_| findings.len() == before)?;
    Some(Mandate {
        reference,
        signed_on,
        document_hash: hash.flatten(),
    })
}

fn bytes_of_hex(text: &str) -> Option<[u8; EMPREINTE_BYTES]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    if rest.is_empty() {
        bytes.try_into().ok()
    } else {
        None
    }
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

pub(super) fn wrong(pointer: &str, message: String, remedy: &str) -> Finding {
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
    let told = opco::reference(name);
    told.chars().filter(|c| !c.is_control()).take(40).collect()
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
        let mandate = envelope.mandate.unwrap();
        assert_eq!(mandate.reference, "M-1");
        assert_eq!(mandate.signed_on.to_string(), "2026-08-01");
        assert_eq!(mandate.document_hash, Some([0xab; 32]));
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
        assert!(envelope.mandate.is_none() && envelope.opco.is_none());
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
        assert_eq!(envelope.mandate.as_ref().unwrap().reference, "M-2");
        let both = of_members([None, Some(json!("akto"))], &envelope, &mut Vec::new());
        assert_eq!(both.opco, Some(Opco::Akto));
        assert_eq!(both.mandate.unwrap().reference, "M-2");
        headers.remove(MANDAT_DATE);
        assert_eq!(
            of_headers(&headers).unwrap_err().code(),
            Code::InvalidRequest
        );
    }
}
