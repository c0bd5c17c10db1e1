//! Proof that a network's log was not rewritten: a Merkle tree over its events, signed checkpoints of
//! it, and the evidence file that anyone can verify with the published key alone.
//!
//! The tree is that of RFC 9162, checkpoints are those of C2SP (`tlog-checkpoint`, `signed-note`),
//! kept as its tiles are (`tlog-tiles`). Others may vouch for a checkpoint: witnesses (`tlog-cosignature`) and
//! a time-stamping authority (RFC 3161). `docs/proof.md` says it all for whoever writes a verifier.
//!
//! Modules in reading order.

mod anchor;
mod checkpoint;
mod conflict;
mod cosignature;
mod entry;
mod evidence;
mod hash;
mod note;
mod span;
mod tiles;
mod timestamp;
mod verify;

pub use self::anchor::{Anchor, Dated, Seen, Unseen};
pub use self::checkpoint::Checkpoint;
pub use self::conflict::{Conflict, NotAConflict};
pub use self::cosignature::{Cosignature, WitnessKey, submission};
pub use self::entry::Entry;
pub use self::evidence::{Evidence, Proven, Rotation, Unproven, Verified, salted};
pub use self::hash::Hash;
pub use self::note::{Note, NoteError, SignerKey, VerifierKey};
pub use self::span::Span;
pub use self::tiles::{Growth, TILE, TileId, Tiles};
pub use self::timestamp::{ANSWER_BYTES_MAX, Authorities, NoAuthority, Query, Stamp, Undated};
pub use self::verify::{is_consistent, is_included};

use crate::id::TenantId;

/// Returns the name of a network's log: the origin of its checkpoints and the name of its keys.
pub fn origin(network: TenantId) -> String {
    format!("cfa-gateway/{network}")
}

#[cfg(test)]
mod tests;
