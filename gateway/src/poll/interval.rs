//! How often each list is read: often while things move, seldom once they rest, and once in a while where
//! nothing was ever sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a silent site whose list cannot be read is tried within its interval.
const SILENT_TRIES: u64 = 24;

/// How often reads are made and how much of a limit they may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long after a contract was taken its state is first read, in seconds.
    pub first_s: u64,
    /// The interval while things move, in seconds.
    pub hot_s: u64,
    /// The interval once nothing moves any more, in seconds; it doubles until then.
    pub cold_s: u64,
    /// The interval for a site that has a key and sent nothing, in seconds: what an employer or the
    /// portal filed is found all the same. Never shorter than the one once nothing moves.
    pub silent_s: u64,
    /// How many reads of one system may be under way at once: deliveries go first.
    pub at_once: usize,
    /// How long a read is held, in seconds.
    pub lease_s: u64,
    /// The interval between two readings of a schedule of which something can be billed, in seconds;
    /// before an invoice leaves, a reading older than a day is made again whatever this says.
    pub schedule_s: u64,
    /// The longest interval between two readings of a schedule, in seconds.
    pub schedule_cold_s: u64,
    /// How long the lists of a site must have been read without a dossier of ours before it is told as
    /// not shown by the OPCO, in seconds.
    pub unlisted_s: u64,
    /// How many dossiers are asked for at once where the OPCO has a list of whole dossiers.
    pub listed_at_once: u32,
    /// How often the days that count are looked at, in seconds: each is told once.
    pub countdown_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_s: 60,
            hot_s: 300,
            cold_s: 21_600,
            silent_s: 86_400,
            at_once: 1,
            lease_s: 300,
            schedule_s: 72_000,
            schedule_cold_s: 604_800,
            unlisted_s: 86_400,
            listed_at_once: 20,
            countdown_s: 3_600,
        }
    }
}

impl Settings {
    /// Returns when the first read of a new dossier is due.
    pub(crate) fn first(&self) -> Duration {
        Duration::from_secs(self.first_s)
    }

    /// Returns how long to wait while things move.
    pub(crate) fn hot(&self) -> Duration {
        Duration::from_millis(self.hot_ms())
    }

    /// Returns the interval while things move.
    pub(crate) fn hot_ms(&self) -> u64 {
        self.hot_s.saturating_mul(1_000)
    }

    /// Returns the interval for a site that sent nothing, which is longer than any other.
    pub(crate) fn silent_ms(&self) -> u64 {
        let least = self.cold_ms().saturating_add(1);
        self.silent_s.saturating_mul(1_000).max(least)
    }

    fn cold_ms(&self) -> u64 {
        self.cold_s.saturating_mul(1_000).max(self.hot_ms())
    }

    /// Returns whether a list with that interval is of a site that sent nothing.
    pub(super) fn is_silent(&self, interval_ms: u64) -> bool {
        interval_ms > self.cold_ms()
    }

    /// Returns the interval after a read: short again when something moved, doubled otherwise. A silent
    /// site stays one until something of ours moves there.
    pub(super) fn after(&self, interval_ms: u64, moved: bool) -> u64 {
        if moved {
            self.hot_ms()
        } else if self.is_silent(interval_ms) {
            self.silent_ms()
        } else {
            let doubled = interval_ms.saturating_mul(2);
            doubled.clamp(self.hot_ms(), self.cold_ms())
        }
    }

    /// Returns the rest after a read that could not be made: nobody hurries for a silent site.
    pub(super) fn rest(&self, interval_ms: u64, usual: Duration) -> Duration {
        if self.is_silent(interval_ms) {
            usual.max(Duration::from_millis(interval_ms / SILENT_TRIES))
        } else {
            usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_rests_longer_and_longer_until_something_moves() {
        let poll = Settings::default();
        assert_eq!(poll.after(poll.hot_ms(), false), 2 * poll.hot_ms());
        assert_eq!(poll.after(poll.cold_ms(), false), poll.cold_ms());
        assert_eq!(poll.after(poll.cold_ms(), true), poll.hot_ms());
        assert_eq!(poll.rest(poll.cold_ms(), Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_silent_site_stays_one_until_something_moves_there() {
        let often = Settings {
            silent_s: 1,
            ..Settings::default()
        };
        for poll in [Settings::default(), often] {
            let silent = poll.silent_ms();
            assert!(poll.is_silent(silent) && !poll.is_silent(poll.cold_ms()));
            assert_eq!(poll.after(silent, false), silent);
            assert_eq!(poll.after(silent, true), poll.hot_ms());
            let rest = poll.rest(silent, Duration::from_secs(1));
            assert_eq!(rest, Duration::from_millis(silent / SILENT_TRIES));
        }
    }
}
