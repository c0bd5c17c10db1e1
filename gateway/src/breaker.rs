//! An OPCO that is down rests, and so do its jobs: nothing fails because of it (promise 6).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pause;
use crate::system::System;

/// When a system is left alone, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Failures in a row that open the breaker. At least 1.
    pub failures: u32,
    /// The first rest, in seconds; each further one doubles.
    pub rest_s: u64,
    /// The longest rest, in seconds.
    pub rest_max_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures: 5,
            rest_s: 30,
            rest_max_s: 600,
        }
    }
}

/// What the breaker says of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Calls go.
    Closed,
    /// The rest is over: one call may go and tell.
    HalfOpen,
    /// No call before this instant.
    Open(Timestamp),
}

/// The breakers of every system this process calls.
#[derive(Debug)]
pub(crate) struct Breakers {
    settings: Settings,
    systems: Mutex<HashMap<System, Health>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Health {
    failures: u32,
    rests: u32,
    open_until: Option<Timestamp>,
    probing: bool,
}

impl Breakers {
    /// All closed.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            systems: Mutex::default(),
        }
    }

    /// Returns the state of a system.
    pub(crate) fn state(&self, system: System, now: Timestamp) -> State {
        let systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner);
        match systems.get(&system).and_then(|health| health.open_until) {
            None => State::Closed,
            Some(until) if until > now => State::Open(until),
            Some(_) => State::HalfOpen,
        }
    }

    /// Returns how many calls may start now, out of `wanted`. After a rest that is one, until it
    /// has told.
    pub(crate) fn admit(&self, system: System, wanted: usize, now: Timestamp) -> usize {
        let mut systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(health) = systems.get_mut(&system) else {
            return wanted;
        };
        match health.open_until {
            None => wanted,
            Some(until) if until > now => 0,
            Some(_) if health.probing || wanted == 0 => 0,
            Some(_) => {
                health.probing = true;
                1
            }
        }
    }

    /// Gives back an admitted call that was never made.
    pub(crate) fn withdraw(&self, system: System) {
        let mut systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = systems.get_mut(&system) {
            health.probing = false;
        }
    }

    /// Learns that a system answered, whatever it said. Returns whether this closed its breaker.
    pub(crate) fn answered(&self, system: System) -> bool {
        let mut systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner);
        systems
            .remove(&system)
            .is_some_and(|health| health.open_until.is_some())
    }

    /// Learns that a system failed. Returns until when it now rests, if this opened the breaker.
    pub(crate) fn failed(&self, system: System, now: Timestamp) -> Option<Timestamp> {
        let mut systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner);
        let health = systems.entry(system).or_default();
        health.failures = health.failures.saturating_add(1);
        health.probing = false;
        let resting = health.open_until.is_some_and(|until| until > now);
        if resting || health.failures < self.settings.failures.max(1) {
            return None;
        }
        let rest = self
            .settings
            .rest_s
            .saturating_mul(1 << health.rests.min(20))
            .min(self.settings.rest_max_s.max(self.settings.rest_s));
        health.rests = health.rests.saturating_add(1);
        let until = pause::later(now, Duration::from_secs(rest));
        health.open_until = Some(until);
        Some(until)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Environment, Instance, Opco};

    use super::*;

    fn system(opco: Opco) -> System {
        System {
            instance: Instance::first(opco),
            environment: Environment::Live,
        }
    }

    fn start() -> (Breakers, System, Timestamp) {
        let settings = Settings {
            failures: 3,
            rest_s: 30,
            rest_max_s: 100,
        };
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        (Breakers::new(settings), system(Opco::Akto), now)
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let (breakers, akto, now) = start();
        assert_eq!(breakers.failed(akto, now), None);
        assert!(!breakers.answered(akto));
        assert_eq!(breakers.failed(akto, now), None);
        assert_eq!(breakers.failed(akto, now), None);
        assert_eq!(
            breakers.failed(akto, now),
            Some(pause::later(now, Duration::from_secs(30)))
        );
        assert_eq!(breakers.admit(akto, 4, now), 0);
        assert_eq!(breakers.admit(system(Opco::Atlas), 4, now), 4);
    }

    #[test]
    fn after_a_rest_one_call_tells_and_rests_grow_up_to_a_bound() {
        let (breakers, akto, mut now) = start();
        let mut rests = Vec::new();
        for _ in 0..2 {
            breakers.failed(akto, now);
        }
        for _ in 0..4 {
            let until = breakers.failed(akto, now).unwrap();
            rests.push(pause::span_until(now, until).as_secs());
            now = until;
            assert_eq!(breakers.state(akto, now), State::HalfOpen);
            assert_eq!(breakers.admit(akto, 4, now), 1);
            assert_eq!(breakers.admit(akto, 4, now), 0);
        }
        assert_eq!(rests, [30, 60, 100, 100]);
        assert!(breakers.answered(akto));
        assert_eq!(breakers.admit(akto, 4, now), 4);
    }

    #[test]
    fn a_call_given_back_leaves_the_probe_to_another() {
        let (breakers, akto, now) = start();
        let until = (0..3)
            .filter_map(|_| breakers.failed(akto, now))
            .last()
            .unwrap();
        assert_eq!(breakers.admit(akto, 1, until), 1);
        breakers.withdraw(akto);
        assert_eq!(breakers.admit(akto, 1, until), 1);
    }
}
