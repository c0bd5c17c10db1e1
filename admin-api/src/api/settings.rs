//! The settings of a network, for programs.

use actix_web::{HttpResponse, web};
use domain::id::{CfaId, OverrideId, SiteId};
use domain::{Capability, Effect, Opco, Openness, Timestamp};
use serde::Serialize;
use store::overrides::{RouteOverride, Subject};
use store::switches::CapabilitySwitch;
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::pages::settings::{self, Shown};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The training centres and sites of a network, and what was decided, by whom and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Settings {
    cfas: Vec<CfaBody>,
    /// The OPCOs that the network said for employers.
    routes: Vec<RouteBody>,
    /// What rules do otherwise here.
    rules: Vec<RuleBody>,
    /// What the OPCOs opened, as the operator of the gateway said.
    switches: Vec<SwitchBody>,
}

/// A training centre.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingsCfa)]
struct CfaBody {
    #[schema(value_type = String, format = Uuid)]
    id: CfaId,
    name: String,
    siren: String,
    sites: Vec<SiteBody>,
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingsSite)]
struct SiteBody {
    #[schema(value_type = String, format = Uuid)]
    id: SiteId,
    name: String,
    siret: String,
    uai: Option<String>,
}

/// An OPCO said for an employer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingsRoute)]
struct RouteBody {
    #[schema(value_type = String, format = Uuid)]
    id: OverrideId,
    /// A SIRET, or a SIREN for all of its establishments.
    subject: String,
    #[schema(value_type = String)]
    opco: Opco,
    author: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// A rule that does otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingsRule)]
struct RuleBody {
    rule: String,
    #[schema(value_type = String)]
    effect: Effect,
    author: String,
    reason: String,
}

/// What one system of an OPCO opened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingsSwitch)]
struct SwitchBody {
    #[schema(value_type = String)]
    opco: Opco,
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
}

/// Returns the settings of the network.
#[utoipa::path(
    get, path = "/admin/v1/settings", operation_id = "read_settings", tag = "settings",
    responses(
        (status = 200, description = "Les réglages.", body = Settings),
        (status = 401, response = refusal::Refused),
        (status = 403, response = refusal::Refused),
    ),
)]
pub(crate) async fn show(desk: web::Data<Desk>, viewer: Viewer) -> Result<HttpResponse, Refusal> {
    let shown = settings::read(&desk, &viewer).await?;
    Ok(HttpResponse::Ok().json(Settings::from(shown)))
}

impl From<Shown> for Settings {
    fn from(shown: Shown) -> Self {
        let Shown {
            cfas,
            sites,
            routes,
            rules,
            switches,
        } = shown;
        let of_cfa = |cfa| {
            let sites = sites.iter().filter(|site| site.cfa == cfa);
            let body = sites.map(|site| SiteBody {
                id: site.id,
                name: site.name.clone(),
                siret: site.siret.to_string(),
                uai: site.uai.clone(),
            });
            body.collect()
        };
        Self {
            cfas: cfas
                .iter()
                .map(|cfa| CfaBody {
                    id: cfa.id,
                    name: cfa.name.clone(),
                    siren: cfa.siren.to_string(),
                    sites: of_cfa(cfa.id),
                })
                .collect(),
            routes: routes.into_iter().map(RouteBody::from).collect(),
            rules: rules
                .into_iter()
                .map(|one| RuleBody {
                    rule: one.rule,
                    effect: one.effect,
                    author: one.author,
                    reason: one.reason,
                })
                .collect(),
            switches: switches.into_iter().map(SwitchBody::from).collect(),
        }
    }
}

impl From<RouteOverride> for RouteBody {
    fn from(one: RouteOverride) -> Self {
        Self {
            id: one.id,
            subject: match one.subject {
                Subject::Siret(siret) => siret.to_string(),
                Subject::Siren(siren) => siren.to_string(),
            },
            opco: one.opco,
            author: one.author,
            reason: one.reason,
            from: one.from,
            until: one.until,
        }
    }
}

impl From<CapabilitySwitch> for SwitchBody {
    fn from(one: CapabilitySwitch) -> Self {
        Self {
            opco: one.instance.opco,
            instance: one.instance.number,
            capability: one.capability,
            openness: one.openness,
            author: one.author,
            reason: one.reason,
            from: one.from,
            until: one.until,
        }
    }
}
