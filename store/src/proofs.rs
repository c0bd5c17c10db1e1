//! The proof of a network's log: its tree, grown behind the events, and the checkpoints signed over it.
//!
//! Nothing here is in the path of a payload. What is committed to the log is read after the fact, in
//! the order of its positions; leaf and position are one (leaf 0 is position 1). Tree, size and
//! checkpoint are written in one transaction, which moves the size only from what was read: of two
//! that grow the same log at once, one writes and the other has lost nothing but its work.

mod anchors;
mod audit;
mod evidence;
mod finding;
mod keys;
mod mark;
mod parties;
mod vouched;

use domain::Timestamp;
use domain::id::TenantId;
use domain::proof::{self, Checkpoint, Growth, Hash, Note, SignerKey, TileId, Tiles};
use uuid::Uuid;

pub use self::audit::Audited;
pub use self::evidence::Shown;
pub use self::finding::{Finding, Place};
pub use self::keys::{LogKey, keys, rotate};
pub use self::parties::{
    Due, Party, Standing, Submission, conflict, due, keep_cosignature, keep_timestamp, looked_at,
    put_off, standings, waits_since,
};
pub use self::vouched::Vouched;

use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::events;
use crate::pool::{Store, Tx, on, run};
use crate::proofs::keys::KeyRow;
use crate::proofs::mark::Mark;
use crate::sealing::SealError;

/// The most events one step adds to a tree.
pub const MAX_STEP: u32 = 4_096;

/// Why a log could not be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept does not hold together: somebody changed it. Nothing is signed over it.
    #[error("the log of network {network} does not hold: {said}")]
    Broken {
        /// Whose.
        network: TenantId,
        /// What was met.
        said: &'static str,
    },
}

impl From<SealError> for ProofError {
    fn from(error: SealError) -> Self {
        Self::Store(error.into())
    }
}

/// A log that has events its tree has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Whose.
    pub tenant: TenantId,
    /// How many events it has.
    pub events: i64,
    /// How many are in the tree.
    pub sealed: i64,
}

/// What came of growing a log's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grown {
    /// Nothing was new.
    Nothing,
    /// So many events were added, and a checkpoint was signed over all.
    By(u64),
    /// Another was quicker.
    Overtaken,
}

/// A checkpoint as it is kept.
pub(crate) struct Kept {
    pub(crate) note: Note,
    pub(crate) said: Checkpoint,
}

/// Returns the logs that have something new.
pub async fn behind(tx: &mut Tx) -> Result<Vec<Behind>, StoreError> {
    const SQL: &str = "select h.tenant_id, h.position, coalesce(p.size, 0)
        from event_head h left join proof_head p on p.tenant_id = h.tenant_id
        where h.position > coalesce(p.size, 0) order by h.tenant_id";
    let rows: Vec<(Uuid, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await?);
    let behind = |(tenant, events, sealed): (Uuid, i64, i64)| Behind {
        tenant: tenant.into(),
        events,
        sealed,
    };
    Ok(rows.into_iter().map(behind).collect())
}

/// Returns whose logs there are: the networks' that have one, and the platform's own.
pub async fn logs(tx: &mut Tx) -> Result<Vec<TenantId>, StoreError> {
    const SQL: &str = "select tenant_id from event_head union select tenant_id from proof_head
        order by tenant_id";
    let ids: Vec<Uuid> = on!(tx, |conn| sqlx::query_scalar(SQL).fetch_all(conn).await?);
    Ok(ids.into_iter().map(TenantId::from).collect())
}

/// Returns how many events of a network are in its tree.
pub async fn size(tx: &mut Tx, tenant: TenantId) -> Result<i64, StoreError> {
    const SQL: &str = "select size from proof_head where tenant_id = $1";
    let size: Option<i64> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .fetch_optional(conn)
        .await?);
    Ok(size.unwrap_or_default())
}

/// Returns the note of a network's last checkpoint.
pub async fn last_checkpoint(tx: &mut Tx, tenant: TenantId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "select note from proof_checkpoint where tenant_id = $1
        order by size desc limit 1";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .fetch_optional(conn)
        .await?))
}

impl Store {
    /// Takes or renews the right to grow a network's tree until `until`; returns whether `holder` has
    /// it now.
    pub async fn lease_log(
        &self,
        tenant: TenantId,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "insert into proof_head (tenant_id, size, lease_owner, lease_until)
            values ($1, 0, $2, $3)
            on conflict (tenant_id) do update set lease_owner = excluded.lease_owner,
                lease_until = excluded.lease_until
            where proof_head.lease_owner is null or proof_head.lease_owner = excluded.lease_owner
                or proof_head.lease_until <= $4";
        let mut tx = self.writing().await?;
        let done = run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(holder)
                .bind(ms(until))
                .bind(ms(now))
        );
        tx.commit().await?;
        Ok(done > 0)
    }

    /// Adds what is new to the tree of a network's log, at most `most` events, and signs a checkpoint
    /// over all of it. Makes the network's first key where there is none.
    ///
    /// # Errors
    /// [`ProofError::Broken`] when the last checkpoint is not of the tree it goes on from, that tree not the
    /// one that was signed last, or the log has a gap: whoever changed them gets no new signature over it.
    pub async fn grow_log(
        &self,
        tenant: TenantId,
        now: Timestamp,
        most: u32,
    ) -> Result<Grown, ProofError> {
        let broken = |said| ProofError::Broken {
            network: tenant,
            said,
        };
        let mut tx = self.reading().await?;
        let size = size(&mut tx, tenant).await?;
        let rows = events::rows_after(&mut tx, tenant, size, most.clamp(1, MAX_STEP)).await?;
        if rows.is_empty() {
            return Ok(Grown::Nothing);
        }
        let (mut growth, before) = grown_so_far(&mut tx, tenant, size).await?;
        drop(tx);
        let signers = self.log_keys(tenant, now).await?;
        let keys = self.keys(tenant).await?;
        let mut tx = self.reading().await?;
        let mark = Mark::kept(&mut tx, &keys).await?;
        if mark != Some(Mark::of(&growth)) {
            // What another has just signed is no rewriting.
            if self::size(&mut tx, tenant).await? != size {
                return Ok(Grown::Overtaken);
            }
            return Err(broken("it is not the one that was signed last"));
        }
        drop(tx);
        for row in rows {
            let entry = row.entry(tenant)?;
            if entry.position != growth.size() + 1 {
                return Err(broken("an event is missing"));
            }
            growth.push(entry.hash());
        }
        let added = growth.size() - u64::try_from(size).unwrap_or_default();
        let signed = self
            .sign(tenant, &growth, before.as_ref(), &signers, now)
            .await?;
        let mut tx = self.writing().await?;
        if !advance(&mut tx, tenant, size, growth.size()).await? {
            return Ok(Grown::Overtaken);
        }
        Mark::of(&growth).keep(&mut tx, &keys).await?;
        keep(&mut tx, tenant, &mut growth, &signed).await?;
        tx.commit().await?;
        Ok(Grown::By(added))
    }

    /// Signs a checkpoint with the key in force and, where another signed the one before, with that
    /// one too. Returns it with the number of the key that takes over, if one does.
    async fn sign(
        &self,
        tenant: TenantId,
        growth: &Growth,
        before: Option<&Kept>,
        keys: &[KeyRow],
        now: Timestamp,
    ) -> Result<(Note, Option<i64>), ProofError> {
        let broken = |said| ProofError::Broken {
            network: tenant,
            said,
        };
        let sealed = self.keys(tenant).await?;
        let current = keys.last().ok_or_else(|| broken("no key signs it"))?;
        let signer = current.open(&sealed)?;
        let old: Option<(&KeyRow, SignerKey)> = match before {
            Some(before) if !before.note.is_signed_by(&signer.verifier()) => {
                let earlier = keys.iter().rev().find_map(|row| {
                    let key = row.open(&sealed).ok()?;
                    before
                        .note
                        .is_signed_by(&key.verifier())
                        .then_some((row, key))
                });
                Some(earlier.ok_or_else(|| broken("its last checkpoint has no good signature"))?)
            }
            _ => None,
        };
        let checkpoint = Checkpoint {
            origin: proof::origin(tenant),
            size: growth.size(),
            root: growth.root(),
            previous: before.map_or(0, |before| before.said.size),
            date: now,
            next_key: old.as_ref().map(|_| signer.verifier()),
        };
        let text = checkpoint.to_string();
        Ok(match &old {
            Some((_, old)) => (Note::sign(text, &[old, &signer]), Some(current.number)),
            None => (Note::sign(text, &[&signer]), None),
        })
    }
}

/// Reads the edge of a tree and its last checkpoint, and holds the one against the other.
async fn grown_so_far(
    tx: &mut Tx,
    tenant: TenantId,
    size: i64,
) -> Result<(Growth, Option<Kept>), ProofError> {
    let broken = |said| ProofError::Broken {
        network: tenant,
        said,
    };
    let leaves = u64::try_from(size).map_err(|_| broken("its size is none"))?;
    let tiles = tiles(tx, tenant, TileId::edge(leaves)).await?;
    let growth = Growth::new(leaves, &tiles).ok_or_else(|| broken("a tile is missing"))?;
    let before = match checkpoint_at(tx, tenant, size).await? {
        Some(note) => Some(read(&note).ok_or_else(|| broken("its last checkpoint is none"))?),
        None if size == 0 => None,
        None => return Err(broken("its last checkpoint is missing")),
    };
    let agrees = before.as_ref().is_none_or(|before| {
        before.said.origin == proof::origin(tenant)
            && (before.said.size, before.said.root) == (growth.size(), growth.root())
    });
    if agrees {
        Ok((growth, before))
    } else {
        Err(broken("its tree is not the one that was signed"))
    }
}

/// Reads a checkpoint; nothing when it is none.
pub(crate) fn read(note: &str) -> Option<Kept> {
    let note: Note = note.parse().ok()?;
    let said = note.text.parse().ok()?;
    Some(Kept { note, said })
}

async fn checkpoint_at(
    tx: &mut Tx,
    tenant: TenantId,
    size: i64,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "select note from proof_checkpoint where tenant_id = $1 and size = $2";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(size)
        .fetch_optional(conn)
        .await?))
}

/// Reads tiles. One that is missing is not there; one that is no row of hashes is empty.
async fn tiles(
    tx: &mut Tx,
    tenant: TenantId,
    ids: impl IntoIterator<Item = TileId>,
) -> Result<Tiles, StoreError> {
    let mut tiles = Tiles::default();
    for id in ids {
        if let Some(hashes) = tile(tx, tenant, id).await? {
            tiles.put(id, hashes);
        }
    }
    Ok(tiles)
}

async fn tile(tx: &mut Tx, tenant: TenantId, id: TileId) -> Result<Option<Vec<Hash>>, StoreError> {
    const SQL: &str = "select hashes from proof_tile
        where tenant_id = $1 and level = $2 and tile = $3";
    let found: Option<Vec<u8>> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(i64::from(id.level))
        .bind(i64::try_from(id.index).unwrap_or(i64::MAX))
        .fetch_optional(conn)
        .await?);
    let hashes = |bytes: Vec<u8>| {
        bytes
            .chunks(32)
            .map(Hash::from_slice)
            .collect::<Option<_>>()
    };
    Ok(found.map(|bytes| hashes(bytes).unwrap_or_default()))
}

/// Moves the size of a tree from what was read; nothing moves when another did so before.
async fn advance(tx: &mut Tx, tenant: TenantId, from: i64, to: u64) -> Result<bool, StoreError> {
    const FIRST: &str = "insert into proof_head (tenant_id, size, lease_until) values ($1, 0, 0)
        on conflict (tenant_id) do nothing";
    const MOVE: &str = "update proof_head set size = $3 where tenant_id = $1 and size = $2";
    let tenant = raw(tenant);
    run!(tx, sqlx::query(FIRST).bind(tenant));
    let to = i64::try_from(to).unwrap_or(i64::MAX);
    let moved = run!(tx, sqlx::query(MOVE).bind(tenant).bind(from).bind(to));
    Ok(moved > 0)
}

/// Writes the tiles that changed, and the checkpoint.
async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    growth: &mut Growth,
    (note, next_key): &(Note, Option<i64>),
) -> Result<(), StoreError> {
    const TILE: &str = "insert into proof_tile (tenant_id, level, tile, hashes)
        values ($1, $2, $3, $4)
        on conflict (tenant_id, level, tile) do update set hashes = excluded.hashes";
    const NOTE: &str = "insert into proof_checkpoint (tenant_id, size, note, next_key)
        values ($1, $2, $3, $4)";
    let tenant = raw(tenant);
    let full = growth.take_full();
    let full = full.iter().map(|(id, hashes)| (*id, hashes.as_slice()));
    for (id, hashes) in full.chain(growth.edge()) {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let place = i64::try_from(id.index).unwrap_or(i64::MAX);
        run!(
            tx,
            sqlx::query(TILE)
                .bind(tenant)
                .bind(i64::from(id.level))
                .bind(place)
                .bind(&bytes)
        );
    }
    let size = i64::try_from(growth.size()).unwrap_or(i64::MAX);
    let text = note.to_string();
    run!(
        tx,
        sqlx::query(NOTE)
            .bind(tenant)
            .bind(size)
            .bind(&text)
            .bind(*next_key)
    );
    Ok(())
}
