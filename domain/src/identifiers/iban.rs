//! The bank account number (ALG-IBAN). Nothing of it is ever printed.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::IdentifierError;
use crate::secret::MASK;

/// The longest IBAN of the standard.
const MAX_LEN: usize = 34;
/// The shortest one in use.
const MIN_LEN: usize = 15;
/// The length of a French one.
const FRENCH_LEN: usize = 27;

/// An IBAN, with the inner key checked too when it is French.
///
/// `Debug` and `Serialize` show a mask and nothing else; memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Iban(Zeroizing<String>);

const FORM: IdentifierError = IdentifierError::Form {
    expected: "2 letters, 2 digits, then letters and digits",
};

impl Iban {
    /// Hands out the clear text, without spaces. The word makes every opening easy to find.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns its last four characters, by which its owner knows it and nobody else can use it.
    pub fn ending(&self) -> String {
        let from = self.0.len().saturating_sub(4);
        format!("…{}", self.0.get(from..).unwrap_or_default())
    }

    /// Returns whether the account is kept in France.
    pub fn is_french(&self) -> bool {
        self.0.starts_with("FR")
    }
}

impl FromStr for Iban {
    type Err = IdentifierError;

    /// Reads the electronic form, or the printed one with its spaces.
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_LEN));
        for c in s.chars().filter(|c| *c != ' ') {
            if !c.is_ascii_alphanumeric() || text.len() == MAX_LEN {
                return Err(FORM);
            }
            text.push(c.to_ascii_uppercase());
        }
        let (country, key) = (
            text.get(..2).unwrap_or_default(),
            text.get(2..4).unwrap_or_default(),
        );
        let shaped = country.bytes().all(|b| b.is_ascii_uppercase())
            && key.bytes().all(|b| b.is_ascii_digit())
            && text.len() >= MIN_LEN;
        if !shaped {
            return Err(FORM);
        }
        if mod97(text.as_bytes()) != 1 {
            return Err(IdentifierError::CheckDigit);
        }
        if text.starts_with("FR") {
            check_rib(text.as_bytes())?;
        }
        Ok(Self(text))
    }
}

/// Reads the number with its first four characters moved to the end and A=10 … Z=35.
fn mod97(iban: &[u8]) -> u32 {
    let (head, tail) = iban.split_at(4.min(iban.len()));
    tail.iter().chain(head).fold(0, |n, byte| match byte {
        b'0'..=b'9' => (n * 10 + u32::from(byte - b'0')) % 97,
        letter => (n * 100 + u32::from(letter.saturating_sub(b'A')) + 10) % 97,
    })
}

/// Checks the key of a French RIB: 97 − ((89·bank + 15·branch + 3·account) mod 97).
fn check_rib(iban: &[u8]) -> Result<(), IdentifierError> {
    let form = IdentifierError::Form {
        expected: "27 characters, bank and branch in digits",
    };
    if iban.len() != FRENCH_LEN {
        return Err(form);
    }
    let (bank, branch) = (iban.get(4..9), iban.get(9..14));
    let (account, key) = (iban.get(14..25), iban.get(25..27));
    let (Some(bank), Some(branch), Some(account), Some(key)) = (bank, branch, account, key) else {
        return Err(form);
    };
    if ![bank, branch, key]
        .iter()
        .all(|part| part.iter().all(u8::is_ascii_digit))
    {
        return Err(form);
    }
    let number = |part: &[u8]| {
        part.iter()
            .fold(0_u64, |n, b| n * 10 + u64::from(rib_digit(*b)))
    };
    let sum = 89 * number(bank) + 15 * number(branch) + 3 * number(account);
    if 97 - sum % 97 == number(key) {
        Ok(())
    } else {
        Err(IdentifierError::CheckDigit)
    }
}

/// Maps the letters of an account: AJ=1, BKS=2, CLT=3, DMU=4, ENV=5, FOW=6, GPX=7, HQY=8, IRZ=9.
fn rib_digit(byte: u8) -> u8 {
    match byte {
        b'A'..=b'I' => byte - b'A' + 1,
        b'J'..=b'R' => byte - b'J' + 1,
        b'S'..=b'Z' => byte - b'S' + 2,
        digit => digit.saturating_sub(b'0'),
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Iban {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_numbers_are_valid() {
        for text in ["FR7699999999990000000000153", "FR7699999999990000000000250"] {
            let iban: Iban = text.parse().unwrap();
            assert_eq!(iban.expose(), text);
            assert!(iban.is_french());
        }
    }

    #[test]
    fn the_printed_form_and_other_countries_are_read() {
        let iban: Iban = "FR76 9999 9999 9900 0000 0000 153".parse().unwrap();
        assert_eq!(iban.expose(), "FR7699999999990000000000153");
        assert!(
            !"GB82WEST12345698765432"
                .parse::<Iban>()
                .unwrap()
                .is_french()
        );
        // An account with letters, from the standard's own example.
        assert!("FR1420041010050500013M02606".parse::<Iban>().is_ok());
    }

    #[test]
    fn a_wrong_key_is_refused() {
        let wrong = "FR7599999999990000000000153".parse::<Iban>();
        assert_eq!(wrong, Err(IdentifierError::CheckDigit));
    }

    #[test]
    fn a_wrong_inner_key_is_refused_even_when_the_outer_one_is_right() {
        // Searches the outer key of an account whose inner key (54 for 53) is wrong.
        let outer_only = (2..=98)
            .map(|key| format!("FR{key:02}99999999990000000000154"))
            .find(|text| mod97(text.as_bytes()) == 1)
            .unwrap();
        assert_eq!(outer_only.parse::<Iban>(), Err(IdentifierError::CheckDigit));
    }

    #[test]
    fn other_forms_are_refused() {
        let long = "FR76".repeat(20);
        for text in [
            "",
            "FR76",
            "7699999999990000000000153",
            "FR76-9999",
            "FR76é",
            &long,
        ] {
            assert!(text.parse::<Iban>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_print_shows_a_mask_and_nothing_else() {
        let iban: Iban = "FR7699999999990000000000153".parse().unwrap();
        assert_eq!(format!("{iban:?}"), "***");
        assert_eq!(serde_json::to_string(&iban).unwrap(), "\"***\"");
    }
}
