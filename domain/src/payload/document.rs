//! Any document: what it is and what it belongs to (protocol §12).

use super::whole;
use crate::form::block::block;
use crate::form::values::worded;
use crate::opco::words;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeFichier {
    /// The training agreement.
    ConventionFormation,
    /// The agreement on a shorter training.
    ConventionReductionDuree,
    /// The agreement on a stay abroad.
    ConventionMobilite,
    /// An invoice.
    Facture,
    /// A certificate of completion.
    CertificatRealisation,
}

words!(TypeFichier {
    ConventionFormation = "CONVENTION_FORMATION",
    ConventionReductionDuree = "CONVENTION_REDUCTION_DUREE",
    ConventionMobilite = "CONVENTION_MOBILITE",
    Facture = "FACTURE",
    CertificatRealisation = "CERTIFICAT_REALISATION",
});
worded!(TypeFichier);

/// What a document can belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeObjet {
    /// A contract, by its `numeroInterne`.
    DossierApprentissage,
    /// An invoice, by its `numeroInterneFacture`.
    Facture,
}

words!(TypeObjet {
    DossierApprentissage = "DOSSIER_APPRENTISSAGE",
    Facture = "FACTURE",
});
worded!(TypeObjet);

block! {
    /// What a document is: the part `infosFichier`.
    InfosFichier ("un objet") {
        /// What it is.
        pub type_fichier: Option<TypeFichier> = "typeFichier", "type de document";
        /// What it belongs to.
        pub objets: Vec<Objet> = "objets", "objets du document";
    }
}
whole!(InfosFichier, "infosFichier", "corps de la requête");

block! {
    /// One thing a document belongs to.
    Objet ("un objet") {
        /// Contract or invoice.
        pub type_objet: Option<TypeObjet> = "typeObjet", "type d'objet";
        /// The OPCO's number of it.
        pub id_objet: Option<String> = "idObjet", "numéro de l'objet";
    }
}
