//! The proof of one delivery, as a file that anyone can verify without this gateway.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use domain::id::DeliveryId;
use store::deliveries;
use store::proofs::ProofError;

use super::caller::Caller;
use super::problem::{self, Code, Problem};
use super::request_log;
use crate::app::App;
use crate::notary;

/// Hands out the evidence file of a delivery.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}/preuve", operation_id = "read_evidence", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, body = serde_json::Value, content_type = "application/json"),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn read(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<DeliveryId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut tx = app.store.reading().await?;
    let delivery = deliveries::find(&mut tx, caller.tenant, *id).await?;
    drop(tx);
    let seen = |d: &deliveries::Delivery| {
        d.environment == caller.environment && caller.covers(&d.siret_cfa)
    };
    if !delivery.as_ref().is_some_and(seen) {
        return Err(Problem::not_found());
    }
    request_log::about(&request, *id);
    let actor = format!("credential:{}", caller.credential);
    let who = (actor, caller.environment.as_str());
    let file = notary::evidence(&app, caller.tenant, *id, who).await?;
    let file = file.ok_or_else(|| {
        let detail = "Les derniers événements de cette livraison ne sont pas encore scellés.";
        Problem::new(Code::Unavailable, detail)
    })?;
    let name = format!("attachment; filename=\"preuve-{}.json\"", *id);
    let name = HeaderValue::try_from(name).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, name))
        // What is signed is these bytes: nothing on the way may write them anew.
        .insert_header((header::CACHE_CONTROL, "no-store, no-transform"))
        .body(file))
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Store(error) => error.into(),
            ProofError::Broken { .. } => Self::internal(&error),
        }
    }
}
