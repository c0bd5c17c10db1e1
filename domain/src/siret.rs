//! SIREN and SIRET: who a company is, and which of its establishments (rules ALG-LUHN, ALG-POSTE).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The SIREN of La Poste, whose establishments follow a rule of their own (ALG-POSTE).
const LA_POSTE: &str = "356000000";

/// A company number: nine digits with a Luhn check digit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Siren([u8; 9]);

/// An establishment number: a SIREN and five more digits, Luhn over all fourteen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Siret([u8; 14]);

/// Why a text is not a SIREN or a SIRET.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SiretError {
    /// Not the right number of digits, or something that is no digit.
    #[error("expected {expected} digits")]
    Form {
        /// How many digits were expected.
        expected: usize,
    },
    /// The check digit does not agree.
    #[error("wrong check digit")]
    CheckDigit,
}

impl Siren {
    /// Returns the nine digits.
    pub fn as_str(&self) -> &str {
        text(&self.0)
    }
}

impl Siret {
    /// Returns the fourteen digits.
    pub fn as_str(&self) -> &str {
        text(&self.0)
    }

    /// Returns the company the establishment belongs to.
    pub fn siren(&self) -> Siren {
        let mut siren = [0; 9];
        for (to, from) in siren.iter_mut().zip(self.0) {
            *to = from;
        }
        Siren(siren)
    }

    /// Returns the digits as a number, as the mapped index keeps them.
    pub fn as_u64(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
    }
}

impl FromStr for Siren {
    type Err = SiretError;

    fn from_str(s: &str) -> Result<Self, SiretError> {
        let digits: [u8; 9] = digits(s)?;
        if luhn(&digits) {
            Ok(Self(digits))
        } else {
            Err(SiretError::CheckDigit)
        }
    }
}

impl FromStr for Siret {
    type Err = SiretError;

    fn from_str(s: &str) -> Result<Self, SiretError> {
        let digits: [u8; 14] = digits(s)?;
        let siret = Self(digits);
        let poste = siret.siren().as_str() == LA_POSTE
            && digits
                .iter()
                .map(|d| u32::from(d - b'0'))
                .sum::<u32>()
                .is_multiple_of(5);
        if !luhn(&siret.siren().0) || !(luhn(&digits) || poste) {
            return Err(SiretError::CheckDigit);
        }
        Ok(siret)
    }
}

macro_rules! text_forms {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }

        impl TryFrom<String> for $name {
            type Error = SiretError;

            fn try_from(value: String) -> Result<Self, SiretError> {
                value.parse()
            }
        }
    };
}

text_forms!(Siren);
text_forms!(Siret);

fn digits<const N: usize>(s: &str) -> Result<[u8; N], SiretError> {
    let bytes: [u8; N] = s
        .as_bytes()
        .try_into()
        .map_err(|_| SiretError::Form { expected: N })?;
    if bytes.iter().all(u8::is_ascii_digit) {
        Ok(bytes)
    } else {
        Err(SiretError::Form { expected: N })
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let n = u32::from(digit - b'0') << (place % 2);
            if n > 9 { n - 9 } else { n }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The bytes are ASCII digits by construction, so the fallback is never met.
fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_numbers_are_valid() {
        for siret in [
            "12345678200010",
            "98765432400019",
            "98765432400027",
            "11122237800015",
        ] {
            assert_eq!(siret.parse::<Siret>().unwrap().as_str(), siret);
        }
        assert!("123456782".parse::<Siren>().is_ok());
        assert_eq!("123456789".parse::<Siren>(), Err(SiretError::CheckDigit));
    }

    #[test]
    fn a_wrong_check_digit_is_refused() {
        assert_eq!(
            "12345678200011".parse::<Siret>(),
            Err(SiretError::CheckDigit)
        );
        assert_eq!(
            "1234567820001".parse::<Siret>(),
            Err(SiretError::Form { expected: 14 })
        );
        assert_eq!(
            "1234567820001O".parse::<Siret>(),
            Err(SiretError::Form { expected: 14 })
        );
    }

    #[test]
    fn la_poste_follows_its_own_rule() {
        for good in [
            "35600000000048",
            "35600000049837",
            "35600000009075",
            "35600000009093",
        ] {
            assert!(good.parse::<Siret>().is_ok(), "{good}");
        }
        for bad in ["35600000049838", "35600000009090"] {
            assert!(bad.parse::<Siret>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_siret_knows_its_siren_and_its_number() {
        let siret: Siret = "03895055600019".parse().unwrap();
        assert_eq!(siret.siren().as_str(), "038950556");
        assert_eq!(siret.as_u64(), 3_895_055_600_019);
    }
}
