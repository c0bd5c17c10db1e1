//! Looking: what was counted and what stands now, judged condition by condition.

use std::collections::{BTreeMap, BTreeSet};

use domain::alert::pulse::{Pulse, Slot};
use domain::alert::{
    self, Condition, Measure, Subject, UNKNOWN_FIELD_DAYS, UNKNOWN_STATE_DAYS, drift, silence,
};
use domain::calendar::day_in_france;
use domain::id::TenantId;
use domain::{Environment, Instance, Timestamp};
use jiff::ToSpan as _;
use store::alerts::Alert;
use store::keys::{CfaKey, KeyState};
use store::pulse::word;
use store::{StoreError, health, keys, tenants, unknown_fields};

use crate::app::App;
use crate::breaker::State;
use crate::pause;
use crate::system::System;

/// How far ahead the end of a key is looked for: what is further is not near.
const KEYS_AHEAD_DAYS: i64 = 60;

/// One thing that is wrong, or may become so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// In which world.
    pub(super) environment: Environment,
    /// What.
    pub(super) condition: Condition,
    /// About whom.
    pub(super) subject: Subject,
    /// How bad.
    pub(super) measure: Measure,
}

/// What was looked at and what was found.
#[derive(Debug)]
pub(super) struct Seen {
    /// When.
    pub(super) now: Timestamp,
    /// The alerts that lasted before.
    pub(super) lasting: Vec<Alert>,
    /// What is wrong.
    pub(super) found: Vec<Found>,
    /// The conditions that were judged: what lasts of another has not ended for that.
    pub(super) judged: Vec<Condition>,
}

/// The counts of one thing, by what was counted.
type Words = BTreeMap<String, Pulse>;

/// Looks at a network. Without all counts, what compares them is not judged.
pub(super) async fn look(app: &App, tenant: TenantId, counted: bool) -> Result<Seen, StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.reading().await?;
    let mut seen = Seen {
        now,
        lasting: store::alerts::lasting(&mut tx, tenant).await?,
        found: Vec::new(),
        judged: vec![
            Condition::KeyExpiry,
            Condition::Backlog,
            Condition::BreakerOpen,
            Condition::UnknownField,
        ],
    };
    let keys = keys::list(&mut tx, tenant).await?;
    seen.keys(&keys);
    seen.breakers(app, &keys);
    for environment in Environment::ALL {
        let overdue = health::overdue(&mut tx, tenant, *environment).await?;
        for late in overdue {
            let subject = Subject::system(late.instance);
            let raised = seen.lasts(*environment, Condition::Backlog, &subject);
            let oldest = now.as_second().saturating_sub(late.since.as_second());
            let measure = alert::backlog(oldest, raised);
            seen.add(*environment, Condition::Backlog, subject, measure);
        }
    }
    let since = pause::days_before(now, UNKNOWN_FIELD_DAYS);
    for (environment, opco, count) in unknown_fields::begun_since(&mut tx, tenant, since).await? {
        let subject = Subject::system(Instance::first(opco));
        let measure = alert::unknown_field(count.into());
        seen.add(environment, Condition::UnknownField, subject, measure);
    }
    let counts = if counted {
        store::pulse::all(&mut tx, tenant).await?
    } else {
        return Ok(seen);
    };
    let sites = tenants::sites(&mut tx, tenant).await?;
    drop(tx);
    // A closed site is expected to be silent.
    let closed: BTreeSet<String> = sites
        .iter()
        .filter(|site| site.closed_at.is_some())
        .map(|site| site.siret.to_string())
        .collect();
    seen.judged = Condition::ALL.to_vec();
    let mut worlds: BTreeMap<Environment, BTreeMap<String, Words>> = BTreeMap::new();
    for one in counts {
        if one.word == word::SENT && closed.contains(&one.subject) {
            continue;
        }
        let subjects = worlds.entry(one.environment).or_default();
        let counts = subjects.entry(one.subject).or_default();
        counts.entry(one.word).or_default().add(one.at, one.count);
    }
    for (environment, subjects) in worlds {
        seen.compare(environment, &subjects);
    }
    Ok(seen)
}

impl Seen {
    /// Returns whether an alert lasts that was raised.
    fn lasts(&self, environment: Environment, condition: Condition, subject: &Subject) -> bool {
        self.of(environment, condition, subject)
            .is_some_and(|alert| alert.measure.level > 0)
    }

    /// Returns the alert of a thing that lasts.
    pub(super) fn of(
        &self,
        environment: Environment,
        condition: Condition,
        subject: &Subject,
    ) -> Option<&Alert> {
        self.lasting.iter().find(|alert| {
            alert.environment == environment
                && alert.condition == condition
                && alert.subject == *subject
        })
    }

    fn add(
        &mut self,
        environment: Environment,
        condition: Condition,
        subject: Subject,
        measure: Measure,
    ) {
        // A rest has to last before it is told: until then it is only remembered.
        if measure.level > 0 || condition == Condition::BreakerOpen {
            self.found.push(Found {
                environment,
                condition,
                subject,
                measure,
            });
        }
    }

    fn keys(&mut self, keys: &[CfaKey]) {
        let today = day_in_france(self.now);
        let furthest = today.saturating_add(KEYS_AHEAD_DAYS.days());
        for key in keys.iter().filter(|key| key.state == KeyState::Active) {
            let Some(last_day) = key.expires_on.filter(|day| *day <= furthest) else {
                continue;
            };
            let left = today.until(last_day).map_or(0, |span| span.get_days());
            let subject = Subject {
                site: Some(key.siret_cfa),
                instance: Some(key.instance),
                part: None,
            };
            let measure = alert::key_expiry(left.into());
            self.add(key.environment, Condition::KeyExpiry, subject, measure);
        }
    }

    /// The OPCOs at rest that the network has keys for, as this process sees them.
    fn breakers(&mut self, app: &App, keys: &[CfaKey]) {
        let used = keys.iter().filter(|key| key.state == KeyState::Active);
        let mut systems: Vec<System> = used
            .map(|key| System {
                instance: key.instance,
                environment: key.environment,
            })
            .collect();
        systems.sort_unstable();
        systems.dedup();
        for system in systems {
            if app.breakers.state(system, self.now) == State::Closed {
                continue;
            }
            let subject = Subject::system(system.instance);
            let condition = Condition::BreakerOpen;
            let since = self.of(system.environment, condition, &subject);
            let since = since.map_or(self.now, |alert| alert.began_at);
            let open = pause::span_until(since, self.now).as_secs();
            let measure = alert::breaker(i64::try_from(open).unwrap_or(i64::MAX));
            self.add(system.environment, condition, subject, measure);
        }
    }

    /// Judges what is compared with past weeks.
    fn compare(&mut self, environment: Environment, subjects: &BTreeMap<String, Words>) {
        let nothing = Pulse::default();
        let watched = subjects.get("").and_then(|words| words.get(word::WATCHED));
        let watched = watched.unwrap_or(&nothing);
        for (name, words) in subjects {
            let counts = |word: &str| words.get(word);
            if let Ok(site) = name.parse() {
                if let Some(sent) = counts(word::SENT) {
                    let measure = silence::judge(sent, watched, self.now);
                    let subject = Subject::site(site);
                    self.add(environment, Condition::SenderSilent, subject, measure);
                }
                continue;
            }
            let Some(instance) = instance(name) else {
                continue;
            };
            if let Some(news) = counts(word::NEWS) {
                let measure = silence::judge(news, watched, self.now);
                let subject = Subject::system(instance);
                self.add(environment, Condition::OpcoSilent, subject, measure);
            }
            if let Some(unknown) = counts(word::UNKNOWN) {
                let since = pause::days_before(self.now, UNKNOWN_STATE_DAYS);
                let count = unknown.since(Slot::of(since));
                let measure = alert::unknown_state(count.into());
                let subject = Subject::system(instance);
                self.add(environment, Condition::UnknownState, subject, measure);
            }
            self.drifts(environment, instance, words);
        }
    }

    fn drifts(&mut self, environment: Environment, instance: Instance, words: &Words) {
        let Some(answered) = words.get(word::ANSWERED) else {
            return;
        };
        for (word, watched) in words {
            let (kind, part) = word
                .split_once(' ')
                .map_or((word.as_str(), None), |(kind, part)| (kind, Some(part)));
            let (condition, part) = match kind {
                word::REFUSED => (Condition::RefusalDrift, part.map(str::to_owned)),
                word::SLOWER => (
                    Condition::LatencyDrift,
                    part.map(|seconds| format!("> {seconds} s")),
                ),
                _ => continue,
            };
            let subject = Subject {
                part,
                ..Subject::system(instance)
            };
            let raised = self.lasts(environment, condition, &subject);
            let measure = drift::judge(answered, watched, raised, self.now);
            self.add(environment, condition, subject, measure);
        }
    }
}

/// Reads the name of a system, as [`Instance`] writes it.
fn instance(name: &str) -> Option<Instance> {
    let (opco, number) = name.split_once('/')?;
    Some(Instance {
        opco: opco.parse().ok()?,
        number: number.parse().ok()?,
    })
}
