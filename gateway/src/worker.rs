//! Takes what is due, fairly, and never more than may be sent.
//!
//! Work just accepted is handed over in memory, by name; everything else, and whatever that misses
//! (a restart, a full inbox, a retry come due), is found by asking the store. Systems take turns,
//! and within a system the networks do: a network with a million jobs delays another by one round.

mod inbox;
mod rounds;

use std::collections::HashMap;
use std::time::Duration;

use domain::retry::Schedule;
use domain::{DeliveryId, TenantId};
use serde::{Deserialize, Serialize};
use store::{ActivePair, Claimed, StoreError, Want, Was};
use tokio::sync::OwnedSemaphorePermit;

pub(crate) use self::inbox::Inbox;
use self::rounds::Rounds;
use crate::app::App;
use crate::limits::silence;
use crate::mutation::{self, Mutation};
use crate::system::System;
use crate::{breaker, dispatch, pause};

/// Most jobs one round claims, over all systems.
const CLAIM_MAX: usize = 256;

/// How often the store is asked what is due, on the gateway's clock.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long the loop rests after the store failed.
const STORE_REST: Duration = Duration::from_secs(1);

/// How the work is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_field_names,
    reason = "the name of a setting ends with its unit"
)]
pub struct Settings {
    /// How long a claim holds, in seconds. Longer than any exchange, which a check at start holds
    /// against the profiles.
    pub lease_s: u64,
    /// The longest a claimed call waits for its turn before it is put back, in seconds.
    pub turn_wait_s: u64,
    /// The delays between attempts, in seconds; after the last one a delivery is dead and can be
    /// revived. The rules' own schedule when absent.
    pub retry_after_s: Option<Vec<u64>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease_s: 180,
            turn_wait_s: 20,
            retry_after_s: None,
        }
    }
}

impl Settings {
    /// Returns the lease of a claim.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_s)
    }

    /// Returns the longest wait of a claimed call for its turn.
    pub(crate) fn turn_wait(&self) -> Duration {
        Duration::from_secs(self.turn_wait_s)
    }

    /// Returns the delays between attempts; unusable ones are told at start, not here.
    pub(crate) fn schedule(&self) -> Schedule {
        let Some(seconds) = &self.retry_after_s else {
            return Schedule::default();
        };
        Schedule::new(seconds.iter().copied().map(Duration::from_secs).collect())
            .unwrap_or_default()
    }
}

/// Runs until the process is asked to stop. What was claimed by then is finished by its own task.
pub(crate) async fn run(app: App) {
    let mut rounds = Rounds::default();
    let mut ask_at = app.clock.now();
    app.inbox.attend(true);
    while !app.tasks.is_stopping() {
        let now = app.clock.now();
        if now >= ask_at {
            match due(&app).await {
                Ok(pairs) => rounds.due(&pairs, now),
                Err(error) => {
                    tracing::warn!(error = %error, "the store cannot say what is due");
                    tokio::time::sleep(STORE_REST).await;
                    continue;
                }
            }
            ask_at = pause::later(now, ASK_EVERY);
        }
        start_claimed(&app);
        for (tenant, system, id) in app.inbox.drain() {
            rounds.handed_over(tenant, system, id);
        }
        let done = round(&app, &mut rounds).await;
        app.inbox.left(rounds.waiting());
        match done {
            Ok(0) => wait(&app, ask_at).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %error, "a claim failed");
                tokio::time::sleep(STORE_REST).await;
            }
        }
    }
    app.inbox.attend(false);
}

/// Returns a place among the calls under way for what may leave as soon as it is stored: its system is
/// well and has room, and nothing waits that should leave before it.
pub(crate) fn place(app: &App, system: System) -> Option<OwnedSemaphorePermit> {
    let now = app.clock.now();
    let free = !app.tasks.is_stopping()
        && app.inbox.is_free(system)
        && app.limits.silent_until(system).is_none()
        && app.breakers.state(system, now) == breaker::State::Closed;
    if free {
        app.limits.try_slot(system)
    } else {
        None
    }
}

/// Starts what was claimed together with its custody.
pub(crate) fn start_claimed(app: &App) {
    for (job, slot) in app.inbox.claimed() {
        match crate::system::of(&job.delivery) {
            Some(system) => app
                .tasks
                .spawn(dispatch::run(app.clone(), system, job, slot)),
            None => {
                tracing::error!(delivery.id = %job.delivery.id, "a claimed delivery has no OPCO");
            }
        }
    }
}

/// Asks the store what is due, and first whom other replicas were told not to call.
async fn due(app: &App) -> Result<Vec<ActivePair>, StoreError> {
    silence::recall(app).await?;
    app.store.active_pairs().await
}

/// Waits for work, for a free place, or for the next time to ask.
async fn wait(app: &App, ask_at: domain::Timestamp) {
    tokio::select! {
        () = app.inbox.woken() => {}
        () = pause::until(&*app.clock, ask_at) => {}
        () = app.tasks.stopping() => {}
    }
}

/// Claims one round and starts it; returns how many jobs were started.
async fn round(app: &App, rounds: &mut Rounds) -> Result<usize, StoreError> {
    let now = app.clock.now();
    let mut wants: Vec<Want> = Vec::new();
    let mut names: Vec<(TenantId, DeliveryId)> = Vec::new();
    let mut room = CLAIM_MAX;
    let mut admitted: HashMap<System, usize> = HashMap::new();
    for system in rounds.systems() {
        let free = app.limits.free_slots(system).min(room);
        let places = app.breakers.admit(system, free, now);
        if places == 0 {
            continue;
        }
        let share = rounds.share(system, places);
        let used = share.names.len() + share.wants.iter().map(|want| want.1).sum::<usize>();
        if used == 0 {
            app.breakers.withdraw(system);
            continue;
        }
        room = room.saturating_sub(used);
        admitted.insert(system, used);
        names.extend(share.names);
        wants.extend(share.wants.into_iter().map(|(tenant, limit)| Want {
            tenant,
            instance: system.instance,
            environment: system.environment,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        }));
        if room == 0 {
            break;
        }
    }
    let until = pause::later(now, app.settings.worker.lease());
    let mut claimed = Vec::new();
    if !names.is_empty() {
        claimed = app.store.claim_ids(now, until, &app.owner, &names).await?;
    }
    if !wants.is_empty() {
        let asked = app.store.claim(now, until, &app.owner, &wants).await?;
        rounds.answered(&wants, &asked);
        claimed.extend(asked);
    }
    let started = claimed.len();
    for job in claimed {
        start(app, job, &mut admitted).await;
    }
    // A probe admitted for a job that was not there any more is given back.
    for (system, left) in admitted {
        if left > 0 {
            app.breakers.withdraw(system);
        }
    }
    Ok(started)
}

async fn start(app: &App, job: Claimed, admitted: &mut HashMap<System, usize>) {
    let Some(system) = crate::system::of(&job.delivery) else {
        tracing::error!(delivery.id = %job.delivery.id, "a claimed delivery has no OPCO");
        return;
    };
    if let Some(left) = admitted.get_mut(&system) {
        *left = left.saturating_sub(1);
    }
    if job.reclaimed {
        app.metrics.reclaimed(system.instance.opco);
    }
    if job.was == Was::Unknown && mutation::planted(Mutation::ForgetReclaimed) {
        return;
    }
    match app.limits.try_slot(system) {
        Some(slot) => app
            .tasks
            .spawn(dispatch::run(app.clone(), system, job, slot)),
        // The places were counted before; only a change of limits in between leads here.
        None => dispatch::put_back(app, &job, domain::WaitReason::Limit, app.clock.now()).await,
    }
}
