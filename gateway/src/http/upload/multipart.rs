//! The two parts of a multipart body: the payload, bounded, and the file, which streams.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{AT_FILE, FICHIER, Inbound, Incoming, JSON_MAX, Upload, interrupted, refusal};
use crate::files::Held;
use crate::http::body::too_large_problem;
use crate::http::problem::{Code, Problem};
use crate::mutation::{self, Mutation};

/// Reads the parts, in whichever order they come.
pub(super) async fn read(
    inbound: &Inbound,
    headers: &HeaderMap,
    stream: Incoming,
    wanted: &'static str,
) -> Result<Upload, Problem> {
    let mut parts = Multipart::new(headers, stream);
    let (mut json, mut file) = (None, None);
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|error| broken(&error))?;
        match part.name() {
            Some(name) if name == wanted && json.is_none() => {
                json = Some(bounded(&mut part).await?);
            }
            Some(FICHIER) if file.is_none() => file = Some(received(inbound, &mut part).await?),
            Some(name) if name == wanted || name == FICHIER => {
                return Err(wrong(format!("La partie « {name} » est donnée deux fois.")));
            }
            _ => {
                let said =
                    format!("Parties attendues : « {wanted} » et « {FICHIER} », aucune autre.");
                return Err(wrong(said));
            }
        }
    }
    let json = json.ok_or_else(|| wrong(format!("Il manque la partie « {wanted} », en JSON.")))?;
    Ok(Upload { json, file })
}

async fn bounded(part: &mut Field) -> Result<Bytes, Problem> {
    let mut json = BytesMut::new();
    while let Some(bytes) = part.next().await {
        let bytes = bytes.map_err(|error| broken(&error))?;
        if json.len() + bytes.len() > JSON_MAX {
            return Err(too_large_problem(JSON_MAX));
        }
        json.extend_from_slice(&bytes);
    }
    Ok(json.freeze())
}

async fn received(inbound: &Inbound, part: &mut Field) -> Result<Held, Problem> {
    let name = file_name(part);
    let mut inflow = inbound.begin().await?;
    while let Some(bytes) = part.next().await {
        let bytes = bytes.map_err(|error| broken(&error))?;
        if mutation::planted(Mutation::PrintFile) {
            tracing::info!(part = %String::from_utf8_lossy(&bytes), "a file");
        }
        let written = inflow.write(&bytes).await;
        written.map_err(|error| refusal(error.named(name.as_deref())))?;
    }
    inbound.finish(inflow, name.as_deref()).await
}

/// Returns the name the sender gives to the file, the one that may hold accents first.
fn file_name(part: &Field) -> Option<String> {
    let said = part.content_disposition()?;
    let extended = said.get_filename_ext();
    let extended = extended.and_then(|name| String::from_utf8(name.value.clone()).ok());
    extended.or_else(|| said.get_filename().map(str::to_owned))
}

fn broken(error: &MultipartError) -> Problem {
    match error {
        MultipartError::Payload(_) | MultipartError::Incomplete => interrupted(),
        _ => wrong("Les parties ne se lisent pas : frontière ou en-têtes mal formés."),
    }
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidParts, detail).pointer(AT_FILE)
}
