//! Who asks, as the gateway knows them.

use actix_web::{HttpResponse, web};
use domain::id::{PersonId, TenantId};
use domain::person::{Language, Right};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::form::Document;
use crate::pages::account;
use crate::refusal::{self, Refusal};
use crate::viewer::{Reach, Viewer};

/// The person behind a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// Their name among people.
    #[schema(value_type = String, format = Uuid)]
    id: PersonId,
    /// The network.
    #[schema(value_type = String, format = Uuid)]
    network: TenantId,
    /// What they sign in with.
    email: String,
    /// What others call them.
    name: String,
    /// What they read: `fr` or `en`.
    #[schema(value_type = String)]
    language: Language,
    /// What they may do, and at which sites.
    rights: Vec<RightBody>,
}

/// One right.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RightBody {
    /// Which.
    #[schema(value_type = String, example = "read-deliveries")]
    right: Right,
    /// The sites it reaches (SIRET); absent, all of the network's.
    #[serde(skip_serializing_if = "Option::is_none")]
    sites: Option<Vec<String>>,
}

/// Says who asks and what they may do.
#[utoipa::path(
    get, path = "/admin/v1/me", operation_id = "read_me", tag = "people",
    responses(
        (status = 200, description = "Qui appelle.", body = Me),
        (status = 401, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(viewer: Viewer) -> HttpResponse {
    let rights = Right::ALL.iter().filter_map(|right| {
        let sites = match viewer.reach(*right)? {
            Reach::Network => None,
            Reach::Sites(sites) => Some(sites.iter().map(ToString::to_string).collect()),
        };
        Some(RightBody {
            right: *right,
            sites,
        })
    });
    HttpResponse::Ok().json(web::Json(Me {
        id: viewer.id(),
        network: viewer.tenant(),
        email: viewer.person().email.clone(),
        name: viewer.person().name.clone(),
        language: viewer.language(),
        rights: rights.collect(),
    }))
}

/// What changes of one's own account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeChange {
    /// What the caller reads: `fr` or `en`.
    #[schema(value_type = String)]
    language: Language,
}

/// Changes what the caller reads.
#[utoipa::path(
    put, path = "/admin/v1/me", operation_id = "change_me", tag = "people",
    request_body = MeChange,
    responses(
        (status = 204, description = "C'est changé."),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
    ),
)]
pub(crate) async fn change(
    desk: web::Data<Desk>,
    viewer: Viewer,
    body: Document<MeChange>,
) -> Result<HttpResponse, Refusal> {
    account::speak(&desk, &viewer, body.language).await?;
    Ok(HttpResponse::NoContent().finish())
}
