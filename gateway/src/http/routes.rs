//! Which OPCO for an employer: the answer with its reasons, as a payload would get it.

use actix_web::{HttpResponse, web};
use domain::{Opco, Siret};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::problem::{self, Code, Problem};
use super::words;
use crate::app::App;
use crate::routing::{self, Employer, Naf, Nomenclature};

/// The answer for one employer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteBody {
    /// The employer's establishment.
    #[schema(example = "12345678200010")]
    siret: String,
    /// The OPCO, when one is known.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<Opco>,
    /// The OPCO that manages for the owner, when the reference names one.
    #[schema(value_type = Option<words::Opco>)]
    managed_by: Option<Opco>,
    /// How the search ended.
    #[schema(value_type = words::RouteOutcome)]
    outcome: domain::RouteOutcome,
    /// How far to trust it.
    #[schema(value_type = words::Confidence)]
    confidence: domain::Confidence,
    /// Which step answered.
    #[schema(value_type = words::RouteSource)]
    source: domain::route::RouteSource,
    /// The day of the data that answered.
    #[schema(value_type = Option<String>, format = Date)]
    as_of: Option<String>,
    /// The collective agreement, four digits.
    idcc: Option<String>,
    /// The possible OPCOs, when several.
    candidates: Vec<CandidateBody>,
    /// Every step tried, in order.
    trail: Vec<StepBody>,
}

/// An OPCO that may be the one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Candidate)]
pub(crate) struct CandidateBody {
    /// The OPCO.
    #[schema(value_type = words::Opco)]
    opco: Opco,
    /// How many establishments, or employers of a sample, point to it.
    weight: u64,
}

/// One step of the search.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RouteStep)]
pub(crate) struct StepBody {
    /// Which step.
    #[schema(value_type = words::RouteSource)]
    step: domain::route::RouteSource,
    /// What it said.
    said: String,
}

/// What else is known of the employer.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Known {
    /// The collective agreement, four digits.
    #[param(example = "1979")]
    idcc: Option<String>,
    /// The activity code.
    #[param(example = "5610A")]
    naf: Option<String>,
}

impl From<domain::Route> for RouteBody {
    fn from(route: domain::Route) -> Self {
        let candidate = |c: domain::route::Candidate| CandidateBody {
            opco: c.opco,
            weight: c.weight,
        };
        let step = |s: domain::route::TrailStep| StepBody {
            step: s.step,
            said: s.said,
        };
        Self {
            siret: route.siret,
            opco: route.opco,
            managed_by: route.managed_by,
            outcome: route.outcome,
            confidence: route.confidence,
            source: route.source,
            as_of: route.as_of,
            idcc: route.idcc,
            candidates: route.candidates.into_iter().map(candidate).collect(),
            trail: route.trail.into_iter().map(step).collect(),
        }
    }
}

/// Says which OPCO an employer belongs to and why, from the sources at hand.
#[utoipa::path(
    get,
    path = "/api/v1/routes/{siret}", operation_id = "find_route",
    tag = "opcos",
    params(("siret" = String, Path, pattern = r"^[0-9]{14}$", description = "SIRET de l'employeur."), Known),
    responses(
        (status = 200, body = RouteBody),
        (status = 400, response = problem::Refusal),
    ),
)]
pub(crate) async fn find(
    app: web::Data<App>,
    caller: Caller,
    siret: web::Path<String>,
    known: web::Query<Known>,
) -> Result<HttpResponse, Problem> {
    let siret: Siret = siret.parse().map_err(|_| {
        Problem::new(
            Code::InvalidRequest,
            "Le SIRET compte 14 chiffres et une clé de contrôle juste.",
        )
    })?;
    let known = known.into_inner();
    let naf = known.naf.map(|code| Naf {
        code,
        nomenclature: Nomenclature::Unstated,
    });
    let employer = Employer {
        idcc: known.idcc.into_iter().collect(),
        naf,
        ..Employer::new(siret)
    };
    let network = app.views.network(&app, caller.tenant).await?;
    let route = routing::resolve_local(&app.routing, &employer, &network.routes, app.clock.now());
    Ok(HttpResponse::Ok().json(RouteBody::from(route)))
}
