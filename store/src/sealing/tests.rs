//! What sealing promises, without a database.

use domain::Secret;
use domain::id::DeliveryId;

use super::*;

fn now() -> domain::Timestamp {
    "2026-09-01T08:00:00Z".parse().unwrap()
}

fn keys() -> TenantKey {
    TenantKey::new(TenantId::new(now()), &[7; KEY_LEN]).unwrap()
}

#[test]
fn a_payload_opens_as_it_was_sealed() {
    let keys = keys();
    let id = DeliveryId::new(now());
    let nir = Secret::new("199097512345678");
    let sealed = keys
        .seal_payload(id, b"{\"cerfa\":{}}", Some(&nir))
        .unwrap();
    let clear = keys.open_payload(id, &sealed).unwrap();
    assert_eq!(clear.body.as_slice(), b"{\"cerfa\":{}}");
    assert_eq!(clear.nir, NirPart::Present(nir));
}

#[test]
fn a_sealed_payload_shows_nothing_and_opens_for_no_other_row() {
    let keys = keys();
    let id = DeliveryId::new(now());
    let sealed = keys.seal_payload(id, b"canary-canary", None).unwrap();
    assert!(!sealed.body.windows(6).any(|window| window == b"canary"));
    assert_eq!(
        keys.open_payload(DeliveryId::new(now()), &sealed).err(),
        Some(SealError::Opening)
    );
    let stranger = TenantKey::new(TenantId::new(now()), &[7; KEY_LEN]).unwrap();
    assert_eq!(
        stranger.open_payload(id, &sealed).err(),
        Some(SealError::Opening)
    );
}

#[test]
fn a_changed_byte_is_noticed() {
    let keys = keys();
    let id = DeliveryId::new(now());
    let sealed = keys.seal_payload(id, b"body", None).unwrap();
    for at in 0..sealed.body.len() {
        let mut changed = sealed.clone();
        changed.body[at] ^= 1;
        assert_eq!(
            keys.open_payload(id, &changed).err(),
            Some(SealError::Opening)
        );
    }
}

#[test]
fn without_its_key_the_nir_is_gone_and_the_body_stays() {
    let keys = keys();
    let id = DeliveryId::new(now());
    let mut sealed = keys
        .seal_payload(id, b"body", Some(&Secret::new("199097512345678")))
        .unwrap();
    sealed.nir_key = None;
    let clear = keys.open_payload(id, &sealed).unwrap();
    assert_eq!(clear.nir, NirPart::Absent);
    assert_eq!(clear.body.as_slice(), b"body");
    sealed.body_key = Vec::new();
    assert_eq!(
        keys.open_payload(id, &sealed).err(),
        Some(SealError::Shredded)
    );
}

#[test]
fn a_secret_opens_only_in_its_own_place() {
    let keys = keys();
    let object = DeliveryId::new(now());
    let secret = Secret::new("canary-key");
    let sealed = keys
        .seal_secret(object.as_bytes(), "cfa-key", &secret)
        .unwrap();
    assert_eq!(
        keys.open_secret(object.as_bytes(), "cfa-key", &sealed),
        Ok(secret)
    );
    assert_eq!(
        keys.open_secret(object.as_bytes(), "oauth-secret", &sealed),
        Err(SealError::Opening)
    );
    assert!(
        keys.open_secret(object.as_bytes(), "cfa-key", &SealedSecret(vec![1; 5]))
            .is_err()
    );
}

#[test]
fn fingerprints_are_equal_only_for_one_network_purpose_and_text() {
    let keys = keys();
    let other = TenantKey::new(TenantId::new(now()), &[8; KEY_LEN]).unwrap();
    let print = keys.fingerprint("pairing", "durand|jean");
    assert_eq!(print, keys.fingerprint("pairing", "durand|jean"));
    assert_ne!(print, keys.fingerprint("lane", "durand|jean"));
    assert_ne!(print, keys.fingerprint("pairing", "durand|jeanne"));
    assert_ne!(print, other.fingerprint("pairing", "durand|jean"));
}

#[test]
fn a_master_key_survives_text_and_is_never_printed() {
    let key = MasterKey::generate().unwrap();
    let again = MasterKey::from_base64(&format!("{}\n", key.to_base64().expose())).unwrap();
    assert_eq!(again.id(), key.id());
    assert_eq!(key.id().len(), 8);
    assert_eq!(format!("{key:?}"), "MasterKey(***)");
    assert_eq!(
        MasterKey::from_base64("c2hvcnQ=").err(),
        Some(SealError::Key)
    );
}

#[test]
fn a_rewrapped_network_key_opens_what_the_old_one_sealed() {
    let sealer = Sealer::new(MasterKey::from_bytes([1; KEY_LEN]));
    let tenant = TenantId::new(now());
    let wrapped = sealer.new_tenant_key(tenant).unwrap();
    let id = DeliveryId::new(now());
    let payload = sealer
        .unwrap(tenant, &wrapped)
        .unwrap()
        .seal_payload(id, b"body", None)
        .unwrap();
    let new = MasterKey::from_bytes([2; KEY_LEN]);
    let rewrapped = sealer.rewrap(&new, tenant, &wrapped).unwrap();
    let sealer = Sealer::new(new);
    assert!(sealer.unwrap(tenant, &wrapped).is_err());
    let keys = sealer.unwrap(tenant, &rewrapped).unwrap();
    assert_eq!(
        keys.open_payload(id, &payload).unwrap().body.as_slice(),
        b"body"
    );
}
