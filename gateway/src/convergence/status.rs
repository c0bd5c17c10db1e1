//! How the façade is (protocol §14).

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// How long the store may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Health and versions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Statut)]
pub(crate) struct StatusBody {
    /// `healthy`; `unhealthy` when nothing can be taken.
    #[schema(example = "healthy")]
    status: &'static str,
    /// The versions of the norm spoken here.
    #[schema(example = json!(["1.0", "2.0"]))]
    supported_versions: [&'static str; 2],
    /// Seconds since the start.
    uptime: u64,
}

/// Tells how the façade is. An OPCO that is down changes nothing.
#[utoipa::path(
    get, path = "/convergence/v1/status", operation_id = "statut", tag = "service", security(()),
    responses((status = 200, body = StatusBody)),
)]
pub(crate) async fn status(app: web::Data<App>) -> HttpResponse {
    let ready = tokio::time::timeout(READY_TIMEOUT, app.store.ping()).await;
    HttpResponse::Ok().json(StatusBody {
        status: if matches!(ready, Ok(Ok(()))) {
            "healthy"
        } else {
            "unhealthy"
        },
        supported_versions: ["1.0", "2.0"],
        uptime: app.http.convergence.started.elapsed().as_secs(),
    })
}
