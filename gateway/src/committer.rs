//! The door to durable custody: what waits is written together, and a 202 follows only a commit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use store::{Accepted, Claimed, NewDelivery, Store, StoreError};
use tokio::sync::OwnedSemaphorePermit;

use crate::group::Group;
use crate::metrics::Metrics;
use crate::mutation::{self, Mutation};
use crate::tasks::Tasks;
use crate::worker::Inbox;

/// Most payloads of one transaction.
const GROUP_MAX: usize = 128;

/// Writes accepted payloads in groups.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    accepts: Group<Arc<Incoming>, Result<Accepted, Arc<StoreError>>>,
}

/// A payload to be taken, and the place it has among the calls under way when it may leave at once.
///
/// The place travels with the payload: a caller who goes away must not leave a claim in no hands.
#[derive(Debug)]
struct Incoming {
    new: Arc<NewDelivery>,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Incoming {
    /// Hands a claim that was made over to the worker.
    fn leave(&self, inbox: &Inbox) {
        let slot = self
            .slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (Some(slot), Some(job)) = (slot, Claimed::with_custody(&self.new)) {
            inbox.hand_over_claimed(job, slot);
        }
    }
}

impl Committer {
    /// Starts the writer.
    pub(crate) fn start(store: &Store, metrics: &Metrics, inbox: &Arc<Inbox>) -> Self {
        let (store, metrics, inbox) = (store.clone(), metrics.clone(), Arc::clone(inbox));
        let accepts = Group::start(
            GROUP_MAX,
            move |group: Arc<Vec<Arc<Incoming>>>| {
                let (store, metrics, inbox) = (store.clone(), metrics.clone(), Arc::clone(&inbox));
                async move {
                    let news: Vec<&NewDelivery> = group.iter().map(|one| &*one.new).collect();
                    let began = Instant::now();
                    let answers = store
                        .accept(&news)
                        .await
                        .inspect_err(|_| metrics.commit_failed())?;
                    metrics.commit(group.len(), began.elapsed());
                    for (one, _) in group
                        .iter()
                        .zip(&answers)
                        .filter(|(_, answer)| **answer == Accepted::Claimed)
                    {
                        one.leave(&inbox);
                    }
                    Ok::<_, StoreError>(answers.into_iter().map(Ok).collect())
                }
            },
            StoreError::is_out_of_reach,
            Err,
        );
        Self { accepts }
    }

    /// Takes one payload into custody; returns once it is on disk, or refused.
    pub(crate) async fn accept(
        &self,
        new: Arc<NewDelivery>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<Accepted, Arc<StoreError>> {
        let new = Arc::new(Incoming {
            new,
            slot: Mutex::new(slot),
        });
        if mutation::planted(Mutation::AnswerBeforeCommit) {
            let accepts = self.accepts.clone();
            Tasks::serve(async move { drop(accepts.submit(new).await) });
            return Ok(Accepted::Stored);
        }
        match self.accepts.submit(new).await {
            Some(answer) => answer,
            // The writer is gone: the process is at its end.
            None => Err(Arc::new(StoreError::Conflict("the gateway is stopping"))),
        }
    }
}
