//! Networks, their training centres and sites, and the key of each network.

pub mod census;

use domain::id::{CfaId, SiteId, TenantId};
use domain::{Siren, Siret, Timestamp};
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::error::StoreError;
use crate::pool::{Store, Tx, on, run};
use crate::sealing::{MasterKey, Sealer, seal_probe};

/// A network of training centres: the tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Its name among tenants.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// Its own settings, an object.
    pub settings: serde_json::Value,
    /// Since when.
    pub created_at: Timestamp,
}

/// A training centre of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cfa {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: CfaId,
    /// What people call it.
    pub name: String,
    /// The company.
    pub siren: Siren,
    /// Since when.
    pub created_at: Timestamp,
}

/// A site of a training centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: SiteId,
    /// The training centre.
    pub cfa: CfaId,
    /// The establishment.
    pub siret: Siret,
    /// The number of the Ministry of Education, as it was given.
    pub uai: Option<String>,
    /// What people call it.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it takes no new contract in.
    pub closed_at: Option<Timestamp>,
}

impl Store {
    /// Creates a network and its key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the identifier is taken.
    pub async fn create_network(&self, network: &Network) -> Result<(), StoreError> {
        const KEY: &str = "insert into tenant_key (tenant_id, wrapped, master_key_id, created_at)
            values ($1, $2, $3, $4)";
        let wrapped = self.sealer.new_tenant_key(network.id)?;
        let mut tx = self.writing().await?;
        insert_network(&mut tx, network).await?;
        run!(
            tx,
            sqlx::query(KEY)
                .bind(raw(network.id))
                .bind(&wrapped)
                .bind(self.sealer.master_key_id())
                .bind(ms(network.created_at))
        );
        tx.commit().await
    }

    /// Wraps every network's key under another master key and uses that one from now on. No
    /// payload is read. Returns how many keys were wrapped.
    ///
    /// Other processes keep the old key in memory until they restart with the new one.
    pub async fn rotate_master(&self, new: MasterKey) -> Result<usize, StoreError> {
        const ALL: &str = "select tenant_id, wrapped from tenant_key order by tenant_id";
        const PUT: &str =
            "update tenant_key set wrapped = $2, master_key_id = $3 where tenant_id = $1";
        const PROBE: &str = "update master_probe set master_key_id = $1, sealed = $2";
        let mut tx = self.writing().await?;
        let rows: Vec<(Uuid, Vec<u8>)> =
            on!(tx, |conn| sqlx::query_as(ALL).fetch_all(conn).await?);
        for (tenant, wrapped) in &rows {
            let rewrapped = self.sealer.rewrap(&new, (*tenant).into(), wrapped)?;
            run!(
                tx,
                sqlx::query(PUT)
                    .bind(tenant)
                    .bind(&rewrapped)
                    .bind(new.id())
            );
        }
        let probe = seal_probe(&new)?;
        run!(tx, sqlx::query(PROBE).bind(new.id()).bind(&probe));
        tx.commit().await?;
        self.sealer.replace_master(new);
        Ok(rows.len())
    }
}

/// Returns a network's key as it is stored.
pub(crate) async fn wrapped_key(
    tx: &mut Tx,
    tenant: TenantId,
) -> Result<Option<Vec<u8>>, StoreError> {
    const SQL: &str = "select wrapped from tenant_key where tenant_id = $1";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .fetch_optional(conn)
        .await?))
}

/// Makes the network that holds what every network shares, unless another process did.
pub(crate) async fn create_platform(tx: &mut Tx, sealer: &Sealer) -> Result<(), StoreError> {
    const NETWORK: &str = "insert into network (tenant_id, name, settings, created_at)
        values ($1, 'platform', '{}', 0) on conflict do nothing";
    const KEY: &str = "insert into tenant_key (tenant_id, wrapped, master_key_id, created_at)
        values ($1, $2, $3, 0) on conflict do nothing";
    let tenant = raw(TenantId::PLATFORM);
    let wrapped = sealer.new_tenant_key(TenantId::PLATFORM)?;
    run!(tx, sqlx::query(NETWORK).bind(tenant));
    run!(
        tx,
        sqlx::query(KEY)
            .bind(tenant)
            .bind(&wrapped)
            .bind(sealer.master_key_id())
    );
    Ok(())
}

async fn insert_network(tx: &mut Tx, network: &Network) -> Result<(), StoreError> {
    const SQL: &str = "insert into network (tenant_id, name, settings, created_at)
        values ($1, $2, $3, $4)";
    let settings = json_text(&network.settings)?;
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(network.id))
            .bind(&network.name)
            .bind(&settings)
            .bind(ms(network.created_at))
    );
    Ok(())
}

type NetworkRow = (Uuid, String, String, i64);

fn network((id, name, settings, created_at): NetworkRow) -> Result<Network, StoreError> {
    let at = At {
        table: "network",
        row: &id,
    };
    Ok(Network {
        id: id.into(),
        name,
        settings: at.json("settings", Some(&settings))?.unwrap_or_default(),
        created_at: at.instant("created_at", created_at)?,
    })
}

/// Returns a network.
pub async fn find_network(tx: &mut Tx, tenant: TenantId) -> Result<Option<Network>, StoreError> {
    const SQL: &str =
        "select tenant_id, name, settings, created_at from network where tenant_id = $1";
    let row: Option<NetworkRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_optional(conn)
        .await?);
    row.map(network).transpose()
}

/// Lists the networks by name; the platform itself is none.
pub async fn networks(tx: &mut Tx) -> Result<Vec<Network>, StoreError> {
    const SQL: &str = "select tenant_id, name, settings, created_at from network
        where tenant_id <> $1 order by name, tenant_id";
    let rows: Vec<NetworkRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(TenantId::PLATFORM))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(network).collect()
}

/// Replaces a network's own settings.
pub async fn set_settings(
    tx: &mut Tx,
    tenant: TenantId,
    settings: &serde_json::Value,
) -> Result<(), StoreError> {
    const SQL: &str = "update network set settings = $2 where tenant_id = $1";
    let settings = json_text(settings)?;
    run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(&settings));
    Ok(())
}

/// Creates a training centre.
pub async fn create_cfa(tx: &mut Tx, cfa: &Cfa) -> Result<(), StoreError> {
    const SQL: &str = "insert into cfa (tenant_id, cfa_id, name, siren, created_at)
        values ($1, $2, $3, $4, $5)";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(cfa.tenant))
            .bind(raw(cfa.id))
            .bind(&cfa.name)
            .bind(cfa.siren.as_str())
            .bind(ms(cfa.created_at))
    );
    Ok(())
}

/// Lists the training centres of a network by name.
pub async fn cfas(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Cfa>, StoreError> {
    const SQL: &str = "select cfa_id, name, siren, created_at from cfa where tenant_id = $1
        order by name, cfa_id";
    let rows: Vec<(Uuid, String, String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(id, name, siren, created_at)| {
            let at = At {
                table: "cfa",
                row: &id,
            };
            Ok(Cfa {
                tenant,
                id: id.into(),
                name,
                siren: at.word("siren", &siren)?,
                created_at: at.instant("created_at", created_at)?,
            })
        })
        .collect()
}

/// Returns a training centre of this network.
pub async fn find_cfa(tx: &mut Tx, tenant: TenantId, id: CfaId) -> Result<Option<Cfa>, StoreError> {
    Ok(cfas(tx, tenant).await?.into_iter().find(|cfa| cfa.id == id))
}

/// Gives a training centre of this network another name; says whether there is one.
pub async fn rename_cfa(
    tx: &mut Tx,
    tenant: TenantId,
    id: CfaId,
    name: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "update cfa set name = $3 where tenant_id = $1 and cfa_id = $2";
    let renamed = run!(
        tx,
        sqlx::query(SQL).bind(raw(tenant)).bind(raw(id)).bind(name)
    );
    Ok(renamed > 0)
}

macro_rules! columns {
    () => {
        "site_id, cfa_id, siret, uai, name, created_at, closed_at"
    };
}

/// Creates a site of a training centre.
///
/// # Errors
/// [`StoreError::Conflict`] when the network has a site with this SIRET already.
pub async fn create_site(tx: &mut Tx, site: &Site) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into site (tenant_id, ",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8)"
    );
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(site.tenant))
            .bind(raw(site.id))
            .bind(raw(site.cfa))
            .bind(site.siret.as_str())
            .bind(site.uai.as_deref())
            .bind(&site.name)
            .bind(ms(site.created_at))
            .bind(site.closed_at.map(ms))
    );
    Ok(())
}

/// Writes what may change of a site: its training centre, UAI, name, and since when it is closed.
pub async fn update_site(tx: &mut Tx, site: &Site) -> Result<(), StoreError> {
    const SQL: &str = "update site set cfa_id = $3, uai = $4, name = $5, closed_at = $6
        where tenant_id = $1 and site_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(site.tenant))
            .bind(raw(site.id))
            .bind(raw(site.cfa))
            .bind(site.uai.as_deref())
            .bind(&site.name)
            .bind(site.closed_at.map(ms))
    );
    Ok(())
}

type SiteRow = (Uuid, Uuid, String, Option<String>, String, i64, Option<i64>);

fn site(
    tenant: TenantId,
    (id, cfa, siret, uai, name, created_at, closed_at): SiteRow,
) -> Result<Site, StoreError> {
    let at = At {
        table: "site",
        row: &id,
    };
    Ok(Site {
        tenant,
        id: id.into(),
        cfa: cfa.into(),
        siret: at.word("siret", &siret)?,
        uai,
        name,
        created_at: at.instant("created_at", created_at)?,
        closed_at: at.maybe_instant("closed_at", closed_at)?,
    })
}

/// Returns the site of this network with this SIRET.
pub async fn find_site(
    tx: &mut Tx,
    tenant: TenantId,
    siret: &Siret,
) -> Result<Option<Site>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from site where tenant_id = $1 and siret = $2"
    );
    let row: Option<SiteRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(siret.as_str())
        .fetch_optional(conn)
        .await?);
    row.map(|row| site(tenant, row)).transpose()
}

/// Lists the sites of a network by SIRET.
pub async fn sites(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Site>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from site where tenant_id = $1 order by siret"
    );
    let rows: Vec<SiteRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(|row| site(tenant, row)).collect()
}
