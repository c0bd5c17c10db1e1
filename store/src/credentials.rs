//! What an ERP signs in with: the hash of its API key, and what the key allows.

use domain::id::{CredentialId, TenantId};
use domain::{Environment, Siret, Timestamp};
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// A credential of an ERP. The key itself is not kept: only its SHA-256, and the first characters
/// that people recognise it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: CredentialId,
    /// What people call it.
    pub label: String,
    /// The first characters of the key.
    pub prefix: String,
    /// Which world it opens.
    pub environment: Environment,
    /// The sites it may send for; absent for all.
    pub sites: Option<Vec<Siret>>,
    /// What it may do, as stable words.
    pub actions: Vec<String>,
    /// How many calls a minute it may make.
    pub quota_per_minute: u32,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Credential {
    /// Returns whether it opens anything at this instant.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    credential_id: Uuid,
    label: String,
    prefix: String,
    environment: String,
    sites: Option<String>,
    actions: String,
    quota_per_minute: i64,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TryFrom<Row> for Credential {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "credential",
            row: &row.credential_id,
        };
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.credential_id.into(),
            environment: at.word("environment", &row.environment)?,
            sites: at.json("sites", row.sites.as_deref())?,
            actions: at.json("actions", Some(&row.actions))?.unwrap_or_default(),
            quota_per_minute: at.number("quota_per_minute", row.quota_per_minute)?,
            created_at: at.instant("created_at", row.created_at)?,
            expires_at: at.maybe_instant("expires_at", row.expires_at)?,
            revoked_at: at.maybe_instant("revoked_at", row.revoked_at)?,
            label: row.label,
            prefix: row.prefix,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, credential_id, label, prefix, environment, sites, actions, quota_per_minute,
         created_at, expires_at, revoked_at"
    };
}

/// Creates a credential from the SHA-256 of its key.
pub async fn create(
    tx: &mut Tx,
    credential: &Credential,
    hash: &[u8; 32],
) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into credential (",
        columns!(),
        ", hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    let sites = credential.sites.as_ref().map(json_text).transpose()?;
    let actions = json_text(&credential.actions)?;
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(credential.tenant))
            .bind(raw(credential.id))
            .bind(&credential.label)
            .bind(&credential.prefix)
            .bind(credential.environment.as_str())
            .bind(&sites)
            .bind(&actions)
            .bind(i64::from(credential.quota_per_minute))
            .bind(ms(credential.created_at))
            .bind(credential.expires_at.map(ms))
            .bind(credential.revoked_at.map(ms))
            .bind(hash.as_slice())
    );
    Ok(())
}

/// Finds the credential whose key has this SHA-256, of any network: this is what tells the
/// network. A revoked or expired one is returned too; ask [`Credential::is_usable`].
pub async fn find_by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<Credential>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from credential where hash = $1
        order by case when revoked_at is null then 0 else 1 end, created_at desc limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(hash.as_slice())
        .fetch_optional(conn)
        .await?);
    row.map(Credential::try_from).transpose()
}

/// Lists the credentials of a network, newest first.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Credential>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from credential where tenant_id = $1 order by credential_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Credential::try_from).collect()
}

/// Returns whether a network has a credential of this world.
pub async fn is_in(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from (
        select 1 as one from credential where tenant_id = $1 and environment = $2 limit 1) as found";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Has a credential end by an instant, or sooner where that was said.
pub async fn end_by(
    tx: &mut Tx,
    tenant: TenantId,
    id: CredentialId,
    end: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update credential set expires_at = $3
        where tenant_id = $1 and credential_id = $2 and (expires_at is null or expires_at > $3)";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(end))
    );
    Ok(())
}

/// Changes how many calls a minute a credential may make.
pub async fn set_quota(
    tx: &mut Tx,
    tenant: TenantId,
    id: CredentialId,
    quota_per_minute: u32,
) -> Result<(), StoreError> {
    const SQL: &str = "update credential set quota_per_minute = $3
        where tenant_id = $1 and credential_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(quota_per_minute))
    );
    Ok(())
}

/// Revokes a credential, and returns whether there was one to revoke.
pub async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    id: CredentialId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update credential set revoked_at = $3
        where tenant_id = $1 and credential_id = $2 and revoked_at is null";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(done > 0)
}
