//! What a line of an invoice pays (protocol §6.10).

use serde::{Deserialize, Serialize};

/// What a line of an invoice pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Nature {
    /// Tuition.
    #[serde(rename = "PEDAGOGIE")]
    Pedagogie,
    /// The disability supplement.
    #[serde(rename = "MAJORATION_RQTH")]
    MajorationRqth,
    /// First equipment.
    #[serde(rename = "PREMIEREQUIPEMENT")]
    PremierEquipement,
    /// Meals.
    #[serde(rename = "RESTAURATION")]
    Restauration,
    /// Nights.
    #[serde(rename = "HEBERGEMENT")]
    Hebergement,
    /// International mobility.
    #[serde(rename = "MOBILITE")]
    Mobilite,
}

/// Those that are no part of an échéance's amount.
pub(crate) const ANNEXES: [Nature; 4] = [
    Nature::Restauration,
    Nature::Hebergement,
    Nature::PremierEquipement,
    Nature::Mobilite,
];

impl Nature {
    /// Returns the word on the wire.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Pedagogie => "PEDAGOGIE",
            Self::MajorationRqth => "MAJORATION_RQTH",
            Self::PremierEquipement => "PREMIEREQUIPEMENT",
            Self::Restauration => "RESTAURATION",
            Self::Hebergement => "HEBERGEMENT",
            Self::Mobilite => "MOBILITE",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        [Self::Pedagogie, Self::MajorationRqth]
            .into_iter()
            .chain(ANNEXES)
            .find(|nature| nature.wire() == word)
    }

    pub(crate) fn is_annexe(self) -> bool {
        ANNEXES.contains(&self)
    }
}
