//! How many batches of one network run at once, so that one network never takes all of a process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::TenantId;

use crate::http::problem::{Code, Problem};

/// How many batches one network may send to this process at once.
const BATCHES_AT_ONCE: usize = 4;
/// The batches under way, by network.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// A batch's place until dropped.
#[derive(Debug)]
pub(super) struct Place {
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Places {
    /// Takes a place, if there is one.
    pub(super) fn enter(&self, tenant: TenantId) -> Result<Place, Problem> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(tenant).or_default();
        if *count >= BATCHES_AT_ONCE {
            let detail = format!("{BATCHES_AT_ONCE} lots de votre réseau sont déjà en cours.");
            return Err(Problem::new(Code::TooMany, detail));
        }
        *count += 1;
        Ok(Place {
            taken: Arc::clone(&self.taken),
            tenant,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}
