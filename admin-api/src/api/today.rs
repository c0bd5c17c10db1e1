//! What a person must know in the morning, for programs.

use actix_web::{HttpResponse, web};
use domain::{Environment, Opco, Status, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::money::BlockedBody;
use crate::board::{self, Board, Line};
use crate::desk::Desk;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;
use crate::works::{Breaker, Health};

/// What may be asked.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// `live` or `test`; absent, production where the network has gone live.
    #[param(value_type = Option<String>)]
    world: Option<Environment>,
}

/// The morning of one world.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Today {
    #[schema(value_type = String)]
    environment: Environment,
    /// Why deliveries are not at their OPCO, those a person must act on first.
    stuck: Vec<LineBody>,
    /// Since when what was refused or given up is counted.
    #[schema(value_type = String, format = Date)]
    since: Date,
    /// The OPCOs that do not answer as they should.
    unwell: Vec<UnwellBody>,
    /// How many systems of OPCOs do.
    well: usize,
    /// The CFA keys that end within 60 days; absent without the right `read-keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<EndingBody>>,
    /// Invoices that no OPCO has, by what keeps them here; absent without the right `read-money`.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<Vec<BlockedBody>>,
    /// Whether there are more of those than were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_truncated: Option<bool>,
    /// What became of what was handed in lately, by day.
    days: Vec<DayBody>,
}

/// Deliveries that stand at the same place for the same reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TodayStuck)]
struct LineBody {
    #[schema(value_type = String, example = "held")]
    status: Status,
    /// The wait or hold reason.
    reason: Option<String>,
    /// Who must act: `network`, `cfa`, `opco` or `nobody`.
    who: &'static str,
    count: u64,
    #[schema(value_type = String, format = DateTime)]
    oldest: Timestamp,
    /// When the gateway next acts on one of them by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    /// How many at which OPCO; null where it is not known yet.
    opcos: Vec<OpcoCount>,
}

/// How many at one OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TodayOpco)]
struct OpcoCount {
    #[schema(value_type = Option<String>)]
    opco: Option<Opco>,
    count: u64,
}

/// An OPCO that does not answer as it should.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TodayUnwell)]
struct UnwellBody {
    #[schema(value_type = String)]
    opco: Opco,
    instance: u16,
    /// `ok`, `probing` or `resting`.
    health: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    resting_until: Option<Timestamp>,
    /// Until when it asked for silence.
    #[schema(value_type = Option<String>, format = DateTime)]
    silent_until: Option<Timestamp>,
    /// Until when announced works keep it closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_until: Option<Timestamp>,
}

/// A CFA key that ends soon.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TodayKey)]
struct EndingBody {
    #[schema(value_type = String)]
    opco: Opco,
    /// The site (SIRET).
    site: String,
    #[schema(value_type = Option<String>, format = Date)]
    expires_on: Option<Date>,
}

/// One day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TodayDay)]
struct DayBody {
    #[schema(value_type = String, format = Date)]
    day: Date,
    delivered: u64,
    refused: u64,
    /// Still open, given up or cancelled.
    other: u64,
}

/// Tells what has not arrived, why and who must act; which OPCO is unwell; which keys end; what money is blocked.
#[utoipa::path(
    get, path = "/admin/v1/today", operation_id = "read_today", tag = "deliveries",
    params(Asked),
    responses(
        (status = 200, description = "Le matin.", body = Today),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(
    desk: web::Data<Desk>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let environment = viewer.world(asked.world);
    let board = board::read(&desk, &viewer, environment).await?;
    Ok(HttpResponse::Ok().json(Today::new(environment, board)))
}

impl Today {
    fn new(environment: Environment, board: Board) -> Self {
        Self {
            environment,
            stuck: board.lines.into_iter().map(LineBody::from).collect(),
            since: board.since,
            unwell: board.unwell.iter().map(UnwellBody::from).collect(),
            well: board.well,
            keys: board.keys.map(|keys| {
                let keys = keys.into_iter().map(|key| EndingBody {
                    opco: key.instance.opco,
                    site: key.siret_cfa.to_string(),
                    expires_on: key.expires_on,
                });
                keys.collect()
            }),
            blocked_truncated: board.blocked.as_ref().map(|blocked| blocked.truncated),
            blocked: board
                .blocked
                .map(|blocked| blocked.by.values().map(BlockedBody::from).collect()),
            days: board
                .days
                .iter()
                .map(|day| DayBody {
                    day: day.date,
                    delivered: day.delivered,
                    refused: day.refused,
                    other: day.other,
                })
                .collect(),
        }
    }
}

impl From<Line> for LineBody {
    fn from(line: Line) -> Self {
        Self {
            status: line.status,
            who: line.who.as_str(),
            count: line.count,
            oldest: line.oldest,
            due: line.due,
            opcos: line
                .opcos
                .into_iter()
                .map(|(opco, count)| OpcoCount { opco, count })
                .collect(),
            reason: line.reason,
        }
    }
}

impl From<&Health> for UnwellBody {
    fn from(one: &Health) -> Self {
        let (health, resting_until) = match one.breaker {
            Breaker::Closed => ("ok", None),
            Breaker::Trying => ("probing", None),
            Breaker::Open(until) => ("resting", Some(until)),
        };
        Self {
            opco: one.instance.opco,
            instance: one.instance.number,
            health,
            resting_until,
            silent_until: one.silent_until,
            closed_until: one.closed_until,
        }
    }
}
