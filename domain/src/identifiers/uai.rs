//! The school code of the Education ministry (ALG-UAI).

use std::str::FromStr;

use super::IdentifierError;
use super::ascii::{Ascii, text_forms};

/// A school code: seven digits and a check letter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uai(Ascii<8>);

text_forms!(Uai);

/// The check letters by remainder: the alphabet without I, O and Q.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";

impl FromStr for Uai {
    type Err = IdentifierError;

    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "7 digits and a capital",
        };
        let [digits @ .., letter] = s.as_bytes() else {
            return Err(FORM);
        };
        let shaped = digits.len() == 7
            && digits.iter().all(u8::is_ascii_digit)
            && letter.is_ascii_uppercase();
        if !shaped {
            return Err(FORM);
        }
        let remainder = digits
            .iter()
            .fold(0, |n, d| (n * 10 + usize::from(d - b'0')) % 23);
        if LETTERS.get(remainder) != Some(letter) {
            return Err(IdentifierError::CheckDigit);
        }
        Ascii::alphanumeric(s).map(Self).ok_or(FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_and_sample_codes_are_valid() {
        for text in ["0561910X", "0312755B", "0939999N", "0759998K"] {
            assert_eq!(text.parse::<Uai>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_wrong_letter_is_told_from_a_wrong_form() {
        assert_eq!("0939999A".parse::<Uai>(), Err(IdentifierError::CheckDigit));
        assert_eq!("0939999I".parse::<Uai>(), Err(IdentifierError::CheckDigit));
        for text in [
            "",
            "N",
            "093999N",
            "09399999",
            "0939999n",
            "093é99N",
            "00939999N",
        ] {
            assert!(
                matches!(text.parse::<Uai>(), Err(IdentifierError::Form { .. })),
                "{text}"
            );
        }
    }
}
