//! What the hot path needs to know of a network, a site and the deployment, kept for a few seconds
//! so that accepting a payload asks the store nothing.

mod read;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::id::{KeyId, TenantId};
use domain::{Instance, Secret, Siret, Timestamp, rules};
use jiff::civil::Date;
use opco::{SoftwareCredential, Switch};
use store::ceilings::Ceiling;
use store::windows::{self, Window};
use store::{SealError, SealedSecret, StoreError, TenantKey};

use crate::app::App;
use crate::details::Listless;
use crate::intake::Twins;
use crate::look::Strangers;
use crate::routing::RouteOverride;
use crate::system::System;

pub(crate) use self::read::ALLOW_MEDIUM;

/// How long what was read is believed, in real time: changes made by another process show after it.
const FRESH: Duration = Duration::from_secs(5);

/// Most networks, and most sites, kept; beyond it all are read again.
const KEPT_MAX: usize = 20_000;

/// Everything known, and what the parts of this process remember between two payloads.
#[derive(Debug, Default)]
pub(crate) struct Views {
    platform: Mutex<Option<(Instant, Arc<Platform>)>>,
    networks: Kept<TenantId, Network>,
    sites: Kept<(TenantId, Siret), Site>,
    /// Contracts of one person are taken in one at a time.
    pub(crate) twins: Twins,
    /// Dossiers at an OPCO that no delivery of ours has.
    pub(crate) strangers: Strangers,
    /// Which systems have no list of whole dossiers.
    pub(crate) listless: Listless,
}

#[derive(Debug)]
struct Kept<K, V>(Mutex<HashMap<K, (Instant, Arc<V>)>>);

/// What one payload is judged with.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The deployment.
    pub(crate) platform: Arc<Platform>,
    /// The network.
    pub(crate) network: Arc<Network>,
    /// The site.
    pub(crate) site: Arc<Site>,
    /// When the oldest part was read.
    read_at: Instant,
}

/// What is the same for every network.
#[derive(Debug, Default)]
pub(crate) struct Platform {
    switches: HashMap<Instance, Vec<Switch>>,
    windows: Vec<Window>,
    software: HashMap<System, Arc<Software>>,
}

/// What a network has decided.
#[derive(Debug)]
pub(crate) struct Network {
    /// Opens and seals what is the network's.
    pub(crate) keys: Arc<TenantKey>,
    /// Whether routes of medium confidence are filed without a person.
    pub(crate) allow_medium: bool,
    /// What its rules do otherwise.
    pub(crate) rules: rules::Overrides,
    /// Whether it follows dossiers that no delivery brought, and that a contract may turn out to be.
    pub(crate) awaits: bool,
    /// How much it may hand in.
    pub(crate) ceiling: Option<Ceiling>,
    /// Its own answers for employers.
    pub(crate) routes: Vec<RouteOverride>,
    software: HashMap<System, Arc<Software>>,
    switches: HashMap<Instance, Vec<Switch>>,
    windows: Vec<Window>,
}

/// What a site has.
#[derive(Debug, Default)]
pub(crate) struct Site {
    /// Whether the network has such a site at all.
    pub(crate) known: bool,
    /// Whether it takes no new contract in.
    pub(crate) closed: bool,
    /// How much it may hand in.
    pub(crate) ceiling: Option<Ceiling>,
    keys: HashMap<System, CfaKey>,
    attestations: Vec<(Date, Option<Date>)>,
}

/// An active CFA key, sealed.
#[derive(Debug, Clone)]
pub(crate) struct CfaKey {
    /// Its name, which events and limits use.
    pub(crate) id: KeyId,
    /// Its last day, when known.
    pub(crate) expires_on: Option<Date>,
    /// When it was put to use, tried, or proven by a call.
    pub(crate) changed_at: Timestamp,
    /// Whether its OPCO refused it the last time that it said anything of it.
    pub(crate) refused: bool,
    sealed: SealedSecret,
}

/// A software credential, sealed, with the network it belongs to.
#[derive(Debug)]
pub(crate) struct Software {
    /// Its name: that of another once it is replaced.
    pub(crate) id: KeyId,
    keys: Arc<TenantKey>,
    client_id: String,
    secret: Option<SealedSecret>,
    dpop: Option<SealedSecret>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Kept<K, V> {
    fn get(&self, key: &K) -> Option<(Instant, Arc<V>)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key)
            .filter(|(at, _)| at.elapsed() < FRESH)
            .cloned()
    }

    fn put(&self, key: K, value: V) -> (Instant, Arc<V>) {
        let entry = (Instant::now(), Arc::new(value));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, entry.clone());
        entry
    }

    fn forget(&self, key: &K) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

impl Views {
    /// Returns what is known, reading what is missing or too old.
    pub(crate) async fn of(
        &self,
        app: &App,
        tenant: TenantId,
        site: Siret,
    ) -> Result<Arc<View>, StoreError> {
        let (at, platform) = self.platform_at(app).await?;
        let (network_at, network) = self.network_at(app, tenant).await?;
        let (site_at, site) = match self.sites.get(&(tenant, site)) {
            Some(kept) => kept,
            None => self
                .sites
                .put((tenant, site), read::site(app, tenant, site).await?),
        };
        let read_at = at.min(network_at).min(site_at);
        Ok(Arc::new(View {
            platform,
            network,
            site,
            read_at,
        }))
    }

    /// Returns what is in the store now.
    pub(crate) async fn fresh(
        &self,
        app: &App,
        tenant: TenantId,
        site: Siret,
    ) -> Result<Arc<View>, StoreError> {
        *self.platform.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.networks.forget(&tenant);
        self.sites.forget(&(tenant, site));
        self.of(app, tenant, site).await
    }

    /// Forgets what a network has decided: it decided something since.
    pub(crate) fn forget_network(&self, tenant: TenantId) {
        self.networks.forget(&tenant);
    }

    /// Returns what is the same for every network.
    pub(crate) async fn platform(&self, app: &App) -> Result<Arc<Platform>, StoreError> {
        self.platform_at(app).await.map(|(_, platform)| platform)
    }

    /// Returns what a network has decided.
    pub(crate) async fn network(
        &self,
        app: &App,
        tenant: TenantId,
    ) -> Result<Arc<Network>, StoreError> {
        self.network_at(app, tenant)
            .await
            .map(|(_, network)| network)
    }

    async fn platform_at(&self, app: &App) -> Result<(Instant, Arc<Platform>), StoreError> {
        match self.kept_platform() {
            Some(kept) => Ok(kept),
            None => Ok(self.keep_platform(read::platform(app).await?)),
        }
    }

    async fn network_at(
        &self,
        app: &App,
        tenant: TenantId,
    ) -> Result<(Instant, Arc<Network>), StoreError> {
        match self.networks.get(&tenant) {
            Some(kept) => Ok(kept),
            None => Ok(self.networks.put(tenant, read::network(app, tenant).await?)),
        }
    }

    fn kept_platform(&self) -> Option<(Instant, Arc<Platform>)> {
        let kept = self.platform.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()
            .filter(|(at, _)| at.elapsed() < FRESH)
            .cloned()
    }

    fn keep_platform(&self, platform: Platform) -> (Instant, Arc<Platform>) {
        let entry = (Instant::now(), Arc::new(platform));
        *self.platform.lock().unwrap_or_else(PoisonError::into_inner) = Some(entry.clone());
        entry
    }
}

impl View {
    /// Returns whether the store may know better by now.
    pub(crate) fn is_stale(&self) -> bool {
        // Whatever was read for this very payload cannot be older than its own judgement.
        self.read_at.elapsed() > Duration::from_millis(50)
    }

    /// Returns the software credential for a system: the network's own, else the deployment's.
    pub(crate) fn software(&self, system: System) -> Option<&Arc<Software>> {
        self.network
            .software
            .get(&system)
            .or_else(|| self.platform.software.get(&system))
    }

    /// Returns what was switched for a system.
    pub(crate) fn switches(&self, instance: Instance) -> impl Iterator<Item = &Switch> {
        switches(&self.platform, &self.network, instance)
    }

    /// Returns until when a system is not to be called, if works were announced for now.
    pub(crate) fn closed_until(&self, system: System, now: Timestamp) -> Option<Timestamp> {
        let all = self.platform.windows.iter().chain(&self.network.windows);
        windows::closed_until(all, (system.instance, system.environment), now)
    }

    /// Opens a CFA key.
    pub(crate) fn open_key(&self, key: &CfaKey) -> Result<Secret, SealError> {
        self.network
            .keys
            .open_secret(key.id.as_bytes(), store::keys::SEAL_PART, &key.sealed)
    }
}

impl Software {
    /// Opens it.
    pub(crate) fn open(&self) -> Result<SoftwareCredential, SealError> {
        let open =
            |sealed: &SealedSecret, part| self.keys.open_secret(self.id.as_bytes(), part, sealed);
        Ok(SoftwareCredential {
            client_id: self.client_id.clone(),
            client_secret: match &self.secret {
                Some(sealed) => open(sealed, store::software::SECRET_PART)?,
                None => Secret::new(""),
            },
            dpop_key: self
                .dpop
                .as_ref()
                .map(|sealed| open(sealed, store::software::DPOP_PART))
                .transpose()?,
        })
    }
}

/// Returns what was switched for a system: the network's word comes after the deployment's, and wins.
pub(crate) fn switches<'a>(
    platform: &'a Platform,
    network: &'a Network,
    instance: Instance,
) -> impl Iterator<Item = &'a Switch> {
    let of = |all: &'a HashMap<Instance, Vec<Switch>>| all.get(&instance).into_iter().flatten();
    of(&platform.switches).chain(of(&network.switches))
}

impl Site {
    /// Returns the active key for a system.
    pub(crate) fn key(&self, system: System) -> Option<&CfaKey> {
        self.keys.get(&system)
    }

    /// Returns whether a dated attestation of the site covers mandates on a day (rule ELI-002).
    pub(crate) fn attested_on(&self, day: Date) -> bool {
        self.attestations
            .iter()
            .any(|(from, until)| *from <= day && until.is_none_or(|until| day <= until))
    }
}
