//! Silence: someone who usually speaks at this hour of this weekday no longer does.
//!
//! Everything is compared with the speaker's own past weeks. For each ordinary day of the silence, the part
//! of the day that is silent is looked up on the same weekdays before the silence began; how rarely that part
//! was silent then is the day's surprise, and the surprises of the days add up.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Measure;
use super::pulse::{Pulse, Slot, is_ordinary};
use crate::clock::Timestamp;

/// How many days a day is compared with: the latest of the same weekday.
const COMPARED: usize = 8;
/// With fewer, nothing is said.
const COMPARED_MIN: usize = 4;
/// How far back they may lie, in days.
pub const BACK_DAYS: i32 = 13 * 7;
/// From when silence is told: it would come once in ten thousand times (ln 10 000).
const TELL_AT: f64 = 9.21;
/// How much one compared day can add: eight days cannot show that something is rarer than that.
const PER_DAY: f64 = 1.2;
/// How many whole ordinary days of silence make its further steps.
const STEPS: [u32; 3] = [2, 5, 20];

/// Judges whether someone is silent. `watched` counts the hours in which the gateway looked: an hour in
/// which it did not says nothing of the others.
pub fn judge(pulse: &Pulse, watched: &Pulse, now: Timestamp) -> Measure {
    let here = Slot::of(now);
    let Some(last) = pulse.last_until(here) else {
        return Measure::WELL;
    };
    if last >= here {
        return Measure::WELL;
    }
    let mut surprise = 0.0;
    let mut hours = 0;
    let mut whole_days = 0;
    for day in last.day.series(1.day()).take_while(|day| *day <= here.day) {
        let from = if day == last.day { last.hour + 1 } else { 0 };
        let to = if day == here.day { here.hour } else { 24 };
        hours += i64::try_from(to.saturating_sub(from)).unwrap_or_default();
        if !is_ordinary(day) {
            continue;
        }
        let part = Part { day, from, to };
        let of_day = part.surprise(pulse, watched, last.day);
        surprise += of_day;
        whole_days += u32::from(from == 0 && to == 24 && of_day > 0.5);
    }
    if surprise < TELL_AT {
        return Measure::WELL;
    }
    let further = STEPS.iter().filter(|step| whole_days >= **step).count();
    Measure {
        level: u8::try_from(1 + further).unwrap_or(u8::MAX),
        value: hours,
        usual: None,
    }
}

/// The silent part of one day.
struct Part {
    day: Date,
    from: usize,
    to: usize,
}

impl Part {
    /// Returns how surprising it is that nothing came: minus the logarithm of how likely that was.
    fn surprise(&self, pulse: &Pulse, watched: &Pulse, began: Date) -> f64 {
        let looked = |hour: usize| watched.within(self.day, hour, hour + 1) > 0;
        let hours: Vec<usize> = (self.from..self.to).filter(|hour| looked(*hour)).collect();
        if hours.is_empty() {
            return 0.0;
        }
        let compared: Vec<f64> = self
            .compared(pulse, began)
            .map(|day| {
                let counts = hours.iter().map(|hour| pulse.within(day, *hour, hour + 1));
                f64::from(counts.fold(0, u32::saturating_add))
            })
            .collect();
        if compared.len() < COMPARED_MIN {
            return 0.0;
        }
        let days = count(compared.len());
        (-silent(&compared).ln()).min(PER_DAY * days)
    }

    /// The latest ordinary days of the same weekday before the silence began.
    fn compared(&self, pulse: &Pulse, began: Date) -> impl Iterator<Item = Date> {
        let first = pulse.first_day().unwrap_or(Date::MAX);
        let oldest = first.max(began.saturating_sub(BACK_DAYS.days()));
        let weeks = self.day.series((-7).days());
        weeks
            .skip_while(move |day| *day >= began)
            .take_while(move |day| *day >= oldest)
            .filter(|day| is_ordinary(*day))
            .take(COMPARED)
    }
}

/// Returns how likely nothing is, given what came on days like it.
///
/// When some of them were silent too, their share says it. When none was, the negative binomial of the same
/// mean and variance does: counts that vary more than by chance (loads, batches) make silence less strange.
fn silent(compared: &[f64]) -> f64 {
    let days = count(compared.len());
    let spoke = count(compared.iter().filter(|count| **count > 0.0).count());
    if spoke < days {
        return (days - spoke + 0.5) / (days + 1.0);
    }
    let mean = compared.iter().sum::<f64>() / days;
    let squares = compared.iter().map(|count| (count - mean).powi(2));
    let variance = squares.sum::<f64>() / (days - 1.0);
    if variance <= mean {
        return (-mean).exp();
    }
    let size = mean * mean / (variance - mean);
    (size / (size + mean)).powf(size)
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_likelier_the_more_the_past_varies() {
        let even = silent(&[20.0, 21.0, 19.0, 20.0]);
        let uneven = silent(&[5.0, 60.0, 3.0, 40.0]);
        let sometimes = silent(&[5.0, 0.0, 3.0, 40.0]);
        assert!(even < 1e-8, "{even}");
        assert!((0.01..0.3).contains(&uneven), "{uneven}");
        assert!((sometimes - 0.3).abs() < 1e-9, "{sometimes}");
    }

    #[test]
    fn who_was_never_heard_is_not_silent() {
        let nothing = Pulse::default();
        let now = "2026-06-03T12:00:00Z".parse().unwrap();
        assert_eq!(judge(&nothing, &nothing, now), Measure::WELL);
    }
}
