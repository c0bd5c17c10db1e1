//! The DPoP proof that goes with a token request (protocol §3.2, RFC 9449).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use crate::identity::Identity;

/// How far a proof's instant may lie from now, in seconds.
const TOLERANCE_S: i64 = 300;
/// The longest proof read.
const LONGEST_PROOF: usize = 16 * 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    jwk: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
}

/// Checks a proof for a `POST` to `url`, and that it was never shown before.
pub(crate) fn check(
    proof: &str,
    url: &str,
    identity: &Identity,
    now_ms: i64,
    wants_key: bool,
) -> Result<(), &'static str> {
    if proof.len() > LONGEST_PROOF {
        return Err("proof too long");
    }
    let mut parts = proof.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("proof is not a JWT");
    };
    let header: Header = part(header).ok_or("unreadable proof header")?;
    let claims: Claims = part(claims).ok_or("unreadable proof claims")?;
    if header.alg != "RS256" {
        return Err("alg must be RS256");
    }
    if !header.typ.eq_ignore_ascii_case("dpop+jwt") {
        return Err("typ must be dpop+jwt");
    }
    match header.jwk {
        Some(jwk) => verify(proof, jwk)?,
        None if wants_key => return Err("jwk is missing"),
        // One client omits it; nothing can then be verified (protocol §3.2).
        None => {}
    }
    if claims.htm != "POST" {
        return Err("htm does not match");
    }
    let target = claims.htu.split(['?', '#']).next().unwrap_or_default();
    if !target.eq_ignore_ascii_case(url) {
        return Err("htu does not match");
    }
    if (now_ms / 1_000).saturating_sub(claims.iat).saturating_abs() > TOLERANCE_S {
        return Err("iat is too far from now");
    }
    let until_ms = now_ms.saturating_add(2 * TOLERANCE_S * 1_000);
    if claims.jti.is_empty() || claims.jti.len() > 256 {
        return Err("jti is missing or too long");
    }
    if !identity.proof_is_new(&claims.jti, now_ms, until_ms) {
        return Err("jti was used before");
    }
    Ok(())
}

fn part<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn verify(proof: &str, jwk: Value) -> Result<(), &'static str> {
    if jwk.get("d").is_some() {
        return Err("jwk holds a private key");
    }
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| "unreadable jwk")?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| "unusable jwk")?;
    let mut validation = Validation::new(Algorithm::RS256);
    // A proof has no `exp` and no audience; its age is checked by `iat`.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Value>(proof, &key, &validation)
        .map(|_| ())
        .map_err(|_| "signature does not match jwk")
}
