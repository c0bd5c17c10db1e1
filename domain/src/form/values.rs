//! How each plain value of the norm is read, lenient where protocol §3.4 says so, and written.

use std::str::FromStr;

use jiff::civil::Date;
use serde_json::Value;

use super::field::Field;
use super::report::{ENU_001, Report, STRUCTURE, Text, capital, shown};
use super::wire::{Read, Scalar, Shape};
use crate::finding::Severity;
use crate::identifiers::{CodeDiplome, CodePostal, Departement, Iban, Idcc, Naf, Nir, Rncp, Uai};
use crate::secret::Masked;
use crate::siret::Siret;

/// The longest text of a field, in bytes: none of the norm comes near, and an index takes no longer one.
const BYTES_MAX: usize = 2_000;

impl Shape for String {
    const EXPECTED: &'static str = "un texte";

    /// Keeps a text without the blanks around it. A field of the OPCO may also be a number: one
    /// client sends `0` where there is none (protocol §6.7).
    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        let text = match scalar {
            Scalar::Text(text) => text.trim(),
            Scalar::Int(0) if field.read_only => return Read::Absent,
            Scalar::Int(_) if field.number_too => {
                return Read::Value(Value::from(scalar).to_string());
            }
            other if field.read_only => return Read::Value(Value::from(other).to_string()),
            other => {
                report.mismatch(field, Self::EXPECTED, other.name());
                return Read::Bad(Some(other.into()));
            }
        };
        if text.is_empty() {
            return Read::Absent;
        }
        if text.contains('\0') {
            report.mismatch(field, "un texte sans caractère nul", "un caractère nul");
            return Read::Bad(None);
        }
        if text.len() > BYTES_MAX {
            report.mismatch(
                field,
                "un texte de 2 000 octets au plus",
                "un texte plus long",
            );
            return Read::Bad(None);
        }
        if let Some(warning) = warning(text, field) {
            report.find(warning);
        }
        Read::Value(text.to_owned())
    }

    fn write(&self) -> Value {
        Value::String(self.clone())
    }
}

/// Returns what is odd about a text that is sent all the same.
fn warning(text: &str, field: &Field) -> Option<Text> {
    let (message, remedy) = if let Some(max) = field.max
        && text.len() > max
        && text.chars().count() > max
    {
        let length = text.chars().count();
        (
            format!(
                "{} : {length} caractères, {max} au plus.",
                capital(field.label)
            ),
            format!("Abrégez le champ « {} ».", field.wire),
        )
    } else if field.check.is_some_and(|good| !good(text)) {
        (
            format!("Format inhabituel : {}.", field.label),
            format!(
                "Vérifiez le champ « {} » : chiffres et lettres, sans espace ni point.",
                field.wire
            ),
        )
    } else {
        return None;
    };
    Some(Text {
        rule: STRUCTURE,
        severity: Severity::Avertissement,
        message,
        remedy,
        value: Some(shown(text)),
    })
}

impl Shape for i64 {
    const EXPECTED: &'static str = "un nombre entier";

    /// Reads an integer, or a text that holds one (protocol §3.4).
    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        let number = match scalar {
            Scalar::Int(n) => Some(n),
            Scalar::Text(text) if text.trim().is_empty() => return Read::Absent,
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Float(n) => whole(n),
            Scalar::Large(_) => None,
            Scalar::Bool(_) => {
                report.mismatch(field, Self::EXPECTED, scalar.name());
                return Read::Bad(Some(scalar.into()));
            }
        };
        let given = scalar.shown();
        if let Some(number) = number {
            return match field.bounds {
                Some(bounds) if !(bounds.0..=bounds.1).contains(&number) => {
                    report.beyond(field, bounds, given);
                    Read::Bad(Some(scalar.into()))
                }
                _ => Read::Value(number),
            };
        }
        if field.rule == Some(ENU_001) {
            unknown_code(field, report, given);
        } else {
            let message = format!("{} : {} attendu.", capital(field.label), Self::EXPECTED);
            let remedy = format!(
                "Envoyez {} dans le champ « {} ».",
                Self::EXPECTED,
                field.wire
            );
            report.blame(field, message, remedy, Some(given), STRUCTURE);
        }
        Read::Bad(Some(scalar.into()))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

/// Returns the integer a float stands for: some clients write `35.0`.
fn whole(n: f64) -> Option<i64> {
    let exact = n.fract().abs() < f64::MIN_POSITIVE && n.abs() < 9e15;
    // The text of a whole float has digits only, so parsing it is the conversion without a cast.
    if exact {
        format!("{n:.0}").parse().ok()
    } else {
        None
    }
}

fn unknown_code(field: &Field, report: &mut Report, given: String) {
    let message = format!("Code inconnu pour {} : {given}.", field.label);
    let remedy = "Choisissez un code de la liste de ce champ.".to_owned();
    report.blame(field, message, remedy, Some(given), ENU_001);
}

impl Shape for bool {
    const EXPECTED: &'static str = "true ou false";

    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        let Scalar::Bool(value) = scalar else {
            report.mismatch(field, Self::EXPECTED, scalar.name());
            return Read::Bad(Some(scalar.into()));
        };
        Read::Value(value)
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Shape for Masked<bool> {
    const EXPECTED: &'static str = bool::EXPECTED;
    const OPEN: bool = false;

    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        match bool::scalar(scalar, field, report) {
            Read::Value(value) => Read::Value(Self::new(value)),
            Read::Absent => Read::Absent,
            Read::Bad(_) => Read::Bad(None),
        }
    }

    fn write(&self) -> Value {
        Value::Bool(*self.expose())
    }
}

impl Shape for Date {
    const EXPECTED: &'static str = "une date";

    /// Reads the day of every spelling of protocol §3.4 and never shifts it. A blank is no date.
    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        let Scalar::Text(text) = scalar else {
            report.mismatch(field, Self::EXPECTED, scalar.name());
            return Read::Bad(Some(scalar.into()));
        };
        if text.trim().is_empty() {
            return Read::Absent;
        }
        if let Some(date) = day(text.trim()) {
            return Read::Value(date);
        }
        let message = format!("{} : date illisible.", capital(field.label));
        let remedy = "Écrivez la date sous la forme 2026-09-01T00:00:00+00:00 ou 2026-09-01.";
        report.blame(
            field,
            message,
            remedy.to_owned(),
            Some(shown(text)),
            STRUCTURE,
        );
        Read::Bad(Some(scalar.into()))
    }

    fn write(&self) -> Value {
        Value::String(format!("{self}T00:00:00+00:00"))
    }
}

/// A day written without a time of day: the certificate's own way (protocol §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jour {
    /// The day.
    pub date: Date,
}

impl Shape for Jour {
    const EXPECTED: &'static str = Date::EXPECTED;

    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        match Date::scalar(scalar, field, report) {
            Read::Value(date) => Read::Value(Self { date }),
            Read::Absent => Read::Absent,
            Read::Bad(raw) => Read::Bad(raw),
        }
    }

    fn write(&self) -> Value {
        Value::String(self.date.to_string())
    }
}

/// The longest date-time accepted: nanoseconds and an offset.
const MAX_DATE_TIME: usize = 35;

/// Reads the first ten characters; what follows must look like a time of day and an offset.
fn day(text: &str) -> Option<Date> {
    let (day, time) = text.split_at_checked(10)?;
    let time_like = time.is_empty()
        || (time.starts_with(['T', ' '])
            && text.len() <= MAX_DATE_TIME
            && time
                .bytes()
                .skip(1)
                .all(|b| b.is_ascii_digit() || b":.+-Z".contains(&b)));
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = day.as_bytes() else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |n, d| {
            d.is_ascii_digit().then(|| n * 10 + i16::from(d - b'0'))
        })
    };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let month = i8::try_from(number(&[*m1, *m2])?).ok()?;
    let day = i8::try_from(number(&[*d1, *d2])?).ok()?;
    Date::new(year, month, day).ok().filter(|_| time_like)
}

/// An identifier as a field: which rule a bad one breaks, and what is said then.
trait Identifier: FromStr {
    const RULE: &'static str;
    /// Whether the text may be shown and kept raw.
    const OPEN: bool = true;
    const REMEDY: &'static str;

    fn message(field: &Field) -> String;
    /// Returns the canonical text.
    fn text(&self) -> &str;
}

impl<T: Identifier> Shape for T {
    const EXPECTED: &'static str = "un texte";
    const OPEN: bool = <T as Identifier>::OPEN;
    const HOLDS: &'static str = T::REMEDY;

    fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
        let open = <T as Identifier>::OPEN;
        let Scalar::Text(text) = scalar else {
            report.mismatch(field, Self::EXPECTED, scalar.name());
            return Read::Bad(open.then(|| scalar.into()));
        };
        if text.trim().is_empty() {
            return Read::Absent;
        }
        if let Ok(value) = text.trim().parse() {
            return Read::Value(value);
        }
        let given = if open {
            shown(text)
        } else {
            crate::secret::MASK.to_owned()
        };
        let rule = field.rule.unwrap_or(T::RULE);
        report.blame(
            field,
            T::message(field),
            T::REMEDY.to_owned(),
            Some(given),
            rule,
        );
        Read::Bad(open.then(|| scalar.into()))
    }

    fn write(&self) -> Value {
        Value::from(self.text())
    }
}

impl Identifier for Siret {
    const RULE: &'static str = "IDT-001";
    const REMEDY: &'static str = "Un SIRET a 14 chiffres, sans espace, clé de contrôle comprise : \
                                  recopiez celui de l'avis de situation Sirene.";

    fn message(field: &Field) -> String {
        format!("{} invalide.", capital(field.label))
    }

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Identifier for Uai {
    const RULE: &'static str = "IDT-003";
    const REMEDY: &'static str =
        "Un numéro UAI a 7 chiffres et une lettre majuscule : recopiez-le de la fiche du CFA.";

    fn message(_: &Field) -> String {
        "Numéro UAI invalide (lettre de contrôle).".to_owned()
    }

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Identifier for Iban {
    const RULE: &'static str = "FAC-003";
    const OPEN: bool = false;
    const REMEDY: &'static str = "Recopiez l'IBAN du relevé d'identité bancaire : 27 caractères en \
                                  France, clés de contrôle comprises.";

    fn message(_: &Field) -> String {
        "IBAN invalide.".to_owned()
    }

    fn text(&self) -> &str {
        self.expose()
    }
}

impl Identifier for Nir {
    const RULE: &'static str = "IDT-004";
    const OPEN: bool = false;
    const REMEDY: &'static str = "Un NIR a 13 caractères et une clé de 2 chiffres : recopiez celui \
                                  de l'attestation de droits de l'apprenti.";

    fn message(_: &Field) -> String {
        "NIR invalide (format ou clé).".to_owned()
    }

    fn text(&self) -> &str {
        self.expose()
    }
}

/// Writes the field side of identifiers that have a form and nothing more.
macro_rules! formed {
    ($($name:ident, $rule:expr, $remedy:literal;)+) => {
        $(impl Identifier for $name {
            const RULE: &'static str = $rule;
            const REMEDY: &'static str = $remedy;

            fn message(field: &Field) -> String {
                format!("Format invalide : {}.", field.label)
            }

            fn text(&self) -> &str {
                self.as_str()
            }
        })+
    };
}

formed! {
    Rncp, "IDT-009", "Écrivez le code RNCP suivi de 2 à 5 chiffres, comme RNCP38362.";
    CodeDiplome, "IDT-009", "Écrivez les 8 caractères du code diplôme, en majuscules.";
    Naf, "IDT-009", "Écrivez 4 chiffres et une lettre majuscule, comme 5610A.";
    Idcc, "IDT-009", "Écrivez les 4 chiffres de l'IDCC, ou 9999 sans convention collective.";
    CodePostal, "IDT-009", "Écrivez les 5 chiffres du code postal.";
    Departement, STRUCTURE, "Écrivez le département sur 2 ou 3 caractères, 99 ou 099 à l'étranger.";
}

/// Writes the field side of an enumeration whose codes are texts.
macro_rules! worded {
    ($name:ident) => {
        impl $crate::form::wire::Shape for $name {
            const EXPECTED: &'static str = "un texte";

            fn words() -> Vec<&'static str> {
                Self::ALL.iter().map(|word| word.as_str()).collect()
            }

            fn scalar(
                scalar: $crate::form::wire::Scalar<'_>,
                field: &$crate::form::field::Field,
                report: &mut $crate::form::report::Report,
            ) -> $crate::form::wire::Read<Self> {
                $crate::form::values::word(scalar, field, report)
            }

            fn write(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }
        }
    };
}
pub(crate) use worded;

/// Reads a word of a closed list.
pub(crate) fn word<T: FromStr>(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<T> {
    let Scalar::Text(text) = scalar else {
        report.mismatch(field, String::EXPECTED, scalar.name());
        return Read::Bad(Some(scalar.into()));
    };
    if text.trim().is_empty() {
        return Read::Absent;
    }
    if let Ok(word) = text.trim().parse() {
        return Read::Value(word);
    }
    match field.rule.and_then(crate::rules::find) {
        // A list with a rule of its own speaks in the words of its row.
        Some(rule) if rule.id != ENU_001 => {
            let (message, remedy) = (rule.message.to_owned(), rule.remedy.to_owned());
            report.blame(field, message, remedy, Some(shown(text)), rule.id);
        }
        Some(_) | None => unknown_code(field, report, shown(text)),
    }
    Read::Bad(Some(scalar.into()))
}
