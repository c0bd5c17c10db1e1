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
        match said.split('`').nth(1) {
            Some(field) => Refusal::from(Code::Invalid).saying(
                format!("Le champ « {field} » manque ou n'a pas la forme attendue."),
                format!("The field “{field}” is missing or not of the expected form."),
            ),
            None => Code::Invalid.into(),
        }
    })
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
            let said = other.to_string();
            match said.split('`').nth(1) {
                Some(member) => Refusal::from(Code::Invalid).saying(
                    format!("Membre en cause : « {member} »."),
                    format!("Member at fault: “{member}”."),
                ),
                None => Code::Invalid.into(),
            }
        }
    }
}
