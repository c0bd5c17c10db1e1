//! What others than the signer say of a log, in an evidence file: an earlier checkpoint of it, the proof that
//! the file's own goes on from there, and who saw or dated it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::cosignature::{Cosignature, WitnessKey};
use super::evidence::{Unproven, Verified, read_checkpoint};
use super::hash::{Hash, strict_base64};
use super::note::Note;
use super::timestamp::{Authorities, Stamp, Undated};
use super::verify::is_consistent;
use crate::clock::Timestamp;

/// A checkpoint that others vouch for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The note, as the log signed it.
    pub checkpoint: String,
    /// The proof that the file's own checkpoint goes on from it.
    pub consistency: Vec<Hash>,
    /// The lines of the witnesses that saw it.
    pub cosignatures: Vec<Cosignature>,
    /// The token of the authority that dated the note, in base64.
    pub timestamp: Option<String>,
}

/// What a witness vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// It saw the log with this many events.
    pub size: u64,
    /// When, as it says.
    pub at: Timestamp,
}

/// What an authority vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// What it dated: the log with this many events.
    pub size: u64,
    /// What it says.
    pub stamp: Stamp,
}

/// Why a witness vouches for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// The file holds nothing of it.
    #[error("le fichier ne porte aucune cosignature de ce témoin")]
    Absent,
    /// What the file holds is not its signature.
    #[error("la cosignature de ce témoin est fausse")]
    False,
}

impl Anchor {
    /// Puts one together.
    pub fn new(
        checkpoint: &Note,
        consistency: Vec<Hash>,
        cosignatures: Vec<Cosignature>,
        token: Option<&[u8]>,
    ) -> Self {
        Self {
            checkpoint: checkpoint.to_string(),
            consistency,
            cosignatures,
            timestamp: token.map(|token| STANDARD.encode(token)),
        }
    }

    /// Verifies what can be without knowing who vouches: that it is of the log of this checkpoint, and written
    /// in its one form.
    pub(super) fn holds_together(
        &self,
        old: &Checkpoint,
        new: &Checkpoint,
    ) -> Result<(), Unproven> {
        if self.cosignatures.is_empty() && self.timestamp.is_none() {
            return Err(Unproven::Form("un point de contrôle n'a ni témoin ni date"));
        }
        if self.timestamp.is_some() && self.token().is_none() {
            return Err(Unproven::Form("un jeton d'horodatage n'est pas en base64"));
        }
        let (old_tree, new_tree) = ((old.size, &old.root), (new.size, &new.root));
        if is_consistent(old_tree, new_tree, &self.consistency) {
            Ok(())
        } else {
            Err(Unproven::Consistency {
                old: old.size,
                new: new.size,
            })
        }
    }

    fn token(&self) -> Option<Vec<u8>> {
        strict_base64(self.timestamp.as_ref()?)
    }
}

impl Verified {
    /// Returns what a witness saw: the first checkpoint that has all events of the file, or else the last one.
    pub fn seen_by(&self, witness: &WitnessKey) -> Result<Seen, Unseen> {
        let mut seen = None;
        for (anchor, size, text) in self.anchors() {
            let theirs = anchor.cosignatures.iter().filter(|one| witness.made(one));
            for cosignature in theirs {
                if !witness.verifies(&text, cosignature) {
                    return Err(Unseen::False);
                }
                let at = cosignature.at();
                if seen.is_none_or(|seen: Seen| !self.covers(seen.size)) {
                    seen = Some(Seen { size, at });
                }
            }
        }
        seen.ok_or(Unseen::Absent)
    }

    /// Returns what a trusted authority dated: the first checkpoint that has all events of the file, or else
    /// the last one; nothing when the file holds no token.
    pub fn dated_by(&self, trusted: &Authorities) -> Result<Option<Dated>, Undated> {
        let mut dated: Option<Dated> = None;
        for (anchor, size, _) in self.anchors() {
            let Some(token) = anchor.token() else {
                continue;
            };
            let stamp = Stamp::verify(&token, anchor.checkpoint.as_bytes(), trusted)?;
            if dated.as_ref().is_none_or(|dated| !self.covers(dated.size)) {
                dated = Some(Dated { size, stamp });
            }
        }
        Ok(dated)
    }

    /// Returns the names of the witnesses that the file has something of, verified or not.
    pub fn witnesses(&self) -> Vec<&str> {
        let anchors = self.evidence.anchors.iter();
        let mut names: Vec<_> = anchors
            .flat_map(|anchor| anchor.cosignatures.iter().map(Cosignature::name))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns whether the file has a token of an authority, verified or not.
    pub fn has_timestamp(&self) -> bool {
        let mut anchors = self.evidence.anchors.iter();
        anchors.any(|anchor| anchor.timestamp.is_some())
    }

    /// Returns whether all events of the file are in the log of this size.
    pub fn covers(&self, size: u64) -> bool {
        let last = self.evidence.events.last();
        last.is_some_and(|last| last.entry.position <= size)
    }

    fn anchors(&self) -> impl Iterator<Item = (&Anchor, u64, String)> {
        self.evidence.anchors.iter().filter_map(|anchor| {
            let network = self.evidence.network;
            let (note, old) = read_checkpoint(&anchor.checkpoint, network).ok()?;
            Some((anchor, old.size, note.text))
        })
    }
}
