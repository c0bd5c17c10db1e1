//! What a page's form sends: its fields, once the page's own word is right.

pub(crate) mod upload;

use actix_web::dev::Payload;
use actix_web::error::JsonPayloadError;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::refusal::{Code, Refusal};
use crate::signin::carried;
use crate::viewer::Viewer;

/// The largest form or document, in bytes.
pub(crate) const BYTES_MAX: usize = 64 * 1024;
/// The name of the field that holds the page's own word.
pub(crate) const CSRF_FIELD: &str = "csrf";

/// The names of the field that says which act a form asks for.
const ACT_FIELDS: [&str; 2] = ["act", "action"];
/// How the reader of forms and documents begins when a word is none of a list.
const UNKNOWN: &str = "unknown variant";

/// The fields of a form that one of our pages sent, of at most `MAX` bytes.
#[derive(Debug)]
pub(crate) struct Sent<T, const MAX: usize = BYTES_MAX>(pub(crate) T);

impl<T: DeserializeOwned + 'static, const MAX: usize> FromRequest for Sent<T, MAX> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let viewer = request.extensions().get::<Viewer>().cloned();
        let body = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let body = body.await.map_err(|_| Refusal::from(Code::Invalid))?;
            let read = body.to_bytes_limited(MAX).await;
            let bytes = read
                .map_err(|_| Refusal::from(Code::TooLarge))?
                .map_err(|_| Refusal::from(Code::Invalid))?;
            let pairs: Vec<(String, String)> =
                serde_urlencoded::from_bytes(&bytes).map_err(|_| Refusal::from(Code::Invalid))?;
            if let Some(cookie) = viewer.as_ref().and_then(Viewer::cookie) {
                let mut words = pairs.iter().filter(|(name, _)| name == CSRF_FIELD);
                if !words.any(|(_, word)| carried::is_csrf(cookie, word)) {
                    return Err(Code::ForeignForm.into());
                }
            }
            read_fields(&pairs).map(Self)
        })
    }
}

/// Reads the fields; one that is empty is one that was not filled in.
fn read_fields<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, Refusal> {
    let filled = pairs
        .iter()
        .filter(|(name, value)| name != CSRF_FIELD && !value.is_empty());
    let text = serde_urlencoded::to_string(filled.collect::<Vec<_>>())
        .map_err(|_| Refusal::from(Code::Invalid))?;
    serde_urlencoded::from_str(&text).map_err(|error| {
        let said = error.to_string();
        let act = pairs
            .iter()
            .find(|(name, _)| ACT_FIELDS.contains(&name.as_str()));
        match said.split('`').nth(1) {
            Some(word) if said.starts_with(UNKNOWN) && act.is_some_and(|(_, act)| act == word) => {
                Code::UnknownAct.into()
            }
            _ if said.starts_with(UNKNOWN) => not_listed(&said),
            Some(field) => Refusal::from(Code::Invalid).saying(
                format!("Le champ « {field} » manque ou n'a pas la forme attendue."),
                format!("The field “{field}” is missing or not of the expected form."),
            ),
            None => Code::Invalid.into(),
        }
    })
}

/// Says which words were expected in place of one that is none of them, and never that one.
fn not_listed(said: &str) -> Refusal {
    // What was sent is the first word between quotes; those that are listed follow.
    let words: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
    let words = words.join(", ");
    Refusal::from(Code::Invalid).saying(
        format!("Une valeur n'est pas l'une de celles attendues : {words}."),
        format!("A value is none of those expected: {words}."),
    )
}

/// Says what is wrong with a document, naming a member and never a value.
pub(crate) fn json_refusal(error: &JsonPayloadError) -> Refusal {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Code::TooLarge.into()
        }
        JsonPayloadError::ContentType => Refusal::from(Code::Invalid).saying(
            "Il faut un document JSON (content-type: application/json).",
            "A JSON document is needed (content-type: application/json).",
        ),
        other => {
            let said = match other {
                JsonPayloadError::Deserialize(error) => error.to_string(),
                other => other.to_string(),
            };
            match said.split('`').nth(1) {
                Some(_) if said.starts_with(UNKNOWN) => not_listed(&said),
                Some(member) => Refusal::from(Code::Invalid).saying(
                    format!("Membre en cause : « {member} »."),
                    format!("Member at fault: “{member}”."),
                ),
                None => Code::Invalid.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::person::Language;

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
        for (refusal, told) in [(&act, "act"), (&effect, "value"), (&missing, "act")] {
            let said = refusal.detail(Language::En);
            assert!(said.contains(told) && !said.contains("danser"), "{said}");
        }
        let document = serde_json::from_str::<Decision>(r#"{"act": "danser"}"#).unwrap_err();
        let said = json_refusal(&JsonPayloadError::Deserialize(document));
        let said = said.detail(Language::Fr);
        assert!(
            said.contains("say-route") && !said.contains("danser"),
            "{said}"
        );
    }
}
