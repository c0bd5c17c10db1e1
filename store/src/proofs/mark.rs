//! How far a network's log was signed, sealed under the network's key and written with each checkpoint. Who
//! takes tree, size and checkpoints away can make them anew over other events, and the gateway would sign
//! them; this he cannot make without the master key.

use domain::Secret;
use domain::proof::{Growth, Hash, Tiles};
use uuid::Uuid;

use crate::column::raw;
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::sealing::{SealError, SealedSecret, TenantKey};

/// The word of the mark in associated data.
const PART: &str = "log-mark";

/// Where a log stood when it was last signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) size: u64,
    pub(super) root: Hash,
}

impl Mark {
    /// Returns the mark of a tree.
    pub(super) fn of(growth: &Growth) -> Self {
        Self {
            size: growth.size(),
            root: growth.root(),
        }
    }

    fn text(self) -> Secret {
        Secret::new(format!("{} {}", self.size, self.root))
    }

    fn parse(text: &str) -> Option<Self> {
        let (size, root) = text.split_once(' ')?;
        Some(Self {
            size: size.parse().ok()?,
            root: root.parse().ok()?,
        })
    }

    /// Returns the mark of a network's log; nothing when it has none, or one that does not open.
    pub(super) async fn kept(tx: &mut Tx, keys: &TenantKey) -> Result<Option<Self>, StoreError> {
        const SQL: &str = "select sealed from proof_mark where tenant_id = $1";
        let tenant = raw(keys.tenant());
        let sealed: Option<Vec<u8>> = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(tenant)
            .fetch_optional(conn)
            .await?);
        let open = |sealed: Vec<u8>| {
            let opened = keys.open_secret(tenant.as_bytes(), PART, &SealedSecret(sealed));
            Self::parse(opened.ok()?.expose())
        };
        Ok(sealed.and_then(open))
    }

    /// Writes it in the place of the one before.
    pub(super) async fn keep(self, tx: &mut Tx, keys: &TenantKey) -> Result<(), StoreError> {
        const SQL: &str = "insert into proof_mark (tenant_id, sealed) values ($1, $2)
            on conflict (tenant_id) do update set sealed = excluded.sealed";
        let tenant = raw(keys.tenant());
        let sealed = self.seal(keys, tenant)?;
        run!(tx, sqlx::query(SQL).bind(tenant).bind(&sealed.0));
        Ok(())
    }

    /// Writes it where a log has none yet: with its first key.
    pub(super) async fn begin(tx: &mut Tx, keys: &TenantKey) -> Result<(), StoreError> {
        const SQL: &str = "insert into proof_mark (tenant_id, sealed) values ($1, $2)
            on conflict (tenant_id) do nothing";
        let Some(empty) = Growth::new(0, &Tiles::default()) else {
            return Ok(());
        };
        let tenant = raw(keys.tenant());
        let sealed = Self::of(&empty).seal(keys, tenant)?;
        run!(tx, sqlx::query(SQL).bind(tenant).bind(&sealed.0));
        Ok(())
    }

    fn seal(self, keys: &TenantKey, tenant: Uuid) -> Result<SealedSecret, SealError> {
        keys.seal_secret(tenant.as_bytes(), PART, &self.text())
    }
}
