//! How any value of a payload is read from JSON and written back, type by type.
//!
//! A value of the wrong type never stops the reading: it becomes a finding, is kept raw beside the
//! unknown fields, and the reading goes on.

use serde::de::{MapAccess, SeqAccess};
use serde_json::Value;

use super::field::Field;
use super::outline::FieldOutline;
use super::pass::{Take, read_list, read_object};
use super::report::{Report, Step, shown};

/// A JSON value that is neither an object, nor a list, nor null.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    /// Above what `i64` holds.
    Large(u64),
    Float(f64),
    Text(&'a str),
}

impl Scalar<'_> {
    /// Returns what it is, in French.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "un booléen",
            Self::Int(_) | Self::Large(_) | Self::Float(_) => "un nombre",
            Self::Text(_) => "un texte",
        }
    }

    /// Returns it as a finding may show it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => shown(text),
            other => shown(&Value::from(*other).to_string()),
        }
    }
}

impl From<Scalar<'_>> for Value {
    fn from(scalar: Scalar<'_>) -> Self {
        match scalar {
            Scalar::Bool(b) => b.into(),
            Scalar::Int(n) => n.into(),
            Scalar::Large(n) => n.into(),
            Scalar::Float(n) => n.into(),
            Scalar::Text(text) => text.into(),
        }
    }
}

/// What came of reading one value.
#[derive(Debug)]
pub(crate) enum Read<T> {
    /// Nothing: null, or a text of blanks.
    Absent,
    /// A value of the norm's form.
    Value(T),
    /// Something else, already reported; kept raw unless it is personal.
    Bad(Option<Value>),
}

/// A type that fields have: how it is read and written.
pub(crate) trait Shape: Sized {
    /// What the norm expects, in French, with its article.
    const EXPECTED: &'static str;
    /// Whether a bad value may be kept raw and shown.
    const OPEN: bool = true;
    /// Whether it is a list.
    const LIST: bool = false;
    /// What it holds, item by item when it is a list.
    const HOLDS: &'static str = Self::EXPECTED;

    /// Returns the words it may be, when they are a closed list.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }

    /// Tells the fields inside it; none in a plain value.
    fn outline(_at: &str, _found: &mut Vec<FieldOutline>) {}

    /// Reads null.
    fn null() -> Read<Self> {
        Read::Absent
    }

    /// Reads a text, a number or a boolean.
    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        report.mismatch(field, Self::EXPECTED, scalar.name());
        Read::Bad(Self::OPEN.then(|| scalar.into()))
    }

    /// Reads an object, already opened.
    fn map<'de, A: MapAccess<'de>>(
        mut map: A,
        field: &Field,
        report: &mut Report,
    ) -> Result<Read<Self>, A::Error> {
        let raw = read_object(&mut map, report)?;
        report.mismatch(field, Self::EXPECTED, "un objet");
        Ok(Read::Bad(Self::OPEN.then_some(Value::Object(raw))))
    }

    /// Reads a list, already opened.
    fn seq<'de, A: SeqAccess<'de>>(
        mut seq: A,
        field: &Field,
        report: &mut Report,
    ) -> Result<Read<Self>, A::Error> {
        let raw = read_list(&mut seq, report)?;
        report.mismatch(field, Self::EXPECTED, "une liste");
        Ok(Read::Bad(Self::OPEN.then_some(Value::Array(raw))))
    }

    /// Returns the canonical wire form.
    fn write(&self) -> Value;
}

/// A place of a block that holds a value, or none.
pub(crate) trait Slot {
    /// What it holds.
    type Item: Shape;

    fn put(&mut self, item: Self::Item);
    fn is_empty(&self) -> bool;
    /// Returns the canonical wire form, nothing when there is nothing to say.
    fn written(&self) -> Option<Value>;
}

impl<T: Shape> Slot for Option<T> {
    type Item = T;

    fn put(&mut self, item: T) {
        *self = Some(item);
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }

    fn written(&self) -> Option<Value> {
        self.as_ref().map(Shape::write)
    }
}

impl<T: Shape> Slot for Vec<T> {
    type Item = Self;

    fn put(&mut self, item: Self) {
        *self = item;
    }

    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }

    fn written(&self) -> Option<Value> {
        (!Vec::is_empty(self)).then(|| Shape::write(self))
    }
}

impl<T: Shape> Shape for Vec<T> {
    const EXPECTED: &'static str = "une liste";
    const LIST: bool = true;
    const HOLDS: &'static str = T::HOLDS;

    fn words() -> Vec<&'static str> {
        T::words()
    }

    fn outline(at: &str, found: &mut Vec<FieldOutline>) {
        T::outline(at, found);
    }

    fn seq<'de, A: SeqAccess<'de>>(
        mut seq: A,
        field: &Field,
        report: &mut Report,
    ) -> Result<Read<Self>, A::Error> {
        let mut items = Self::new();
        let mut index = 0;
        report.enter(Step::Index(index));
        while let Some(read) = seq.next_element_seed(Take::<T>::new(field, report))? {
            match read {
                Read::Value(item) => items.push(item),
                Read::Absent => report.mismatch(field, T::EXPECTED, "une valeur nulle"),
                Read::Bad(_) => {}
            }
            index += 1;
            report.leave();
            report.enter(Step::Index(index));
        }
        report.leave();
        Ok(Read::Value(items))
    }

    fn write(&self) -> Value {
        self.iter().map(Shape::write).collect()
    }
}

/// Unknown values are kept as they are.
impl Shape for Value {
    const EXPECTED: &'static str = "une valeur";

    fn null() -> Read<Self> {
        Read::Value(Self::Null)
    }

    fn scalar(scalar: Scalar<'_>, _: &Field, _: &mut Report) -> Read<Self> {
        Read::Value(scalar.into())
    }

    fn map<'de, A: MapAccess<'de>>(
        mut map: A,
        _: &Field,
        report: &mut Report,
    ) -> Result<Read<Self>, A::Error> {
        Ok(Read::Value(Self::Object(read_object(&mut map, report)?)))
    }

    fn seq<'de, A: SeqAccess<'de>>(
        mut seq: A,
        _: &Field,
        report: &mut Report,
    ) -> Result<Read<Self>, A::Error> {
        Ok(Read::Value(Self::Array(read_list(&mut seq, report)?)))
    }

    fn write(&self) -> Value {
        self.clone()
    }
}
