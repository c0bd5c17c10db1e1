//! The steps of the conditions that compare a number with fixed bounds.

use super::Measure;
use crate::deadline::KEY_DAYS_AHEAD;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// How old the oldest thing that should have left is, in seconds, at each step.
const BACKLOG: [i64; 4] = [HOUR, 4 * HOUR, 24 * HOUR, 72 * HOUR];
/// Below this the backlog is gone: half of the first step, so that it does not end and begin again.
const BACKLOG_GONE: i64 = HOUR / 2;
/// For how long an OPCO has been left at rest, in seconds, at each step.
const BREAKER: [i64; 4] = [10 * MINUTE, HOUR, 4 * HOUR, 24 * HOUR];
/// For how long no process must have seen an OPCO at rest before that has ended, in seconds: each process
/// sees its own calls only, and the longest rest is shorter.
pub const BREAKER_GRACE_S: i64 = 15 * MINUTE;
/// How many unknown states came within [`UNKNOWN_STATE_DAYS`] at each step.
const UNKNOWN: [i64; 3] = [1, 10, 100];
/// For how many days an unknown state counts.
pub const UNKNOWN_STATE_DAYS: i64 = 7;
/// For how many days a field that first came is new.
pub const UNKNOWN_FIELD_DAYS: i64 = 14;

fn reached(steps: &[i64], value: i64) -> u8 {
    let count = steps.iter().filter(|step| value >= **step).count();
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// Judges the end of a key, by the days left: a step at 60, 30, 7 and 1 days, and one once it has passed.
pub fn key_expiry(days_left: i64) -> Measure {
    let ahead = KEY_DAYS_AHEAD.iter();
    let near = ahead.filter(|days| days_left <= i64::from(**days)).count();
    let level = near + usize::from(days_left < 0);
    Measure {
        level: u8::try_from(level).unwrap_or(u8::MAX),
        value: days_left,
        usual: None,
    }
}

/// Judges the age of the oldest thing that should have left, in seconds; `raised` when the alert lasts.
pub fn backlog(oldest_s: i64, raised: bool) -> Measure {
    let level = reached(&BACKLOG, oldest_s);
    let lasts = raised && oldest_s >= BACKLOG_GONE;
    Measure {
        level: level.max(u8::from(lasts)),
        value: oldest_s,
        usual: None,
    }
}

/// Judges for how long an OPCO has been left at rest, in seconds.
pub fn breaker(open_s: i64) -> Measure {
    Measure {
        level: reached(&BREAKER, open_s),
        value: open_s,
        usual: None,
    }
}

/// Judges how many unknown states came lately.
pub fn unknown_state(count: i64) -> Measure {
    Measure {
        level: reached(&UNKNOWN, count),
        value: count,
        usual: None,
    }
}

/// Judges how many fields that nobody knows first came lately: there is one step, for it is the change that
/// is told, and more of it is the same change.
pub fn unknown_field(count: i64) -> Measure {
    Measure {
        level: u8::from(count > 0),
        value: count,
        usual: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_five_steps() {
        let levels = [61, 60, 31, 30, 8, 7, 2, 1, 0, -1, -300].map(|days| key_expiry(days).level);
        assert_eq!(levels, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn a_backlog_ends_well_below_where_it_begins() {
        assert_eq!(backlog(3_599, false).level, 0);
        assert_eq!(backlog(3_600, false).level, 1);
        assert_eq!(backlog(1_800, true).level, 1);
        assert_eq!(backlog(1_799, true).level, 0);
        assert_eq!(backlog(300_000, false).level, 4);
    }

    #[test]
    fn rests_and_unknown_states_have_their_steps() {
        assert_eq!(
            [599, 600, 3_600, 90_000].map(|s| breaker(s).level),
            [0, 1, 2, 4]
        );
        assert_eq!(
            [0, 1, 9, 10, 100].map(|n| unknown_state(n).level),
            [0, 1, 1, 2, 3]
        );
        assert_eq!([0, 1, 100].map(|n| unknown_field(n).level), [0, 1, 1]);
    }
}
