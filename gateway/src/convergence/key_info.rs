//! What a key of this gateway is worth (protocol §14). It comes in the query, and goes nowhere from
//! there: no log, no trace and no measure holds a query.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Siren, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::gate;
use super::query;
use super::refusal::{self, Refusal};
use crate::app::App;
use crate::http::caller::Caller;

/// What a key is worth.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InfoCle)]
pub(crate) struct KeyInfoBody {
    /// `success` or `error`.
    #[schema(example = "success")]
    status: &'static str,
    /// The last day of the key; null when it has no end.
    #[schema(value_type = Option<String>, format = Date)]
    date_fin_validite: Option<String>,
    /// Why the key is worth nothing here.
    comment: Option<String>,
}

/// Tells whether a key is good, for a company.
#[utoipa::path(
    get, path = "/convergence/v2/cfakeyinfo", operation_id = "info_cle", tag = "service",
    params(("siren" = String, Query), ("XAPIKEY" = String, Query)),
    responses(
        (status = 200, body = KeyInfoBody),
        (status = 400, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn key_info(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let key = query::parameter(&request, "XAPIKEY");
    gate::bearer_of(&app, request.headers(), key.as_deref()).await?;
    gate::software(request.headers())?;
    let siren = query::required(&request, "siren")?;
    let key = query::required(&request, "XAPIKEY")?;
    let siren: Siren = siren
        .parse()
        .map_err(|_| Refusal::unreadable("SIREN invalide".to_owned()))?;
    let known = gate::recognise(&app, &key).await;
    let body = match known {
        Ok(known) => {
            let now = app.clock.now();
            let credential = known.caller.credential;
            let quota = known.caller.quota_per_minute;
            if let Some(seconds) = app.http.quotas.take(credential, quota, now).wait_s() {
                return Err(gate::too_many(seconds));
            }
            let own = has_company(&app, &known.caller, siren).await?;
            KeyInfoBody {
                status: if own { "success" } else { "error" },
                date_fin_validite: known.expires_at.map(day),
                comment: (!own).then(|| "Clé attribuée à un autre SIREN".to_owned()),
            }
        }
        Err(refusal) => KeyInfoBody {
            status: "error",
            date_fin_validite: None,
            comment: Some(refusal.about_key()?),
        },
    };
    Ok(HttpResponse::Ok().json(body))
}

/// Returns whether a caller speaks for a site of this company.
async fn has_company(app: &App, caller: &Caller, siren: Siren) -> Result<bool, Refusal> {
    let mut tx = app.store.reading().await?;
    let sites = store::tenants::sites(&mut tx, caller.tenant).await?;
    Ok(sites
        .iter()
        .any(|site| caller.covers(&site.siret) && site.siret.siren() == siren))
}

fn day(instant: Timestamp) -> String {
    domain::calendar::day_in_france(instant).to_string()
}
