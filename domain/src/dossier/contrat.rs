//! The contract itself: dates, hours, pay (protocol §6.7).

use jiff::civil::Date;

use crate::form::block::block;
use crate::form::values::worded;
use crate::form::{Montant, Taux};
use crate::identifiers::Deca;
use crate::opco::words;

/// What a rate of pay is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeSalaire {
    /// The legal minimum wage.
    Smic,
    /// The minimum wage of the branch.
    Smc,
}

words!(TypeSalaire { Smic = "SMIC", Smc = "SMC" });
worded!(TypeSalaire);

block! {
    /// The contract (protocol §6.7).
    Contrat ("un objet") {
        /// Form of the contract, a code of protocol §6.10.
        pub mode_contractuel: Option<i64> = "modeContractuel", "mode contractuel", code();
        /// Initial contract, succession or amendment, a code of protocol §6.10.
        pub type_contrat_app: Option<i64> = "typeContratApp", "type de contrat", code();
        /// DECA number of the contract before; an odd form is a warning, so the text is kept as it
        /// came.
        pub numero_contrat_precedent: Option<String> =
            "numeroContratPrecedent", "numéro du contrat précédent", check(is_deca);
        /// DECA number, set by the OPCO.
        pub no_contrat: Option<String> = "noContrat", "numéro du contrat", read_only();
        /// Number of the amendment, set by the OPCO.
        pub no_avenant: Option<String> = "noAvenant", "numéro de l'avenant", read_only();
        /// Day of the signature.
        pub date_conclusion: Option<Date> = "dateConclusion", "date de conclusion";
        /// First day of execution.
        pub date_debut_contrat: Option<Date> = "dateDebutContrat", "date de début du contrat";
        /// First day of practical training at the employer's.
        pub date_formation_pratique_employeur: Option<Date> =
            "dateFormationPratiqueEmployeur", "date de début de formation pratique";
        /// Last day.
        pub date_fin_contrat: Option<Date> = "dateFinContrat", "date de fin du contrat";
        /// Day from which an amendment counts.
        pub date_effet_avenant: Option<Date> = "dateEffetAvenant", "date d'effet de l'avenant";
        /// Day of an early end, set by the OPCO.
        pub date_rupture: Option<Date> = "dateRupture", "date de rupture", read_only();
        /// Place of the signature.
        pub lieu_signature_contrat: Option<String> = "lieuSignatureContrat", "lieu de signature";
        /// Exception claimed, a code of protocol §6.10.
        pub type_derogation: Option<i64> = "typeDerogation", "type de dérogation", code();
        /// Weekly working time, whole hours.
        pub duree_travail_hebdo_heures: Option<i64> =
            "dureeTravailHebdoHeures", "durée hebdomadaire (heures)";
        /// Weekly working time, minutes beyond the hours.
        pub duree_travail_hebdo_minutes: Option<i64> =
            "dureeTravailHebdoMinutes", "durée hebdomadaire (minutes)";
        /// Works on dangerous machines or exposed to particular risks.
        pub travail_risque: Option<bool> = "travailRisque", "travail sur machines dangereuses";
        /// Gross pay of the first month.
        pub salaire_embauche: Option<Montant> = "salaireEmbauche", "salaire brut d'embauche",
            within((0, 100_000));
        /// Benefit in kind: food, per meal.
        pub avantage_nourriture: Option<Montant> = "avantageNourriture", "avantage nourriture",
            within((0, 100_000));
        /// Benefit in kind: housing, per month.
        pub avantage_logement: Option<Montant> = "avantageLogement", "avantage logement",
            within((0, 100_000));
        /// Any other benefit in kind.
        pub autre_avantage_en_nature: Option<bool> =
            "autreAvantageEnNature", "autre avantage en nature";
        /// Pay by period, in the order given.
        pub remunerations_annuelles: Vec<Remuneration> =
            "remunerationsAnnuelles", "rémunérations annuelles";
    }
}

block! {
    /// The pay of one period (protocol §6.7).
    Remuneration ("un objet") {
        /// Year and period: `1.1`, `1.2`, `2.1`.
        pub ordre: Option<String> = "ordre", "ordre de la période de rémunération";
        /// First day.
        pub date_debut: Option<Date> = "dateDebut", "début de la période de rémunération";
        /// Last day.
        pub date_fin: Option<Date> = "dateFin", "fin de la période de rémunération";
        /// Share of the minimum wage.
        pub taux: Option<Taux> = "taux", "taux de rémunération", within((-1_000, 1_000));
        /// Which minimum wage.
        pub type_salaire: Option<TypeSalaire> = "typeSalaire", "base de rémunération (SMIC ou SMC)";
    }
}

/// Says whether a text is a DECA number (ALG-DECA).
fn is_deca(text: &str) -> bool {
    text.parse::<Deca>().is_ok()
}
