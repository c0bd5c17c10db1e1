//! What would become of a payload, and nothing kept.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::Finding;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::caller::Caller;
use super::problem::{self, Constat, Problem};
use super::routes::RouteBody;
use super::submit::{DossierDocument, Received};
use super::trace_context::TraceContext;
use super::{envelope, words};
use crate::app::App;
use crate::intake::{self, Refused};
use crate::plan::{Plan, Way};

/// What would become of a payload if it were handed in now.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Validation)]
pub(crate) struct ValidationBody {
    /// Whether it would be accepted; it may still wait, or be held for a person.
    acceptable: bool,
    /// Why it would wait, if it would.
    #[schema(value_type = Option<words::WaitReason>)]
    waiting: Option<domain::WaitReason>,
    /// Why it would be held, if it would.
    #[schema(value_type = Option<words::HoldReason>)]
    held: Option<domain::HoldReason>,
    /// The OPCO it would go to.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<domain::Opco>,
    /// The version of the norm it would be sent in.
    #[schema(value_type = Option<String>, example = "v2")]
    version: Option<domain::NormVersion>,
    /// Why that OPCO; absent when it would be refused before that was asked.
    route: Option<RouteBody>,
    /// Everything found.
    constats: Vec<Constat>,
}

/// Checks a contract with the very rules of the door, and keeps nothing of it.
#[utoipa::path(
    post, path = "/api/v1/validations/dossiers", operation_id = "validate_dossier", tag = "dossiers",
    request_body = DossierDocument,
    responses(
        (status = 200, description = "Le verdict ; un contrat à corriger répond 200 aussi.", body = ValidationBody),
        (status = 400, response = problem::Refusal),
        (status = 413, response = problem::Refusal),
        (status = 415, response = problem::Refusal),
    ),
)]
pub(crate) async fn dossier(
    app: web::Data<App>,
    caller: Caller,
    trace: TraceContext,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let envelope = envelope::of_headers(request.headers())?;
    let submission = Received::read(&body.0, &envelope)?.submission(None, &trace);
    let verdict = match intake::validate(&app, &caller.sender(), &submission).await {
        Ok((plan, findings)) => accepted(plan, &findings),
        Err(Refused::Findings(findings)) => refused(&findings),
        Err(other) => return Err(other.into()),
    };
    Ok(HttpResponse::Ok().json(verdict))
}

fn refused(findings: &[Finding]) -> ValidationBody {
    ValidationBody {
        constats: findings.iter().map(Constat::from).collect(),
        ..Default::default()
    }
}

fn accepted(plan: Plan, findings: &[Finding]) -> ValidationBody {
    let (waiting, held) = match plan.way {
        Way::Go => (None, None),
        Way::Lookup => (Some(domain::WaitReason::RouteLookup), None),
        Way::Hold(reason) => (None, Some(reason)),
    };
    ValidationBody {
        acceptable: true,
        waiting,
        held,
        opco: plan.target.map(|target| target.opco),
        version: plan.version,
        route: Some(RouteBody::from(plan.route)),
        ..refused(findings)
    }
}
