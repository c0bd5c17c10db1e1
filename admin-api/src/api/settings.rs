//! The settings of a network, for programs.

use actix_web::{HttpResponse, web};
use domain::id::{CfaId, SiteId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::Desk;
use crate::pages::settings::{self, Shown};
use crate::refusal::{self, Refusal};
use crate::viewer::Viewer;

/// The training centres and sites of a network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Settings {
    cfas: Vec<CfaBody>,
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
        let Shown { cfas, sites } = shown;
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
        }
    }
}
