//! Waiting on the gateway's own clock, which may run faster than the machine's.

use std::time::Duration;

use domain::clock::{Clock, Timestamp};

/// Looks at the clock again at least this often, so that a clock moved by hand is noticed.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Returns `at` minus `now`, or zero.
pub(crate) fn span_until(now: Timestamp, at: Timestamp) -> Duration {
    u64::try_from(at.as_millisecond().saturating_sub(now.as_millisecond()))
        .map_or(Duration::ZERO, Duration::from_millis)
}

/// Returns `at` moved later by `span`, or the end of time.
pub(crate) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Returns `at` moved later by whole days.
pub(crate) fn days_later(at: Timestamp, days: i64) -> Timestamp {
    let hours = u64::try_from(days).unwrap_or_default().saturating_mul(24);
    later(at, Duration::from_hours(hours))
}

/// Returns `at` moved earlier by whole days.
pub(crate) fn days_before(at: Timestamp, days: i64) -> Timestamp {
    let hours = u64::try_from(days).unwrap_or_default().saturating_mul(24);
    at.checked_sub(Duration::from_hours(hours))
        .unwrap_or(Timestamp::MIN)
}

/// Sleeps until the clock shows `at`.
pub(crate) async fn until(clock: &dyn Clock, at: Timestamp) {
    loop {
        let span = span_until(clock.now(), at);
        if span.is_zero() {
            return;
        }
        let real = clock
            .real(span)
            .clamp(Duration::from_millis(1), LONGEST_SLEEP);
        tokio::time::sleep(real).await;
    }
}

/// Sleeps for `span` of the clock.
pub(crate) async fn for_span(clock: &dyn Clock, span: Duration) {
    until(clock, later(clock.now(), span)).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::clock::ManualClock;

    use super::*;

    #[tokio::test]
    async fn a_pause_ends_when_the_clock_is_moved() {
        let clock = Arc::new(ManualClock::new("2026-09-01T00:00:00Z".parse().unwrap()));
        let at = later(clock.now(), Duration::from_hours(1));
        let mover = Arc::clone(&clock);
        tokio::join!(until(&*clock, at), async move {
            mover.advance(Duration::from_hours(1));
        });
        assert_eq!(clock.now(), at);
    }
}
