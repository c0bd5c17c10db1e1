//! Telling one endpoint what it has not been told, in order, until something fails or its time is up.
//! What one dossier's event holds back is decided in [`parking`](super::parking).

use domain::Timestamp;
use serde_json::json;
use store::events::{self, Event, Sight};
use store::webhooks::parking::{self, Parked, Subject};
use store::webhooks::{self, Attempt, Endpoint, Sent};
use store::{NewEvent, StoreError};

use super::parking::{ALONE_REST_MAX, Changes, Lot, Passed};
use super::post::{self, Message};
use super::signature::Signer;
use super::wire::{Call, Outcome};
use super::{PAGE_SPAN, given_up, names, rest};
use crate::app::App;
use crate::failpoint::{self, Step};
use crate::mutation::{self, Mutation};
use crate::pause;

/// How many events are read at once.
const PAGE: u32 = 100;

/// How many events are told before their end is written: a process that dies tells as many again.
const TOLD_MAX: usize = 25;

/// The stable words of an endpoint that is told no more.
const FAILING: &str = "failing";
const GONE: &str = "gone";

/// What came of a page.
struct Progress {
    position: i64,
    failures: u32,
    failing_since: Option<Timestamp>,
    due_at: Timestamp,
    disabled: Option<&'static str>,
    attempts: Vec<Attempt>,
    more: bool,
    /// Events that an ERP did not take while it took others, put aside now.
    parked: Vec<i64>,
}

/// One endpoint in the hands of its sender.
struct Telling<'a> {
    app: &'a App,
    endpoint: &'a Endpoint,
    signers: Vec<Signer>,
    started: Timestamp,
    until: Timestamp,
    progress: Progress,
    lot: Lot,
}

/// Tells an endpoint what it has not been told, and returns whether there is more.
pub(super) async fn tell(
    app: &App,
    endpoint: &Endpoint,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let started = app.clock.now();
    let signers = post::signers(app, endpoint, started).await?;
    let mut tx = app.store.reading().await?;
    let parked = parking::list(&mut tx, endpoint.tenant, endpoint.id).await?;
    drop(tx);
    let mut telling = Telling {
        app,
        endpoint,
        signers,
        started,
        until,
        progress: Progress {
            position: endpoint.position,
            failures: endpoint.failures,
            failing_since: endpoint.failing_since,
            due_at: started,
            disabled: None,
            attempts: Vec::new(),
            more: false,
            parked: Vec::new(),
        },
        lot: Lot::new(parked),
    };
    telling.again().await?;
    if telling.progress.disabled.is_none() {
        telling.onward().await?;
    }
    close(app, endpoint, telling.progress, telling.lot.changes()).await
}

impl Telling<'_> {
    /// Returns whether the others have their turn now.
    fn is_over(&self) -> bool {
        let now = self.app.clock.now();
        let timeout = self.app.notifier.settings.timeout();
        pause::later(self.started, PAGE_SPAN) <= now
            || self.until <= pause::later(now, timeout)
            || self.progress.attempts.len() >= TOLD_MAX
            || self.app.tasks.is_stopping()
    }

    /// Tries what was put aside and is due.
    async fn again(&mut self) -> Result<(), StoreError> {
        while let Some(one) = self.lot.due(self.app.clock.now()) {
            if self.is_over() {
                self.progress.more = true;
                break;
            }
            let found = event_at(self.app, self.endpoint, one.position).await?;
            let kind = found
                .as_ref()
                .and_then(|event| names::told(event, &self.endpoint.kinds));
            let (Some(event), Some(kind)) = (&found, kind) else {
                // Nobody asks for it any more.
                self.lot.taken(&one, self.app.clock.now());
                continue;
            };
            let call = self.send(event, kind).await;
            let now = self.app.clock.now();
            match call.outcome {
                Outcome::Delivered => self.lot.taken(&one, now),
                Outcome::Gone => {
                    self.progress.disabled = Some(GONE);
                    break;
                }
                outcome => {
                    let failures = one.failures.saturating_add(1);
                    let rest = rest(failures, self.chance(), call.retry_after);
                    self.lot.failed(&one, now, pause::later(now, rest));
                    if outcome != Outcome::Refused {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Tells what follows the position.
    async fn onward(&mut self) -> Result<(), StoreError> {
        let (found, next) = unread(self.app, self.endpoint).await?;
        self.progress.more |= u32::try_from(found.len()).unwrap_or(PAGE) >= PAGE;
        for event in &found {
            if let Some(kind) = names::told(event, &self.endpoint.kinds)
                && !self.one(event, kind).await?
            {
                return Ok(());
            }
            self.reached(event.position);
        }
        self.reached(next);
        if self.lot.is_alone() {
            // News of other dossiers must not wait for the rests of this one, which grow to a day.
            let soon = pause::later(self.app.clock.now(), ALONE_REST_MAX);
            self.progress.due_at = self.progress.due_at.min(soon);
        }
        Ok(())
    }

    /// Tells one event, or passes it over; returns whether to go on.
    async fn one(&mut self, event: &Event, kind: &str) -> Result<bool, StoreError> {
        // Of who has nothing put aside, nothing more is asked.
        if !self.lot.is_idle() {
            let subject = self.subject(event).await?;
            match self.lot.passes(event.position, subject) {
                Passed::Not => {}
                Passed::Over => return Ok(true),
                Passed::NoRoom => return Ok(false),
            }
        }
        if self.is_over() {
            self.progress.more = true;
            return Ok(false);
        }
        let call = self.send(event, kind).await;
        if call.outcome != Outcome::Delivered && !mutation::planted(Mutation::NewsForgotten) {
            return self.not_taken(event, &call).await;
        }
        self.progress.taken(self.started);
        let parked = self.lot.confirm();
        self.progress.parked.extend(parked);
        Ok(true)
    }

    /// Decides what an event that was not taken holds back; returns whether to go on.
    async fn not_taken(&mut self, event: &Event, call: &Call) -> Result<bool, StoreError> {
        let (now, chance) = (self.app.clock.now(), self.chance());
        let mut failures = 1;
        if !self.lot.is_pending() {
            self.progress.failed(call, chance, now);
            failures = self.progress.failures;
            if self.progress.disabled.is_some() {
                return Ok(false);
            }
        }
        let one = Parked {
            position: event.position,
            subject: self.subject(event).await?,
            failures,
            failing_since: self.progress.failing_since,
            due_at: Some(pause::later(now, rest(failures, chance, None))),
        };
        Ok(self.lot.stuck_at(one, call))
    }

    /// Everything up to a position was taken or put aside, unless that is still to be seen.
    fn reached(&mut self, position: i64) {
        if !self.lot.is_pending() {
            self.progress.position = position;
        }
    }

    async fn subject(&self, event: &Event) -> Result<Subject, StoreError> {
        let mut tx = self.app.store.reading().await?;
        parking::subject(&mut tx, self.endpoint.tenant, event).await
    }

    async fn send(&mut self, event: &Event, kind: &str) -> Call {
        let message = Message::of(event, kind, self.endpoint.environment);
        let (call, attempt) = post::send(self.app, self.endpoint, &self.signers, message).await;
        failpoint::pass(Step::Told);
        self.progress.attempts.push(attempt);
        call
    }

    /// A number that differs between tries, so that they spread.
    fn chance(&self) -> u8 {
        let id = self.progress.attempts.last().map(|attempt| attempt.id);
        id.map_or(0, |id| id.as_bytes().last().copied().unwrap_or_default())
    }
}

impl Progress {
    /// An event was taken: whatever failed before is over.
    fn taken(&mut self, started: Timestamp) {
        (self.failures, self.failing_since) = (0, None);
        self.due_at = started;
    }

    /// The event at the head was not taken.
    fn failed(&mut self, call: &Call, chance: u8, now: Timestamp) {
        self.more = false;
        self.failures = self.failures.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        self.due_at = pause::later(now, rest(self.failures, chance, call.retry_after));
        if call.outcome == Outcome::Gone {
            self.disabled = Some(GONE);
        } else if given_up(since, now) {
            self.disabled = Some(FAILING);
        }
    }
}

/// Returns the event at a place of the log, if the endpoint may still be told of it.
async fn event_at(
    app: &App,
    endpoint: &Endpoint,
    position: i64,
) -> Result<Option<Event>, StoreError> {
    let mut tx = app.store.reading().await?;
    let before = position.saturating_sub(1);
    let sight = sight(endpoint);
    let (found, _) = events::seen_after(&mut tx, endpoint.tenant, before, &sight, 1).await?;
    Ok(found.into_iter().find(|event| event.position == position))
}

fn sight(endpoint: &Endpoint) -> Sight {
    Sight {
        environment: endpoint.environment,
        sites: endpoint.sites.clone(),
    }
}

/// Returns the events an endpoint has not been told, and where the log goes on after them.
async fn unread(app: &App, endpoint: &Endpoint) -> Result<(Vec<Event>, i64), StoreError> {
    let sight = sight(endpoint);
    let mut tx = app.store.reading().await?;
    events::seen_after(&mut tx, endpoint.tenant, endpoint.position, &sight, PAGE).await
}

/// Writes how far the endpoint was told; returns whether to go on with it at once.
async fn close(
    app: &App,
    endpoint: &Endpoint,
    progress: Progress,
    changes: Changes,
) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let sent = Sent {
        position: progress.position,
        failures: progress.failures,
        failing_since: progress.failing_since,
        due_at: progress.due_at,
        disabled: progress.disabled,
    };
    let mut tx = app.store.writing().await?;
    let held = webhooks::settle(&mut tx, endpoint, &app.owner, &sent, now).await?;
    if held && webhooks::is_at(&mut tx, endpoint, progress.position).await? {
        // Elsewhere, somebody asked for a replay, which forgets what was put aside.
        parking::forget(&mut tx, endpoint.tenant, endpoint.id, &changes.gone).await?;
        parking::put(&mut tx, endpoint.tenant, endpoint.id, &changes.put).await?;
        for position in &progress.parked {
            let told = NewEvent::new(now, "webhook.parked").with(json!({
                "webhook": endpoint.id,
                "environment": endpoint.environment,
                "position": position,
            }));
            events::append(&mut tx, endpoint.tenant, &[told]);
            tracing::warn!(endpoint.id = %endpoint.id, position, "an event is put aside, with those of its dossier");
        }
    }
    if !progress.attempts.is_empty() && held {
        webhooks::record(&mut tx, endpoint.tenant, endpoint.id, &progress.attempts).await?;
    }
    if let (Some(reason), true) = (progress.disabled, held) {
        let told = NewEvent::new(now, "webhook.disabled").with(json!({
            "webhook": endpoint.id,
            "environment": endpoint.environment,
            "reason": reason,
        }));
        events::append(&mut tx, endpoint.tenant, &[told]);
        tracing::warn!(endpoint.id = %endpoint.id, reason, "an endpoint is told no more");
    }
    tx.commit().await?;
    Ok(held && progress.more)
}
