//! The hierarchy of a network with what each part of it has going on.

use std::collections::BTreeMap;

use domain::calendar::{day_in_france, start_of_day_in_france};
use domain::id::{CfaId, TenantId};
use domain::{Environment, Siret, Status, Timestamp};
use store::ceilings::{self, Ceiling};
use store::credentials::{self, Credential};
use store::deliveries::{self, Scope};
use store::keys::{self, CfaKey, KeyState};
use store::tenants::{self, Cfa, Site, census};
use store::{StoreError, Tx};

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// A network, in one world.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Its training centres by name, each with its sites by SIRET.
    pub(crate) cfas: Vec<(Cfa, Vec<Leaf>)>,
    /// How much the whole network may hand in.
    pub(crate) bounded: Option<Bounded>,
}

/// A site with what it has going on in one world.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) site: Site,
    /// Credentials of ERPs that can still be used and may send for it.
    pub(crate) credentials: u64,
    /// CFA keys in use or staged.
    pub(crate) keys: u64,
    /// Dossiers that are neither refused, cancelled nor settled.
    pub(crate) dossiers: u64,
    /// The hour of what last happened.
    pub(crate) last_active: Option<Timestamp>,
    /// How much it may hand in.
    pub(crate) bounded: Option<Bounded>,
}

/// A ceiling and what was handed in under it.
#[derive(Debug, Clone)]
pub(crate) struct Bounded {
    pub(crate) ceiling: Ceiling,
    /// Since the minute began.
    pub(crate) this_minute: u64,
    /// Since the day began in France.
    pub(crate) today: u64,
}

/// What is still open at a site, in one world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StillOpen {
    /// Deliveries on their way.
    pub(crate) on_the_way: u64,
    /// Deliveries that wait for a person.
    pub(crate) held: u64,
    /// Dossiers that are neither refused, cancelled nor settled.
    pub(crate) dossiers: u64,
    /// Credentials that may send for it.
    pub(crate) credentials: u64,
    /// CFA keys in use or staged.
    pub(crate) keys: u64,
}

impl StillOpen {
    /// Returns whether there is nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a network in one world.
pub(crate) async fn read(
    tx: &mut Tx,
    tenant: TenantId,
    world: Environment,
    now: Timestamp,
) -> Result<Tree, StoreError> {
    let cfas = tenants::cfas(tx, tenant).await?;
    let sites = tenants::sites(tx, tenant).await?;
    let credentials = credentials::list(tx, tenant).await?;
    let keys = keys::list(tx, tenant).await?;
    let dossiers = census::live_dossiers(tx, tenant, world).await?;
    let last = census::last_active(tx, tenant, world).await?;
    let mut ceilings = ceilings(tx, tenant, world, now).await?;
    let mut of_cfa: BTreeMap<CfaId, Vec<Leaf>> = BTreeMap::new();
    for site in sites {
        let siret = site.siret;
        of_cfa.entry(site.cfa).or_default().push(Leaf {
            site,
            credentials: usable(&credentials, &siret, world, now),
            keys: in_hand(&keys, &siret, world),
            dossiers: dossiers.get(&siret).copied().unwrap_or_default(),
            last_active: last.get(&siret).copied(),
            bounded: ceilings.remove(&Some(siret)),
        });
    }
    let cfas = cfas
        .into_iter()
        .map(|cfa| {
            let sites = of_cfa.remove(&cfa.id).unwrap_or_default();
            (cfa, sites)
        })
        .collect();
    Ok(Tree {
        cfas,
        bounded: ceilings.remove(&None),
    })
}

/// Reads what is still open at a site, in each world.
pub(crate) async fn still_open(
    tx: &mut Tx,
    site: &Site,
    now: Timestamp,
) -> Result<[(Environment, StillOpen); 2], StoreError> {
    let credentials = credentials::list(tx, site.tenant).await?;
    let keys = keys::list(tx, site.tenant).await?;
    let mut found =
        [Environment::Live, Environment::Test].map(|world| (world, StillOpen::default()));
    for (world, open) in &mut found {
        let scope = Scope {
            tenant: site.tenant,
            environment: *world,
            sites: Some(vec![site.siret]),
        };
        for one in deliveries::standing(tx, &scope, now).await? {
            match one.status {
                Status::Held => open.held = open.held.saturating_add(one.count),
                status if !status.is_final() => {
                    open.on_the_way = open.on_the_way.saturating_add(one.count);
                }
                _ => {}
            }
        }
        let dossiers = census::live_dossiers(tx, site.tenant, *world).await?;
        open.dossiers = dossiers.get(&site.siret).copied().unwrap_or_default();
        open.credentials = usable(&credentials, &site.siret, *world, now);
        open.keys = in_hand(&keys, &site.siret, *world);
    }
    Ok(found)
}

/// Reads the ceiling of one site, with what was handed in under it.
pub(crate) async fn bounded(
    tx: &mut Tx,
    site: &Site,
    world: Environment,
    now: Timestamp,
) -> Result<Option<Bounded>, StoreError> {
    let mut all = ceilings(tx, site.tenant, world, now).await?;
    Ok(all.remove(&Some(site.siret)))
}

fn usable(all: &[Credential], siret: &Siret, world: Environment, now: Timestamp) -> u64 {
    let may = |one: &&Credential| {
        one.environment == world
            && one.is_usable(now)
            && one.sites.as_ref().is_none_or(|sites| sites.contains(siret))
    };
    counted(all.iter().filter(may).count())
}

fn in_hand(all: &[CfaKey], siret: &Siret, world: Environment) -> u64 {
    let is = |one: &&CfaKey| {
        one.siret_cfa == *siret
            && one.environment == world
            && matches!(one.state, KeyState::Active | KeyState::Staged)
    };
    counted(all.iter().filter(is).count())
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Reads the ceilings of a network with what was handed in under each.
async fn ceilings(
    tx: &mut Tx,
    tenant: TenantId,
    world: Environment,
    now: Timestamp,
) -> Result<BTreeMap<Option<Siret>, Bounded>, StoreError> {
    let ms = now.as_millisecond();
    let minute = Timestamp::from_millisecond(ms - ms.rem_euclid(MINUTE_MS)).unwrap_or(now);
    let day = start_of_day_in_france(day_in_france(now));
    let all = ceilings::list(tx, tenant).await?;
    if all.is_empty() {
        return Ok(BTreeMap::new());
    }
    let this_minute = ceilings::accepted_by_site(tx, (tenant, world), minute).await?;
    let today = ceilings::accepted_by_site(tx, (tenant, world), day).await?;
    let under = |ceiling: Ceiling| {
        let of = |counts: &BTreeMap<Siret, u64>| match &ceiling.site {
            Some(site) => counts.get(site).copied().unwrap_or_default(),
            None => counts.values().sum(),
        };
        let bounded = Bounded {
            this_minute: of(&this_minute),
            today: of(&today),
            ceiling,
        };
        (bounded.ceiling.site, bounded)
    };
    Ok(all.into_iter().map(under).collect())
}
