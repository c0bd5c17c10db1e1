//! Acts of people upon many deliveries, one delivery at a time, at the rate the person gave.
//!
//! What each takes is left to the road of a delivery: an act here only releases it. Each is done as the
//! person who began, with the rights they have at that moment, and is written together with its turn: a
//! process that ends between two leaves nothing half done, and nothing to do twice.

use std::time::Duration;

use admin_api::people::{self, Author};
use domain::bulk::{Halt, Obstacle};
use domain::{Siret, Timestamp};
use store::bulks::{self, Bulk, Item, Leased, Turn, Window};
use store::{Delivery, NewEvent, StoreError, Tx, deliveries};

use crate::actions::{self, Refusal, Request};
use crate::app::App;
use crate::{desk, pause, rounds};

/// How often what is due is looked for, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(1);
/// How long one process has an act in hand.
const LEASE: Duration = Duration::from_mins(1);
/// How often a delivery is tried that changes under our hands.
const TRIES: u32 = 3;
/// What a slow round may catch up with, in seconds of the rate; the rest is let go of, as a rate is no
/// debt.
const CATCH_UP_S: u32 = 10;

/// What became of one turn.
enum Reached {
    /// The act was done, and its turn is written with it.
    Done,
    /// Something is in the way.
    Not(Obstacle),
    /// It changed meanwhile: try again.
    Again,
    /// The account of the person who began is closed: nothing more is done.
    Closed,
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let failed = "an act upon many deliveries could not go on";
    rounds::run(&app, (EVERY, EVERY), failed, round).await;
}

/// Gives their turn to the deliveries that are due.
async fn round(app: &App) -> Result<(), StoreError> {
    while !app.tasks.is_stopping() {
        let now = app.clock.now();
        let until = pause::later(now, LEASE);
        let taken = app.store.claim_bulks(now, until, &app.owner, 1).await?;
        let Some(leased) = taken.first() else {
            return Ok(());
        };
        go_on(app, leased, now).await?;
    }
    Ok(())
}

/// Gives as many deliveries their turn as the rate allows by now.
async fn go_on(app: &App, leased: &Leased, now: Timestamp) -> Result<(), StoreError> {
    let bulk = &leased.bulk;
    let (turns, due_at) = pace(bulk.per_minute, leased.due_at, now);
    let mut tx = app.store.reading().await?;
    let window = Window {
        after: bulk.reached(),
        limit: turns,
        ..Window::default()
    };
    let items = bulks::items(&mut tx, bulk.tenant, bulk.id, window).await?;
    drop(tx);
    for item in &items {
        if app.tasks.is_stopping() {
            break;
        }
        if !reach(app, bulk, item).await? {
            return Ok(());
        }
    }
    let at = app.clock.now();
    let mut tx = app.store.writing().await?;
    let which = (bulk.tenant, bulk.id);
    if bulks::end(&mut tx, which, &app.owner, at).await? {
        tell_end(&mut tx, bulk, at).await?;
    } else {
        bulks::rest(&mut tx, which, &app.owner, due_at).await?;
    }
    tx.commit().await
}

/// Returns how many turns are due by now, and when the next one is.
fn pace(per_minute: u32, due_at: Timestamp, now: Timestamp) -> (u32, Timestamp) {
    let interval = Duration::from_mins(1) / per_minute.max(1);
    let behind = pause::span_until(due_at, now).as_millis() / interval.as_millis().max(1);
    let most = (per_minute * CATCH_UP_S / 60).max(1);
    match u32::try_from(behind).unwrap_or(u32::MAX).saturating_add(1) {
        turns if turns <= most => (turns, pause::later(due_at, interval * turns)),
        _ => (most, pause::later(now, interval)),
    }
}

async fn tell_end(tx: &mut Tx, bulk: &Bulk, at: Timestamp) -> Result<(), StoreError> {
    let ended = bulks::find(tx, bulk.tenant, bulk.id).await?;
    let event = ended.map(|bulk| {
        NewEvent::new(at, "bulk.ended").with(serde_json::json!({
            "bulk": bulk.id,
            "environment": bulk.environment,
            "done": bulk.done,
            "skipped": bulk.skipped,
            "failed": bulk.failed,
        }))
    });
    store::events::append(tx, bulk.tenant, event.as_slice());
    Ok(())
}

/// Gives one delivery its turn. Returns whether the act is still in our hands.
async fn reach(app: &App, bulk: &Bulk, item: &Item) -> Result<bool, StoreError> {
    let turn = Turn {
        tenant: bulk.tenant,
        bulk: bulk.id,
        place: item.place,
        owner: app.owner.clone(),
    };
    let mut obstacle = Obstacle::Busy;
    for _ in 0..TRIES {
        match attempt(app, bulk, item, &turn).await? {
            Reached::Done => return Ok(true),
            Reached::Again => {}
            Reached::Closed => {
                halt(app, bulk).await?;
                return Ok(false);
            }
            Reached::Not(found) => {
                obstacle = found;
                break;
            }
        }
    }
    let mut tx = app.store.writing().await?;
    let mine = bulks::reach(&mut tx, &turn, Some(obstacle), app.clock.now()).await?;
    tx.commit().await?;
    Ok(mine)
}

/// Stops an act whose person's account is closed: what is left stays as it is.
async fn halt(app: &App, bulk: &Bulk) -> Result<(), StoreError> {
    let at = app.clock.now();
    let why = Halt::AuthorClosed;
    let mut tx = app.store.writing().await?;
    if !bulks::cancel(&mut tx, (bulk.tenant, bulk.id), ("gateway", why), at).await? {
        return Ok(());
    }
    // After the stop: what it says is the last word.
    let stopped = bulks::find(&mut tx, bulk.tenant, bulk.id).await?;
    let event = stopped.map(|bulk| {
        NewEvent::new(at, "bulk.cancelled").with(serde_json::json!({
            "bulk": bulk.id,
            "environment": bulk.environment,
            "cause": why,
            "done": bulk.done,
            "skipped": bulk.skipped,
            "failed": bulk.failed,
            "left": bulk.total.saturating_sub(bulk.reached()),
        }))
    });
    store::events::append(&mut tx, bulk.tenant, event.as_slice());
    tx.commit().await
}

/// Writes that a delivery of a site had its turn, in the transaction of the act. Returns whether it may
/// stay: the turn is still ours to give, and the person who began still reaches the site, whatever changed
/// since the delivery was read.
pub(crate) async fn take_turn(
    tx: &mut Tx,
    turn: &Turn,
    site: &Siret,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(bulk) = bulks::find(tx, turn.tenant, turn.bulk).await? else {
        return Ok(false);
    };
    let author = people::author(tx, bulk.tenant, bulk.person, bulk.environment).await?;
    let reached = matches!(&author, Author::Acts(by) if reaches(by, site));
    Ok(reached && bulks::reach(tx, turn, None, now).await?)
}

/// Tries the act on one delivery, as the person who began and as that person may now.
async fn attempt(app: &App, bulk: &Bulk, item: &Item, turn: &Turn) -> Result<Reached, StoreError> {
    let mut tx = app.store.reading().await?;
    let author = people::author(&mut tx, bulk.tenant, bulk.person, bulk.environment).await?;
    let delivery = deliveries::find(&mut tx, bulk.tenant, item.delivery).await?;
    let another = bulks::reached_by_another(&mut tx, turn, item.delivery, bulk.created_at).await?;
    drop(tx);
    let by = match author {
        Author::Closed => return Ok(Reached::Closed),
        Author::Idle => None,
        Author::Acts(by) => Some(by),
    };
    let delivery = delivery.filter(|delivery| delivery.environment == bulk.environment);
    let Some(delivery) = delivery else {
        return Ok(Reached::Not(Obstacle::Gone));
    };
    let Some(by) = by.filter(|by| reaches(by, &delivery.siret_cfa)) else {
        return Ok(Reached::Not(Obstacle::Forbidden));
    };
    if another {
        return Ok(Reached::Not(Obstacle::OtherBulk));
    }
    if bulks::stood(&delivery) != item.stood {
        return Ok(Reached::Not(Obstacle::Changed));
    }
    if let Some(obstacle) = actions::obstacle(&delivery, bulk.action, bulk.opco) {
        return Ok(Reached::Not(obstacle));
    }
    let request = Request {
        action: bulk.action,
        reason: bulk.reason.clone(),
        opco: bulk.opco,
        mandate: None,
        receipt: None,
        turn: Some(turn.clone()),
    };
    match actions::act_on(app, &desk::actor(&by), &delivery, request).await {
        Ok(()) => Ok(Reached::Done),
        Err(refusal) => refused(&delivery, refusal),
    }
}

fn reaches(by: &admin_api::By, site: &Siret) -> bool {
    let sites = by.sites.as_ref();
    sites.is_none_or(|sites| sites.contains(site))
}

fn refused(delivery: &Delivery, refusal: Refusal) -> Result<Reached, StoreError> {
    Ok(match refusal {
        Refusal::Changed => Reached::Again,
        Refusal::Unknown => Reached::Not(Obstacle::Gone),
        Refusal::NotNow { .. } => Reached::Not(Obstacle::NotNow),
        Refusal::Missing(_) => Reached::Not(Obstacle::Missing),
        Refusal::NumberTaken(_) => Reached::Not(Obstacle::NumberTaken),
        Refusal::Store(error) if error.is_temporary() => return Err(error),
        Refusal::Store(error) => {
            tracing::error!(delivery.id = %delivery.id, error = %error, "an act upon many failed for one");
            Reached::Not(Obstacle::Internal)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_never_owed() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let due = at("2026-09-02T08:00:00Z");
        assert_eq!(pace(60, due, due), (1, at("2026-09-02T08:00:01Z")));
        let late = at("2026-09-02T08:00:04Z");
        assert_eq!(pace(60, due, late), (5, at("2026-09-02T08:00:05Z")));
        let much_later = at("2026-09-02T09:00:00Z");
        assert_eq!(pace(60, due, much_later), (10, at("2026-09-02T09:00:01Z")));
        // Slower than one in ten seconds: still one at a time.
        assert_eq!(pace(1, due, late), (1, at("2026-09-02T08:01:00Z")));
    }
}
