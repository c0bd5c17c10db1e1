//! One pass over the bytes: how any value of a payload is read from JSON and written back.
//!
//! A value of the wrong type never stops the reading: it becomes a finding, is kept raw beside the
//! unknown fields, and the reading goes on. Only what threatens the reader (depth, size, a name
//! given twice) stops it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::extra::Extra;
use super::field::Field;
use super::report::{Report, STRUCTURE, Step, Text, capital, shown};
use crate::finding::Severity;

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

/// Stands for every field outside the norm.
static UNKNOWN: Field = Field::new("", "");

fn read_object<'de, A: MapAccess<'de>>(
    map: &mut A,
    report: &mut Report,
) -> Result<Map<String, Value>, A::Error> {
    let mut object = Map::new();
    while let Some(key) = map.next_key_seed(Key)? {
        if object.contains_key(key.as_ref()) {
            return Err(report.duplicate(&key));
        }
        let value = map.next_value_seed(Take::<Value>::new(&UNKNOWN, report))?;
        object.insert(key.into_owned(), known(value));
    }
    Ok(object)
}

fn read_list<'de, A: SeqAccess<'de>>(
    seq: &mut A,
    report: &mut Report,
) -> Result<Vec<Value>, A::Error> {
    let mut list = Vec::new();
    while let Some(value) = seq.next_element_seed(Take::<Value>::new(&UNKNOWN, report))? {
        list.push(known(value));
    }
    Ok(list)
}

fn known(read: Read<Value>) -> Value {
    match read {
        Read::Value(value) | Read::Bad(Some(value)) => value,
        Read::Absent | Read::Bad(None) => Value::Null,
    }
}

/// Reads one value of the shape `T`.
pub(crate) struct Take<'r, T> {
    field: &'r Field,
    report: &'r mut Report,
    shape: PhantomData<T>,
}

impl<'r, T> Take<'r, T> {
    pub(crate) fn new(field: &'r Field, report: &'r mut Report) -> Self {
        Self {
            field,
            report,
            shape: PhantomData,
        }
    }
}

impl<T: Shape> Take<'_, T> {
    fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<Read<T>, E> {
        self.report.count()?;
        Ok(T::scalar(scalar, self.field, self.report))
    }
}

impl<'de, T: Shape> DeserializeSeed<'de> for Take<'_, T> {
    type Value = Read<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Shape> Visitor<'de> for Take<'_, T> {
    type Value = Read<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Read<T>, E> {
        self.report.count()?;
        Ok(T::null())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Read<T>, E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Read<T>, E> {
        self.scalar(Scalar::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Read<T>, E> {
        self.scalar(i64::try_from(value).map_or(Scalar::Large(value), Scalar::Int))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Read<T>, E> {
        self.scalar(Scalar::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Read<T>, E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Read<T>, A::Error> {
        self.report.count()?;
        self.report.open()?;
        let read = T::map(map, self.field, self.report)?;
        self.report.close();
        Ok(read)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Read<T>, A::Error> {
        self.report.count()?;
        self.report.open()?;
        let read = T::seq(seq, self.field, self.report)?;
        self.report.close();
        Ok(read)
    }
}

/// Reads the name of a member without copying it, unless it holds escapes.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

/// Under which of its two names a field was met.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Met {
    plain: bool,
    alias: bool,
}

/// Reads the value of a known field into its place.
pub(crate) fn fill<'de, S: Slot, A: MapAccess<'de>>(
    (slot, met, extra): (&mut S, &mut Met, &mut Extra),
    field: &'static Field,
    key: &str,
    map: &mut A,
    report: &mut Report,
) -> Result<(), A::Error> {
    let plain = key == field.wire;
    let before = std::mem::replace(
        if plain {
            &mut met.plain
        } else {
            &mut met.alias
        },
        true,
    );
    if before {
        return Err(report.duplicate(key));
    }
    let name = if plain {
        field.wire
    } else {
        field.alias.unwrap_or(field.wire)
    };
    report.enter(Step::Name(name));
    match map.next_value_seed(Take::<S::Item>::new(field, report))? {
        Read::Absent | Read::Bad(None) => {}
        Read::Bad(Some(raw)) => {
            if !field.read_only {
                extra.keep(field.wire, raw);
            }
        }
        Read::Value(item) if slot.is_empty() => slot.put(item),
        Read::Value(item) => {
            report.find(given_twice(field));
            // Protocol §6.1: the second spelling only stands in for the plain name.
            if plain {
                slot.put(item);
            }
        }
    }
    report.leave();
    Ok(())
}

fn given_twice(field: &Field) -> Text {
    Text {
        rule: STRUCTURE,
        severity: Severity::Bloquant,
        message: format!(
            "{} : donné deux fois, sous deux noms.",
            capital(field.label)
        ),
        remedy: format!("Ne gardez que le champ « {} ».", field.wire),
        value: None,
    }
}

/// Keeps a field outside the norm.
pub(crate) fn keep_unknown<'de, A: MapAccess<'de>>(
    extra: &mut Extra,
    key: Cow<'de, str>,
    map: &mut A,
    report: &mut Report,
) -> Result<(), A::Error> {
    if extra.contains(&key) {
        return Err(report.duplicate(&key));
    }
    let value = map.next_value_seed(Take::<Value>::new(&UNKNOWN, report))?;
    extra.keep(key, known(value));
    Ok(())
}

/// Reads a field that the norm has withdrawn, and forgets it.
pub(crate) fn forget<'de, A: MapAccess<'de>>(
    met: &mut Met,
    key: &str,
    map: &mut A,
    report: &mut Report,
) -> Result<(), A::Error> {
    if std::mem::replace(&mut met.plain, true) {
        return Err(report.duplicate(key));
    }
    map.next_value_seed(Take::<Value>::new(&UNKNOWN, report))
        .map(drop)
}
