//! Silence and drift, on recorded months: what is told, on which day and at which hour, and nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails here"
)]

#[path = "alerts/months.rs"]
mod months;

use std::collections::BTreeMap;

use domain::alert::pulse::Pulse;
use domain::alert::{Kept, Measure, Telling, drift, silence, telling};
use domain::clock::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use months::MONTHS;

/// The counts of a file, by day and series.
type Recorded = BTreeMap<(Date, &'static str), [u32; 24]>;

/// Who judges an hour; whether the alert lasts.
type Judge = fn(&Played, bool, Timestamp) -> Measure;

/// What had happened by an hour.
#[derive(Default)]
struct Played {
    sent: Pulse,
    refused: Pulse,
    watched: Pulse,
}

fn recorded(name: &str) -> Recorded {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alerts");
    let text = std::fs::read_to_string(format!("{folder}/{name}.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split(' ');
            let day = words.next().unwrap().parse().unwrap();
            let series = match words.next().unwrap() {
                "sent" => "sent",
                _ => "refused",
            };
            let hours: Vec<u32> = words.map(|word| word.parse().unwrap()).collect();
            ((day, series), hours.try_into().unwrap())
        })
        .collect()
}

/// Plays a month hour by hour and returns what is told from a day on. `off` says when the gateway stood.
fn told(name: &str, from: &str, judge: Judge, off: fn(Date, i8) -> bool) -> Vec<String> {
    let recorded = recorded(name);
    let from: Date = from.parse().unwrap();
    let month = MONTHS.iter().find(|month| month.name == name).unwrap();
    let paris = TimeZone::get("Europe/Paris").unwrap();
    let mut played = Played::default();
    let mut kept: Option<Kept> = None;
    let mut said = Vec::new();
    for day in month
        .first
        .series(1.day())
        .take_while(|day| *day <= month.last)
    {
        for hour in 0..24_i8 {
            let at = day
                .at(hour, 59, 0, 0)
                .to_zoned(paris.clone())
                .unwrap()
                .timestamp();
            if off(day, hour) {
                continue;
            }
            let place = usize::try_from(hour).unwrap();
            let count = |series| recorded.get(&(day, series)).map_or(0, |hours| hours[place]);
            for (pulse, series) in [(&mut played.sent, "sent"), (&mut played.refused, "refused")] {
                if count(series) > 0 {
                    pulse.add(at, count(series));
                }
            }
            played.watched.add(at, 1);
            if day < from {
                continue;
            }
            let measure = judge(&played, kept.is_some(), at);
            match telling(kept, measure.level, false) {
                Telling::Raised(level) => {
                    kept = Some(Kept { told: level });
                    said.push(format!("{day} {hour}h raised {level} ({})", measure.value));
                }
                Telling::Ended { .. } => {
                    kept = None;
                    said.push(format!("{day} {hour}h cleared"));
                }
                Telling::Nothing | Telling::Begins => {}
            }
        }
    }
    said
}

fn silent(played: &Played, _: bool, now: Timestamp) -> Measure {
    silence::judge(&played.sent, &played.watched, now)
}

fn drifting(played: &Played, raised: bool, now: Timestamp) -> Measure {
    drift::judge(&played.sent, &played.refused, raised, now)
}

fn always_on(_: Date, _: i8) -> bool {
    false
}

const NOTHING: [&str; 0] = [];

#[test]
fn the_recorded_months_are_those_the_generator_writes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alerts");
    for month in &MONTHS {
        let kept = std::fs::read_to_string(format!("{folder}/{}.txt", month.name)).unwrap();
        assert_eq!(kept, month.text(), "{}", month.name);
    }
}

#[test]
fn three_quiet_months_with_their_holidays_and_bridges_tell_nothing() {
    assert_eq!(told("quiet", "2026-02-09", silent, always_on), NOTHING);
    assert_eq!(told("quiet", "2026-02-09", drifting, always_on), NOTHING);
}

#[test]
fn a_summer_with_its_august_tells_nothing() {
    assert_eq!(told("august", "2026-05-18", silent, always_on), NOTHING);
    assert_eq!(told("august", "2026-05-18", drifting, always_on), NOTHING);
}

#[test]
fn a_sender_of_one_load_a_week_is_not_said_to_be_silent_between_two() {
    assert_eq!(told("batches", "2026-03-16", silent, always_on), NOTHING);
}

#[test]
fn an_outage_is_told_the_same_day_and_ends_with_the_first_contract() {
    assert_eq!(
        told("outage", "2026-05-18", silent, always_on),
        [
            "2026-06-16 15h raised 1 (4)",
            "2026-06-19 0h raised 2 (61)",
            "2026-06-19 9h cleared"
        ]
    );
    assert_eq!(told("outage", "2026-05-18", drifting, always_on), NOTHING);
}

#[test]
fn a_small_sender_is_missed_after_days() {
    // Two contracts a day, and none from Monday 8 June on.
    assert_eq!(
        told("small", "2026-04-13", silent, always_on),
        ["2026-06-13 16h raised 3 (167)"]
    );
}

#[test]
fn hours_in_which_the_gateway_stood_are_nobodys_silence() {
    // The same outage: but it is the gateway that stood, and it looks again when the site sends again.
    let off = |day: Date, hour: i8| {
        let from = (jiff::civil::date(2026, 6, 16), 11);
        let until = (jiff::civil::date(2026, 6, 19), 9);
        (day, hour) >= from && (day, hour) < until
    };
    assert_eq!(told("outage", "2026-05-18", silent, off), NOTHING);
}

#[test]
fn a_step_of_refusals_is_told_within_a_day_of_work() {
    // From Wednesday 10 June at ten until the 17th; it ends when the week that is looked at is past it.
    assert_eq!(
        told("step", "2026-05-18", drifting, always_on),
        ["2026-06-11 10h raised 2 (333)", "2026-06-23 0h cleared"]
    );
    assert_eq!(told("step", "2026-05-18", silent, always_on), NOTHING);
}

#[test]
fn a_slow_rise_of_refusals_is_told_though_each_week_is_like_the_one_before() {
    // Two more in a hundred each week from 4 May on.
    assert_eq!(
        told("slow", "2026-04-13", drifting, always_on),
        [
            "2026-06-09 0h raised 1 (165)",
            "2026-06-29 10h raised 2 (354)"
        ]
    );
    assert_eq!(told("slow", "2026-04-13", silent, always_on), NOTHING);
}
