//! Who may call one OPCO: tokens it gave, software accounts and CFA keys registered with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The most tokens one OPCO remembers.
const MOST_TOKENS: usize = 10_000;
/// The most DPoP proofs remembered against replay.
const MOST_PROOFS: usize = 100_000;
/// The most keys and accounts one may register.
const MOST_REGISTERED: usize = 100_000;

/// A CFA key to register. Its value is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CfaKey {
    /// The key itself.
    pub key: String,
    /// The SIREN it is attached to: all keys of a SIREN see the same dossiers, and it may file for
    /// this SIREN only.
    #[serde(default)]
    pub siren: Option<String>,
    /// The last day it is good, on the virtual clock.
    #[serde(default)]
    pub expires: Option<Date>,
    /// Whether it was taken back.
    #[serde(default)]
    pub revoked: bool,
}

/// A software account to register. Its secret is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The account's name.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// What is known of a registered key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct KeyRecord {
    pub(crate) siren: Option<String>,
    pub(crate) expires: Option<Date>,
    pub(crate) revoked: bool,
}

/// Whether a key is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Unknown,
    Revoked,
    Expired,
}

/// Returns the first 16 hexadecimal digits of the SHA-256 of a secret.
pub(crate) fn fingerprint(secret: &[u8]) -> Arc<str> {
    let hash = digest(&SHA256, secret);
    hexadecimal(hash.as_ref().get(..8).unwrap_or_default()).into()
}

/// Returns bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|half| HEX.get(usize::from(half)).copied().map(char::from))
        .collect()
}

/// The tokens, accounts and keys of one OPCO.
#[derive(Default)]
pub(crate) struct Identity {
    tokens: RwLock<HashMap<String, i64>>,
    keys: RwLock<HashMap<Arc<str>, KeyRecord>>,
    clients: RwLock<HashMap<String, Arc<str>>>,
    proofs: Mutex<HashMap<String, i64>>,
}

impl Identity {
    /// Gives a token that lives until then.
    pub(crate) fn give_token(&self, now_ms: i64, until_ms: i64) -> Option<String> {
        let mut random = [0_u8; 24];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        let token = URL_SAFE_NO_PAD.encode(random);
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST_TOKENS {
            tokens.retain(|_, until| *until > now_ms);
        }
        if tokens.len() >= MOST_TOKENS {
            tokens.clear();
        }
        tokens.insert(token.clone(), until_ms);
        Some(token)
    }

    pub(crate) fn token_is_good(&self, token: &str, now_ms: i64) -> bool {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.get(token).is_some_and(|until| *until > now_ms)
    }

    pub(crate) fn forget_token(&self, token: &str) {
        self.tokens
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(token);
    }

    /// Returns whether this proof was not shown before; remembers it until then.
    pub(crate) fn proof_is_new(&self, jti: &str, now_ms: i64, until_ms: i64) -> bool {
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        if proofs.len() >= MOST_PROOFS {
            proofs.retain(|_, until| *until > now_ms);
        }
        proofs.len() < MOST_PROOFS && proofs.insert(jti.to_owned(), until_ms).is_none()
    }

    /// Returns whether a software account may have a token.
    pub(crate) fn client_is_good(&self, id: &str, secret: &str, strict: bool) -> bool {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        match clients.get(id) {
            Some(known) => **known == *fingerprint(secret.as_bytes()),
            None => !strict && !id.is_empty() && !secret.is_empty(),
        }
    }

    pub(crate) fn register_client(&self, client: &Client) -> bool {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST_REGISTERED || client.client_id.is_empty() {
            return false;
        }
        let secret = fingerprint(client.client_secret.as_bytes());
        clients.insert(client.client_id.clone(), secret);
        true
    }

    /// Registers a key and returns its fingerprint.
    pub(crate) fn register_key(&self, key: &CfaKey) -> Option<Arc<str>> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_REGISTERED || key.key.is_empty() {
            return None;
        }
        let print = fingerprint(key.key.as_bytes());
        let record = KeyRecord {
            siren: key.siren.clone(),
            expires: key.expires,
            revoked: key.revoked,
        };
        keys.insert(Arc::clone(&print), record);
        Some(print)
    }

    pub(crate) fn key(&self, print: &str) -> Option<KeyRecord> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(print)
            .cloned()
    }

    pub(crate) fn standing(&self, print: &str, today: Date, strict: bool) -> Standing {
        match self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(print)
        {
            None if strict => Standing::Unknown,
            Some(record) if record.revoked => Standing::Revoked,
            Some(record) if record.expires.is_some_and(|last| last < today) => Standing::Expired,
            None | Some(_) => Standing::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_until_its_end_and_no_longer() {
        let identity = Identity::default();
        let token = identity.give_token(0, 1_000).unwrap();
        assert!(identity.token_is_good(&token, 999));
        assert!(!identity.token_is_good(&token, 1_000));
        identity.forget_token(&token);
        assert!(!identity.token_is_good(&token, 0));
    }

    #[test]
    fn a_fingerprint_is_the_start_of_the_hash() {
        assert_eq!(&*fingerprint(b"abc"), "ba7816bf8f01cfea");
    }

    #[test]
    fn strictness_knows_registered_keys_and_accounts_only() {
        let identity = Identity::default();
        assert!(identity.client_is_good("editeur", "secret", false));
        assert!(!identity.client_is_good("editeur", "", false));
        assert!(!identity.client_is_good("editeur", "secret", true));
        let client = Client {
            client_id: "editeur".to_owned(),
            client_secret: "secret".to_owned(),
        };
        assert!(identity.register_client(&client));
        assert!(identity.client_is_good("editeur", "secret", true));
        assert!(!identity.client_is_good("editeur", "autre", false));

        let today = jiff::civil::date(2026, 11, 21);
        let key = |expires, revoked| CfaKey {
            key: "cle".to_owned(),
            siren: None,
            expires,
            revoked,
        };
        let print = fingerprint(b"cle");
        assert_eq!(identity.standing(&print, today, true), Standing::Unknown);
        identity.register_key(&key(Some(today), false)).unwrap();
        assert_eq!(identity.standing(&print, today, true), Standing::Good);
        let tomorrow = today.tomorrow().unwrap();
        assert_eq!(
            identity.standing(&print, tomorrow, false),
            Standing::Expired
        );
        identity.register_key(&key(None, true)).unwrap();
        assert_eq!(identity.standing(&print, today, false), Standing::Revoked);
    }
}
