//! What is counted of those who vouch for the logs. Their names are those of the configuration.

use std::sync::atomic::AtomicU64;

use domain::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{ByParty, Vouched};
use super::{Level, Metrics, counts, seconds, whole};

/// The measures.
#[derive(Debug, Clone)]
pub(super) struct Vouching {
    attempts: Family<Vouched, Counter>,
    behind: Level<ByParty>,
    conflicts: Level<ByParty>,
}

impl Vouching {
    pub(super) fn new(r: &mut Registry) -> Self {
        Self {
            attempts: counts(
                r,
                "vouching_attempts",
                "Checkpoints shown to a witness or to the time-stamping authority",
            ),
            behind: seconds(
                r,
                "vouching_behind",
                "How long the oldest checkpoint waits that it has not vouched for",
            ),
            conflicts: counts(
                r,
                "vouching_conflicts",
                "Logs that a witness contradicts and nobody has looked at",
            ),
        }
    }
}

impl Metrics {
    /// Shows a party that was asked nothing yet.
    pub fn vouching_begins(&self, party: &str) {
        self.vouching_attempt_by(party, "vouched", 0);
        self.vouching_stands(party, (None, Timestamp::UNIX_EPOCH), 0);
    }

    /// Counts one try. `outcome` is a word of a closed list.
    pub fn vouching_attempt(&self, party: &str, outcome: &'static str) {
        self.vouching_attempt_by(party, outcome, 1);
    }

    fn vouching_attempt_by(&self, party: &str, outcome: &'static str, by: u64) {
        let labels = Vouched {
            party: party.to_owned(),
            outcome,
        };
        self.vouching.attempts.get_or_create(&labels).inc_by(by);
    }

    /// Shows since when a party is behind, as it is now, and how many logs it contradicts.
    pub fn vouching_stands(
        &self,
        party: &str,
        (since, now): (Option<Timestamp>, Timestamp),
        conflicts: usize,
    ) {
        let labels = ByParty {
            party: party.to_owned(),
        };
        let behind = since.map_or(0, |since| now.duration_since(since).as_secs());
        let behind = u64::try_from(behind).unwrap_or_default();
        let level: &Gauge<f64, AtomicU64> = &self.vouching.behind.get_or_create(&labels);
        level.set(whole(behind));
        let conflicts = u64::try_from(conflicts).unwrap_or(u64::MAX);
        self.vouching
            .conflicts
            .get_or_create(&labels)
            .set(whole(conflicts));
    }
}
