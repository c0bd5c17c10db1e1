//! The feed: everything that happened to a network's payloads, in one sequence without gaps.

use actix_web::{HttpResponse, web};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use store::events::{self, Event, Sight};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::page;
use super::problem::{self, Problem};
use crate::app::App;
use crate::mutation::{self, Mutation};

/// A part of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    /// The events, in the order of their positions.
    events: Vec<EventBody>,
    /// Where to go on: the `after` of the next call. Unchanged when there was nothing new.
    next: i64,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    /// Its name.
    #[schema(format = Uuid)]
    id: String,
    /// Its place in the network's sequence.
    position: i64,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What happened, as a stable dotted word.
    #[schema(example = "delivery.delivered")]
    kind: String,
    /// The delivery it concerns.
    #[schema(format = Uuid)]
    delivery_id: Option<String>,
    /// The dossier it concerns.
    #[schema(format = Uuid)]
    dossier_id: Option<String>,
    /// Who did it: `gateway`, `credential:…` or `person:…`.
    actor: String,
    /// The rest, masked.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// From where in the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// The position after which to read; 0 for the beginning.
    #[serde(default)]
    after: i64,
    /// How many at most, from 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            position: event.position,
            at: event.at,
            kind: event.kind,
            delivery_id: event.delivery.map(|id| id.to_string()),
            dossier_id: event.dossier.map(|id| id.to_string()),
            actor: event.actor,
            data: event.data,
        }
    }
}

/// Reads the feed. It needs no open port on the ERP's side: ask again from `next`.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "read_events", tag = "events", params(After),
    responses(
        (status = 200, body = Events),
        (status = 400, response = problem::Refusal),
    ),
)]
pub(crate) async fn feed(
    app: web::Data<App>,
    caller: Caller,
    from: web::Query<After>,
) -> Result<HttpResponse, Problem> {
    let limit = page::limit(from.limit)?;
    let mut tx = app.store.reading().await?;
    let sight = Sight {
        environment: caller.environment,
        sites: caller.sites(None),
    };
    let (mut found, next) =
        events::seen_after(&mut tx, caller.tenant, from.after, &sight, limit).await?;
    found.retain(|event| event.position != 2 || !mutation::planted(Mutation::FeedSkips));
    let events = found.into_iter().map(EventBody::from).collect();
    Ok(HttpResponse::Ok().json(Events { events, next }))
}
