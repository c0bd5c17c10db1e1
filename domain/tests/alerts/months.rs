//! Writes the recorded months: what a site sends and what an OPCO answers, hour by hour, drawn from a fixed
//! seed. Nothing in them is of anybody: they are made here, and a test checks that they still are.

use std::fmt::Write as _;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};

/// The hours of a day on which people work, and how busy each is: per thousand of the day.
const HOURS: [(usize, u32); 10] = [
    (8, 70),
    (9, 150),
    (10, 160),
    (11, 130),
    (12, 40),
    (13, 60),
    (14, 120),
    (15, 120),
    (16, 100),
    (17, 50),
];

/// When people of these months did not work, besides Sundays.
const OFF: [Date; 12] = [
    date(2026, 1, 1),
    date(2026, 1, 2),
    date(2026, 4, 6),
    date(2026, 5, 1),
    date(2026, 5, 8),
    date(2026, 5, 14),
    date(2026, 5, 15),
    date(2026, 5, 25),
    date(2026, 7, 13),
    date(2026, 7, 14),
    date(2026, 11, 1),
    date(2026, 11, 11),
];

/// A recorded month, with the weeks before it.
pub(crate) struct Month {
    /// The name of its file.
    pub(crate) name: &'static str,
    seed: u64,
    /// Its first and its last day.
    pub(crate) first: Date,
    pub(crate) last: Date,
    /// How much a day brings on average, per thousand.
    a_day: fn(Date) -> u32,
    /// Whether nothing is sent at an hour.
    mute: fn(Date, usize) -> bool,
    /// Which share of what is answered is refused, per thousand.
    refused: fn(Date, usize) -> u32,
}

const BEGINS: Date = date(2026, 1, 5);

/// All of them.
pub(crate) const MONTHS: [Month; 7] = [
    Month {
        name: "quiet",
        seed: 11,
        first: BEGINS,
        last: date(2026, 6, 30),
        a_day: busy,
        mute: never,
        refused: usual,
    },
    Month {
        name: "august",
        seed: 12,
        first: date(2026, 4, 13),
        last: date(2026, 9, 30),
        a_day: summer,
        mute: never,
        refused: usual,
    },
    Month {
        name: "outage",
        seed: 13,
        first: date(2026, 3, 16),
        last: date(2026, 6, 30),
        a_day: busy,
        mute: outage,
        refused: usual,
    },
    Month {
        name: "small",
        seed: 14,
        first: date(2026, 2, 2),
        last: date(2026, 6, 30),
        a_day: |_| 2_000,
        mute: |day, _| day >= date(2026, 6, 8),
        refused: usual,
    },
    Month {
        name: "batches",
        seed: 15,
        first: date(2026, 2, 2),
        last: date(2026, 6, 30),
        a_day: batches,
        mute: never,
        refused: usual,
    },
    Month {
        name: "step",
        seed: 16,
        first: date(2026, 3, 16),
        last: date(2026, 6, 30),
        a_day: busy,
        mute: never,
        refused: step,
    },
    Month {
        name: "slow",
        seed: 17,
        first: date(2026, 2, 2),
        last: date(2026, 6, 30),
        a_day: busy,
        mute: never,
        refused: slow,
    },
];

fn busy(day: Date) -> u32 {
    match day.weekday() {
        Weekday::Saturday => 400,
        Weekday::Monday => 48_000,
        Weekday::Friday => 28_000,
        _ => 40_000,
    }
}

/// Half as busy in the second half of July, closed in August, twice as busy afterwards.
fn summer(day: Date) -> u32 {
    match (day.month(), day.day()) {
        (7, 15..) => busy(day) / 2,
        (8, 1..=30) => 0,
        (8 | 9, _) => busy(day) * 2,
        _ => busy(day),
    }
}

/// Everything of a week on one of its days, and not every week.
fn batches(day: Date) -> u32 {
    let week = day.iso_week_date().week();
    let its_day = match week % 3 {
        0 => Weekday::Tuesday,
        1 => Weekday::Thursday,
        _ => Weekday::Friday,
    };
    let sends = day.weekday() == its_day && week % 4 != 1;
    u32::from(sends) * 90_000
}

fn never(_: Date, _: usize) -> bool {
    false
}

/// From Tuesday 16 June at eleven to Friday the 19th at nine.
fn outage(day: Date, hour: usize) -> bool {
    let from = (date(2026, 6, 16), 11);
    let until = (date(2026, 6, 19), 9);
    (day, hour) >= from && (day, hour) < until
}

fn usual(_: Date, _: usize) -> u32 {
    60
}

/// Six in a hundred, and thirty-five from Wednesday 10 June at ten until the 17th.
fn step(day: Date, hour: usize) -> u32 {
    let after = (day, hour) >= (date(2026, 6, 10), 10) && day < date(2026, 6, 17);
    if after { 350 } else { 60 }
}

/// Six in a hundred, and two more each week from 4 May on.
fn slow(day: Date, _: usize) -> u32 {
    let weeks = date(2026, 5, 4)
        .until(day)
        .map_or(0, |span| span.get_days() / 7);
    60 + 20 * u32::try_from(weeks).unwrap_or_default()
}

/// A generator that anyone can write again (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Counts how often something of a small chance comes: in whole numbers, so that every machine draws
    /// the same. `mean` is per million; a hundred tries for each.
    fn count(&mut self, mean: u64) -> u32 {
        let tries = (mean / 1_000_000 + 1) * 100;
        let chance = mean / tries;
        let hits = (0..tries)
            .filter(|_| self.roll() % 1_000_000 < chance)
            .count();
        u32::try_from(hits).unwrap_or(u32::MAX)
    }

    fn share(&mut self, of: u32, per_thousand: u32) -> u32 {
        let hits = (0..of)
            .filter(|_| self.roll() % 1_000 < u64::from(per_thousand))
            .count();
        u32::try_from(hits).unwrap_or(u32::MAX)
    }
}

impl Month {
    /// Writes it: a line for each day and series, then its twenty-four hours.
    pub(crate) fn text(&self) -> String {
        let mut dice = Dice(self.seed);
        let mut text =
            String::from("# day series 24 hours of Europe/Paris; domain/tests/alerts/months.rs\n");
        for day in self
            .first
            .series(1.day())
            .take_while(|day| *day <= self.last)
        {
            if day.weekday() == Weekday::Sunday || OFF.contains(&day) {
                continue;
            }
            let (mut sent, mut refused) = ([0; 24], [0; 24]);
            for (hour, share) in HOURS {
                let mean = u64::from((self.a_day)(day)) * u64::from(share);
                let count = dice.count(mean);
                let count = if (self.mute)(day, hour) { 0 } else { count };
                let bad = dice.share(count, (self.refused)(day, hour));
                if let Some(kept) = sent.get_mut(hour) {
                    *kept = count;
                }
                if let Some(kept) = refused.get_mut(hour) {
                    *kept = bad;
                }
            }
            line(&mut text, day, "sent", &sent);
            line(&mut text, day, "refused", &refused);
        }
        text
    }
}

fn line(text: &mut String, day: Date, series: &str, hours: &[u32; 24]) {
    if hours.iter().all(|count| *count == 0) {
        return;
    }
    let hours: Vec<String> = hours.iter().map(u32::to_string).collect();
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{day} {series} {}", hours.join(" "));
}
