//! The state of an invoice: as an OPCO spells it in version 2, or derived from two readings of the
//! schedule where version 1 has no states (protocol §8).

use super::{Echeance, Echeancier};
use crate::opco::words;
use crate::payload::{Facture, Ligne};

/// Where an invoice stands at its OPCO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EtatFacture {
    /// Received.
    Transmis,
    /// Under review.
    EnCoursInstruction,
    /// Some of it is paid.
    RegleEnPartie,
    /// All of it is paid.
    Regle,
    /// Refused.
    Rejete,
    /// Cancelled by a credit note.
    Annule,
    /// The schedule tells nothing of it: refused, not taken, or not yet seen.
    Inconnu,
}

words!(EtatFacture {
    Transmis = "TRANSMIS",
    EnCoursInstruction = "EN_COURS_INSTRUCTION",
    RegleEnPartie = "REGLE_EN_PARTIE",
    Regle = "REGLE",
    Rejete = "REJETE",
    Annule = "ANNULE",
    Inconnu = "INCONNU",
});

impl EtatFacture {
    /// Reads a state as an OPCO spelled it, or nothing when it is one we do not know.
    pub fn read(raw: &str) -> Option<Self> {
        let word = crate::matching::bare(raw)
            .replace(' ', "_")
            .to_ascii_uppercase();
        match word.as_str() {
            "EMIS" | "EMISE" => Some(Self::Transmis),
            "PAYE" | "PAYEE" | "REGLEE" => Some(Self::Regle),
            "REJETEE" | "REFUSE" | "REFUSEE" => Some(Self::Rejete),
            "ANNULEE" => Some(Self::Annule),
            "INCONNU" => None,
            word => word.parse().ok(),
        }
    }

    /// Returns whether the invoice no longer counts as billed.
    pub fn is_void(self) -> bool {
        matches!(self, Self::Rejete | Self::Annule)
    }
}

/// How much of an invoice's scheduled lines is seen in a schedule since a former reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Movement {
    /// What the lines bill on the schedule, in cents; ancillary costs are not in it.
    pub billed_cents: i64,
    /// Of which newly paid.
    pub paid_cents: i64,
    /// Of which newly under review.
    pub under_review_cents: i64,
}

impl Movement {
    /// Returns whether all of it moved: the OPCO has the invoice.
    pub fn is_whole(self) -> bool {
        self.billed_cents > 0 && self.paid_cents + self.under_review_cents == self.billed_cents
    }

    /// Returns whether nothing of it moved.
    pub fn is_none(self) -> bool {
        self.paid_cents == 0 && self.under_review_cents == 0
    }
}

/// Measures how much of an invoice is seen in `after` that was not in `before`, the reading made
/// before it was sent. Only the lines of the dossier `numero_dossier` are looked at.
///
/// What another invoice moved on the same échéance cannot be told apart; it counts up to the amount
/// of this one.
pub fn movement(
    facture: &Facture,
    numero_dossier: &str,
    before: &Echeancier,
    after: &Echeancier,
) -> Movement {
    let mut movement = Movement::default();
    for (numero, billed) in scheduled(facture, numero_dossier) {
        let grown = |of: fn(&Echeance) -> i64| {
            sum(after, numero, of)
                .saturating_sub(sum(before, numero, of))
                .max(0)
        };
        let paid = grown(Echeance::paid_cents).min(billed);
        let under_review = grown(Echeance::under_review_cents).min(billed - paid);
        movement.billed_cents = movement.billed_cents.saturating_add(billed);
        movement.paid_cents = movement.paid_cents.saturating_add(paid);
        movement.under_review_cents = movement.under_review_cents.saturating_add(under_review);
    }
    movement
}

/// Derives the state of an invoice from a movement; `known` is what was derived before.
///
/// What was under review and is neither so nor paid any more was refused. What never moved may have
/// been refused, or not taken, or not yet seen.
pub fn derived(movement: Movement, known: Option<EtatFacture>) -> EtatFacture {
    let was_seen = matches!(
        known,
        Some(EtatFacture::EnCoursInstruction | EtatFacture::Rejete)
    );
    if movement.billed_cents > 0 && movement.paid_cents == movement.billed_cents {
        EtatFacture::Regle
    } else if movement.paid_cents > 0 {
        EtatFacture::RegleEnPartie
    } else if movement.under_review_cents > 0 {
        EtatFacture::EnCoursInstruction
    } else if was_seen {
        EtatFacture::Rejete
    } else {
        EtatFacture::Inconnu
    }
}

/// Sums the lines of a dossier that the schedule pays, échéance by échéance; credit lines are left
/// out, since a schedule only ever shows what is owed.
fn scheduled(facture: &Facture, numero_dossier: &str) -> Vec<(i64, i64)> {
    let of_dossier = |ligne: &&Ligne| {
        ligne.numero_dossier.as_deref() == Some(numero_dossier)
            && ligne
                .nature_ligne
                .is_some_and(super::NatureLigne::is_scheduled)
    };
    let mut sums: Vec<(i64, i64)> = Vec::new();
    for ligne in facture.lignes.iter().filter(of_dossier) {
        let (Some(numero), Some(montant)) = (ligne.numero_echeance, ligne.montant) else {
            continue;
        };
        match sums.iter_mut().find(|(known, _)| *known == numero) {
            Some((_, sum)) => *sum = sum.saturating_add(montant.cents),
            None => sums.push((numero, montant.cents)),
        }
    }
    sums.retain(|(_, sum)| *sum > 0);
    sums
}

fn sum(echeancier: &Echeancier, numero: i64, of: fn(&Echeance) -> i64) -> i64 {
    let lines = echeancier.echeances.iter();
    lines
        .filter(|line| line.numero == Some(numero))
        .fold(0, |sum: i64, line| sum.saturating_add(of(line)))
}
