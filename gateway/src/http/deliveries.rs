//! What became of a payload: the list, and one delivery with everything that happened to it.

pub(crate) mod view;

use actix_web::{HttpRequest, HttpResponse, web};
use domain::delivery::Action;
use domain::id::DeliveryId;
use domain::{Kind, Opco, Siret, Status, Timestamp, finding};
use serde::{Deserialize, Serialize};
use store::deliveries::{self, Filter, Page};
use store::{attempts, events, pieces};
use utoipa::{IntoParams, ToSchema};

use self::view::{AttemptBody, DeliveryBody, FileBody};
use super::caller::Caller;
use super::events::EventBody;
use super::problem::{self, Constat, Problem};
use super::routes::RouteBody;
use super::{page, request_log, words};
use crate::actions;
use crate::app::App;
use crate::files::outgoing;
use crate::intake;

/// A page of deliveries, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deliveries {
    /// The deliveries.
    deliveries: Vec<DeliveryBody>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One delivery and its history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryBody,
    /// The OPCO's number of the invoice, when it is one and was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    numero_facture: Option<String>,
    /// The OPCO's number of the file it stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    numero_document: Option<String>,
    /// The file that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileBody>,
    /// What a person may do now.
    #[schema(value_type = Vec<words::Action>)]
    actions: Vec<Action>,
    /// Why that OPCO, with every step tried.
    route: Option<RouteBody>,
    /// What was found at the door and did not refuse it.
    warnings: Vec<Constat>,
    /// Every call to the OPCO for it, the oldest first.
    attempts: Vec<AttemptBody>,
    /// Everything that happened to it, the oldest first.
    timeline: Vec<EventBody>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// Only those in this status.
    #[param(value_type = Option<words::Status>)]
    status: Option<Status>,
    /// Only those that wait or are held for this reason.
    #[param(example = "no_key")]
    reason: Option<String>,
    /// Only this kind of payload.
    #[param(value_type = Option<words::Kind>)]
    kind: Option<Kind>,
    /// Only those for this OPCO.
    #[param(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// Only those of this site (SIRET).
    #[param(value_type = Option<String>)]
    site: Option<Siret>,
    /// Only those accepted since this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those with this number of the OPCO, or this employer (SIRET).
    text: Option<String>,
    /// How many on a page, from 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page starts, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists deliveries, the newest first.
#[utoipa::path(
    get, path = "/api/v1/deliveries", operation_id = "list_deliveries", tag = "deliveries", params(Asked),
    responses(
        (status = 200, body = Deliveries, headers(("Link" = String, description = "La page suivante."))),
        (status = 400, response = problem::Refusal),
    ),
)]
pub(crate) async fn list(
    app: web::Data<App>,
    caller: Caller,
    asked: web::Query<Asked>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let limit = page::limit(asked.limit)?;
    let after: Option<DeliveryId> = page::place(asked.cursor.as_deref())?;
    let asked = asked.into_inner();
    let filter = Filter {
        environment: Some(caller.environment),
        status: asked.status,
        reason: asked.reason,
        kind: asked.kind,
        opco: asked.opco,
        sites: caller.sites(asked.site),
        since: asked.since,
        until: None,
        text: asked.text,
    };
    let mut tx = app.store.reading().await?;
    let found = deliveries::list(&mut tx, caller.tenant, &filter, Page { after, limit }).await?;
    let full = u32::try_from(found.len()).unwrap_or(limit) >= limit;
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| page::cursor(&last.id.to_string()));
    let mut answer = HttpResponse::Ok();
    if let Some(link) = next
        .as_deref()
        .and_then(|cursor| page::link(&request, cursor))
    {
        answer.insert_header(link);
    }
    Ok(answer.json(Deliveries {
        deliveries: found.iter().map(DeliveryBody::from).collect(),
        next,
    }))
}

/// Shows one delivery: where it stands and why, what happens next, what happened so far.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}", operation_id = "read_delivery", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, body = DeliveryDetail),
        (status = 404, response = problem::Refusal),
    ),
)]
pub(crate) async fn find(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<DeliveryId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let detail = detail(&app, &caller, *id).await?;
    request_log::about(&request, *id);
    Ok(HttpResponse::Ok().json(detail))
}

/// Reads a delivery the caller may see, with its history.
pub(crate) async fn detail(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
) -> Result<DeliveryDetail, Problem> {
    let mut tx = app.store.reading().await?;
    let delivery = deliveries::find(&mut tx, caller.tenant, id).await?;
    let seen = |d: &deliveries::Delivery| {
        d.environment == caller.environment && caller.covers(&d.siret_cfa)
    };
    let delivery = delivery.filter(seen).ok_or_else(Problem::not_found)?;
    let submission = deliveries::submission(&mut tx, caller.tenant, id).await?;
    let attempts = attempts::of_delivery(&mut tx, caller.tenant, id).await?;
    let timeline = events::of_delivery(&mut tx, caller.tenant, id).await?;
    let numeros = pieces::of_delivery(&mut tx, caller.tenant, id).await?;
    let file = outgoing::of(&mut tx, &delivery).await?;
    let route = submission
        .as_ref()
        .map(|s| serde_json::from_str::<domain::Route>(&s.route_json));
    let found = submission.as_ref().map(|s| s.warnings_json.as_str());
    let found = finding::kept::read(found.unwrap_or_default());
    let covers = |siret: &Siret| caller.covers(siret);
    let found = intake::told(&mut tx, caller.tenant, covers, found).await?;
    Ok(DeliveryDetail {
        delivery: DeliveryBody::from(&delivery),
        numero_facture: numeros.facture,
        numero_document: numeros.document,
        file: file.as_ref().map(FileBody::from),
        actions: actions::allowed(&delivery),
        route: route.and_then(Result::ok).map(RouteBody::from),
        warnings: found.iter().map(Constat::from).collect(),
        attempts: attempts.iter().map(AttemptBody::from).collect(),
        timeline: timeline.into_iter().map(EventBody::from).collect(),
    })
}
