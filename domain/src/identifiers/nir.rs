//! The social security number (ALG-NIR). Nothing of it is ever printed.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::IdentifierError;
use crate::secret::MASK;

/// A social security number of thirteen characters and its two-digit key.
///
/// `Debug` and `Serialize` show a mask and nothing else; memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Nir([u8; 15]);

const FORM: IdentifierError = IdentifierError::Form {
    expected: "13 characters, or 15 with the key",
};

impl Nir {
    /// Hands out the fifteen characters. The word makes every opening easy to find.
    pub fn expose(&self) -> &str {
        self.part(0, 15)
    }

    /// Returns the first digit: 1, 3 or 7 for a man, 2, 4 or 8 for a woman (rule IDT-005).
    pub fn first_digit(&self) -> &str {
        self.part(0, 1)
    }

    /// Returns the last two digits of the birth year (rule IDT-006).
    pub fn birth_year(&self) -> &str {
        self.part(1, 3)
    }

    /// Returns the two digits of the birth month; above 12 they are not a month (rule IDT-007).
    pub fn birth_month(&self) -> &str {
        self.part(3, 5)
    }

    /// Returns the two characters of the birth department; `99` abroad (rule IDT-008).
    pub fn birth_departement(&self) -> &str {
        self.part(5, 7)
    }

    /// Returns the three digits that name an overseas birth department (rule IDT-008).
    pub fn birth_departement_overseas(&self) -> &str {
        self.part(5, 8)
    }

    fn part(&self, from: usize, to: usize) -> &str {
        // ASCII of fixed length by construction, so neither fallback is ever met.
        std::str::from_utf8(self.0.get(from..to).unwrap_or_default()).unwrap_or_default()
    }
}

impl FromStr for Nir {
    type Err = IdentifierError;

    /// Reads fifteen characters, or thirteen, which are completed with their key (IDT-004).
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        let (number, key) = match s.len() {
            13 => (s, None),
            15 => s
                .split_at_checked(13)
                .map(|(number, key)| (number, Some(key)))
                .ok_or(FORM)?,
            _ => return Err(FORM),
        };
        let number: [u8; 13] = number.as_bytes().try_into().map_err(|_| FORM)?;
        let expected = key_of(&number)?;
        if let Some(key) = key
            && key.as_bytes() != expected
        {
            let digits = key.bytes().all(|b| b.is_ascii_digit());
            return Err(if digits {
                IdentifierError::CheckDigit
            } else {
                FORM
            });
        }
        let mut nir = Self([b'0'; 15]);
        for (to, from) in nir.0.iter_mut().zip(number.into_iter().chain(expected)) {
            *to = from;
        }
        Ok(nir)
    }
}

/// Computes 97 − (N mod 97). Corsica's `2A` and `2B` count as 19 and 18 and stand at the place of
/// the department only.
fn key_of(number: &[u8; 13]) -> Result<[u8; 2], IdentifierError> {
    let mut digits = *number;
    if let [_, _, _, _, _, tens @ b'2', units @ (b'A' | b'B'), ..] = &mut digits {
        *tens = b'1';
        *units = if *units == b'A' { b'9' } else { b'8' };
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(FORM);
    }
    let remainder = digits
        .iter()
        .fold(0_u64, |n, d| n * 10 + u64::from(d - b'0'))
        % 97;
    digits.zeroize();
    let key = u8::try_from(97 - remainder).map_err(|_| FORM)?;
    Ok([b'0' + key / 10, b'0' + key % 10])
}

impl fmt::Debug for Nir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Nir {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_numbers_are_valid() {
        for text in [
            "205049399999992",
            "109022A99999771",
            "106112B99999897",
            "101010100100153",
        ] {
            assert_eq!(text.parse::<Nir>().unwrap().expose(), text);
        }
    }

    #[test]
    fn a_number_without_its_key_is_completed() {
        for text in ["205049399999992", "109022A99999771", "106112B99999897"] {
            assert_eq!(
                text.get(..13).unwrap().parse::<Nir>().unwrap().expose(),
                text
            );
        }
    }

    #[test]
    fn a_wrong_key_is_told_from_a_wrong_form() {
        assert_eq!(
            "205049399999993".parse::<Nir>(),
            Err(IdentifierError::CheckDigit)
        );
        for text in [
            "",
            "2050493999999",
            "20504939999999",
            "109023A99999771",
            "A09022A99999771",
            "20504939999999X",
            "2050493999999X2",
            "é0504939999999",
            "109022a99999771",
        ] {
            let read = text.parse::<Nir>();
            assert!(
                read.is_ok() == (text.len() == 13 && text.is_ascii()),
                "{text}"
            );
        }
    }

    #[test]
    fn every_print_shows_a_mask_and_nothing_else() {
        let nir: Nir = "109022A99999771".parse().unwrap();
        assert_eq!(format!("{nir:?}"), "***");
        assert_eq!(serde_json::to_string(&nir).unwrap(), "\"***\"");
    }

    #[test]
    fn the_parts_are_where_the_rules_look_for_them() {
        let nir: Nir = "109022A99999771".parse().unwrap();
        assert_eq!(nir.first_digit(), "1");
        assert_eq!(nir.birth_year(), "09");
        assert_eq!(nir.birth_month(), "02");
        assert_eq!(nir.birth_departement(), "2A");
        assert_eq!(nir.birth_departement_overseas(), "2A9");
    }
}
