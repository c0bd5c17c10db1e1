//! Amounts and rates, kept as integers of hundredths: no float ever counts money.

use serde_json::{Number, Value};

use super::field::Field;
use super::report::{Report, STRUCTURE, capital};
use super::wire::{Read, Scalar, Shape};

/// The most hundredths an amount may hold; far above any pay, far below what a float garbles.
const MAX_HUNDREDTHS: i64 = 100_000_000_000_000;
/// How far from a whole hundredth a float may be: what binary fractions cost, and no more.
const TOLERANCE: f64 = 1e-6;

/// An amount of money in cents of euro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Montant {
    /// The amount, in cents.
    pub cents: i64,
}

impl std::fmt::Display for Montant {
    /// Writes euros and cents as French people do: `3 120,00 €`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = (self.cents.unsigned_abs() / 100).to_string();
        let sign = if self.cents < 0 { "-" } else { "" };
        f.write_str(sign)?;
        for (place, digit) in units.chars().enumerate() {
            if place > 0 && (units.len() - place).is_multiple_of(3) {
                // A narrow space that never breaks.
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        write!(f, ",{:02}\u{a0}€", self.cents.unsigned_abs() % 100)
    }
}

/// A rate of pay in hundredths of a percent: 53 % is 5300.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Taux {
    /// The rate, in hundredths of a percent.
    pub hundredths: i64,
}

/// A quantity in hundredths, of meals, nights or hours: 42 is 4200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantite {
    /// The quantity, in hundredths.
    pub hundredths: i64,
}

/// Writes the reading and the writing of a type that holds hundredths.
macro_rules! in_hundredths {
    ($($name:ident { $field:ident }, $expected:literal;)+) => {
        $(impl Shape for $name {
            const EXPECTED: &'static str = $expected;

            fn scalar(scalar: Scalar<'_>, field: &Field, report: &mut Report) -> Read<Self> {
                match read(scalar, Self::EXPECTED, field, report) {
                    Read::Value($field) => Read::Value(Self { $field }),
                    Read::Absent => Read::Absent,
                    Read::Bad(raw) => Read::Bad(raw),
                }
            }

            fn write(&self) -> Value {
                write(self.$field)
            }
        })+
    };
}

in_hundredths! {
    Montant { cents }, "un montant en euros";
    Taux { hundredths }, "un taux en pourcentage";
    Quantite { hundredths }, "un nombre";
}

/// Reads a number, or a text that holds one (protocol §3.4), into hundredths.
fn read(scalar: Scalar<'_>, expected: &str, field: &Field, report: &mut Report) -> Read<i64> {
    let hundredths = match scalar {
        Scalar::Int(n) => n.checked_mul(100),
        Scalar::Float(n) => from_float(n),
        Scalar::Text(text) if text.trim().is_empty() => return Read::Absent,
        Scalar::Text(text) => from_text(text.trim()),
        Scalar::Large(_) => None,
        Scalar::Bool(_) => {
            report.mismatch(field, expected, scalar.name());
            return Read::Bad(Some(scalar.into()));
        }
    };
    if let Some(hundredths) = hundredths.filter(|n| n.abs() <= MAX_HUNDREDTHS) {
        let beyond = |(least, most): &(i64, i64)| {
            hundredths < least.saturating_mul(100) || hundredths > most.saturating_mul(100)
        };
        return match field.bounds.filter(beyond) {
            Some(bounds) => {
                report.beyond(field, bounds, scalar.shown());
                Read::Bad(Some(scalar.into()))
            }
            None => Read::Value(hundredths),
        };
    }
    let message = format!("{} : {expected} attendu.", capital(field.label));
    let remedy = "Envoyez un nombre avec un point et deux décimales au plus, comme 966.21.";
    report.blame(
        field,
        message,
        remedy.to_owned(),
        Some(scalar.shown()),
        STRUCTURE,
    );
    Read::Bad(Some(scalar.into()))
}

fn from_float(n: f64) -> Option<i64> {
    let scaled = n * 100.0;
    let whole = scaled.round();
    let near = (scaled - whole).abs() <= TOLERANCE * whole.abs().max(1.0);
    // The text of a whole float has digits only, so parsing it is the conversion without a cast.
    if near && whole.abs() < 1e15 {
        format!("{whole:.0}").parse().ok()
    } else {
        None
    }
}

fn from_text(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (units, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let decimals = decimals.trim_end_matches('0');
    let shaped = (1..=12).contains(&units.len())
        && decimals.len() <= 2
        && units
            .bytes()
            .chain(decimals.bytes())
            .all(|b| b.is_ascii_digit());
    if !shaped {
        return None;
    }
    let hundredths: i64 = format!("{units}{decimals:0<2}").parse().ok()?;
    Some(sign * hundredths)
}

fn write(hundredths: i64) -> Value {
    if hundredths % 100 == 0 {
        return Value::from(hundredths / 100);
    }
    let sign = if hundredths < 0 { "-" } else { "" };
    let (units, rest) = (
        hundredths.unsigned_abs() / 100,
        hundredths.unsigned_abs() % 100,
    );
    // Parsing the decimal text gives the float that prints as that same text.
    let float: f64 = format!("{sign}{units}.{rest:02}")
        .parse()
        .unwrap_or_default();
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(scalar: Scalar<'_>) -> Option<i64> {
        let mut report = Report::default();
        match Montant::scalar(
            scalar,
            &Field::new("salaireEmbauche", "salaire"),
            &mut report,
        ) {
            Read::Value(montant) => Some(montant.cents),
            Read::Absent => None,
            Read::Bad(_) => {
                assert_eq!(report.into_findings().len(), 1);
                None
            }
        }
    }

    #[test]
    fn numbers_and_numeric_texts_are_read_in_cents() {
        assert_eq!(cents(Scalar::Float(966.21)), Some(96_621));
        assert_eq!(cents(Scalar::Int(53)), Some(5_300));
        assert_eq!(cents(Scalar::Text("966.21")), Some(96_621));
        assert_eq!(cents(Scalar::Text(" -3.5 ")), Some(-350));
        assert_eq!(cents(Scalar::Text("12.3400")), Some(1_234));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for scalar in [
            Scalar::Float(1e300),
            Scalar::Float(0.001),
            Scalar::Float(966.214),
            Scalar::Int(i64::MAX),
            Scalar::Large(u64::MAX),
            Scalar::Text("966,21"),
            Scalar::Text("1e3"),
            Scalar::Text("."),
            Scalar::Text("1.2.3"),
            Scalar::Text("--1"),
            Scalar::Bool(true),
        ] {
            assert_eq!(cents(scalar), None, "{scalar:?}");
        }
    }

    #[test]
    fn every_amount_is_written_as_it_is_read() {
        for cents_in in [
            0,
            1,
            -1,
            99,
            100,
            96_621,
            -96_621,
            123_456_789,
            MAX_HUNDREDTHS - 1,
        ] {
            let written = write(cents_in);
            let scalar = match written.as_i64() {
                Some(n) => Scalar::Int(n),
                None => Scalar::Float(written.as_f64().unwrap()),
            };
            assert_eq!(cents(scalar), Some(cents_in), "{written}");
        }
        assert_eq!(write(96_621).to_string(), "966.21");
        assert_eq!(write(5_300).to_string(), "53");
    }
}
