//! The fault switches of one OPCO: which are on, and which strikes a call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{Fault, FaultError, FaultKind, MOST_FAULTS, Scope};

/// When, in the life of a call, a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before anything is looked at.
    Arrival,
    /// Once the work is done.
    Answer,
    /// Where this very kind belongs: the token check, the list of states, an error body.
    Within(FaultKind),
}

impl Stage {
    fn of(fault: &Fault) -> Self {
        match fault.kind {
            FaultKind::RepeatedPage
            | FaultKind::WrappedPage
            | FaultKind::EmptyList
            | FaultKind::PascalCaseErrors
            | FaultKind::ExpiredToken
            | FaultKind::ExpiredKey
            | FaultKind::UnknownState
            | FaultKind::Refusal
            | FaultKind::LateRefusal
            | FaultKind::PartialSettlement
            | FaultKind::ReissuedSchedule => Self::Within(fault.kind),
            FaultKind::LostAnswer => Self::Answer,
            FaultKind::Down | FaultKind::DropBeforeCommit => Self::Arrival,
            _ if fault.after_commit => Self::Answer,
            _ => Self::Arrival,
        }
    }
}

/// A switch that is on, and how often it struck.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActiveFault {
    /// The switch as it was set; `times` is what is left.
    pub fault: Fault,
    /// How many calls it touched.
    pub struck: u32,
    #[serde(skip)]
    chance: u64,
}

impl ActiveFault {
    fn strikes(&mut self) -> bool {
        if self.fault.times == Some(0) {
            return false;
        }
        if self.fault.probability < 1.0 && next_chance(&mut self.chance) >= self.fault.probability {
            return false;
        }
        self.struck = self.struck.saturating_add(1);
        self.fault.times = self.fault.times.map(|left| left.saturating_sub(1));
        true
    }
}

/// Steps a splitmix64 sequence and returns a number from 0 to below 1.
fn next_chance(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let top = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
    f64::from(top) / (f64::from(u32::MAX) + 1.0)
}

/// The switches of one OPCO.
#[derive(Default)]
pub(crate) struct Faults {
    any: AtomicBool,
    active: Mutex<Vec<ActiveFault>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> Result<(), FaultError> {
        let fault = fault.checked()?;
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.retain(|one| one.fault.times != Some(0));
        if active.len() >= MOST_FAULTS {
            return Err(FaultError("too many faults are on; clear them first"));
        }
        let chance = fault.seed;
        active.push(ActiveFault {
            fault,
            struck: 0,
            chance,
        });
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.any.store(false, Ordering::Release);
    }

    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the first switch that strikes here, and counts it.
    pub(crate) fn claim(&self, route: Scope, stage: Stage) -> Option<Fault> {
        self.claim_if(route, stage, |fault| fault.kind != FaultKind::Slow)
    }

    /// Returns how late to be here; a delay adds to any other fault.
    pub(crate) fn claim_delay(&self, route: Scope, stage: Stage) -> Option<u64> {
        self.claim_if(route, stage, |fault| fault.kind == FaultKind::Slow)
            .map(|fault| fault.ms.unwrap_or(1_000))
    }

    /// Returns the parameters of a fault that belongs inside the work.
    pub(crate) fn within(&self, route: Scope, kind: FaultKind) -> Option<Fault> {
        self.claim_if(route, Stage::Within(kind), |_| true)
    }

    fn claim_if(
        &self,
        route: Scope,
        stage: Stage,
        wanted: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        // The usual case costs one load, no lock.
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active
            .iter_mut()
            .filter(|one| {
                Stage::of(&one.fault) == stage && one.fault.touches(route) && wanted(&one.fault)
            })
            .find_map(|one| one.strikes().then(|| one.fault.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_turns_itself_off() {
        let faults = Faults::default();
        faults
            .add(Fault::new(FaultKind::Unavailable).times(2))
            .unwrap();
        let strikes: Vec<bool> = (0..4)
            .map(|_| faults.claim(Scope::Etats, Stage::Arrival).is_some())
            .collect();
        assert_eq!(strikes, [true, true, false, false]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_close_to_what_was_asked() {
        let run = |seed| {
            let faults = Faults::default();
            let fault = Fault::new(FaultKind::ServerError).with_probability(0.25, seed);
            faults.add(fault).unwrap();
            (0..4_000)
                .map(|_| faults.claim(Scope::Dossiers, Stage::Arrival).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let struck = run(7).into_iter().filter(|strikes| *strikes).count();
        assert!((900..1_100).contains(&struck), "{struck}");
    }

    #[test]
    fn a_fault_stays_on_its_route_and_only_down_reaches_the_token_endpoint_unasked() {
        assert!(!Fault::new(FaultKind::LostAnswer).touches(Scope::Etats));
        assert!(
            Fault::new(FaultKind::LostAnswer)
                .on(Scope::Etats)
                .touches(Scope::Etats)
        );
        assert!(!Fault::new(FaultKind::Unavailable).touches(Scope::Token));
        assert!(Fault::new(FaultKind::Down).touches(Scope::Token));
    }

    #[test]
    fn impossible_parameters_and_misspelt_names_are_refused() {
        let faults = Faults::default();
        let unlikely = Fault::new(FaultKind::Hang).with_probability(1.5, 0);
        assert!(faults.add(unlikely).is_err());
        assert!(
            faults
                .add(Fault::new(FaultKind::ServerError).with_status(200))
                .is_err()
        );
        let misspelt = r#"{"kind": "slow", "millis": 3}"#;
        assert!(serde_json::from_str::<Fault>(misspelt).is_err());
        for kind in [
            FaultKind::TooManyRequests,
            FaultKind::HalfWritten,
            FaultKind::Down,
        ] {
            let word = serde_json::to_value(kind).unwrap();
            assert_eq!(word, kind.word());
        }
    }
}
