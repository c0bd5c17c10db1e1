//! Where people live, were born and can be called: postcode, department, telephone.

use std::str::FromStr;

use super::IdentifierError;
use super::ascii::{Ascii, text_forms};

/// A postcode: five digits (ALG-CP).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodePostal(Ascii<5>);

/// A department, or `99` for abroad, in any of its spellings (ALG-DEPT).
///
/// `1`, `01` and `001` are the same department, and so are `99` and `099`: values compare by
/// [`Departement::canonical`]. The text is the one given, padded to two characters.
#[derive(Clone, Copy)]
pub struct Departement(Ascii<3>);

/// A telephone number: maybe a `+`, then digits; eight to thirteen characters (ALG-TEL).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Telephone(String);

text_forms!(CodePostal);
text_forms!(Departement);
text_forms!(Telephone);

impl FromStr for CodePostal {
    type Err = IdentifierError;

    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "5 digits",
        };
        let shaped = s.len() == 5 && s.bytes().all(|b| b.is_ascii_digit());
        Ascii::alphanumeric(s)
            .filter(|_| shaped)
            .map(Self)
            .ok_or(FORM)
    }
}

impl Departement {
    /// Returns the spelling to compare by: two characters, three overseas, `99` abroad.
    pub fn canonical(&self) -> &str {
        match self.as_str() {
            padded if padded.len() == 3 => padded.strip_prefix('0').unwrap_or(padded),
            short => short,
        }
    }

    /// Returns whether the person was born outside France.
    pub fn is_abroad(&self) -> bool {
        self.canonical() == "99"
    }
}

impl FromStr for Departement {
    type Err = IdentifierError;

    /// Reads one to three digits, or Corsica's `2A` and `2B`, maybe after a zero.
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "1 to 3 digits, 2A or 2B",
        };
        let corsica = matches!(
            s.strip_prefix('0').unwrap_or(s).as_bytes(),
            [b'2', b'A' | b'B' | b'a' | b'b']
        );
        let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let padded = format!("{s:0>2}");
        Ascii::alphanumeric(&padded)
            .filter(|_| corsica || digits)
            .map(Self)
            .ok_or(FORM)
    }
}

impl PartialEq for Departement {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Departement {}

impl FromStr for Telephone {
    type Err = IdentifierError;

    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        let digits = s.strip_prefix('+').unwrap_or(s);
        let shaped = (8..=13).contains(&s.len())
            && (7..=12).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit());
        if shaped {
            Ok(Self(s.to_owned()))
        } else {
            Err(IdentifierError::Form {
                expected: "8 to 12 digits, or + and 7 to 12 digits",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postcode_has_five_digits() {
        assert_eq!("01000".parse::<CodePostal>().unwrap().as_str(), "01000");
        for text in ["1000", "010000", "2A000", "", "0100é"] {
            assert!(text.parse::<CodePostal>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_spellings_of_a_department_are_equal() {
        for (one, other) in [("1", "001"), ("01", "1"), ("2A", "02a"), ("99", "099")] {
            assert_eq!(one.parse::<Departement>(), other.parse::<Departement>());
        }
        assert_eq!("001".parse::<Departement>().unwrap().canonical(), "01");
        assert_eq!("971".parse::<Departement>().unwrap().canonical(), "971");
        assert_ne!("97".parse::<Departement>(), "971".parse::<Departement>());
        assert!("099".parse::<Departement>().unwrap().is_abroad());
    }

    #[test]
    fn a_department_is_written_as_it_was_given_but_for_its_padding() {
        for (given, written) in [("1", "01"), ("099", "099"), ("99", "99"), ("02a", "02A")] {
            assert_eq!(given.parse::<Departement>().unwrap().as_str(), written);
        }
    }

    #[test]
    fn what_is_no_department_is_refused() {
        for text in ["", "2C", "A2", "0971", "1 ", "12A", "é"] {
            assert!(text.parse::<Departement>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_telephone_has_eight_to_thirteen_characters() {
        for text in ["0199000001", "+33199000001", "12345678", "+1234567"] {
            assert_eq!(text.parse::<Telephone>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "1234567",
            "+123456",
            "01 99 00 00 01",
            "1234567890123",
            "++3319900",
        ] {
            assert!(text.parse::<Telephone>().is_err(), "{text}");
        }
    }
}
