//! Signed notes (C2SP `signed-note`): a text and the lines of those who sign it, with Ed25519.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::hash::{key_hash, strict_base64};

/// The byte that says Ed25519, in keys and in what names them.
const ED25519_KIND: u8 = 1;
/// What a signature's line starts with.
const DASH: &str = "— ";

/// A key that verifies notes, as it is published: `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

/// A key that signs notes. Never printed.
pub struct SignerKey {
    name: String,
    pair: Ed25519KeyPair,
}

/// A text with its signatures, none of them verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed, its last line feed included.
    pub text: String,
    signatures: Vec<Signature>,
}

/// One line of a note: who signs, with which key, and the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) key: [u8; 4],
    pub(super) bytes: Vec<u8>,
}

/// Why something is no key or no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is no key of the form `name+hash+base64`.
    #[error("il faut une clé de la forme nom+empreinte+base64")]
    Key,
    /// The text is no signed note.
    #[error("ce n'est pas une note signée")]
    Form,
}

impl VerifierKey {
    /// Returns the name of whoever signs with it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the public key itself.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Takes a public key under a name; a name has no space and no `+`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            public,
        })
    }

    /// Returns whether these bytes are its signature of a message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(message, signature)
            .is_ok()
    }

    fn id(&self) -> [u8; 4] {
        key_id(ED25519_KIND, &self.name, &self.public)
    }
}

/// Returns the four bytes that name a key of a kind.
pub(super) fn key_id(kind: u8, name: &str, public: &[u8; 32]) -> [u8; 4] {
    key_hash(&[name.as_bytes(), b"\n", &[kind], public].concat())
}

/// Writes a key of a kind as it is published.
pub(super) fn key_text(kind: u8, name: &str, public: &[u8; 32]) -> String {
    let id = u32::from_be_bytes(key_id(kind, name, public));
    let key = STANDARD.encode([&[kind], public.as_slice()].concat());
    format!("{name}+{id:08x}+{key}")
}

/// Reads a published key of a kind: its name and its public half.
pub(super) fn read_key(kind: u8, text: &str) -> Result<(String, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    let bytes = strict_base64(key).ok_or(NoteError::Key)?;
    let public = match bytes.split_first() {
        Some((first, public)) if *first == kind => public.try_into(),
        _ => return Err(NoteError::Key),
    };
    let public = public.map_err(|_| NoteError::Key)?;
    // The hash in the middle is of the rest.
    if is_name(name) && key_text(kind, name, &public) == text {
        Ok((name.to_owned(), public))
    } else {
        Err(NoteError::Key)
    }
}

impl SignerKey {
    /// Makes the key of a seed.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::Key)?;
        Ok(Self {
            name: name.to_owned(),
            pair,
        })
    }

    /// Returns the half that is published.
    pub fn verifier(&self) -> VerifierKey {
        let mut public = [0; 32];
        for (to, from) in public.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        VerifierKey {
            name: self.name.clone(),
            public,
        }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(self.pair.sign(message).as_ref()) {
            *to = *from;
        }
        bytes
    }
}

impl Note {
    /// Signs a text, which ends in a line feed, with each key in turn.
    pub fn sign(text: String, keys: &[&SignerKey]) -> Self {
        let signatures = keys.iter().map(|key| Signature {
            name: key.name.clone(),
            key: key.verifier().id(),
            bytes: key.sign(text.as_bytes()).to_vec(),
        });
        Self {
            signatures: signatures.collect(),
            text,
        }
    }

    /// Returns whether the note has a good signature of this key and no bad one.
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        let id = key.id();
        let mut theirs = self
            .signatures
            .iter()
            .filter(|one| one.name == key.name && one.key == id)
            .peekable();
        theirs.peek().is_some() && theirs.all(|one| key.verifies(self.text.as_bytes(), &one.bytes))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let control = |c: char| c.is_control() && c != '\n';
        if note.contains(control) {
            return Err(NoteError::Form);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let signatures = lines
            .split('\n')
            .map(Signature::read)
            .collect::<Option<Vec<_>>>();
        Ok(Self {
            text: format!("{text}\n"),
            signatures: signatures.ok_or(NoteError::Form)?,
        })
    }
}

impl Signature {
    /// Reads one line, without its end.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = strict_base64(bytes)?;
        let (key, bytes) = bytes.split_first_chunk::<4>()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            key: *key,
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key.as_slice(), &self.bytes].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for one in &self.signatures {
            writeln!(f, "{one}")?;
        }
        Ok(())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(ED25519_KIND, &self.name, &self.public))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, public) = read_key(ED25519_KIND, text)?;
        Ok(Self { name, public })
    }
}

impl From<VerifierKey> for String {
    fn from(key: VerifierKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for VerifierKey {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}, ***)", self.name)
    }
}
