//! Which parts of a tree a proof is made of: spans of leaves, and the complete subtrees that make up each.

use super::hash::Hash;

/// The leaves from `start` to before `end`, from 0: a subtree of some tree, complete or its right edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first leaf.
    pub start: u64,
    /// The leaf after the last.
    pub end: u64,
}

/// A complete subtree: `2^height` leaves, the `index`th of its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) height: u32,
    pub(super) index: u64,
}

impl Span {
    /// Returns the span of a whole tree.
    pub fn tree(size: u64) -> Self {
        Self {
            start: 0,
            end: size,
        }
    }

    /// Returns what the inclusion proof of a leaf is made of, from the leaf up (RFC 9162 §2.1.3.1).
    pub fn inclusion(leaf: u64, size: u64) -> Vec<Self> {
        let mut path = Vec::new();
        let mut within = Self::tree(size);
        while within.len() > 1 && within.holds(leaf) {
            let (left, right) = within.halves();
            let (inside, beside) = if left.holds(leaf) {
                (left, right)
            } else {
                (right, left)
            };
            path.push(beside);
            within = inside;
        }
        path.reverse();
        path
    }

    /// Returns what the proof is made of that a tree of `new` leaves begins with one of `old` leaves
    /// (RFC 9162 §2.1.4.1).
    pub fn consistency(old: u64, new: u64) -> Vec<Self> {
        if old == 0 || old >= new {
            return Vec::new();
        }
        let mut path = Vec::new();
        let mut within = Self::tree(new);
        while within.end != old {
            let (left, right) = within.halves();
            let (inside, beside) = if old <= left.end {
                (left, right)
            } else {
                (right, left)
            };
            path.push(beside);
            within = inside;
        }
        // Whoever has the old root has this part already when it is the whole old tree.
        if within.start != 0 {
            path.push(within);
        }
        path.reverse();
        path
    }

    /// Returns the complete subtrees it is made of, from left to right.
    pub(super) fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while start < self.end {
            // A span begins where a tree as large as it can begin: only its length cuts it up.
            let height = (self.end - start).ilog2();
            nodes.push(Node {
                height,
                index: start >> height,
            });
            start += 1 << height;
        }
        nodes
    }

    /// Returns the hash of the span out of the hashes of its complete subtrees.
    pub(super) fn hash(self, of: impl Fn(Node) -> Option<Hash>) -> Option<Hash> {
        let mut right: Option<Hash> = None;
        for node in self.nodes().into_iter().rev() {
            let left = of(node)?;
            right = Some(right.map_or(left, |right| Hash::of_node(&left, &right)));
        }
        Some(right.unwrap_or_else(Hash::of_nothing))
    }

    fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    fn holds(self, leaf: u64) -> bool {
        self.start <= leaf && leaf < self.end
    }

    /// Cuts a span of two leaves or more where its tree branches: after the largest power of two that
    /// is less than its length.
    fn halves(self) -> (Self, Self) {
        let middle = self.start + (1 << self.len().saturating_sub(1).max(1).ilog2());
        let left = Self {
            end: middle,
            ..self
        };
        let right = Self {
            start: middle,
            ..self
        };
        (left, right)
    }
}
