//! What an audit of the store finds, and where.

use domain::id::TenantId;
use domain::proof::TileId;

/// Something that was changed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Whose log.
    pub tenant: TenantId,
    /// What and where.
    pub place: Place,
}

/// What was changed, and where. Positions are those of events, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Events that were sealed are not there any more.
    EventsMissing {
        /// The first of them.
        first: i64,
        /// The last of them.
        last: i64,
    },
    /// An event is not what was sealed at its place.
    EventAltered(i64),
    /// An event has a place that no one gave.
    EventInserted(i64),
    /// The log counts more or fewer events than it has.
    Count {
        /// What it says.
        said: i64,
        /// The last place that is taken.
        found: i64,
    },
    /// A tile is not of the tree that was signed.
    TileAltered(TileId),
    /// A tile is not there any more, or not all of it.
    TileMissing(TileId),
    /// There are more tiles, or fewer, than the tree has.
    TileCount {
        /// How many it has.
        expected: i64,
        /// How many there are.
        found: i64,
    },
    /// A checkpoint is none, or not the one of its row.
    CheckpointAltered(i64),
    /// A checkpoint carries no good signature of a key of this log.
    CheckpointForged(i64),
    /// The checkpoint before this one is not there any more, or one was put between.
    CheckpointGap(i64),
    /// A checkpoint was signed by another key than the one before, which never handed over.
    CheckpointKey(i64),
    /// Among these events more than one place was changed: neither they nor their leaves give the root
    /// that was signed.
    Fork {
        /// The first event after the checkpoint before.
        first: i64,
        /// The last event that was signed.
        last: i64,
    },
    /// The size of the tree is not that of its last checkpoint.
    Size {
        /// What the tree's row says.
        said: i64,
        /// The size of the last checkpoint.
        signed: i64,
    },
    /// The sealed mark of how far the log was signed is not there, does not open, or is not of its last
    /// checkpoint: tree and checkpoints were made anew, or an old copy was put back.
    Mark {
        /// The size it says, if it opens.
        said: Option<u64>,
        /// The size of the last checkpoint.
        signed: i64,
    },
    /// A signing key's row does not open, or its public half is not of it.
    KeyAltered(i64),
    /// A checkpoint kept elsewhere is larger than the log: its end was cut off.
    Truncated {
        /// The size that was signed.
        signed: u64,
        /// The size that is left.
        found: u64,
    },
    /// A checkpoint kept elsewhere is of events that are there, and that no tree here holds any more: what proves
    /// them was taken away.
    Unsigned {
        /// The size that was signed.
        signed: u64,
        /// The size of the tree that is left.
        found: u64,
    },
    /// A checkpoint kept elsewhere, of this size, is not among those of the store: they were taken away, or made
    /// anew.
    CheckpointMissing(u64),
    /// What lies beside a checkpoint as a witness's line is not that witness's, or not of it.
    CosignatureForged(i64),
    /// What lies beside a checkpoint as an authority's token is none that is trusted, or not of it.
    TimestampForged(i64),
    /// A checkpoint kept elsewhere was signed over other events than those that are there.
    Rewritten {
        /// Its size.
        signed: u64,
    },
}
