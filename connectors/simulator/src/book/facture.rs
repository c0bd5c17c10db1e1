//! One invoice: what was sent, and what became of it. Its life is computed from instants, so that
//! reading it changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::nature::Nature;
use crate::settings::Payment;

/// The state of an invoice (protocol §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EtatFacture {
    /// Received.
    Transmis,
    /// Under review.
    EnCoursInstruction,
    /// Paid.
    Regle,
    /// Refused after it was received.
    Rejete,
    /// Cancelled by a credit note.
    Annule,
}

impl EtatFacture {
    /// Returns the word on the wire.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Transmis => "TRANSMIS",
            Self::EnCoursInstruction => "EN_COURS_INSTRUCTION",
            Self::Regle => "REGLE",
            Self::Rejete => "REJETE",
            Self::Annule => "ANNULE",
        }
    }

    /// Returns whether nothing more will become of it.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Regle | Self::Rejete | Self::Annule)
    }
}

/// A line, as the OPCO has understood it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LigneRetenue {
    /// The dossier's technical number.
    pub dossier: u64,
    /// The number of the échéance.
    pub echeance: u32,
    /// What it pays.
    pub nature: Nature,
    /// How much.
    pub cents: i32,
}

/// What someone, or a credit note, has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) etat: EtatFacture,
    pub(crate) at: i64,
    pub(crate) motif: Option<String>,
}

/// An invoice or a credit note.
#[derive(Clone)]
pub(crate) struct Facture {
    pub(crate) numero: u64,
    pub(crate) reference: String,
    pub(crate) siret: String,
    pub(crate) iban: String,
    pub(crate) key: Arc<str>,
    pub(crate) lignes: Vec<LigneRetenue>,
    pub(crate) accepted_ms: i64,
    pub(crate) pace: Payment,
    /// When what its payment waits for was there; `None` while it waits.
    pub(crate) certified_ms: Option<i64>,
    /// Whether ancillary costs stay under review when tuition is paid.
    pub(crate) partial: bool,
    /// Why it will be refused later, if it will.
    pub(crate) late_refusal: Option<String>,
    pub(crate) decision: Option<Decision>,
    /// The invoice that this credit note is about.
    pub(crate) origine: Option<usize>,
    /// Whether it cancelled an unpaid invoice, so that no money moves.
    pub(crate) netted: bool,
    /// Whether the ledger holds it: until then nobody sees it.
    pub(crate) durable: bool,
}

fn after(from: i64, ms: Option<u32>) -> Option<i64> {
    Some(from.saturating_add(i64::from(ms?.max(1))))
}

impl Facture {
    pub(crate) fn total_cents(&self) -> i32 {
        let sum = |sum: i32, ligne: &LigneRetenue| sum.saturating_add(ligne.cents);
        self.lignes.iter().fold(0, sum)
    }

    pub(crate) fn numero_interne(&self) -> String {
        self.numero.to_string()
    }

    fn reviewed_ms(&self) -> Option<i64> {
        after(self.accepted_ms, self.pace.instruction_ms)
    }

    /// Returns when the OPCO comes to its end by itself.
    fn settled_ms(&self) -> Option<i64> {
        let from = self.reviewed_ms()?.max(self.certified_ms?);
        after(from, self.pace.payment_ms)
    }

    /// Returns when a line of this nature has been paid, if it has.
    pub(crate) fn paid_ms(&self, nature: Nature, now_ms: i64) -> Option<i64> {
        let by_itself = || {
            let settled = self.settled_ms()?;
            match () {
                () if self.late_refusal.is_some() => None,
                () if self.partial && nature.is_annexe() => after(settled, self.pace.rest_ms),
                () => Some(settled),
            }
        };
        let at = match &self.decision {
            Some(decision) if decision.etat == EtatFacture::Regle => Some(decision.at),
            Some(_) => None,
            None => by_itself(),
        };
        at.filter(|at| *at <= now_ms)
    }

    pub(crate) fn etat(&self, now_ms: i64) -> EtatFacture {
        let come = |at: Option<i64>| at.is_some_and(|at| at <= now_ms);
        if let Some(decision) = &self.decision {
            return decision.etat;
        }
        let paid = |ligne: &LigneRetenue| self.paid_ms(ligne.nature, now_ms).is_some();
        if self.late_refusal.is_some() && come(self.settled_ms()) {
            EtatFacture::Rejete
        } else if self.lignes.iter().all(paid) {
            EtatFacture::Regle
        } else if come(self.reviewed_ms()) {
            EtatFacture::EnCoursInstruction
        } else {
            EtatFacture::Transmis
        }
    }

    /// Returns when the whole of it was paid, if it was.
    pub(crate) fn wholly_paid_ms(&self, now_ms: i64) -> Option<i64> {
        let last = self
            .lignes
            .iter()
            .map(|ligne| self.paid_ms(ligne.nature, now_ms));
        last.collect::<Option<Vec<i64>>>()?.into_iter().max()
    }

    /// Returns what the OPCO says about it.
    pub(crate) fn commentaire(&self, now_ms: i64) -> Option<String> {
        if let Some(decision) = &self.decision {
            return decision.motif.clone();
        }
        match self.etat(now_ms) {
            EtatFacture::Rejete => self.late_refusal.clone(),
            EtatFacture::EnCoursInstruction if self.certified_ms.is_none() => {
                Some("En attente du certificat de réalisation".to_owned())
            }
            EtatFacture::EnCoursInstruction
                if self.partial && self.paid_ms(Nature::Pedagogie, now_ms).is_some() =>
            {
                Some("Règlement partiel : frais annexes en cours d'instruction".to_owned())
            }
            _ => None,
        }
    }
}
