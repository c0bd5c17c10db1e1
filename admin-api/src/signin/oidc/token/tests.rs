//! Every part of a token, each wrong in turn.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

struct Signer {
    key: EncodingKey,
    keys: JwkSet,
}

fn signer(kid: &str) -> Signer {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let der = der.unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let keys = json!({"keys": [{
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
        "x": text(&point[1..33]), "y": text(&point[33..]),
    }]});
    Signer {
        key: EncodingKey::from_ec_der(der.as_ref()),
        keys: serde_json::from_value(keys).unwrap(),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://identite.example.fr", "sub": "4f1", "aud": "cfa-gateway",
        "exp": NOW + 300, "iat": NOW - 5, "nonce": "n-1", "auth_time": NOW - 30,
        "email": "zoe@example.fr", "email_verified": true,
    })
}

fn signed(signer: &Signer, kid: Option<&str>, claims: &Value) -> Secret {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = kid.map(str::to_owned);
    Secret::new(encode(&header, claims, &signer.key).unwrap())
}

fn verified(token: &Secret, keys: &JwkSet) -> Result<Identity, Unbelieved> {
    let expected = Expected {
        issuer: "https://identite.example.fr",
        client: "cfa-gateway",
        nonce: "n-1",
    };
    verify(token, keys, &expected, Timestamp::from_second(NOW).unwrap())
}

#[test]
fn a_token_whose_every_part_holds_is_believed() {
    let signer = signer("k1");
    for kid in [Some("k1"), None] {
        let identity = verified(&signed(&signer, kid, &claims()), &signer.keys).unwrap();
        assert_eq!(identity.subject, "https://identite.example.fr 4f1");
        assert_eq!(identity.email.as_deref(), Some("zoe@example.fr"));
        assert!(identity.is_since((NOW - 90) * 1_000) && identity.is_since((NOW + 30) * 1_000));
        assert!(!identity.is_since((NOW + 31) * 1_000));
    }
    let mut listed = claims();
    listed["aud"] = json!(["other", "cfa-gateway"]);
    listed["azp"] = json!("cfa-gateway");
    assert!(verified(&signed(&signer, None, &listed), &signer.keys).is_ok());
}

#[test]
fn one_part_wrong_and_nobody_is_signed_in() {
    let signer = signer("k1");
    for (member, value, why) in [
        (
            "iss",
            json!("https://identite.example.fr/"),
            Unbelieved::Issuer,
        ),
        ("iss", json!("https://autre.example.fr"), Unbelieved::Issuer),
        ("aud", json!("other"), Unbelieved::Audience),
        ("aud", json!(["other", "cfa-gateway"]), Unbelieved::Audience),
        ("aud", json!([]), Unbelieved::Audience),
        ("azp", json!("other"), Unbelieved::Audience),
        ("exp", json!(NOW - 61), Unbelieved::Time),
        ("iat", json!(NOW + 61), Unbelieved::Time),
        ("nonce", json!("n-2"), Unbelieved::Nonce),
        ("nonce", json!(null), Unbelieved::Nonce),
        ("sub", json!(""), Unbelieved::Subject),
        ("sub", json!("x".repeat(256)), Unbelieved::Subject),
    ] {
        let mut claims = claims();
        claims[member] = value.clone();
        let found = verified(&signed(&signer, Some("k1"), &claims), &signer.keys);
        assert_eq!(found, Err(why), "{member} {value}");
    }
}

#[test]
fn an_address_nobody_verified_is_nobodys() {
    let signer = signer("k1");
    for (said, kept) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("yes"), false),
        (json!(null), false),
    ] {
        let mut claims = claims();
        claims["email_verified"] = said.clone();
        let found = verified(&signed(&signer, None, &claims), &signer.keys).unwrap();
        assert_eq!(found.email.is_some(), kept, "{said}");
    }
}

#[test]
fn only_a_key_of_the_provider_signs() {
    let (ours, other) = (signer("k1"), signer("k1"));
    let forged = signed(&other, Some("k1"), &claims());
    assert_eq!(verified(&forged, &ours.keys), Err(Unbelieved::Key));
    let unknown = signed(&ours, Some("k2"), &claims());
    assert_eq!(verified(&unknown, &ours.keys), Err(Unbelieved::Key));
    assert!(is_signed_by_one_of(&forged, &ours.keys) && !is_signed_by_one_of(&unknown, &ours.keys));
}

#[test]
fn a_signature_of_a_shared_secret_or_none_is_no_signature() {
    let ours = signer("k1");
    let shared = EncodingKey::from_secret(b"cfa-gateway");
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("k1".to_owned());
    let token = Secret::new(encode(&header, &claims(), &shared).unwrap());
    assert_eq!(verified(&token, &ours.keys), Err(Unbelieved::Algorithm));
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!(
        "{}.{}.",
        text(&json!({"alg": "none", "kid": "k1"})),
        text(&claims())
    );
    assert_eq!(
        verified(&Secret::new(none), &ours.keys),
        Err(Unbelieved::Form)
    );
    let good = signed(&ours, Some("k1"), &claims());
    let (head, _) = good.expose().rsplit_once('.').unwrap();
    assert_eq!(
        verified(&Secret::new(head), &ours.keys),
        Err(Unbelieved::Form)
    );
    assert_eq!(
        verified(&Secret::new(format!("{head}.")), &ours.keys),
        Err(Unbelieved::Key)
    );
}
