//! Reads dossiers in full, in the background and within the budget of reads: the schedules that are due
//! first, then the dossiers that no delivery of ours brought. One list of whole dossiers is asked for
//! instead of many single ones where the OPCO has it.

mod read;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use store::read_jobs::{ReadBudget, ReadKey};
use store::{StoreError, schedules as due_schedules, strangers};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::read::{Read, rested};
use crate::app::App;
use crate::breaker::State;
use crate::system::System;
use crate::{orphans, pause, schedules};

/// How often the store is asked what is due, on the gateway's clock.
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

/// Dossiers of one site that are due, in the hands of this process.
enum Due {
    Schedules(due_schedules::Batch),
    Strangers(strangers::Batch),
}

impl Due {
    fn key(&self) -> &ReadKey {
        match self {
            Self::Schedules(batch) => &batch.key,
            Self::Strangers(batch) => &batch.key,
        }
    }

    fn system(&self) -> System {
        System {
            instance: self.key().instance,
            environment: self.key().environment,
        }
    }

    /// Returns the word under which the read is measured.
    fn what(&self) -> &'static str {
        match self {
            Self::Schedules(_) => "echeanciers",
            Self::Strangers(_) => "orphelins",
        }
    }

    fn numeros(&self) -> Vec<String> {
        match self {
            Self::Schedules(batch) => {
                let numeros = batch.jobs.iter();
                numeros
                    .filter_map(|job| job.dossier.numero_interne.clone())
                    .collect()
            }
            Self::Strangers(batch) => {
                let numeros = batch.jobs.iter();
                numeros.map(|job| job.numero_interne.clone()).collect()
            }
        }
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
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
            .map(|(system, _)| budget(&app, *system))
            .collect();
        for due in claim(&app, now, &budgets).await {
            let system = due.system();
            let place = places
                .get(&system)
                .and_then(|places| Arc::clone(places).try_acquire_owned().ok());
            if let Some(place) = place {
                app.tasks.spawn(one(app.clone(), due, system, place));
            }
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}

fn budget(app: &App, system: System) -> ReadBudget {
    ReadBudget {
        instance: system.instance,
        environment: system.environment,
        limit: app.settings.poll.listed_at_once.max(1),
    }
}

/// Takes what is due: strangers only where no schedule is.
async fn claim(app: &App, now: Timestamp, budgets: &[ReadBudget]) -> Vec<Due> {
    match claimed(app, now, budgets).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(error = %error, "the dossiers due could not be claimed");
            Vec::new()
        }
    }
}

async fn claimed(
    app: &App,
    now: Timestamp,
    budgets: &[ReadBudget],
) -> Result<Vec<Due>, StoreError> {
    let (store, owner) = (&app.store, &app.owner);
    let until = pause::later(now, Duration::from_secs(app.settings.poll.lease_s));
    let schedules = store.claim_schedules(now, until, owner, budgets).await?;
    let taken = |budget: &&ReadBudget| {
        schedules.iter().any(|batch| {
            batch.key.instance == budget.instance && batch.key.environment == budget.environment
        })
    };
    let left: Vec<ReadBudget> = budgets.iter().filter(|b| !taken(b)).copied().collect();
    let strangers = if left.is_empty() {
        Vec::new()
    } else {
        store.claim_strangers(now, until, owner, &left).await?
    };
    let schedules = schedules.into_iter().map(Due::Schedules);
    Ok(schedules
        .chain(strangers.into_iter().map(Due::Strangers))
        .collect())
}

/// Reads a batch, and goes on while the system answers and has more that is due: a first reading of
/// thousands of dossiers waits for nothing but the limit.
async fn one(app: App, due: Due, system: System, _place: OwnedSemaphorePermit) {
    let mut next = Some(due);
    while let Some(due) = next.take() {
        let started = std::time::Instant::now();
        let read = read::all(&app, due.key(), due.numeros(), system).await;
        let (word, goes_on) = (read.word, read.stopped.is_none());
        let now = app.clock.now();
        let kept = match &due {
            Due::Schedules(batch) => schedules::keep(&app, batch, read, now).await,
            Due::Strangers(batch) => orphans::keep(&app, batch, &read, now).await,
        };
        app.metrics
            .read(system.instance.opco, due.what(), word, started.elapsed());
        if let Err(error) = kept {
            tracing::warn!(error = %error, "the dossiers read could not be written; their lease ends");
            return;
        }
        let silent = app.limits.silent_until(system).is_some();
        if goes_on && !silent && !app.tasks.is_stopping() {
            let due = claim(&app, app.clock.now(), &[budget(&app, system)]).await;
            next = due.into_iter().next();
        }
    }
}
