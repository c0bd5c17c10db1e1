//! CFA keys: one site at one system of an OPCO. Staged, probed, active, retiring.

pub mod validity;

use domain::id::{KeyId, TenantId};
use domain::{Environment, Instance, Opco, Siret, Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::read_jobs::ReadKey;
use crate::sealing::SealedSecret;

/// The word of CFA keys in associated data, for [`crate::TenantKey::seal_secret`].
pub const SEAL_PART: &str = "cfa-key";

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Kept, not yet used.
    Staged,
    /// The one in use.
    Active,
    /// Replaced; calls under way may still use it.
    Retiring,
    /// Never to be used again.
    Revoked,
}

/// A CFA key, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CfaKey {
    /// Whose.
    pub tenant: TenantId,
    /// Its name, under which it is sealed.
    pub id: KeyId,
    /// The site.
    pub siret_cfa: Siret,
    /// The system it opens.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// Where it stands.
    pub state: KeyState,
    /// The key itself.
    pub sealed: SealedSecret,
    /// Its last day, from the OPCO or from a person.
    pub expires_on: Option<Date>,
    /// When it was last tried.
    pub probed_at: Option<Timestamp>,
    /// What the trial said, as a stable word.
    pub probe_result: Option<String>,
    /// When it was last used with success.
    pub last_used_at: Option<Timestamp>,
    /// Who answers for it, in people's words.
    pub referent: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it last became what it is: staged, put to use, retired, tried, or proven by a call.
    pub changed_at: Timestamp,
}

/// The word of a trial, or of a call, that the OPCO refused for the key.
pub const REFUSED: &str = "refused";
/// The word of one that it took.
pub const ACCEPTED: &str = "accepted";

impl KeyState {
    /// Returns the stable word of columns and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Revoked => "revoked",
        }
    }
}

impl std::str::FromStr for KeyState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Staged, Self::Active, Self::Retiring, Self::Revoked]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    key_id: Uuid,
    siret_cfa: String,
    opco: String,
    instance: i64,
    environment: String,
    state: String,
    sealed: Vec<u8>,
    expires_on: Option<String>,
    probed_at: Option<i64>,
    probe_result: Option<String>,
    last_used_at: Option<i64>,
    referent: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for CfaKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "cfa_key",
            row: &row.key_id,
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.key_id.into(),
            siret_cfa: at.word("siret_cfa", &row.siret_cfa)?,
            instance: Instance {
                opco,
                number: at.number("instance", row.instance)?,
            },
            environment: at.word("environment", &row.environment)?,
            state: at.word("state", &row.state)?,
            sealed: SealedSecret(row.sealed),
            expires_on: at.maybe_word("expires_on", row.expires_on.as_deref())?,
            probed_at: at.maybe_instant("probed_at", row.probed_at)?,
            probe_result: row.probe_result,
            last_used_at: at.maybe_instant("last_used_at", row.last_used_at)?,
            referent: row.referent,
            created_at: at.instant("created_at", row.created_at)?,
            changed_at: at.instant("updated_at", row.updated_at)?,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, key_id, siret_cfa, opco, instance, environment, state, sealed, expires_on,
         probed_at, probe_result, last_used_at, referent, created_at, updated_at"
    };
}
use columns;

/// Keeps a new key, staged whatever its state says.
pub async fn stage(tx: &mut Tx, key: &CfaKey) -> Result<(), StoreError> {
    const SQL: &str = "insert into cfa_key (tenant_id, key_id, siret_cfa, opco, instance,
            environment, state, sealed, expires_on, created_at, updated_at, referent)
        values ($1, $2, $3, $4, $5, $6, 'staged', $7, $8, $9, $9, $10)";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(raw(key.id))
            .bind(key.siret_cfa.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(key.environment.as_str())
            .bind(key.sealed.0.as_slice())
            .bind(key.expires_on.map(|day| day.to_string()))
            .bind(ms(key.created_at))
            .bind(key.referent.as_deref())
    );
    Ok(())
}

/// Says who answers for a key, and returns whether there is one.
pub async fn set_referent(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    referent: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update cfa_key set referent = $3, updated_at = $4
        where tenant_id = $1 and key_id = $2";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(referent)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Returns a key of this network.
pub async fn find(tx: &mut Tx, tenant: TenantId, id: KeyId) -> Result<Option<CfaKey>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from cfa_key where tenant_id = $1 and key_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(CfaKey::try_from).transpose()
}

/// Keeps what a trial of the key said, and its last day when the OPCO told it.
pub async fn set_probe_result(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    result: &str,
    expires_on: Option<Date>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update cfa_key set probed_at = $4, probe_result = $3,
            expires_on = coalesce($5, expires_on), updated_at = $4
        where tenant_id = $1 and key_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(result)
            .bind(ms(now))
            .bind(expires_on.map(|day| day.to_string()))
    );
    Ok(())
}

/// Keeps what a call said of its key, where that is news: refused, or taken after it was refused. Returns
/// whether it was. A refusal is no change of the key: what it holds up waits for one.
pub async fn told_by_call(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    taken: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const TAKEN: &str = "update cfa_key set probed_at = $4, probe_result = $3, updated_at = $4
        where tenant_id = $1 and key_id = $2 and probe_result = 'refused'";
    const DENIED: &str = "update cfa_key set probed_at = $4, probe_result = $3
        where tenant_id = $1 and key_id = $2 and coalesce(probe_result, '') <> $3";
    let (sql, word) = if taken {
        (TAKEN, ACCEPTED)
    } else {
        (DENIED, REFUSED)
    };
    let done = run!(
        tx,
        sqlx::query(sql)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(word)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Makes a staged or retiring key the one in use; the former one retires. Returns whether the key
/// is now the one in use.
pub async fn activate(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const RETIRE: &str = "update cfa_key set state = 'retiring', updated_at = $3
        where tenant_id = $1 and key_id <> $2 and state = 'active'
          and (siret_cfa, opco, instance, environment) = (
            select siret_cfa, opco, instance, environment from cfa_key
            where tenant_id = $1 and key_id = $2 and state <> 'revoked')";
    const ACTIVATE: &str = "update cfa_key set state = 'active', updated_at = $3
        where tenant_id = $1 and key_id = $2 and state <> 'revoked'";
    let mut done = 0;
    for sql in [RETIRE, ACTIVATE] {
        done = run!(
            tx,
            sqlx::query(sql)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(ms(now))
        );
    }
    Ok(done > 0)
}

/// Makes a key unusable, and returns whether there was one.
pub async fn revoke(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update cfa_key set state = 'revoked', updated_at = $3
        where tenant_id = $1 and key_id = $2 and state <> 'revoked'";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Returns every key in use for a site.
pub async fn active_of_site(
    tx: &mut Tx,
    tenant: TenantId,
    siret_cfa: &Siret,
) -> Result<Vec<CfaKey>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from cfa_key where tenant_id = $1 and siret_cfa = $2 and state = 'active'"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(siret_cfa.as_str())
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(CfaKey::try_from).collect()
}

/// Returns the key in use for a site at one system.
pub async fn find_active(
    tx: &mut Tx,
    tenant: TenantId,
    siret_cfa: &Siret,
    instance: Instance,
    environment: Environment,
) -> Result<Option<CfaKey>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from cfa_key where tenant_id = $1 and siret_cfa = $2 and opco = $3 and instance = $4
          and environment = $5 and state = 'active'"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(siret_cfa.as_str())
        .bind(instance.opco.slug())
        .bind(i64::from(instance.number))
        .bind(environment.as_str())
        .fetch_optional(conn)
        .await?);
    row.map(CfaKey::try_from).transpose()
}

/// Remembers that a key was used.
pub async fn used(
    tx: &mut Tx,
    tenant: TenantId,
    id: KeyId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update cfa_key set last_used_at = $3 where tenant_id = $1 and key_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(())
}

/// How seldom the use of a key is written down, in milliseconds.
const USED_EVERY_MS: i64 = 10 * 60 * 1_000;

/// Remembers that a site's list was read at a system: its key opened it. Not at every read.
pub async fn read_with(tx: &mut Tx, key: &ReadKey, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update cfa_key set last_used_at = $6
        where tenant_id = $1 and siret_cfa = $2 and opco = $3 and instance = $4
          and environment = $5 and state = 'active' and coalesce(last_used_at, 0) <= $7";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(key.siret_cfa.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(key.environment.as_str())
            .bind(ms(now))
            .bind(ms(now).saturating_sub(USED_EVERY_MS))
    );
    Ok(())
}

/// Lists the keys of a network by site, system and age.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<CfaKey>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from cfa_key where tenant_id = $1
        order by siret_cfa, opco, instance, environment, key_id"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(CfaKey::try_from).collect()
}
