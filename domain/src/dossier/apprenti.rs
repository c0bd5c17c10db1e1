//! The apprentice and, for a minor, the legal guardian (protocol §6.4).

use jiff::civil::Date;

use super::adresse::Adresse;
use super::employeur::is_telephone;
use crate::form::block::block;
use crate::form::values::worded;
use crate::identifiers::{Departement, Nir};
use crate::opco::words;
use crate::secret::Masked;

/// Sex on the civil register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sexe {
    /// Masculin.
    M,
    /// Féminin.
    F,
}

words!(Sexe { M = "M", F = "F" });
worded!(Sexe);

block! {
    /// The apprentice (protocol §6.4).
    Apprenti ("un objet") {
        /// Birth name.
        pub nom: Option<String> = "nom", "nom de naissance de l'apprenti";
        /// Name in use.
        pub nom_usage: Option<String> = "nomUsage", "nom d'usage de l'apprenti", max(80);
        /// First given name.
        pub prenom: Option<String> = "prenom", "prénom de l'apprenti";
        /// Sex.
        pub sexe: Option<Sexe> = "sexe", "sexe de l'apprenti";
        /// Nationality, a code of protocol §6.10.
        pub nationalite: Option<i64> = "nationalite", "nationalité de l'apprenti", code();
        /// Birth date.
        pub date_naissance: Option<Date> = "dateNaissance", "date de naissance de l'apprenti";
        /// Birth department.
        pub departement_naissance: Option<Departement> =
            "departementNaissance", "département de naissance de l'apprenti";
        /// Birth town.
        pub commune_naissance: Option<String> =
            "communeNaissance", "commune de naissance de l'apprenti", max(80);
        /// Social security number, masked in every print.
        pub nir: Option<Nir> = "nir", "NIR de l'apprenti";
        /// Social scheme, a code of protocol §6.10.
        pub regime_social: Option<i64> = "regimeSocial", "régime social de l'apprenti", code();
        /// Recognised as a disabled worker, masked in every print.
        pub handicap: Option<Masked<bool>> = "handicap", "reconnaissance de travailleur handicapé";
        /// Extension of the rights of disabled workers (CERFA 10103*14), masked in every print.
        pub droits_rqth_extension_boe: Option<Masked<bool>> =
            "droitsRqthExtensionBOE", "extension des droits (BOE)";
        /// Equivalent status of young people (CERFA 10103*14), masked in every print.
        pub droits_rqth_equivalence_jeune: Option<Masked<bool>> =
            "droitsRqthEquivalenceJeune", "équivalence jeunes de la RQTH";
        /// Situation before the contract, a code of protocol §6.10.
        pub situation_avant_contrat: Option<i64> =
            "situationAvantContrat", "situation avant le contrat", code();
        /// Highest diploma obtained, a code of protocol §6.10.
        pub diplome: Option<i64> = "diplome", "diplôme le plus élevé obtenu", code();
        /// Last diploma prepared, a code of protocol §6.10.
        pub diplome_prepare: Option<i64> = "diplomePrepare", "dernier diplôme préparé", code();
        /// Last class attended, a code of protocol §6.10.
        pub derniere_classe: Option<i64> = "derniereClasse", "dernière classe suivie", code();
        /// Title of the last diploma prepared.
        pub intitule_diplome_prepare: Option<String> =
            "intituleDiplomePrepare", "intitulé du dernier diplôme préparé", max(255);
        /// Telephone; an odd form is a warning, so the text is kept as it came.
        pub telephone: Option<String> = "telephone", "téléphone de l'apprenti", check(is_telephone);
        /// E-mail.
        pub courriel: Option<String> = "courriel", "courriel de l'apprenti", max(80);
        /// Address.
        pub adresse: Adresse = "adresse", "adresse de l'apprenti";
        /// Legal guardian of a minor who is not emancipated.
        pub responsable_legal: Option<ResponsableLegal> = "responsableLegal", "représentant légal";
        /// On the list of high-level athletes.
        pub inscription_sportif_de_haut_niveau: Option<bool> =
            "inscriptionSportifDeHautNiveau", "inscription comme sportif de haut niveau";
        /// Has a plan to create or take over a company.
        pub projet_creation_reprise_entreprise: Option<bool> =
            "projetCreationRepriseEntreprise", "projet de création ou de reprise d'entreprise";
    }
}

block! {
    /// The legal guardian of a minor (protocol §6.4).
    ResponsableLegal ("un objet") {
        /// Name.
        pub nom: Option<String> = "nom", "nom du représentant légal", max(80);
        /// First name.
        pub prenom: Option<String> = "prenom", "prénom du représentant légal", max(80);
        /// E-mail.
        pub courriel: Option<String> = "courriel", "courriel du représentant légal", max(80);
        /// Address.
        pub adresse: Adresse = "adresse", "adresse du représentant légal";
    }
}
