//! A gateway ready to take contracts: database, network, sites, keys, credential, process.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;
use domain::clock::{Clock as _, SystemClock};
use domain::id::{CfaId, CredentialId, KeyId, MandateId, SiteId, TenantId};
use domain::{Environment, Instance, Opco, Secret, Siret, Timestamp};
use jiff::civil::Date;
use store::credentials::Credential;
use store::keys::{CfaKey, KeyState};
use store::mandates::{Mandate, Scope};
use store::software::SoftwareCredential;
use store::tenants::{Cfa, Network, Site};
use store::{MasterKey, Sealer, Store, StoreConfig, TenantKey, Tx};

use crate::Ground;
use crate::contracts::{Contracts, SIREN, SITES};
use crate::database::Database;
use crate::load::Target;
use crate::process::Process;

/// The key of the databases that are made here and removed at the end.
const MASTER: [u8; 32] = [7; 32];

/// A gateway under measurement.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) database: Database,
    pub(crate) target: Rc<Target>,
}

/// Makes a network in an empty database and starts a gateway on it.
///
/// `roles` as on the command line; `extra` are settings added to the file.
pub(crate) async fn gateway(
    ground: &Ground,
    database: Database,
    name: &str,
    roles: &str,
    extra: &str,
) -> anyhow::Result<Gateway> {
    let key = network(&database).await?;
    let settings = settings(ground, &database, name, extra)?;
    let process = start(ground, &settings, name, roles).await?;
    process.ready().await?;
    let target = Rc::new(Target {
        address: process.address,
        key,
        contracts: Contracts::new(today())?,
        next: Cell::new(1),
    });
    Ok(Gateway {
        process,
        database,
        target,
    })
}

/// Returns the day.
pub(crate) fn today() -> Date {
    domain::calendar::day_in_france(SystemClock.now())
}

/// Starts a gateway with a file of settings; returns once it has said where it listens.
pub(crate) async fn start(
    ground: &Ground,
    settings: &Path,
    name: &str,
    roles: &str,
) -> anyhow::Result<Process> {
    let settings = settings.to_str().context("a folder's name")?;
    let log = ground.folder.join(format!("{name}.log"));
    let args = [
        "serve", "--config", settings, "--format", "json", "--roles", roles,
    ];
    Process::start(&ground.gateway, &args, &log).await
}

/// Writes a gateway's settings: the defaults, on a free port, in front of one database.
pub(crate) fn settings(
    ground: &Ground,
    database: &Database,
    name: &str,
    extra: &str,
) -> anyhow::Result<std::path::PathBuf> {
    let file = ground.folder.join(format!("{name}.toml"));
    let master = MasterKey::from_bytes(MASTER).to_base64();
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[database]\nurl = '{}'\n[master_key]\nvalue = '{}'\n{extra}",
        database.url,
        master.expose()
    );
    std::fs::write(&file, text)?;
    Ok(file)
}

/// Opens a database beside its gateway.
pub(crate) async fn open(database: &Database) -> anyhow::Result<Store> {
    let config = StoreConfig {
        url: database.url.clone(),
        max_connections: 4,
    };
    let sealer = Sealer::new(MasterKey::from_bytes(MASTER));
    Ok(Store::open(&config, sealer).await?)
}

/// Posts something to a gateway and returns its answer, which must be a success.
pub(crate) async fn post(
    target: &Target,
    path: &str,
    body: &serde_json::Value,
) -> anyhow::Result<serde_json::Value> {
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(format!("http://{}{path}", target.address))
        .bearer_auth(&target.key)
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await?;
    let (status, text) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "{path}: {status} {text}");
    Ok(serde_json::from_str(&text)?)
}

/// Hands in contract number `n`; returns the name of its delivery.
pub(crate) async fn submit(target: &Target, n: u64) -> anyhow::Result<String> {
    let mut body = Vec::new();
    target.contracts.write(n, &mut body);
    let accepted = post(target, "/api/v1/dossiers", &serde_json::from_slice(&body)?).await?;
    let id = accepted["id"].as_str().context("a delivery without name")?;
    Ok(id.to_owned())
}

/// Makes one network with four sites and a key for each OPCO; returns the ERP's key.
async fn network(database: &Database) -> anyhow::Result<String> {
    let store = open(database).await?;
    let now = SystemClock.now();
    let tenant = TenantId::new(now);
    let network = Network {
        id: tenant,
        name: "Réseau d'essai".to_owned(),
        settings: serde_json::json!({}),
        created_at: now,
    };
    store.create_network(&network).await?;
    let (shared, keys) = (
        store.keys(TenantId::PLATFORM).await?,
        store.keys(tenant).await?,
    );
    let mut tx = store.writing().await?;
    let cfa = Cfa {
        tenant,
        id: CfaId::new(now),
        name: "CFA d'essai".to_owned(),
        siren: SIREN.parse().ok().context("a SIREN")?,
        created_at: now,
    };
    store::tenants::create_cfa(&mut tx, &cfa).await?;
    for site in SITES {
        let siret: Siret = site.parse().ok().context("a SIRET")?;
        add_site(&mut tx, &cfa, siret, &keys, now).await?;
    }
    for opco in Opco::ALL {
        add_software(&mut tx, opco, &shared, now).await?;
    }
    let key = add_credential(&mut tx, tenant, now).await?;
    tx.commit().await?;
    store.close().await;
    Ok(key)
}

async fn add_site(
    tx: &mut Tx,
    cfa: &Cfa,
    siret: Siret,
    keys: &TenantKey,
    now: Timestamp,
) -> anyhow::Result<()> {
    let tenant = cfa.tenant;
    let site = Site {
        tenant,
        id: SiteId::new(now),
        cfa: cfa.id,
        siret,
        uai: None,
        name: format!("Site {siret}"),
        created_at: now,
        closed_at: None,
    };
    store::tenants::create_site(tx, &site).await?;
    let attestation = Mandate {
        tenant,
        id: MandateId::new(now),
        siret_cfa: siret,
        scope: Scope::Site {
            from: jiff::civil::date(2020, 1, 1),
            until: None,
        },
        reference: "ATTESTATION".to_owned(),
        signed_on: jiff::civil::date(2020, 1, 1),
        document_hash: None,
        author: "bench".to_owned(),
        created_at: now,
    };
    store::mandates::put(tx, &attestation).await?;
    for opco in Opco::ALL {
        let id = KeyId::new(now);
        let clear = Secret::new(format!("cle-{siret}-{}", opco.slug()));
        let key = CfaKey {
            tenant,
            id,
            siret_cfa: siret,
            instance: Instance::first(opco),
            environment: Environment::Live,
            state: KeyState::Staged,
            sealed: keys.seal_secret(id.as_bytes(), store::keys::SEAL_PART, &clear)?,
            expires_on: None,
            probed_at: None,
            probe_result: None,
            last_used_at: None,
            referent: None,
            created_at: now,
            changed_at: now,
        };
        store::keys::stage(tx, &key).await?;
        store::keys::activate(tx, tenant, id, now).await?;
    }
    Ok(())
}

async fn add_software(
    tx: &mut Tx,
    opco: Opco,
    keys: &TenantKey,
    now: Timestamp,
) -> anyhow::Result<()> {
    let id = KeyId::new(now);
    let seal = |part, clear: &Secret| keys.seal_secret(id.as_bytes(), part, clear);
    // AFDAS wants a proof of possession with each request for a token.
    let proof = match opco {
        Opco::Afdas => {
            Some(opco::generate_proof_key().map_err(|fault| anyhow::anyhow!("{}", fault.detail))?)
        }
        _ => None,
    };
    let credential = SoftwareCredential {
        tenant: TenantId::PLATFORM,
        id,
        instance: Instance::first(opco),
        environment: Environment::Live,
        client_id: "bench".to_owned(),
        sealed_secret: Some(seal(store::software::SECRET_PART, &Secret::new("bench"))?),
        sealed_dpop_key: proof
            .map(|key| seal(store::software::DPOP_PART, &key))
            .transpose()?,
        created_at: now,
    };
    store::software::put(tx, &credential).await?;
    Ok(())
}

async fn add_credential(tx: &mut Tx, tenant: TenantId, now: Timestamp) -> anyhow::Result<String> {
    let key = format!("cfg_live_{}", "b".repeat(43));
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    let credential = Credential {
        tenant,
        id: CredentialId::new(now),
        label: "ERP d'essai".to_owned(),
        prefix: "cfg_live_bbbb".to_owned(),
        environment: Environment::Live,
        sites: None,
        actions: ["submit", "read", "act", "webhook"]
            .map(str::to_owned)
            .to_vec(),
        // No limit that would be what is measured.
        quota_per_minute: u32::MAX,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    let hash: &[u8; 32] = hash.as_ref().try_into()?;
    store::credentials::create(tx, &credential, hash).await?;
    Ok(key)
}
