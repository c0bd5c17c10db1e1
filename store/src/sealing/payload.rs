//! A payload at rest: the body under one key, the NIR under another, so that one can be destroyed
//! without the other.

use std::fmt;

use aws_lc_rs::hmac;
use domain::Secret;
use domain::id::DeliveryId;
use domain::proof;
use zeroize::Zeroizing;

use super::{SealError, TenantKey, aad, aead, open, random, seal};

/// The word of the body in associated data.
const BODY: &str = "body";
/// The word of the NIR in associated data.
const NIR: &str = "nir";
/// What the salt of a payload's hashes is made of, with its key.
const SALT: &[u8] = b"cfa-gateway content salt 1";

/// A payload as it is stored. Bytes only: nothing of it can be read without the network's key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPayload {
    /// The sealed body.
    pub body: Vec<u8>,
    /// The body's key, wrapped by the network's key.
    pub body_key: Vec<u8>,
    /// The sealed NIR, when the payload had one and it was not shredded.
    pub nir: Option<Vec<u8>>,
    /// The NIR's key, wrapped by the network's key; absent once shredded.
    pub nir_key: Option<Vec<u8>>,
}

/// The NIR of an opened payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NirPart {
    /// The payload had none, or it was destroyed with its key.
    Absent,
    /// The fifteen characters.
    Present(Secret),
}

/// An opened payload; wiped on drop.
pub struct OpenPayload {
    /// The body as it was sealed, without the NIR.
    pub body: Zeroizing<Vec<u8>>,
    /// The NIR.
    pub nir: NirPart,
}

impl TenantKey {
    /// Seals a payload and its NIR under two new keys.
    pub fn seal_payload(
        &self,
        delivery: DeliveryId,
        body: &[u8],
        nir: Option<&Secret>,
    ) -> Result<SealedPayload, SealError> {
        let (body, body_key) = self.seal_part(delivery, BODY, body)?;
        let (nir, nir_key) = match nir {
            None => (None, None),
            Some(nir) => {
                let (sealed, key) = self.seal_part(delivery, NIR, nir.expose().as_bytes())?;
                (Some(sealed), Some(key))
            }
        };
        Ok(SealedPayload {
            body,
            body_key,
            nir,
            nir_key,
        })
    }

    /// Opens a payload.
    ///
    /// # Errors
    /// [`SealError::Shredded`] when the body's key is gone, [`SealError::Opening`] when the bytes
    /// are not what was sealed for this delivery.
    pub fn open_payload(
        &self,
        delivery: DeliveryId,
        sealed: &SealedPayload,
    ) -> Result<OpenPayload, SealError> {
        if sealed.body_key.is_empty() {
            return Err(SealError::Shredded);
        }
        let body = self.open_part(delivery, BODY, &sealed.body, &sealed.body_key)?;
        let nir = match (&sealed.nir, &sealed.nir_key) {
            (Some(nir), Some(key)) => {
                let nir = self.open_part(delivery, NIR, nir, key)?;
                let text = std::str::from_utf8(&nir).map_err(|_| SealError::Opening)?;
                NirPart::Present(Secret::new(text))
            }
            _ => NirPart::Absent,
        };
        Ok(OpenPayload { body, nir })
    }

    /// Returns the salted hash of some content of a delivery, for its events.
    ///
    /// The salt comes of the payload's own key: once it is shredded, nothing is left to guess from.
    pub fn content_hash(
        &self,
        delivery: DeliveryId,
        sealed: &SealedPayload,
        content: &[u8],
    ) -> Result<[u8; 32], SealError> {
        let salt = self.content_salt(delivery, &sealed.body_key)?;
        Ok(proof::salted(&salt, content).0)
    }

    /// Returns the salt of the hashes of a delivery's contents. It may be handed to whoever holds the
    /// contents: it opens nothing.
    pub(crate) fn content_salt(
        &self,
        delivery: DeliveryId,
        body_key: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let key = self.unwrap(delivery.as_bytes(), BODY, body_key)?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), SALT);
        let salt = tag.as_ref().try_into().map_err(|_| SealError::Opening)?;
        Ok(Zeroizing::new(salt))
    }

    fn seal_part(
        &self,
        delivery: DeliveryId,
        part: &str,
        clear: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), SealError> {
        let object = delivery.as_bytes();
        let key = random()?;
        let sealed = seal(&aead(&key)?, &aad(self.tenant, object, part), clear)?;
        Ok((sealed, self.wrap(object, part, &key)?))
    }

    fn open_part(
        &self,
        delivery: DeliveryId,
        part: &str,
        sealed: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let object = delivery.as_bytes();
        let key = self.unwrap(object, part, wrapped)?;
        open(&aead(&key)?, &aad(self.tenant, object, part), sealed)
    }
}

impl fmt::Debug for SealedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedPayload({} bytes)", self.body.len())
    }
}

impl fmt::Debug for OpenPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenPayload(***)")
    }
}
