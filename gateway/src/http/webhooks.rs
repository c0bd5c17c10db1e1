//! Who is told of events: the webhooks a network asks for. What is sent and when is in `notify`.

mod view;
mod wanted;

use actix_web::{HttpResponse, web};
use admin_api::hand::Hand;
use admin_api::hooks::{self, HOOKS_MAX, HookError, OVERLAP_HOURS_MAX, Since};
use domain::id::WebhookId;
use serde::Deserialize;
use store::Tx;
use store::events;
use store::webhooks::{self, Endpoint, parking};
use utoipa::IntoParams;

use self::view::{
    WebhookAttemptBody, WebhookAttempts, WebhookBody, WebhookReplay, WebhookRotation,
    WebhookSecret, WebhookWanted, Webhooks,
};
use self::wanted::wanted;
use super::actions::unreadable;
use super::body::JsonBody;
use super::caller::Caller;
use super::page;
use super::problem::{self, Code, Problem};
use crate::app::App;
use crate::notify::{self, signature};

/// How many tries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Latest {
    /// How many at most, from 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Lists the webhooks a caller may see.
#[utoipa::path(
    get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    responses((status = 200, body = Webhooks)),
)]
pub(crate) async fn list(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.reading().await?;
    let mut found = webhooks::list(&mut tx, caller.tenant).await?;
    found.retain(|endpoint| sees(&caller, endpoint));
    let head = events::head(&mut tx, caller.tenant).await?;
    let mut webhooks = Vec::with_capacity(found.len());
    for one in found {
        let parked = parking::list(&mut tx, one.tenant, one.id).await?;
        webhooks.push(WebhookBody::of(one, head, &parked));
    }
    Ok(HttpResponse::Ok().json(Webhooks { webhooks }))
}

/// Makes a webhook, told of everything from now on.
#[utoipa::path(
    post, path = "/api/v1/webhooks", operation_id = "create_webhook", tag = "webhooks",
    request_body = WebhookWanted,
    responses(
        (status = 201, body = WebhookSecret),
        (status = 400, response = problem::Refusal),
        (status = 409, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn create(
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted(&app, &caller, &body.0)?;
    let minted = signature::mint().map_err(|error| Problem::internal(&error))?;
    let keys = app.store.keys(caller.tenant).await?;
    let mut tx = app.store.writing().await?;
    let made = hooks::create(&mut tx, &keys, wanted, &minted, &hand(&app, &caller)).await;
    let endpoint = made.map_err(refused)?;
    tx.commit().await?;
    let place = format!("/api/v1/webhooks/{}", endpoint.id);
    let head = endpoint.position;
    let answer = WebhookSecret {
        secret: minted.shown.expose().to_owned(),
        webhook: WebhookBody::of(endpoint, head, &[]),
    };
    Ok(HttpResponse::Created()
        .insert_header(("location", place))
        .json(answer))
}

/// Shows one webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}", operation_id = "read_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = WebhookBody), (status = 404, response = problem::Refusal)),
)]
pub(crate) async fn find(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.reading().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    shown(&mut tx, endpoint).await
}

/// Replaces what is wanted of a webhook.
#[utoipa::path(
    put, path = "/api/v1/webhooks/{id}", operation_id = "update_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)), request_body = WebhookWanted,
    responses(
        (status = 200, body = WebhookBody),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn update(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.writing().await?;
    let mut endpoint = seen(&mut tx, &caller, *id).await?;
    let wanted = wanted(&app, &caller, &body.0)?;
    endpoint.url = wanted.url;
    endpoint.label = wanted.label;
    endpoint.kinds = wanted.kinds;
    endpoint.sites = wanted.sites;
    let done = hooks::change(&mut tx, &endpoint, &hand(&app, &caller)).await;
    done.map_err(refused)?;
    tx.commit().await?;
    again(&app, &caller, *id).await
}

/// Forgets a webhook.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", operation_id = "delete_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204), (status = 404, response = problem::Refusal)),
)]
pub(crate) async fn remove(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.writing().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    let done = hooks::remove(&mut tx, &endpoint, &hand(&app, &caller)).await;
    done.map_err(refused)?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lists the latest tries.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}/attempts", operation_id = "list_webhook_attempts",
    tag = "webhooks", params(("id" = String, Path, format = Uuid), Latest),
    responses(
        (status = 200, body = WebhookAttempts),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn attempts(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
    latest: web::Query<Latest>,
) -> Result<HttpResponse, Problem> {
    let limit = page::limit(latest.limit)?;
    let mut tx = app.store.reading().await?;
    seen(&mut tx, &caller, *id).await?;
    let found = webhooks::attempts(&mut tx, caller.tenant, *id, limit).await?;
    let attempts = found.into_iter().map(WebhookAttemptBody::from).collect();
    Ok(HttpResponse::Ok().json(WebhookAttempts { attempts }))
}

/// Gives a webhook another secret; both sign for a while.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/rotate", operation_id = "rotate_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)), request_body = WebhookRotation,
    responses(
        (status = 200, body = WebhookSecret),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn rotate(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let keys = app.store.keys(caller.tenant).await?;
    let minted = signature::mint().map_err(|error| Problem::internal(&error))?;
    let mut tx = app.store.writing().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    let asked: WebhookRotation =
        serde_json::from_slice(&body.0).map_err(|error| unreadable(&error))?;
    let hand = hand(&app, &caller);
    let overlap = (asked.overlap_hours, &hand);
    let done = hooks::rotate(&mut tx, &keys, &endpoint, &minted, overlap).await;
    done.map_err(refused)?;
    tx.commit().await?;
    let mut tx = app.store.reading().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    let webhook = bodied(&mut tx, endpoint).await?;
    Ok(HttpResponse::Ok().json(WebhookSecret {
        secret: minted.shown.expose().to_owned(),
        webhook,
    }))
}

/// Tells again from a point.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/replay", operation_id = "replay_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)), request_body = WebhookReplay,
    responses(
        (status = 200, body = WebhookBody),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn replay(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.writing().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    let asked: WebhookReplay =
        serde_json::from_slice(&body.0).map_err(|error| unreadable(&error))?;
    let since = match (asked.after, asked.since) {
        (Some(position), None) => Since::Position(position),
        (None, Some(instant)) => Since::Instant(instant),
        _ => {
            let head = events::head(&mut tx, caller.tenant).await?;
            return Err(refused(HookError::Position(head)));
        }
    };
    let done = hooks::rewind(&mut tx, &endpoint, since, &hand(&app, &caller)).await;
    done.map_err(refused)?;
    tx.commit().await?;
    again(&app, &caller, *id).await
}

/// Sends again, from where it stopped.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/enable", operation_id = "enable_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = WebhookBody), (status = 404, response = problem::Refusal)),
)]
pub(crate) async fn enable(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.writing().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    let done = hooks::resume(&mut tx, &endpoint, &hand(&app, &caller)).await;
    done.map_err(refused)?;
    tx.commit().await?;
    again(&app, &caller, *id).await
}

/// Sends nothing more.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/disable", operation_id = "disable_webhook",
    tag = "webhooks", params(("id" = String, Path, format = Uuid)),
    responses((status = 200, body = WebhookBody), (status = 404, response = problem::Refusal)),
)]
pub(crate) async fn disable(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.writing().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    let done = hooks::pause(&mut tx, &endpoint, &hand(&app, &caller)).await;
    done.map_err(refused)?;
    tx.commit().await?;
    again(&app, &caller, *id).await
}

/// Tells a webhook of nothing, to see whether it can be told.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, body = WebhookAttemptBody),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn test(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<WebhookId>,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.reading().await?;
    let endpoint = seen(&mut tx, &caller, *id).await?;
    drop(tx);
    let attempt = notify::test(&app, &endpoint).await?;
    Ok(HttpResponse::Ok().json(WebhookAttemptBody::from(attempt)))
}

/// Returns whether a webhook tells of nothing but what the caller may see.
fn sees(caller: &Caller, endpoint: &Endpoint) -> bool {
    let covered = match (&caller.sirets, &endpoint.sites) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(_), Some(sites)) => sites.iter().all(|site| caller.covers(site)),
    };
    covered && endpoint.environment == caller.environment
}

async fn seen(tx: &mut Tx, caller: &Caller, id: WebhookId) -> Result<Endpoint, Problem> {
    let found = webhooks::find(tx, caller.tenant, id).await?;
    found
        .filter(|endpoint| sees(caller, endpoint))
        .ok_or_else(Problem::not_found)
}

async fn shown(tx: &mut Tx, endpoint: Endpoint) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(bodied(tx, endpoint).await?))
}

async fn bodied(tx: &mut Tx, endpoint: Endpoint) -> Result<WebhookBody, Problem> {
    let head = events::head(tx, endpoint.tenant).await?;
    let parked = parking::list(tx, endpoint.tenant, endpoint.id).await?;
    Ok(WebhookBody::of(endpoint, head, &parked))
}

async fn again(app: &App, caller: &Caller, id: WebhookId) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.reading().await?;
    let endpoint = seen(&mut tx, caller, id).await?;
    shown(&mut tx, endpoint).await
}

/// Says whose hand an act is.
fn hand(app: &App, caller: &Caller) -> Hand {
    Hand {
        name: caller.actor().name,
        now: app.clock.now(),
        reason: None,
    }
}

fn refused(error: HookError) -> Problem {
    match error {
        HookError::TooMany => {
            let detail = format!("Un réseau a {HOOKS_MAX} webhooks au plus.");
            Problem::new(Code::TooManyWebhooks, detail)
        }
        HookError::Overlap => {
            let detail = format!("« overlap_hours » va de 0 à {OVERLAP_HOURS_MAX}.");
            Problem::new(Code::InvalidRequest, detail).pointer("/overlap_hours")
        }
        HookError::Position(head) => {
            let detail = format!("Donnez « after », de 0 à {head}, ou « since ».");
            Problem::new(Code::InvalidRequest, detail).pointer("/after")
        }
        HookError::Unknown | HookError::NotAside => Problem::not_found(),
        HookError::Sealing | HookError::Made => Problem::internal(&error),
        HookError::Store(error) => error.into(),
    }
}
