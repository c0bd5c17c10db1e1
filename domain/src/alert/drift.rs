//! Drift: a share (of refusals, of one refusal, of slow calls) that is beyond what past weeks show.
//!
//! Two windows are looked at: the latest sixty, which show a step soon, against the eight weeks before the
//! latest seven days; and those seven days, which show a slow rise, against eight weeks that ended a month
//! before: what rises slowly takes the weeks just before along.

use std::ops::RangeInclusive;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Measure;
use super::pulse::{Pulse, Slot};
use crate::clock::Timestamp;

/// How many of the latest make the short window.
const LATEST: u32 = 60;
/// With fewer in a window, nothing is said.
const LATEST_MIN: u32 = 20;
/// How many of them must be of the kind that grows.
const GROWN_MIN: u32 = 5;
/// With which weeks before the latest seven days each window is compared.
const BEFORE_LATEST: RangeInclusive<u32> = 1..=8;
const BEFORE_WEEK: RangeInclusive<u32> = 5..=12;
/// How many of these weeks must have something.
const WEEKS_MIN: usize = 4;
/// How many a week must have to count as one, and all of them together.
const WEEK_MIN: u32 = 20;
const BEFORE_MIN: u32 = 200;
/// How many days back counts are wanted.
pub const BACK_DAYS: i32 = 7 * 13;
/// From when drift is told: it would come once in a hundred thousand times (ln 100 000).
const TELL_AT: f64 = 11.51;
/// By how much the share must exceed the usual one, at each step.
const STEPS: [f64; 3] = [0.05, 0.20, 0.50];
/// What lasts ends below half of the first step, or when it is not surprising any more.
const GONE: f64 = 0.025;
const GONE_AT: f64 = 2.0;

/// What happened in a span: how many in all, and how many of the kind that is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    all: u32,
    watched: u32,
}

impl Tally {
    fn share(self) -> f64 {
        f64::from(self.watched) / f64::from(self.all.max(1))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            all: self.all.saturating_add(other.all),
            watched: self.watched.saturating_add(other.watched),
        }
    }
}

/// What past weeks show.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Past {
    /// The usual share.
    share: f64,
    /// How many times more than by chance it varies from week to week; at least 1.
    spread: f64,
}

/// Judges a share: of `all`, how many are `watched`; `raised` when the alert lasts.
pub fn judge(all: &Pulse, watched: &Pulse, raised: bool, now: Timestamp) -> Measure {
    let counted = Counted { all, watched };
    let here = Slot::of(now);
    let windows = [
        (counted.latest(here), BEFORE_LATEST),
        (counted.week(here), BEFORE_WEEK),
    ];
    let judged = windows.into_iter().filter_map(|(window, weeks)| {
        let past = counted.past(here.day, weeks)?;
        let (level, share) = level(window, past, raised)?;
        Some((level, share, past.share))
    });
    let worst = judged.max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    worst.map_or(Measure::WELL, |(level, share, usual)| Measure {
        level,
        value: thousandths(share),
        usual: Some(thousandths(usual)),
    })
}

/// Returns the step a window has reached and its share.
fn level(window: Tally, past: Past, raised: bool) -> Option<(u8, f64)> {
    if window.all < LATEST_MIN || window.watched < GROWN_MIN {
        return None;
    }
    let share = window.share();
    let excess = share - past.share;
    let surprise = surprise(window, past);
    let (bound, least) = if raised {
        (GONE_AT, GONE)
    } else {
        (TELL_AT, 0.05)
    };
    if surprise < bound || excess < least {
        return None;
    }
    let reached = STEPS.iter().filter(|step| excess >= **step).count();
    Some((u8::try_from(reached).unwrap_or(u8::MAX).max(1), share))
}

/// Returns how surprising a share is: Chernoff's bound on the logarithm of its chance, divided by how much
/// the share varies anyway.
fn surprise(window: Tally, past: Past) -> f64 {
    let (p, q) = (window.share(), past.share);
    if p <= q {
        return 0.0;
    }
    let rest = if p < 1.0 {
        (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln()
    } else {
        0.0
    };
    let distance = p * (p / q).ln() + rest;
    f64::from(window.all) * distance / past.spread
}

/// The two counts that are compared.
struct Counted<'a> {
    all: &'a Pulse,
    watched: &'a Pulse,
}

impl Counted<'_> {
    fn day(&self, day: Date) -> Tally {
        Tally {
            all: self.all.within(day, 0, 24),
            watched: self.watched.within(day, 0, 24),
        }
    }

    /// The seven days that end with a day, which is `back` days before another.
    fn days(&self, today: Date, back: u32) -> Tally {
        let last = today.saturating_sub(i64::from(back).days());
        let days = last.series((-1).days()).take(7);
        days.fold(Tally::default(), |sum, day| sum.plus(self.day(day)))
    }

    fn week(&self, here: Slot) -> Tally {
        self.days(here.day, 0)
    }

    /// The latest hours that hold sixty together, within the seven days.
    fn latest(&self, here: Slot) -> Tally {
        let mut sum = Tally::default();
        for day in here.day.series((-1).days()).take(7) {
            let to = if day == here.day { here.hour + 1 } else { 24 };
            let all = self.all.hours(day, 0, to).rev();
            for (all, watched) in all.zip(self.watched.hours(day, 0, to).rev()) {
                sum = sum.plus(Tally { all, watched });
                if sum.all >= LATEST {
                    return sum;
                }
            }
        }
        sum
    }

    /// What some weeks before the latest seven days show, if that is enough.
    fn past(&self, today: Date, weeks: RangeInclusive<u32>) -> Option<Past> {
        let weeks = weeks.map(|week| self.days(today, week * 7));
        let weeks: Vec<Tally> = weeks.filter(|week| week.all >= WEEK_MIN).collect();
        let all = weeks
            .iter()
            .fold(Tally::default(), |sum, week| sum.plus(*week));
        if weeks.len() < WEEKS_MIN || all.all < BEFORE_MIN {
            return None;
        }
        // Half a one more: what never came is rare, not impossible.
        let share = (f64::from(all.watched) + 0.5) / (f64::from(all.all) + 1.0);
        let strange = |week: &Tally| {
            let expected = f64::from(week.all) * share;
            (f64::from(week.watched) - expected).powi(2) / (expected * (1.0 - share))
        };
        let free = u32::try_from(weeks.len() - 1).map_or(1.0, f64::from);
        let spread = weeks.iter().map(strange).sum::<f64>() / free;
        Some(Past {
            share,
            spread: spread.max(1.0),
        })
    }
}

/// Writes a share as whole thousandths.
fn thousandths(share: f64) -> i64 {
    (0..=1_000)
        .rev()
        .find(|whole| f64::from(*whole) <= share * 1_000.0 + 1e-9)
        .map_or(0, i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAST: Past = Past {
        share: 0.05,
        spread: 1.0,
    };

    fn tally(all: u32, watched: u32) -> Tally {
        Tally { all, watched }
    }

    #[test]
    fn fourteen_of_sixty_are_told_where_one_in_twenty_is_usual() {
        assert_eq!(level(tally(60, 13), PAST, false), None);
        assert_eq!(
            level(tally(60, 14), PAST, false).map(|(level, _)| level),
            Some(1)
        );
        assert_eq!(
            level(tally(60, 50), PAST, false).map(|(level, _)| level),
            Some(3)
        );
        // Where the share varies three times more than by chance anyway, it takes more.
        let restless = Past {
            spread: 3.0,
            ..PAST
        };
        assert_eq!(level(tally(60, 14), restless, false), None);
    }

    #[test]
    fn it_ends_lower_than_it_begins() {
        assert_eq!(level(tally(60, 9), PAST, false), None);
        assert!(level(tally(60, 9), PAST, true).is_some());
        assert_eq!(level(tally(60, 4), PAST, true), None);
    }

    #[test]
    fn a_share_is_told_in_whole_thousandths() {
        assert_eq!(thousandths(0.2339), 233);
        assert_eq!(thousandths(1.0), 1_000);
        assert_eq!(thousandths(0.0), 0);
    }
}
