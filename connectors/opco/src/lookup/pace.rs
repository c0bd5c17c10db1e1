//! The limit of one service: calls evenly spaced, never a burst.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;

/// Gives out turns, one every so many milliseconds.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Timestamp>,
}

impl Pace {
    /// Spaces `per_second` calls over each second.
    pub(super) fn new(per_second: u32) -> Self {
        // Rounded up to the millisecond, so that the limit is never passed.
        let interval = Duration::from_millis(u64::from(1_000_u32.div_ceil(per_second.max(1))));
        Self {
            interval,
            next: Mutex::new(Timestamp::MIN),
        }
    }

    /// Reserves the next turn and returns its instant, or how long it would be when that is too long.
    pub(super) fn turn(&self, now: Timestamp, longest: Duration) -> Result<Timestamp, Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(now);
        let wait = Duration::try_from(turn.duration_since(now)).unwrap_or_default();
        if wait > longest {
            return Err(wait);
        }
        *next = turn.checked_add(self.interval).unwrap_or(Timestamp::MAX);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_never_closer_than_the_limit_and_a_pause_earns_no_burst() {
        let pace = Pace::new(3);
        let start: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let at = |ms: i64| Timestamp::from_millisecond(start.as_millisecond() + ms).unwrap();
        let longest = Duration::from_secs(1);
        assert_eq!(pace.turn(at(0), longest), Ok(at(0)));
        assert_eq!(pace.turn(at(0), longest), Ok(at(334)));
        assert_eq!(pace.turn(at(5_000), longest), Ok(at(5_000)));
        assert_eq!(pace.turn(at(5_000), longest), Ok(at(5_334)));
        assert_eq!(pace.turn(at(5_000), longest), Ok(at(5_668)));
        assert_eq!(
            pace.turn(at(5_000), longest),
            Err(Duration::from_millis(1_002))
        );
        assert_eq!(
            pace.turn(at(5_002), longest),
            Ok(at(6_002)),
            "a refused turn is not lost"
        );
    }
}
