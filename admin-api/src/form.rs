//! What a page's form or a program sends: its fields, once the page's own word is right.

mod fault;
pub(crate) mod refill;
pub(crate) mod sheet;
pub(crate) mod upload;

use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::error::JsonPayloadError;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::fault::Of;
use self::refill::Typed;
use crate::refusal::{Code, Refusal};
use crate::signin::carried;
use crate::viewer::Viewer;

/// The largest form or document, in bytes.
pub(crate) const BYTES_MAX: usize = 64 * 1024;
/// The name of the field that holds the page's own word.
pub(crate) const CSRF_FIELD: &str = "csrf";
/// The name of the field that holds the name of what a form makes.
pub(crate) const ONCE_FIELD: &str = "once";

/// The fields of a form that one of our pages sent, of at most `MAX` bytes.
#[derive(Debug)]
pub(crate) struct Sent<T, const MAX: usize = BYTES_MAX>(pub(crate) T);

impl<T: DeserializeOwned + 'static, const MAX: usize> FromRequest for Sent<T, MAX> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let viewer = request.extensions().get::<Viewer>().cloned();
        let typed = Typed::default();
        request.extensions_mut().insert(typed.clone());
        let body = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let pairs = pairs::<MAX>(body.await).await?;
            if let Some(cookie) = viewer.as_ref().and_then(Viewer::cookie) {
                let mut words = pairs.iter().filter(|(name, _)| name == CSRF_FIELD);
                if !words.any(|(_, word)| carried::is_csrf(cookie, word)) {
                    return Err(Code::ForeignForm.into());
                }
            }
            let read = read_fields(&pairs).map(Self);
            typed.keep(pairs);
            read
        })
    }
}

/// The same, where its page tells what is wrong with the fields, each beside it.
#[derive(Debug)]
pub(crate) struct Filled<T> {
    /// The fields, or what is wrong with them.
    pub(crate) read: Result<T, Refusal>,
    typed: Typed,
}

impl<T> Filled<T> {
    /// Returns what a field held that could be shown again, whatever is wrong with the others.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.typed.value(name)
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Filled<T> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let sent = Sent::<T>::from_request(request, payload);
        let typed = request.extensions().get::<Typed>().cloned();
        Box::pin(async move {
            let read = match sent.await {
                Ok(Sent(fields)) => Ok(fields),
                Err(refusal) if refusal.code == Code::Invalid => Err(refusal),
                Err(refusal) => return Err(refusal),
            };
            let typed = typed.unwrap_or_default();
            Ok(Self { read, typed })
        })
    }
}

/// The fields of a form that carries no word of a session: whoever sends it, nothing may be done in the name of
/// whom the browser is signed in as.
#[derive(Debug)]
pub(crate) struct Anybodys<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Anybodys<T> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let pairs = pairs::<BYTES_MAX>(body.await).await?;
            read_fields(&pairs).map(Self)
        })
    }
}

async fn pairs<const MAX: usize>(
    body: Result<web::Payload, Error>,
) -> Result<Vec<(String, String)>, Refusal> {
    let body = body.map_err(|_| Refusal::from(Code::Invalid))?;
    let read = body.to_bytes_limited(MAX).await;
    let bytes = read
        .map_err(|_| Refusal::from(Code::TooLarge))?
        .map_err(|_| Refusal::from(Code::Invalid))?;
    serde_urlencoded::from_bytes(&bytes).map_err(|_| Refusal::from(Code::Invalid))
}

/// Reads the fields; one that is empty is one that was not filled in.
fn read_fields<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, Refusal> {
    type Pair = (String, String);
    let filled: Vec<&Pair> = pairs
        .iter()
        .filter(|(name, value)| name != CSRF_FIELD && !value.is_empty())
        .collect();
    let read = |fields: &[&Pair]| -> Result<T, String> {
        let text = serde_urlencoded::to_string(fields).map_err(|_| String::new())?;
        serde_urlencoded::from_str(&text).map_err(|error| error.to_string())
    };
    read(&filled).map_err(|said| {
        let names = filled.iter().map(|(name, _)| name.as_str());
        fault::refusal((Of::Form, &said), names, |without| {
            let kept = |pair: &&Pair| !without.contains(&pair.0.as_str());
            let rest = filled.iter().copied().filter(kept);
            read(&rest.collect::<Vec<_>>()).err()
        })
    })
}

/// The document that a program sends.
#[derive(Debug)]
pub(crate) struct Document<T>(T);

impl<T> Document<T> {
    /// Returns what it holds.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Document<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Document<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = web::Json::<Value>::from_request(request, payload);
        Box::pin(async move {
            let Value::Object(members) = read.await?.into_inner() else {
                return Err(not_json().into());
            };
            read_members(&members).map(Self).map_err(Error::from)
        })
    }
}

/// Reads the members of a document.
fn read_members<T: DeserializeOwned>(members: &Map<String, Value>) -> Result<T, Refusal> {
    let read = |members: Map<String, Value>| -> Result<T, String> {
        serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
    };
    read(members.clone()).map_err(|said| {
        let names = members.keys().map(String::as_str);
        fault::refusal((Of::Document, &said), names, |without| {
            let mut rest = members.clone();
            rest.retain(|name, _| !without.contains(&name.as_str()));
            read(rest).err()
        })
    })
}

fn not_json() -> Refusal {
    Refusal::from(Code::Invalid).saying(
        "Il faut un document JSON : un objet (content-type: application/json).",
        "A JSON document is needed: an object (content-type: application/json).",
    )
}

/// Says why what was sent is no JSON, and where, without any of it.
pub(crate) fn json_refusal(error: &JsonPayloadError) -> Refusal {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Code::TooLarge.into()
        }
        JsonPayloadError::Deserialize(error) => {
            let (line, column) = (error.line(), error.column());
            Refusal::from(Code::Invalid).saying(
                format!("Ce n'est pas du JSON à partir de la ligne {line}, caractère {column}."),
                format!("This is no JSON from line {line}, character {column} on."),
            )
        }
        _ => not_json(),
    }
}

#[cfg(test)]
mod tests {
    use domain::delivery::Action;
    use domain::id::DeliveryId;
    use domain::person::{Language, Role};
    use domain::{Opco, Siret};

    use super::*;
    use crate::decisions::acts::Decision;

    fn refused(pairs: &[(&str, &str)]) -> Refusal {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        read_fields::<Decision>(&pairs).unwrap_err()
    }

    #[test]
    fn what_is_wrong_with_a_form_is_told_without_what_was_sent() {
        let act = refused(&[("act", "danser")]);
        assert_eq!(act.code, Code::UnknownAct);
        let effect = refused(&[("act", "change-rule"), ("rule", "r"), ("effect", "danser")]);
        let missing = refused(&[("reason", "r")]);
        for (refusal, told) in [(&act, "act"), (&effect, "“effect”"), (&missing, "“act”")] {
            let said = refusal.detail(Language::En);
            assert!(said.contains(told) && !said.contains("danser"), "{said}");
        }
        let members = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let refusal = read_members::<Decision>(&members(r#"{"act": "danser"}"#)).unwrap_err();
        let said = refusal.detail(Language::Fr);
        assert!(
            said.contains("say-route") && !said.contains("danser"),
            "{said}"
        );
    }

    #[test]
    fn two_fields_that_cannot_be_read_are_told_at_once() {
        let fields = |refusal: &Refusal| {
            let fields = refusal.all().filter_map(Refusal::field);
            fields.map(str::to_owned).collect::<Vec<_>>()
        };
        let sent = [
            ("act", "say-route"),
            ("employer", "1"),
            ("opco", "x"),
            ("from", "hier"),
            ("until", "2026-09-01"),
        ];
        assert_eq!(fields(&refused(&sent)), ["opco", "from"]);
        let sent = [("act", "say-route"), ("opco", "x"), ("from", "hier")];
        assert_eq!(fields(&refused(&sent)), ["opco", "from", "employer"]);
        let members = r#"{"siret": "1", "number": "x", "day": "2026-09-02", "list": [1, "a"]}"#;
        let members = serde_json::from_str::<Map<String, Value>>(members).unwrap();
        let mut found = fields(&read_members::<Everything>(&members).unwrap_err());
        found.sort();
        assert_eq!(found, ["list", "number", "siret"]);
    }

    /// What a person would rather not see again: a number typed in the wrong field, in quotes that the
    /// reader's own words are in, or made to look like these words.
    const TYPED: [&str; 5] = [
        "185057800608436",
        "`185057800608436`",
        "a`185057800608436`b`185057800608436`, expected one of `185057800608436`",
        "missing field `185057800608436`",
        "cle-secrete-185057800608436",
    ];

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read and never kept")]
    struct Everything {
        opco: Option<Opco>,
        siret: Option<Siret>,
        day: Option<jiff::civil::Date>,
        at: Option<domain::Timestamp>,
        id: Option<DeliveryId>,
        number: Option<u32>,
        yes: Option<bool>,
        action: Option<Action>,
        role: Option<Role>,
        list: Option<Vec<u32>>,
    }

    #[test]
    fn a_refusal_names_the_field_and_never_repeats_what_was_typed() {
        let fields = [
            "opco", "siret", "day", "at", "id", "number", "yes", "action", "role", "list",
        ];
        for field in fields {
            for typed in TYPED {
                let pairs = [
                    ("siret".to_owned(), "73282932000074".to_owned()),
                    (field.to_owned(), typed.to_owned()),
                ];
                let pairs = if field == "siret" {
                    &pairs[1..]
                } else {
                    &pairs[..]
                };
                let form = read_fields::<Everything>(pairs).unwrap_err();
                let mut members = Map::new();
                members.insert(field.to_owned(), typed.into());
                let document = read_members::<Everything>(&members).unwrap_err();
                for refusal in [form, document] {
                    let said = format!("{refusal:?}");
                    assert!(said.contains(&format!("« {field} »")), "{field}: {said}");
                    assert!(!said.contains("185057800608436"), "{field}: {said}");
                }
            }
        }
        // Nor the name of a field that is none: it may be what was meant for another.
        for typed in TYPED {
            let mut members = Map::new();
            members.insert(typed.to_owned(), true.into());
            let refusal = read_members::<Everything>(&members).unwrap_err();
            let said = format!("{refusal:?}");
            assert!(
                said.contains("opco") && !said.contains("185057800608436"),
                "{said}"
            );
        }
        let error = serde_json::from_str::<Value>("{\n \"185057800608436").unwrap_err();
        let said = format!("{:?}", json_refusal(&JsonPayloadError::Deserialize(error)));
        assert!(
            said.contains("ligne 2") && !said.contains("185057800608436"),
            "{said}"
        );
    }
}
