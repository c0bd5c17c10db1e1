//! What a provider says of a person, believed only when every part of it holds (`OpenID` Connect Core 1.0
//! §3.1.3.7).

use domain::{Secret, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// The signatures taken: what providers use. `none` and those of shared secrets are not among them.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::PS256];
/// How far two clocks may differ, in seconds.
const LEEWAY_S: i64 = 60;

/// Who the provider says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Issuer and subject: never given to another person.
    pub(crate) subject: String,
    /// The address, when the provider has verified it.
    pub(crate) email: Option<String>,
    /// When they last proved who they are there.
    pub(crate) auth_time_s: Option<i64>,
}

/// What the token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unbelieved {
    #[error("the token is no token")]
    Form,
    #[error("its signature is of no kind that is taken")]
    Algorithm,
    #[error("it is signed by none of the provider's keys")]
    Key,
    #[error("another issued it")]
    Issuer,
    #[error("it was issued for another")]
    Audience,
    #[error("it is over, or of the future")]
    Time,
    #[error("it answers another question")]
    Nonce,
    #[error("it names nobody")]
    Subject,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: Option<i64>,
    nonce: Option<String>,
    auth_time: Option<i64>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Truth,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Some providers write it as a text.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Truth {
    Plain(bool),
    Text(String),
    #[default]
    None,
}

impl Identity {
    /// Returns whether the person proved who they are since an instant, give or take the clocks.
    pub(super) fn is_since(&self, at_ms: i64) -> bool {
        let since_s = at_ms.div_euclid(1_000).saturating_sub(LEEWAY_S);
        self.auth_time_s.is_some_and(|at| at >= since_s)
    }
}

/// Returns whether a token names one of these keys.
pub(super) fn is_signed_by_one_of(token: &Secret, keys: &JwkSet) -> bool {
    decode_header(token.expose()).is_ok_and(|header| key(keys, header.kid.as_deref()).is_some())
}

/// Finds the key a token names; a token that names none is signed by the only one there is.
fn key<'a>(keys: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    match (kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Believes a token, or says why not.
pub(super) fn verify(
    token: &Secret,
    keys: &JwkSet,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Identity, Unbelieved> {
    let header = decode_header(token.expose()).map_err(|_| Unbelieved::Form)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Unbelieved::Algorithm);
    }
    let jwk = key(keys, header.kid.as_deref()).ok_or(Unbelieved::Key)?;
    let key = DecodingKey::from_jwk(jwk).map_err(|_| Unbelieved::Key)?;
    // Only the signature is left to the library: the rest is compared below, by our clock.
    let mut signature = Validation::new(header.alg);
    signature.required_spec_claims.clear();
    signature.validate_exp = false;
    signature.validate_aud = false;
    let claims = decode::<Claims>(token.expose(), &key, &signature)
        .map_err(|_| Unbelieved::Key)?
        .claims;
    if claims.iss != expected.issuer {
        return Err(Unbelieved::Issuer);
    }
    let ours = |name: &String| name == expected.client;
    let (named, alone) = match &claims.aud {
        Audience::One(one) => (ours(one), true),
        Audience::Several(all) => (all.iter().any(ours), all.len() == 1),
    };
    let party = claims.azp.as_ref().map_or(alone, ours);
    if !named || !party {
        return Err(Unbelieved::Audience);
    }
    let now_s = now.as_second();
    let of_future = claims
        .iat
        .is_some_and(|iat| iat > now_s.saturating_add(LEEWAY_S));
    if claims.exp.saturating_add(LEEWAY_S) < now_s || of_future {
        return Err(Unbelieved::Time);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(Unbelieved::Nonce);
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(Unbelieved::Subject);
    }
    let verified = match claims.email_verified {
        Truth::Plain(verified) => verified,
        Truth::Text(text) => text == "true",
        Truth::None => false,
    };
    Ok(Identity {
        subject: format!("{} {}", claims.iss, claims.sub),
        email: claims.email.filter(|_| verified),
        auth_time_s: claims.auth_time,
    })
}

#[cfg(test)]
mod tests;
