//! Deliveries, for programs: the list with the page's filters, one with its history, and the acts on it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::delivery::Action;
use domain::id::{DeliveryId, DossierId, KeyId};
use domain::person::Right;
use domain::route::{Route, RouteSource};
use domain::{
    Confidence, Environment, Fault, HoldReason, Kind, Opco, RouteOutcome, Severity, Status,
    Timestamp, WaitReason,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::Delivery;
use store::attempts::Attempt;
use store::deliveries::Page;
use store::events::Event;
use utoipa::ToSchema;

use crate::bulk;
use crate::desk::Desk;
use crate::form::Document;
use crate::judged::Found;
use crate::pages::delivery::{self, Shown};
use crate::picked::Asked;
use crate::refusal::{self, Code, Refusal, both};
use crate::viewer::Viewer;
use crate::works::{self, NotDone};

/// How many on a page.
const PER_PAGE: u32 = 200;

/// A page of deliveries, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deliveries)]
pub(crate) struct Listed {
    /// How many the filters name; at most 20,000 are counted.
    count: u64,
    /// Whether there are more than were counted.
    more: bool,
    deliveries: Vec<DeliveryBody>,
    /// What `after` holds for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    next: Option<DeliveryId>,
}

/// One accepted payload on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    #[schema(value_type = String, format = Uuid)]
    id: DeliveryId,
    #[schema(value_type = String)]
    environment: Environment,
    #[schema(value_type = String, example = "dossier")]
    kind: Kind,
    #[schema(value_type = String, example = "held")]
    status: Status,
    #[schema(value_type = Option<String>)]
    wait_reason: Option<WaitReason>,
    #[schema(value_type = Option<String>)]
    hold_reason: Option<HoldReason>,
    /// When the gateway next acts by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    /// The site (SIRET).
    site: String,
    /// The employer's establishment (SIRET).
    employer: Option<String>,
    numero_interne: Option<String>,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
    attempts: u32,
    looks: u32,
    /// The last failure, masked.
    #[schema(value_type = Option<serde_json::Value>)]
    fault: Option<Fault>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// One delivery, what happened to it, and what may be done now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryBody,
    /// The dossier it led to.
    #[schema(value_type = Option<String>, format = Uuid)]
    dossier_id: Option<DossierId>,
    /// What the rules found and did not refuse, in French.
    findings: Vec<FindingBody>,
    /// How its OPCO was looked for.
    route: Option<RouteBody>,
    /// The version of the rules that judged it.
    rule_set: String,
    /// What its state allows; empty where the caller may not act.
    #[schema(value_type = Vec<String>)]
    allowed: Vec<Action>,
    /// The calls to the OPCO, in order.
    calls: Vec<CallBody>,
    /// What happened, in order.
    history: Vec<HappenedBody>,
}

/// Something that a rule found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryFinding)]
struct FindingBody {
    rule: &'static str,
    /// `avertissement`, or another word of the rules.
    #[schema(value_type = String)]
    severity: Severity,
    /// Where in the payload.
    pointer: String,
    message: String,
    /// What to do.
    remedy: String,
    /// The other delivery it is about, where the caller may see that one.
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery_id: Option<DeliveryId>,
}

/// How the OPCO of an employer was looked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryRoute)]
struct RouteBody {
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    /// The OPCO that manages for it.
    #[schema(value_type = Option<String>)]
    managed_by: Option<Opco>,
    #[schema(value_type = String)]
    outcome: RouteOutcome,
    #[schema(value_type = String)]
    confidence: Confidence,
    /// The possible OPCOs, when several.
    #[schema(value_type = Vec<String>)]
    candidates: Vec<Opco>,
    /// The steps tried, in order.
    trail: Vec<StepBody>,
}

/// A step of that search.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryRouteStep)]
struct StepBody {
    #[schema(value_type = String)]
    step: RouteSource,
    said: String,
}

/// A call to the OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryCall)]
struct CallBody {
    number: u32,
    /// `write` or `look`.
    purpose: String,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    outcome: Option<String>,
    http_status: Option<u16>,
    duration_ms: Option<u64>,
    /// The CFA key it was made with, once the log tells.
    #[schema(value_type = Option<String>, format = Uuid)]
    key_id: Option<KeyId>,
    trace_id: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryHappened)]
struct HappenedBody {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    kind: String,
    actor: String,
    data: serde_json::Value,
}

/// What to do, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryAct {
    #[schema(value_type = String, example = "retry")]
    action: Action,
    /// Why, for the log.
    reason: String,
    /// For `choose-opco`.
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    /// The reference of the mandate, for `complete`.
    mandate: Option<String>,
    /// The day it was signed.
    #[schema(value_type = Option<String>, format = Date)]
    signed_on: Option<Date>,
    /// The OPCO's own number, for `confirm-sent`.
    numero_interne: Option<String>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let standing = delivery.standing;
        Self {
            id: delivery.id,
            environment: delivery.environment,
            kind: delivery.kind,
            status: standing.status,
            wait_reason: standing.wait_reason,
            hold_reason: standing.hold_reason,
            due_at: standing.due_at,
            opco: delivery.opco,
            site: delivery.siret_cfa.to_string(),
            employer: delivery.siret_employeur.map(|siret| siret.to_string()),
            numero_interne: delivery.receipt.numero_interne,
            numero_externe: delivery.receipt.numero_externe,
            numero_deca: delivery.receipt.numero_deca,
            attempts: delivery.attempts,
            looks: delivery.looks,
            fault: delivery.fault,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

impl CallBody {
    fn of(attempt: Attempt, key_id: Option<KeyId>) -> Self {
        Self {
            number: attempt.number,
            purpose: attempt.purpose,
            opened_at: attempt.opened_at,
            outcome: attempt.outcome,
            http_status: attempt.http_status,
            duration_ms: attempt.duration_ms,
            key_id,
            trace_id: attempt.trace_id,
        }
    }
}

impl From<Event> for HappenedBody {
    fn from(event: Event) -> Self {
        Self {
            at: event.at,
            kind: event.kind,
            actor: event.actor,
            data: event.data,
        }
    }
}

impl From<Found> for FindingBody {
    fn from(found: Found) -> Self {
        let finding = found.finding;
        Self {
            rule: finding.rule,
            severity: finding.severity,
            pointer: finding.pointer,
            message: finding.message,
            remedy: finding.remedy,
            delivery_id: found.other,
        }
    }
}

impl From<Route> for RouteBody {
    fn from(route: Route) -> Self {
        let steps = route.trail.into_iter().map(|step| StepBody {
            step: step.step,
            said: step.said,
        });
        Self {
            opco: route.opco,
            managed_by: route.managed_by,
            outcome: route.outcome,
            confidence: route.confidence,
            candidates: route.candidates.into_iter().map(|one| one.opco).collect(),
            trail: steps.collect(),
        }
    }
}

fn detail(desk: &Desk, viewer: &Viewer, shown: Shown) -> DeliveryDetail {
    let act = viewer.reach(Right::Act);
    let here = act.is_some_and(|reach| reach.covers(&shown.delivery.siret_cfa));
    let allowed = if here {
        desk.works.allowed(&shown.delivery)
    } else {
        Vec::new()
    };
    let judged = shown.judged;
    let keys = shown.keys;
    let calls = shown.attempts.into_iter().map(|attempt| {
        let key_id = keys.get(&u64::from(attempt.number)).copied();
        CallBody::of(attempt, key_id)
    });
    DeliveryDetail {
        delivery: shown.delivery.into(),
        dossier_id: shown.dossier,
        findings: judged.findings.into_iter().map(FindingBody::from).collect(),
        route: judged.route.map(RouteBody::from),
        rule_set: judged.rule_set,
        allowed,
        calls: calls.collect(),
        history: shown.timeline.into_iter().map(HappenedBody::from).collect(),
    }
}

/// Lists deliveries by the filters of the page, the newest first.
#[utoipa::path(
    get, path = "/admin/v1/deliveries", operation_id = "list_deliveries", tag = "deliveries",
    params(
        ("world" = Option<String>, Query, description = "`live` or `test`."),
        ("status" = Option<String>, Query), ("reason" = Option<String>, Query, description = "The wait or hold reason."),
        ("kind" = Option<String>, Query), ("opco" = Option<String>, Query),
        ("site" = Option<String>, Query, description = "SIRET."),
        ("since" = Option<String>, Query, format = Date), ("until" = Option<String>, Query, format = Date),
        ("text" = Option<String>, Query, description = "Exactly an identifier, a SIRET or a number."),
        ("cause" = Option<String>, Query, description = "The key of a cause; it takes the place of the other filters."),
        ("after" = Option<String>, Query, format = Uuid, description = "`next` of the page before."),
    ),
    responses(
        (status = 200, description = "Les livraisons.", body = Listed),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let asked = Asked::read(request.query_string());
    let reach = viewer.require(Right::ReadDeliveries)?;
    let picked = asked.picked(&viewer, &reach)?;
    let from = Page {
        after: asked.after.parse().ok(),
        limit: PER_PAGE,
    };
    let now = desk.clock.now();
    let mut tx = desk.store.reading().await?;
    let counted = picked.count(&mut tx, now).await?;
    let found = picked.page(&mut tx, from, now).await?;
    drop(tx);
    let full = found.len() >= usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    Ok(HttpResponse::Ok().json(Listed {
        count: counted.count,
        more: counted.more,
        next: found.last().filter(|_| full).map(|last| last.id),
        deliveries: found.into_iter().map(DeliveryBody::from).collect(),
    }))
}

/// Hands out the whole list as a sheet, with the filters and columns of the page.
#[utoipa::path(
    get, path = "/admin/v1/deliveries/sheet", operation_id = "export_deliveries", tag = "deliveries",
    params(
        ("columns" = Option<String>, Query, description = "Words joined by commas; the usual ones unless said otherwise."),
        ("world" = Option<String>, Query), ("status" = Option<String>, Query), ("reason" = Option<String>, Query),
        ("kind" = Option<String>, Query), ("opco" = Option<String>, Query), ("site" = Option<String>, Query),
        ("since" = Option<String>, Query, format = Date), ("until" = Option<String>, Query, format = Date),
        ("text" = Option<String>, Query), ("cause" = Option<String>, Query),
    ),
    responses(
        (status = 200, description = "Une ligne par livraison.", content_type = "text/csv"),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn sheet(
    desk: web::Data<Desk>,
    viewer: Viewer,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    crate::sheet::deliveries(desk, viewer, request).await
}

/// Tells where a delivery stands, what happened to it, and what may be done now.
#[utoipa::path(
    get, path = "/admin/v1/deliveries/{id}", operation_id = "read_delivery", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    responses(
        (status = 200, description = "La livraison.", body = DeliveryDetail),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    id: web::Path<DeliveryId>,
) -> Result<HttpResponse, Refusal> {
    let shown = delivery::read(&desk, &viewer, *id).await?;
    Ok(HttpResponse::Ok().json(detail(&desk, &viewer, shown)))
}

/// Acts on a delivery, with a reason.
#[utoipa::path(
    post, path = "/admin/v1/deliveries/{id}/act", operation_id = "act_on_delivery", tag = "deliveries",
    params(("id" = String, Path, format = Uuid)),
    request_body = DeliveryAct,
    responses(
        (status = 200, description = "La livraison après l'acte.", body = DeliveryDetail),
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
    id: web::Path<DeliveryId>,
    body: Document<DeliveryAct>,
) -> Result<HttpResponse, Refusal> {
    let body = body.into_inner();
    let shown = delivery::read(&desk, &viewer, *id).await?;
    let by = viewer.acting(shown.delivery.environment)?;
    let mandate = delivery::mandate(body.mandate, body.signed_on);
    let (reason, mandate) = both(bulk::reason(&body.reason).map(str::to_owned), mandate)?;
    let asked = works::Asked {
        action: body.action,
        reason,
        opco: body.opco,
        mandate,
        numero_interne: body.numero_interne,
    };
    match desk.works.act(&by, *id, asked).await {
        Ok(_) => {}
        Err(NotDone::Unknown) => return Err(Code::NotFound.into()),
        Err(NotDone::Store(error)) => return Err(error.into()),
        Err(refused) => return Err(delivery::not_done(&refused)),
    }
    let shown = delivery::read(&desk, &viewer, *id).await?;
    Ok(HttpResponse::build(StatusCode::OK).json(detail(&desk, &viewer, shown)))
}
