//! The door to durable custody: what waits is written together, and a 202 follows only a commit.

use std::sync::Arc;

use store::{Accepted, NearHit, NearQuery, NewDelivery, Store, StoreError};

use crate::group::Group;
use crate::metrics::Metrics;
use crate::mutation::{self, Mutation};
use crate::tasks::Tasks;

/// Most payloads of one transaction.
const GROUP_MAX: usize = 128;

/// Groups of questions asked at once.
const READERS: usize = 2;

/// Writes accepted payloads in groups.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    accepts: Group<NewDelivery, Result<Accepted, Arc<StoreError>>>,
    nears: Group<NearQuery, Result<Vec<NearHit>, Arc<StoreError>>>,
}

impl Committer {
    /// Starts the writers: one on SQLite, which has one writer; two on PostgreSQL, so that one
    /// group is being sent while the other is being synced.
    pub(crate) fn start(store: &Store, metrics: &Metrics) -> Self {
        let writers = match store.engine() {
            store::EngineKind::Sqlite => 1,
            store::EngineKind::Postgres => 2,
        };
        let reader = store.clone();
        let nears = Group::start(
            READERS,
            GROUP_MAX,
            move |group: Arc<Vec<NearQuery>>| {
                let store = reader.clone();
                async move {
                    let answers = store.near(&group).await?;
                    Ok::<_, StoreError>(answers.into_iter().map(Ok).collect())
                }
            },
            |error| Err(Arc::new(error)),
        );
        let (store, metrics) = (store.clone(), metrics.clone());
        let accepts = Group::start(
            writers,
            GROUP_MAX,
            move |group: Arc<Vec<NewDelivery>>| {
                let (store, metrics) = (store.clone(), metrics.clone());
                async move {
                    let answers = store.accept(&group).await?;
                    metrics.commit(group.len());
                    Ok::<_, StoreError>(answers.into_iter().map(Ok).collect())
                }
            },
            |error| Err(Arc::new(error)),
        );
        Self { accepts, nears }
    }

    /// Returns the contracts much like one about to be taken in; questions that wait are asked
    /// together.
    pub(crate) async fn near(&self, query: NearQuery) -> Result<Vec<NearHit>, Arc<StoreError>> {
        match self.nears.submit(query).await {
            Some(answer) => answer,
            None => Err(Arc::new(StoreError::Conflict("the gateway is stopping"))),
        }
    }

    /// Takes one payload into custody; returns once it is on disk, or refused.
    pub(crate) async fn accept(&self, new: NewDelivery) -> Result<Accepted, Arc<StoreError>> {
        if mutation::planted(Mutation::AnswerBeforeCommit) {
            let accepts = self.accepts.clone();
            Tasks::serve(async move { drop(accepts.submit(new).await) });
            return Ok(Accepted::Stored);
        }
        match self.accepts.submit(new).await {
            Some(answer) => answer,
            // The writers are gone: the process is at its end.
            None => Err(Arc::new(StoreError::Conflict("the gateway is stopping"))),
        }
    }
}
