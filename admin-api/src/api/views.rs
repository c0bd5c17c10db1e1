//! The lists a person comes back to, for programs.

use actix_web::{HttpResponse, web};
use domain::person::Right;
use serde::{Deserialize, Serialize};
use store::saved_views::{self, SavedView};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::pages::saved::{self, Keeping};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The caller's own lists.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Views {
    views: Vec<ViewBody>,
}

/// One list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = View)]
struct ViewBody {
    name: String,
    /// The filters, as the address of the list holds them behind `?`.
    #[schema(example = "status=held&columns=kind")]
    query: String,
}

/// What a name is kept for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewKept {
    /// The filters, as the address of the list holds them; what is searched for in text is not kept.
    query: String,
}

/// Lists the caller's own views.
#[utoipa::path(
    get, path = "/admin/v1/views", operation_id = "list_views", tag = "deliveries",
    responses(
        (status = 200, description = "Les vues gardées.", body = Views),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    viewer.require(Right::ReadDeliveries)?;
    let mut tx = desk.store.reading().await?;
    let kept = saved_views::list(&mut tx, viewer.tenant(), viewer.id()).await?;
    drop(tx);
    let body = |view: SavedView| ViewBody {
        name: view.name,
        query: view.query,
    };
    Ok(HttpResponse::Ok().json(Views {
        views: kept.into_iter().map(body).collect(),
    }))
}

/// Keeps a list under a name.
#[utoipa::path(
    put, path = "/admin/v1/views/{name}", operation_id = "keep_view", tag = "deliveries",
    params(("name" = String, Path)),
    request_body = ViewKept,
    responses(
        (status = 204, description = "La vue est gardée."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn keep(
    desk: web::Data<Desk>,
    viewer: Viewer,
    name: web::Path<String>,
    body: Document<ViewKept>,
) -> Result<HttpResponse, Refusal> {
    saved::keep(&desk, &viewer, &name, &body.query, Keeping::Put).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lets one go.
#[utoipa::path(
    delete, path = "/admin/v1/views/{name}", operation_id = "forget_view", tag = "deliveries",
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "La vue n'est plus gardée."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn forget(
    desk: web::Data<Desk>,
    viewer: Viewer,
    name: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    saved::keep(&desk, &viewer, &name, "", Keeping::Forget).await?;
    Ok(HttpResponse::NoContent().finish())
}
