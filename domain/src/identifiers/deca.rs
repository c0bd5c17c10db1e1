//! The deposit number a contract gets from the State's registry (ALG-DECA).

use std::str::FromStr;

use super::IdentifierError;
use super::ascii::{Ascii, text_forms};

/// A DECA number: department, year, month, `NC` or two digits, four digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deca(Ascii<15>);

text_forms!(Deca);

const FORM: IdentifierError = IdentifierError::Form {
    expected: "department, year, month, NC or 2 digits, 4 digits",
};

impl FromStr for Deca {
    type Err = IdentifierError;

    /// Reads fifteen characters, or the fourteen that a department of two digits (`90` to `95`)
    /// gives. The month is checked, which the published expression does not do.
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        let number = Ascii::<15>::alphanumeric(s).ok_or(FORM)?;
        let mut parts = Parts(number.as_str());
        let departement = parts.next(if s.len() == 14 { 2 } else { 3 })?;
        let annee = parts.next(4)?;
        let mois = parts.next(2)?;
        let nature = parts.next(2)?;
        let rang = parts.next(4)?;
        let good = is_departement(departement)
            && is_digits(annee)
            && is_digits(mois)
            && ("01"..="12").contains(&mois)
            && (nature == "NC" || is_digits(nature))
            && is_digits(rang)
            && parts.0.is_empty();
        if good { Ok(Self(number)) } else { Err(FORM) }
    }
}

/// What is left of a text that is cut from the left.
struct Parts<'a>(&'a str);

impl<'a> Parts<'a> {
    fn next(&mut self, len: usize) -> Result<&'a str, IdentifierError> {
        let (part, rest) = self.0.split_at_checked(len).ok_or(FORM)?;
        self.0 = rest;
        Ok(part)
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn is_departement(text: &str) -> bool {
    match text.as_bytes() {
        [b'0', b'2', b'A' | b'B'] | [b'9', b'7', b'1'..=b'4' | b'6'] | [b'9', b'0'..=b'5'] => true,
        [b'0', tens, units] => tens.is_ascii_digit() && units.is_ascii_digit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_numbers_are_valid() {
        for text in ["093202609010123", "02A202609010124", "971202609NC0124"] {
            assert_eq!(text.parse::<Deca>().unwrap().as_str(), text, "{text}");
        }
        assert_eq!(
            "02a202609nc0124".parse::<Deca>().unwrap().as_str(),
            "02A202609NC0124"
        );
        assert!("93202609010123".parse::<Deca>().is_ok());
    }

    #[test]
    fn a_thirteenth_month_is_refused() {
        assert!("093202613010123".parse::<Deca>().is_err());
        assert!("093202600010123".parse::<Deca>().is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "0",
            "09320260901012",
            "0932026090101234",
            "97520260901012A",
            "975202609010123",
            "02C202609010124",
            "093202609N10123",
            "09320260901012é",
        ] {
            assert!(text.parse::<Deca>().is_err(), "{text}");
        }
    }
}
