//! Why deliveries are stuck, for programs.

use actix_web::{HttpResponse, web};
use domain::person::Right;
use domain::{Environment, HoldReason, Opco, Status, Timestamp};
use serde::{Deserialize, Serialize};
use store::deliveries::Scope;
use utoipa::{IntoParams, ToSchema};

use crate::causes;
use crate::desk::Desk;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// What may be asked.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// `live` or `test`; absent, production where the network has gone live.
    #[param(value_type = Option<String>)]
    world: Option<Environment>,
}

/// What is stuck, by cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Causes {
    /// The largest first.
    causes: Vec<CauseBody>,
}

/// One cause.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CauseBody {
    /// Its name: the same tomorrow.
    key: String,
    /// Where its deliveries stand.
    #[schema(value_type = String, example = "held")]
    status: Status,
    /// Why they are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "no_key")]
    reason: Option<HoldReason>,
    /// The operator, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    /// The rule, the OPCO's code, or the sort of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The field concerned, when the OPCO names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The OPCO's words, without what differs from one delivery to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    /// Who must act: `network`, `cfa`, `opco` or `nobody`.
    who: &'static str,
    /// How many deliveries share it.
    count: usize,
    /// When the oldest was handed in.
    #[schema(value_type = String, format = DateTime)]
    oldest: Timestamp,
    /// The newest of them, at most a hundred.
    deliveries: Vec<String>,
}

/// Lists what is held, in doubt, refused or given up, by cause.
#[utoipa::path(
    get, path = "/admin/v1/causes", operation_id = "list_causes", tag = "deliveries",
    params(Asked),
    responses(
        (status = 200, description = "Les causes, la plus fréquente d'abord.", body = Causes),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let scope = Scope {
        tenant: viewer.tenant(),
        environment: viewer.world(asked.world),
        sites: viewer.require(Right::ReadDeliveries)?.filter(),
    };
    let mut tx = desk.store.reading().await?;
    let causes = causes::read(&mut tx, &scope, desk.clock.now()).await?;
    drop(tx);
    let causes = causes.into_iter().map(|cause| CauseBody {
        key: cause.kept.key(),
        status: cause.kept.status,
        reason: cause.kept.reason,
        opco: cause.kept.opco,
        who: cause.who.as_str(),
        count: cause.deliveries.len(),
        oldest: cause.oldest,
        deliveries: cause
            .deliveries
            .iter()
            .take(100)
            .map(ToString::to_string)
            .collect(),
        code: cause.kept.code,
        field: cause.kept.field,
        words: cause.kept.words,
    });
    Ok(HttpResponse::Ok().json(Causes {
        causes: causes.collect(),
    }))
}
