//! Dossiers and money in the words people read, in French and in English.

use crate::deadline::Countdown;
use crate::echeancier::{Changed, EtatFacture};
use crate::etat::Etat;
use crate::orphan::{Fate, Mismatch};
use crate::person::Language;
use crate::reconciliation::Cause;

impl Etat {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Transmis => language.of("Transmis", "Received"),
            Self::EnCoursInstruction => language.of("En cours d'instruction", "Under review"),
            Self::Engage => language.of("Engagé", "Financed"),
            Self::Refuse => language.of("Refusé", "Refused"),
            Self::Annule => language.of("Annulé", "Cancelled"),
            Self::Rupture => language.of("Rompu", "Terminated early"),
            Self::Solde => language.of("Soldé", "Fully paid"),
        }
    }
}

impl EtatFacture {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Transmis => language.of("Transmise", "Received"),
            Self::EnCoursInstruction => language.of("En cours d'instruction", "Under review"),
            Self::RegleEnPartie => language.of("Réglée en partie", "Paid in part"),
            Self::Regle => language.of("Réglée", "Paid"),
            Self::Rejete => language.of("Rejetée", "Refused"),
            Self::Annule => language.of("Annulée", "Cancelled"),
            Self::Inconnu => language.of("Sans trace chez l'OPCO", "Not seen at the OPCO"),
        }
    }
}

impl Cause {
    /// Says why money is missing.
    pub fn name(self, language: Language) -> &'static str {
        let english = match self {
            Self::NotBilled => "open and not billed",
            Self::RefusedNotResent => "invoice refused and not sent again",
            Self::PaidPartially => "invoice paid in part",
            Self::BilledUnseen => "invoice sent, no trace of it at the OPCO",
            Self::PaidWithoutInvoice => "paid or under review without an invoice we know",
            Self::ScheduleChanged => "schedule changed after billing",
            Self::Overpaid => "paid or under review beyond what is due",
            Self::AboutToBeLost => "about to be lost: the last day to bill is near or past",
        };
        language.of(self.french(), english)
    }
}

impl Countdown {
    /// Says what falls on the day.
    pub fn name(self, language: Language) -> &'static str {
        let english = match self {
            Self::ContractToSend => "Last day to send the contract (5 working days).",
            Self::OpcoSilence => {
                "The OPCO has been silent for 20 days: the dossier counts as refused."
            }
            Self::EcheanceOpens => "The échéance opens to billing.",
            Self::EcheanceCloses => "Last day to bill the échéance.",
            Self::BalanceLost => {
                "Last day for the final invoice and certificate: beyond 4 months after the end of the \
                 contract the balance is no longer due."
            }
        };
        language.of(self.french(), english)
    }
}

impl Changed {
    /// Says what changed.
    pub fn name(self, language: Language) -> &'static str {
        let english = match self {
            Self::Added => "échéance added",
            Self::Removed => "échéance removed",
            Self::Reissued => "échéance issued again under the same number",
            Self::Codification => "label of the échéance",
            Self::Amount => "amount of the échéance",
            Self::Rqth => "disability supplement of the échéance",
            Self::Opening => "day the échéance opens",
            Self::PeriodStart => "start of the period",
            Self::PeriodEnd => "end of the period",
            Self::Paid => "amount paid",
            Self::UnderReview => "amount under review",
            Self::CfaSiret => "SIRET of the centre to be paid",
            Self::Account => "bank account the OPCO knows",
            Self::Engagement => "amount committed",
            Self::Granted => "ancillary costs granted",
            Self::Settled => "ancillary costs settled",
        };
        language.of(self.french(), english)
    }
}

impl Mismatch {
    /// Says what differs.
    pub fn name(self, language: Language) -> &'static str {
        let english = match self {
            Self::Spelling => "spelling of the names (accents, case, hyphens, particles)",
            Self::Names => "names that differ or are swapped",
            Self::BirthDate => "another birth date",
            Self::EmployerSiret => "another SIRET of the employer",
            Self::StartDate => "another first day of the contract",
            Self::CfaSiret => "another SIRET of the training centre",
        };
        language.of(self.french(), english)
    }
}

impl Fate {
    /// Returns what people call it.
    pub fn name(self, language: Language) -> &'static str {
        match self {
            Self::Open => language.of("À décider", "To be decided"),
            Self::Adopted => language.of("Adopté", "Adopted"),
            Self::Ignored => language.of("Écarté", "Ignored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_in_both_languages_and_differs() {
        for (fr, en) in Cause::ALL
            .iter()
            .map(|one| (one.name(Language::Fr), one.name(Language::En)))
            .chain(
                Changed::ALL
                    .iter()
                    .map(|one| (one.name(Language::Fr), one.name(Language::En))),
            )
            .chain(
                Countdown::ALL
                    .iter()
                    .map(|one| (one.name(Language::Fr), one.name(Language::En))),
            )
        {
            assert!(!fr.is_empty() && !en.is_empty());
            assert_ne!(fr, en);
        }
    }
}
