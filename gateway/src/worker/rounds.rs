//! Whose turn it is: within a system, networks go round; a network's old work comes before its new.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use domain::{DeliveryId, TenantId, Timestamp};
use store::{ActivePair, Claimed, Want};

use crate::mutation::{self, Mutation};
use crate::system::System;

/// Most names kept for one network at one system; beyond it the store is asked instead.
const NAMES_MAX: usize = 2_000;

/// The networks that have work, by system, in turn.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    systems: BTreeMap<System, Ring>,
    /// The system that goes first in the next round.
    first: usize,
}

/// The networks with work at one system.
#[derive(Debug, Default)]
struct Ring {
    order: VecDeque<TenantId>,
    work: HashMap<TenantId, Work>,
}

/// One network's work at one system.
#[derive(Debug, Default)]
struct Work {
    names: VecDeque<DeliveryId>,
    /// The store has due work that is not in `names`.
    stored: bool,
}

/// What one system may claim now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// Jobs by name.
    pub(super) names: Vec<(TenantId, DeliveryId)>,
    /// Networks to ask the store for, and for how many.
    pub(super) wants: Vec<(TenantId, usize)>,
}

impl Ring {
    fn of(&mut self, tenant: TenantId) -> &mut Work {
        self.work.entry(tenant).or_insert_with(|| {
            self.order.push_back(tenant);
            Work::default()
        })
    }
}

impl Rounds {
    /// Learns from the store which pairs have work that is due.
    pub(super) fn due(&mut self, pairs: &[ActivePair], now: Timestamp) {
        for pair in pairs.iter().filter(|pair| pair.next_due <= now) {
            let system = System {
                instance: pair.instance,
                environment: pair.environment,
            };
            let work = self.systems.entry(system).or_default().of(pair.tenant);
            work.stored = true;
            // Asking the store finds these too, oldest first.
            work.names.clear();
        }
    }

    /// Learns of one job just committed.
    pub(super) fn handed_over(&mut self, tenant: TenantId, system: System, id: DeliveryId) {
        let work = self.systems.entry(system).or_default().of(tenant);
        if work.stored {
            return;
        }
        if work.names.len() >= NAMES_MAX {
            work.names.clear();
            work.stored = true;
        } else {
            work.names.push_back(id);
        }
    }

    /// Returns the systems for which work waits.
    pub(super) fn waiting(&self) -> impl Iterator<Item = System> {
        self.systems
            .iter()
            .filter(|(_, ring)| !ring.order.is_empty())
            .map(|(system, _)| *system)
    }

    /// Returns the systems with work, starting with another one each time.
    pub(super) fn systems(&mut self) -> Vec<System> {
        self.systems.retain(|_, ring| !ring.order.is_empty());
        let mut systems: Vec<System> = self.systems.keys().copied().collect();
        if !systems.is_empty() {
            self.first = (self.first + 1) % systems.len();
            systems.rotate_left(self.first);
        }
        systems
    }

    /// Shares `places` among the networks of a system, in turn, until places or work are gone.
    pub(super) fn share(&mut self, system: System, places: usize) -> Share {
        let mut share = Share::default();
        let Some(ring) = self.systems.get_mut(&system) else {
            return share;
        };
        // A network whose work only the store knows gets an even part, at least one place.
        let part = places.div_ceil(ring.order.len().max(1));
        let (mut left, mut idle) = (places, 0);
        let mut asked = HashSet::new();
        while left > 0 && idle < ring.order.len() {
            let Some(tenant) = ring.order.pop_front() else {
                break;
            };
            let Some(work) = ring.work.get_mut(&tenant) else {
                continue;
            };
            if work.stored && asked.insert(tenant) {
                let limit = part.min(left);
                share.wants.push((tenant, limit));
                left -= limit;
                idle = 0;
            } else if let Some(id) = work.names.pop_front() {
                share.names.push((tenant, id));
                left -= 1;
                idle = 0;
            } else {
                idle += 1;
            }
            if work.stored || !work.names.is_empty() {
                ring.order.push_back(tenant);
                if mutation::planted(Mutation::FirstComeFirstServed) {
                    ring.order.rotate_right(1);
                }
            } else {
                ring.work.remove(&tenant);
            }
        }
        share
    }

    /// Learns what the store gave: a network that got less than it asked for has no more.
    pub(super) fn answered(&mut self, wants: &[Want], claimed: &[Claimed]) {
        let mut got: HashMap<(TenantId, System), usize> = HashMap::new();
        for job in claimed {
            if let Some(system) = crate::system::of(&job.delivery) {
                *got.entry((job.delivery.tenant, system)).or_default() += 1;
            }
        }
        for want in wants {
            let system = System {
                instance: want.instance,
                environment: want.environment,
            };
            let got = got.get(&(want.tenant, system)).copied().unwrap_or_default();
            if got < usize::try_from(want.limit).unwrap_or(usize::MAX)
                && let Some(work) = self
                    .systems
                    .get_mut(&system)
                    .and_then(|ring| ring.work.get_mut(&want.tenant))
            {
                work.stored = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Environment, Instance, Opco};

    use super::*;

    fn now() -> Timestamp {
        "2026-09-01T00:00:00Z".parse().unwrap()
    }

    fn system() -> System {
        System {
            instance: Instance::first(Opco::Akto),
            environment: Environment::Live,
        }
    }

    #[test]
    fn networks_take_turns_whatever_each_has_waiting() {
        let mut rounds = Rounds::default();
        let (big, small) = (TenantId::new(now()), TenantId::new(now()));
        for _ in 0..100 {
            rounds.handed_over(big, system(), DeliveryId::new(now()));
        }
        for _ in 0..2 {
            rounds.handed_over(small, system(), DeliveryId::new(now()));
        }
        let share = rounds.share(system(), 4);
        let of = |tenant| share.names.iter().filter(|(t, _)| *t == tenant).count();
        assert_eq!((of(big), of(small)), (2, 2));
        assert_eq!(rounds.share(system(), 4).names.len(), 4);
    }

    #[test]
    fn what_the_store_knows_is_asked_for_once_a_round_and_shared_evenly() {
        let mut rounds = Rounds::default();
        let tenants = [TenantId::new(now()), TenantId::new(now())];
        let pairs = tenants.map(|tenant| ActivePair {
            tenant,
            instance: system().instance,
            environment: Environment::Live,
            next_due: now(),
        });
        rounds.due(&pairs, now());
        rounds.handed_over(pairs[0].tenant, system(), DeliveryId::new(now()));
        let share = rounds.share(system(), 4);
        assert_eq!(share.wants, [(pairs[0].tenant, 2), (pairs[1].tenant, 2)]);
        assert!(share.names.is_empty(), "the store finds that one too");
    }

    #[test]
    fn a_network_that_got_less_than_it_asked_for_is_not_asked_for_again() {
        let mut rounds = Rounds::default();
        let tenant = TenantId::new(now());
        let pair = ActivePair {
            tenant,
            instance: system().instance,
            environment: Environment::Live,
            next_due: now(),
        };
        rounds.due(&[pair], now());
        assert_eq!(rounds.share(system(), 2).wants, [(tenant, 2)]);
        let want = Want {
            tenant,
            instance: pair.instance,
            environment: pair.environment,
            limit: 2,
        };
        rounds.answered(&[want], &[]);
        assert_eq!(rounds.share(system(), 2), Share::default());
        assert!(rounds.systems().is_empty());
    }

    #[test]
    fn too_many_names_turn_into_a_question_to_the_store() {
        let mut rounds = Rounds::default();
        let tenant = TenantId::new(now());
        for _ in 0..=NAMES_MAX {
            rounds.handed_over(tenant, system(), DeliveryId::new(now()));
        }
        assert_eq!(rounds.share(system(), 3).wants, [(tenant, 3)]);
    }

    #[test]
    fn work_that_is_not_due_is_left_alone() {
        let mut rounds = Rounds::default();
        let later = now() + std::time::Duration::from_mins(1);
        let pair = ActivePair {
            tenant: TenantId::new(now()),
            instance: system().instance,
            environment: Environment::Live,
            next_due: later,
        };
        rounds.due(&[pair], now());
        assert!(rounds.systems().is_empty());
    }
}
