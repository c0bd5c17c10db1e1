//! The signatures of Standard Webhooks: `v1` with a secret both sides hold, `v1a` with a key of which
//! the receiver holds the public half.

use admin_api::hooks::Secrets;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use zeroize::Zeroizing;

/// Bytes of the shared secret, and of the seed of the key pair.
const SECRET_BYTES: usize = 32;

/// What the shared secret's text starts with.
const SHARED: &str = "whsec_";
/// What the private key's text starts with.
const PRIVATE: &str = "whsk_";
/// What the public key's text starts with.
const PUBLIC: &str = "whpk_";

/// Signs messages.
pub(crate) struct Signer {
    shared: hmac::Key,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(***)")
    }
}

/// Makes the secrets of an endpoint from the machine's randomness.
pub(crate) fn mint() -> Result<Secrets, Unspecified> {
    let mut random = Zeroizing::new([0; 2 * SECRET_BYTES]);
    aws_lc_rs::rand::fill(random.as_mut_slice())?;
    let (shared, seed) = random.split_at(SECRET_BYTES);
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Unspecified)?;
    let shared = Zeroizing::new(format!("{SHARED}{}", STANDARD.encode(shared)));
    let seed = Zeroizing::new(STANDARD.encode(seed));
    Ok(Secrets {
        kept: Secret::new(format!("{} {PRIVATE}{}", *shared, *seed)),
        shown: Secret::new(shared.as_str()),
        public_key: format!("{PUBLIC}{}", STANDARD.encode(pair.public_key().as_ref())),
    })
}

impl Signer {
    /// Reads the secrets as they were kept; nothing when they are none.
    pub(crate) fn read(kept: &Secret) -> Option<Self> {
        let (shared, private) = kept.expose().split_once(' ')?;
        let bytes = |text: &str, prefix| {
            let text = text.strip_prefix(prefix)?;
            STANDARD.decode(text).ok().map(Zeroizing::new)
        };
        Some(Self {
            shared: hmac::Key::new(hmac::HMAC_SHA256, &bytes(shared, SHARED)?),
            pair: Ed25519KeyPair::from_seed_unchecked(&bytes(private, PRIVATE)?).ok()?,
        })
    }

    /// Returns the signatures of a message, separated by a space.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let message = format!("{id}.{timestamp}.{body}");
        let shared = hmac::sign(&self.shared, message.as_bytes());
        let own = self.pair.sign(message.as_bytes());
        format!(
            "v1,{} v1a,{}",
            STANDARD.encode(shared.as_ref()),
            STANDARD.encode(own.as_ref())
        )
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// The published vector of Standard Webhooks for `v1`.
    #[test]
    fn a_message_is_signed_as_the_specification_shows() {
        let seed = STANDARD.encode([7; 32]);
        let kept = format!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsk_{seed}");
        let signer = Signer::read(&Secret::new(kept)).unwrap();
        let signatures = signer.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        let (shared, own) = signatures.split_once(' ').unwrap();
        assert_eq!(shared, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(own.starts_with("v1a,"));
    }

    /// The first vector of RFC 8032 §7.1: the seed gives the public key.
    #[test]
    fn a_seed_gives_the_public_key_of_the_standard() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
                .collect()
        };
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        assert_eq!(pair.public_key().as_ref(), public);
    }

    #[test]
    fn what_is_shown_verifies_what_is_signed() {
        let minted = mint().unwrap();
        let signed = Signer::read(&minted.kept).unwrap().sign("msg", 1, "{}");
        let (shared, own) = signed.split_once(' ').unwrap();
        let key = STANDARD
            .decode(minted.shown.expose().strip_prefix("whsec_").unwrap())
            .unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let tag = STANDARD
            .decode(shared.strip_prefix("v1,").unwrap())
            .unwrap();
        hmac::verify(&key, b"msg.1.{}", &tag).unwrap();
        let public = STANDARD
            .decode(minted.public_key.strip_prefix("whpk_").unwrap())
            .unwrap();
        let signature = STANDARD.decode(own.strip_prefix("v1a,").unwrap()).unwrap();
        UnparsedPublicKey::new(&ED25519, public)
            .verify(b"msg.1.{}", &signature)
            .unwrap();
    }

    #[test]
    fn secrets_are_never_the_same_and_never_printed() {
        let (one, other) = (mint().unwrap(), mint().unwrap());
        assert_ne!(one.kept.expose(), other.kept.expose());
        let printed = format!("{one:?} {:?}", Signer::read(&one.kept).unwrap());
        let shared = one.shown.expose().strip_prefix("whsec_").unwrap();
        assert!(
            !printed.contains(shared) && !printed.contains("whsk_"),
            "{printed}"
        );
        assert!(Signer::read(&Secret::new("whsec_AAAA")).is_none());
    }
}
