//! One bucket of turns in memory: `governor` on the gateway's clock, empty at the start.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use domain::clock::{Clock, Timestamp};
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::pause;

/// Turns that come back one each interval, up to a burst.
#[derive(Debug)]
pub(crate) struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    ticks: Ticks,
    clock: Arc<dyn Clock>,
}

/// The gateway's clock in the form `governor` reads: time since the bucket was made.
#[derive(Debug, Clone)]
struct Ticks {
    clock: Arc<dyn Clock>,
    origin: Timestamp,
}

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        pause::span_until(self.origin, self.clock.now())
    }
}

impl Bucket {
    /// Makes a bucket with nothing in it: the first turn comes after one interval.
    pub(crate) fn empty(clock: Arc<dyn Clock>, interval: Duration, burst: u32) -> Self {
        let interval = interval.max(Duration::from_nanos(1));
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval)
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let ticks = Ticks {
            clock: Arc::clone(&clock),
            origin: clock.now(),
        };
        let limiter = RateLimiter::direct_with_clock(quota, ticks.clone());
        // A burst always fits its own bucket, so both layers of the answer are fine.
        let _ = limiter.check_n(burst);
        Self {
            limiter,
            ticks,
            clock,
        }
    }

    /// Empties the bucket again: its keeper changed, and the last one may have used the burst.
    pub(crate) fn drain(&self) {
        while self.limiter.check().is_ok() {}
    }

    /// Takes a turn, or says when the next one comes.
    pub(crate) fn take(&self) -> Result<(), Timestamp> {
        self.limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.ticks.now());
            pause::later(self.clock.now(), wait.max(Duration::from_millis(1)))
        })
    }
}
