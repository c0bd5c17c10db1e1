//! Proof of possession for token requests (RFC 9449): a small JWT signed with RS256 that carries its
//! own public key. AFDAS asks for it (protocol §3.2).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::{Fault, FaultKind, Secret, Timestamp};
use serde_json::json;

const PEM_HEAD: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_FOOT: &str = "-----END PRIVATE KEY-----";
const PEM_LINE: usize = 64;

/// An RSA key and its public half as a JWK.
pub(crate) struct ProofKey {
    pair: KeyPair,
    jwk: serde_json::Value,
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofKey")
    }
}

/// Makes an RSA key of 2048 bits for the proofs of one software (PKCS#8, PEM), to be kept beside its
/// client secret. It takes a good part of a second.
///
/// # Errors
///
/// `Misconfigured`, when the machine gives no randomness.
pub fn generate_proof_key() -> Result<Secret, Fault> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| unusable("no key could be made"))?;
    let der: Pkcs8V1Der<'_> = pair
        .as_der()
        .map_err(|_| unusable("the key cannot be written"))?;
    let base64 = STANDARD.encode(der.as_ref());
    let mut pem = String::with_capacity(base64.len() + 128);
    pem.push_str(PEM_HEAD);
    for (place, c) in base64.chars().enumerate() {
        if place % PEM_LINE == 0 {
            pem.push('\n');
        }
        pem.push(c);
    }
    pem.push('\n');
    pem.push_str(PEM_FOOT);
    pem.push('\n');
    Ok(Secret::new(pem))
}

impl ProofKey {
    /// Makes a key for the life of the process.
    pub(crate) fn generate() -> Result<Self, Fault> {
        KeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| unusable("no key could be made"))
            .map(Self::new)
    }

    /// Reads a key of PKCS#8 in PEM.
    pub(crate) fn from_pem(pem: &Secret) -> Result<Self, Fault> {
        let inner = pem
            .expose()
            .trim()
            .strip_prefix(PEM_HEAD)
            .and_then(|rest| rest.strip_suffix(PEM_FOOT))
            .ok_or_else(|| unusable("it is no PKCS#8 PEM"))?;
        let base64: String = inner.split_whitespace().collect();
        let der = STANDARD
            .decode(base64)
            .map_err(|_| unusable("it is no PKCS#8 PEM"))?;
        KeyPair::from_pkcs8(&der)
            .map_err(|_| unusable("it is no RSA key"))
            .map(Self::new)
    }

    fn new(pair: KeyPair) -> Self {
        let public = pair.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({
            "kty": "RSA",
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero()),
        });
        Self { pair, jwk }
    }

    /// Writes the proof for one request; each is used once only.
    pub(crate) fn proof(
        &self,
        method: &str,
        address: &str,
        now: Timestamp,
        nonce: Option<&str>,
    ) -> Result<String, Fault> {
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| unusable("no randomness"))?;
        let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": self.jwk});
        let mut claims = json!({
            "jti": URL_SAFE_NO_PAD.encode(random),
            "htm": method,
            "htu": address,
            "iat": now.as_second(),
        });
        if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut jwt = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                jwt.as_bytes(),
                &mut signature,
            )
            .map_err(|_| unusable("it cannot sign"))?;
        jwt.push('.');
        jwt.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(jwt)
    }
}

fn unusable(why: &str) -> Fault {
    Fault::new(
        FaultKind::Misconfigured,
        format!("the proof key cannot be used: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
    use serde_json::Value;

    fn opened(proof: &str) -> Value {
        let header = decode_header(proof).unwrap();
        assert_eq!(
            (header.typ.as_deref(), header.alg),
            (Some("dpop+jwt"), Algorithm::RS256)
        );
        let jwk = header.jwk.unwrap();
        let mut rules = Validation::new(Algorithm::RS256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        decode::<Value>(proof, &DecodingKey::from_jwk(&jwk).unwrap(), &rules)
            .unwrap()
            .claims
    }

    #[test]
    fn a_proof_verifies_with_the_key_it_carries() {
        let pem = generate_proof_key().unwrap();
        let key = ProofKey::from_pem(&pem).unwrap();
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let first = key
            .proof("POST", "https://idp.example/token", now, None)
            .unwrap();
        let claims = opened(&first);
        assert_eq!(claims.get("htm"), Some(&"POST".into()));
        assert_eq!(claims.get("htu"), Some(&"https://idp.example/token".into()));
        assert_eq!(claims.get("iat"), Some(&now.as_second().into()));
        assert_eq!(claims.get("nonce"), None);
        let second = key
            .proof("POST", "https://idp.example/token", now, Some("n-1"))
            .unwrap();
        assert_ne!(opened(&second).get("jti"), claims.get("jti"));
        assert_eq!(opened(&second).get("nonce"), Some(&"n-1".into()));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for wrong in [
            "canary",
            "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
        ] {
            let fault = ProofKey::from_pem(&Secret::new(wrong)).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Misconfigured);
            assert!(!format!("{fault:?}").contains("canary"));
        }
    }
}
