//! Who a payload speaks of: employer, apprentice and training centre, named and no more.

use jiff::civil::Date;

use crate::form::block::block;
use crate::identifiers::Uai;
use crate::siret::Siret;

block! {
    /// The employer, by its establishment.
    EmployeurDesigne ("un objet") {
        /// Establishment where the contract runs.
        pub siret: Option<Siret> = "siret", "SIRET employeur";
    }
}

block! {
    /// The apprentice, by name.
    ApprentiDesigne ("un objet") {
        /// Birth name.
        pub nom: Option<String> = "nom", "nom de naissance de l'apprenti", max(80);
        /// First given name.
        pub prenom: Option<String> = "prenom", "prénom de l'apprenti", max(80);
        /// Name in use.
        pub nom_usage: Option<String> = "nomUsage", "nom d'usage de l'apprenti", max(80);
        /// Birth date; a termination names it.
        pub date_naissance: Option<Date> = "dateNaissance", "date de naissance de l'apprenti";
    }
}

block! {
    /// The training centre, by its establishment.
    CfaDesigne ("un objet") {
        /// Establishment of the centre.
        pub siret: Option<Siret> = "siret", "SIRET du CFA", rule("IDT-002");
        /// School code of the centre; an agreement may name it.
        pub uai_cfa: Option<Uai> = "uaiCfa", "numéro UAI du CFA";
    }
}
