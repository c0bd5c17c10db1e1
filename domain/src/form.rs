//! The form of every payload: read from JSON in one pass, leniently where the norm's clients need it
//! (protocol §3.4), with all that is wrong at once; written back strictly, unknown fields included.
//!
//! A payload declares its blocks once, with the macro `block!`; the rest follows from the declaration.

pub(crate) mod amounts;
pub(crate) mod block;
pub(crate) mod extra;
pub(crate) mod field;
pub(crate) mod outline;
pub(crate) mod pass;
pub(crate) mod report;
pub(crate) mod values;
pub(crate) mod wire;

use serde::de::DeserializeSeed as _;
use thiserror::Error;

pub use self::amounts::{Montant, Quantite, Taux};
pub use self::extra::Extra;
use self::field::Field;
pub use self::outline::FieldOutline;
use self::pass::Take;
use self::report::Report;
pub use self::report::SyntaxKind;
pub(crate) use self::report::shown;
pub use self::values::Jour;
use self::wire::{Read, Shape};

/// Why a body could not be read at all, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1; 0 at the very start of a line.
    pub column: usize,
    /// What is wrong and what to do, in French; the place is told apart, since the line of a body is
    /// not that of the file it came in.
    pub message: String,
    /// What kind of trouble it is.
    pub kind: SyntaxKind,
}

/// Reads a body in one pass over its bytes. `whole` names the body in what is said of it.
pub(crate) fn read<T: Shape + Default>(
    body: &[u8],
    whole: &'static Field,
) -> Result<(T, Report), SyntaxError> {
    // A byte order mark is no part of the text (RFC 8259 §8.1); some Windows tools write one.
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
    let mut report = Report::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Take::<T>::new(whole, &mut report)
        .deserialize(&mut deserializer)
        .and_then(|read| deserializer.end().map(|()| read))
        .map_err(|error| syntax(&error, report.stopped()))?;
    let value = match read {
        Read::Value(value) => value,
        Read::Bad(_) => T::default(),
        Read::Absent => {
            report.mismatch(whole, T::EXPECTED, "une valeur nulle");
            T::default()
        }
    };
    Ok((value, report))
}

fn not_utf8(body: &[u8], valid: usize) -> SyntaxError {
    let before = body.get(..valid).unwrap_or_default();
    let line = before.split(|byte| *byte == b'\n').count();
    let column = before
        .iter()
        .rev()
        .take_while(|byte| **byte != b'\n')
        .count()
        + 1;
    SyntaxError {
        line,
        column,
        message: "Le corps n'est pas en UTF-8 : enregistrez-le en UTF-8.".to_owned(),
        kind: SyntaxKind::NotUtf8,
    }
}

fn syntax(error: &serde_json::Error, stopped: Option<(SyntaxKind, String)>) -> SyntaxError {
    let (line, column) = (error.line(), error.column());
    let (kind, what) = match stopped {
        Some((kind @ SyntaxKind::TooDeep, most)) => (
            kind,
            format!("Objets et listes imbriqués sur plus de {most} niveaux"),
        ),
        Some((kind @ SyntaxKind::TooManyElements, most)) => {
            (kind, format!("Plus de {most} valeurs dans le corps"))
        }
        Some((kind @ SyntaxKind::DuplicateKey, key)) => (
            kind,
            format!("Le champ « {key} » figure deux fois dans le même objet"),
        ),
        _ if error.is_eof() => (
            SyntaxKind::NotJson,
            "Le corps JSON s'arrête avant la fin".to_owned(),
        ),
        _ => (
            SyntaxKind::NotJson,
            "Le corps n'est pas un JSON valide".to_owned(),
        ),
    };
    let message = format!("{what} : corrigez le corps et renvoyez-le.");
    SyntaxError {
        line,
        column,
        message,
        kind,
    }
}
