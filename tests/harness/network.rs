//! A network with its sites, keys and credentials, put straight into the store.

use aws_lc_rs::digest::{SHA256, digest};
use domain::id::{CfaId, CredentialId, KeyId, MandateId, OverrideId, SiteId, TenantId};
use domain::{Capability, Environment, Instance, Opco, Openness, Secret, Siret, Timestamp};
use store::credentials::Credential;
use store::keys::{CfaKey, KeyState, SEAL_PART};
use store::mandates::{Mandate, Scope};
use store::software::{SECRET_PART, SoftwareCredential};
use store::switches::CapabilitySwitch;
use store::tenants::{Cfa, Network as Row, Site};
use store::{Store, keys, mandates, software, switches, tenants};

use crate::payload;

/// The world tests live in: recette, or a simulator.
pub const WORLD: Environment = Environment::Test;

/// What a credential of the tests may ask for in a minute.
const QUOTA: u32 = 1_000_000;

/// A network that exists.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name among tenants.
    pub tenant: TenantId,
    /// Its sites.
    pub sites: Vec<Siret>,
    /// Planted in every secret of the network, so that a scan can look for it.
    pub mark: String,
}

/// What a network is to have.
#[derive(Debug, Clone)]
pub struct Plan {
    sites: u64,
    keyless: Vec<Opco>,
    attested: bool,
    mark: String,
}

/// Plans a network with one site, software and key at every OPCO, and a mandate for the site.
pub fn network() -> Plan {
    Plan {
        sites: 1,
        keyless: Vec::new(),
        attested: true,
        mark: "essai".to_owned(),
    }
}

impl Plan {
    /// Gives it so many sites.
    #[must_use]
    pub fn sites(mut self, sites: u64) -> Self {
        self.sites = sites;
        self
    }

    /// Leaves out the key of an OPCO.
    #[must_use]
    pub fn without_key(mut self, opco: Opco) -> Self {
        self.keyless.push(opco);
        self
    }

    /// Leaves out the attestation, so that each contract must bring its mandate.
    #[must_use]
    pub fn unattested(mut self) -> Self {
        self.attested = false;
        self
    }

    /// Plants a text in every secret.
    #[must_use]
    pub fn marked(mut self, mark: &str) -> Self {
        mark.clone_into(&mut self.mark);
        self
    }

    /// Makes it.
    pub async fn create(self, store: &Store, now: Timestamp) -> Network {
        let tenant = TenantId::new(now);
        let row = Row {
            id: tenant,
            name: format!("Réseau {tenant}"),
            settings: serde_json::json!({}),
            created_at: now,
        };
        store.create_network(&row).await.unwrap();
        let network = Network {
            tenant,
            sites: (0..self.sites).map(payload::site).collect(),
            mark: self.mark.clone(),
        };
        self.places(store, &network, now).await;
        for opco in Opco::ALL {
            network.add_software(store, opco, now).await;
            if !self.keyless.contains(&opco) {
                for site in &network.sites {
                    network.add_key(store, *site, opco, now).await;
                }
            }
        }
        network
    }

    async fn places(&self, store: &Store, network: &Network, now: Timestamp) {
        let tenant = network.tenant;
        let mut tx = store.writing().await.unwrap();
        let cfa = Cfa {
            tenant,
            id: CfaId::new(now),
            name: "CFA des essais".to_owned(),
            siren: network.sites[0].siren(),
            created_at: now,
        };
        tenants::create_cfa(&mut tx, &cfa).await.unwrap();
        for siret in &network.sites {
            let site = Site {
                tenant,
                id: SiteId::new(now),
                cfa: cfa.id,
                siret: *siret,
                uai: Some("0939999N".to_owned()),
                name: format!("Site {siret}"),
                created_at: now,
                closed_at: None,
            };
            tenants::create_site(&mut tx, &site).await.unwrap();
            if self.attested {
                let mandate = Mandate {
                    tenant,
                    id: MandateId::new(now),
                    siret_cfa: *siret,
                    scope: Scope::Site {
                        from: "2026-01-01".parse().unwrap(),
                        until: None,
                    },
                    reference: "M-ESSAI".to_owned(),
                    signed_on: "2026-01-01".parse().unwrap(),
                    document_hash: None,
                    author: "tests".to_owned(),
                    created_at: now,
                };
                mandates::put(&mut tx, &mandate).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
    }
}

impl Network {
    /// Gives its software an account at an OPCO.
    pub async fn add_software(&self, store: &Store, opco: Opco, now: Timestamp) {
        let id = KeyId::new(now);
        let secret = Secret::new(format!("{}-secret-{opco}-0123456789", self.mark));
        let tenant_key = store.keys(self.tenant).await.unwrap();
        let sealed = tenant_key.seal_secret(id.as_bytes(), SECRET_PART, &secret);
        let credential = SoftwareCredential {
            tenant: self.tenant,
            id,
            instance: Instance::first(opco),
            environment: WORLD,
            client_id: "logiciel-essai".to_owned(),
            sealed_secret: Some(sealed.unwrap()),
            sealed_dpop_key: None,
            created_at: now,
        };
        let mut tx = store.writing().await.unwrap();
        software::put(&mut tx, &credential).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Returns the text of a site's key at an OPCO.
    pub fn key(&self, site: Siret, opco: Opco) -> String {
        format!("{}-cle-{opco}-{site}-0123456789abcdef", self.mark)
    }

    /// Gives a site its key at an OPCO, in use at once.
    pub async fn add_key(&self, store: &Store, site: Siret, opco: Opco, now: Timestamp) {
        let id = KeyId::new(now);
        let secret = Secret::new(self.key(site, opco));
        let tenant_key = store.keys(self.tenant).await.unwrap();
        let sealed = tenant_key.seal_secret(id.as_bytes(), SEAL_PART, &secret);
        let key = CfaKey {
            tenant: self.tenant,
            id,
            siret_cfa: site,
            instance: Instance::first(opco),
            environment: WORLD,
            state: KeyState::Staged,
            sealed: sealed.unwrap(),
            expires_on: None,
            probed_at: None,
            probe_result: None,
            last_used_at: None,
            referent: None,
            created_at: now,
            changed_at: now,
        };
        let mut tx = store.writing().await.unwrap();
        keys::stage(&mut tx, &key).await.unwrap();
        assert!(keys::activate(&mut tx, self.tenant, id, now).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Takes back every key in use of a site at an OPCO.
    pub async fn revoke_keys(&self, store: &Store, site: Siret, opco: Opco, now: Timestamp) {
        let mut tx = store.writing().await.unwrap();
        for key in keys::list(&mut tx, self.tenant).await.unwrap() {
            let is_its = key.siret_cfa == site && key.instance.opco == opco;
            if is_its && key.state == KeyState::Active {
                keys::revoke(&mut tx, self.tenant, key.id, now)
                    .await
                    .unwrap();
            }
        }
        tx.commit().await.unwrap();
    }

    /// Gives an ERP its API key, for some sites or for all; returns the clear text.
    pub async fn credential(
        &self,
        store: &Store,
        sites: Option<Vec<Siret>>,
        now: Timestamp,
    ) -> String {
        self.credential_with(store, sites, QUOTA, now).await.0
    }

    /// The same, with a quota; returns the clear text and the credential's name.
    pub async fn credential_with(
        &self,
        store: &Store,
        sites: Option<Vec<Siret>>,
        quota_per_minute: u32,
        now: Timestamp,
    ) -> (String, CredentialId) {
        self.credential_in(store, WORLD, sites, quota_per_minute, now)
            .await
    }

    /// The same, in a world of its choice.
    pub async fn credential_in(
        &self,
        store: &Store,
        environment: Environment,
        sites: Option<Vec<Siret>>,
        quota_per_minute: u32,
        now: Timestamp,
    ) -> (String, CredentialId) {
        let id = CredentialId::new(now);
        // 43 characters, as the product's own: the mark, then what makes it unique.
        let random = format!("{}{}", self.mark, uuid::Uuid::now_v7().simple());
        let token = format!("cfg_{environment}_{random:-<43}");
        assert_eq!(token.len(), 52, "the mark is too long");
        let hash: [u8; 32] = digest(&SHA256, token.as_bytes())
            .as_ref()
            .try_into()
            .unwrap();
        let credential = Credential {
            tenant: self.tenant,
            id,
            label: "ERP des essais".to_owned(),
            prefix: token[..13].to_owned(),
            environment,
            sites,
            actions: ["submit", "read", "act", "webhook"]
                .map(str::to_owned)
                .to_vec(),
            quota_per_minute,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        let mut tx = store.writing().await.unwrap();
        store::credentials::create(&mut tx, &credential, &hash)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (token, id)
    }
}

/// Opens a flow for the whole deployment, as an administrator does.
pub async fn switch(store: &Store, opco: Opco, capability: Capability, now: Timestamp) {
    let mut tx = store.writing().await.unwrap();
    let switch = switched(opco, capability, Openness::Production, now);
    switches::put(&mut tx, &switch).await.unwrap();
    tx.commit().await.unwrap();
}

/// Opens these flows of an OPCO and closes every other.
pub async fn open_only(store: &Store, opco: Opco, open: &[Capability], now: Timestamp) {
    let mut tx = store.writing().await.unwrap();
    for capability in Capability::ALL {
        let openness = if open.contains(capability) {
            Openness::Production
        } else {
            Openness::Unknown
        };
        let switch = switched(opco, *capability, openness, now);
        switches::put(&mut tx, &switch).await.unwrap();
    }
    tx.commit().await.unwrap();
}

fn switched(
    opco: Opco,
    capability: Capability,
    openness: Openness,
    now: Timestamp,
) -> CapabilitySwitch {
    CapabilitySwitch {
        id: OverrideId::new(now),
        instance: Instance::first(opco),
        capability,
        openness,
        author: "tests".to_owned(),
        reason: "bac à sable".to_owned(),
        label: Some("bac à sable".to_owned()),
        from: now,
        until: None,
        created_at: now,
    }
}
