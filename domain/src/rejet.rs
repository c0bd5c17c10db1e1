//! The twelve refusals of an invoice that the inter-OPCO FAQ lists (protocol §15): what each means, who
//! must act, and how to know it from an OPCO's words.

mod advice;
mod lexicon;
mod outline;

use serde::Serialize;

use self::advice::ADVICE;
pub use self::lexicon::{Keywords, Lexicon, Sorted};
pub use self::outline::outline;
use crate::opco::words;

/// Why an OPCO refuses an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejet {
    /// It already has an invoice of that number.
    FactureDejaConnue,
    /// The account is not the one of the échéance.
    IbanDifferentEcheance,
    /// The ancillary costs exceed their cap or what is granted.
    FraisAnnexesPlafondDepasse,
    /// There is no account.
    IbanEmetteurAbsent,
    /// The amount of an échéance is not the one expected.
    MontantEcheanceInattendu,
    /// It does not know the establishment to be paid.
    SiretEmetteurInconnu,
    /// The establishment to be paid is not the one of the échéance.
    SiretDifferentEcheance,
    /// A line names no dossier.
    NumeroExterneAbsent,
    /// The échéance is not open yet.
    EcheanceNonOuverte,
    /// The amount is not the one expected.
    MontantInattendu,
    /// The total is not the sum of the lines.
    TotalDifferentSommeLignes,
    /// It does not know the échéance.
    EcheanceInconnue,
}

words!(Rejet {
    FactureDejaConnue = "FACTURE_DEJA_CONNUE",
    IbanDifferentEcheance = "IBAN_DIFFERENT_ECHEANCE",
    FraisAnnexesPlafondDepasse = "FRAIS_ANNEXES_PLAFOND_DEPASSE",
    IbanEmetteurAbsent = "IBAN_EMETTEUR_ABSENT",
    MontantEcheanceInattendu = "MONTANT_ECHEANCE_INATTENDU",
    SiretEmetteurInconnu = "SIRET_EMETTEUR_INCONNU",
    SiretDifferentEcheance = "SIRET_DIFFERENT_ECHEANCE",
    NumeroExterneAbsent = "NUMERO_EXTERNE_ABSENT",
    EcheanceNonOuverte = "ECHEANCE_NON_OUVERTE",
    MontantInattendu = "MONTANT_INATTENDU",
    TotalDifferentSommeLignes = "TOTAL_DIFFERENT_SOMME_LIGNES",
    EcheanceInconnue = "ECHEANCE_INCONNUE",
});

/// Who must act on a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The training centre, in its software.
    Cfa,
    /// The training centre together with the OPCO.
    CfaAvecOpco,
    /// Whoever manages the keys of the network.
    GestionnaireCles,
    /// The gateway, by itself.
    Passerelle,
}

words!(Actor {
    Cfa = "cfa",
    CfaAvecOpco = "cfa_avec_opco",
    GestionnaireCles = "gestionnaire_cles",
    Passerelle = "passerelle",
});

/// Whether sending again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resend {
    /// The OPCO has it: look, do not send.
    Never,
    /// The same invoice passes later, by itself.
    Later,
    /// The same invoice passes once something outside it is mended.
    OnceMended,
    /// Only a corrected invoice passes.
    Corrected,
}

words!(Resend {
    Never = "never",
    Later = "later",
    OnceMended = "once_mended",
    Corrected = "corrected",
});

/// All that is said of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What is wrong, in French.
    pub message: &'static str,
    /// What to do, in French.
    pub remedy: &'static str,
    /// Who must act.
    pub actor: Actor,
    /// Whether sending again helps.
    pub resend: Resend,
    /// The rules that foresee it; none can where only the OPCO knows.
    pub rules: &'static [&'static str],
}

impl Rejet {
    /// Returns all that is said of the refusal. Every one has its row: a test looks.
    pub fn advice(self) -> Advice {
        let [(_, first), ..] = &ADVICE;
        let mut rows = ADVICE.iter();
        rows.find(|(rejet, _)| *rejet == self)
            .map_or(*first, |(_, advice)| *advice)
    }
}

#[cfg(test)]
mod tests;
