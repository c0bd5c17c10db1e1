//! The bounds of `[delivery]`: outside them the gateway would start, and then wait for ever or never
//! rest.

use std::time::Duration;

use domain::retry::{MAX_DELAY, MAX_DELAYS, Schedule};

use super::{Problem, within};
use crate::app::Settings;

/// An hour, in seconds.
const HOUR: u64 = 3_600;
/// A day, in seconds.
const DAY: u64 = 24 * HOUR;

/// Returns what is wrong with the settings of the deliveries.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let Settings {
        worker,
        breaker,
        poll,
    } = settings;
    let bounded = [
        ("worker.lease_s", worker.lease_s, 1, HOUR),
        ("worker.turn_wait_s", worker.turn_wait_s, 0, HOUR),
        ("breaker.failures", breaker.failures.into(), 1, 1_000),
        ("breaker.rest_s", breaker.rest_s, 1, HOUR),
        (
            "breaker.rest_max_s",
            breaker.rest_max_s,
            breaker.rest_s,
            DAY,
        ),
        ("poll.first_s", poll.first_s, 1, DAY),
        ("poll.hot_s", poll.hot_s, 1, DAY),
        ("poll.cold_s", poll.cold_s, poll.hot_s, 30 * DAY),
        ("poll.silent_s", poll.silent_s, 1, 30 * DAY),
        (
            "poll.at_once",
            u64::try_from(poll.at_once).unwrap_or(u64::MAX),
            1,
            100,
        ),
        ("poll.lease_s", poll.lease_s, 1, HOUR),
        // Invoices leave on a reading of less than a day.
        ("poll.schedule_s", poll.schedule_s, 1, DAY),
        (
            "poll.schedule_cold_s",
            poll.schedule_cold_s,
            poll.schedule_s,
            30 * DAY,
        ),
        ("poll.listed_at_once", poll.listed_at_once.into(), 1, 1_000),
        ("poll.countdown_s", poll.countdown_s, 1, DAY),
    ];
    let mut problems: Vec<Problem> = bounded
        .into_iter()
        .filter_map(|(key, value, least, most)| {
            within(&format!("delivery.{key}"), value, least, most)
        })
        .collect();
    let delays = worker.retry_after_s.iter().flatten();
    let delays: Vec<Duration> = delays.copied().map(Duration::from_secs).collect();
    if worker.retry_after_s.is_some() && Schedule::new(delays).is_err() {
        problems.push(Problem::new(
            "delivery.worker.retry_after_s",
            format!(
                "il faut 1 à {MAX_DELAYS} délais, chacun de 1 à {} secondes, aucun plus court que le précédent",
                MAX_DELAY.as_secs()
            ),
        ));
    }
    problems
}
