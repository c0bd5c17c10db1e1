//! Work handed over in memory, and the bell that wakes the claimer.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::{DeliveryId, TenantId};
use store::Claimed;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::system::System;

/// Most jobs waiting here; what does not fit is found in the store within a second.
const WAITING_MAX: usize = 10_000;

/// What was handed over since the worker last looked.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    bell: Notify,
    /// A worker is here and takes what is handed over.
    attended: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    names: Vec<(TenantId, System, DeliveryId)>,
    claimed: Vec<(Claimed, OwnedSemaphorePermit)>,
    /// Systems for which work waits: what comes now stands behind it.
    behind: HashSet<System>,
}

impl Inbox {
    /// Hands over a job that is committed and due.
    pub(crate) fn hand_over(&self, tenant: TenantId, system: System, id: DeliveryId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.names.len() < WAITING_MAX {
            waiting.names.push((tenant, system, id));
        }
        waiting.behind.insert(system);
        drop(waiting);
        self.bell.notify_one();
    }

    /// Hands over a job that is committed and claimed, with its place among the calls under way.
    pub(crate) fn hand_over_claimed(&self, job: Claimed, slot: OwnedSemaphorePermit) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .claimed
            .push((job, slot));
        self.bell.notify_one();
    }

    /// Returns whether a job for this system may be claimed together with its custody: a worker is
    /// here, and nothing waits that should leave before it.
    pub(crate) fn is_free(&self, system: System) -> bool {
        self.attended.load(Ordering::Relaxed)
            && !self
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .behind
                .contains(&system)
    }

    /// Says whether a worker takes what is handed over.
    pub(super) fn attend(&self, attended: bool) {
        self.attended.store(attended, Ordering::Relaxed);
    }

    /// Wakes the claimer: a place is free, or something has become due.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// Takes the names handed over so far.
    pub(super) fn drain(&self) -> Vec<(TenantId, System, DeliveryId)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut waiting.names)
    }

    /// Takes the claims handed over so far.
    pub(crate) fn claimed(&self) -> Vec<(Claimed, OwnedSemaphorePermit)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut waiting.claimed)
    }

    /// Says for which systems work still waits after a round.
    pub(super) fn left(&self, systems: impl Iterator<Item = System>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut behind: HashSet<System> = systems.collect();
        behind.extend(waiting.names.iter().map(|(_, system, _)| *system));
        waiting.behind = behind;
    }

    /// Ends when there is something to look at.
    pub(super) async fn woken(&self) {
        self.bell.notified().await;
    }
}
