//! The early termination of a contract (protocol §13; the body is assumed there).

use jiff::civil::Date;

use super::facture::is_deca;
use super::parties::{ApprentiDesigne, CfaDesigne, EmployeurDesigne};
use super::whole;
use crate::dossier::Pairing;
use crate::form::block::block;
use crate::form::values::worded;
use crate::opco::words;

/// Why a contract ends before its term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MotifRupture {
    /// Within the first 45 days in the company.
    PeriodeProbatoire,
    /// Both parties agree.
    CommunAccord,
    /// The apprentice leaves.
    Demission,
    /// The employer dismisses.
    Licenciement,
    /// The diploma was obtained.
    ObtentionDiplome,
    /// The apprentice is unfit.
    Inaptitude,
    /// Anything else.
    Autre,
}

words!(MotifRupture {
    PeriodeProbatoire = "PERIODE_PROBATOIRE",
    CommunAccord = "COMMUN_ACCORD",
    Demission = "DEMISSION",
    Licenciement = "LICENCIEMENT",
    ObtentionDiplome = "OBTENTION_DIPLOME",
    Inaptitude = "INAPTITUDE",
    Autre = "AUTRE",
});
worded!(MotifRupture);

block! {
    /// An early termination.
    Rupture ("un objet") {
        /// The OPCO's technical number of the contract.
        pub numero_interne_dossier: Option<String> =
            "numeroInterneDossier", "numéro interne du dossier";
        /// The OPCO's business number of the contract.
        pub numero_externe_dossier: Option<String> =
            "numeroExterneDossier", "numéro externe du dossier";
        /// Deposit number of the contract.
        pub numero_deca: Option<String> = "numeroDeca", "numéro DECA", check(is_deca);
        /// The employer.
        pub employeur: EmployeurDesigne = "employeur", "employeur";
        /// The apprentice.
        pub apprenti: ApprentiDesigne = "apprenti", "apprenti";
        /// The contract and its last day.
        pub contrat: ContratRompu = "contrat", "contrat";
        /// Day on which the other party was told.
        pub date_notification: Option<Date> = "dateNotification", "date de notification";
        /// Why.
        pub motif_rupture: Option<MotifRupture> = "motifRupture", "motif de la rupture";
        /// The training centre.
        pub organisme_formation: CfaDesigne = "organismeFormation", "organisme de formation";
    }
}
whole!(Rupture, "rupture", "corps de la requête");

block! {
    /// The contract that ends, and when.
    ContratRompu ("un objet") {
        /// First day of execution.
        pub date_debut_contrat: Option<Date> = "dateDebutContrat", "date de début du contrat";
        /// Last day.
        pub date_rupture: Option<Date> = "dateRupture", "date de rupture";
    }
}

impl Rupture {
    /// Returns what the OPCOs recognise its contract by, when all of it is there.
    pub fn pairing(&self) -> Option<Pairing> {
        Some(Pairing {
            nom: self.apprenti.nom.clone()?,
            prenom: self.apprenti.prenom.clone()?,
            date_naissance: self.apprenti.date_naissance?,
            siret_employeur: self.employeur.siret?,
            date_debut_contrat: self.contrat.date_debut_contrat?,
        })
    }
}
