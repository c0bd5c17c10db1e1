//! What an ERP signs in with: `cfg_live_…` or `cfg_test_…`, 256 random bits, kept only as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::proof::Hash;
use domain::{Environment, Secret};

const RANDOM_BYTES: usize = 32;
/// How many characters 32 bytes take in base64 without padding.
const RANDOM_CHARS: usize = 43;
/// How much of the random part is shown so that people can tell two keys apart.
const SHOWN_CHARS: usize = 4;

/// The SHA-256 of a whole key. A fast hash is enough for 256 random bits.
pub(crate) type KeyHash = [u8; 32];

/// A key just made: the clear text is shown once and kept nowhere.
#[derive(Debug)]
pub(crate) struct Minted {
    /// The clear text.
    pub(crate) key: Secret,
    /// What is kept.
    pub(crate) hash: KeyHash,
    /// What may be shown later, such as `cfg_live_ab12`.
    pub(crate) prefix: String,
}

/// Makes a key for one environment.
pub(crate) fn mint(environment: Environment) -> Result<Minted, aws_lc_rs::error::Unspecified> {
    let mut random = [0; RANDOM_BYTES];
    aws_lc_rs::rand::fill(&mut random)?;
    let random = URL_SAFE_NO_PAD.encode(random);
    let shown: String = random.chars().take(SHOWN_CHARS).collect();
    let key = format!("{}{random}", prefix(environment));
    Ok(Minted {
        hash: hash(&key),
        prefix: format!("{}{shown}", prefix(environment)),
        key: Secret::new(key),
    })
}

/// Returns the environment a text names and its hash, or nothing when it cannot be a key.
pub(crate) fn read(text: &str) -> Option<(Environment, KeyHash)> {
    let environment = *Environment::ALL
        .iter()
        .find(|e| text.starts_with(prefix(**e)))?;
    let random = text.strip_prefix(prefix(environment))?;
    let plausible = random.len() == RANDOM_CHARS
        && random
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    plausible.then(|| (environment, hash(text)))
}

fn prefix(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "cfg_live_",
        Environment::Test => "cfg_test_",
    }
}

fn hash(text: &str) -> KeyHash {
    Hash::of_content(text.as_bytes()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_reads_back_to_its_hash() {
        for environment in Environment::ALL {
            let minted = mint(*environment).unwrap();
            assert_eq!(read(minted.key.expose()), Some((*environment, minted.hash)));
            assert!(minted.key.expose().starts_with(&minted.prefix));
            assert_eq!(minted.key.expose().len(), "cfg_live_".len() + RANDOM_CHARS);
        }
    }

    #[test]
    fn what_cannot_be_a_key_never_reaches_the_store() {
        for text in [
            "",
            "cfg_live_",
            "cfg_prod_abc",
            "cfg_test_short",
            &"x".repeat(9_000),
        ] {
            assert_eq!(read(text), None);
        }
        assert_eq!(read(&format!("cfg_live_{}", "é".repeat(21))), None);
    }

    #[test]
    fn two_keys_are_never_the_same_and_are_masked_in_print() {
        let (one, two) = (
            mint(Environment::Live).unwrap(),
            mint(Environment::Live).unwrap(),
        );
        assert_ne!(one.hash, two.hash);
        assert!(!format!("{one:?}").contains(one.key.expose()));
    }
}
