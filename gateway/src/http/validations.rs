//! What would become of a payload, and nothing kept.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use domain::payload::part_name;
use domain::{Finding, Kind};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::caller::Caller;
use super::problem::{self, Code, Constat, Problem};
use super::routes::RouteBody;
use super::submit::{DossierDocument, Received};
use super::trace_context::TraceContext;
use super::upload::described::{AnyForm, PayloadWithFile};
use super::upload::{self, Upload};
use super::{envelope, follow_ups, words};
use crate::app::App;
use crate::follow_up::{self, Judged, Whose};
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
    /// Whether a file was looked at: `checked`, or `not_looked` where none was given and a deposit may
    /// need one; absent for a kind that has none.
    #[schema(value_type = Option<String>, example = "checked")]
    file: Option<&'static str>,
    /// Why that OPCO; absent when it would be refused before that was asked, and for what follows a
    /// contract: it goes where its contract went.
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

/// Checks a payload that belongs to a contract, with the very rules of the door and all that is known
/// of the contract, and keeps nothing of it.
#[utoipa::path(
    post, path = "/api/v1/validations/{payload}", operation_id = "validate_payload", tag = "dossiers",
    params(
        ("payload" = inline(words::Door), Path),
        ("CFA-Livraison-Contrat" = Option<String>, Header, description = "Au lieu de `livraison_contrat`."),
        ("CFA-Opco" = Option<String>, Header, description = "Au lieu de `opco`."),
    ),
    request_body(content((PayloadWithFile = "application/json"), (AnyForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "Le verdict ; un envoi à corriger répond 200 aussi.", body = ValidationBody),
        (status = 400, response = problem::Refusal),
        (status = 404, response = problem::Refusal),
        (status = 408, response = problem::Refusal),
        (status = 413, response = problem::Refusal),
        (status = 415, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn payload(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Validated,
) -> Result<HttpResponse, Problem> {
    let mut follow = follow_ups::read(body.kind, &body.upload.json, request.headers())?;
    let file = part_name(body.kind).map(|_| match body.upload.file {
        Some(_) => "checked",
        None => "not_looked",
    });
    if body.upload.file.is_some() {
        follow.file = body.upload.facts();
    }
    let judged = Box::pin(follow_up::judge(
        &app,
        &Whose::of(&caller.sender()),
        &follow,
    ))
    .await;
    let verdict = match judged {
        Ok(judged) => followed(&judged),
        Err(Refused::Findings(findings) | Refused::Duplicate { findings, .. }) => {
            refused(&findings)
        }
        Err(other) => return Err(other.into()),
    };
    Ok(HttpResponse::Ok().json(ValidationBody { file, ..verdict }))
}

/// The body of a validation: of the kind that the address names. Its file is gone with it.
#[derive(Debug)]
pub(crate) struct Validated {
    kind: Kind,
    upload: Upload,
}

impl FromRequest for Validated {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let kind = follow_ups::kind(request.match_info().get("payload").unwrap_or_default());
            let kind = kind.ok_or_else(|| Problem::plain(Code::UnknownRoute))?;
            let upload = match part_name(kind) {
                Some(_) => upload::read(&request, &mut payload, kind).await?,
                None => Upload {
                    json: JsonBody::from_request(&request, &mut payload).await?.0,
                    file: None,
                },
            };
            Ok(Self { kind, upload })
        })
    }
}

fn followed(judged: &Judged) -> ValidationBody {
    let (waiting, held) = reasons(judged.way);
    ValidationBody {
        acceptable: true,
        waiting,
        held,
        opco: judged.target.map(|target| target.opco),
        version: judged.version(),
        ..refused(&judged.findings)
    }
}

fn refused(findings: &[Finding]) -> ValidationBody {
    ValidationBody {
        constats: findings.iter().map(Constat::from).collect(),
        ..Default::default()
    }
}

/// Why it would wait, or be held.
fn reasons(way: Way) -> (Option<domain::WaitReason>, Option<domain::HoldReason>) {
    match way {
        Way::Go => (None, None),
        Way::Lookup => (Some(domain::WaitReason::RouteLookup), None),
        Way::Await(reason, _) => (Some(reason), None),
        Way::Hold(reason) => (None, Some(reason)),
    }
}

fn accepted(plan: Plan, findings: &[Finding]) -> ValidationBody {
    let (waiting, held) = reasons(plan.way);
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
