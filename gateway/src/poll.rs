//! Reads states back: one list for each site at each system, within a budget, often while things
//! move and seldom once they rest. A list that is empty or cut short never erases what is known.

mod interval;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Etat, Fault, FaultKind, Timestamp};
use store::read_jobs::{ReadBudget, ReadJob, ReadKey, ReadResult};
use store::{EtatSeen, NewEvent, ReadPlan, StateChange, StoreError, strangers};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::interval::Settings;
use crate::app::App;
use crate::billed;
use crate::breaker::State;
use crate::learn;
use crate::pause;
use crate::plan;
use crate::retention;
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

/// How often silent sites are looked for, on the gateway's clock.
const SILENT_EVERY: Duration = Duration::from_mins(1);

/// How many are planned at once.
const SILENT_AT_ONCE: u32 = 500;

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
            learn::of(&app, system, &domain::Outcome::Absent).await;
            written(&app, &job, &seen, now).await
        }
        Err(ReadFault::Opco(fault)) => {
            learn::of_fault(&app, system, &fault).await;
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
        retention::committed(app, &mut tx, key.tenant, &applied, now).await?;
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
    let numbers = [
        ("numeroExterne", &change.new_externe),
        ("numeroDeca", &change.new_deca),
    ];
    let new: serde_json::Map<_, _> = numbers
        .into_iter()
        .filter_map(|(name, new)| Some((name.to_owned(), opco::reference(new.as_deref()?).into())))
        .collect();
    if !new.is_empty() {
        events.push(event("dossier.updated", new.into()));
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
    if result.read {
        store::keys::read_with(&mut tx, &job.key, now).await?;
    }
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
            learn::of_fault(app, account.system, &fault).await;
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
