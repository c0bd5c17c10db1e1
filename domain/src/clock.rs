//! Time as a parameter: the one trait through which every part learns the hour.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// An instant, in UTC, cut to the millisecond wherever it is stored.
pub use jiff::Timestamp;

/// Tells the time and how long to really wait for it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the present instant, cut to the millisecond so that what is stored is what was read.
    fn now(&self) -> Timestamp;

    /// Returns how long a machine must sleep for `span` of this clock to pass.
    ///
    /// A clock moved by hand answers a short real delay: who waits looks again.
    fn real(&self, span: Duration) -> Duration;
}

/// The time of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// A clock that starts at a given instant and runs a whole number of times faster than the machine's.
#[derive(Debug)]
pub struct ScaledClock {
    origin: Timestamp,
    started: Instant,
    factor: u32,
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is where the machine's time enters"
        )]
        let now = Timestamp::now();
        cut(now)
    }

    fn real(&self, span: Duration) -> Duration {
        span
    }
}

impl ScaledClock {
    /// Starts at `origin`; `factor` is at least 1.
    pub fn new(origin: Timestamp, factor: u32) -> Self {
        Self {
            origin: cut(origin),
            started: Instant::now(),
            factor: factor.max(1),
        }
    }

    /// Returns how many times faster than the machine's this clock runs.
    pub fn factor(&self) -> u32 {
        self.factor
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().saturating_mul(self.factor);
        cut(self.origin.checked_add(elapsed).unwrap_or(Timestamp::MAX))
    }

    fn real(&self, span: Duration) -> Duration {
        span / self.factor
    }
}

impl ManualClock {
    /// Stands still at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now_ms: AtomicI64::new(now.as_millisecond()),
        }
    }

    /// Moves forward by `span`.
    pub fn advance(&self, span: Duration) {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    fn real(&self, span: Duration) -> Duration {
        span.min(Duration::from_millis(2))
    }
}

fn cut(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let start: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let clock = ManualClock::new(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().as_millisecond() - start.as_millisecond(), 1500);
    }

    #[test]
    fn a_scaled_clock_asks_for_a_shorter_real_sleep() {
        let clock = ScaledClock::new("2026-09-01T00:00:00Z".parse().unwrap(), 60);
        assert_eq!(clock.real(Duration::from_mins(1)), Duration::from_secs(1));
    }

    #[test]
    fn every_clock_is_cut_to_the_millisecond() {
        assert_eq!(SystemClock.now().as_nanosecond() % 1_000_000, 0);
    }
}
