//! Reads the schedules of the dossiers an OPCO has committed to: at once when a dossier moves, before
//! an invoice leaves, and otherwise as seldom as what can be billed allows. One list of whole dossiers
//! is asked for instead of many single ones where the OPCO has it.

mod keep;
mod read;
mod rest;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use store::read_jobs::ReadBudget;
use store::schedules::Batch;
use store::{StoreError, TenantKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::breaker::State;
use crate::pause;
use crate::system::System;

/// How often the store is asked which schedules are due, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(2);

/// Systems that turned out to have no list of whole dossiers; asked again after a restart.
#[derive(Debug, Default)]
pub(crate) struct Listless(Mutex<HashSet<System>>);

impl Listless {
    fn has(&self, system: System) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&system)
    }

    fn add(&self, system: System) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert(system) {
            tracing::info!(%system, "this OPCO has no list of whole dossiers: each is read alone");
        }
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    // One reader for each system: deliveries and lists of states share the same limit and go first.
    let places: HashMap<System, Arc<Semaphore>> = app
        .limits
        .systems()
        .into_iter()
        .map(|system| (system, Arc::new(Semaphore::new(1))))
        .collect();
    while !app.tasks.is_stopping() {
        let now = app.clock.now();
        let budgets: Vec<ReadBudget> = places
            .iter()
            .filter(|(system, places)| {
                places.available_permits() > 0
                    && app.limits.silent_until(**system).is_none()
                    && matches!(app.breakers.state(**system, now), State::Closed)
            })
            .map(|(system, _)| ReadBudget {
                instance: system.instance,
                environment: system.environment,
                limit: app.settings.poll.listed_at_once.max(1),
            })
            .collect();
        let until = pause::later(now, Duration::from_secs(app.settings.poll.lease_s));
        match app
            .store
            .claim_schedules(now, until, &app.owner, &budgets)
            .await
        {
            Ok(batches) => hand_out(&app, &places, batches),
            Err(error) => {
                tracing::warn!(error = %error, "the schedules due could not be claimed");
            }
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}

fn hand_out(app: &App, places: &HashMap<System, Arc<Semaphore>>, batches: Vec<Batch>) {
    for batch in batches {
        let system = System {
            instance: batch.key.instance,
            environment: batch.key.environment,
        };
        let place = places
            .get(&system)
            .and_then(|places| Arc::clone(places).try_acquire_owned().ok());
        if let Some(place) = place {
            app.tasks.spawn(one(app.clone(), batch, system, place));
        }
    }
}

/// Reads the schedules of a batch, and goes on while the system answers and has more of them due: a
/// first reading of thousands of dossiers waits for nothing but the limit.
async fn one(app: App, batch: Batch, system: System, _place: OwnedSemaphorePermit) {
    let mut next = Some(batch);
    while let Some(batch) = next.take() {
        let started = std::time::Instant::now();
        let read = read::all(&app, &batch, system).await;
        let (word, goes_on) = (read.word, read.stopped.is_none());
        let kept = keep::all(&app, &batch, read, app.clock.now()).await;
        app.metrics
            .read(system.instance.opco, "echeanciers", word, started.elapsed());
        if let Err(error) = kept {
            tracing::warn!(error = %error, "the schedules read could not be written; their lease ends");
            return;
        }
        if goes_on && !app.tasks.is_stopping() {
            next = more(&app, system).await;
        }
    }
}

/// Takes the next batch of a system.
async fn more(app: &App, system: System) -> Option<Batch> {
    let now = app.clock.now();
    if app.limits.silent_until(system).is_some() {
        return None;
    }
    let budgets = [ReadBudget {
        instance: system.instance,
        environment: system.environment,
        limit: app.settings.poll.listed_at_once.max(1),
    }];
    let until = pause::later(now, Duration::from_secs(app.settings.poll.lease_s));
    let claimed = app.store.claim_schedules(now, until, &app.owner, &budgets);
    match claimed.await {
        Ok(batches) => batches.into_iter().next(),
        Err(error) => {
            tracing::warn!(error = %error, "the schedules due could not be claimed");
            None
        }
    }
}

/// Opens a reading that was kept. Nothing, when it was shredded.
pub(crate) fn open(
    keys: &TenantKey,
    snapshot: &store::schedules::Snapshot,
) -> Option<domain::echeancier::Echeancier> {
    let sealed = snapshot.sealed.as_ref()?;
    match keys.open_secret(snapshot.id.as_bytes(), store::schedules::PART, sealed) {
        Ok(text) => {
            let value = serde_json::from_str(text.expose()).ok()?;
            domain::echeancier::Echeancier::read(&value).map(|lecture| lecture.echeancier)
        }
        Err(error) => {
            tracing::warn!(error = %error, "a schedule does not open");
            None
        }
    }
}

/// Has the schedule of a dossier read by an instant, for whoever needs it fresh.
pub(crate) async fn hurry(
    app: &App,
    dossier: &store::Dossier,
    by: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = app.store.writing().await?;
    store::schedules::hurry(&mut tx, dossier, by).await?;
    tx.commit().await
}
