//! Sharing a limit without Redis: one replica holds the lease of a system and calls at the full
//! local limit; the others wait until it lapses.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::system::System;
use domain::clock::Timestamp;
use store::Store;

use super::local::Bucket;
use crate::pause;

/// How long a lease holds. A replica that dies makes the others wait this long at most.
const LEASE: Duration = Duration::from_secs(10);

/// A held lease is renewed once this much of it is left, so that it never lapses under a call.
const RENEW_WITHIN: Duration = Duration::from_secs(5);

/// How long a new holder keeps still: replicas that draw from Redis look at the leases every second
/// (`redis::LOOK_AT_LEASES`) and must have stopped before the first call under the lease.
const SETTLE: Duration = Duration::from_secs(2);

/// How soon a replica that was refused asks again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Holds the leases of this replica.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Store,
    holder: String,
    held: Mutex<HashMap<System, Timestamp>>,
}

impl Keeper {
    /// Makes the keeper of one replica; `holder` is unique to this run of the process.
    pub(crate) fn new(store: Store, holder: String) -> Self {
        Self {
            store,
            holder,
            held: Mutex::default(),
        }
    }

    /// Takes a turn from the local bucket if this replica holds the system's lease.
    pub(super) async fn take(
        &self,
        system: System,
        bucket: &Bucket,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let held = self.held_until(system);
        let fresh = held.is_some_and(|until| pause::later(now, RENEW_WITHIN) < until);
        if fresh {
            return bucket.take();
        }
        let until = pause::later(now, LEASE);
        match self
            .store
            .acquire_limit(
                system.instance,
                system.environment,
                &self.holder,
                now,
                until,
            )
            .await
        {
            Ok(true) => {
                self.remember(system, Some(until));
                if held.is_none_or(|until| until <= now) {
                    // The holder before us may have used its burst a moment ago.
                    bucket.drain();
                    return Err(pause::later(now, SETTLE));
                }
                bucket.take()
            }
            Ok(false) => {
                self.remember(system, None);
                Err(pause::later(now, ASK_AGAIN))
            }
            Err(error) => {
                tracing::warn!(%system, error = %error, "the lease of a limit could not be asked for");
                Err(pause::later(now, ASK_AGAIN))
            }
        }
    }

    /// Returns whether another replica may be calling under a lease of its own.
    pub(super) async fn held_by_another(&self, system: System, now: Timestamp) -> bool {
        !matches!(
            self.store
                .limit_is_free(system.instance, system.environment, &self.holder, now)
                .await,
            Ok(true)
        )
    }

    fn held_until(&self, system: System) -> Option<Timestamp> {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&system)
            .copied()
    }

    fn remember(&self, system: System, until: Option<Timestamp>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) => held.insert(system, until),
            None => held.remove(&system),
        };
    }
}
