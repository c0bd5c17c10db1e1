//! The one pass over the bytes: every value is counted, every level measured, every name looked up
//! once. Only what threatens the reader (depth, size, a name given twice) stops it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::extra::Extra;
use super::field::Field;
use super::report::{Report, STRUCTURE, Step, Text, capital};
use super::wire::{Read, Scalar, Shape, Slot};
use crate::finding::Severity;

/// Stands for every field outside the norm.
static UNKNOWN: Field = Field::new("", "");

pub(crate) fn read_object<'de, A: MapAccess<'de>>(
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

pub(crate) fn read_list<'de, A: SeqAccess<'de>>(
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
