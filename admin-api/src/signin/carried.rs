//! What a browser or a script carries: 256 random bits of which only the hash is kept.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::proof::Hash;
use domain::{Secret, Timestamp};
use store::people::Token;
use subtle::ConstantTimeEq as _;

/// How long the code may be awaited after the password.
pub(crate) const FIRST_STEP: Duration = Duration::from_mins(5);
/// What a key for scripts starts with, so that people and scanners recognise it.
pub(crate) const SCRIPT_PREFIX: &str = "cfg_admin_";

const RANDOM_BYTES: usize = 32;

/// A token just made: its text is handed over once.
#[derive(Debug)]
pub(crate) struct Carried {
    /// What is kept.
    pub(crate) token: Token,
    /// The text.
    pub(crate) text: Secret,
    /// Its SHA-256.
    pub(crate) hash: [u8; 32],
}

impl Carried {
    /// Makes the text of a token.
    pub(crate) fn new(token: Token) -> Self {
        let text = match token.purpose {
            store::people::Purpose::Script => format!("{SCRIPT_PREFIX}{}", random()),
            _ => random(),
        };
        Self {
            token,
            hash: hash(&text),
            text: Secret::new(text),
        }
    }
}

/// Returns 256 random bits as text.
pub(crate) fn random() -> String {
    let mut bytes = [0; RANDOM_BYTES];
    // The system's generator fails only where nothing else would work either.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        tracing::error!("the system has no randomness to give");
        std::process::abort();
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the SHA-256 of a text.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Hash::of_content(text.as_bytes()).0
}

/// Returns the word a page's forms must send back: it follows from the cookie, which another site
/// cannot read.
pub(crate) fn csrf(text: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, text.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"cfa-gateway csrf").as_ref())
}

/// Returns whether the word sent back is the one of this cookie, in a time that tells nothing.
pub(crate) fn is_csrf(text: &Secret, sent: &str) -> bool {
    csrf(text).as_bytes().ct_eq(sent.as_bytes()).into()
}

/// Returns the instant `span` after another.
pub(crate) fn after(now: Timestamp, span: Duration) -> Timestamp {
    let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(ms)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_are_never_the_same_and_a_word_belongs_to_one_of_them() {
        let (one, other) = (Secret::new(random()), Secret::new(random()));
        assert_ne!(one.expose(), other.expose());
        assert!(is_csrf(&one, &csrf(&one)));
        assert!(!is_csrf(&one, &csrf(&other)));
        assert!(!is_csrf(&one, ""));
    }
}
