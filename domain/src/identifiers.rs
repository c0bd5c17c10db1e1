//! The identifiers of the norm as parsed types (rules §1): whoever holds one holds a valid value.
//!
//! SIREN and SIRET have a module of their own, [`crate::siret`]. The NIR and the IBAN are masked in
//! every print; their clear text is handed out by `expose` only.

mod ascii;
mod codes;
mod deca;
mod iban;
mod nir;
mod places;
mod spelled;
mod uai;

use thiserror::Error;

pub use self::codes::{CodeDiplome, Idcc, Naf, Rncp};
pub use self::deca::Deca;
pub use self::iban::Iban;
pub use self::nir::Nir;
pub use self::places::{CodePostal, Departement, Telephone};
pub use self::spelled::{date_at, holds_number, number_at, without_numbers};
pub use self::uai::Uai;

/// Why a text is not the identifier asked for. It never quotes the text, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// The form is not the one expected.
    #[error("expected {expected}")]
    Form {
        /// The form expected, in words.
        expected: &'static str,
    },
    /// The form is right and the check digit, key or letter is not.
    #[error("wrong check digit")]
    CheckDigit,
}
