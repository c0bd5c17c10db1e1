//! The virtual clock: a source of time, a factor, and what the control API added.

use std::sync::{Arc, PoisonError, RwLock};

use crate::settings::Now;

/// Returns this machine's clock as a source of time.
pub(crate) fn system() -> Now {
    Arc::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator depends on no crate of ours, so this is its own source of time"
        )]
        let now = std::time::SystemTime::now();
        let since = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Where the virtual clock left the source.
#[derive(Debug, Clone, Copy)]
struct Bend {
    factor: u32,
    source_ms: i64,
    virtual_ms: i64,
}

impl Bend {
    fn at(self, source_ms: i64) -> i64 {
        let elapsed = source_ms.saturating_sub(self.source_ms).max(0);
        self.virtual_ms
            .saturating_add(elapsed.saturating_mul(i64::from(self.factor)))
    }
}

/// The simulator's clock. Never goes back unless its source does.
pub(crate) struct Clock {
    source: Now,
    bend: RwLock<Bend>,
}

impl Clock {
    pub(crate) fn new(source: Now, factor: u32) -> Self {
        let start = source();
        let bend = Bend {
            factor,
            source_ms: start,
            virtual_ms: start,
        };
        Self {
            source,
            bend: RwLock::new(bend),
        }
    }

    /// Returns the source's time: arrivals, limits, tokens.
    pub(crate) fn source_ms(&self) -> i64 {
        (self.source)()
    }

    /// Returns the virtual time: the life of dossiers, the validity of keys.
    pub(crate) fn now_ms(&self) -> i64 {
        self.bend
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .at(self.source_ms())
    }

    pub(crate) fn factor(&self) -> u32 {
        self.bend
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .factor
    }

    /// Moves the virtual clock forward and, if given, changes its factor.
    pub(crate) fn bend(&self, advance_ms: u64, factor: Option<u32>) {
        let source_ms = self.source_ms();
        let mut bend = self.bend.write().unwrap_or_else(PoisonError::into_inner);
        let advance = i64::try_from(advance_ms).unwrap_or(i64::MAX);
        *bend = Bend {
            factor: factor.unwrap_or(bend.factor),
            source_ms,
            virtual_ms: bend.at(source_ms).saturating_add(advance),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn the_virtual_clock_follows_its_source_by_its_factor_and_keeps_what_was_added() {
        let hand = Arc::new(AtomicI64::new(1_000));
        let source = Arc::clone(&hand);
        let clock = Clock::new(Arc::new(move || source.load(Ordering::Relaxed)), 10);
        hand.store(1_005, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 1_050);
        clock.bend(100, Some(0));
        hand.store(9_000, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 1_150);
        assert_eq!(clock.source_ms(), 9_000);
        clock.bend(0, Some(1));
        hand.store(9_001, Ordering::Relaxed);
        assert_eq!(clock.now_ms(), 1_151);
    }
}
