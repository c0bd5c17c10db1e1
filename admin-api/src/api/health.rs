//! Signs of life of the second port.

use actix_web::{HttpResponse, web};

use crate::desk::Desk;
use crate::refusal::Refusal;

/// Says that the process answers.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "live" }))
}

/// Says that the store answers too.
pub(crate) async fn ready(desk: web::Data<Desk>) -> Result<HttpResponse, Refusal> {
    desk.store.ping().await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}
