//! An operation written as a call, in one OPCO's dialect.

use std::borrow::Cow;

use domain::payload::part_name;
use domain::{Fault, FaultKind};
use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use crate::call::{Body, Call, Identity, Method};
use crate::norm::{edit, lenient, multipart};
use crate::operation::Operation;
use crate::profile::Profile;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const EDITEUR: HeaderName = HeaderName::from_static("editeur");
const LOGICIEL: HeaderName = HeaderName::from_static("logiciel");
const VERSION: HeaderName = HeaderName::from_static("version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Writes an operation as the call this OPCO expects, all but the `Authorization` header.
///
/// # Errors
///
/// `Misconfigured`, when the profile has no address for it or the identity cannot be written.
pub fn encode(
    profile: &Profile,
    identity: &Identity,
    operation: &Operation,
) -> Result<Call, Fault> {
    let endpoint = profile.endpoint(identity.environment, profile.version(operation))?;
    let address = format!(
        "{}{}",
        endpoint.base_url.trim_end_matches('/'),
        profile.path(operation.route())
    );
    let mut url = Url::parse(&address)
        .map_err(|_| misconfigured(format!("{}: base_url is no address", profile.system())))?;
    write_query(&mut url, profile, identity, operation);

    let method = if operation.writes() {
        Method::Post
    } else {
        Method::Get
    };
    let mut call = Call::new(method, operation.route(), url);
    call.headers.reserve(8);
    call.headers.insert(
        X_API_KEY,
        secret_header(identity.cfa_key.expose(), "the CFA key")?,
    );
    call.headers.insert(
        EDITEUR,
        plain_header(&identity.editor.editeur, "the editor's name")?,
    );
    call.headers.insert(
        LOGICIEL,
        plain_header(&identity.editor.logiciel, "the software's name")?,
    );
    call.headers.insert(
        VERSION,
        plain_header(&identity.editor.version, "the version")?,
    );
    call.headers.insert(ACCEPT, JSON);
    if let Some((body, content_type)) = body(profile, operation)? {
        call.headers.insert(CONTENT_TYPE, content_type);
        call.body = Some(body);
    }
    Ok(call)
}

/// Writes a secret as a header value that no `Debug` shows.
pub(crate) fn secret_header(text: &str, what: &str) -> Result<HeaderValue, Fault> {
    if text.trim().is_empty() {
        return Err(misconfigured(format!("{what} is empty")));
    }
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| misconfigured(format!("{what} holds a character no header can carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Plain ASCII, since a client's accents are not sure to arrive (protocol §3.1).
fn plain_header(text: &str, what: &str) -> Result<HeaderValue, Fault> {
    let ascii: String = lenient::unaccented(text)
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let trimmed = ascii.trim();
    if trimmed.is_empty() {
        return Err(misconfigured(format!("{what} is empty")));
    }
    HeaderValue::from_str(trimmed).map_err(|_| misconfigured(format!("{what} cannot be a header")))
}

fn write_query(url: &mut Url, profile: &Profile, identity: &Identity, operation: &Operation) {
    match operation {
        Operation::Etats {
            version: domain::NormVersion::V2,
            page,
        }
        | Operation::FacturesEtats { page } => {
            url.query_pairs_mut()
                .append_pair("numeroPage", &page.to_string());
        }
        Operation::Detail { numero_interne, .. } => {
            url.query_pairs_mut()
                .append_pair("numeroInterne", numero_interne);
        }
        Operation::Liste { numeros } => {
            let joined = numeros.join(&profile.liste_separator);
            url.query_pairs_mut()
                .append_pair("numerosInternes", &joined);
        }
        // The norm puts the key into the query, so this address is a secret (protocol §14).
        Operation::KeyInfo { siren } => {
            url.query_pairs_mut()
                .append_pair("siren", siren.as_str())
                .append_pair("XAPIKEY", identity.cfa_key.expose());
        }
        Operation::Status
        | Operation::FileDossier { .. }
        | Operation::FilePiece { .. }
        | Operation::Etats { .. } => {}
    }
}

fn body(profile: &Profile, operation: &Operation) -> Result<Option<(Body, HeaderValue)>, Fault> {
    match operation {
        Operation::FileDossier { dossier, .. } => {
            let json = json(profile, dossier)?;
            Ok(Some((Body::Whole(json), JSON)))
        }
        Operation::FilePiece {
            piece,
            payload,
            fichier,
        } => {
            let json = json(profile, payload)?;
            match (part_name(piece.kind()), fichier) {
                (Some(name), fichier) => multipart::write(name, &json, fichier.as_ref()).map(Some),
                (None, None) => Ok(Some((Body::Whole(json), JSON))),
                (None, Some(_)) => Err(misconfigured(format!(
                    "{operation:?} has no place for a file"
                ))),
            }
        }
        Operation::Status
        | Operation::Etats { .. }
        | Operation::FacturesEtats { .. }
        | Operation::Detail { .. }
        | Operation::Liste { .. }
        | Operation::KeyInfo { .. } => Ok(None),
    }
}

fn json(profile: &Profile, payload: &Value) -> Result<Vec<u8>, Fault> {
    let mut written = Cow::Borrowed(payload);
    for departure in &profile.edits {
        edit::apply(*departure, written.to_mut());
    }
    serde_json::to_vec(&written).map_err(|_| misconfigured("the payload cannot be written".into()))
}

fn misconfigured(detail: String) -> Fault {
    Fault::new(FaultKind::Misconfigured, detail)
}
