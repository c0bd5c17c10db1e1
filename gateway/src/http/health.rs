//! Whether the process runs, whether it can work, and its measures.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{self, Code, Problem};
use crate::app::App;
use crate::metrics;

/// How long the store may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// That it is so.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Says that the process runs.
#[utoipa::path(get, path = "/health/live", operation_id = "live", tag = "exploitation", security(()),
    responses((status = 200, body = Health)))]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Says that requests can be answered: the store is there. An OPCO that is down changes nothing.
#[utoipa::path(get, path = "/health/ready", operation_id = "ready", tag = "exploitation", security(()),
    responses((status = 200, body = Health), (status = 503, response = problem::Refusal)))]
pub(crate) async fn ready(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    match tokio::time::timeout(READY_TIMEOUT, app.store.ping()).await {
        Ok(Ok(())) => Ok(HttpResponse::Ok().json(Health { status: "ok" })),
        Ok(Err(error)) => Err(Problem::unavailable(&error)),
        Err(_) => Err(Problem::plain(Code::Unavailable)),
    }
}

/// Answers the measures, for Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "exploitation", security(()),
    responses((status = 200, content_type = "application/openmetrics-text", body = String)))]
pub(crate) async fn measures(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let text = app
        .metrics
        .encode()
        .map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok()
        .content_type(metrics::CONTENT_TYPE)
        .body(text))
}
