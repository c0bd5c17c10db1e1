//! What is shown as nothing from the start: no rate can see a count that is born with its first event.

use domain::route::RouteSource;
use domain::{HoldReason, Opco, RouteOutcome, Status};
use store::mails::{NO_RIGHT, NOBODY};

use super::{ByOpco, Ceiling, Held, Lookup, Metrics, NO_OPCO, Refusal, Settled, Word};

/// The word of invoice refusals that nobody knows.
pub(super) const UNKNOWN: &str = "UNKNOWN";

impl Metrics {
    /// Shows at nothing each count that an alert waits for, and one of each name besides, so that whoever
    /// reads the measures of a new gateway sees every name there is.
    pub(super) fn at_nothing(self) -> Self {
        for opco in Opco::ALL {
            let by = ByOpco { opco: opco.slug() };
            self.reclaimed.get_or_create(&by).inc_by(0);
            self.states_unknown.get_or_create(&by).inc_by(0);
            self.fields_unknown.get_or_create(&by).inc_by(0);
            self.orphans.get_or_create(&by).set(0.0);
            for status in [Status::Delivered, Status::Rejected, Status::Dead] {
                let labels = Settled {
                    opco: opco.slug(),
                    status: status.as_str(),
                };
                self.settled.get_or_create(&labels).inc_by(0);
            }
            let labels = Refusal {
                opco: opco.slug(),
                reason: UNKNOWN,
            };
            self.refusals.get_or_create(&labels).inc_by(0);
        }
        for (of, per) in ["site", "network"]
            .into_iter()
            .flat_map(|of| [(of, "minute"), (of, "day")])
        {
            self.ceilings.get_or_create(&Ceiling { of, per }).inc_by(0);
        }
        for reason in HoldReason::ALL {
            let labels = Held {
                opco: NO_OPCO,
                reason: reason.as_str(),
            };
            self.held.get_or_create(&labels).inc_by(0);
        }
        for outcome in RouteOutcome::ALL {
            let labels = Lookup {
                source: RouteSource::FranceCompetences.as_str(),
                outcome: outcome.as_str(),
            };
            self.lookups.get_or_create(&labels).inc_by(0);
        }
        let labels = Word {
            outcome: "delivered",
        };
        self.webhooks.attempts.get_or_create(&labels).inc_by(0);
        for outcome in ["sent", "later", "refused", "late", NOBODY, NO_RIGHT] {
            self.mails.get_or_create(&Word { outcome }).inc_by(0);
        }
        self
    }
}
