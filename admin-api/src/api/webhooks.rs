//! Who is told of events, for programs.

use actix_web::{HttpResponse, web};
use domain::id::{DeliveryId, WebhookId};
use domain::{Environment, Secret, Siret, Timestamp};
use serde::{Deserialize, Serialize};
use store::webhooks::{self, Attempt};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::hooks::acts::{self, Act, Done};
use crate::hooks::{Wanted, explanation};
use crate::pages::settings::webhooks::host;
use crate::pages::settings::webhooks::one::{Known, Told, known};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct HookBody {
    #[schema(value_type = String, format = Uuid)]
    id: WebhookId,
    /// What people call it.
    label: String,
    #[schema(value_type = String)]
    environment: Environment,
    /// Which machine is called; the rest of the address may hold a secret.
    host: String,
    /// Which events; none named means the published ones.
    kinds: Vec<String>,
    /// Whose sites' events; absent for all.
    #[schema(value_type = Option<Vec<String>>)]
    sites: Option<Vec<Siret>>,
    /// The public half of the signing key.
    public_key: String,
    /// `active` or `disabled`.
    state: &'static str,
    /// Since when nothing is sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// How far it was told.
    position: i64,
    /// How many events of the log follow.
    behind: i64,
    /// Failures in a row.
    failures: u32,
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it is tried again, if it fails.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// Until when the secret before signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    overlap_until: Option<Timestamp>,
    /// The dossiers put aside, because one of their events is not taken while others are.
    parked: Vec<AsideBody>,
    /// The latest tries, the newest first.
    attempts: Vec<TryBody>,
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Its secret: only in the answer to its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The try just made: only in the answer to `test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<TryBody>,
}

/// A dossier put aside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookParked)]
pub(crate) struct AsideBody {
    /// The place of the event that is not taken: what `retry` takes.
    position: i64,
    /// What happened.
    kind: String,
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery: Option<DeliveryId>,
    /// How many events of the dossier wait, that one included.
    events: usize,
    failures: u32,
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub(crate) struct TryBody {
    kind: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    duration_ms: u64,
    outcome: String,
    http_status: Option<u16>,
    /// What it means, in French.
    explanation: &'static str,
}

/// The webhooks of a network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhooks {
    webhooks: Vec<HookBody>,
}

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    label: String,
    #[schema(value_type = String)]
    environment: Environment,
    #[schema(example = "https://erp.exemple.fr/evenements")]
    url: String,
    /// Which events; empty or absent, the published ones.
    #[serde(default)]
    kinds: Vec<String>,
    /// Whose sites' events; absent, all.
    #[schema(value_type = Option<Vec<String>>)]
    sites: Option<Vec<Siret>>,
    /// Why, for the log.
    reason: String,
}

/// What to do with a webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookAct {
    /// `pause`, `resume`, `rotate`, `test`, `retry`, `rewind` or `remove`.
    #[schema(example = "retry")]
    act: String,
    /// Why, for the log; `test` needs none.
    #[serde(default)]
    reason: String,
    /// With `rotate`: for how many hours both secrets sign.
    overlap_hours: Option<u16>,
    /// With `retry`: one event put aside, else all; with `rewind`: after which position to tell.
    position: Option<i64>,
}

impl HookBody {
    fn new(known: Known, secret: Option<&Secret>, attempt: Option<Attempt>) -> Self {
        let one = known.endpoint;
        let since = one.disabled.map(|(_, since)| since);
        Self {
            id: one.id,
            host: host(&one.url).to_owned(),
            label: one.label,
            environment: one.environment,
            kinds: one.kinds,
            sites: one.sites,
            public_key: one.public_key,
            state: if since.is_some() {
                "disabled"
            } else {
                "active"
            },
            next_attempt_at: (one.failures > 0 && since.is_none()).then_some(one.due_at),
            since,
            position: one.position,
            behind: known.head.saturating_sub(one.position).max(0),
            failures: one.failures,
            failing_since: one.failing_since,
            overlap_until: one.overlap_until,
            parked: known.aside.into_iter().map(AsideBody::from).collect(),
            attempts: known.tries.into_iter().map(TryBody::from).collect(),
            created_by: one.created_by,
            created_at: one.created_at,
            secret: secret.map(|secret| secret.expose().to_owned()),
            attempt: attempt.map(TryBody::from),
        }
    }
}

impl From<Told> for AsideBody {
    fn from(told: Told) -> Self {
        let first = told.aside.first;
        Self {
            position: first.position,
            kind: told.kind,
            delivery: told.delivery,
            events: told.aside.events,
            failures: first.failures,
            failing_since: first.failing_since,
            next_attempt_at: first.due_at,
        }
    }
}

impl From<Attempt> for TryBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            kind: attempt.kind,
            at: attempt.at,
            duration_ms: attempt.duration_ms,
            explanation: explanation(&attempt.outcome).0,
            outcome: attempt.outcome,
            http_status: attempt.http_status,
        }
    }
}

/// Lists them.
#[utoipa::path(
    get, path = "/admin/v1/webhooks", operation_id = "list_webhooks", tag = "settings",
    responses(
        (status = 200, description = "Les webhooks du réseau, sans leurs secrets.", body = Webhooks),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let mut webhooks = Vec::new();
    for one in webhooks::list(&mut tx, viewer.tenant()).await? {
        let known = known(&mut tx, &viewer, one.id).await?;
        webhooks.push(HookBody::new(known, None, None));
    }
    Ok(HttpResponse::Ok().json(Webhooks { webhooks }))
}

/// Makes one; its secret is in this answer only.
#[utoipa::path(
    post, path = "/admin/v1/webhooks", operation_id = "create_webhook", tag = "settings",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "Le webhook, avec son secret, cette seule fois.", body = HookBody),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn create(
    desk: web::Data<Desk>,
    viewer: Viewer,
    new: Document<NewWebhook>,
) -> Result<HttpResponse, Refusal> {
    let new = new.into_inner();
    let wanted = Wanted {
        environment: new.environment,
        url: new.url,
        label: new.label.trim().to_owned(),
        kinds: new.kinds,
        sites: new.sites,
        once: None,
    };
    let (one, secret) = acts::made(&desk, &viewer, (wanted, Ok(())), &new.reason).await?;
    let mut tx = desk.store.reading().await?;
    let known = known(&mut tx, &viewer, one.id).await?;
    Ok(HttpResponse::Created().json(HookBody::new(known, Some(&secret), None)))
}

/// Shows one.
#[utoipa::path(
    get, path = "/admin/v1/webhooks/{id}", operation_id = "show_webhook", tag = "settings",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Le webhook, ce qu'il n'a pas pris et ses derniers essais.", body = HookBody),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let known = known(&mut tx, &viewer, *id).await?;
    Ok(HttpResponse::Ok().json(HookBody::new(known, None, None)))
}

/// Stops it, resumes it, gives it another secret, tries it, sends again what it did not take, or removes
/// it.
#[utoipa::path(
    post, path = "/admin/v1/webhooks/{id}", operation_id = "act_on_webhook", tag = "settings",
    params(("id" = String, Path, format = Uuid)), request_body = WebhookAct,
    responses(
        (status = 200, description = "Le webhook ; après « rotate » son secret, après « test » l'essai.", body = HookBody),
        (status = 204, description = "Il est supprimé."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn act(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<WebhookId>,
    sent: Document<WebhookAct>,
) -> Result<HttpResponse, Refusal> {
    let sent = sent.into_inner();
    let act = Act::read(&sent.act, sent.overlap_hours, sent.position).ok_or_else(|| {
        Refusal::invalid(
            "/act",
            "« pause », « resume », « rotate », « test », « retry », « rewind » avec position, ou « remove ».",
            "“pause”, “resume”, “rotate”, “test”, “retry”, “rewind” with position, or “remove”.",
        )
    })?;
    let done = acts::done(&desk, &viewer, *id, (act, &sent.reason)).await?;
    if act == Act::Remove {
        return Ok(HttpResponse::NoContent().finish());
    }
    let mut tx = desk.store.reading().await?;
    let known = known(&mut tx, &viewer, *id).await?;
    let body = match done {
        Done::Quietly => HookBody::new(known, None, None),
        Done::Secret(secret) => HookBody::new(known, Some(&secret), None),
        Done::Tried(attempt) => HookBody::new(known, None, Some(attempt)),
    };
    Ok(HttpResponse::Ok().json(body))
}
