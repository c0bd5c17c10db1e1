//! The small index that ships with the gateway: real lines, enough for the demo and for trying.

use jiff::civil::date;

use super::layout::Damaged;
use super::{Index, import};

/// The attribution the licence of the table asks for, for answers drawn from the sample.
pub const ATTRIBUTION: &str = "Source : France compétences, Table SIRET-OPCO, data.gouv.fr, \
                               Licence Ouverte 2.0, fichier de juin 2026";
/// The same without a date, for a file of which only the index says which it is.
pub const LICENCE: &str =
    "Source : France compétences, Table SIRET-OPCO, data.gouv.fr, Licence Ouverte 2.0";

/// A few hundred real lines in the layout of the public file; see `data/README.md`.
const LINES: &[u8] = include_bytes!("../../data/siro_sample.csv");

/// Lays the sample out in memory, in well under a millisecond.
pub fn sample() -> Result<Index, Damaged> {
    let draft = import::read(LINES, true).map_err(|_| Damaged("échantillon embarqué illisible"))?;
    let bytes = draft.lay_out("siro-202606.csv (échantillon)", date(2026, 9, 24))?;
    Index::from_bytes(bytes).map(Index::into_sample)
}
