//! One event on its way to one endpoint: written, signed, posted, and what came of it.

use std::time::Duration;

use domain::id::{EventId, WebhookAttemptId};
use domain::{Environment, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use store::StoreError;
use store::events::Event;
use store::webhooks::{self, Attempt, Endpoint, SECRET_PART};

use super::names;
use super::signature::{self, Signer};
use super::wire::{Call, Outcome};
use crate::app::App;
use crate::mutation::{self, Mutation};

/// The least of the machine's time an ERP has, under a clock that runs faster.
const REAL_BOUND_MIN: Duration = Duration::from_secs(5);

/// One event as it is told.
pub(super) struct Message {
    id: EventId,
    position: Option<i64>,
    kind: String,
    body: String,
}

impl Message {
    pub(super) fn of(event: &Event, kind: &str, environment: Environment) -> Self {
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

/// Opens what an endpoint signs with: one secret, or two while a rotation overlaps.
pub(super) async fn signers(
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
    if mutation::planted(Mutation::NewsUnsigned) {
        let other = signature::mint().ok();
        return Ok(other
            .iter()
            .filter_map(|one| Signer::read(&one.kept))
            .collect());
    }
    Ok(signers)
}

/// Tells one event.
pub(super) async fn send(
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
