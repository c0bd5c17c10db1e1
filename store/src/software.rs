//! Software credentials: how the gateway itself signs in at one system of an OPCO. A network may
//! have its own; the platform's serve the others.

use domain::id::{KeyId, TenantId};
use domain::{Environment, Instance, Opco, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::sealing::SealedSecret;

/// The word of OAuth secrets in associated data.
pub const SECRET_PART: &str = "oauth-secret";
/// The word of `DPoP` keys in associated data.
pub const DPOP_PART: &str = "dpop-key";

/// A software credential, its secrets sealed under `tenant`'s key and `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftwareCredential {
    /// Whose: a network, or [`TenantId::PLATFORM`].
    pub tenant: TenantId,
    /// Its name.
    pub id: KeyId,
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// The public half.
    pub client_id: String,
    /// The OAuth secret.
    pub sealed_secret: Option<SealedSecret>,
    /// The private key that proves possession (`DPoP`), in PEM.
    pub sealed_dpop_key: Option<SealedSecret>,
    /// Since when.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    key_id: Uuid,
    opco: String,
    instance: i64,
    environment: String,
    client_id: String,
    sealed_secret: Option<Vec<u8>>,
    sealed_dpop_key: Option<Vec<u8>>,
    created_at: i64,
}

impl TryFrom<Row> for SoftwareCredential {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "software_credential",
            row: &row.key_id,
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.key_id.into(),
            instance: Instance {
                opco,
                number: at.number("instance", row.instance)?,
            },
            environment: at.word("environment", &row.environment)?,
            client_id: row.client_id,
            sealed_secret: row.sealed_secret.map(SealedSecret),
            sealed_dpop_key: row.sealed_dpop_key.map(SealedSecret),
            created_at: at.instant("created_at", row.created_at)?,
        })
    }
}

macro_rules! columns {
    () => {
        "tenant_id, key_id, opco, instance, environment, client_id, sealed_secret,
         sealed_dpop_key, created_at"
    };
}

/// Keeps a credential; the one there was for the same system and world is replaced.
pub async fn put(tx: &mut Tx, credential: &SoftwareCredential) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into software_credential (",
        columns!(),
        ", updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        on conflict (tenant_id, opco, instance, environment) do update set
            key_id = excluded.key_id, client_id = excluded.client_id,
            sealed_secret = excluded.sealed_secret, sealed_dpop_key = excluded.sealed_dpop_key,
            updated_at = excluded.updated_at"
    );
    let clear = |sealed: &Option<SealedSecret>| sealed.as_ref().map(|sealed| sealed.0.clone());
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(credential.tenant))
            .bind(raw(credential.id))
            .bind(credential.instance.opco.slug())
            .bind(i64::from(credential.instance.number))
            .bind(credential.environment.as_str())
            .bind(&credential.client_id)
            .bind(clear(&credential.sealed_secret))
            .bind(clear(&credential.sealed_dpop_key))
            .bind(ms(credential.created_at))
    );
    Ok(())
}

/// Returns the credential for a system: the network's own, else the platform's.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    instance: Instance,
    environment: Environment,
) -> Result<Option<SoftwareCredential>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from software_credential
        where tenant_id in ($1, $2) and opco = $3 and instance = $4 and environment = $5
        order by case when tenant_id = $1 then 0 else 1 end limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(TenantId::PLATFORM))
        .bind(instance.opco.slug())
        .bind(i64::from(instance.number))
        .bind(environment.as_str())
        .fetch_optional(conn)
        .await?);
    row.map(SoftwareCredential::try_from).transpose()
}

/// Lists the credentials of a network, or of the platform.
pub async fn list(tx: &mut Tx, tenant: TenantId) -> Result<Vec<SoftwareCredential>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from software_credential where tenant_id = $1 order by opco, instance, environment"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(SoftwareCredential::try_from).collect()
}
