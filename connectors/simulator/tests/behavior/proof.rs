//! DPoP proofs as a client makes them, and as none should.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Returns claims that suit a token request.
pub(crate) fn claims(url: &str, now_s: i64) -> Value {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let jti = format!("preuve-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    json!({"jti": jti, "htm": "POST", "htu": url, "iat": now_s})
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Returns a proof that carries no public key; its signature means nothing to anyone.
pub(crate) fn without_key(url: &str, now_s: i64) -> String {
    let header = json!({"alg": "RS256", "typ": "dpop+jwt"});
    format!(
        "{}.{}.c2lnbmF0dXJl",
        encoded(&header),
        encoded(&claims(url, now_s))
    )
}

/// Signs proofs with a key of its own.
pub(crate) struct Signer {
    pair: KeyPair,
    pub(crate) jwk: Value,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        // RSAPublicKey in DER: for 2048 bits the modulus lies at a fixed place, before 65537.
        let der = pair.public_key().as_ref();
        assert_eq!(der.len(), 270);
        let jwk = json!({
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(&der[9..265]),
            "e": URL_SAFE_NO_PAD.encode(&der[267..]),
        });
        Self { pair, jwk }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encoded(header), encoded(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "RS256", "typ": "dpop+jwt", "jwk": self.jwk})
    }
}
