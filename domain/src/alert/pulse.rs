//! How much of something happened in each hour, as the clocks of France show it.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};

use crate::calendar::{hour_in_france, is_public_holiday};
use crate::clock::Timestamp;

/// Counts by day and hour. A day nothing is known of and a day of nothing look alike: who counts knows
/// since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    days: BTreeMap<Date, [u32; 24]>,
}

/// One hour of a day in France.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The day.
    pub day: Date,
    /// The hour, 0 to 23.
    pub hour: usize,
}

impl Slot {
    /// Returns the hour in which an instant lies.
    pub fn of(at: Timestamp) -> Self {
        let (day, hour) = hour_in_france(at);
        Self { day, hour }
    }
}

impl Pulse {
    /// Adds what happened at an instant.
    pub fn add(&mut self, at: Timestamp, count: u32) {
        let Slot { day, hour } = Slot::of(at);
        if let Some(kept) = self.days.entry(day).or_default().get_mut(hour) {
            *kept = kept.saturating_add(count);
        }
    }

    /// Returns the count of some hours of a day: from the first, up to and without the last.
    pub(crate) fn within(&self, day: Date, from: usize, to: usize) -> u32 {
        self.hours(day, from, to).fold(0, u32::saturating_add)
    }

    /// The same, hour by hour.
    pub(crate) fn hours(
        &self,
        day: Date,
        from: usize,
        to: usize,
    ) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let hours = self.days.get(&day).map_or(&[0; 24], |hours| hours);
        let part = hours.get(from..to.max(from)).unwrap_or_default();
        part.iter().copied()
    }

    /// Returns how much happened from an hour on.
    pub fn since(&self, slot: Slot) -> u32 {
        let days = self.days.range(slot.day..).map(|(day, hours)| {
            let from = if *day == slot.day { slot.hour } else { 0 };
            let part = hours.get(from..).unwrap_or_default();
            part.iter().copied().fold(0, u32::saturating_add)
        });
        days.fold(0, u32::saturating_add)
    }

    /// Returns the last hour, up to and with `slot`, in which something happened.
    pub(crate) fn last_until(&self, slot: Slot) -> Option<Slot> {
        self.days.range(..=slot.day).rev().find_map(|(day, hours)| {
            let end = if *day == slot.day { slot.hour + 1 } else { 24 };
            let hours = hours.get(..end).unwrap_or_default();
            let hour = hours.iter().rposition(|count| *count > 0)?;
            Some(Slot { day: *day, hour })
        })
    }

    /// Returns the first day on which something happened.
    pub fn first_day(&self) -> Option<Date> {
        self.days.keys().next().copied()
    }
}

/// Returns whether senders and OPCOs may be expected to work on a day as on others. Sundays, public
/// holidays, the bridges between one and a week end, August, and the turn of the year tell nothing: nothing
/// is expected then, and no other day is compared with them.
pub fn is_ordinary(day: Date) -> bool {
    let off = day.weekday() == Weekday::Sunday || is_public_holiday(day);
    !off && !is_bridge(day) && !is_closed(day)
}

/// A Friday after a holiday, a Monday before one.
fn is_bridge(day: Date) -> bool {
    let beside = match day.weekday() {
        Weekday::Friday => day.yesterday(),
        Weekday::Monday => day.tomorrow(),
        _ => return false,
    };
    beside.is_ok_and(is_public_holiday)
}

/// August, and from 24 December to 2 January.
fn is_closed(day: Date) -> bool {
    matches!((day.month(), day.day()), (8, _) | (12, 24..) | (1, ..=2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn what_happens_is_counted_in_the_hour_of_france() {
        let mut pulse = Pulse::default();
        // Summer time: two hours ahead of UTC.
        pulse.add("2026-07-06T22:30:00Z".parse().unwrap(), 2);
        pulse.add("2026-07-06T22:59:00Z".parse().unwrap(), 1);
        assert_eq!(pulse.within(day("2026-07-07"), 0, 1), 3);
        let last = pulse.last_until(Slot {
            day: day("2026-07-20"),
            hour: 3,
        });
        assert_eq!(
            last,
            Some(Slot {
                day: day("2026-07-07"),
                hour: 0
            })
        );
        let before = Slot {
            day: day("2026-07-06"),
            hour: 23,
        };
        assert_eq!(pulse.last_until(before), None);
    }

    #[test]
    fn holidays_bridges_august_and_the_turn_of_the_year_are_not_ordinary() {
        for odd in [
            "2026-05-17", // a Sunday
            "2026-05-14", // Ascension
            "2026-05-15", // the bridge after it
            "2026-07-13", // the bridge before a Tuesday
            "2026-08-03",
            "2026-12-24",
            "2027-01-02",
        ] {
            assert!(!is_ordinary(day(odd)), "{odd}");
        }
        for ordinary in ["2026-05-13", "2026-05-16", "2026-09-01", "2027-01-04"] {
            assert!(is_ordinary(day(ordinary)), "{ordinary}");
        }
    }
}
