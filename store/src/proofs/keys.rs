//! The keys that sign a network's log. The private half is sealed like any secret of the network; an
//! old key stays, to verify what it signed and to vouch for the one that follows.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::{KeyId, TenantId};
use domain::proof::{self, SignerKey, VerifierKey};
use domain::{Secret, Timestamp};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::ProofError;
use super::mark::Mark;
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Store, Tx, on, run};
use crate::sealing::{SealError, SealedSecret, TenantKey};

/// The word of the private key in associated data.
const PART: &str = "log-key";

/// A key as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// From 1; the last one signs.
    pub number: i64,
    /// Since when.
    pub created_at: Timestamp,
    /// What verifies.
    pub verifier: VerifierKey,
}

#[derive(sqlx::FromRow)]
pub(crate) struct KeyRow {
    pub(crate) number: i64,
    key_id: Uuid,
    public_key: Vec<u8>,
    sealed: Vec<u8>,
    created_at: i64,
}

impl KeyRow {
    /// Opens the private half. A row whose public half is not of it was changed and does not open.
    pub(crate) fn open(&self, keys: &TenantKey) -> Result<SignerKey, SealError> {
        let sealed = SealedSecret(self.sealed.clone());
        let seed = keys.open_secret(self.key_id.as_bytes(), PART, &sealed)?;
        let seed = Zeroizing::new(STANDARD.decode(seed.expose()).unwrap_or_default());
        let seed = seed.as_slice().try_into().map_err(|_| SealError::Opening)?;
        let signer = SignerKey::from_seed(&proof::origin(keys.tenant()), seed);
        let signer = signer.map_err(|_| SealError::Opening)?;
        if signer.verifier().public().as_slice() == self.public_key {
            Ok(signer)
        } else {
            Err(SealError::Opening)
        }
    }
}

/// Returns the keys that sign or signed a network's log, oldest first.
pub async fn keys(tx: &mut Tx, tenant: TenantId) -> Result<Vec<LogKey>, StoreError> {
    let key = |row: KeyRow| {
        let at = At {
            table: "proof_key",
            row: &row.key_id,
        };
        let public = row.public_key.as_slice().try_into();
        let public = public.map_err(|_| at.corrupt("public_key"))?;
        let verifier = VerifierKey::new(&proof::origin(tenant), public);
        Ok(LogKey {
            number: row.number,
            created_at: at.instant("created_at", row.created_at)?,
            verifier: verifier.map_err(|_| at.corrupt("public_key"))?,
        })
    };
    rows(tx, tenant).await?.into_iter().map(key).collect()
}

/// Makes another key, which signs from the next checkpoint on; that one is signed by both. Returns it,
/// or nothing when another made one at the same time.
pub async fn rotate(
    tx: &mut Tx,
    keys: &TenantKey,
    now: Timestamp,
) -> Result<Option<LogKey>, StoreError> {
    const SQL: &str = "insert into proof_key (tenant_id, number, key_id, public_key, sealed,
            created_at)
        values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, number) do nothing";
    let tenant = keys.tenant();
    let number = rows(tx, tenant)
        .await?
        .last()
        .map_or(1, |row| row.number + 1);
    let mut seed = Zeroizing::new([0; 32]);
    rand::fill(seed.as_mut_slice()).map_err(|_| SealError::Randomness)?;
    let signer = SignerKey::from_seed(&proof::origin(tenant), &seed);
    let verifier = signer.map_err(|_| SealError::Key)?.verifier();
    let id = KeyId::new(now);
    let secret = Zeroizing::new(STANDARD.encode(seed.as_slice()));
    let sealed = keys.seal_secret(id.as_bytes(), PART, &Secret::new(secret.as_str()))?;
    let made = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(number)
            .bind(raw(id))
            .bind(verifier.public().as_slice())
            .bind(&sealed.0)
            .bind(ms(now))
    );
    if number == 1 {
        Mark::begin(tx, keys).await?;
    }
    Ok((made > 0).then_some(LogKey {
        number,
        created_at: now,
        verifier,
    }))
}

pub(super) async fn rows(tx: &mut Tx, tenant: TenantId) -> Result<Vec<KeyRow>, StoreError> {
    const SQL: &str = "select number, key_id, public_key, sealed, created_at from proof_key
        where tenant_id = $1 order by number";
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?))
}

impl Store {
    /// Returns the keys of a network's log, oldest first; makes the first one where there is none, so
    /// that it can be published before anything happened.
    pub async fn published_keys(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Vec<LogKey>, ProofError> {
        self.log_keys(tenant, now).await?;
        let mut tx = self.reading().await?;
        Ok(keys(&mut tx, tenant).await?)
    }

    pub(super) async fn log_keys(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Vec<KeyRow>, ProofError> {
        let mut tx = self.reading().await?;
        let found = rows(&mut tx, tenant).await?;
        drop(tx);
        if !found.is_empty() {
            return Ok(found);
        }
        let keys = self.keys(tenant).await?;
        let mut tx = self.writing().await?;
        rotate(&mut tx, &keys, now).await?;
        tx.commit().await?;
        let mut tx = self.reading().await?;
        Ok(rows(&mut tx, tenant).await?)
    }
}
