//! The training, the centre that gives it and the place where it is given (protocol §6.6, §6.8,
//! §6.9).

use jiff::civil::Date;

use super::adresse::Adresse;
use crate::form::block::block;
use crate::identifiers::{CodeDiplome, Rncp, Uai};
use crate::siret::Siret;

block! {
    /// The training (protocol §6.6).
    Formation ("un objet") {
        /// Certification.
        pub rncp: Option<Rncp> = "rncp", "code RNCP";
        /// Diploma code.
        pub code_diplome: Option<CodeDiplome> = "codeDiplome", "code diplôme";
        /// Kind of diploma, a code of protocol §6.10.
        pub type_diplome: Option<i64> = "typeDiplome", "type de diplôme visé", code();
        /// Title.
        pub intitule_qualification: Option<String> =
            "intituleQualification", "intitulé de la qualification", max(255);
        /// First day.
        pub date_debut_formation: Option<Date> = "dateDebutFormation", "date de début de formation";
        /// Last day, exam included.
        pub date_fin_formation: Option<Date> = "dateFinFormation", "date de fin de formation";
        /// Length in hours.
        pub duree_formation: Option<i64> = "dureeFormation", "durée de la formation (heures)";
        /// Hours at a distance (CERFA 10103*14).
        pub nombre_heures_en_distanciel: Option<i64> =
            "nombreHeuresEnDistanciel", "nombre d'heures à distance";
        /// Day the diploma was obtained.
        pub date_obtention_diplome: Option<Date> =
            "dateObtentionDiplome", "date d'obtention du diplôme";
    }
}

block! {
    /// The training centre in charge (protocol §6.8).
    OrganismeFormation ("un objet") {
        /// Name.
        pub denomination: Option<String> = "denomination", "dénomination du CFA", max(80);
        /// Company centre.
        pub formation_interne: Option<bool> = "formationInterne", "CFA d'entreprise";
        /// Establishment of the centre.
        pub siret: Option<Siret> = "siret", "SIRET du CFA", rule("IDT-002");
        /// School code of the centre.
        pub uai_cfa: Option<Uai> = "uaiCfa", "numéro UAI du CFA";
        /// The centre has endorsed the contract.
        pub visa_cfa: Option<bool> = "visaCfa", "visa du CFA";
        /// Address.
        pub adresse: Adresse = "adresse", "adresse du CFA";
        /// The training is given at the centre itself.
        pub lieu_formation_identique: Option<bool> =
            "lieuFormationIdentique", "lieu de formation identique au CFA";
    }
}

block! {
    /// The main place of training, when it is not the centre itself (protocol §6.9).
    LieuFormation ("un objet") {
        /// Name.
        pub denomination: Option<String> = "denomination", "dénomination du lieu de formation", max(80);
        /// Establishment.
        pub siret: Option<Siret> = "siret", "SIRET du lieu de formation", rule("IDT-002");
        /// School code.
        pub uai_cfa: Option<Uai> = "uaiCfa", "numéro UAI du lieu de formation";
        /// Address.
        pub adresse: Adresse = "adresse", "adresse du lieu de formation";
    }
}
