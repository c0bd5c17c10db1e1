//! What is counted of the alerts of networks: of what kind and in which world, never whose.

use std::collections::BTreeMap;

use domain::Environment;
use domain::alert::Condition;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::Alerting;
use super::{Level, Metrics, counts, whole};

/// The measures.
#[derive(Debug, Clone)]
pub(super) struct Alerts {
    open: Level<Alerting>,
    raised: Family<Alerting, Counter>,
}

impl Alerts {
    pub(super) fn new(r: &mut Registry) -> Self {
        let alerts = Self {
            open: counts(r, "alerts_open", "Alerts that were told and have not ended"),
            raised: counts(
                r,
                "alerts_raised",
                "Alerts told to have begun, or to have grown past a step",
            ),
        };
        for (environment, condition) in all() {
            let labels = labels(environment, condition);
            alerts.open.get_or_create(&labels).set(0.0);
            alerts.raised.get_or_create(&labels).inc_by(0);
        }
        alerts
    }
}

impl Metrics {
    /// Shows how many alerts last, of all networks: what is not named is none.
    pub(crate) fn alerts(&self, open: &BTreeMap<(Environment, Condition), u64>) {
        for (environment, condition) in all() {
            let count = open.get(&(environment, condition)).copied();
            let level = self
                .alerts
                .open
                .get_or_create(&labels(environment, condition));
            level.set(whole(count.unwrap_or_default()));
        }
    }

    /// Counts an alert that is told to have begun or grown.
    pub(crate) fn alert_raised(&self, environment: Environment, condition: Condition) {
        let labels = labels(environment, condition);
        self.alerts.raised.get_or_create(&labels).inc();
    }
}

fn all() -> impl Iterator<Item = (Environment, Condition)> {
    let worlds = Environment::ALL.iter().copied();
    worlds.flat_map(|world| {
        Condition::ALL
            .iter()
            .map(move |condition| (world, *condition))
    })
}

fn labels(environment: Environment, condition: Condition) -> Alerting {
    Alerting {
        environment: environment.as_str(),
        kind: condition.as_str(),
    }
}
