//! How the OPCOs do, for programs.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use domain::{NormVersion, Opco, Openness, Timestamp};
use serde::Serialize;
use store::unknown_fields::UnknownField;
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::opcos::{self, Asked, State};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;
use crate::works::{Breaker, Health};

/// The eleven, in the order of France compétences' codes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpcoStates {
    opcos: Vec<StateBody>,
}

/// How one OPCO does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpcoState)]
struct StateBody {
    #[schema(value_type = String, example = "akto")]
    opco: Opco,
    /// The version contracts go in; null while neither is open.
    #[schema(value_type = Option<String>, example = "v1")]
    version: Option<NormVersion>,
    /// How far each capability is open.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    capabilities: BTreeMap<&'static str, Openness>,
    /// Its systems, as this process sees them.
    systems: Vec<SystemBody>,
    /// How it answered in the last six hours what was handed in since.
    calls: CallsBody,
    /// How many deliveries are on their way to it.
    backlog: u64,
    /// When the oldest of them was handed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
    /// The members of its answers that the norm does not have, by name.
    unknown_fields: Vec<UnknownFieldBody>,
}

/// A member of an OPCO's answers that nobody knows. What it holds is kept nowhere.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpcoUnknownField)]
struct UnknownFieldBody {
    /// In which answers: `etats`, `dossier` or `factures`.
    place: String,
    /// Its name, after those of what holds it; `…` for what is no name, or one too many.
    #[schema(example = "/echeances/*/bonus")]
    name: String,
    /// In how many answers.
    told: u64,
    #[schema(value_type = String, format = DateTime)]
    first_told_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_told_at: Timestamp,
}

/// One system of an OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpcoSystem)]
struct SystemBody {
    /// Which, from 1.
    instance: u16,
    /// `ok`, `resting` or `probing`.
    health: &'static str,
    /// Until when it is left alone.
    #[schema(value_type = Option<String>, format = DateTime)]
    resting_until: Option<Timestamp>,
    /// Until when it asked for silence.
    #[schema(value_type = Option<String>, format = DateTime)]
    silent_until: Option<Timestamp>,
    /// Until when announced works keep it closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_until: Option<Timestamp>,
}

/// How an OPCO answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpcoCalls)]
struct CallsBody {
    count: u64,
    /// 429.
    throttled: u64,
    /// Any other 4xx.
    refused: u64,
    /// 5xx.
    failed: u64,
    unanswered: u64,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
}

/// Lists the eleven.
#[utoipa::path(
    get, path = "/admin/v1/opcos", operation_id = "read_opcos", tag = "opcos",
    params(("world" = Option<String>, Query, description = "`live` or `test`.")),
    responses(
        (status = 200, description = "Les OPCO.", body = OpcoStates),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let (_, states) = opcos::all(&desk, &viewer, &asked).await?;
    Ok(HttpResponse::Ok().json(OpcoStates {
        opcos: states.into_iter().map(StateBody::from).collect(),
    }))
}

impl From<State> for StateBody {
    fn from(state: State) -> Self {
        let calls = state.calls;
        let open = state.open.as_ref();
        Self {
            opco: state.opco,
            version: open.and_then(|open| open.version),
            capabilities: open
                .iter()
                .flat_map(|open| &open.capabilities)
                .map(|(capability, openness)| (capability.as_str(), *openness))
                .collect(),
            systems: state.systems.iter().map(SystemBody::from).collect(),
            calls: CallsBody {
                count: calls.count,
                throttled: calls.throttled,
                refused: calls.refused,
                failed: calls.failed,
                unanswered: calls.unanswered,
                p50_ms: calls.p50_ms,
                p95_ms: calls.p95_ms,
            },
            backlog: state.backlog.map_or(0, |backlog| backlog.count),
            oldest: state.backlog.map(|backlog| backlog.oldest),
            unknown_fields: state
                .unknown
                .into_iter()
                .map(UnknownFieldBody::from)
                .collect(),
        }
    }
}

impl From<UnknownField> for UnknownFieldBody {
    fn from(field: UnknownField) -> Self {
        Self {
            place: field.place,
            name: field.name,
            told: field.told,
            first_told_at: field.first_told_at,
            last_told_at: field.last_told_at,
        }
    }
}

impl From<&Health> for SystemBody {
    fn from(system: &Health) -> Self {
        let (health, resting_until) = match system.breaker {
            Breaker::Closed => ("ok", None),
            Breaker::Trying => ("probing", None),
            Breaker::Open(until) => ("resting", Some(until)),
        };
        Self {
            instance: system.instance.number,
            health,
            resting_until,
            silent_until: system.silent_until,
            closed_until: system.closed_until,
        }
    }
}
