//! Telling one endpoint what it has not been told, in order, until something fails or its time is up.

use std::time::Duration;

use domain::id::{EventId, WebhookAttemptId};
use domain::{Environment, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use store::events::{self, Event, Sight};
use store::webhooks::{self, Attempt, Endpoint, SECRET_PART, Sent};
use store::{NewEvent, StoreError};

use super::signature::Signer;
use super::wire::{Call, Outcome};
use super::{PAGE_SPAN, given_up, names, rest};
use crate::app::App;
use crate::failpoint::{self, Step};
use crate::pause;

/// How many events are read at once.
const PAGE: u32 = 100;

/// How many events are told before their end is written: a process that dies tells as many again.
const TOLD_MAX: usize = 25;

/// The least of the machine's time an ERP has, under a clock that runs faster.
const REAL_BOUND_MIN: Duration = Duration::from_secs(5);

/// The stable words of an endpoint that is told no more.
const FAILING: &str = "failing";
const GONE: &str = "gone";

/// One event as it is told.
struct Message {
    id: EventId,
    position: Option<i64>,
    kind: String,
    body: String,
}

/// What came of a page.
struct Progress {
    position: i64,
    failures: u32,
    failing_since: Option<Timestamp>,
    due_at: Timestamp,
    disabled: Option<&'static str>,
    attempts: Vec<Attempt>,
    more: bool,
}

impl Message {
    fn of(event: &Event, kind: &str, environment: Environment) -> Self {
        let body = json!({
            "type": kind,
            "timestamp": event.at,
            "data": {
                "id": event.id,
                "position": event.position,
                "environment": environment,
                "delivery_id": event.delivery,
                "dossier_id": event.dossier,
                "details": event.data,
            },
        });
        Self {
            id: event.id,
            position: Some(event.position),
            kind: kind.to_owned(),
            body: body.to_string(),
        }
    }
}

/// Tells an endpoint what it has not been told, and returns whether there is more.
pub(super) async fn tell(
    app: &App,
    endpoint: &Endpoint,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let started = app.clock.now();
    let signers = signers(app, endpoint, started).await?;
    let (found, next) = unread(app, endpoint).await?;
    let mut progress = Progress {
        position: endpoint.position,
        failures: endpoint.failures,
        failing_since: endpoint.failing_since,
        due_at: started,
        disabled: None,
        attempts: Vec::new(),
        more: u32::try_from(found.len()).unwrap_or(PAGE) >= PAGE,
    };
    let mut whole = true;
    for event in &found {
        if let Some(kind) = names::told(event, &endpoint.kinds) {
            let now = app.clock.now();
            let late = pause::later(started, PAGE_SPAN) <= now
                || until <= pause::later(now, app.notifier.settings.timeout());
            if late || progress.attempts.len() >= TOLD_MAX || app.tasks.is_stopping() {
                (progress.more, whole) = (true, false);
                break;
            }
            let message = Message::of(event, kind, endpoint.environment);
            let (call, attempt) = send(app, endpoint, &signers, message).await;
            failpoint::pass(Step::Told);
            progress.attempts.push(attempt);
            if !progress.after(&call, app.clock.now()) {
                whole = false;
                break;
            }
        }
        progress.position = event.position;
    }
    if whole {
        progress.position = next;
    }
    close(app, endpoint, progress).await
}

impl Progress {
    /// Takes what came of one call; returns whether to go on.
    fn after(&mut self, call: &Call, now: Timestamp) -> bool {
        if call.outcome == Outcome::Delivered {
            (self.failures, self.failing_since) = (0, None);
            return true;
        }
        self.more = false;
        self.failures = self.failures.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        let id = self.attempts.last().map(|attempt| attempt.id);
        let chance = id.map_or(0, |id| id.as_bytes().last().copied().unwrap_or_default());
        self.due_at = pause::later(now, rest(self.failures, chance, call.retry_after));
        if call.outcome == Outcome::Gone {
            self.disabled = Some(GONE);
        } else if given_up(since, now) {
            self.disabled = Some(FAILING);
        }
        false
    }
}

/// Returns the events an endpoint has not been told, and where the log goes on after them.
async fn unread(app: &App, endpoint: &Endpoint) -> Result<(Vec<Event>, i64), StoreError> {
    let sight = Sight {
        environment: endpoint.environment,
        sites: endpoint.sites.clone(),
    };
    let mut tx = app.store.reading().await?;
    events::seen_after(&mut tx, endpoint.tenant, endpoint.position, &sight, PAGE).await
}

/// Writes how far the endpoint was told; returns whether to go on with it at once.
async fn close(app: &App, endpoint: &Endpoint, progress: Progress) -> Result<bool, StoreError> {
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

/// Opens what an endpoint signs with: one secret, or two while a rotation overlaps.
async fn signers(
    app: &App,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Vec<Signer>, StoreError> {
    let keys = app.store.keys(endpoint.tenant).await?;
    let overlaps = endpoint.overlap_until.is_some_and(|end| now < end);
    let before = endpoint.sealed_before.as_ref().filter(|_| overlaps);
    let mut signers = Vec::with_capacity(2);
    for sealed in [Some(&endpoint.sealed), before].into_iter().flatten() {
        let kept = keys.open_secret(endpoint.id.as_bytes(), SECRET_PART, sealed)?;
        signers.extend(Signer::read(&kept));
    }
    Ok(signers)
}

/// Tells one event.
async fn send(
    app: &App,
    endpoint: &Endpoint,
    signers: &[Signer],
    message: Message,
) -> (Call, Attempt) {
    let now = app.clock.now();
    let id = message.id.to_string();
    let signatures: Vec<String> = signers
        .iter()
        .map(|signer| signer.sign(&id, now.as_second(), &message.body))
        .collect();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", now.as_second().to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    // A gateway's clock that runs faster leaves the ERP, which has its own, less time.
    let timeout = app.notifier.settings.timeout();
    let bound = app.real(timeout).max(REAL_BOUND_MIN.min(timeout));
    let wire = &app.notifier.wire;
    let call = wire.post(&endpoint.url, headers, message.body, bound).await;
    app.metrics.webhook_attempt(call.outcome.as_str());
    if call.outcome != Outcome::Delivered {
        tracing::info!(endpoint.id = %endpoint.id, event.id = %message.id,
            outcome = call.outcome.as_str(), status = call.status, "an event could not be told");
    }
    let attempt = Attempt {
        id: WebhookAttemptId::new(now),
        event: message.id,
        position: message.position,
        kind: message.kind,
        at: now,
        duration_ms: millis(call.took),
        outcome: call.outcome.as_str().to_owned(),
        http_status: call.status,
    };
    (call, attempt)
}

/// Tells an endpoint of nothing, so that a person sees whether it can be told. It is no event of the
/// log and moves nothing.
pub(crate) async fn test(app: &App, endpoint: &Endpoint) -> Result<Attempt, StoreError> {
    let now = app.clock.now();
    let signers = signers(app, endpoint, now).await?;
    let id = EventId::new(now);
    let body = json!({
        "type": names::TEST,
        "timestamp": now,
        "data": { "id": id, "webhook": endpoint.id, "environment": endpoint.environment },
    });
    let message = Message {
        id,
        position: None,
        kind: names::TEST.to_owned(),
        body: body.to_string(),
    };
    let (_, attempt) = send(app, endpoint, &signers, message).await;
    let mut tx = app.store.writing().await?;
    let attempts = std::slice::from_ref(&attempt);
    webhooks::record(&mut tx, endpoint.tenant, endpoint.id, attempts).await?;
    tx.commit().await?;
    Ok(attempt)
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
