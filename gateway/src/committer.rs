//! The door to durable custody: what waits is written together, and a 202 follows only a commit.

use std::sync::Arc;

use store::{Accepted, NewDelivery, Store, StoreError};

use crate::group::Group;
use crate::metrics::Metrics;
use crate::mutation::{self, Mutation};
use crate::tasks::Tasks;

/// Most payloads of one transaction.
const GROUP_MAX: usize = 128;

/// Writes accepted payloads in groups.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    accepts: Group<Arc<NewDelivery>, Result<Accepted, Arc<StoreError>>>,
}

impl Committer {
    /// Starts the writer.
    pub(crate) fn start(store: &Store, metrics: &Metrics) -> Self {
        let (store, metrics) = (store.clone(), metrics.clone());
        let accepts = Group::start(
            GROUP_MAX,
            move |group: Arc<Vec<Arc<NewDelivery>>>| {
                let (store, metrics) = (store.clone(), metrics.clone());
                async move {
                    let answers = store.accept(&group).await?;
                    metrics.commit(group.len());
                    Ok::<_, StoreError>(answers.into_iter().map(Ok).collect())
                }
            },
            StoreError::is_out_of_reach,
            Err,
        );
        Self { accepts }
    }

    /// Takes one payload into custody; returns once it is on disk, or refused.
    pub(crate) async fn accept(&self, new: Arc<NewDelivery>) -> Result<Accepted, Arc<StoreError>> {
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
