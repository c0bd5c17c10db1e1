//! Dossiers that one side alone knows, for programs.

use actix_web::{HttpResponse, web};
use domain::Environment;
use domain::id::{DeliveryId, DossierId};
use domain::orphan::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::orphans::{self, Act, Asked, Page};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// What to do, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrphanAct {
    /// `adopt`, `ignore` or `reopen`.
    #[schema(value_type = String, example = "adopt")]
    action: Action,
    /// Why, for the log.
    reason: String,
    /// The delivery of the contract that it is, for `adopt`. Without one, it is tied to the contract that
    /// the norm's own key pairs with it, or followed alone.
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery_id: Option<DeliveryId>,
    /// `live` or `test`; absent, production where the network has gone live.
    #[schema(value_type = Option<String>)]
    world: Option<Environment>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrphanActed {
    /// The orphan.
    #[schema(value_type = String, format = Uuid)]
    id: DossierId,
    /// The delivery it is tied to.
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery_id: Option<DeliveryId>,
}

/// Lists the dossiers an OPCO knows and no ERP sent, and the reverse, each with the pairing proposed. Names
/// are in it: that it was read is on record (`dossier.orphans_opened`).
#[utoipa::path(
    get, path = "/admin/v1/orphans", operation_id = "list_orphans", tag = "dossiers",
    params(
        ("world" = Option<String>, Query, description = "`live` or `test`."),
        ("opco" = Option<String>, Query), ("site" = Option<String>, Query, description = "SIRET."),
        ("side" = Option<String>, Query, description = "`opco` or `cfa`."),
        ("fate" = Option<String>, Query, description = "`open` (unless said otherwise), `adopted` or `ignored`."),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses(
        (status = 200, description = "Les orphelins.", body = Page),
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
    Ok(HttpResponse::Ok().json(orphans::list(&desk, &viewer, &asked).await?))
}

/// Adopts one, sets it aside, or takes that back.
#[utoipa::path(
    post, path = "/admin/v1/orphans/{id}", operation_id = "act_on_orphan", tag = "dossiers",
    params(("id" = String, Path, format = Uuid)),
    request_body = OrphanAct,
    responses(
        (status = 200, description = "C'est fait.", body = OrphanActed),
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
    id: web::Path<DossierId>,
    body: Document<OrphanAct>,
) -> Result<HttpResponse, Refusal> {
    let body = body.into_inner();
    let act = Act {
        action: body.action,
        reason: body.reason,
        delivery: body.delivery_id,
    };
    let world = viewer.world(body.world);
    let delivery_id = orphans::act(&desk, &viewer, *id, (world, act)).await?;
    Ok(HttpResponse::Ok().json(OrphanActed {
        id: *id,
        delivery_id,
    }))
}
