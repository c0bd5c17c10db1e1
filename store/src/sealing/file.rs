//! A file at rest: sealed in chunks as it streams, each bound to its place, under a key of its own.
//!
//! The nonce is the chunk's number and whether it is the last: a key seals one file once, so that no
//! number comes twice. Cutting the end off, changing the order, or bringing a chunk of another file
//! or another network makes the opening fail.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use domain::id::{FileId, TenantId};
use zeroize::Zeroizing;

use super::{KEY_LEN, SealError, TenantKey, aad, open, random, seal, wrap_aad};

/// Clear bytes of every chunk but the last, which may be shorter.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Bytes a sealed chunk is longer than the clear one.
pub(crate) const TAG: usize = 16;
/// Bytes of a SHA-256.
const HASH_LEN: usize = 32;

/// The word of a file in associated data.
const FILE: &str = "file";

/// The key of one file.
pub(crate) struct FileKey(Zeroizing<[u8; KEY_LEN]>);

/// What is sealed beside a file: what would help to guess what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The SHA-256 of the clear bytes.
    pub sha256: [u8; 32],
    /// The name it came with, cleaned.
    pub name: Option<String>,
}

/// Seals or opens the chunks of one file, in order.
pub(crate) struct Chunks {
    key: LessSafeKey,
    identity: Vec<u8>,
    number: u64,
}

impl FileKey {
    /// Makes a new one.
    pub(crate) fn generate() -> Result<Self, SealError> {
        random().map(Self)
    }

    /// Begins at the first chunk.
    pub(crate) fn chunks(&self, tenant: TenantId, file: FileId) -> Result<Chunks, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.as_slice()).map_err(|_| SealError::Key)?;
        Ok(Chunks {
            key: LessSafeKey::new(key),
            identity: aad(tenant, file.as_bytes(), FILE),
            number: 0,
        })
    }
}

impl Chunks {
    /// Seals the next chunk in place; it grows by its tag.
    pub(crate) fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<(), SealError> {
        let (nonce, aad) = self.next(last)?;
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(aad), chunk)
            .map_err(|_| SealError::Opening)
    }

    /// Opens the next chunk in place and returns its clear bytes.
    pub(crate) fn open<'c>(
        &mut self,
        chunk: &'c mut [u8],
        last: bool,
    ) -> Result<&'c mut [u8], SealError> {
        let (nonce, aad) = self.next(last)?;
        self.key
            .open_in_place(nonce, Aad::from(aad), chunk)
            .map_err(|_| SealError::Opening)
    }

    fn next(&mut self, last: bool) -> Result<(Nonce, Vec<u8>), SealError> {
        let number = self.number.to_be_bytes();
        self.number = self.number.checked_add(1).ok_or(SealError::Opening)?;
        let mut nonce = [0; NONCE_LEN];
        let end = [u8::from(last)];
        let parts = end.iter().chain(&number);
        for (to, from) in nonce.iter_mut().zip(parts) {
            *to = *from;
        }
        let mut aad = self.identity.clone();
        aad.extend_from_slice(&number);
        aad.extend_from_slice(&end);
        Ok((Nonce::assume_unique_for_key(nonce), aad))
    }
}

impl TenantKey {
    /// Wraps a file's key together with what would help to guess what is in the file, so that one
    /// deletion destroys both.
    pub(crate) fn wrap_file(
        &self,
        file: FileId,
        key: &FileKey,
        facts: &FileFacts,
    ) -> Result<Vec<u8>, SealError> {
        let name = facts.name.as_deref().unwrap_or_default().as_bytes();
        let mut clear = Zeroizing::new(Vec::with_capacity(KEY_LEN + HASH_LEN + name.len()));
        clear.extend_from_slice(key.0.as_slice());
        clear.extend_from_slice(&facts.sha256);
        clear.extend_from_slice(name);
        seal(
            &self.seal,
            &wrap_aad(self.tenant, file.as_bytes(), FILE),
            &clear,
        )
    }

    /// Opens what [`TenantKey::wrap_file`] wrapped for the same file.
    pub(crate) fn unwrap_file(
        &self,
        file: FileId,
        wrapped: &[u8],
    ) -> Result<(FileKey, FileFacts), SealError> {
        let clear = open(
            &self.seal,
            &wrap_aad(self.tenant, file.as_bytes(), FILE),
            wrapped,
        )?;
        let (key, rest) = clear.split_first_chunk().ok_or(SealError::Opening)?;
        let (sha256, name) = rest.split_first_chunk().ok_or(SealError::Opening)?;
        let name = std::str::from_utf8(name).map_err(|_| SealError::Opening)?;
        let facts = FileFacts {
            sha256: *sha256,
            name: (!name.is_empty()).then(|| name.to_owned()),
        };
        Ok((FileKey(Zeroizing::new(*key)), facts))
    }
}
