//! The eleven OPCOs: what each can do today, and how it answers.

use actix_web::{HttpResponse, web};
use domain::{Capability, Instance, NormVersion, Opco};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::Problem;
use super::words;
use crate::app::App;
use crate::breaker::State;
use crate::system::System;
use crate::view;

/// The eleven.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Opcos {
    /// In the order of France compétences' codes.
    opcos: Vec<OpcoBody>,
}

/// One OPCO, as this gateway sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpcoState)]
struct OpcoBody {
    /// The stable name.
    #[schema(value_type = words::Opco)]
    opco: Opco,
    /// The name people use.
    name: &'static str,
    /// The version contracts are sent in with this credential; null while neither is open.
    #[schema(value_type = Option<String>, example = "v2")]
    version: Option<NormVersion>,
    /// How far each capability is open.
    #[schema(value_type = std::collections::HashMap<String, words::Openness>)]
    capabilities: BTreeMap<&'static str, domain::Openness>,
    /// `ok`, `resting` (it answers badly and is left alone) or `probing` (one call goes to learn).
    #[schema(example = "ok")]
    health: &'static str,
    /// Until when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    resting_until: Option<domain::Timestamp>,
}

/// Lists the eleven OPCOs with what is open and how they answer.
#[utoipa::path(get, path = "/api/v1/opcos", operation_id = "list_opcos", tag = "opcos",
    responses((status = 200, body = Opcos)))]
pub(crate) async fn list(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    let platform = app.views.platform(&app).await?;
    let network = app.views.network(&app, caller.tenant).await?;
    let mut opcos = Vec::with_capacity(Opco::ALL.len());
    for opco in Opco::ALL {
        let instance = Instance::first(opco);
        let system = System {
            instance,
            environment: caller.environment,
        };
        let capabilities = app
            .seed
            .of(opco)
            .with_switches(view::switches(&platform, &network, instance), now);
        let (health, resting_until) = match app.breakers.state(system, now) {
            State::Closed => ("ok", None),
            State::HalfOpen => ("probing", None),
            State::Open(until) => ("resting", Some(until)),
        };
        opcos.push(OpcoBody {
            opco,
            name: opco.name(),
            version: opco::choose_version(&capabilities, caller.environment).ok(),
            capabilities: Capability::ALL
                .iter()
                .map(|c| (c.as_str(), capabilities.openness(*c)))
                .collect(),
            health,
            resting_until,
        });
    }
    Ok(HttpResponse::Ok().json(Opcos { opcos }))
}
