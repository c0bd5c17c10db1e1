//! The fields of a payload as they are declared, told one by one: what a developer reads before
//! writing one.

use super::field::Field;
use super::wire::{Shape, Slot};

/// One field of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOutline {
    /// JSON Pointer from the root of the payload; `*` stands for each item of a list.
    pub pointer: String,
    /// Its French name.
    pub label: &'static str,
    /// What it holds, in French, with its article.
    pub form: &'static str,
    /// The words it may hold, when they are a closed list.
    pub words: Vec<&'static str>,
    /// Whether it holds a list of that.
    pub is_list: bool,
    /// Whether it holds other fields, told after it.
    pub is_block: bool,
    /// The most characters its text should have.
    pub max: Option<usize>,
    /// The least and the most it may be, when it is a number.
    pub bounds: Option<(i64, i64)>,
    /// Whether the OPCO sets it: read, and never sent.
    pub read_only: bool,
    /// A second spelling of its name that is read too.
    pub alias: Option<&'static str>,
}

/// Tells one field of a block, then those inside it.
pub(crate) fn tell<S: Slot>(at: &str, field: &Field, found: &mut Vec<FieldOutline>) {
    let pointer = format!("{at}/{}", field.wire);
    let mut inside = Vec::new();
    let within = if S::Item::LIST {
        format!("{pointer}/*")
    } else {
        pointer.clone()
    };
    S::Item::outline(&within, &mut inside);
    found.push(FieldOutline {
        pointer,
        label: field.label,
        form: S::Item::HOLDS,
        words: S::Item::words(),
        is_list: S::Item::LIST,
        is_block: !inside.is_empty(),
        max: field.max,
        bounds: field.bounds,
        read_only: field.read_only,
        alias: field.alias,
    });
    found.append(&mut inside);
}
