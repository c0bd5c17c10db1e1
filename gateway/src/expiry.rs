//! The end of CFA keys: asked of the OPCO once a day where it tells it, and told to the network 60, 30, 7
//! and 1 days before, then once when it has passed, whichever replica does and however often it looks.

use std::time::{Duration, Instant};

use domain::calendar::day_in_france;
use domain::deadline::{self, KEY_DAYS_AHEAD};
use domain::id::TenantId;
use domain::{Capability, Fault, FaultKind, Outcome, Timestamp};
use jiff::ToSpan as _;
use jiff::civil::Date;
use opco::{Answer, KeyInfo, Operation};
use store::keys::{CfaKey, validity};
use store::read_jobs::ReadKey;
use store::{NewEvent, StoreError, countdowns};

use crate::app::App;
use crate::breaker::State;
use crate::states::{self, Account, Unread};
use crate::{learn, pause, plan, rounds};

/// How long until an OPCO that answered is asked again.
const ASKED_AGAIN: Duration = Duration::from_hours(24);
/// How long until one that did not is; also for how long a key is in one process's hands.
const FAILED_REST: Duration = Duration::from_hours(1);

/// How long after a start the first round is.
const FIRST: Duration = Duration::from_mins(5);

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let every = Duration::from_secs(app.settings.poll.countdown_s.max(1));
    rounds::run(
        &app,
        (every.min(FIRST), every),
        "the ends of the keys could not be looked at",
        round,
    )
    .await;
}

/// Looks at every network once: what is known is told before anybody is asked, who may be slow.
async fn round(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let networks = store::tenants::networks(&mut tx).await?;
    drop(tx);
    for network in &networks {
        tell(app, network.id).await?;
    }
    for network in &networks {
        if ask_all(app, network.id).await? {
            tell(app, network.id).await?;
        }
    }
    Ok(())
}

/// Tells the ends that are near or there and were not told yet.
async fn tell(app: &App, tenant: TenantId) -> Result<(), StoreError> {
    let now = app.clock.now();
    let today = day_in_france(now);
    let furthest = KEY_DAYS_AHEAD.into_iter().max().unwrap_or_default();
    let until = today.saturating_add(furthest.days());
    let mut tx = app.store.reading().await?;
    let ending = validity::ending_by(&mut tx, tenant, until).await?;
    drop(tx);
    let due: Vec<(&CfaKey, Date, (i32, i32))> = ending
        .iter()
        .filter_map(|key| {
            let last_day = key.expires_on?;
            Some((key, last_day, deadline::key_end(last_day, today)?))
        })
        .collect();
    if due.is_empty() {
        return Ok(());
    }
    let mut tx = app.store.writing().await?;
    let mut events = Vec::new();
    for (key, last_day, (ahead, left)) in due {
        if countdowns::tell_key(&mut tx, tenant, key.id, last_day, ahead, now).await? {
            tracing::warn!(key.id = %key.id, siret = %key.siret_cfa, opco = key.instance.opco.slug(),
                days_left = left, "a CFA key nears its end");
            events.push(event(key, last_day, left, now));
        }
    }
    store::events::append(&mut tx, tenant, &events);
    tx.commit().await
}

fn event(key: &CfaKey, last_day: Date, left: i32, now: Timestamp) -> NewEvent {
    NewEvent::new(now, "key.expiring").with(serde_json::json!({
        "environment": key.environment,
        "siretCfa": key.siret_cfa,
        "opco": key.instance.opco.slug(),
        "instance": key.instance.number,
        "dateFinValidite": last_day,
        "joursRestants": left.max(0),
        "expiree": left < 0,
    }))
}

/// Asks about every key of a network that is due; returns whether an end was learnt.
async fn ask_all(app: &App, tenant: TenantId) -> Result<bool, StoreError> {
    let mut tx = app.store.reading().await?;
    let due = validity::to_ask(&mut tx, tenant, app.clock.now()).await?;
    drop(tx);
    let mut learnt = false;
    for key in due {
        if app.tasks.is_stopping() {
            break;
        }
        let at = ReadKey {
            tenant,
            siret_cfa: key.siret_cfa,
            instance: key.instance,
            environment: key.environment,
        };
        // What is missing shows where the key is used.
        let Ok(account) = Account::of(app, &at).await else {
            continue;
        };
        let system = account.system;
        let is_well = matches!(app.breakers.state(system, app.clock.now()), State::Closed)
            && app.limits.silent_until(system).is_none();
        if is_well && plan::may(app, &account.view, system, Capability::Cfakeyinfo) {
            learnt |= ask(app, &key, &account).await?;
        }
    }
    Ok(learnt)
}

/// Asks about one key, unless another process does.
async fn ask(app: &App, key: &CfaKey, account: &Account<'_>) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let until = pause::later(now, FAILED_REST);
    let mut tx = app.store.writing().await?;
    let mine = validity::take(&mut tx, key.tenant, key.id, now, until).await?;
    tx.commit().await?;
    if !mine {
        return Ok(false);
    }
    let started = Instant::now();
    let answer = info(app, key, account).await;
    let (opco, system) = (key.instance.opco, account.system);
    let (word, info) = match answer {
        Ok(info) => {
            learn::of(app, system, &Outcome::Absent).await;
            ("read", Some(info))
        }
        Err(Unread::Fault(fault)) => {
            learn::of_fault(app, system, &fault).await;
            tracing::info!(%system, fault = fault.kind.as_str(), said = %fault.detail, "the end of a key could not be read");
            (fault.kind.as_str(), None)
        }
        Err(Unread::NotBefore(_)) => ("limit", None),
    };
    app.metrics
        .read(opco, "cfakeyinfo", word, started.elapsed());
    let Some(info) = info else { return Ok(false) };
    if !info.known {
        tracing::warn!(key.id = %key.id, siret = %key.siret_cfa, opco = opco.slug(), "an OPCO does not know a CFA key in use");
    }
    let end = info.date_fin_validite;
    let again_at = pause::later(now, ASKED_AGAIN);
    let mut tx = app.store.writing().await?;
    validity::told(&mut tx, key.tenant, key.id, end, again_at).await?;
    tx.commit().await?;
    Ok(end.is_some() && end != key.expires_on)
}

async fn info(app: &App, key: &CfaKey, account: &Account<'_>) -> Result<KeyInfo, Unread> {
    let operation = Operation::KeyInfo {
        siren: key.siret_cfa.siren(),
    };
    let timeout = account.profile.timeout();
    let reader = account.reader(pause::later(app.clock.now(), timeout));
    let asked = states::ask(app, &reader, &operation, false);
    let bound = app.real(timeout.saturating_mul(2));
    let fault = |kind, why| Err(Unread::Fault(Fault::new(kind, why)));
    match tokio::time::timeout(bound, asked).await {
        Ok(Ok(Answer::KeyInfo(info))) => Ok(info),
        Ok(Ok(_)) => fault(FaultKind::Unreadable, "not about a key"),
        Ok(Err(unread)) => Err(unread),
        Err(_) => fault(FaultKind::Unavailable, "no answer in time"),
    }
}
