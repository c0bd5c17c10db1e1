//! The structured certificate of completion of version 2 (protocol §11).

use super::parties::{ApprentiDesigne, CfaDesigne, EmployeurDesigne};
use super::whole;
use crate::form::block::block;
use crate::form::values::worded;
use crate::form::{Jour, Quantite};
use crate::opco::words;

/// Whether more certificates follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeCertificat {
    /// One of several.
    Intermediaire,
    /// The last one.
    Final,
}

words!(TypeCertificat { Intermediaire = "Intermediaire", Final = "Final" });
worded!(TypeCertificat);

block! {
    /// A certificate of completion: the part `certificat`. Its days are written without a time.
    Certificat ("un objet") {
        /// Whether more follow.
        pub type_certificat: Option<TypeCertificat> =
            "typeCertificat", "type de certificat", rule("CRT-001");
        /// The OPCO's number of the contract.
        pub numero_interne_dossier: Option<String> =
            "numeroInterneDossier", "numéro interne du dossier";
        /// The OPCO's number of the invoice it belongs to.
        pub numero_interne_facture: Option<String> =
            "numeroInterneFacture", "numéro interne de la facture";
        /// Day of the signature.
        pub date_signature: Option<Jour> = "dateSignature", "date de signature";
        /// Place of the signature.
        pub lieu_signature_contrat: Option<String> = "lieuSignatureContrat", "lieu de signature";
        /// Who signs for the centre.
        pub representant_legal: RepresentantLegal = "representantLegal", "représentant légal du CFA";
        /// The centre keeps the evidence of attendance.
        pub attestation_conservation_pieces: Option<bool> =
            "attestationConservationPieces", "attestation de conservation des pièces";
        /// Kind of action.
        pub nature_action: Option<String> = "natureAction", "nature de l'action";
        /// The employer.
        pub employeur: EmployeurDesigne = "employeur", "employeur";
        /// The apprentice.
        pub apprenti: ApprentiDesigne = "apprenti", "apprenti";
        /// The training centre.
        pub organisme_formation: CfaDesigne = "organismeFormation", "organisme de formation";
        /// What was done, for which échéance.
        pub echeance: EcheanceCertifiee = "echeance", "échéance";
    }
}
whole!(Certificat, "certificat", "corps de la requête");

block! {
    /// Who signs for the centre.
    RepresentantLegal ("un objet") {
        /// Name.
        pub nom: Option<String> = "nom", "nom du représentant légal", max(80);
        /// First name.
        pub prenom: Option<String> = "prenom", "prénom du représentant légal", max(80);
        /// Office.
        pub qualite: Option<String> = "qualite", "qualité du représentant légal";
    }
}

block! {
    /// The échéance that is certified, and what was done.
    EcheanceCertifiee ("un objet") {
        /// Its number.
        pub numero: Option<i64> = "numero", "numéro d'échéance", within((0, 9_999));
        /// The OPCO's own label, echoed back unchanged.
        pub codification: Option<String> =
            "codification", "codification de l'échéance", number_too();
        /// Hours done.
        pub duree: Option<Quantite> = "duree", "durée réalisée (heures)", within((-9_999, 9_999));
        /// First day.
        pub date_debut: Option<Jour> = "dateDebut", "début de la période réalisée";
        /// Last day.
        pub date_fin: Option<Jour> = "dateFin", "fin de la période réalisée";
        /// Only a part of the échéance was done.
        pub echeance_partielle: Option<bool> = "echeancePartielle", "échéance partielle";
    }
}
