//! From the key in a header to the caller it stands for, with a short memory.
//!
//! A revocation, made anywhere, is felt when that memory ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use domain::Timestamp;
use store::credentials::{self, Credential};

use super::api_key::{self, KeyHash};
use super::caller::{Caller, Permission};
use super::problem::{Code, Problem};
use crate::app::App;
use crate::mutation::{self, Mutation};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

const BEARER: &[u8] = b"bearer ";

/// How long a credential is believed without asking the store again.
const BELIEVED: Duration = Duration::from_secs(5);
/// How many credentials are remembered.
const REMEMBERED_MAX: usize = 4_096;

/// The credentials lately seen.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: Mutex<HashMap<KeyHash, Seen>>,
}

#[derive(Debug, Clone)]
struct Seen {
    caller: Caller,
    expires_at: Option<Timestamp>,
    until: Timestamp,
}

impl Memory {
    fn recall(&self, hash: &KeyHash, now: Timestamp) -> Option<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if mutation::planted(Mutation::TenantForgotten) {
            return seen.values().next().cloned();
        }
        seen.get(hash).filter(|seen| now < seen.until).cloned()
    }

    fn keep(&self, hash: KeyHash, kept: Seen, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED_MAX {
            seen.retain(|_, seen| now < seen.until);
        }
        if seen.len() < REMEMBERED_MAX {
            seen.insert(hash, kept);
        }
    }
}

/// Recognises who calls.
pub(crate) async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let known = recognise(app, key(headers)?).await?;
    Ok(known.caller)
}

/// Whose a key is, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Who calls with it.
    pub(crate) caller: Caller,
    /// Its last instant, when it has one.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Recognises whose a key is.
pub(crate) async fn recognise(app: &App, key: &str) -> Result<Known, Problem> {
    let (environment, hash) = api_key::read(key).ok_or_else(|| Problem::plain(Code::UnknownKey))?;
    let now = app.clock.now();
    let seen = if let Some(seen) = app.http.credentials.recall(&hash, now) {
        seen
    } else {
        let mut tx = app.store.reading().await?;
        let found = credentials::find_by_hash(&mut tx, &hash).await?;
        let found = found.filter(|credential| credential.environment == environment);
        let seen = believe(found.ok_or_else(|| Problem::plain(Code::UnknownKey))?, now)?;
        app.http.credentials.keep(hash, seen.clone(), now);
        seen
    };
    match seen.expires_at {
        Some(expired) if expired <= now => Err(Problem::plain(Code::ExpiredKey)),
        _ => Ok(Known {
            caller: seen.caller,
            expires_at: seen.expires_at,
        }),
    }
}

fn believe(credential: Credential, now: Timestamp) -> Result<Seen, Problem> {
    if credential.revoked_at.is_some() {
        return Err(Problem::plain(Code::RevokedKey));
    }
    let permissions = credential
        .actions
        .iter()
        .filter_map(|word| word.parse().ok());
    Ok(Seen {
        caller: Caller {
            tenant: credential.tenant,
            credential: credential.id,
            environment: credential.environment,
            sirets: credential.sites.map(Arc::from),
            permissions: permissions.collect::<Vec<Permission>>().into(),
            quota_per_minute: credential.quota_per_minute,
        },
        expires_at: credential.expires_at,
        until: now.checked_add(BELIEVED).unwrap_or(now),
    })
}

/// Returns the key a request carries, in either of its two headers.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let bearer = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let begins = |value: &HeaderValue| {
        let scheme = value.as_bytes().get(..BEARER.len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER))
    };
    let carried =
        headers.contains_key(X_API_KEY) || headers.get(header::AUTHORIZATION).is_some_and(begins);
    // What cannot be read there is a key that opens nothing, such as « VOTRE CLÉ ».
    let without = if carried {
        Code::UnknownKey
    } else {
        Code::Unauthenticated
    };
    bearer
        .or_else(|| text(X_API_KEY))
        .ok_or_else(|| Problem::plain(without))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: HeaderName, value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        key(&headers).ok().map(str::to_owned)
    }

    #[test]
    fn either_header_carries_the_key() {
        assert_eq!(
            given(header::AUTHORIZATION, "Bearer cfg_x").as_deref(),
            Some("cfg_x")
        );
        assert_eq!(
            given(header::AUTHORIZATION, "bearer  cfg_x").as_deref(),
            Some("cfg_x")
        );
        assert_eq!(given(X_API_KEY, "cfg_x").as_deref(), Some("cfg_x"));
        assert_eq!(given(header::AUTHORIZATION, "Basic cfg_x"), None);
    }

    #[test]
    fn a_key_nobody_can_read_is_unknown_rather_than_absent() {
        let code = |name: HeaderName, value: &'static [u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            key(&headers).unwrap_err().code()
        };
        let written = "Bearer VOTRE_CLÉ".as_bytes();
        assert_eq!(code(header::AUTHORIZATION, written), Code::UnknownKey);
        assert_eq!(code(X_API_KEY, "VOTRE_CLÉ".as_bytes()), Code::UnknownKey);
        assert_eq!(
            code(header::AUTHORIZATION, b"Basic x"),
            Code::Unauthenticated
        );
    }
}
