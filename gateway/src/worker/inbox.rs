//! Work handed over in memory, and the bell that wakes the claimer.

use std::sync::{Mutex, PoisonError};

use domain::{DeliveryId, TenantId};
use tokio::sync::Notify;

use crate::system::System;

/// Most jobs waiting here; what does not fit is found in the store within a second.
const WAITING_MAX: usize = 10_000;

/// Names of jobs just committed.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Vec<(TenantId, System, DeliveryId)>>,
    bell: Notify,
}

impl Inbox {
    /// Hands over a job that is committed and due.
    pub(crate) fn hand_over(&self, tenant: TenantId, system: System, id: DeliveryId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push((tenant, system, id));
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// Wakes the claimer: a place is free, or something has become due.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// Takes everything handed over so far.
    pub(super) fn drain(&self) -> Vec<(TenantId, System, DeliveryId)> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends when there is something to look at.
    pub(super) async fn woken(&self) {
        self.bell.notified().await;
    }
}
