//! The hashes of a tree as they are kept: tiles of 256, the hashes of one level side by side (C2SP
//! `tlog-tiles`). Level 0 holds the leaves; an entry of a level above is the root of a full tile below.
//! A proof in a log of a million events then reads a handful of rows.

use std::collections::{BTreeMap, BTreeSet};

use super::hash::Hash;
use super::span::{Node, Span};

/// How many hashes a full tile has.
pub const TILE: usize = 256;
/// The same, for counting leaves.
const WIDTH: u64 = 256;
/// How many heights of the tree a tile spans.
const HEIGHT: u32 = 8;

/// Which tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 holds the leaves.
    pub level: u32,
    /// From the left, from 0.
    pub index: u64,
}

/// Some tiles of one tree.
#[derive(Debug, Clone, Default)]
pub struct Tiles(BTreeMap<TileId, Vec<Hash>>);

/// A tree that grows: of what is there already it needs only the tiles of its right edge.
#[derive(Debug, Clone)]
pub struct Growth {
    size: u64,
    edge: Vec<Vec<Hash>>,
    full: Vec<(TileId, Vec<Hash>)>,
}

impl TileId {
    /// Returns how many hashes this tile has in a tree of `size` leaves.
    pub fn len_in(self, size: u64) -> usize {
        let entries = size.checked_shr(HEIGHT * self.level).unwrap_or(0);
        let before = self.index.saturating_mul(WIDTH);
        usize::try_from(entries.saturating_sub(before).min(WIDTH)).unwrap_or(TILE)
    }

    /// Returns the tile that holds a leaf.
    pub fn of_leaf(leaf: u64) -> Self {
        Self {
            level: 0,
            index: leaf / WIDTH,
        }
    }

    /// Returns how many tiles a tree of `size` leaves has.
    pub fn count(size: u64) -> u64 {
        let levels = (0..).map(|level| size.checked_shr(HEIGHT * level).unwrap_or(0));
        let levels = levels.take_while(|entries| *entries > 0);
        levels.map(|entries| entries.div_ceil(WIDTH)).sum()
    }

    /// Returns every tile of a tree of `size` leaves that is not full: at most one a level.
    pub fn edge(size: u64) -> Vec<Self> {
        let levels = (0..).map(|level| (level, size.checked_shr(HEIGHT * level).unwrap_or(0)));
        levels
            .take_while(|(_, entries)| *entries > 0)
            .map(|(level, entries)| Self {
                level,
                index: entries / WIDTH,
            })
            .filter(|tile| tile.len_in(size) > 0)
            .collect()
    }
}

impl Tiles {
    /// Adds a tile.
    pub fn put(&mut self, id: TileId, hashes: Vec<Hash>) {
        self.0.insert(id, hashes);
    }

    /// Returns which tiles hold the hashes of these spans.
    pub fn needed(spans: &[Span]) -> BTreeSet<TileId> {
        let nodes = spans.iter().flat_map(|span| span.nodes());
        nodes.map(|node| place(node).0).collect()
    }

    /// Returns the hash of a span; nothing when a tile of it is missing or too short.
    pub fn hash(&self, span: Span) -> Option<Hash> {
        span.hash(|node| self.node(node))
    }

    /// Returns the hashes of a proof.
    pub fn path(&self, spans: &[Span]) -> Option<Vec<Hash>> {
        spans.iter().map(|span| self.hash(*span)).collect()
    }

    fn node(&self, node: Node) -> Option<Hash> {
        let (tile, first, count) = place(node);
        let hashes = self.0.get(&tile)?.get(first..first + count)?;
        joined(hashes)
    }
}

impl Growth {
    /// Goes on with a tree of `size` leaves, whose edge is in these tiles; nothing when it is not.
    pub fn new(size: u64, tiles: &Tiles) -> Option<Self> {
        let mut edge = Vec::new();
        for id in TileId::edge(size) {
            let level = usize::try_from(id.level).ok()?;
            let hashes = tiles.0.get(&id)?.get(..id.len_in(size))?;
            edge.resize(level.max(edge.len()), Vec::new());
            edge.push(hashes.to_vec());
        }
        Some(Self {
            size,
            edge,
            full: Vec::new(),
        })
    }

    /// Adds a leaf on the right.
    pub fn push(&mut self, leaf: Hash) {
        let mut entry = leaf;
        let mut entries = self.size;
        for level in 0.. {
            let at = usize::try_from(level).unwrap_or(usize::MAX);
            if self.edge.len() <= at {
                self.edge.push(Vec::with_capacity(TILE));
            }
            let Some(tile) = self.edge.get_mut(at) else {
                break;
            };
            tile.push(entry);
            if tile.len() < TILE {
                break;
            }
            let full = std::mem::take(tile);
            let index = entries / WIDTH;
            entry = joined(&full).unwrap_or(entry);
            self.full.push((TileId { level, index }, full));
            entries = index;
        }
        self.size += 1;
    }

    /// Returns how many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root.
    pub fn root(&self) -> Hash {
        let mut tiles = Tiles::default();
        for (id, hashes) in self.edge() {
            tiles.put(id, hashes.to_vec());
        }
        // Every complete subtree that a whole tree is made of lies in its edge.
        let root = tiles.hash(Span::tree(self.size));
        root.unwrap_or_else(Hash::of_nothing)
    }

    /// Takes the tiles that were filled since this was last asked.
    pub fn take_full(&mut self) -> Vec<(TileId, Vec<Hash>)> {
        std::mem::take(&mut self.full)
    }

    /// Returns the tiles that are not full.
    pub fn edge(&self) -> impl Iterator<Item = (TileId, &[Hash])> {
        TileId::edge(self.size).into_iter().filter_map(|id| {
            let hashes = self.edge.get(usize::try_from(id.level).ok()?)?;
            Some((id, hashes.as_slice()))
        })
    }
}

/// Returns in which tile a complete subtree lies: from which entry on, and over how many.
fn place(node: Node) -> (TileId, usize, usize) {
    let above = node.height % HEIGHT;
    let first = node.index << above;
    let tile = TileId {
        level: node.height / HEIGHT,
        index: first / WIDTH,
    };
    let at = usize::try_from(first % WIDTH).unwrap_or_default();
    (tile, at, 1 << above)
}

/// Returns the root over a power of two of hashes that lie side by side.
fn joined(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Some(Hash::of_node(left, right)),
                _ => None,
            })
            .collect::<Option<_>>()?;
    }
    row.pop()
}
