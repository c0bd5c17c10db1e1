//! Acts upon many deliveries, for programs.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use domain::bulk::{BulkState, Fate, Halt, Obstacle};
use domain::delivery::Action;
use domain::id::{BulkId, DeliveryId, PersonId};
use domain::{Environment, Opco, Timestamp};
use serde::{Deserialize, Serialize};
use store::bulks::{Bulk, Item};
use utoipa::{IntoParams, ToSchema};

use crate::bulk::{self, Progress};
use crate::desk::Desk;
use crate::form::Document;
use crate::picked;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// How many of a list.
const LISTED: u32 = 100;
/// How many deliveries on a page.
const PER_PAGE: u32 = 500;

/// Which deliveries, and what to do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkAsked {
    /// The filters, as the address of the list holds them behind `?`.
    #[schema(example = "status=held&reason=no_key&world=live")]
    query: String,
    /// The act.
    #[schema(value_type = String, example = "retry")]
    action: Action,
    /// The OPCO, for `choose-opco`.
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
}

/// How fast, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkBegun {
    /// How many deliveries a minute, from 1 to 600; 60 unless said otherwise.
    #[schema(minimum = 1, maximum = 600)]
    per_minute: Option<u32>,
    /// Why, for the log.
    reason: String,
}

/// An act upon many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bulk)]
pub(crate) struct BulkBody {
    #[schema(value_type = String, format = Uuid)]
    id: BulkId,
    /// `draft`, `running`, `cancelled` or `ended`.
    #[schema(value_type = String)]
    state: BulkState,
    /// The world.
    #[schema(value_type = String)]
    environment: Environment,
    /// What is done.
    #[schema(value_type = String, example = "retry")]
    action: Action,
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    /// The filters its deliveries were found with; what was searched for in text is left out.
    query: String,
    /// Why; empty while it is a draft.
    reason: String,
    /// How many a minute.
    per_minute: u32,
    /// As whom each act is done.
    #[schema(value_type = String, format = Uuid)]
    person: PersonId,
    /// How many deliveries, counted once.
    total: u32,
    /// To how many the act was done.
    done: u32,
    skipped: u32,
    failed: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    begun_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Why it was stopped before its end: `person`, or `author_closed` when the account of the person who
    /// began it was disabled.
    #[schema(value_type = Option<String>)]
    halt: Option<Halt>,
}

/// An act upon many, with what was foreseen and what stood in the way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkDetail {
    #[serde(flatten)]
    bulk: BulkBody,
    /// To how many the act could be done when they were counted; of a draft, at sites that the caller still
    /// reaches.
    ready: u64,
    /// Why not to the others.
    foreseen: Vec<ObstacleBody>,
    /// Why the act was not done, among those that had their turn.
    obstacles: Vec<ObstacleBody>,
}

/// One thing in the way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkObstacle)]
struct ObstacleBody {
    #[schema(value_type = String, example = "not_now")]
    cause: Obstacle,
    count: u64,
}

/// The acts upon many that the caller may see, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bulks {
    bulks: Vec<BulkBody>,
}

/// Deliveries of an act upon many, in the order of their turns.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkItems {
    items: Vec<ItemBody>,
    /// What `after` holds for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// What became of one delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkItem)]
struct ItemBody {
    place: u32,
    #[schema(value_type = String, format = Uuid)]
    delivery_id: DeliveryId,
    /// Where it stood when it was counted.
    #[schema(example = "held/no_key")]
    stood: String,
    /// What stood in the way then.
    #[schema(value_type = Option<String>)]
    foreseen: Option<Obstacle>,
    /// `done`, `skipped` or `failed`; null until it has its turn.
    #[schema(value_type = Option<String>)]
    fate: Option<Fate>,
    /// Why the act was not done.
    #[schema(value_type = Option<String>)]
    cause: Option<Obstacle>,
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// Which of its deliveries.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Which {
    /// Only those of one fate.
    #[param(value_type = Option<String>)]
    fate: Option<Fate>,
    /// The place after which the page begins.
    after: Option<u32>,
}

impl From<Bulk> for BulkBody {
    fn from(bulk: Bulk) -> Self {
        Self {
            id: bulk.id,
            state: bulk.state,
            environment: bulk.environment,
            action: bulk.action,
            opco: bulk.opco,
            query: bulk.query,
            reason: bulk.reason,
            per_minute: bulk.per_minute,
            person: bulk.person,
            total: bulk.total,
            done: bulk.done,
            skipped: bulk.skipped,
            failed: bulk.failed,
            created_at: bulk.created_at,
            begun_at: bulk.begun_at,
            ended_at: bulk.ended_at,
            halt: bulk.halt,
        }
    }
}

impl From<Progress> for BulkDetail {
    fn from(progress: Progress) -> Self {
        let body = |(cause, count)| ObstacleBody { cause, count };
        let foreseen = progress.foreseen.iter();
        Self {
            ready: progress.ready(),
            foreseen: foreseen
                .filter_map(|(cause, count)| Some(body(((*cause)?, *count))))
                .collect(),
            obstacles: progress.obstacles.into_iter().map(body).collect(),
            bulk: progress.bulk.into(),
        }
    }
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        Self {
            place: item.place,
            delivery_id: item.delivery,
            stood: item.stood,
            foreseen: item.foreseen,
            fate: item.fate,
            cause: item.obstacle,
            at: item.at,
        }
    }
}

async fn told(
    desk: &Desk,
    viewer: &Viewer,
    id: BulkId,
    status: StatusCode,
) -> Result<HttpResponse, Refusal> {
    let progress = bulk::progress(desk, viewer, id).await?;
    Ok(HttpResponse::build(status).json(BulkDetail::from(progress)))
}

/// Lists the acts upon many that were begun: the caller's own, or all of the network's.
#[utoipa::path(
    get, path = "/admin/v1/bulks", operation_id = "list_bulks", tag = "deliveries",
    responses(
        (status = 200, description = "Les actions groupées, la plus récente d'abord.", body = Bulks),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let found = bulk::list(&desk, &viewer, LISTED).await?;
    let bulks = found.into_iter().map(BulkBody::from).collect();
    Ok(HttpResponse::Ok().json(Bulks { bulks }))
}

/// Counts the deliveries of filters, once, and tells what the act would meet. Nothing is done yet.
#[utoipa::path(
    post, path = "/admin/v1/bulks", operation_id = "draft_bulk", tag = "deliveries",
    request_body = BulkAsked,
    responses(
        (status = 201, description = "Le décompte, à confirmer.", body = BulkDetail),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn draft(
    desk: web::Data<Desk>,
    viewer: Viewer,
    body: Document<BulkAsked>,
) -> Result<HttpResponse, Refusal> {
    let asked = picked::Asked::read_all(&body.query)?;
    let id = bulk::draft(&desk, &viewer, &asked, (body.action, body.opco)).await?;
    told(&desk, &viewer, id, StatusCode::CREATED).await
}

/// Tells how an act upon many stands.
#[utoipa::path(
    get, path = "/admin/v1/bulks/{id}", operation_id = "read_bulk", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Où en est l'action groupée.", body = BulkDetail),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
) -> Result<HttpResponse, Refusal> {
    told(&desk, &viewer, *id, StatusCode::OK).await
}

/// Begins a draft of the caller's own. Each act is done as the caller, who must be allowed to at that
/// moment.
#[utoipa::path(
    post, path = "/admin/v1/bulks/{id}/begin", operation_id = "begin_bulk", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    request_body = BulkBegun,
    responses(
        (status = 200, description = "L'action groupée a commencé.", body = BulkDetail),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn begin(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
    body: Document<BulkBegun>,
) -> Result<HttpResponse, Refusal> {
    let per_minute = body.per_minute.unwrap_or(bulk::PER_MINUTE);
    bulk::begin(&desk, &viewer, *id, (per_minute, &body.reason)).await?;
    told(&desk, &viewer, *id, StatusCode::OK).await
}

/// Stops it: what had its turn stays done, the rest stays as it is.
#[utoipa::path(
    post, path = "/admin/v1/bulks/{id}/cancel", operation_id = "cancel_bulk", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "L'action groupée est arrêtée.", body = BulkDetail),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
        (status = 409, response = refusal::Refused),
    ),
)]
pub(crate) async fn cancel(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
) -> Result<HttpResponse, Refusal> {
    bulk::cancel(&desk, &viewer, *id).await?;
    told(&desk, &viewer, *id, StatusCode::OK).await
}

/// Lists its deliveries and what became of each.
#[utoipa::path(
    get, path = "/admin/v1/bulks/{id}/items", operation_id = "list_bulk_items", tag = "deliveries",
    params(("id" = String, Path, format = Uuid), Which),
    responses(
        (status = 200, description = "Les livraisons, dans l'ordre de leur tour.", body = BulkItems),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn items(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
    which: web::Query<Which>,
) -> Result<HttpResponse, Refusal> {
    let mut tx = desk.store.reading().await?;
    let bulk = bulk::visible(&mut tx, &viewer, *id).await?;
    let window = (which.fate, which.after.unwrap_or_default(), PER_PAGE);
    let found = bulk::items(&mut tx, &viewer, &bulk, window).await?;
    let full = found.len() >= usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let last = found.last().map(|last| last.place);
    Ok(HttpResponse::Ok().json(BulkItems {
        next: last.filter(|_| full),
        items: found.into_iter().map(ItemBody::from).collect(),
    }))
}

/// Hands out its deliveries and what became of each as a sheet.
#[utoipa::path(
    get, path = "/admin/v1/bulks/{id}/sheet", operation_id = "export_bulk", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "Une ligne par livraison.", content_type = "text/csv"),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn sheet(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<BulkId>,
) -> Result<HttpResponse, Refusal> {
    let text = bulk::sheet(&desk, &viewer, *id).await?;
    let name = "attachment; filename=\"action-groupee.csv\"";
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(text))
}
