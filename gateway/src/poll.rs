//! Reads states back: one list for each site at each system, within a budget, often while things
//! move and seldom once they rest. A list that is empty or cut short never erases what is known.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Etat, Fault, FaultKind, Timestamp};
use serde::{Deserialize, Serialize};
use store::read_jobs::{ReadBudget, ReadJob, ReadKey, ReadResult};
use store::{EtatSeen, NewEvent, ReadPlan, StateChange, StoreError, strangers};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::billed;
use crate::breaker::State;
use crate::dispatch;
use crate::pause;
use crate::plan;
use crate::states::{self, Account, Unread};
use crate::system::System;

/// How often the store is asked which reads are due, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(2);

/// Most states written in one transaction.
const APPLIED_AT_ONCE: usize = 500;

/// The least rest after a read that failed.
const FAILED_REST: Duration = Duration::from_mins(1);

/// The rest of a read for which a key or a profile is missing.
const UNABLE_REST: Duration = Duration::from_hours(1);

/// How often a silent site whose list cannot be read is tried within its interval.
const SILENT_TRIES: u64 = 24;

/// How often silent sites are looked for, on the gateway's clock.
const SILENT_EVERY: Duration = Duration::from_mins(1);

/// How many are planned at once.
const SILENT_AT_ONCE: u32 = 500;

/// How often reads are made and how much of a limit they may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long after a contract was taken its state is first read, in seconds.
    pub first_s: u64,
    /// The interval while things move, in seconds.
    pub hot_s: u64,
    /// The interval once nothing moves any more, in seconds; it doubles until then.
    pub cold_s: u64,
    /// The interval for a site that has a key and sent nothing, in seconds: what an employer or the
    /// portal filed is found all the same. Never shorter than the one once nothing moves.
    pub silent_s: u64,
    /// How many reads of one system may be under way at once: deliveries go first.
    pub at_once: usize,
    /// How long a read is held, in seconds.
    pub lease_s: u64,
    /// The interval between two readings of a schedule of which something can be billed, in seconds;
    /// before an invoice leaves, a reading older than a day is made again whatever this says.
    pub schedule_s: u64,
    /// The longest interval between two readings of a schedule, in seconds.
    pub schedule_cold_s: u64,
    /// How long the lists of a site must have been read without a dossier of ours before it is told as
    /// not shown by the OPCO, in seconds.
    pub unlisted_s: u64,
    /// How many dossiers are asked for at once where the OPCO has a list of whole dossiers.
    pub listed_at_once: u32,
    /// How often the days that count are looked at, in seconds: each is told once.
    pub countdown_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_s: 60,
            hot_s: 300,
            cold_s: 21_600,
            silent_s: 86_400,
            at_once: 1,
            lease_s: 300,
            schedule_s: 72_000,
            schedule_cold_s: 604_800,
            unlisted_s: 86_400,
            listed_at_once: 20,
            countdown_s: 3_600,
        }
    }
}

impl Settings {
    /// Returns when the first read of a new dossier is due.
    pub(crate) fn first(&self) -> Duration {
        Duration::from_secs(self.first_s)
    }

    /// Returns how long to wait while things move.
    pub(crate) fn hot(&self) -> Duration {
        Duration::from_millis(self.hot_ms())
    }

    /// Returns the interval while things move.
    pub(crate) fn hot_ms(&self) -> u64 {
        self.hot_s.saturating_mul(1_000)
    }

    /// Returns the interval for a site that sent nothing, which is longer than any other.
    pub(crate) fn silent_ms(&self) -> u64 {
        let least = self.cold_ms().saturating_add(1);
        self.silent_s.saturating_mul(1_000).max(least)
    }

    fn cold_ms(&self) -> u64 {
        self.cold_s.saturating_mul(1_000).max(self.hot_ms())
    }

    /// Returns whether a list with that interval is of a site that sent nothing.
    fn is_silent(&self, interval_ms: u64) -> bool {
        interval_ms > self.cold_ms()
    }

    /// Returns the interval after a read: short again when something moved, doubled otherwise. A silent
    /// site stays one until something of ours moves there.
    fn after(&self, interval_ms: u64, moved: bool) -> u64 {
        if moved {
            self.hot_ms()
        } else if self.is_silent(interval_ms) {
            self.silent_ms()
        } else {
            let doubled = interval_ms.saturating_mul(2);
            doubled.clamp(self.hot_ms(), self.cold_ms())
        }
    }

    /// Returns the rest after a read that could not be made: nobody hurries for a silent site.
    fn rest(&self, interval_ms: u64, usual: Duration) -> Duration {
        if self.is_silent(interval_ms) {
            usual.max(Duration::from_millis(interval_ms / SILENT_TRIES))
        } else {
            usual
        }
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let places: HashMap<System, Arc<Semaphore>> = app
        .limits
        .systems()
        .into_iter()
        .map(|system| {
            (
                system,
                Arc::new(Semaphore::new(app.settings.poll.at_once.max(1))),
            )
        })
        .collect();
    let mut planned_at: Option<Timestamp> = None;
    while !app.tasks.is_stopping() {
        let now = app.clock.now();
        if planned_at.is_none_or(|at| pause::later(at, SILENT_EVERY) <= now) {
            planned_at = Some(now);
            if let Err(error) = plan_silent(&app, now).await {
                tracing::warn!(error = %error, "the sites that sent nothing could not be found");
            }
        }
        let budgets: Vec<ReadBudget> = places
            .iter()
            .filter(|(system, _)| app.limits.silent_until(**system).is_none())
            .filter(|(system, _)| matches!(app.breakers.state(**system, now), State::Closed))
            .map(|(system, places)| ReadBudget {
                instance: system.instance,
                environment: system.environment,
                limit: u32::try_from(places.available_permits()).unwrap_or(u32::MAX),
            })
            .collect();
        let until = pause::later(now, Duration::from_secs(app.settings.poll.lease_s));
        match app
            .store
            .claim_reads(now, until, &app.owner, &budgets)
            .await
        {
            Ok(jobs) => {
                for job in jobs {
                    let system = System {
                        instance: job.key.instance,
                        environment: job.key.environment,
                    };
                    let place = places
                        .get(&system)
                        .and_then(|places| Arc::clone(places).try_acquire_owned().ok());
                    if let Some(place) = place {
                        app.tasks.spawn(read(app.clone(), job, system, place));
                    }
                }
            }
            Err(error) => tracing::warn!(error = %error, "the reads due could not be claimed"),
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}

/// Plans the reading of lists that nothing was sent for, spread over their interval.
async fn plan_silent(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let keys = store::read_jobs::unread(&mut tx, SILENT_AT_ONCE).await?;
    drop(tx);
    if keys.is_empty() {
        return Ok(());
    }
    let interval_ms = app.settings.poll.silent_ms();
    let mut tx = app.store.writing().await?;
    for key in &keys {
        let plan = ReadPlan {
            due_at: pause::later(now, Duration::from_millis(place(key) % interval_ms)),
            interval_ms,
        };
        store::read_jobs::schedule(&mut tx, key, plan).await?;
    }
    tx.commit().await
}

/// Returns a number that is the same for a list every time and tells two lists apart.
fn place(key: &ReadKey) -> u64 {
    let text = key.siret_cfa.as_str().bytes();
    let text = text.chain(key.instance.opco.slug().bytes());
    text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

async fn read(app: App, job: ReadJob, system: System, _place: OwnedSemaphorePermit) {
    let started = std::time::Instant::now();
    let listed = listed(&app, &job).await;
    let now = app.clock.now();
    let (word, result) = match listed {
        Ok(seen) => {
            dispatch::learn(&app, system, &domain::Outcome::Absent).await;
            written(&app, &job, &seen, now).await
        }
        Err(ReadFault::Opco(fault)) => {
            dispatch::learn_fault(&app, system, &fault).await;
            let rest = app.settings.poll.rest(job.interval_ms, FAILED_REST);
            let rest = fault.retry_after.unwrap_or_default().max(rest);
            tracing::info!(%system, fault = fault.kind.as_str(), said = %fault.detail, "states could not be read");
            (
                fault.kind.as_str(),
                failed(&job, fault.kind.as_str(), pause::later(now, rest)),
            )
        }
        Err(ReadFault::NotNow(at)) => ("limit", failed(&job, "limit", at)),
        Err(ReadFault::Unable(why)) => {
            let rest = app.settings.poll.rest(job.interval_ms, UNABLE_REST);
            ("unable", failed(&job, why, pause::later(now, rest)))
        }
    };
    app.metrics
        .read(system.instance.opco, "etats", word, started.elapsed());
    if let Err(error) = end(&app, &job, result, now).await {
        tracing::warn!(error = %error, "a read could not be closed; its lease will");
    }
}

/// Writes what a list says, and decides when it is read again.
async fn written(
    app: &App,
    job: &ReadJob,
    seen: &[EtatSeen],
    now: Timestamp,
) -> (&'static str, ReadResult) {
    match apply(app, job, seen, now).await {
        Ok(changes) => {
            tracing::info!(
                tenant.id = %job.key.tenant,
                opco = job.key.instance.opco.slug(),
                listed = seen.len(),
                changed = changes.len(),
                "states read"
            );
            for change in changes.iter().filter(|change| change.unknown) {
                tracing::warn!(dossier.id = %change.dossier, "an OPCO spells a state nobody knows");
                app.metrics.state_unknown(job.key.instance.opco);
            }
            let interval_ms = app
                .settings
                .poll
                .after(job.interval_ms, !changes.is_empty());
            let due_at = pause::later(now, Duration::from_millis(interval_ms));
            (
                "read",
                ReadResult {
                    word: "read",
                    read: true,
                    due_at,
                    interval_ms,
                },
            )
        }
        Err(error) => {
            tracing::warn!(error = %error, "the states read could not be written");
            (
                "store",
                failed(job, "store", pause::later(now, FAILED_REST)),
            )
        }
    }
}

async fn apply(
    app: &App,
    job: &ReadJob,
    seen: &[EtatSeen],
    now: Timestamp,
) -> Result<Vec<StateChange>, StoreError> {
    let key = &job.key;
    let mut changes = Vec::new();
    for part in seen.chunks(APPLIED_AT_ONCE) {
        let mut tx = app.store.writing().await?;
        let applied = store::dossiers::apply_states(
            &mut tx,
            key.tenant,
            &key.siret_cfa,
            key.instance,
            key.environment,
            part,
            now,
        );
        let applied = applied.await?;
        // What no dossier of ours has may still be one on its way, whose number is not told yet.
        let due_at = pause::later(now, app.settings.poll.first());
        strangers::remember(&mut tx, key, part, due_at, now).await?;
        let events: Vec<NewEvent> = applied
            .iter()
            .flat_map(|change| told(change, now))
            .collect();
        store::events::append(&mut tx, key.tenant, &events);
        tx.commit().await?;
        changes.extend(applied);
    }
    // What the OPCO has committed to has a schedule, to be read for the first time.
    let mut tx = app.store.writing().await?;
    store::schedules::enlist(&mut tx, key, now).await?;
    tx.commit().await?;
    Ok(changes)
}

/// Returns what the log says of a change: names as the norm's users know them (design §4.4).
pub(crate) fn told(change: &StateChange, now: Timestamp) -> Vec<NewEvent> {
    let event = |kind: &'static str, data| {
        let mut event = NewEvent::new(now, kind).with(data);
        event.delivery = change.delivery;
        event.dossier = Some(change.dossier);
        event
    };
    let mut events = Vec::new();
    if change.unknown {
        events.push(event(
            "dossier.state_unknown",
            serde_json::json!({ "etat": change.raw }),
        ));
    } else if change.after != change.before {
        let data = serde_json::json!({ "before": change.before, "etat": change.after });
        events.push(event("dossier.etat_changed", data));
    }
    if let Some(deca) = &change.new_deca {
        events.push(event(
            "dossier.updated",
            serde_json::json!({ "numeroDeca": deca }),
        ));
    }
    events
}

async fn end(
    app: &App,
    job: &ReadJob,
    result: ReadResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = app.store.writing().await?;
    store::read_jobs::settle(&mut tx, job, &app.owner, result, now).await?;
    tx.commit().await
}

fn failed(job: &ReadJob, word: &'static str, due_at: Timestamp) -> ReadResult {
    ReadResult {
        word,
        read: false,
        due_at,
        interval_ms: job.interval_ms,
    }
}

enum ReadFault {
    Opco(Fault),
    NotNow(domain::Timestamp),
    Unable(&'static str),
}

async fn listed(app: &App, job: &ReadJob) -> Result<Vec<EtatSeen>, ReadFault> {
    let account = Account::of(app, &job.key)
        .await
        .map_err(ReadFault::Unable)?;
    let silent = app.settings.poll.is_silent(job.interval_ms);
    if silent && plan::open_version(app, &account.view, account.system).is_none() {
        return Err(ReadFault::Unable("closed"));
    }
    let reader = account.reader(pause::later(app.clock.now(), account.profile.timeout()));
    let bound = app.real(account.profile.timeout().saturating_mul(2));
    let etats = match tokio::time::timeout(bound, states::all(app, &reader, false)).await {
        Ok(Ok(etats)) => etats,
        Ok(Err(Unread::Fault(fault))) => return Err(ReadFault::Opco(fault)),
        Ok(Err(Unread::NotBefore(at))) => return Err(ReadFault::NotNow(at)),
        Err(_) => {
            return Err(ReadFault::Opco(Fault::new(
                FaultKind::Unavailable,
                "no answer in time",
            )));
        }
    };
    let reader = account.reader(pause::later(app.clock.now(), account.profile.timeout()));
    let invoices = billed::listed(app, &job.key, &account, &reader);
    match tokio::time::timeout(bound, invoices).await {
        // The states of the dossiers were read all the same: the invoices wait for the next time.
        Ok(Err(Unread::Fault(fault))) => {
            dispatch::learn_fault(app, account.system, &fault).await;
            tracing::info!(fault = fault.kind.as_str(), said = %fault.detail, "invoices could not be listed");
        }
        Ok(Ok(()) | Err(Unread::NotBefore(_))) | Err(_) => {}
    }
    Ok(etats.items.into_iter().map(seen).collect())
}

/// A state the profile knows under another name is kept under the norm's, so that the store, which
/// knows no profile, reads it too.
fn seen(item: opco::EtatDossier) -> EtatSeen {
    let etat = match (&item.etat_brut, item.etat) {
        (Some(raw), Some(known)) if Etat::read(raw).is_none() => Some(known.as_str().to_owned()),
        _ => item.etat_brut,
    };
    EtatSeen {
        numero_interne: item.numero_interne,
        numero_externe: item.numero_externe,
        numero_deca: item.numero_deca,
        etat,
    }
}
