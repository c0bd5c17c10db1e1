//! What a witness says of a checkpoint (C2SP `tlog-cosignature`, Ed25519): that it saw it, when, and that the
//! log had only grown since what it saw before. And what it is asked with (`tlog-witness`).

use std::fmt::{self, Write as _};
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::note::{Note, NoteError, Signature, key_id, key_text, read_key};
use crate::clock::Timestamp;

/// The byte that says a cosignature of Ed25519, in keys and in what names them.
const COSIGNATURE_KIND: u8 = 4;
/// What the signed message starts with.
const HEADER: &str = "cosignature/v1";
/// The most hashes of a proof that is sent to a witness.
const PROOF_MAX: usize = 63;

/// The key of a witness, as it is published: `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WitnessKey {
    name: String,
    public: [u8; 32],
}

/// A cosignature, not verified yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cosignature {
    name: String,
    key: [u8; 4],
    seconds: u64,
    bytes: [u8; 64],
}

impl WitnessKey {
    /// Takes a public key under a name; a name has no space and no `+`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, NoteError> {
        key_text(COSIGNATURE_KIND, name, &public).parse()
    }

    /// Returns the name of the witness.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether a cosignature says that it is of this witness.
    pub fn made(&self, cosignature: &Cosignature) -> bool {
        cosignature.name == self.name
            && cosignature.key == key_id(COSIGNATURE_KIND, &self.name, &self.public)
    }

    /// Returns whether a cosignature is this witness's, of the text of a checkpoint.
    pub fn verifies(&self, text: &str, cosignature: &Cosignature) -> bool {
        let message = format!("{HEADER}\ntime {}\n{text}", cosignature.seconds);
        self.made(cosignature)
            && UnparsedPublicKey::new(&ED25519, &self.public)
                .verify(message.as_bytes(), &cosignature.bytes)
                .is_ok()
    }

    /// Finds this witness's good cosignature of a text among the lines of an answer. Lines of others are passed
    /// over, as the protocol wants.
    pub fn found_in(&self, answer: &str, text: &str) -> Option<Cosignature> {
        let lines = answer.lines().filter_map(|line| line.parse().ok());
        lines
            .into_iter()
            .find(|cosignature| self.verifies(text, cosignature))
    }
}

impl Cosignature {
    /// Returns the name of who says that it made it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns when the witness says it saw the checkpoint.
    pub fn at(&self) -> Timestamp {
        let seconds = i64::try_from(self.seconds).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

/// Writes what a witness is asked with: the size it has seen, the proof that the checkpoint goes on from
/// there, the checkpoint.
pub fn submission(seen: u64, proof: &[Hash], checkpoint: &Note) -> String {
    let mut text = format!("old {seen}\n");
    for hash in proof.iter().take(PROOF_MAX) {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}", hash.to_base64());
    }
    let _ = write!(text, "\n{checkpoint}");
    text
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(COSIGNATURE_KIND, &self.name, &self.public))
    }
}

impl FromStr for WitnessKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, public) = read_key(COSIGNATURE_KIND, text)?;
        Ok(Self { name, public })
    }
}

impl fmt::Display for Cosignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = Signature {
            name: self.name.clone(),
            key: self.key,
            bytes: [&self.seconds.to_be_bytes()[..], &self.bytes].concat(),
        };
        line.fmt(f)
    }
}

impl FromStr for Cosignature {
    type Err = NoteError;

    /// Reads one line, without its end.
    fn from_str(line: &str) -> Result<Self, NoteError> {
        let Signature { name, key, bytes } = Signature::read(line).ok_or(NoteError::Form)?;
        let (seconds, bytes) = bytes.split_first_chunk::<8>().ok_or(NoteError::Form)?;
        let seconds = u64::from_be_bytes(*seconds);
        let bytes = bytes.try_into().map_err(|_| NoteError::Form)?;
        // The specification's own bound; and an instant there is, so that it can be told.
        let told = i64::try_from(seconds).is_ok_and(|one| Timestamp::from_second(one).is_ok());
        told.then_some(Self {
            name,
            key,
            seconds,
            bytes,
        })
        .ok_or(NoteError::Form)
    }
}

impl From<WitnessKey> for String {
    fn from(key: WitnessKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for WitnessKey {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}

impl From<Cosignature> for String {
    fn from(cosignature: Cosignature) -> Self {
        cosignature.to_string()
    }
}

impl TryFrom<String> for Cosignature {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        text.parse()
    }
}
