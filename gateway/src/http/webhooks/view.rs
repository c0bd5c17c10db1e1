//! Webhooks as callers read and ask for them.

use admin_api::hooks::{Aside, aside, explanation};
use domain::id::{WebhookAttemptId, WebhookId};
use domain::{Environment, Siret, Timestamp};
use serde::{Deserialize, Serialize};
use store::webhooks::parking::Parked;
use store::webhooks::{Attempt, Endpoint};
use utoipa::ToSchema;

use crate::http::words;

/// The webhooks of a network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhooks {
    /// The oldest first.
    pub(super) webhooks: Vec<WebhookBody>,
}

/// An address that is told of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: WebhookId,
    /// Its world.
    #[schema(value_type = words::Environment)]
    environment: Environment,
    /// Where to.
    #[schema(example = "https://erp.exemple.fr/evenements")]
    url: String,
    /// What people call it.
    label: String,
    /// Which events; none named means the published ones.
    kinds: Vec<String>,
    /// Whose sites' events.
    #[schema(value_type = Option<Vec<String>>)]
    sites: Option<Vec<Siret>>,
    /// The public half of the signing key.
    public_key: String,
    /// `active` or `disabled`.
    state: &'static str,
    /// Why nothing is sent.
    reason: Option<String>,
    /// Since when nothing is sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// How far it was told.
    position: i64,
    /// How many events of the log follow.
    behind: i64,
    /// Failures in a row.
    failures: u32,
    /// Since when it fails.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it is tried again, if it fails.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// The dossiers put aside, because one of their events is not taken while others are.
    parked: Vec<ParkedBody>,
    /// Until when the secret before signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    overlap_until: Option<Timestamp>,
    /// Who made it.
    created_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A dossier put aside: an event that is not taken, and those behind it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookParked)]
pub(crate) struct ParkedBody {
    /// The place of the event that is not taken.
    position: i64,
    /// How many events of the dossier wait, that one included.
    events: usize,
    /// How many tries failed.
    failures: u32,
    /// Since when they fail.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
}

/// A webhook with its secret, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookSecret {
    /// The shared secret.
    #[schema(example = "whsec_…")]
    pub(super) secret: String,
    /// The webhook.
    pub(super) webhook: WebhookBody,
}

/// What is wanted of a webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookWanted {
    /// Where to.
    #[schema(example = "https://erp.exemple.fr/evenements")]
    pub(super) url: String,
    /// What people call it.
    #[serde(default)]
    pub(super) label: String,
    /// Which events.
    #[serde(default)]
    pub(super) kinds: Vec<String>,
    /// Whose sites' events.
    #[schema(value_type = Option<Vec<String>>, min_items = 1)]
    pub(super) sites: Option<Vec<Siret>>,
}

/// A change of secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRotation {
    /// For how many hours both sign.
    #[schema(maximum = 168)]
    pub(super) overlap_hours: Option<u16>,
}

/// From where to tell again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookReplay {
    /// The position after which to tell.
    pub(super) after: Option<i64>,
    /// The instant since which to tell.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) since: Option<Timestamp>,
}

/// The latest tries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookAttempts {
    /// The newest first.
    pub(super) attempts: Vec<WebhookAttemptBody>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub(crate) struct WebhookAttemptBody {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: WebhookAttemptId,
    /// The event.
    #[schema(format = Uuid)]
    event_id: String,
    /// The event's place.
    position: Option<i64>,
    /// The name it was sent under.
    kind: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How long it took.
    duration_ms: u64,
    /// What came of it.
    outcome: String,
    /// What was answered.
    http_status: Option<u16>,
    /// What it means, in French.
    explanation: &'static str,
}

impl WebhookBody {
    /// Shows an endpoint of a log whose last position is `head`, and what is put aside of it.
    pub(super) fn of(endpoint: Endpoint, head: i64, parked: &[Parked]) -> Self {
        let (reason, since) = endpoint.disabled.unzip();
        let waits = endpoint.failures > 0 && since.is_none();
        Self {
            id: endpoint.id,
            environment: endpoint.environment,
            url: endpoint.url,
            label: endpoint.label,
            kinds: endpoint.kinds,
            sites: endpoint.sites,
            public_key: endpoint.public_key,
            state: if since.is_some() {
                "disabled"
            } else {
                "active"
            },
            reason,
            since,
            position: endpoint.position,
            behind: head.saturating_sub(endpoint.position).max(0),
            failures: endpoint.failures,
            failing_since: endpoint.failing_since,
            next_attempt_at: waits.then_some(endpoint.due_at),
            parked: aside(parked).iter().map(ParkedBody::from).collect(),
            overlap_until: endpoint.overlap_until,
            created_by: endpoint.created_by,
            created_at: endpoint.created_at,
        }
    }
}

impl From<&Aside> for ParkedBody {
    fn from(aside: &Aside) -> Self {
        Self {
            position: aside.first.position,
            events: aside.events,
            failures: aside.first.failures,
            failing_since: aside.first.failing_since,
            next_attempt_at: aside.first.due_at,
        }
    }
}

impl From<Attempt> for WebhookAttemptBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.id,
            event_id: attempt.event.to_string(),
            position: attempt.position,
            kind: attempt.kind,
            at: attempt.at,
            duration_ms: attempt.duration_ms,
            explanation: explanation(&attempt.outcome).0,
            outcome: attempt.outcome,
            http_status: attempt.http_status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_explained() {
        let other = explanation("url_refused");
        for outcome in crate::notify::Outcome::ALL {
            let word = outcome.as_str();
            assert!(
                word == "url_refused" || explanation(word) != other,
                "{word}"
            );
        }
    }
}
