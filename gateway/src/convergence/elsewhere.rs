//! A dossier that the gateway does not know, by the employer or on the portal: the OPCO does, and is asked
//! with the caller's own keys, while the caller waits.

use domain::{Instance, NormVersion, Siret};
use serde_json::Value;
use store::keys::{self, KeyState};
use store::{dossiers, strangers};

use super::live::{self, Place};
use super::numero;
use super::refusal::Refusal;
use crate::app::App;
use crate::http::caller::Caller;
use crate::system::System;

/// The most sites whose keys are tried for one number. The list of each is read every day: what was filed
/// before is known by its site, and asked for once.
const SITES_MAX: usize = 10;

/// Reads the dossier of a prefixed number that no delivery of ours brought.
pub(super) async fn read(
    app: &App,
    caller: &Caller,
    numero: &str,
    version: NormVersion,
) -> Result<Value, Refusal> {
    let Some((at, numero)) = numero::read(numero).at else {
        return Err(Refusal::unknown_dossier());
    };
    for siret_cfa in sites(app, caller, at, numero).await? {
        let place = Place {
            tenant: caller.tenant,
            siret_cfa,
            system: System {
                instance: at,
                environment: caller.environment,
            },
            numero_interne: numero.to_owned(),
        };
        match live::told(app, &place, version).await {
            // Where nothing can be asked, nothing is known.
            Err(refusal) if refusal.is_unknown() || refusal.is_closed() => {}
            Err(refusal) => return Err(refusal),
            Ok((detail, asked)) => {
                // Whatever an OPCO lets a key read, it must be a dossier of the caller's sites.
                let siret = detail.cerfa.pointer("/organismeFormation/siret");
                let siret = siret.and_then(Value::as_str).map(str::parse::<Siret>);
                let siret = siret.and_then(Result::ok);
                if is_callers(app, caller, siret).await? {
                    return Ok(live::shown(*detail, (asked, version), place.system));
                }
            }
        }
    }
    Err(Refusal::unknown_dossier())
}

/// Returns whether a dossier's training centre is a site of the caller's network that it speaks for.
async fn is_callers(app: &App, caller: &Caller, siret: Option<Siret>) -> Result<bool, Refusal> {
    let Some(siret) = siret.filter(|siret| caller.covers(siret)) else {
        return Ok(false);
    };
    let mut tx = app.store.reading().await?;
    let site = store::tenants::find_site(&mut tx, caller.tenant, &siret).await?;
    Ok(site.is_some())
}

/// Returns the sites of the caller whose keys may open a dossier: the one whose list shows it, else all
/// that have a key there. None for a dossier of ours, which the caller must not see.
async fn sites(
    app: &App,
    caller: &Caller,
    at: Instance,
    numero: &str,
) -> Result<Vec<Siret>, Refusal> {
    let (tenant, world) = (caller.tenant, caller.environment);
    let mut tx = app.store.reading().await?;
    let ours = dossiers::find_by_numero(&mut tx, tenant, world, at, numero).await?;
    if ours.is_some() {
        return Ok(Vec::new());
    }
    if let Some(listed) = strangers::by_numero(&mut tx, tenant, world, at, numero).await? {
        return Ok(Vec::from_iter(
            Some(listed.siret_cfa).filter(|siret| caller.covers(siret)),
        ));
    }
    let active = keys::list(&mut tx, tenant)
        .await?
        .into_iter()
        .filter(|key| {
            key.state == KeyState::Active && key.instance == at && key.environment == world
        });
    let sites = active.map(|key| key.siret_cfa);
    Ok(sites
        .filter(|siret| caller.covers(siret))
        .take(SITES_MAX)
        .collect())
}
