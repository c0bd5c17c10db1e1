//! The SIRO index: France compétences' open table SIRET → OPCO as one memory-mapped file.
//!
//! [`import`] reads the public file and refuses a bad one, [`build`] lays it out and writes it
//! beside, [`Index`] answers from the mapped file without allocating or locking, [`Holder`] swaps
//! a new file in, [`diff`] says what a new file changes. What the answer *means* for a contract
//! is decided by the gateway's routing, not here.
//!
//! Layout (version 1, little endian): a header of 512 bytes, the table of distinct (owner,
//! manager, IDCC), a directory over the leading bits of the keys, and the sorted entries of 64
//! bits: the 47 bits of the SIRET, then the 16 bits of its row in the table. All fourteen digits
//! are in the key, because La Poste's check digit does not follow from the other thirteen.

pub mod build;
pub mod diff;
mod guard;
mod holder;
pub mod import;
mod index;
mod layout;
mod sample;
#[cfg(test)]
mod tests;

use std::fmt;

use domain::Opco;

pub use self::guard::{GuardError, compare};
pub use self::holder::{Holder, ReloadError};
pub use self::index::{Company, Hit, Index, OpenError, Shares};
pub use self::layout::{About, Damaged};
pub use self::sample::{ATTRIBUTION, LICENCE, sample};

/// The code of a collective agreement as the index keeps it: 0 to 9999, shown with four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdccCode(u16);

impl IdccCode {
    /// Takes a number of at most four digits.
    pub fn new(number: u16) -> Option<Self> {
        (number <= 9999).then_some(Self(number))
    }

    /// Reads one to four digits, or five with a leading zero as newer official files write them;
    /// blanks around are ignored (data notes: `1486  `, `01596`).
    pub fn read(text: &[u8]) -> Option<Self> {
        let digits = text.trim_ascii();
        if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = digits
            .iter()
            .fold(0_u32, |n, digit| n * 10 + u32::from(digit - b'0'));
        u16::try_from(number).ok().and_then(Self::new)
    }

    /// Returns the number.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for IdccCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// What the table says of one establishment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The OPCO that owns the employer (`OPCO_PROPRIETAIRE`); absent on 3.4 % of the lines.
    pub owner: Option<Opco>,
    /// The OPCO that manages for the owner (`OPCO_GESTION`), overseas only.
    pub manager: Option<Opco>,
    /// The agreement the employer declared.
    pub idcc: Option<IdccCode>,
}
