//! The legal minimum of an apprentice's pay, from a dated table.

use std::sync::LazyLock;

use jiff::civil::Date;

use crate::rules::subject::age;

/// The last year of contract that has rates of its own; later years keep them.
const LAST_YEAR: i64 = 3;

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    from: Date,
    until: Option<Date>,
    ages: (i16, i16),
    year: i64,
    percent: i64,
}

static TABLE: LazyLock<Vec<Line>> = LazyLock::new(|| {
    include_str!("../../../data/remuneration_minimale.csv")
        .lines()
        .filter_map(line)
        .collect()
});

/// Reads a line of the table; comments and the heading are none.
fn line(text: &str) -> Option<Line> {
    let mut cells = text.split(',');
    let mut next = || cells.next();
    let from = next()?.parse().ok()?;
    let until = next()?;
    let until = if until.is_empty() {
        None
    } else {
        Some(until.parse().ok()?)
    };
    let ages = (next()?.parse().ok()?, next()?.parse().ok()?);
    Some(Line {
        from,
        until,
        ages,
        year: next()?.parse().ok()?,
        percent: next()?.parse().ok()?,
    })
}

/// Returns the least percentage for a period of a contract that began on `start`, by the rates in
/// force on `day`; nothing when the table does not know that day.
///
/// The age is the one that counts at the end of the period, since a period has one rate; a birthday
/// counts from the first day of the next month (D6222-31).
pub(super) fn percent(birth: Date, start: Date, period: (Date, Date), day: Date) -> Option<i64> {
    let (first, last) = period;
    let year = (i64::from(age(start, first)) + 1).clamp(1, LAST_YEAR);
    let counted = last.first_of_month().yesterday().ok()?;
    let age = age(birth, counted).max(age(birth, start));
    TABLE
        .iter()
        .find(|line| {
            line.from <= day
                && line.until.is_none_or(|until| day <= until)
                && (line.ages.0..=line.ages.1).contains(&age)
                && line.year == year
        })
        .map(|line| line.percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn least(birth: &str, first: &str, last: &str) -> Option<i64> {
        let start = day("2026-09-01");
        percent(
            day(birth),
            start,
            (day(first), day(last)),
            day("2026-08-20"),
        )
    }

    #[test]
    fn the_table_gives_every_age_and_year() {
        let born = ["2011-01-01", "2008-01-01", "2003-01-01", "1999-01-01"];
        let rates = [[27, 39, 55], [43, 51, 67], [53, 61, 78], [100, 100, 100]];
        for (birth, rates) in born.iter().zip(rates) {
            for (year, rate) in (2026..).zip(rates) {
                let (first, last) = (format!("{year}-09-01"), format!("{year}-09-30"));
                assert_eq!(least(birth, &first, &last), Some(rate), "{birth} {first}");
            }
        }
        assert_eq!(least("2007-01-01", "2029-09-01", "2030-02-28"), Some(78));
    }

    #[test]
    fn a_birthday_counts_from_the_next_month() {
        assert_eq!(least("2009-02-11", "2026-09-01", "2027-02-28"), Some(27));
        assert_eq!(least("2009-02-11", "2026-09-01", "2027-03-01"), Some(43));
    }

    #[test]
    fn a_day_before_the_table_has_no_minimum() {
        let (start, last) = (day("2018-09-01"), day("2019-08-31"));
        assert_eq!(
            percent(day("2000-01-01"), start, (start, last), day("2018-08-01")),
            None
        );
    }
}
