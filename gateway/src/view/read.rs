//! Reading what a view holds, one transaction for each part.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Instance, Siret, TenantId, rules};
use store::mandates::Scope;
use store::overrides::Subject;
use store::switches::CapabilitySwitch;
use store::{StoreError, TenantKey, Tx};

use super::{CfaKey, Network, Platform, Site, Software};
use crate::app::App;
use crate::routing::{RouteOverride, Target};
use crate::system::System;

/// The setting of a network that lets routes of medium confidence be filed without a person.
pub(crate) const ALLOW_MEDIUM: &str = "file_on_medium_confidence";

pub(super) async fn platform(app: &App) -> Result<Platform, StoreError> {
    // Before the transaction: whoever holds one connection and waits for another can wait for ever.
    let keys = match app.store.keys(TenantId::PLATFORM).await {
        Ok(keys) => Some(keys),
        Err(StoreError::UnknownTenant) => None,
        Err(error) => return Err(error),
    };
    let mut tx = app.store.reading().await?;
    let now = app.clock.now();
    let mut platform = Platform {
        switches: by_system(store::switches::effective(&mut tx, now).await?),
        windows: store::windows::ahead(&mut tx, TenantId::PLATFORM, now).await?,
        software: HashMap::new(),
    };
    if let Some(keys) = keys {
        platform.software = software(&mut tx, TenantId::PLATFORM, &keys).await?;
    }
    Ok(platform)
}

pub(super) async fn network(app: &App, tenant: TenantId) -> Result<Network, StoreError> {
    let keys = app.store.keys(tenant).await?;
    let mut tx = app.store.reading().await?;
    let network = store::tenants::find_network(&mut tx, tenant)
        .await?
        .ok_or(StoreError::UnknownTenant)?;
    let rows: Vec<rules::Override> = store::overrides::rules(&mut tx, tenant)
        .await?
        .into_iter()
        .map(|row| rules::Override {
            rule: row.rule,
            effect: row.effect,
            author: row.author,
            reason: row.reason,
        })
        .collect();
    let rules = rules::Overrides::new(&rows).unwrap_or_else(|error| {
        // An override that a newer rule table no longer allows must not stop a whole network.
        tracing::error!(tenant.id = %tenant, error = %error, "the network's rule overrides are left out");
        rules::Overrides::default()
    });
    let routes = store::overrides::routes(&mut tx, tenant)
        .await?
        .into_iter()
        .map(|row| {
            let target = match row.subject {
                Subject::Siret(siret) => Target::Establishment(siret),
                Subject::Siren(siren) => Target::Company(siren),
            };
            RouteOverride {
                target,
                opco: row.opco,
                from: row.from,
                until: row.until,
            }
        })
        .collect();
    let software = software(&mut tx, tenant, &keys).await?;
    let awaits = store::dossiers::awaits_any(&mut tx, tenant).await?;
    let now = app.clock.now();
    let switches = store::switches::network::effective(&mut tx, tenant, now).await?;
    let windows = store::windows::ahead(&mut tx, tenant, now).await?;
    let ceiling = store::ceilings::find(&mut tx, tenant, None).await?;
    let allow_medium = network
        .settings
        .get(ALLOW_MEDIUM)
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(false);
    Ok(Network {
        keys,
        allow_medium,
        rules,
        awaits,
        ceiling,
        routes,
        software,
        switches: by_system(switches),
        windows,
    })
}

fn by_system(found: Vec<CapabilitySwitch>) -> HashMap<Instance, Vec<opco::Switch>> {
    let mut switches: HashMap<Instance, Vec<opco::Switch>> = HashMap::new();
    for switch in found {
        let of_system = switches.entry(switch.instance).or_default();
        of_system.push(opco::Switch {
            capability: switch.capability,
            openness: switch.openness,
            from: switch.from,
            until: switch.until,
        });
    }
    switches
}

pub(super) async fn site(app: &App, tenant: TenantId, siret: Siret) -> Result<Site, StoreError> {
    let mut tx = app.store.reading().await?;
    let Some(found) = store::tenants::find_site(&mut tx, tenant, &siret).await? else {
        return Ok(Site::default());
    };
    let ceiling = store::ceilings::find(&mut tx, tenant, Some(&siret)).await?;
    let keys = store::keys::active_of_site(&mut tx, tenant, &siret)
        .await?
        .into_iter()
        .map(|key| {
            let system = System {
                instance: key.instance,
                environment: key.environment,
            };
            (
                system,
                CfaKey {
                    id: key.id,
                    expires_on: key.expires_on,
                    changed_at: key.changed_at,
                    refused: key.probe_result.as_deref() == Some(store::keys::REFUSED),
                    sealed: key.sealed,
                },
            )
        })
        .collect();
    let attestations = store::mandates::attestations(&mut tx, tenant)
        .await?
        .into_iter()
        .filter(|mandate| mandate.siret_cfa == siret)
        .filter_map(|mandate| match mandate.scope {
            Scope::Site { from, until } => Some((from, until)),
            Scope::Delivery(_) => None,
        })
        .collect();
    Ok(Site {
        known: true,
        closed: found.closed_at.is_some(),
        ceiling,
        keys,
        attestations,
    })
}

async fn software(
    tx: &mut Tx,
    tenant: TenantId,
    keys: &Arc<TenantKey>,
) -> Result<HashMap<System, Arc<Software>>, StoreError> {
    let rows = store::software::list(tx, tenant).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let system = System {
                instance: row.instance,
                environment: row.environment,
            };
            let software = Software {
                id: row.id,
                keys: Arc::clone(keys),
                client_id: row.client_id,
                secret: row.sealed_secret,
                dpop: row.sealed_dpop_key,
            };
            (system, Arc::new(software))
        })
        .collect())
}
