//! The states of a dossier: as OPCOs spell them, and as we do (protocol §8).

use crate::opco::words;

/// Where a dossier stands at its OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Etat {
    /// Received.
    Transmis,
    /// Under review.
    EnCoursInstruction,
    /// All conditions met: financed.
    Engage,
    /// Not eligible.
    Refuse,
    /// Cancelled by the OPCO.
    Annule,
    /// Terminated early.
    Rupture,
    /// Fully paid.
    Solde,
}

words!(Etat {
    Transmis = "TRANSMIS",
    EnCoursInstruction = "EN_COURS_INSTRUCTION",
    Engage = "ENGAGE",
    Refuse = "REFUSE",
    Annule = "ANNULE",
    Rupture = "RUPTURE",
    Solde = "SOLDE",
});

impl Etat {
    /// Reads a state as an OPCO spelled it, or nothing when it is one we do not know.
    ///
    /// Three spellings of termination are seen, one of them a misprint of the norm itself.
    pub fn read(raw: &str) -> Option<Self> {
        let word = raw.trim().to_ascii_uppercase();
        if word.starts_with("RUP") || word == "RUTPURE" {
            return Some(Self::Rupture);
        }
        word.parse().ok()
    }

    /// Returns whether the same contract may be filed again: the OPCO will not finance this one.
    pub fn reopens(self) -> bool {
        matches!(self, Self::Refuse | Self::Annule)
    }

    /// Returns whether the OPCO changes nothing any more (protocol §8).
    pub fn is_final(self) -> bool {
        matches!(self, Self::Refuse | Self::Annule | Self::Solde)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_termination_is_one_state() {
        for raw in ["RUPTURE", "RUPTU", "RUTPURE", " rupture "] {
            assert_eq!(Etat::read(raw), Some(Etat::Rupture));
        }
    }

    #[test]
    fn an_unknown_state_is_not_guessed() {
        assert_eq!(Etat::read("INCOMPLET"), None);
        assert_eq!(Etat::read(""), None);
    }
}
