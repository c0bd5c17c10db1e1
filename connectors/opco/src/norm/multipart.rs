//! The body of several parts in which the norm takes a payload and its file (protocol §3.3).

use std::fmt::Write as _;

use domain::{Fault, FaultKind};
use reqwest::header::HeaderValue;

use crate::call::Body;
use crate::fichier::Fichier;

/// The name of the part that holds the file.
const FICHIER: &str = "fichier";

/// Returns a body and its content type: the JSON in the part `name`, without a content type of its
/// own as the norm's clients send it, then the file.
///
/// # Errors
///
/// `Misconfigured`, when the machine gives no randomness.
pub(crate) fn write(
    name: &str,
    json: &[u8],
    fichier: Option<&Fichier>,
) -> Result<(Body, HeaderValue), Fault> {
    let boundary = boundary()?;
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let content_type = HeaderValue::from_str(&content_type)
        .map_err(|_| Fault::new(FaultKind::Misconfigured, "the boundary is no header"))?;

    let mut before = Vec::with_capacity(json.len() + 512);
    let opening =
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    before.extend_from_slice(opening.as_bytes());
    before.extend_from_slice(json);
    let closing = format!("\r\n--{boundary}--\r\n").into_bytes();
    let Some(fichier) = fichier else {
        before.extend_from_slice(&closing);
        return Ok((Body::Whole(before), content_type));
    };
    let head = format!(
        "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"{FICHIER}\"; \
         filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
        fichier.nom(),
        fichier.genre().media_type()
    );
    before.extend_from_slice(head.as_bytes());
    let body = Body::WithFile {
        before,
        fichier: fichier.clone(),
        after: closing,
    };
    Ok((body, content_type))
}

/// Draws a boundary: a file written to contain a known one could add parts of its own.
fn boundary() -> Result<String, Fault> {
    let mut random = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Fault::new(FaultKind::Misconfigured, "no randomness"))?;
    let mut boundary = "cfa-gateway-".to_owned();
    for byte in random {
        // Writing to a text cannot fail.
        let _ = write!(boundary, "{byte:02x}");
    }
    Ok(boundary)
}
