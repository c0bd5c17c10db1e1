//! Who calls: what a credential stands for once it was recognised.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use domain::id::{CredentialId, TenantId};
use domain::{Environment, Siret};

use super::problem::{Code, Problem};
use crate::actions::Actor;
use crate::intake::Sender;

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Hand in payloads and have them checked.
    Submit,
    /// Read deliveries, dossiers, events, routes.
    Read,
    /// Act on deliveries.
    Act,
    /// Say who is told of events.
    Webhook,
}

impl Permission {
    /// Every right, as a credential made without a list has them.
    pub(crate) const ALL: [Self; 4] = [Self::Submit, Self::Read, Self::Act, Self::Webhook];

    /// Returns the stable word kept with the credential.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Act => "act",
            Self::Webhook => "webhook",
        }
    }
}

impl std::str::FromStr for Permission {
    type Err = domain::opco::UnknownWord;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == s)
            .ok_or(domain::opco::UnknownWord)
    }
}

/// Who calls. Everything a request may touch follows from it, nothing from the request itself.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The network.
    pub(crate) tenant: TenantId,
    /// What it signed in with.
    pub(crate) credential: CredentialId,
    /// Which world it lives in.
    pub(crate) environment: Environment,
    /// The sites it speaks for; absent, all of the network's.
    pub(crate) sirets: Option<Arc<[Siret]>>,
    /// What it may do.
    pub(crate) permissions: Arc<[Permission]>,
    /// How many requests it may make in a minute.
    pub(crate) quota_per_minute: u32,
}

impl Caller {
    /// Returns whether it has a right.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Returns whether it speaks for a site.
    pub(crate) fn covers(&self, siret_cfa: &Siret) -> bool {
        self.sirets
            .as_ref()
            .is_none_or(|sirets| sirets.contains(siret_cfa))
    }

    /// Returns the sites a list is about: the one asked for, when it may see it, else all it may
    /// see. Nothing means no restriction.
    pub(crate) fn sites(&self, asked: Option<Siret>) -> Option<Vec<Siret>> {
        match (asked, &self.sirets) {
            (Some(asked), _) if self.covers(&asked) => Some(vec![asked]),
            (Some(_), _) => Some(Vec::new()),
            (None, Some(sirets)) => Some(sirets.to_vec()),
            (None, None) => None,
        }
    }

    /// Returns a key of idempotency as one of its own: a credential of some sites never meets the key of
    /// another site, nor learns that it was used.
    pub(crate) fn scoped<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let Some(sirets) = &self.sirets else {
            return key.into();
        };
        let mut sirets: Vec<&str> = sirets.iter().map(Siret::as_str).collect();
        sirets.sort_unstable();
        // A key has no line break: no other one reads like this.
        format!("{key}\n{}", sirets.join(",")).into()
    }

    /// Returns it as the one who acts on a delivery.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            tenant: self.tenant,
            environment: self.environment,
            sites: self.sirets.clone(),
            name: format!("credential:{}", self.credential),
        }
    }

    /// Returns it as the one who hands in a payload.
    pub(crate) fn sender(&self) -> Sender {
        Sender {
            tenant: self.tenant,
            credential: self.credential,
            environment: self.environment,
            sites: self.sirets.clone(),
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    /// Takes what the gate noted; a route without a gate has no caller.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        std::future::ready(caller.ok_or_else(|| Problem::plain(Code::Unauthenticated)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_limited_to_sites_covers_no_other() {
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        let mine: Siret = "98765432400019".parse().unwrap();
        let other: Siret = "98765432400027".parse().unwrap();
        let mut caller = Caller {
            tenant: TenantId::new(now),
            credential: CredentialId::new(now),
            environment: Environment::Test,
            sirets: Some([mine].into()),
            permissions: [Permission::Read].into(),
            quota_per_minute: 60,
        };
        assert!(caller.covers(&mine) && !caller.covers(&other));
        assert!(caller.may(Permission::Read) && !caller.may(Permission::Act));
        caller.sirets = None;
        assert!(caller.covers(&other));
    }

    #[test]
    fn rights_survive_a_round_trip_of_words() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
    }
}
