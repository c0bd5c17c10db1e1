//! Tells ERPs of events: Standard Webhooks, each endpoint in the order of the log, from a position
//! that is kept; one dossier's event that is not taken while others are is put aside with those behind
//! it. An endpoint that does not answer is tried for days, then told no more until a
//! person says so; its position stays, so nothing is lost.

pub(crate) mod address;
pub(crate) mod names;
mod page;
mod parking;
mod post;
pub(crate) mod signature;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use admin_api::hooks::{Unfit, Wanted};
use domain::Timestamp;
use domain::subnet::Subnet;
use serde::{Deserialize, Serialize};
use store::StoreError;
use tokio::sync::{Notify, Semaphore};

use self::address::Rule;
pub(crate) use self::post::test;
#[cfg(test)]
pub(crate) use self::wire::Outcome;
use self::wire::Wire;
use crate::app::App;
use crate::pause;

/// How often the store is asked whom something can be told, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(1);

/// How many rounds between two pictures of the endpoints.
const ROUNDS_PER_PICTURE: u32 = 30;

/// How many endpoints one process tells at once: more than one network may have.
const AT_ONCE: usize = 64;

/// How long one sender goes on with one endpoint before it lets the others have their turn.
const PAGE_SPAN: Duration = Duration::from_secs(30);

/// The rests after failures; the last one serves for all that follow.
const RESTS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// For how long an endpoint may fail before it is told no more.
const PATIENCE: Duration = Duration::from_hours(5 * 24);

/// The longest label.
const LABEL_CHARS_MAX: usize = 100;
/// The most names of events one webhook asks for.
pub(crate) const KINDS_MAX: usize = 50;

/// How ERPs are called.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long an ERP may take to answer, in seconds.
    pub timeout_s: u64,
    /// Networks that are not public and may be called all the same, as `10.20.0.0/16`.
    pub allowed_networks: Vec<String>,
    /// Whether this very machine may be called without TLS: for trials.
    pub allow_http: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_s: 15,
            allowed_networks: Vec::new(),
            allow_http: false,
        }
    }
}

impl Settings {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// Returns what is wrong with the networks, by their place in the list.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &str> {
        let networks = self.allowed_networks.iter().map(String::as_str);
        networks.filter(|text| text.parse::<Subnet>().is_err())
    }
}

/// What telling needs beside the store.
#[derive(Debug)]
pub(crate) struct Notifier {
    wire: Wire,
    settings: Settings,
}

impl Notifier {
    /// Starts with nobody called.
    pub(crate) fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let networks = settings.allowed_networks.iter();
        let rule = Rule::new(networks.filter_map(|text| text.parse().ok()).collect());
        Ok(Self {
            wire: Wire::new(rule, settings.allow_http)?,
            settings: settings.clone(),
        })
    }

    /// Says whether a webhook can be as somebody asks for it: an address that can be called at all, a
    /// name that can be shown, events that there are.
    pub(crate) fn fits(&self, wanted: &Wanted) -> Result<(), Unfit> {
        self.unfit(wanted).into_iter().next().map_or(Ok(()), Err)
    }

    /// Says everything for which an endpoint cannot be as it is asked for.
    pub(crate) fn unfit(&self, wanted: &Wanted) -> Vec<Unfit> {
        let mut found: Vec<Unfit> = self.wire.check(&wanted.url).err().into_iter().collect();
        let label = &wanted.label;
        if label.chars().count() > LABEL_CHARS_MAX || label.chars().any(char::is_control) {
            found.push(Unfit::Label);
        }
        let known = wanted.kinds.iter().all(|kind| names::is_name(kind));
        if wanted.kinds.len() > KINDS_MAX || !known {
            found.push(Unfit::Kinds);
        }
        found
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let more = Arc::new(Notify::new());
    let mut rounds = 0_u32;
    while !app.tasks.is_stopping() {
        if let Err(error) = round(&app, &places, &more).await {
            tracing::warn!(error = %error, "the endpoints to tell could not be claimed");
        }
        if rounds.is_multiple_of(ROUNDS_PER_PICTURE)
            && let Err(error) = picture(&app).await
        {
            tracing::warn!(error = %error, "the endpoints could not be counted");
        }
        rounds = rounds.wrapping_add(1);
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = more.notified() => {}
            () = app.tasks.stopping() => {}
        }
    }
}

/// Claims whom something can be told, and tells them.
async fn round(app: &App, places: &Arc<Semaphore>, more: &Arc<Notify>) -> Result<(), StoreError> {
    let now = app.clock.now();
    // A call that began just before the end of a page still ends within the lease.
    let timeout = app.notifier.settings.timeout();
    let until = pause::later(now, PAGE_SPAN.saturating_add(timeout.saturating_mul(2)));
    let free = u32::try_from(places.available_permits()).unwrap_or(u32::MAX);
    let claimed = app.store.claim_webhooks(now, until, &app.owner, free);
    for endpoint in claimed.await? {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            break;
        };
        let (app, more) = (app.clone(), Arc::clone(more));
        let tasks = app.tasks.clone();
        tasks.spawn(async move {
            let ended = page::tell(&app, &endpoint, until).await;
            drop(place);
            match ended {
                Ok(true) => more.notify_one(),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(endpoint.id = %endpoint.id, error = %error,
                        "an endpoint could not be told; its lease will end");
                }
            }
        });
    }
    Ok(())
}

/// Shows the endpoints to whoever reads the measures.
async fn picture(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    app.metrics
        .webhooks(&store::webhooks::picture(&mut tx).await?);
    Ok(())
}

/// Returns when to try again after so many failures; chance, from 0 to 255, only adds.
fn rest(failures: u32, chance: u8, asked: Option<Duration>) -> Duration {
    let place = usize::try_from(failures)
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let rest = RESTS
        .get(place)
        .or(RESTS.last())
        .copied()
        .unwrap_or_default();
    let spread = rest.saturating_mul(chance.into()) / 2_560;
    rest.saturating_add(spread).max(asked.unwrap_or_default())
}

/// Returns whether an endpoint has failed for too long.
fn given_up(failing_since: Timestamp, now: Timestamp) -> bool {
    pause::later(failing_since, PATIENCE) <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_over_days_and_chance_only_adds() {
        assert_eq!(rest(1, 0, None), Duration::from_secs(5));
        assert_eq!(rest(4, 0, None), Duration::from_hours(2));
        assert_eq!(rest(9, 0, None), Duration::from_hours(24));
        assert_eq!(rest(400, 0, None), Duration::from_hours(24));
        let most = rest(9, u8::MAX, None);
        assert!(most > Duration::from_hours(24) && most < Duration::from_hours(27));
    }

    #[test]
    fn what_a_receiver_asks_for_is_a_floor() {
        let hour = Duration::from_hours(1);
        assert_eq!(rest(1, 0, Some(hour)), hour);
        assert_eq!(rest(9, 0, Some(hour)), Duration::from_hours(24));
    }

    #[test]
    fn a_receiver_is_tried_for_five_days() {
        let since = "2026-09-01T08:00:00Z".parse().unwrap();
        assert!(!given_up(since, "2026-09-06T07:59:59Z".parse().unwrap()));
        assert!(given_up(since, "2026-09-06T08:00:00Z".parse().unwrap()));
    }
}
