//! The row of a file: written with its delivery's acceptance, and what opens the file.

use domain::id::{DeliveryId, FileId, TenantId};
use domain::{FileKind, Timestamp};
use uuid::Uuid;

use super::{FileFacts, Received};
use crate::accept::NewDelivery;
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::sealing::{Fingerprint, SealError, TenantKey};

/// The most files of one delivery.
const MAX_FILES: i64 = 100;

/// The row of a file that goes with a new delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its name.
    pub id: FileId,
    /// Which part of the payload it is, by the norm's word.
    pub part: &'static str,
    /// What it is, by its content.
    pub kind: FileKind,
    /// How many clear bytes.
    pub bytes: u64,
    /// The keyed fingerprint of its content.
    pub fingerprint: Fingerprint,
    /// Its key and its facts, wrapped by the network's key.
    pub sealed: Vec<u8>,
}

/// A file that goes with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: FileId,
    /// The delivery it goes with.
    pub delivery: DeliveryId,
    /// Which part of the payload it is, by the norm's word.
    pub part: String,
    /// What it is, by its content.
    pub kind: FileKind,
    /// How many clear bytes.
    pub bytes: u64,
    /// The keyed fingerprint of its content; absent once shredded.
    pub fingerprint: Option<Fingerprint>,
    /// Its key and its facts, wrapped by the network's key; absent once shredded.
    pub sealed: Option<Vec<u8>>,
    /// When its delivery was accepted.
    pub created_at: Timestamp,
}

impl Received {
    /// Returns the row that names it as a part of a payload.
    pub fn row(&self, part: &'static str) -> NewFile {
        NewFile {
            id: self.id,
            part,
            kind: self.kind,
            bytes: self.bytes,
            fingerprint: self.fingerprint,
            sealed: self.sealed.clone(),
        }
    }
}

impl StoredFile {
    /// Opens what is sealed beside the file: its hash and its name.
    pub fn facts(&self, keys: &TenantKey) -> Result<FileFacts, SealError> {
        let sealed = self.sealed.as_deref().ok_or(SealError::Shredded)?;
        keys.unwrap_file(self.id, sealed).map(|(_, facts)| facts)
    }
}

/// Writes the rows of a delivery that was just stored.
pub(crate) async fn insert(tx: &mut Tx, new: &NewDelivery) -> Result<(), StoreError> {
    const SQL: &str = "insert into file (tenant_id, file_id, delivery_id, part, kind, bytes,
            fingerprint, sealed, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    for file in &new.files {
        let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(new.tenant))
                .bind(raw(file.id))
                .bind(raw(new.id))
                .bind(file.part)
                .bind(file.kind.as_str())
                .bind(bytes)
                .bind(file.fingerprint.0.as_slice())
                .bind(file.sealed.as_slice())
                .bind(ms(new.created_at))
        );
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    file_id: Uuid,
    part: String,
    kind: String,
    bytes: i64,
    fingerprint: Option<Vec<u8>>,
    sealed: Option<Vec<u8>>,
    created_at: i64,
}

/// Returns the files of a delivery, oldest first.
pub async fn of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<StoredFile>, StoreError> {
    const SQL: &str = "select file_id, part, kind, bytes, fingerprint, sealed, created_at from file
        where tenant_id is not distinct from $1 and delivery_id = $2 order by file_id limit $3";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .bind(MAX_FILES)
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|row| {
            let id = FileId::from(row.file_id);
            let at = At {
                table: "file",
                row: &id,
            };
            let fingerprint = row.fingerprint.as_deref();
            Ok(StoredFile {
                tenant,
                id,
                delivery,
                kind: at.word("kind", &row.kind)?,
                bytes: at.number("bytes", row.bytes)?,
                fingerprint: fingerprint
                    .map(|bytes| at.fingerprint("fingerprint", bytes))
                    .transpose()?,
                created_at: at.instant("created_at", row.created_at)?,
                part: row.part,
                sealed: row.sealed,
            })
        })
        .collect()
}

/// Counts the files of every network that can still be opened, and their bytes.
pub async fn in_custody(tx: &mut Tx) -> Result<(u64, u64), StoreError> {
    const SQL: &str = "select count(*), cast(coalesce(sum(bytes), 0) as bigint) from file
        where sealed is not null";
    let (count, bytes): (i64, i64) = on!(tx, |conn| sqlx::query_as(SQL).fetch_one(conn).await?);
    let at = At {
        table: "file",
        row: &"count",
    };
    Ok((at.number("count", count)?, at.number("bytes", bytes)?))
}

/// Returns files whose keys were destroyed, oldest first.
pub(super) async fn shredded(
    tx: &mut Tx,
    limit: i64,
) -> Result<Vec<(TenantId, FileId)>, StoreError> {
    const SQL: &str = "select tenant_id, file_id from file where sealed is null
        order by file_id limit $1";
    let rows: Vec<(Uuid, Uuid)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(limit)
        .fetch_all(conn)
        .await?);
    Ok(rows
        .into_iter()
        .map(|(tenant, file)| (tenant.into(), file.into()))
        .collect())
}

/// Forgets a file that is removed from the storage.
pub(super) async fn forget(tx: &mut Tx, tenant: TenantId, id: FileId) -> Result<(), StoreError> {
    const SQL: &str = "delete from file
        where tenant_id = $1 and file_id = $2 and sealed is null";
    run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(raw(id)));
    Ok(())
}

/// Returns whether a network of this database has no row for a file. A network it does not know is
/// another gateway's.
pub(super) async fn is_orphan(
    tx: &mut Tx,
    tenant: TenantId,
    id: FileId,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from tenant_key k
        where k.tenant_id = $1 and not exists (
            select 1 from file f where f.tenant_id = $1 and f.file_id = $2)";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}
