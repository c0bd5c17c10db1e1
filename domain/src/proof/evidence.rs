//! The evidence file of one delivery: its events, the proof that each is in the log, the checkpoint
//! that was signed over them. One JSON document whose last member signs every byte before it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::anchor::Anchor;
use super::checkpoint::Checkpoint;
use super::entry::Entry;
use super::hash::{Hash, strict_base64};
use super::note::{Note, SignerKey, VerifierKey};
use super::verify::{is_consistent, is_included};
use crate::id::{DeliveryId, TenantId};

/// What the file says it is, where only the log's own keys vouch for it.
const FORM: &str = "cfa-gateway/evidence/1";
/// What it says where others do too.
const FORM_ANCHORED: &str = "cfa-gateway/evidence/2";
/// What stands between the signed bytes and the signature.
const BEFORE_SIGNATURE: &str = ",\n  \"signature\": \"";
/// What ends the file.
const AFTER_SIGNATURE: &str = "\"\n}\n";

/// The document, without its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub(super) format: String,
    /// Whose log.
    pub network: TenantId,
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// When the file was made, in milliseconds since 1970.
    pub made_at_ms: i64,
    /// The events of the delivery, in order.
    pub events: Vec<Proven>,
    /// With what the contents were salted: who holds one can compute its hash. Absent once the payload
    /// is shredded, or when it was left out.
    pub salt: Option<Hash>,
    /// The checkpoints at which another key took over, oldest first.
    pub rotations: Vec<Rotation>,
    /// The signed note over the tree that the proofs lead to.
    pub checkpoint: String,
    /// What others say of checkpoints of the log, the smallest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Anchor>,
    /// The key that signs the file and the checkpoint.
    pub signer: VerifierKey,
}

/// An event, and the proof that it is in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// The event.
    pub entry: Entry,
    /// The inclusion proof, from the leaf up.
    pub proof: Vec<Hash>,
}

/// The checkpoint at which another key took over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The note, signed with both keys.
    pub checkpoint: String,
    /// The proof that the file's own checkpoint goes on from it.
    pub consistency: Vec<Hash>,
}

/// A file that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub evidence: Evidence,
    /// Its checkpoint.
    pub checkpoint: Checkpoint,
    /// Whether a key that was trusted beforehand says so. Without one the file only agrees with itself.
    pub anchored: bool,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is no evidence file of a form we know, to the byte.
    #[error("ce n'est pas un fichier de preuve : {0}")]
    Form(&'static str),
    /// No trusted key signs it, nor one that a trusted key named.
    #[error("aucune clé de confiance ne l'a signé (signataire annoncé : {0})")]
    Stranger(VerifierKey),
    /// The signature of the file is not of its bytes.
    #[error("la signature du fichier est fausse : il a été modifié")]
    Signature,
    /// The signature of a checkpoint is not of its text.
    #[error("la signature du point de contrôle de taille {0} est fausse")]
    Checkpoint(u64),
    /// An event is not in the tree that was signed.
    #[error("l'événement {0} n'est pas dans le journal signé")]
    Inclusion(u64),
    /// The checkpoint does not go on from an earlier one.
    #[error("le journal de taille {new} ne prolonge pas celui de taille {old}")]
    Consistency {
        /// The size of the earlier one.
        old: u64,
        /// The size of the later one.
        new: u64,
    },
}

impl Evidence {
    /// Puts a document together.
    pub fn new(
        delivery: DeliveryId,
        (network, made_at_ms): (TenantId, i64),
        events: Vec<Proven>,
        salt: Option<[u8; 32]>,
        (rotations, checkpoint): (Vec<Rotation>, &Note),
        signer: VerifierKey,
    ) -> Self {
        Self {
            format: FORM.to_owned(),
            network,
            delivery,
            made_at_ms,
            events,
            salt: salt.map(Hash),
            rotations,
            checkpoint: checkpoint.to_string(),
            anchors: Vec::new(),
            signer,
        }
    }

    /// Adds what others say of checkpoints of the log, the smallest first.
    #[must_use]
    pub fn anchored(mut self, anchors: Vec<Anchor>) -> Self {
        self.anchors = anchors;
        self.form().clone_into(&mut self.format);
        self
    }

    fn form(&self) -> &'static str {
        if self.anchors.is_empty() {
            FORM
        } else {
            FORM_ANCHORED
        }
    }

    /// Writes the file and signs it. The key is the one that the document names.
    pub fn write(&self, key: &SignerKey) -> String {
        let mut text = self.signed_part();
        let signature = STANDARD.encode(key.sign(text.as_bytes()));
        text.push_str(BEFORE_SIGNATURE);
        text.push_str(&signature);
        text.push_str(AFTER_SIGNATURE);
        text
    }

    /// Reads a file and verifies all of it. With no trusted key the file is held against the one that
    /// it names itself, and is not anchored.
    pub fn verify(file: &[u8], trusted: &[VerifierKey]) -> Result<Verified, Unproven> {
        let (signed, signature) = parted(file)?;
        let evidence: Self = serde_json::from_str(&format!("{signed}\n}}"))
            .map_err(|_| Unproven::Form("le document JSON n'a pas les champs attendus"))?;
        if evidence.format != evidence.form() || evidence.signed_part() != signed {
            return Err(Unproven::Form("il n'est pas écrit comme il doit l'être"));
        }
        let checkpoint = evidence.hold_together()?;
        evidence.is_signed(trusted, &checkpoint)?;
        if !evidence.signer.verifies(signed.as_bytes(), &signature) {
            return Err(Unproven::Signature);
        }
        Ok(Verified {
            anchored: !trusted.is_empty(),
            evidence,
            checkpoint,
        })
    }

    /// Returns the positions of the events that tell of this content, as what was received or sent, as
    /// an answer or as a file; none when the salt is not there.
    pub fn positions_of(&self, content: &[u8]) -> Vec<u64> {
        let Some(salt) = &self.salt else {
            return Vec::new();
        };
        let whole = salted(&salt.0, content);
        // What may be large is known by its own hash, salted.
        let hashed = salted(&salt.0, &Hash::of_content(content).0);
        let in_data = format!("\"{hashed}\"");
        let of_content = |one: &&Proven| {
            one.entry.content_hash == Some(whole)
                || one.entry.answer_hash == Some(hashed)
                || one.entry.data.contains(&in_data)
        };
        let found = self.events.iter().filter(of_content);
        found.map(|one| one.entry.position).collect()
    }

    /// Everything up to the last brace.
    fn signed_part(&self) -> String {
        // A tree of texts and numbers: writing it cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.truncate(text.trim_end_matches("\n}").len());
        text
    }

    /// Verifies the proofs against the checkpoint, and that all is about one delivery of one network.
    fn hold_together(&self) -> Result<Checkpoint, Unproven> {
        let (_, checkpoint) = read_checkpoint(&self.checkpoint, self.network)?;
        if self.events.is_empty() {
            return Err(Unproven::Form("il ne porte aucun événement"));
        }
        let mut before = 0;
        for Proven { entry, proof } in &self.events {
            let ours = entry.network == self.network
                && entry.delivery == Some(self.delivery)
                && entry.position > before;
            if !ours {
                return Err(Unproven::Form("un événement n'est pas de cette livraison"));
            }
            before = entry.position;
            let leaf = entry.position - 1;
            if !is_included(
                &entry.hash(),
                leaf,
                checkpoint.size,
                proof,
                &checkpoint.root,
            ) {
                return Err(Unproven::Inclusion(entry.position));
            }
        }
        for rotation in &self.rotations {
            let (_, old) = read_checkpoint(&rotation.checkpoint, self.network)?;
            let (old_tree, new_tree) = ((old.size, &old.root), (checkpoint.size, &checkpoint.root));
            if !is_consistent(old_tree, new_tree, &rotation.consistency) {
                return Err(Unproven::Consistency {
                    old: old.size,
                    new: checkpoint.size,
                });
            }
        }
        let mut before = 0;
        for anchor in &self.anchors {
            let (_, old) = read_checkpoint(&anchor.checkpoint, self.network)?;
            anchor.holds_together(&old, &checkpoint)?;
            if old.size <= before {
                return Err(Unproven::Form("les points de contrôle ne se suivent pas"));
            }
            before = old.size;
        }
        Ok(checkpoint)
    }

    /// Verifies that the signer is trusted: given, or named by a checkpoint that a trusted key signed.
    fn is_signed(&self, trusted: &[VerifierKey], checkpoint: &Checkpoint) -> Result<(), Unproven> {
        let mut trusted = trusted.to_vec();
        if trusted.is_empty() {
            trusted.push(self.signer.clone());
        }
        for rotation in &self.rotations {
            let (note, old) = read_checkpoint(&rotation.checkpoint, self.network)?;
            let Some(next) = old.next_key else {
                return Err(Unproven::Form("une rotation ne nomme pas la clé qui suit"));
            };
            if !note.is_signed_by(&next) {
                return Err(Unproven::Checkpoint(old.size));
            }
            if trusted.iter().any(|key| note.is_signed_by(key)) {
                trusted.push(next);
            }
        }
        if !trusted.contains(&self.signer) {
            return Err(Unproven::Stranger(self.signer.clone()));
        }
        let (note, _) = read_checkpoint(&self.checkpoint, self.network)?;
        if note.is_signed_by(&self.signer) {
            Ok(())
        } else {
            Err(Unproven::Checkpoint(checkpoint.size))
        }
    }
}

/// Returns the hash by which a content is known in the log.
pub fn salted(salt: &[u8; 32], content: &[u8]) -> Hash {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), content);
    Hash::from_slice(tag.as_ref()).unwrap_or(Hash([0; 32]))
}

pub(super) fn read_checkpoint(
    text: &str,
    network: TenantId,
) -> Result<(Note, Checkpoint), Unproven> {
    let wrong = |_| Unproven::Form("un point de contrôle n'est pas lisible");
    let note: Note = text.parse().map_err(wrong)?;
    let checkpoint: Checkpoint = note.text.parse().map_err(wrong)?;
    if checkpoint.origin == super::origin(network) {
        Ok((note, checkpoint))
    } else {
        Err(Unproven::Form(
            "un point de contrôle est d'un autre journal",
        ))
    }
}

/// Parts a file into what is signed and the signature.
fn parted(file: &[u8]) -> Result<(&str, Vec<u8>), Unproven> {
    let text = std::str::from_utf8(file).map_err(|_| Unproven::Form("il n'est pas en UTF-8"))?;
    let unsigned = Unproven::Form("il ne finit pas par sa signature");
    let ended = text.strip_suffix(AFTER_SIGNATURE);
    let parts = ended.and_then(|text| text.rsplit_once(BEFORE_SIGNATURE));
    let (signed, signature) = parts.ok_or(unsigned.clone())?;
    Ok((signed, strict_base64(signature).ok_or(unsigned)?))
}
