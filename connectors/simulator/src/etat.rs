//! The states of a dossier and the ways between them (protocol §8).

use serde::{Deserialize, Serialize};

/// A version of the norm, as in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// `/v1/…`
    V1,
    /// `/v2/…`
    V2,
}

/// The state of a dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Etat {
    /// Received.
    Transmis,
    /// Under review.
    EnCoursInstruction,
    /// Financed.
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

impl Etat {
    /// Returns the word on the wire: version 2 shortens a termination.
    pub fn wire(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Transmis, _) => "TRANSMIS",
            (Self::EnCoursInstruction, _) => "EN_COURS_INSTRUCTION",
            (Self::Engage, _) => "ENGAGE",
            (Self::Refuse, _) => "REFUSE",
            (Self::Annule, _) => "ANNULE",
            (Self::Rupture, Version::V1) => "RUPTURE",
            (Self::Rupture, Version::V2) => "RUPTU",
            (Self::Solde, _) => "SOLDE",
        }
    }

    /// Returns whether a dossier may go from here to there.
    pub fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Transmis => matches!(next, Self::EnCoursInstruction | Self::Annule),
            Self::EnCoursInstruction => {
                matches!(next, Self::Engage | Self::Refuse | Self::Annule)
            }
            Self::Engage => matches!(next, Self::Rupture | Self::Solde | Self::Annule),
            Self::Rupture => next == Self::Solde,
            Self::Refuse | Self::Annule | Self::Solde => false,
        }
    }

    /// Returns whether a new contract with the same pairing key is not a double.
    pub(crate) fn leaves_room(self) -> bool {
        matches!(self, Self::Refuse | Self::Annule)
    }

    /// Returns whether the OPCO has committed money, so that a schedule exists.
    pub(crate) fn has_schedule(self) -> bool {
        matches!(self, Self::Engage | Self::Rupture | Self::Solde)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Etat; 7] = [
        Etat::Transmis,
        Etat::EnCoursInstruction,
        Etat::Engage,
        Etat::Refuse,
        Etat::Annule,
        Etat::Rupture,
        Etat::Solde,
    ];

    #[test]
    fn the_ways_are_those_of_the_protocol_and_no_other() {
        let ways: Vec<String> = ALL
            .iter()
            .flat_map(|from| ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.leads_to(*to))
            .map(|(from, to)| format!("{} {}", from.wire(Version::V1), to.wire(Version::V1)))
            .collect();
        assert_eq!(
            ways,
            [
                "TRANSMIS EN_COURS_INSTRUCTION",
                "TRANSMIS ANNULE",
                "EN_COURS_INSTRUCTION ENGAGE",
                "EN_COURS_INSTRUCTION REFUSE",
                "EN_COURS_INSTRUCTION ANNULE",
                "ENGAGE ANNULE",
                "ENGAGE RUPTURE",
                "ENGAGE SOLDE",
                "RUPTURE SOLDE",
            ]
        );
    }

    #[test]
    fn a_termination_is_spelled_by_version() {
        assert_eq!(Etat::Rupture.wire(Version::V2), "RUPTU");
        assert_eq!(
            serde_json::to_value(Etat::EnCoursInstruction).unwrap(),
            "EN_COURS_INSTRUCTION"
        );
    }
}
