//! What the network decided of employers, rules and OPCOs, for programs.

use actix_web::{HttpResponse, web};
use domain::id::OverrideId;
use domain::{Capability, Effect, Environment, Instance, Openness, TenantId, Timestamp};
use serde::Serialize;
use store::switches::CapabilitySwitch;
use utoipa::ToSchema;

use crate::decisions::acts::{self, Decision, Opening};
use crate::desk::Desk;
use crate::form::Document;
use crate::pages::settings::decisions::{Decided, employer};
use crate::pages::settings::openings::Said;
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The OPCO of an employer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteBody {
    #[schema(value_type = String, format = Uuid)]
    id: OverrideId,
    /// A SIRET, or a SIREN for the whole company.
    employer: String,
    opco: &'static str,
    author: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// The effect of a rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(crate) struct RuleBody {
    rule: String,
    #[schema(value_type = String)]
    effect: Effect,
    author: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// What the network decided of employers and rules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Decisions {
    routes: Vec<RouteBody>,
    rules: Vec<RuleBody>,
}

/// A flow of an OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Flow)]
pub(crate) struct FlowBody {
    #[schema(value_type = String, format = Uuid)]
    id: OverrideId,
    opco: &'static str,
    instance: u16,
    #[schema(value_type = String)]
    capability: Capability,
    #[schema(value_type = String)]
    openness: Openness,
    author: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Whether it holds for every network: then only whoever runs the gateway ends it.
    everywhere: bool,
}

/// Works of an OPCO.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Window)]
pub(crate) struct WindowBody {
    #[schema(value_type = String, format = Uuid)]
    id: OverrideId,
    opco: &'static str,
    instance: u16,
    #[schema(value_type = String)]
    environment: Environment,
    author: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Whether it holds for every network.
    everywhere: bool,
}

/// What was said of OPCOs and is not over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Openings {
    flows: Vec<FlowBody>,
    windows: Vec<WindowBody>,
}

/// Lists what the network decided of employers and rules.
#[utoipa::path(
    get, path = "/admin/v1/decisions", operation_id = "list_decisions", tag = "settings",
    responses(
        (status = 200, description = "Les OPCO dits par le réseau et les effets de règles changés.", body = Decisions),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn list(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(decided(&desk, &viewer).await?))
}

/// Decides of an employer or of a rule, and lists what then holds.
#[utoipa::path(
    post, path = "/admin/v1/decisions", operation_id = "decide", tag = "settings",
    request_body = Decision,
    responses(
        (status = 200, description = "Ce qui vaut maintenant.", body = Decisions),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn decide(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Document<Decision>,
) -> Result<HttpResponse, Refusal> {
    acts::decide(&desk, &viewer, sent.into_inner()).await?;
    Ok(HttpResponse::Ok().json(decided(&desk, &viewer).await?))
}

async fn decided(desk: &Desk, viewer: &Viewer) -> Result<Decisions, Refusal> {
    let mut tx = desk.store.reading().await?;
    let decided = Decided::of(&mut tx, viewer, desk.clock.now()).await?;
    let routes = decided.routes.into_iter().map(|one| RouteBody {
        id: one.id,
        employer: employer(&one.subject),
        opco: one.opco.slug(),
        author: one.author,
        reason: one.reason,
        from: one.from,
        until: one.until,
    });
    let rules = decided.rules.into_iter().map(|one| RuleBody {
        rule: one.rule,
        effect: one.effect,
        author: one.author,
        reason: one.reason,
        since: one.created_at,
    });
    Ok(Decisions {
        routes: routes.collect(),
        rules: rules.collect(),
    })
}

/// Lists what was said of OPCOs and is not over.
#[utoipa::path(
    get, path = "/admin/v1/openings", operation_id = "list_openings", tag = "settings",
    responses(
        (status = 200, description = "Les flux ouverts ou fermés, et les maintenances annoncées.", body = Openings),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn openings(
    desk: web::Data<Desk>,
    viewer: Viewer,
) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(said(&desk, &viewer).await?))
}

/// Says what an OPCO opened or when it is not to be called, for the network alone.
#[utoipa::path(
    post, path = "/admin/v1/openings", operation_id = "say_opening", tag = "settings",
    request_body = Opening,
    responses(
        (status = 200, description = "Ce qui vaut maintenant.", body = Openings),
        (status = 400, response = refusal::Refused),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
        (status = 404, response = refusal::Refused),
    ),
)]
pub(crate) async fn say(
    desk: web::Data<Desk>,
    viewer: Viewer,
    sent: Document<Opening>,
) -> Result<HttpResponse, Refusal> {
    acts::say(&desk, &viewer, sent.into_inner()).await?;
    Ok(HttpResponse::Ok().json(said(&desk, &viewer).await?))
}

async fn said(desk: &Desk, viewer: &Viewer) -> Result<Openings, Refusal> {
    let mut tx = desk.store.reading().await?;
    let said = Said::of(&mut tx, viewer, desk.clock.now()).await?;
    let own = said.switches.into_iter().map(|one| flow(one, false));
    let all = own.chain(said.everywhere.into_iter().map(|one| flow(one, true)));
    let windows = said.windows.into_iter().map(|one| {
        let Instance { opco, number } = one.instance;
        WindowBody {
            id: one.id,
            opco: opco.slug(),
            instance: number,
            environment: one.environment,
            author: one.author,
            reason: one.reason,
            from: one.from,
            until: one.until,
            everywhere: one.tenant == TenantId::PLATFORM,
        }
    });
    Ok(Openings {
        flows: all.collect(),
        windows: windows.collect(),
    })
}

fn flow(one: CapabilitySwitch, everywhere: bool) -> FlowBody {
    FlowBody {
        id: one.id,
        opco: one.instance.opco.slug(),
        instance: one.instance.number,
        capability: one.capability,
        openness: one.openness,
        author: one.author,
        reason: one.reason,
        from: one.from,
        until: one.until,
        everywhere,
    }
}
