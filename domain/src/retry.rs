//! How long to wait before the next attempt: a list of delays checked when it is built.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use thiserror::Error;

use crate::clock::Timestamp;

/// The longest list of delays accepted.
pub const MAX_DELAYS: usize = 100;
/// The longest single delay accepted: a week.
pub const MAX_DELAY: Duration = Duration::from_hours(7 * 24);
/// The longest announced delay obeyed in full; see [`Delay::capped`]. A day.
pub const RETRY_AFTER_CAP: Duration = Duration::from_hours(24);
/// The share of a delay that chance may add, in percent, unless told otherwise.
pub const DEFAULT_SPREAD: u8 = 20;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The delays of [`Schedule::default`] before it settles on one attempt every twelve hours.
const DEFAULT_RAMP: [u64; 15] = [
    5,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    8 * HOUR,
];
const DEFAULT_TAIL: u64 = 12 * HOUR;
const DEFAULT_TAIL_TIMES: usize = 14;

/// The delays between attempts, in order; after the last one the attempts are exhausted.
///
/// In configuration: a list (`["5s", "1m", "12h"]`) or a growth
/// (`{ base = "5s", factor = 3, cap = "12h", times = 20 }`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Form")]
pub struct Schedule {
    delays: Vec<Duration>,
    spread: u8,
    retry_after_cap: Duration,
}

/// Why a list of delays is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// There is no delay at all.
    #[error("a schedule needs at least one delay")]
    Empty,
    /// There are more than [`MAX_DELAYS`].
    #[error("a schedule has at most {MAX_DELAYS} delays")]
    TooMany,
    /// A delay is zero, negative or above [`MAX_DELAY`].
    #[error("delay {place} is not between 1 ms and 7 days")]
    OutOfRange {
        /// Which one, from 1.
        place: usize,
    },
    /// The delays must never become shorter.
    #[error("delay {place} is shorter than the one before")]
    Shrinks {
        /// Which one, from 1.
        place: usize,
    },
    /// A growth needs a factor from 1 to 100.
    #[error("the factor is not between 1 and 100")]
    Factor,
    /// Chance may add at most the delay itself.
    #[error("the spread is not between 0 and 100 %")]
    Spread,
}

/// A delay, and whether an announced one was too long to be obeyed in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// How long to wait.
    pub wait: Duration,
    /// The OPCO asked for more than the cap: shown to people, since we come back earlier than asked.
    pub capped: bool,
}

impl Schedule {
    /// Builds a schedule from its delays, which must not shrink.
    pub fn new(delays: Vec<Duration>) -> Result<Self, ScheduleError> {
        if delays.is_empty() {
            return Err(ScheduleError::Empty);
        }
        if delays.len() > MAX_DELAYS {
            return Err(ScheduleError::TooMany);
        }
        let mut before = Duration::ZERO;
        for (place, delay) in (1..).zip(&delays) {
            if *delay < Duration::from_millis(1) || *delay > MAX_DELAY {
                return Err(ScheduleError::OutOfRange { place });
            }
            if *delay < before {
                return Err(ScheduleError::Shrinks { place });
            }
            before = *delay;
        }
        Ok(Self {
            delays,
            spread: DEFAULT_SPREAD,
            retry_after_cap: RETRY_AFTER_CAP,
        })
    }

    /// Builds the schedule `base, base·factor, base·factor²…`, never above `cap`, of `times` delays.
    pub fn growing(
        base: Duration,
        factor: u32,
        cap: Duration,
        times: usize,
    ) -> Result<Self, ScheduleError> {
        if !(1..=100).contains(&factor) {
            return Err(ScheduleError::Factor);
        }
        if times > MAX_DELAYS {
            return Err(ScheduleError::TooMany);
        }
        let delays = std::iter::successors(Some(base), |delay| Some(delay.saturating_mul(factor)))
            .map(|delay| delay.min(cap))
            .take(times)
            .collect();
        Self::new(delays)
    }

    /// Changes how much chance may add, in percent of the delay.
    pub fn with_spread(mut self, percent: u8) -> Result<Self, ScheduleError> {
        if percent > 100 {
            return Err(ScheduleError::Spread);
        }
        self.spread = percent;
        Ok(self)
    }

    /// Returns how many retries there are; attempts are one more.
    pub fn retries(&self) -> usize {
        self.delays.len()
    }

    /// Returns the sum of all delays, chance left out.
    pub fn total(&self) -> Duration {
        self.delays
            .iter()
            .fold(Duration::ZERO, |sum, delay| sum.saturating_add(*delay))
    }

    /// Returns how long to wait after the `attempts`-th attempt failed (from 1), or nothing when
    /// it was the last.
    ///
    /// `announced` is the OPCO's `Retry-After`: a floor, up to the cap. `chance` is any number the
    /// caller drew; over its whole range it adds from nothing to the spread, and never takes away.
    pub fn delay(&self, attempts: u32, announced: Option<Duration>, chance: u32) -> Option<Delay> {
        let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let own = self.delays.get(place)?;
        let announced = announced.unwrap_or_default();
        let floor = announced.min(self.retry_after_cap);
        let base = floor.max(*own);
        let added = added(base, self.spread, chance);
        Some(Delay {
            wait: base.saturating_add(added),
            capped: announced > floor,
        })
    }
}

impl Default for Schedule {
    /// Returns 29 retries over eight days: quick at first, then every twelve hours.
    fn default() -> Self {
        let tail = std::iter::repeat_n(DEFAULT_TAIL, DEFAULT_TAIL_TIMES);
        let delays = DEFAULT_RAMP
            .into_iter()
            .chain(tail)
            .map(Duration::from_secs)
            .collect();
        Self {
            delays,
            spread: DEFAULT_SPREAD,
            retry_after_cap: RETRY_AFTER_CAP,
        }
    }
}

/// Returns the part of `delay` that chance adds: from nothing up to `percent` of it.
fn added(delay: Duration, percent: u8, chance: u32) -> Duration {
    let most = delay.as_millis().saturating_mul(u128::from(percent)) / 100;
    let ms = most.saturating_mul(u128::from(chance)) / u128::from(u32::MAX);
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}

/// Returns the instant `span` after `at`, or the end of time.
pub(crate) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// The two ways a schedule is written in configuration.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    List(Vec<SignedDuration>),
    Growth(Growth),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Growth {
    base: SignedDuration,
    factor: u32,
    cap: SignedDuration,
    times: usize,
}

impl TryFrom<Form> for Schedule {
    type Error = ScheduleError;

    fn try_from(form: Form) -> Result<Self, ScheduleError> {
        match form {
            Form::List(delays) => Self::new(delays.into_iter().map(unsigned).collect()),
            Form::Growth(Growth {
                base,
                factor,
                cap,
                times,
            }) => Self::growing(unsigned(base), factor, unsigned(cap), times),
        }
    }
}

/// A negative delay becomes zero, which no schedule accepts.
fn unsigned(span: SignedDuration) -> Duration {
    Duration::try_from(span).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(list: &[u64]) -> Vec<Duration> {
        list.iter().map(|s| Duration::from_secs(*s)).collect()
    }

    #[test]
    fn the_default_lasts_about_eight_days_and_is_a_valid_schedule() {
        let default = Schedule::default();
        let days = default.total().as_secs_f64() / 86_400.0;
        assert!((7.9..8.2).contains(&days), "{days}");
        assert_eq!(Schedule::new(default.delays.clone()), Ok(default));
    }

    #[test]
    fn bounds_are_checked_when_it_is_built() {
        assert_eq!(Schedule::new(vec![]), Err(ScheduleError::Empty));
        assert_eq!(
            Schedule::new(seconds(&[1; 101])),
            Err(ScheduleError::TooMany)
        );
        assert_eq!(
            Schedule::new(seconds(&[1, 0])),
            Err(ScheduleError::OutOfRange { place: 2 })
        );
        assert_eq!(
            Schedule::new(seconds(&[700_000])),
            Err(ScheduleError::OutOfRange { place: 1 })
        );
        assert_eq!(
            Schedule::new(seconds(&[9, 8])),
            Err(ScheduleError::Shrinks { place: 2 })
        );
        let hour = Duration::from_secs(HOUR);
        assert_eq!(
            Schedule::growing(hour, 0, hour, 3),
            Err(ScheduleError::Factor)
        );
        assert_eq!(
            Schedule::default().with_spread(101),
            Err(ScheduleError::Spread)
        );
    }

    #[test]
    fn a_growth_stops_at_its_cap() {
        let growing =
            Schedule::growing(Duration::from_secs(5), 3, Duration::from_mins(1), 5).unwrap();
        assert_eq!(growing.delays, seconds(&[5, 15, 45, 60, 60]));
    }

    #[test]
    fn both_forms_are_read_from_configuration() {
        let list: Schedule = serde_json::from_str(r#"["5s", "1m", "12h"]"#).unwrap();
        assert_eq!(list.delays, seconds(&[5, 60, 43_200]));
        let text = r#"{"base": "5s", "factor": 2, "cap": "1m", "times": 3}"#;
        let growth: Schedule = serde_json::from_str(text).unwrap();
        assert_eq!(growth.delays, seconds(&[5, 10, 20]));
        assert!(serde_json::from_str::<Schedule>(r#"["-5s"]"#).is_err());
    }

    #[test]
    fn an_announcement_beyond_the_cap_is_cut_and_says_so() {
        let week = Duration::from_hours(7 * 24);
        let delay = Schedule::default().delay(1, Some(week), 0).unwrap();
        assert_eq!(
            delay,
            Delay {
                wait: RETRY_AFTER_CAP,
                capped: true
            }
        );
    }

    #[test]
    fn the_last_attempt_has_no_next() {
        let two = Schedule::new(seconds(&[1, 2])).unwrap();
        assert!(two.delay(2, None, 0).is_some());
        assert_eq!(two.delay(3, None, 0), None);
        assert_eq!(two.delay(u32::MAX, Some(Duration::from_secs(1)), 0), None);
    }

    proptest! {
        #[test]
        fn never_earlier_than_announced_nor_than_the_list(
            attempts in 1_u32..40, announced in 0_u64..2_000_000, chance: u32,
        ) {
            let schedule = Schedule::default();
            let announced = Duration::from_secs(announced);
            let delay = schedule.delay(attempts, Some(announced), chance);
            let own = schedule.delays.get(usize::try_from(attempts - 1).unwrap());
            prop_assert_eq!(delay.is_some(), own.is_some());
            if let (Some(delay), Some(own)) = (delay, own) {
                prop_assert!(delay.wait >= announced.min(RETRY_AFTER_CAP));
                prop_assert!(delay.wait >= *own);
                let base = announced.min(RETRY_AFTER_CAP).max(*own);
                prop_assert!(delay.wait <= base + base / 5);
                prop_assert_eq!(delay.capped, announced > RETRY_AFTER_CAP);
            }
        }
    }
}
