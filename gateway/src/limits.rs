//! No OPCO's limit is ever exceeded: the turns of every call, per system and per CFA key (promise 6).
//!
//! One process keeps its turns in memory. Several replicas share them: through Redis, which leases
//! each of them small shares, or, when Redis is away, through a lease in PostgreSQL that lets one
//! replica call while the others wait. Whoever takes over starts with nothing in hand, so that a
//! change of keeper never gives a second burst. What an OPCO says with `Retry-After` is a floor for all
//! of them (`silence`).

mod lease;
mod local;
mod redis;
pub(crate) mod silence;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::system::System;
use domain::clock::{Clock, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::lease::Keeper;
use self::local::Bucket;
pub(crate) use self::redis::Shared;
use crate::pause;

/// Most keys whose own turns are remembered for one system; beyond it the idle ones are forgotten.
const KEYS_MAX: usize = 10_000;

/// What one system of an OPCO allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    /// Time between two calls once the burst is used up.
    pub(crate) interval: Duration,
    /// Calls that may leave at once after a rest. At least 1.
    pub(crate) burst: u32,
    /// Calls under way at once. At least 1.
    pub(crate) in_flight: usize,
    /// Time between two calls under one CFA key; zero when keys have no limit of their own.
    pub(crate) key_interval: Duration,
    /// Calls one key may make at once after a rest. At least 1.
    pub(crate) key_burst: u32,
}

/// The answer to a call that asks for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the call's turn: send at once.
    Go,
    /// Not before this instant, which lies beyond what the caller can wait for.
    NotBefore(Timestamp),
}

/// The turns of every system this process calls.
#[derive(Debug)]
pub(crate) struct Limits {
    clock: Arc<dyn Clock>,
    lanes: RwLock<HashMap<System, Arc<Lane>>>,
    sharing: Sharing,
}

/// Who else draws from the same limits.
#[derive(Debug)]
pub(crate) enum Sharing {
    /// Nobody: one process.
    Alone,
    /// Other replicas, on one PostgreSQL.
    Lease(Arc<Keeper>),
    /// Other replicas, on one Redis, with the lease as the fallback when the store offers one.
    Redis(Box<Shared>, Option<Arc<Keeper>>),
}

#[derive(Debug)]
struct Lane {
    limit: Limit,
    bucket: Bucket,
    keys: Mutex<HashMap<String, Arc<Bucket>>>,
    /// The OPCO asked for silence until this instant (`Retry-After`), in milliseconds.
    silent_until_ms: AtomicI64,
    slots: Arc<Semaphore>,
}

impl Limits {
    /// Starts with nothing in hand: a restarted process has no fresh burst.
    pub(crate) fn new(clock: Arc<dyn Clock>, sharing: Sharing) -> Self {
        Self {
            clock,
            lanes: RwLock::new(HashMap::new()),
            sharing,
        }
    }

    /// Declares what a system allows. A call to a system never declared is never allowed.
    pub(crate) fn declare(&self, system: System, limit: Limit) {
        let lane = Lane {
            limit,
            bucket: Bucket::empty(Arc::clone(&self.clock), limit.interval, limit.burst),
            keys: Mutex::default(),
            silent_until_ms: AtomicI64::new(0),
            slots: Arc::new(Semaphore::new(limit.in_flight.max(1))),
        };
        self.lanes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(system, Arc::new(lane));
    }

    /// Returns every system declared.
    pub(crate) fn systems(&self) -> Vec<System> {
        self.lanes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect()
    }

    /// Returns how many more calls may be under way at a system, none while it asked for silence.
    pub(crate) fn free_slots(&self, system: System) -> usize {
        self.lane(system).map_or(0, |lane| {
            if lane.silent_until(self.clock.now()).is_some() {
                0
            } else {
                lane.slots.available_permits()
            }
        })
    }

    /// Returns until when a system asked for silence, if it did.
    pub(crate) fn silent_until(&self, system: System) -> Option<Timestamp> {
        self.lane(system)
            .and_then(|lane| lane.silent_until(self.clock.now()))
    }

    /// Takes one of the places of calls under way, if one is free.
    pub(crate) fn try_slot(&self, system: System) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.lane(system)?.slots)
            .try_acquire_owned()
            .ok()
    }

    /// Takes the OPCO's `Retry-After` as a floor for every call to that system.
    pub(crate) fn silence(&self, system: System, until: Timestamp) {
        if let Some(lane) = self.lane(system) {
            lane.silent_until_ms
                .fetch_max(until.as_millisecond(), Ordering::AcqRel);
        }
    }

    /// Lets the replicas that draw from the same Redis know it at once; `span` is real time.
    async fn spread_silence(&self, system: System, span: Duration) {
        if let (Sharing::Redis(shared, _), Some(lane)) = (&self.sharing, self.lane(system)) {
            shared.silence(system, &lane.limit, span).await;
        }
    }

    /// Waits for the call's turn at the system and under the key, no longer than until `deadline`.
    ///
    /// `key` names the CFA key by its fingerprint, never by its text.
    pub(crate) async fn turn(&self, system: System, key: &str, deadline: Timestamp) -> Turn {
        let Some(lane) = self.lane(system) else {
            return Turn::NotBefore(pause::later(self.clock.now(), Duration::from_hours(1)));
        };
        if let Some(bucket) = lane.key_bucket(key, &self.clock)
            && let Some(at) = self.key_turn(&bucket, deadline).await
        {
            return Turn::NotBefore(at);
        }
        loop {
            let now = self.clock.now();
            let at = match lane.silent_until(now) {
                Some(at) => at,
                None => match self.system_turn(system, &lane, now).await {
                    Ok(()) => return Turn::Go,
                    Err(at) => at,
                },
            };
            if at > deadline {
                return Turn::NotBefore(at);
            }
            pause::until(&*self.clock, at).await;
        }
    }

    /// The key's turn comes before the system's: when the system then makes the call wait, the key
    /// has been used less than it might, never more.
    async fn key_turn(&self, bucket: &Bucket, deadline: Timestamp) -> Option<Timestamp> {
        loop {
            match bucket.take() {
                Ok(()) => return None,
                Err(at) if at > deadline => return Some(at),
                Err(at) => pause::until(&*self.clock, at).await,
            }
        }
    }

    async fn system_turn(
        &self,
        system: System,
        lane: &Lane,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        match &self.sharing {
            Sharing::Alone => lane.bucket.take(),
            Sharing::Lease(keeper) => keeper.take(system, &lane.bucket, now).await,
            Sharing::Redis(shared, fallback) => {
                match shared.take(system, &lane.limit, &*self.clock).await {
                    redis::Share::Granted => Ok(()),
                    redis::Share::Later(at) => Err(at),
                    redis::Share::Away => match fallback {
                        Some(keeper) => keeper.take(system, &lane.bucket, now).await,
                        None => lane.bucket.take(),
                    },
                }
            }
        }
    }

    fn lane(&self, system: System) -> Option<Arc<Lane>> {
        self.lanes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&system)
            .cloned()
    }
}

impl Lane {
    fn silent_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.silent_until_ms.load(Ordering::Acquire);
        (until > now.as_millisecond())
            .then(|| Timestamp::from_millisecond(until).ok())
            .flatten()
    }

    fn key_bucket(&self, key: &str, clock: &Arc<dyn Clock>) -> Option<Arc<Bucket>> {
        if self.limit.key_interval.is_zero() {
            return None;
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = keys.get(key) {
            return Some(Arc::clone(bucket));
        }
        if keys.len() >= KEYS_MAX {
            keys.retain(|_, bucket| Arc::strong_count(bucket) > 1);
        }
        let bucket = Arc::new(Bucket::empty(
            Arc::clone(clock),
            self.limit.key_interval,
            self.limit.key_burst,
        ));
        keys.insert(key.to_owned(), Arc::clone(&bucket));
        Some(bucket)
    }
}

#[cfg(test)]
mod tests;
