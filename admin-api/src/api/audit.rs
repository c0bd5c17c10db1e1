//! The log, for programs.

use actix_web::{HttpResponse, web};
use domain::id::DeliveryId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::{self, Asked, EventBody, VoucherBody};
use crate::desk::Desk;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// How many on a page.
const PER_PAGE: u32 = 500;

/// Part of the log, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub(crate) struct Page {
    events: Vec<EventBody>,
    /// What `before` holds to go on; absent when all of the log was looked at. A page may be empty and
    /// have one: so many events were looked at, and none matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    /// The last position of the log.
    head: i64,
    /// Up to which position it is sealed.
    sealed: i64,
    /// Who vouches for it beside its own keys, where the configuration names some.
    vouchers: Vec<VoucherBody>,
}

/// Searches the log.
#[utoipa::path(
    get, path = "/admin/v1/audit", operation_id = "search_log", tag = "audit",
    params(
        ("who" = Option<String>, Query, description = "Part of a name, or the start of an actor (`person:`, `credential:`, `cli:`)."),
        ("kind" = Option<String>, Query, description = "The start of the word of what happened."),
        ("delivery" = Option<String>, Query, format = Uuid), ("dossier" = Option<String>, Query, format = Uuid),
        ("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date),
        ("openings" = Option<String>, Query, description = "`people`: without the sealed content that the gateway opened by itself; `all` unless said otherwise."),
        ("before" = Option<i64>, Query, description = "`next` of the page before."),
    ),
    responses(
        (status = 200, description = "Les événements.", body = Page),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let found = audit::search(&desk, &viewer, &asked, PER_PAGE).await?;
    let names = found.names;
    let events = found.events.into_iter();
    Ok(HttpResponse::Ok().json(Page {
        events: events.map(|event| EventBody::new(event, &names)).collect(),
        next: found.next,
        head: found.head,
        sealed: found.sealed,
        vouchers: found.vouchers.iter().map(VoucherBody::new).collect(),
    }))
}

/// Hands out all that matches, the newest first. That it was, is on record (`audit.exported`).
#[utoipa::path(
    get, path = "/admin/v1/audit/export", operation_id = "export_log", tag = "audit",
    params(
        ("format" = String, Query, description = "`csv` or `ndjson`."),
        ("who" = Option<String>, Query), ("kind" = Option<String>, Query),
        ("delivery" = Option<String>, Query, format = Uuid), ("dossier" = Option<String>, Query, format = Uuid),
        ("from" = Option<String>, Query, format = Date), ("to" = Option<String>, Query, format = Date),
        ("openings" = Option<String>, Query, description = "`people` or `all`."),
    ),
    responses(
        (status = 200, description = "Les événements.", content_type = "application/x-ndjson"),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn export(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    audit::export(&desk, &viewer, &asked).await
}

/// Hands out the evidence file of a delivery. That it was, is on record (`evidence.made`).
#[utoipa::path(
    get, path = "/admin/v1/deliveries/{id}/evidence", operation_id = "read_evidence", tag = "audit",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Le fichier de preuve.", body = serde_json::Value),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 503, response = refusal::Refused),
    ),
)]
pub(crate) async fn evidence(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
) -> Result<HttpResponse, Refusal> {
    audit::evidence(&desk, &viewer, *id).await
}
