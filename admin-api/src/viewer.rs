//! Who looks. Everything a page may show follows from it, nothing from the request itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use domain::id::{PersonId, TenantId};
use domain::person::{Language, Right};
use domain::{Environment, Secret, Siret, Timestamp};
use store::people::{Grant, Person, Scope, Token};
use store::tenants::Site;

use crate::refusal::{Code, Refusal};
use crate::works::By;

/// A person who is signed in, and what they may do where.
#[derive(Debug, Clone)]
pub(crate) struct Viewer(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    person: Person,
    token: Token,
    grants: Vec<Grant>,
    sites: Vec<Site>,
    /// The world pages show unless their address names one.
    world: Environment,
    /// What the browser carries; absent for a script.
    cookie: Option<Secret>,
}

/// Which sites a right reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of the network's, also those of tomorrow.
    Network,
    /// These.
    Sites(Vec<Siret>),
}

impl Reach {
    /// Returns which of a network's sites roles reach with a right; nothing when none gives it.
    pub(crate) fn of(grants: &[Grant], sites: &[Site], right: Right) -> Option<Self> {
        let mut reached = BTreeSet::new();
        let mut held = false;
        for grant in grants.iter().filter(|grant| grant.role.may(right)) {
            match grant.scope {
                Scope::Network => return Some(Self::Network),
                _ if right.is_of_network() => {}
                Scope::Cfa(cfa) => {
                    held = true;
                    let of_cfa = sites.iter().filter(|site| site.cfa == cfa);
                    reached.extend(of_cfa.map(|site| site.siret));
                }
                Scope::Site(id) => {
                    held = true;
                    let named = sites.iter().filter(|site| site.id == id);
                    reached.extend(named.map(|site| site.siret));
                }
            }
        }
        held.then(|| Self::Sites(reached.into_iter().collect()))
    }

    /// Returns the sites a list is restricted to; nothing means no restriction.
    pub(crate) fn filter(&self) -> Option<Vec<Siret>> {
        match self {
            Self::Network => None,
            Self::Sites(sites) => Some(sites.clone()),
        }
    }

    /// The same with the one site a person asked for.
    pub(crate) fn filter_with(&self, asked: Option<Siret>) -> Option<Vec<Siret>> {
        match asked {
            None => self.filter(),
            Some(asked) if self.covers(&asked) => Some(vec![asked]),
            Some(_) => Some(Vec::new()),
        }
    }

    /// Returns whether it reaches a site.
    pub(crate) fn covers(&self, siret: &Siret) -> bool {
        match self {
            Self::Network => true,
            Self::Sites(sites) => sites.contains(siret),
        }
    }
}

impl Viewer {
    /// Gathers what is known of who carries a token.
    pub(crate) fn new(
        person: Person,
        token: Token,
        (grants, sites): (Vec<Grant>, Vec<Site>),
        world: Environment,
        cookie: Option<Secret>,
    ) -> Self {
        Self(Arc::new(Parts {
            person,
            token,
            grants,
            sites,
            world,
            cookie,
        }))
    }

    /// Returns the network.
    pub(crate) fn tenant(&self) -> TenantId {
        self.0.person.tenant
    }

    /// Returns the account.
    pub(crate) fn person(&self) -> &Person {
        &self.0.person
    }

    /// Returns the account's name among people.
    pub(crate) fn id(&self) -> PersonId {
        self.0.person.id
    }

    /// Returns what the person reads.
    pub(crate) fn language(&self) -> Language {
        self.0.person.language
    }

    /// Returns the session, or the key of a script.
    pub(crate) fn token(&self) -> &Token {
        &self.0.token
    }

    /// Returns the cookie of a browser.
    pub(crate) fn cookie(&self) -> Option<&Secret> {
        self.0.cookie.as_ref()
    }

    /// Returns the world a page shows: the one its address names, else production, else recette in a
    /// network that has not gone live.
    pub(crate) fn world(&self, asked: Option<Environment>) -> Environment {
        asked.unwrap_or(self.0.world)
    }

    /// Returns the sites of the network.
    pub(crate) fn sites(&self) -> &[Site] {
        &self.0.sites
    }

    /// Returns the sites that a right reaches: those a person may choose from.
    pub(crate) fn sites_with(&self, right: Right) -> Vec<&Site> {
        let Some(reach) = self.reach(right) else {
            return Vec::new();
        };
        let reached = |site: &&Site| reach.covers(&site.siret);
        self.sites().iter().filter(reached).collect()
    }

    /// Returns what people call a site; its SIRET when it is none of the network's any more.
    pub(crate) fn site_name(&self, siret: &Siret) -> String {
        let mut named = self.sites().iter().filter(|site| site.siret == *siret);
        named
            .next()
            .map_or_else(|| siret.to_string(), |site| site.name.clone())
    }

    /// Returns which sites a right reaches; nothing when the person does not have it.
    pub(crate) fn reach(&self, right: Right) -> Option<Reach> {
        Reach::of(&self.0.grants, &self.0.sites, right)
    }

    /// Returns whether the person has a right somewhere.
    pub(crate) fn may(&self, right: Right) -> bool {
        self.reach(right).is_some()
    }

    /// Returns which sites a right reaches, or the refusal.
    pub(crate) fn require(&self, right: Right) -> Result<Reach, Refusal> {
        self.reach(right).ok_or_else(|| Code::Forbidden.into())
    }

    /// Returns the person as the one who acts on deliveries.
    pub(crate) fn acting(&self, environment: Environment) -> Result<By, Refusal> {
        Ok(By {
            tenant: self.tenant(),
            environment,
            sites: self.require(Right::Act)?.filter(),
            name: self.actor(),
        })
    }

    /// Returns the name events give the person.
    pub(crate) fn actor(&self) -> String {
        format!("person:{}", self.id())
    }

    /// Returns whether the person proved who they are within `span` before now.
    pub(crate) fn confirmed_since(&self, since: Timestamp) -> bool {
        self.0.token.confirmed_at.is_some_and(|at| since <= at)
    }
}

impl FromRequest for Viewer {
    type Error = Refusal;
    type Future = std::future::Ready<Result<Self, Refusal>>;

    /// Takes what the gate noted; a route that anyone may ask has no viewer.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let viewer = request.extensions().get::<Self>().cloned();
        std::future::ready(viewer.ok_or_else(|| Code::SignedOut.into()))
    }
}
