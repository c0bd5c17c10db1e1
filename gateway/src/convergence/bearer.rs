//! The token of the façade: a keyed seal over the credential it was given to and its last instant.
//!
//! Nothing is remembered of it: any replica knows it again by the network's own key. The API key is not
//! in it, and alone it opens nothing: every call carries the key too.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use store::TenantKey;

use crate::http::caller::Caller;
use crate::pause;

/// The purpose under which a token is sealed.
const PURPOSE: &str = "convergence-token";
/// What a token begins with, so that people and scanners know it.
const PREFIX: &str = "cfj_";
/// Network, credential, last instant, seal.
const NETWORK: usize = 16;
const CREDENTIAL: usize = 16;
const INSTANT: usize = 8;
const SEAL: usize = 16;

/// A token that has the right form; whether it is good is another question.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    named: Vec<u8>,
    seal: Vec<u8>,
}

/// Makes the token of a credential.
pub(super) fn make(keys: &TenantKey, caller: &Caller, until: Timestamp) -> String {
    let mut bytes = named(caller, until.as_millisecond());
    let seal = seal(keys, &bytes);
    bytes.extend_from_slice(&seal);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

impl Bearer {
    /// Reads a token.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (named, seal) = bytes.split_at_checked(NETWORK + CREDENTIAL + INSTANT)?;
        (seal.len() == SEAL).then(|| Self {
            named: named.to_vec(),
            seal: seal.to_vec(),
        })
    }

    /// Returns whether it was given to this caller and has not ended. Nothing of it is believed before
    /// the seal is.
    pub(super) fn is_good(&self, keys: &TenantKey, caller: &Caller, now: Timestamp) -> bool {
        let until = self.named.last_chunk().copied().map(i64::from_be_bytes);
        let Some(until) = until else { return false };
        let own = named(caller, until);
        let sealed = verify_slices_are_equal(&self.seal, &seal(keys, &own)).is_ok();
        sealed && own == self.named && now.as_millisecond() < until
    }
}

fn named(caller: &Caller, until_ms: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(NETWORK + CREDENTIAL + INSTANT + SEAL);
    bytes.extend_from_slice(caller.tenant.as_bytes());
    bytes.extend_from_slice(caller.credential.as_bytes());
    bytes.extend_from_slice(&until_ms.to_be_bytes());
    bytes
}

fn seal(keys: &TenantKey, named: &[u8]) -> [u8; SEAL] {
    keys.fingerprint(PURPOSE, &URL_SAFE_NO_PAD.encode(named)).0
}

/// Returns the last instant of a token made now.
pub(super) fn until(now: Timestamp, span: std::time::Duration) -> Timestamp {
    pause::later(now, span)
}
