//! The audit of a network's log as it lies in the database: every row read again, every hash computed
//! again, every signature verified. What was changed by hand is found, and where.
//!
//! Three things are held against each other: the events, the leaves in the tiles, and the roots that
//! were signed. Where the root of a checkpoint follows from the events, a tile that differs was
//! changed; where it follows from the tiles, an event that differs was. Who changes all three needs
//! the signing key, which lies sealed; who cuts off the end of all three is found by a checkpoint
//! that was kept elsewhere.

use std::collections::{BTreeSet, VecDeque};

use domain::id::TenantId;
use domain::proof::{self, Checkpoint, Growth, Hash, Note, Span, TileId, Tiles, VerifierKey};

use super::finding::{Finding, Place};
use super::mark::Mark;
use super::{Kept, ProofError, checkpoint_at, keys, read, size, tile, tiles};
use crate::column::raw;
use crate::error::StoreError;
use crate::events::{self, EventRow};
use crate::pool::{Engine, Store, Tx, on};

/// Rows read at once.
const PAGE: u32 = 2_048;
/// Checkpoints read at once.
const NOTES: i64 = 256;
/// The most findings of one log: a log that is changed all over is told by these.
const FINDINGS_MAX: usize = 1_000;

/// What an audit of one log went over, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audited {
    /// Events held against the tree.
    pub events: u64,
    /// Events that are not in the tree yet: nothing can be said of them.
    pub unsealed: u64,
    /// Checkpoints verified.
    pub checkpoints: u64,
    /// What was changed by hand.
    pub findings: Vec<Finding>,
}

/// An audit under way.
struct Audit<'a> {
    tx: &'a mut Tx,
    tenant: TenantId,
    /// The tree as far as it is known to be the one that was signed.
    growth: Growth,
    /// The next rows of the log.
    rows: VecDeque<EventRow>,
    /// The last place read from the store.
    read_to: i64,
    /// Places whose row is none of ours any more.
    unreadable: BTreeSet<i64>,
    /// The tile of leaves told of last: one finding is enough for each.
    told_of: Option<TileId>,
    /// Whether the roots that were signed follow from nothing that is there any more.
    lost: bool,
    done: Audited,
}

/// What follows for the events up to a checkpoint.
struct Leaves {
    of_rows: Vec<Option<Hash>>,
    of_tiles: Vec<Option<Hash>>,
}

impl Store {
    /// Audits the log of a network. `known` are checkpoints of it that were kept elsewhere.
    pub async fn audit_log(
        &self,
        tenant: TenantId,
        known: &[Checkpoint],
    ) -> Result<Audited, ProofError> {
        let mut tx = self.reading().await?;
        one_picture(&mut tx).await?;
        let (mut verifiers, mut altered) = (Vec::new(), Vec::new());
        let sealed = self.keys(tenant).await?;
        let rows = keys::rows(&mut tx, tenant).await?;
        let mark = if rows.is_empty() {
            // Nothing was ever signed.
            None
        } else {
            Some(Mark::kept(&mut tx, &sealed).await?)
        };
        for row in rows {
            match row.open(&sealed) {
                Ok(key) => verifiers.push(key.verifier()),
                Err(_) => altered.push(Place::KeyAltered(row.number)),
            }
        }
        let mut audit = Audit {
            tx: &mut tx,
            tenant,
            growth: Growth::new(0, &Tiles::default()).ok_or(ProofError::Broken {
                network: tenant,
                said: "nothing",
            })?,
            rows: VecDeque::new(),
            read_to: 0,
            unreadable: BTreeSet::new(),
            told_of: None,
            lost: false,
            done: Audited::default(),
        };
        for place in altered {
            audit.found(place);
        }
        let last = audit.checkpoints(&verifiers).await?;
        if let Some(mark) = mark {
            audit.marked(mark, last.as_ref());
        }
        audit.edge().await?;
        audit.rest().await?;
        for checkpoint in known {
            audit.known(checkpoint).await?;
        }
        Ok(audit.done)
    }
}

impl Audit<'_> {
    fn found(&mut self, place: Place) {
        let tenant = self.tenant;
        if let (
            Some(Finding {
                place: Place::EventsMissing { last, .. },
                ..
            }),
            Place::EventsMissing { first, last: to },
        ) = (self.done.findings.last_mut(), place)
            && *last + 1 == first
        {
            *last = to;
        } else if self.done.findings.len() < FINDINGS_MAX {
            self.done.findings.push(Finding { tenant, place });
        }
    }

    /// Holds the last checkpoint against the mark of how far the log was signed.
    fn marked(&mut self, mark: Option<Mark>, last: Option<&Kept>) {
        let signed = last.map_or(0, |last| last.said.size);
        // Of an empty tree, the size says all.
        let holds = mark.is_some_and(|mark| {
            mark.size == signed && last.is_none_or(|last| last.said.root == mark.root)
        });
        if !holds {
            self.found(Place::Mark {
                said: mark.map(|mark| mark.size),
                signed: i64::try_from(signed).unwrap_or(i64::MAX),
            });
        }
    }

    /// Walks from checkpoint to checkpoint. Returns the last that is good.
    async fn checkpoints(&mut self, keys: &[VerifierKey]) -> Result<Option<Kept>, ProofError> {
        let (mut at, mut before): (i64, Option<Kept>) = (0, None);
        loop {
            let page = notes(self.tx, self.tenant, at).await?;
            let Some((last, _)) = page.last() else { break };
            at = *last;
            for (size, note) in page {
                if let Some(kept) = self.signed(size, &note, before.as_ref(), keys) {
                    self.up_to(&kept.said).await?;
                    self.done.checkpoints += 1;
                    before = Some(kept);
                }
            }
        }
        let said = size(self.tx, self.tenant).await?;
        if said != at {
            self.found(Place::Size { said, signed: at });
        }
        Ok(before)
    }

    /// Returns a checkpoint that a key of this log signed; tells what is wrong with any other.
    fn signed(
        &mut self,
        size: i64,
        note: &str,
        before: Option<&Kept>,
        keys: &[VerifierKey],
    ) -> Option<Kept> {
        let read = read(note).filter(|kept| {
            kept.said.origin == proof::origin(self.tenant)
                && i64::try_from(kept.said.size) == Ok(size)
                && kept.note.to_string() == note
        });
        let Some(kept) = read else {
            self.found(Place::CheckpointAltered(size));
            return None;
        };
        if !keys.iter().any(|key| kept.note.is_signed_by(key)) {
            self.found(Place::CheckpointForged(size));
            return None;
        }
        if kept.said.previous != before.map_or(0, |before| before.said.size) {
            self.found(Place::CheckpointGap(size));
        }
        // Whoever signs now signed the one before, or was handed over to.
        let same = |note: &Note| {
            keys.iter()
                .any(|key| note.is_signed_by(key) && kept.note.is_signed_by(key))
        };
        if before.is_some_and(|before| !same(&before.note)) {
            self.found(Place::CheckpointKey(size));
        }
        Some(kept)
    }

    /// Holds the events up to a checkpoint against the tiles and against its root.
    async fn up_to(&mut self, said: &Checkpoint) -> Result<(), ProofError> {
        let leaves = self.leaves(said.size).await?;
        let grown = |hashes: &[Option<Hash>]| {
            let mut growth = self.growth.clone();
            for hash in hashes {
                growth.push((*hash)?);
            }
            (growth.root() == said.root).then_some(growth)
        };
        let (of_rows, of_tiles) = (grown(&leaves.of_rows), grown(&leaves.of_tiles));
        let holds = (of_rows.is_some(), of_tiles.is_some());
        let first = self.growth.size();
        match of_rows.or(of_tiles) {
            Some(growth) => self.growth = growth,
            None => self.fork(&leaves, first, said.size),
        }
        for (leaf, (row, tile)) in (first..).zip(leaves.of_rows.iter().zip(&leaves.of_tiles)) {
            self.differ((leaf, *row, *tile), holds);
        }
        self.done.events += u64::try_from(leaves.of_rows.len()).unwrap_or_default();
        self.full_tiles().await
    }

    /// Goes on where nothing gives the root that was signed: what follows is compared, not verified.
    fn fork(&mut self, leaves: &Leaves, first: u64, last: u64) {
        if !self.lost {
            let (first, last) = (place(first), place(last).saturating_sub(1));
            self.found(Place::Fork { first, last });
        }
        self.lost = true;
        for (row, tile) in leaves.of_rows.iter().zip(&leaves.of_tiles) {
            self.growth
                .push(row.or(*tile).unwrap_or_else(Hash::of_nothing));
        }
    }

    /// Tells where an event and its leaf differ, and which of them was changed.
    fn differ(
        &mut self,
        (leaf, row, tile): (u64, Option<Hash>, Option<Hash>),
        (rows_hold, tiles_hold): (bool, bool),
    ) {
        let position = place(leaf);
        if row.is_none() {
            self.found(Place::EventsMissing {
                first: position,
                last: position,
            });
        } else if row != tile && tiles_hold {
            self.found(Place::EventAltered(position));
        }
        let id = TileId::of_leaf(leaf);
        if row != tile && rows_hold && self.told_of != Some(id) {
            self.told_of = Some(id);
            self.found(match tile {
                Some(_) => Place::TileAltered(id),
                None => Place::TileMissing(id),
            });
        }
    }

    /// Reads what the rows and the tiles say of the leaves from here to a size.
    async fn leaves(&mut self, size: u64) -> Result<Leaves, ProofError> {
        let mut leaves = Leaves {
            of_rows: Vec::new(),
            of_tiles: Vec::new(),
        };
        let mut tile_at: Option<(TileId, Vec<Hash>)> = None;
        for leaf in self.growth.size()..size {
            leaves.of_rows.push(self.row(place(leaf)).await?);
            let id = TileId::of_leaf(leaf);
            if tile_at.as_ref().is_none_or(|(at, _)| *at != id) {
                let hashes = tile(self.tx, self.tenant, id).await?;
                tile_at = Some((id, hashes.unwrap_or_default()));
            }
            let within = usize::try_from(leaf).unwrap_or_default() % proof::TILE;
            let hash = tile_at.as_ref().and_then(|(_, hashes)| hashes.get(within));
            leaves.of_tiles.push(hash.copied());
        }
        Ok(leaves)
    }

    /// Returns the leaf of the event at a place, if there is one.
    async fn row(&mut self, position: i64) -> Result<Option<Hash>, ProofError> {
        if self.rows.is_empty() && self.read_to < position {
            self.fill().await?;
        }
        if self.unreadable.contains(&position) {
            return Ok(Some(Hash::of_nothing()));
        }
        if self.rows.front().is_none_or(|row| row.position != position) {
            return Ok(None);
        }
        let entry = self.rows.pop_front().map(|row| row.entry(self.tenant));
        // A row that cannot be an event is no leaf that was sealed.
        Ok(entry.map(|entry| entry.map_or_else(|_| Hash::of_nothing(), |entry| entry.hash())))
    }

    async fn fill(&mut self) -> Result<(), ProofError> {
        let rows = match events::rows_after(self.tx, self.tenant, self.read_to, PAGE).await {
            Err(error) if is_unreadable(&error) => return self.fill_one_by_one().await,
            rows => rows?,
        };
        self.read_to = rows.last().map_or(i64::MAX, |row| row.position);
        self.rows.extend(rows);
        Ok(())
    }

    /// Reads a page row by row, to pass over what is no row of ours any more.
    async fn fill_one_by_one(&mut self) -> Result<(), ProofError> {
        for _ in 0..PAGE {
            let Some(next) = events::next_position(self.tx, self.tenant, self.read_to).await?
            else {
                self.read_to = i64::MAX;
                break;
            };
            match events::rows_after(self.tx, self.tenant, self.read_to, 1).await {
                Err(error) if is_unreadable(&error) => {
                    self.unreadable.insert(next);
                }
                rows => self.rows.extend(rows?),
            }
            self.read_to = next;
        }
        Ok(())
    }

    /// Holds the tiles above the leaves, where they are full, against what was just computed.
    async fn full_tiles(&mut self) -> Result<(), ProofError> {
        for (id, hashes) in self.growth.take_full() {
            if id.level > 0 && !self.lost {
                self.compare(id, &hashes).await?;
            }
        }
        Ok(())
    }

    /// The same for the right edge of the tree, and counts the tiles.
    async fn edge(&mut self) -> Result<(), ProofError> {
        const COUNT: &str = "select count(*) from proof_tile where tenant_id = $1";
        let edge: Vec<(TileId, Vec<Hash>)> = self
            .growth
            .edge()
            .map(|(id, hashes)| (id, hashes.to_vec()))
            .collect();
        for (id, hashes) in edge {
            if id.level > 0 && !self.lost {
                self.compare(id, &hashes).await?;
            }
        }
        let tenant = raw(self.tenant);
        let found: i64 = on!(self.tx, |conn| sqlx::query_scalar(COUNT)
            .bind(tenant)
            .fetch_one(conn)
            .await
            .map_err(StoreError::from)?);
        let expected = i64::try_from(TileId::count(self.growth.size())).unwrap_or(i64::MAX);
        if found != expected {
            self.found(Place::TileCount { expected, found });
        }
        Ok(())
    }

    async fn compare(&mut self, id: TileId, hashes: &[Hash]) -> Result<(), ProofError> {
        match tile(self.tx, self.tenant, id).await? {
            Some(kept) if kept == hashes => {}
            Some(_) => self.found(Place::TileAltered(id)),
            None => self.found(Place::TileMissing(id)),
        }
        Ok(())
    }

    /// Goes over what is not in the tree yet: places without a gap, up to where the log counts.
    async fn rest(&mut self) -> Result<(), ProofError> {
        const BEFORE: &str = "select count(*) from event where tenant_id = $1 and position < 1";
        let said = events::head(self.tx, self.tenant).await?;
        let mut last = i64::try_from(self.growth.size()).unwrap_or(i64::MAX);
        loop {
            if self.rows.is_empty() && self.read_to < i64::MAX {
                self.fill().await?;
            }
            let Some(row) = self.rows.pop_front() else {
                break;
            };
            if row.position <= last {
                continue;
            }
            if row.position > said {
                self.found(Place::EventInserted(row.position));
                continue;
            }
            if row.position > last + 1 {
                self.found(Place::EventsMissing {
                    first: last + 1,
                    last: row.position - 1,
                });
            }
            last = row.position;
            self.done.unsealed += 1;
        }
        if said != last {
            self.found(Place::Count { said, found: last });
        }
        let tenant = raw(self.tenant);
        let before: i64 = on!(self.tx, |conn| sqlx::query_scalar(BEFORE)
            .bind(tenant)
            .fetch_one(conn)
            .await
            .map_err(StoreError::from)?);
        if before > 0 {
            self.found(Place::EventInserted(0));
        }
        Ok(())
    }

    /// Holds the tree against a checkpoint that was kept elsewhere.
    async fn known(&mut self, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let (signed, found) = (checkpoint.size, self.growth.size());
        if signed > found {
            let there = self.done.events.saturating_add(self.done.unsealed);
            self.found(if there < signed {
                Place::Truncated { signed, found }
            } else {
                Place::Unsigned { signed, found }
            });
            return Ok(());
        }
        let span = Span::tree(signed);
        let tiles = tiles(self.tx, self.tenant, Tiles::needed(&[span])).await?;
        if tiles.hash(span) != Some(checkpoint.root) {
            self.found(Place::Rewritten { signed });
            return Ok(());
        }
        // The same events may have been signed anew, by another key: what was signed then is here no more.
        let size = i64::try_from(signed).unwrap_or(i64::MAX);
        let kept = checkpoint_at(self.tx, self.tenant, size).await?;
        let kept = kept.as_deref().and_then(read);
        if kept.is_none_or(|kept| kept.said != *checkpoint) {
            self.found(Place::CheckpointMissing(signed));
        }
        Ok(())
    }
}

/// Returns the place of a leaf in the log.
fn place(leaf: u64) -> i64 {
    i64::try_from(leaf).unwrap_or(i64::MAX).saturating_add(1)
}

/// Returns whether a row was read that cannot be one.
fn is_unreadable(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
    )
}

/// Makes a transaction see one picture of the database however long it reads: SQLite always does.
async fn one_picture(tx: &mut Tx) -> Result<(), StoreError> {
    const SQL: &str = "set transaction isolation level repeatable read";
    if let Engine::Postgres(conn) = &mut tx.engine {
        sqlx::query(SQL).execute(&mut **conn).await?;
    }
    Ok(())
}

async fn notes(
    tx: &mut Tx,
    tenant: TenantId,
    after: i64,
) -> Result<Vec<(i64, String)>, StoreError> {
    const SQL: &str = "select size, note from proof_checkpoint
        where tenant_id = $1 and size > $2 order by size limit $3";
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(after)
        .bind(NOTES)
        .fetch_all(conn)
        .await?))
}
