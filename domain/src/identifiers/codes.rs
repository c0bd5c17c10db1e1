//! Codes without a check digit: certification, diploma, activity, collective agreement.

use std::str::FromStr;

use super::IdentifierError;
use super::ascii::{Ascii, text_forms};

/// A certification of the national register: `RNCP` and two to five digits (ALG-RNCP).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rncp(Ascii<9>);

/// A diploma code of the Education ministry: eight characters and sometimes a letter (ALG-CFD).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeDiplome(Ascii<9>);

/// An activity code: four digits and a letter, without the dot (ALG-NAF).
///
/// The text does not say which nomenclature it belongs to (rév. 2 or NAF 2025).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Naf(Ascii<5>);

/// A collective agreement: four digits, padded with zeros (ALG-IDCC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Idcc(Ascii<4>);

text_forms!(Rncp);
text_forms!(CodeDiplome);
text_forms!(Naf);
text_forms!(Idcc);

const PREFIX: &str = "RNCP";

impl Rncp {
    /// Returns the digits without the prefix, as some operators want them.
    pub fn digits(&self) -> &str {
        self.as_str().strip_prefix(PREFIX).unwrap_or_default()
    }
}

impl FromStr for Rncp {
    type Err = IdentifierError;

    /// Reads the code with or without its prefix, in any case.
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "RNCP and 2 to 5 digits",
        };
        let digits = match s.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => s,
        };
        if !(2..=5).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FORM);
        }
        Ascii::alphanumeric(&format!("{PREFIX}{digits}"))
            .map(Self)
            .ok_or(FORM)
    }
}

impl FromStr for CodeDiplome {
    type Err = IdentifierError;

    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "8 digits or capitals, then maybe a capital",
        };
        let shaped = s
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            && (s.len() == 8
                || (s.len() == 9 && s.bytes().last().is_some_and(|b| b.is_ascii_uppercase())));
        Ascii::alphanumeric(s)
            .filter(|_| shaped)
            .map(Self)
            .ok_or(FORM)
    }
}

impl FromStr for Naf {
    type Err = IdentifierError;

    /// Reads the code with or without its dot: `62.02A` is `6202A`.
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "4 digits and a capital",
        };
        let mut bytes = [0_u8; 5];
        let mut len = 0;
        for (place, byte) in s.bytes().enumerate() {
            if place == 2 && byte == b'.' {
                continue;
            }
            *bytes.get_mut(len).ok_or(FORM)? = byte;
            len += 1;
        }
        let [digits @ .., letter] = bytes;
        let shaped = digits.iter().all(u8::is_ascii_digit) && letter.is_ascii_uppercase();
        let text = std::str::from_utf8(&bytes).map_err(|_| FORM)?;
        Ascii::alphanumeric(text)
            .filter(|_| shaped)
            .map(Self)
            .ok_or(FORM)
    }
}

impl Idcc {
    /// Returns whether the code stands for no agreement: `9999` none, `9998` in negotiation, and the
    /// `0000` of files that had nothing to say.
    pub fn is_escape(&self) -> bool {
        matches!(self.as_str(), "9999" | "9998" | "0000")
    }
}

impl FromStr for Idcc {
    type Err = IdentifierError;

    /// Reads one to four digits, or the five that newer public files write (`01596`).
    fn from_str(s: &str) -> Result<Self, IdentifierError> {
        const FORM: IdentifierError = IdentifierError::Form {
            expected: "1 to 4 digits",
        };
        let digits = match s.strip_prefix('0') {
            Some(rest) if rest.len() == 4 => rest,
            _ => s,
        };
        if !(1..=4).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(FORM);
        }
        Ascii::alphanumeric(&format!("{digits:0>4}"))
            .map(Self)
            .ok_or(FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certification_is_read_with_or_without_its_prefix() {
        for text in ["RNCP38362", "38362", "rncp38362"] {
            let rncp: Rncp = text.parse().unwrap();
            assert_eq!(rncp.as_str(), "RNCP38362");
            assert_eq!(rncp.digits(), "38362");
        }
        for text in [
            "RNCP123456",
            "RNCP1",
            "RNCP",
            "",
            "RNCP38362BC01",
            "3836é",
            "RNC38362",
        ] {
            assert!(text.parse::<Rncp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_diploma_code_has_eight_characters_and_sometimes_a_letter() {
        for text in ["32031213", "4002330A", "32031213T"] {
            assert_eq!(text.parse::<CodeDiplome>().unwrap().as_str(), text);
        }
        for text in ["3203121", "320312139", "3203121a", "3203 213", ""] {
            assert!(text.parse::<CodeDiplome>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_activity_code_loses_its_dot() {
        assert_eq!("62.02A".parse::<Naf>().unwrap().as_str(), "6202A");
        assert_eq!("6202A".parse::<Naf>().unwrap().as_str(), "6202A");
        for text in [
            "6202", "6202a", "620.2A", "62..02A", "6202AA", "62.02", "", "ééé",
        ] {
            assert!(text.parse::<Naf>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_agreement_is_padded_to_four_digits() {
        for (text, padded) in [
            ("16", "0016"),
            ("1979", "1979"),
            ("01596", "1596"),
            ("0", "0000"),
        ] {
            assert_eq!(text.parse::<Idcc>().unwrap().as_str(), padded);
        }
        for text in ["", "15960", "011596", "IDCC", "-16"] {
            assert!(text.parse::<Idcc>().is_err(), "{text}");
        }
        assert!("9999".parse::<Idcc>().unwrap().is_escape());
        assert!(!"1596".parse::<Idcc>().unwrap().is_escape());
    }

    #[test]
    fn codes_travel_through_serde_as_texts() {
        let naf: Naf = serde_json::from_str("\"62.02A\"").unwrap();
        assert_eq!(serde_json::to_string(&naf).unwrap(), "\"6202A\"");
        assert!(serde_json::from_str::<Naf>("\"X\"").is_err());
    }
}
