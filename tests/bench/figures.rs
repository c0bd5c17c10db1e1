//! Figures of several rounds: how they are kept and how they are printed.

use std::time::Duration;

/// The figures of one thing over the rounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    /// Keeps the figure of one round.
    pub(crate) fn keep(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Returns the middle one.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// Returns `median (min to max)`.
    pub(crate) fn text(&self) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        format!(
            "{} ({} to {})",
            number(self.median()),
            number(least),
            number(most)
        )
    }
}

/// Writes a number with as many digits as it deserves.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0..1.0 => format!("{value:.3}"),
        1.0..100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

/// Returns the value below which this part of the durations lies, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted
        .get(at.min(last))
        .map_or(0.0, |found| found.as_secs_f64() * 1e3)
}

/// The load of the machine over the last minute.
pub(crate) fn machine_load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next().map(str::to_owned))
        .unwrap_or_default()
}
