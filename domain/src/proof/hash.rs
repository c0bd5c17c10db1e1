//! The hashes of a tree (RFC 9162 §2.1.1): leaves and nodes are told apart by their first byte.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A SHA-256. Written in hexadecimal, lower case; in a checkpoint in base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hash(pub [u8; 32]);

/// A text that is not 32 bytes in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of 64 lower-case hexadecimal digits")]
pub struct HashError;

impl Hash {
    /// Returns the hash of a leaf.
    pub fn of_leaf(leaf: &[u8]) -> Self {
        Self::of(&[&[0], leaf])
    }

    /// Returns the hash of a node.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        Self::of(&[&[1], &left.0, &right.0])
    }

    /// Returns the root of a tree without leaves.
    pub fn of_nothing() -> Self {
        Self::of(&[])
    }

    /// Returns the SHA-256 of some content, as such.
    pub fn of_content(content: &[u8]) -> Self {
        Self::of(&[content])
    }

    /// Reads 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        Self::from_slice(context.finish().as_ref()).unwrap_or(Self([0; 32]))
    }

    pub(super) fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    pub(super) fn from_base64(text: &str) -> Option<Self> {
        strict_base64(text).and_then(|bytes| Self::from_slice(&bytes))
    }
}

/// Returns the first four bytes of the SHA-256 of some bytes: the name of a key.
pub(super) fn key_hash(bytes: &[u8]) -> [u8; 4] {
    let mut first = [0; 4];
    for (to, from) in first.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    first
}

/// Reads base64 that has one form only: the decoder refuses padding left out and bits left over.
pub(super) fn strict_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    (STANDARD.encode(&bytes) == text).then_some(bytes)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(HashError);
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(HashError),
        };
        let mut bytes = [0; 32];
        for (to, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            if let [high, low] = pair {
                *to = digit(*high)? << 4 | digit(*low)?;
            }
        }
        Ok(Self(bytes))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}
