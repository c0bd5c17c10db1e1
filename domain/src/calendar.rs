//! The French calendar: which day it is there, public holidays, working days (jours ouvrables).

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::clock::Timestamp;

/// Public holidays with a fixed place in the year, as (month, day) (code du travail L3133-1).
const FIXED: [(i8, i8); 8] = [
    (1, 1),
    (5, 1),
    (5, 8),
    (7, 14),
    (8, 15),
    (11, 1),
    (11, 11),
    (12, 25),
];

/// Days after Easter Sunday: Easter Monday, Ascension, Whit Monday.
const MOVING: [i32; 3] = [1, 39, 50];

/// The most days walked to reach a working day: a bound, not a rule.
const MAX_WALK: u32 = 400;

/// The zone database is compiled in, so the fallback is never met.
static PARIS: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC));

/// Returns the day it is in metropolitan France at an instant.
pub fn day_in_france(now: Timestamp) -> Date {
    PARIS.to_datetime(now).date()
}

/// Returns the day it is in metropolitan France at an instant, and the hour its clocks show.
pub fn hour_in_france(now: Timestamp) -> (Date, usize) {
    let at = PARIS.to_datetime(now);
    (at.date(), usize::try_from(at.hour()).unwrap_or_default())
}

/// Returns what the clocks of metropolitan France show at an instant.
pub fn clocks_in_france(at: Timestamp) -> DateTime {
    PARIS.to_datetime(at)
}

/// Writes an instant as the clocks of metropolitan France show it.
pub fn local_in_france(at: Timestamp) -> String {
    clocks_in_france(at).strftime("%d/%m/%Y %H:%M").to_string()
}

/// Returns the instant at which a day begins in metropolitan France.
pub fn start_of_day_in_france(day: Date) -> Timestamp {
    day.to_zoned(PARIS.clone())
        .map_or(Timestamp::MAX, |start| start.timestamp())
}

/// Returns whether the day is one of the eleven public holidays of the whole country.
///
/// The local ones (Alsace-Moselle, overseas) are left out: counting them as worked days makes a
/// delay shorter by a day there, which only ever warns a little early.
pub fn is_public_holiday(day: Date) -> bool {
    if FIXED.contains(&(day.month(), day.day())) {
        return true;
    }
    let after = i32::from(day.day_of_year()) - i32::from(easter(day.year()).day_of_year());
    MOVING.contains(&after)
}

/// Returns whether the day is `ouvrable`: neither a Sunday nor a public holiday. Saturdays are.
pub fn is_working_day(day: Date) -> bool {
    day.weekday() != Weekday::Sunday && !is_public_holiday(day)
}

/// Returns the `count`-th working day after `day`, which itself does not count.
pub fn working_days_after(day: Date, count: u32) -> Date {
    let mut left = count;
    let mut at = day;
    for _ in 0..MAX_WALK {
        if left == 0 {
            break;
        }
        let Ok(tomorrow) = at.tomorrow() else { break };
        at = tomorrow;
        if is_working_day(at) {
            left -= 1;
        }
    }
    at
}

/// Returns the `count`-th working day before `day`, which itself does not count.
pub(crate) fn working_days_before(day: Date, count: u32) -> Date {
    let mut left = count;
    let mut at = day;
    for _ in 0..MAX_WALK {
        if left == 0 {
            break;
        }
        let Ok(yesterday) = at.yesterday() else { break };
        at = yesterday;
        if is_working_day(at) {
            left -= 1;
        }
    }
    at
}

/// Returns the day `months` later. The last day of a month gives the last day of the other one, so
/// that no limit is shorter than people count it.
pub(crate) fn months_after(day: Date, months: i32) -> Date {
    let moved = day.checked_add(months.months()).unwrap_or(Date::MAX);
    if day == day.last_of_month() {
        moved.last_of_month()
    } else {
        moved
    }
}

/// Returns the day `months` earlier.
pub(crate) fn months_before(day: Date, months: i32) -> Date {
    day.checked_sub(months.months()).unwrap_or(Date::MIN)
}

/// Writes a day as French people do.
pub fn french(day: Date) -> String {
    format!("{:02}/{:02}/{}", day.day(), day.month(), day.year())
}

/// Returns Easter Sunday of a year, by the Gregorian computus.
pub fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let golden = y.rem_euclid(19);
    let century = y.div_euclid(100);
    let in_century = y.rem_euclid(100);
    let skipped = (century + 8) / 25;
    let correction = (century - skipped + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15).rem_euclid(30);
    let to_sunday =
        (32 + 2 * (century % 4) + 2 * (in_century / 4) - epact - in_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * to_sunday) / 451;
    let n = epact + to_sunday - 7 * late + 114;
    let month = i8::try_from(n / 31).unwrap_or(4);
    let day = i8::try_from(n % 31 + 1).unwrap_or(1);
    Date::new(year, month, day).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn the_day_is_the_one_of_paris() {
        let summer: Timestamp = "2026-08-31T22:30:00Z".parse().unwrap();
        assert_eq!(day_in_france(summer), day("2026-09-01"));
        let winter: Timestamp = "2026-11-21T22:30:00Z".parse().unwrap();
        assert_eq!(day_in_france(winter), day("2026-11-21"));
    }

    #[test]
    fn easter_falls_where_the_almanac_says() {
        for known in [
            "1818-03-22",
            "1943-04-25",
            "2000-04-23",
            "2020-04-12",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
            "2285-03-22",
        ] {
            let known = day(known);
            assert_eq!(easter(known.year()), known);
            assert_eq!(known.weekday(), Weekday::Sunday);
        }
    }

    #[test]
    fn a_year_has_its_eleven_holidays() {
        let first = day("2026-01-01");
        let found: Vec<String> = first
            .series(jiff::ToSpan::days(1))
            .take(365)
            .filter(|d| is_public_holiday(*d))
            .map(|d| d.to_string())
            .collect();
        assert_eq!(
            found,
            [
                "2026-01-01",
                "2026-04-06",
                "2026-05-01",
                "2026-05-08",
                "2026-05-14",
                "2026-05-25",
                "2026-07-14",
                "2026-08-15",
                "2026-11-01",
                "2026-11-11",
                "2026-12-25",
            ]
        );
    }

    #[test]
    fn saturdays_are_worked_and_sundays_and_holidays_are_not() {
        assert!(is_working_day(day("2026-11-21")));
        assert!(!is_working_day(day("2026-11-22")));
        assert!(!is_working_day(day("2026-11-11")));
    }

    #[test]
    fn months_keep_the_end_of_the_month() {
        assert_eq!(months_after(day("2028-06-30"), 2), day("2028-08-31"));
        assert_eq!(months_after(day("2028-06-15"), 2), day("2028-08-15"));
        assert_eq!(months_after(day("2026-12-31"), 2), day("2027-02-28"));
        assert_eq!(months_after(Date::MAX, 2), Date::MAX);
        assert_eq!(months_before(day("2026-05-31"), 3), day("2026-02-28"));
    }

    #[test]
    fn five_working_days_step_over_what_is_not_worked() {
        assert_eq!(working_days_after(day("2026-09-01"), 5), day("2026-09-07"));
        assert_eq!(working_days_after(day("2026-11-09"), 5), day("2026-11-16"));
        assert_eq!(working_days_after(day("2026-12-24"), 1), day("2026-12-26"));
        assert_eq!(working_days_after(Date::MAX, 5), Date::MAX);
    }

    #[test]
    fn working_days_are_counted_back_as_they_are_counted_on() {
        assert_eq!(working_days_before(day("2026-09-07"), 5), day("2026-09-01"));
        assert_eq!(working_days_before(day("2026-12-26"), 1), day("2026-12-24"));
        assert_eq!(working_days_before(Date::MIN, 5), Date::MIN);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(5),
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn between_a_day_and_its_nth_working_day_there_are_n_of_them(
            offset in 0..36_500_i32, count in 0..60_u32,
        ) {
            let from = day("1990-01-01").checked_add(jiff::ToSpan::days(offset)).unwrap();
            let to = working_days_after(from, count);
            let worked = from
                .series(jiff::ToSpan::days(1))
                .skip(1)
                .take_while(|d| *d <= to)
                .filter(|d| is_working_day(*d))
                .count();
            prop_assert_eq!(u32::try_from(worked).unwrap(), count);
            prop_assert!(count == 0 || is_working_day(to));
            // The way back ends on the day itself, when it is worked.
            if is_working_day(from) {
                prop_assert_eq!(working_days_before(to, count), from);
            }
        }

        #[test]
        fn no_year_has_a_sunday_or_more_than_eleven_holidays_that_are_worked(year in 1900..2200_i16) {
            let first = Date::new(year, 1, 1).unwrap();
            let days = first.series(jiff::ToSpan::days(1)).take_while(|d| d.year() == year);
            let holidays: Vec<Date> = days.filter(|d| is_public_holiday(*d)).collect();
            // Ascension may fall on the first or the eighth of May.
            prop_assert!((10..=11).contains(&holidays.len()), "{:?}", holidays);
            prop_assert!(holidays.iter().all(|d| !is_working_day(*d)));
        }
    }
}
