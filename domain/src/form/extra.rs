//! What a block holds besides the fields of the norm that could be read.

use std::fmt;

use serde_json::{Map, Value};

/// Fields outside the norm, and fields of the norm whose value could not be read, under their wire
/// names. Both are forwarded as they came.
///
/// `Debug` shows the names only: what nobody described may be personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extra(Map<String, Value>);

impl Extra {
    /// Returns whether a field of that wire name is kept here. For a field of the norm it means
    /// *given but unreadable*, which has its own finding and is not *missing*.
    pub fn contains(&self, wire_name: &str) -> bool {
        self.0.contains_key(wire_name)
    }

    /// Returns a field by its wire name.
    pub fn get(&self, wire_name: &str) -> Option<&Value> {
        self.0.get(wire_name)
    }

    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn keep(&mut self, wire_name: impl Into<String>, value: Value) {
        self.0.insert(wire_name.into(), value);
    }

    /// Takes a field out.
    pub fn remove(&mut self, wire_name: &str) -> Option<Value> {
        self.0.remove(wire_name)
    }

    pub(crate) fn to_object(&self) -> Map<String, Value> {
        self.0.clone()
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
