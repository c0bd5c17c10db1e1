//! One event as the tree knows it: the bytes of its leaf, which depend on nothing but its row.

use serde::{Deserialize, Serialize};

use super::hash::Hash;
use crate::id::{DeliveryId, DossierId, EventId, TenantId};

/// What every leaf of this form starts with.
const FORM: &str = "cfa-gateway/event/1\n";

/// One event of a network's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose log.
    pub network: TenantId,
    /// Its place there, from 1: the leaf before it has one less.
    pub position: u64,
    /// The event's name.
    pub event: EventId,
    /// When it happened, in milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub kind: String,
    /// The delivery it concerns.
    pub delivery: Option<DeliveryId>,
    /// The dossier it concerns.
    pub dossier: Option<DossierId>,
    /// Who did it.
    pub actor: String,
    /// The rest: JSON, byte for byte as it is kept.
    pub data: String,
    /// The salted hash of what was received or sent.
    pub content_hash: Option<Hash>,
    /// The salted hash of what was answered.
    pub answer_hash: Option<Hash>,
}

impl Entry {
    /// Returns the leaf: a line that names the form, then each field as `LENGTH:BYTES,`, or `-,` when
    /// it is absent. No two entries have the same.
    pub fn leaf(&self) -> Vec<u8> {
        let mut leaf = Vec::with_capacity(384 + self.data.len());
        leaf.extend_from_slice(FORM.as_bytes());
        let fields = [
            Some(self.network.to_string()),
            Some(self.position.to_string()),
            Some(self.event.to_string()),
            Some(self.at_ms.to_string()),
            Some(self.kind.clone()),
            self.delivery.map(|id| id.to_string()),
            self.dossier.map(|id| id.to_string()),
            Some(self.actor.clone()),
            Some(self.data.clone()),
            self.content_hash.map(|hash| hash.to_string()),
            self.answer_hash.map(|hash| hash.to_string()),
        ];
        for field in fields {
            match field {
                Some(text) => {
                    leaf.extend_from_slice(format!("{}:", text.len()).as_bytes());
                    leaf.extend_from_slice(text.as_bytes());
                }
                None => leaf.push(b'-'),
            }
            leaf.push(b',');
        }
        leaf
    }

    /// Returns the hash of the leaf.
    pub fn hash(&self) -> Hash {
        Hash::of_leaf(&self.leaf())
    }
}
