//! The demo's network: two training centres, four sites, their keys, their ERPs.

use admin_api::people::{Acting, Invited};
use domain::calendar::day_in_france;
use domain::id::{CfaId, CredentialId, KeyId, MandateId, OverrideId, SiteId, TenantId};
use domain::person::{Language, Role};
use domain::{Capability, Environment, Instance, Opco, Openness, Secret, Siren, Siret, Timestamp};
use jiff::ToSpan;
use serde_json::json;
use store::credentials::{self, Credential};
use store::keys::{self, CfaKey, KeyState};
use store::mandates::{self, Mandate, Scope};
use store::software::{self, SoftwareCredential};
use store::switches::{self, CapabilitySwitch};
use store::tenants::{self, Cfa, Network};
use store::{Store, Tx, people};

use super::contract::Site;
use super::stories::{KEYLESS, KEYLESS_SITE, SITES};
use crate::commands::failure::Failure;
use crate::http::api_key;
use crate::http::caller::Permission;
use crate::view::ALLOW_MEDIUM;

/// Everything of the demo is of the test world.
pub(super) const WORLD: Environment = Environment::Test;

/// The first eight digits of the two training centres, which do not exist.
const CFAS: [(&str, &str); 2] = [
    ("98765432", "CFA d'exemple Nord"),
    ("98765441", "CFA d'exemple Sud"),
];
/// How many sites each has.
const SITES_OF_CFA: usize = SITES / CFAS.len();
/// What a demo credential may ask for in a minute of the demo's clock.
const QUOTA_PER_MINUTE: u32 = 100_000;
/// Who signs in to the demo's dashboard.
const EMAIL: &str = "admin@exemple.fr";
/// How long the demo's password is.
const PASSWORD_CHARS: usize = 16;
/// Who did all this, in the log.
const AUTHOR: &str = "cli:demo";

/// The network, as far as its ERPs know it.
#[derive(Debug)]
pub(super) struct DemoNetwork {
    /// Its sites; the first of each training centre come first.
    pub(super) sites: Vec<Site>,
    /// One ERP for each training centre.
    pub(super) erps: Vec<Erp>,
}

/// What an ERP signs in with.
#[derive(Debug)]
pub(super) struct Erp {
    /// Its name.
    pub(super) name: String,
    /// Its key.
    pub(super) key: Secret,
}

/// What a person signs in to the demo's dashboard with.
#[derive(Debug)]
pub(super) struct Login {
    /// The address.
    pub(super) email: &'static str,
    /// The password, made anew each time.
    pub(super) password: Secret,
}

/// Opens an account that may do everything in the demo's network.
pub(super) async fn open_account(store: &Store, now: Timestamp) -> Result<Login, Failure> {
    let minted = api_key::mint(WORLD)
        .map_err(|_| Failure::internal("making a password", "no randomness"))?;
    let password: String = minted
        .key
        .expose()
        .chars()
        .rev()
        .take(PASSWORD_CHARS)
        .collect();
    let mut tx = store.writing().await?;
    let network = tenants::networks(&mut tx).await?.into_iter().next();
    let network = network.ok_or_else(|| Failure::internal("the demo's network", "none"))?;
    let invited = Invited {
        email: EMAIL.to_owned(),
        name: "Compte d'exemple".to_owned(),
        language: Language::Fr,
        roles: vec![
            (Role::Admin, people::Scope::Network),
            (Role::Auditor, people::Scope::Network),
        ],
    };
    let acting = Acting {
        name: AUTHOR.to_owned(),
        now,
        invitation: std::time::Duration::ZERO,
    };
    let secret = Secret::new(password);
    admin_api::people::open(&mut tx, network.id, invited, secret.clone(), &acting)
        .await
        .map_err(|error| Failure::internal("opening the demo's account", error))?;
    tx.commit().await?;
    Ok(Login {
        email: EMAIL,
        password: secret,
    })
}

/// Returns which ERP speaks for a site.
pub(super) fn erp_of(site: usize) -> usize {
    site / SITES_OF_CFA
}

/// Returns whether a site attests its mandates once; the last one gives them with each contract.
pub(super) fn attests(site: usize) -> bool {
    site + 1 < SITES
}

/// Creates all of it in the store, and tells the simulator which keys and accounts are good.
pub(super) async fn create(
    store: &Store,
    opcos: &simulator::Handle,
    now: Timestamp,
) -> Result<DemoNetwork, Failure> {
    let tenant = TenantId::new(now);
    let network = Network {
        id: tenant,
        name: "Réseau d'exemple".to_owned(),
        // Some employers are known by their agreement only.
        settings: json!({ ALLOW_MEDIUM: true }),
        created_at: now,
    };
    store.create_network(&network).await?;
    sign_software_in(store, opcos, now).await?;
    let (mut sites, mut erps) = (Vec::new(), Vec::new());
    for (base, name) in CFAS {
        let siren: Siren = completed(base)?;
        let cfa = Cfa {
            tenant,
            id: CfaId::new(now),
            name: name.to_owned(),
            siren,
            created_at: now,
        };
        let mut tx = store.writing().await?;
        tenants::create_cfa(&mut tx, &cfa).await?;
        let mut own = Vec::new();
        for number in 1..=SITES_OF_CFA {
            let place = sites.len();
            let site = site(&cfa, number, place)?;
            keep_site(&mut tx, &cfa, &site, now).await?;
            if attests(place) {
                mandates::put(&mut tx, &attestation(tenant, site.siret, now)).await?;
            }
            own.push(site.siret);
            sites.push(site);
        }
        erps.push(give_credential(&mut tx, &cfa, own, now).await?);
        tx.commit().await?;
    }
    let cfa_of = |site: &Site| site.siret.siren();
    for (place, site) in sites.iter().enumerate() {
        put_keys(store, opcos, tenant, (place, site, cfa_of(site)), now).await?;
    }
    Ok(DemoNetwork { sites, erps })
}

/// Opens the first version of contracts at an OPCO, for the whole deployment, under a label.
pub(super) async fn open_flow(
    store: &Store,
    opcos: &simulator::Handle,
    opco: Opco,
    now: Timestamp,
) -> Result<(), Failure> {
    let open = simulator::Overrides::default().with(
        simulator::Capability::DossiersV1,
        simulator::Openness::Recette,
    );
    opcos
        .configure(opco.slug(), &open)
        .map_err(|error| Failure::internal("opening a flow of the simulator", error))?;
    switch(store, opco, Capability::DossiersV1, now).await
}

/// Opens a flow of an OPCO on the gateway's side, under the label of the sandbox.
pub(super) async fn switch(
    store: &Store,
    opco: Opco,
    capability: Capability,
    now: Timestamp,
) -> Result<(), Failure> {
    let switch = CapabilitySwitch {
        id: OverrideId::new(now),
        instance: Instance::first(opco),
        capability,
        openness: Openness::Recette,
        author: AUTHOR.to_owned(),
        reason: "démonstration : le simulateur a ouvert ce flux".to_owned(),
        label: Some("bac à sable".to_owned()),
        from: now,
        until: None,
        created_at: now,
    };
    let mut tx = store.writing().await?;
    switches::put(&mut tx, &switch).await?;
    Ok(tx.commit().await?)
}

fn site(cfa: &Cfa, number: usize, place: usize) -> Result<Site, Failure> {
    Ok(Site {
        name: format!("{}, site {number}", cfa.name),
        siret: completed(&format!("{}{number:04}", cfa.siren))?,
        uai: school_code(&format!("093999{}", 5 + place))?,
    })
}

async fn keep_site(tx: &mut Tx, cfa: &Cfa, site: &Site, now: Timestamp) -> Result<(), Failure> {
    let kept = tenants::Site {
        tenant: cfa.tenant,
        id: SiteId::new(now),
        cfa: cfa.id,
        siret: site.siret,
        uai: Some(site.uai.clone()),
        name: site.name.clone(),
        created_at: now,
        closed_at: None,
    };
    Ok(tenants::create_site(tx, &kept).await?)
}

fn attestation(tenant: TenantId, siret_cfa: Siret, now: Timestamp) -> Mandate {
    let signed_on = day_in_france(now).saturating_sub(30.days());
    Mandate {
        tenant,
        id: MandateId::new(now),
        siret_cfa,
        scope: Scope::Site {
            from: signed_on,
            until: None,
        },
        reference: "attestation du site".to_owned(),
        signed_on,
        document_hash: None,
        author: AUTHOR.to_owned(),
        created_at: now,
    }
}

async fn give_credential(
    tx: &mut Tx,
    cfa: &Cfa,
    sites: Vec<Siret>,
    now: Timestamp,
) -> Result<Erp, Failure> {
    let minted =
        api_key::mint(WORLD).map_err(|_| Failure::internal("making a key", "no randomness"))?;
    let name = format!("ERP du {}", cfa.name);
    let credential = Credential {
        tenant: cfa.tenant,
        id: CredentialId::new(now),
        label: name.clone(),
        prefix: minted.prefix,
        environment: WORLD,
        sites: Some(sites),
        actions: Permission::ALL
            .iter()
            .map(|permission| permission.as_str().to_owned())
            .collect(),
        quota_per_minute: QUOTA_PER_MINUTE,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    credentials::create(tx, &credential, &minted.hash).await?;
    Ok(Erp {
        name,
        key: minted.key,
    })
}

/// The gateway's own account at each OPCO, shared by every network.
async fn sign_software_in(
    store: &Store,
    opcos: &simulator::Handle,
    now: Timestamp,
) -> Result<(), Failure> {
    let platform = store.keys(TenantId::PLATFORM).await?;
    // One proof key for all: making one takes time, and only some of them ask for a proof.
    let proof = opco::generate_proof_key()
        .map_err(|fault| Failure::internal("making a proof key", fault.detail))?;
    let mut tx = store.writing().await?;
    for opco in Opco::ALL {
        let client_id = format!("passerelle-{}", opco.slug());
        let secret = Secret::new(random());
        let id = KeyId::new(now);
        let seal = |part, secret: &Secret| {
            platform
                .seal_secret(id.as_bytes(), part, secret)
                .map_err(|error| Failure::internal("sealing", error))
        };
        let credential = SoftwareCredential {
            tenant: TenantId::PLATFORM,
            id,
            instance: Instance::first(opco),
            environment: WORLD,
            client_id: client_id.clone(),
            sealed_secret: Some(seal(software::SECRET_PART, &secret)?),
            sealed_dpop_key: Some(seal(software::DPOP_PART, &proof)?),
            created_at: now,
        };
        software::put(&mut tx, &credential).await?;
        let account = simulator::Client {
            client_id,
            client_secret: secret.expose().to_owned(),
        };
        opcos
            .register_client(opco.slug(), &account)
            .map_err(|error| Failure::internal("registering an account", error))?;
    }
    Ok(tx.commit().await?)
}

/// A key of the site at every OPCO but the one the demo leaves out.
async fn put_keys(
    store: &Store,
    opcos: &simulator::Handle,
    tenant: TenantId,
    (place, site, siren): (usize, &Site, Siren),
    now: Timestamp,
) -> Result<(), Failure> {
    let network = store.keys(tenant).await?;
    let mut tx = store.writing().await?;
    for opco in Opco::ALL {
        if opco == KEYLESS && place == KEYLESS_SITE {
            continue;
        }
        let (id, clear) = (KeyId::new(now), Secret::new(random()));
        let sealed = network
            .seal_secret(id.as_bytes(), keys::SEAL_PART, &clear)
            .map_err(|error| Failure::internal("sealing", error))?;
        let key = CfaKey {
            tenant,
            id,
            siret_cfa: site.siret,
            instance: Instance::first(opco),
            environment: WORLD,
            state: KeyState::Staged,
            sealed,
            expires_on: None,
            probed_at: None,
            probe_result: None,
            last_used_at: None,
            referent: None,
            created_at: now,
            changed_at: now,
        };
        keys::stage(&mut tx, &key).await?;
        keys::activate(&mut tx, tenant, id, now).await?;
        let known = simulator::CfaKey {
            key: clear.expose().to_owned(),
            siren: Some(siren.to_string()),
            expires: None,
            revoked: false,
        };
        opcos
            .register_key(opco.slug(), &known)
            .map_err(|error| Failure::internal("registering a key", error))?;
    }
    Ok(tx.commit().await?)
}

/// A secret nobody needs to remember.
fn random() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// Adds the one last digit that makes a number right.
fn completed<T: std::str::FromStr>(digits: &str) -> Result<T, Failure> {
    (0..10)
        .find_map(|last| format!("{digits}{last}").parse().ok())
        .ok_or_else(|| Failure::internal("making a number", digits))
}

/// Adds the one letter that makes a school code right.
fn school_code(digits: &str) -> Result<String, Failure> {
    ('A'..='Z')
        .map(|letter| format!("{digits}{letter}"))
        .find(|code| code.parse::<domain::identifiers::Uai>().is_ok())
        .ok_or_else(|| Failure::internal("making a school code", digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_completed_with_what_makes_them_right() {
        let siren: Siren = completed("98765432").unwrap();
        assert_eq!(siren.as_str(), "987654324");
        let site: Siret = completed("9876543240001").unwrap();
        assert_eq!(site.as_str(), "98765432400019");
        assert_eq!(school_code("0939999").unwrap(), "0939999N");
    }
}
