//! The employer and the tutors it names (protocol §6.3, §6.5).

use jiff::civil::Date;

use super::adresse::Adresse;
use crate::form::block::block;
use crate::identifiers::{Idcc, Naf, Telephone};
use crate::siret::Siret;

block! {
    /// The employer (protocol §6.3).
    Employeur ("un objet") {
        /// Name of the establishment where the contract runs.
        pub denomination: Option<String> = "denomination", "dénomination de l'employeur", max(80);
        /// Establishment where the contract runs.
        pub siret: Option<Siret> = "siret", "SIRET employeur";
        /// Activity of the establishment.
        pub naf: Option<Naf> = "naf", "code NAF de l'employeur";
        /// Staff of the whole company.
        pub nombre_de_salaries: Option<i64> = "nombreDeSalaries", "nombre de salariés",
            within((0, 9_999_999));
        /// Collective agreement.
        pub code_idcc: Option<Idcc> = "codeIdcc", "code IDCC";
        /// Name of the collective agreement.
        pub libelle_idcc: Option<String> =
            "libelleIdcc", "libellé de la convention collective", max(500);
        /// Telephone; an odd form is a warning, so the text is kept as it came.
        pub telephone: Option<String> = "telephone", "téléphone de l'employeur", check(is_telephone);
        /// E-mail.
        pub courriel: Option<String> = "courriel", "courriel de l'employeur", max(80);
        /// Address.
        pub adresse: Adresse = "adresse", "adresse de l'employeur";
        /// Name of a natural-person employer or of the signatory.
        pub nom: Option<String> = "nom", "nom de l'employeur", max(200);
        /// First name of the same person.
        pub prenom: Option<String> = "prenom", "prénom de l'employeur", max(50);
        /// Kind of employer, a code of protocol §6.10.
        pub type_employeur: Option<i64> = "typeEmployeur", "type d'employeur", code();
        /// Particular employer, a code; 0 is none.
        pub employeur_specifique: Option<i64> = "employeurSpecifique", "employeur spécifique", code();
        /// Supplementary pension fund.
        pub caisse_complementaire: Option<String> =
            "caisseComplementaire", "caisse de retraite complémentaire", max(80);
        /// Public employer that joined the unemployment scheme.
        pub regime_specifique: Option<bool> = "regimeSpecifique", "régime d'assurance chômage";
        /// The employer attests that the tutor is eligible.
        pub attestation_eligibilite: Option<bool> =
            "attestationEligibilite", "attestation d'éligibilité du maître d'apprentissage";
        /// The employer attests that it holds the supporting documents.
        pub attestation_pieces: Option<bool> =
            "attestationPieces", "attestation de détention des pièces justificatives";
    }
}

block! {
    /// A tutor at the workplace (protocol §6.5). A `nir` is read and forgotten: the norm has
    /// withdrawn it.
    Maitre ("un objet") {
        /// Name.
        pub nom: Option<String> = "nom", "nom du maître d'apprentissage", max(80);
        /// First name.
        pub prenom: Option<String> = "prenom", "prénom du maître d'apprentissage", max(80);
        /// Birth date.
        pub date_naissance: Option<Date> =
            "dateNaissance", "date de naissance du maître d'apprentissage";
        /// E-mail.
        pub courriel: Option<String> = "courriel", "courriel du maître d'apprentissage", max(80);
        /// Job.
        pub emploi_occupe: Option<String> = "emploiOccupe", "emploi du maître d'apprentissage";
        /// Highest diploma obtained.
        pub intitule_diplome_obtenu: Option<String> =
            "intituleDiplomeObtenu", "diplôme du maître d'apprentissage";
        /// Level of that diploma, a code of protocol §6.10.
        pub niveau_diplome_obtenu: Option<i64> =
            "niveauDiplomeObtenu", "niveau de diplôme du maître d'apprentissage", code();
    }
    forget nir = "nir";
}

/// Says whether a telephone has the norm's form (ALG-TEL).
pub(crate) fn is_telephone(text: &str) -> bool {
    text.parse::<Telephone>().is_ok()
}
