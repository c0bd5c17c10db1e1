//! Envelope encryption: a master key wraps one key per network, which wraps one key per object.
//!
//! AES-256-GCM with the row's identity as associated data, so that a sealed value moved to another
//! row does not open. Nothing here touches the database.

mod file;
mod payload;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use domain::id::TenantId;
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::file::FileFacts;
pub(crate) use self::file::{CHUNK, Chunks, FileKey, TAG};
pub use self::payload::{NirPart, OpenPayload, SealedPayload};

/// Bytes of every key.
const KEY_LEN: usize = 32;
/// Bytes of a fingerprint.
const FINGERPRINT_LEN: usize = 16;
/// Bytes a sealed value is longer than the clear one: nonce and tag.
const OVERHEAD: usize = NONCE_LEN + 16;
/// Bytes of a wrapped key.
const WRAPPED_LEN: usize = KEY_LEN + OVERHEAD;
/// What the probe says when it opens.
const PROBE: &[u8] = b"cfa-gateway master key probe 1";

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The text is not a key of 32 bytes in base64.
    #[error("a key has 32 bytes, written in base64")]
    Key,
    /// The sealed value was changed, belongs to another row, or was sealed with another key.
    #[error("a sealed value does not open")]
    Opening,
    /// The key of the object was destroyed on purpose.
    #[error("the object was shredded")]
    Shredded,
    /// The machine gives no randomness.
    #[error("no randomness")]
    Randomness,
}

/// The key that wraps every network's key. Never printed; wiped on drop.
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    id: String,
}

/// A keyed fingerprint: equal texts of one network and purpose give equal fingerprints, and no one
/// without the network's key can tell the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; FINGERPRINT_LEN]);

/// A sealed secret: a CFA key, an OAuth secret, a `DPoP` key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub(crate) Vec<u8>);

impl SealedSecret {
    /// Takes what was sealed before and kept elsewhere; whether it opens shows when it is opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns what is kept elsewhere.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Holds the master key and the networks' keys that were used, unwrapped, in memory.
pub struct Sealer {
    master: RwLock<Arc<MasterKey>>,
    cache: RwLock<HashMap<TenantId, Arc<TenantKey>>>,
}

/// The unwrapped key of one network, ready to seal, open and fingerprint.
pub struct TenantKey {
    tenant: TenantId,
    seal: RandomizedNonceKey,
    fingerprint: hmac::Key,
}

impl MasterKey {
    /// Takes 32 bytes as they are.
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        let digest = digest::digest(&digest::SHA256, &bytes);
        let first = digest
            .as_ref()
            .iter()
            .take(4)
            .fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
        let id = format!("{first:08x}");
        Self {
            bytes: Zeroizing::new(bytes),
            id,
        }
    }

    /// Reads base64, with or without surrounding white space.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| SealError::Key)?);
        let bytes: [u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| SealError::Key)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Makes a new key from the machine's randomness.
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self::from_bytes(*random()?))
    }

    /// Returns the text to keep in a file that only its owner reads.
    pub fn to_base64(&self) -> Secret {
        Secret::new(STANDARD.encode(self.bytes.as_slice()))
    }

    /// Returns the first eight hexadecimal digits of the key's SHA-256: a name, not a secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn aead(&self) -> Result<RandomizedNonceKey, SealError> {
        aead(&self.bytes)
    }
}

impl Sealer {
    /// Takes the master key into custody.
    pub fn new(master: MasterKey) -> Self {
        Self {
            master: RwLock::new(Arc::new(master)),
            cache: RwLock::default(),
        }
    }

    /// Returns the name of the master key in use.
    pub fn master_key_id(&self) -> String {
        self.master().id.clone()
    }

    pub(crate) fn cached(&self, tenant: TenantId) -> Option<Arc<TenantKey>> {
        self.cache
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&tenant)
            .cloned()
    }

    /// Makes and wraps the key of a new network.
    pub(crate) fn new_tenant_key(&self, tenant: TenantId) -> Result<Vec<u8>, SealError> {
        let key = random()?;
        seal(
            &self.master().aead()?,
            &aad(tenant, tenant.as_bytes(), "tenant-key"),
            key.as_slice(),
        )
    }

    /// Opens a network's key and remembers it.
    pub(crate) fn unwrap(
        &self,
        tenant: TenantId,
        wrapped: &[u8],
    ) -> Result<Arc<TenantKey>, SealError> {
        let key = open_tenant_key(&self.master(), tenant, wrapped)?;
        let key = Arc::new(TenantKey::new(tenant, &key)?);
        self.cache
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tenant, Arc::clone(&key));
        Ok(key)
    }

    /// Wraps a network's key under another master key; the network's key itself stays.
    pub(crate) fn rewrap(
        &self,
        new: &MasterKey,
        tenant: TenantId,
        wrapped: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let key = open_tenant_key(&self.master(), tenant, wrapped)?;
        seal(
            &new.aead()?,
            &aad(tenant, tenant.as_bytes(), "tenant-key"),
            key.as_slice(),
        )
    }

    /// Uses another master key from now on.
    pub(crate) fn replace_master(&self, new: MasterKey) {
        *self.master.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
    }

    pub(crate) fn seal_probe(&self) -> Result<Vec<u8>, SealError> {
        seal_probe(&self.master())
    }

    pub(crate) fn opens_probe(&self, sealed: &[u8]) -> bool {
        self.master()
            .aead()
            .and_then(|key| open(&key, &probe_aad(), sealed))
            .is_ok_and(|clear| clear.as_slice() == PROBE)
    }

    fn master(&self) -> Arc<MasterKey> {
        Arc::clone(&self.master.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TenantKey {
    fn new(tenant: TenantId, key: &[u8; KEY_LEN]) -> Result<Self, SealError> {
        let derive = |purpose: &[u8]| {
            Zeroizing::new(
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose)
                    .as_ref()
                    .to_vec(),
            )
        };
        Ok(Self {
            tenant,
            seal: aead(key)?,
            fingerprint: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"fingerprint")),
        })
    }

    /// Returns whose key this is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the fingerprint of a text for one purpose (`pairing`, `lane`, `person`, …).
    ///
    /// Fingerprints of different purposes never compare equal, whatever the text.
    pub fn fingerprint(&self, purpose: &str, text: &str) -> Fingerprint {
        self.fingerprint_bytes(purpose, text.as_bytes())
    }

    /// Returns the fingerprint of some bytes for one purpose.
    pub(crate) fn fingerprint_bytes(&self, purpose: &str, bytes: &[u8]) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.fingerprint);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        let mut out = [0; FINGERPRINT_LEN];
        for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Fingerprint(out)
    }

    /// Seals a secret that belongs to `object`, under a key of its own that travels with it.
    ///
    /// `part` is a fixed word of the column, such as `cfa-key`.
    pub fn seal_secret(
        &self,
        object: &[u8; 16],
        part: &str,
        secret: &Secret,
    ) -> Result<SealedSecret, SealError> {
        let key = random()?;
        let mut sealed = self.wrap(object, part, &key)?;
        sealed.extend(seal(
            &aead(&key)?,
            &aad(self.tenant, object, part),
            secret.expose().as_bytes(),
        )?);
        Ok(SealedSecret(sealed))
    }

    /// Opens what [`TenantKey::seal_secret`] sealed for the same object and part.
    pub fn open_secret(
        &self,
        object: &[u8; 16],
        part: &str,
        sealed: &SealedSecret,
    ) -> Result<Secret, SealError> {
        let (wrapped, sealed) = sealed
            .0
            .split_at_checked(WRAPPED_LEN)
            .ok_or(SealError::Opening)?;
        let key = self.unwrap(object, part, wrapped)?;
        let clear = open(&aead(&key)?, &aad(self.tenant, object, part), sealed)?;
        let text = std::str::from_utf8(&clear).map_err(|_| SealError::Opening)?;
        Ok(Secret::new(text))
    }

    fn wrap(
        &self,
        object: &[u8; 16],
        part: &str,
        key: &[u8; KEY_LEN],
    ) -> Result<Vec<u8>, SealError> {
        seal(&self.seal, &wrap_aad(self.tenant, object, part), key)
    }

    fn unwrap(
        &self,
        object: &[u8; 16],
        part: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
        as_key(&open(
            &self.seal,
            &wrap_aad(self.tenant, object, part),
            wrapped,
        )?)
    }
}

/// Wraps the probe for a master key that is about to be used.
pub(crate) fn seal_probe(master: &MasterKey) -> Result<Vec<u8>, SealError> {
    seal(&master.aead()?, &probe_aad(), PROBE)
}

fn open_tenant_key(
    master: &MasterKey,
    tenant: TenantId,
    wrapped: &[u8],
) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
    as_key(&open(
        &master.aead()?,
        &aad(tenant, tenant.as_bytes(), "tenant-key"),
        wrapped,
    )?)
}

fn aead(key: &[u8; KEY_LEN]) -> Result<RandomizedNonceKey, SealError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Key)
}

fn random() -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    rand::fill(key.as_mut_slice()).map_err(|_| SealError::Randomness)?;
    Ok(key)
}

fn as_key(clear: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
    Ok(Zeroizing::new(
        clear.try_into().map_err(|_| SealError::Opening)?,
    ))
}

/// The identity of a sealed value: whose, of what, which part.
fn aad(tenant: TenantId, object: &[u8; 16], part: &str) -> Vec<u8> {
    let mut aad = Vec::with_capacity(32 + part.len());
    aad.extend_from_slice(tenant.as_bytes());
    aad.extend_from_slice(object);
    aad.extend_from_slice(part.as_bytes());
    aad
}

/// A wrapped key has another identity than the value it opens.
fn wrap_aad(tenant: TenantId, object: &[u8; 16], part: &str) -> Vec<u8> {
    let mut aad = aad(tenant, object, part);
    aad.extend_from_slice(b"/key");
    aad
}

fn probe_aad() -> Vec<u8> {
    aad(TenantId::PLATFORM, TenantId::PLATFORM.as_bytes(), "probe")
}

/// Returns nonce, ciphertext and tag in one piece.
fn seal(key: &RandomizedNonceKey, aad: &[u8], clear: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut body = Zeroizing::new(Vec::with_capacity(clear.len() + OVERHEAD));
    body.extend_from_slice(clear);
    let nonce = key
        .seal_in_place_append_tag(Aad::from(aad), &mut *body)
        .map_err(|_| SealError::Randomness)?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + body.len());
    sealed.extend_from_slice(nonce.as_ref());
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn open(
    key: &RandomizedNonceKey,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, body) = sealed
        .split_at_checked(NONCE_LEN)
        .ok_or(SealError::Opening)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Opening)?;
    let mut body = Zeroizing::new(body.to_vec());
    let clear_len = key
        .open_in_place(nonce, Aad::from(aad), &mut body)
        .map_err(|_| SealError::Opening)?
        .len();
    body.truncate(clear_len);
    Ok(body)
}

macro_rules! masked {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )+};
}
masked!(MasterKey, Sealer, TenantKey, SealedSecret);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
