//! The invoice, and the credit note that has its form (protocol §10, §13).

use jiff::civil::Date;

use super::whole;
use crate::form::block::block;
use crate::form::values::worded;
use crate::form::{Montant, Quantite};
use crate::identifiers::{Deca, Iban};
use crate::opco::words;
use crate::siret::Siret;

/// What a line of an invoice pays for (protocol §6.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatureLigne {
    /// Tuition.
    Pedagogie,
    /// First equipment.
    PremierEquipement,
    /// Meals.
    Restauration,
    /// Nights.
    Hebergement,
    /// Stay abroad.
    Mobilite,
    /// Disability supplement.
    MajorationRqth,
}

words!(NatureLigne {
    Pedagogie = "PEDAGOGIE",
    PremierEquipement = "PREMIEREQUIPEMENT",
    Restauration = "RESTAURATION",
    Hebergement = "HEBERGEMENT",
    Mobilite = "MOBILITE",
    MajorationRqth = "MAJORATION_RQTH",
});
worded!(NatureLigne);

impl NatureLigne {
    /// Reads a nature as an OPCO spelled it: case, blanks and underscores vary (protocol §7).
    pub fn read(raw: &str) -> Option<Self> {
        let bare = |text: &str| -> String {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|c| c.to_ascii_uppercase()).collect()
        };
        let wanted = bare(raw);
        let mut all = Self::ALL.iter().copied();
        all.find(|nature| bare(nature.as_str()) == wanted)
    }

    /// Returns whether the schedule itself pays it, and not an ancillary grant.
    pub fn is_scheduled(self) -> bool {
        matches!(self, Self::Pedagogie | Self::MajorationRqth)
    }
}

/// What a payload of the invoice's form is. The norm's own format of a credit note is not known
/// (protocol §13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeFacture {
    /// An invoice.
    Facture,
    /// A credit note.
    Avoir,
}

words!(TypeFacture { Facture = "FACTURE", Avoir = "AVOIR" });
worded!(TypeFacture);

block! {
    /// An invoice: the part `facture`.
    Facture ("un objet") {
        /// The CFA's own number, unique for its establishment.
        pub numero: Option<String> = "numero", "numéro de la facture";
        /// Day of issue.
        pub date_emission: Option<Date> = "dateEmission", "date d'émission";
        /// The sum of the lines.
        pub montant_total: Option<Montant> = "montantTotal", "montant total",
            within((-100_000_000, 100_000_000));
        /// The account to be paid, masked in every print.
        pub iban_emetteur: Option<Iban> = "ibanEmetteur", "IBAN de l'émetteur";
        /// The establishment to be paid.
        pub siret_emetteur: Option<Siret> = "siretEmetteur", "SIRET de l'émetteur", rule("IDT-002");
        /// The file holds the certificate of completion too.
        pub est_certificat_realisation: Option<bool> =
            "estCertificatRealisation", "certificat de réalisation inclus";
        /// The lines, in the order given.
        pub lignes: Vec<Ligne> = "lignes", "lignes de la facture";
        /// Invoice or credit note.
        pub type_facture: Option<TypeFacture> = "typeFacture", "type de facture";
        /// The invoice that a credit note corrects.
        pub numero_facture_origine: Option<String> =
            "numeroFactureOrigine", "numéro de la facture d'origine";
    }
}
whole!(Facture, "facture", "corps de la requête");

block! {
    /// One line of an invoice. It carries its own dossier, so that an invoice may hold several.
    Ligne ("un objet") {
        /// The whole amount of the line.
        pub montant: Option<Montant> = "montant", "montant de la ligne",
            within((-100_000_000, 100_000_000));
        /// What it pays for.
        pub nature_ligne: Option<NatureLigne> = "natureLigne", "nature de la ligne";
        /// How many.
        pub quantite: Option<Quantite> = "quantite", "quantité de la ligne",
            within((-1_000_000, 1_000_000));
        /// The number of the échéance it bills.
        pub numero_echeance: Option<i64> = "numeroEcheance", "numéro d'échéance", within((0, 9_999));
        /// The OPCO's own label of that échéance, echoed back unchanged.
        pub codification_echeance: Option<String> =
            "codificationEcheance", "codification de l'échéance", number_too();
        /// Deposit number of the contract; an odd form is a warning, so the text is kept as it came.
        pub numero_deca: Option<String> = "numeroDeca", "numéro DECA", check(is_deca);
        /// The OPCO's business number of the contract (`numeroExterne`).
        pub numero_dossier: Option<String> = "numeroDossier", "numéro externe du dossier";
    }
}

/// Says whether a text is a DECA number (ALG-DECA).
pub(super) fn is_deca(text: &str) -> bool {
    text.parse::<Deca>().is_ok()
}

impl Facture {
    /// Returns whether it gives money back: it says so, or its total is negative.
    pub fn is_avoir(&self) -> bool {
        self.type_facture == Some(TypeFacture::Avoir)
            || self.montant_total.is_some_and(|total| total.cents < 0)
    }

    /// Returns the sum of the lines in cents; nothing when a line has no amount.
    pub fn sum_of_lines(&self) -> Option<i64> {
        self.lignes.iter().try_fold(0_i64, |sum, ligne| {
            ligne
                .montant
                .and_then(|montant| sum.checked_add(montant.cents))
        })
    }
}
