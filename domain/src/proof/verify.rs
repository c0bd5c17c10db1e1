//! The two verifications of RFC 9162, step by step as it writes them: they share nothing with what
//! makes the proofs.

use super::hash::Hash;

/// Returns whether a leaf is the `index`th, from 0, of the tree of `size` leaves with this root
/// (§2.1.3.2).
pub fn is_included(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for beside in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = Hash::of_node(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Returns whether the tree of the `new` root begins with that of the `old` one (§2.1.4.2); each is a
/// number of leaves and a root.
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), path: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == Hash::of_nothing();
    }
    if old_size > new_size || path.is_empty() {
        return false;
    }
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let whole = old_size.is_power_of_two();
    let first = if whole { Some(old_root) } else { path.first() };
    let rest = path.get(usize::from(!whole)..).unwrap_or_default();
    let Some(first) = first else { return false };
    let (mut from_old, mut from_new) = (*first, *first);
    for beside in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_old = Hash::of_node(beside, &from_old);
            from_new = Hash::of_node(beside, &from_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            from_new = Hash::of_node(&from_new, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}
