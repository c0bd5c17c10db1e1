//! What makes a new index suspect beside the one in use (data notes, import guard).

use thiserror::Error;

use domain::Opco;

use super::Index;
use super::layout::Damaged;

/// The largest fall of the number of lines, in per cent.
const MAX_SHRINK_PERCENT: u64 = 10;
/// The largest move of one OPCO's share of the lines, in points of per cent.
const MAX_SHARE_POINTS: u64 = 5;
/// Shares are compared only between indexes of at least this many lines: extracts have none.
const SHARES_FROM_LINES: u64 = 100_000;

/// Why a new index must not replace the one in use. In French: read by the person who loads it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GuardError {
    /// Too many lines are gone.
    #[error(
        "{next} lignes contre {previous} dans l'index en service : plus de {MAX_SHRINK_PERCENT} % de moins"
    )]
    Shrunk {
        /// Lines of the index in use.
        previous: u64,
        /// Lines of the new one.
        next: u64,
    },
    /// The share of one OPCO moved too far.
    #[error("la part de {} passe de {previous} % à {next} % des lignes : à vérifier", opco.name())]
    ShareMoved {
        /// The OPCO.
        opco: Opco,
        /// Its share in the index in use, in per cent.
        previous: u64,
        /// Its share in the new one, in per cent.
        next: u64,
    },
    /// One of the two cannot be read.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Compares a new index with the one in use.
pub fn compare(previous: &Index, next: &Index) -> Result<(), GuardError> {
    let (before, after) = (previous.about().lines, next.about().lines);
    if after.saturating_mul(100) < before.saturating_mul(100 - MAX_SHRINK_PERCENT) {
        return Err(GuardError::Shrunk {
            previous: before,
            next: after,
        });
    }
    if before.min(after) < SHARES_FROM_LINES {
        return Ok(());
    }
    let (old, new) = (previous.shares()?, next.shares()?);
    for opco in Opco::ALL {
        let (was, is) = (old.of(opco) * 100 / before, new.of(opco) * 100 / after);
        if was.abs_diff(is) > MAX_SHARE_POINTS {
            return Err(GuardError::ShareMoved {
                opco,
                previous: was,
                next: is,
            });
        }
    }
    Ok(())
}
