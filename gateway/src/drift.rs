//! What OPCOs send that nobody here knows, by name: noticed where they are read, kept a little later, so
//! that a reading never waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::Timestamp;
use domain::id::TenantId;
use opco::Answer;
use store::unknown_fields::{self, About};
use store::{NewEvent, StoreError};

use crate::app::App;
use crate::system::System;

/// How many names wait to be kept; more at once are a table, not a change.
const WAITING_MAX: usize = 1_000;

/// What was noticed and is not kept yet: in how many answers.
#[derive(Debug, Default)]
pub(crate) struct Drift(Mutex<HashMap<(About, String), u32>>);

impl Drift {
    /// Notices what an answer to a network holds that nobody knows.
    pub(crate) fn note(&self, tenant: TenantId, system: System, answer: &Answer) {
        let (place, names) = answer.unknown();
        if names.is_empty() {
            return;
        }
        let about = About {
            tenant,
            environment: system.environment,
            opco: system.instance.opco,
            place,
        };
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            let key = (about, name.to_owned());
            if waiting.len() < WAITING_MAX || waiting.contains_key(&key) {
                let count = waiting.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    fn take(&self) -> Vec<((About, String), u32)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = waiting.drain().collect();
        // Two processes that keep the same rows lock them in the same order.
        taken.sort();
        taken
    }
}

/// Keeps what was noticed; a name that was never seen is told in the log.
pub(crate) async fn keep(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let taken = app.drift.take();
    for of_network in taken.chunk_by(|((one, _), _), ((other, _), _)| one.tenant == other.tenant) {
        let mut tx = app.store.writing().await?;
        for ((about, name), count) in of_network {
            app.metrics.field_unknown(about.opco, *count);
            if unknown_fields::tell(&mut tx, about, (name, *count), now).await? {
                tracing::warn!(opco = about.opco.slug(), place = about.place, field = %name, "an OPCO sends a field nobody knows");
                let data = serde_json::json!({
                    "environment": about.environment,
                    "opco": about.opco,
                    "place": about.place,
                    "field": name,
                });
                let event = NewEvent::new(now, "opco.field_unknown").with(data);
                store::events::append(&mut tx, about.tenant, &[event]);
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::{Environment, Instance, Opco};
    use opco::Page;

    use super::*;

    fn answer(unknown: &[&str]) -> Answer {
        Answer::Etats(Page {
            items: Vec::new(),
            total: None,
            page: None,
            skipped: 0,
            unknown: unknown.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    #[test]
    fn a_name_is_counted_by_answers_until_it_is_kept() {
        let drift = Drift::default();
        let tenant = TenantId::PLATFORM;
        let system = System {
            instance: Instance::first(Opco::Akto),
            environment: Environment::Live,
        };
        drift.note(tenant, system, &answer(&[]));
        assert!(drift.take().is_empty());
        drift.note(tenant, system, &answer(&["/bonus", "/malus"]));
        drift.note(tenant, system, &answer(&["/bonus"]));
        let taken = drift.take();
        let told: Vec<(&str, u32)> = taken
            .iter()
            .map(|((_, name), n)| (name.as_str(), *n))
            .collect();
        assert_eq!(told, [("/bonus", 2), ("/malus", 1)]);
        assert_eq!(taken[0].0.0.place, "etats");
        assert!(drift.take().is_empty());
        // A table of names is no change of form: it does not fill the memory.
        for number in 0..2 * WAITING_MAX {
            drift.note(tenant, system, &answer(&[&format!("/champ{number}")]));
        }
        assert_eq!(drift.take().len(), WAITING_MAX);
    }
}
