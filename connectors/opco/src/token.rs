//! Software tokens, kept until a minute before they expire; how they are asked for is in `ask`.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{Environment, Fault, Instance, Secret, Timestamp};
use reqwest::header::HeaderValue;

use crate::call::SoftwareCredential;
use crate::dpop::ProofKey;

mod ask;

/// How many clients are remembered; the expired ones make room.
const SLOTS_MAX: usize = 10_000;

/// A token, ready to be sent.
pub(crate) struct Token {
    /// `Bearer …`, marked sensitive.
    pub(crate) header: HeaderValue,
    text: Secret,
    usable_until: Timestamp,
}

impl Token {
    pub(crate) fn text(&self) -> &str {
        self.text.expose()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("usable_until", &self.usable_until)
            .finish_non_exhaustive()
    }
}

/// For whom a token is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) system: Instance,
    pub(crate) environment: Environment,
    pub(crate) token_url: &'a str,
    pub(crate) scope: Option<&'a str>,
    pub(crate) dpop: bool,
    pub(crate) software: &'a SoftwareCredential,
}

/// The tokens of a process.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    proof_key: tokio::sync::OnceCell<Arc<ProofKey>>,
}

/// Whoever presents another secret for the same client is another: a token is never lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    system: Instance,
    environment: Environment,
    client: [u8; 32],
}

#[derive(Debug, Default)]
struct Slot {
    current: RwLock<Option<Arc<Token>>>,
    /// Held by the one who asks; the others wait and share what it got, a refusal included.
    turn: tokio::sync::Mutex<Option<Fault>>,
    rounds: AtomicU64,
}

impl Slot {
    fn usable(&self, now: Timestamp, refused: Option<&Arc<Token>>) -> Option<Arc<Token>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current
            .as_ref()
            .filter(|token| now < token.usable_until)
            .filter(|token| refused.is_none_or(|refused| !Arc::ptr_eq(token, refused)))
            .cloned()
    }
}

impl Tokens {
    fn slot(&self, client: &Client<'_>, now: Timestamp) -> Arc<Slot> {
        let key = Key {
            system: client.system,
            environment: client.environment,
            client: digest(client),
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return slot.clone();
        }
        if slots.len() >= SLOTS_MAX {
            slots.retain(|_, slot| slot.usable(now, None).is_some());
        }
        if slots.len() >= SLOTS_MAX {
            slots.clear();
        }
        slots.entry(key).or_default().clone()
    }
}

fn digest(client: &Client<'_>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [
        client.token_url,
        client.scope.unwrap_or_default(),
        &client.software.client_id,
        client.software.client_secret.expose(),
        client
            .software
            .dpop_key
            .as_ref()
            .map(Secret::expose)
            .unwrap_or_default(),
    ] {
        // The length keeps two neighbours apart.
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    out
}
