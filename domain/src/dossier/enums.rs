//! The enumerations of the norm, by edition of the form (protocol §6.10), and the coded fields of a
//! payload that they apply to. Rule ENU-001 is a loop over [`coded_fields`].

mod codes;
mod english;

use serde_json::Value;

use super::cerfa::{Cerfa, Dossier, VersionCerfa};

/// One code and what it stands for, in French.
pub type Code = (i64, &'static str);

/// A closed list of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enumeration {
    /// Kind of employer.
    TypeEmployeur,
    /// Particular employer.
    EmployeurSpecifique,
    /// Nationality.
    Nationalite,
    /// Social scheme.
    RegimeSocial,
    /// Situation before the contract.
    SituationAvantContrat,
    /// Last class attended.
    DerniereClasse,
    /// Diploma, obtained, prepared or aimed at.
    Diplome,
    /// Level of a tutor's diploma.
    NiveauDiplome,
    /// Form of the contract.
    ModeContractuel,
    /// Initial contract, succession or amendment.
    TypeContratApp,
    /// Exception claimed.
    TypeDerogation,
}

/// A coded field of a payload that has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodedField {
    /// JSON Pointer from the root of the body.
    pub pointer: &'static str,
    /// French name.
    pub label: &'static str,
    /// Which list the code must be in.
    pub enumeration: Enumeration,
    /// The code given.
    pub code: i64,
}

impl Enumeration {
    /// Returns the codes of an edition of the form.
    pub fn codes(self, version: VersionCerfa) -> &'static [Code] {
        let current = version >= VersionCerfa::V14;
        match self {
            Self::TypeEmployeur if current => codes::TYPE_EMPLOYEUR,
            // The last one, EPIC, came with 10103*14.
            Self::TypeEmployeur => codes::TYPE_EMPLOYEUR
                .split_last()
                .map_or(&[], |(_, before)| before),
            Self::EmployeurSpecifique => codes::EMPLOYEUR_SPECIFIQUE,
            Self::Nationalite => codes::NATIONALITE,
            Self::RegimeSocial => codes::REGIME_SOCIAL,
            Self::SituationAvantContrat => codes::SITUATION_AVANT_CONTRAT,
            Self::DerniereClasse => codes::DERNIERE_CLASSE,
            Self::Diplome if current => codes::DIPLOME_14,
            Self::Diplome => codes::DIPLOME_13,
            Self::NiveauDiplome if current => codes::NIVEAU_DIPLOME_14,
            Self::NiveauDiplome => codes::NIVEAU_DIPLOME_13,
            Self::ModeContractuel => codes::MODE_CONTRACTUEL,
            Self::TypeContratApp => codes::TYPE_CONTRAT_APP,
            Self::TypeDerogation => codes::TYPE_DEROGATION,
        }
    }

    /// Returns what a code stands for in an edition of the form, nothing when it is not of the list.
    pub fn meaning(self, version: VersionCerfa, code: i64) -> Option<&'static str> {
        self.codes(version)
            .iter()
            .find(|(known, _)| *known == code)
            .map(|(_, meaning)| *meaning)
    }
}

/// Returns what the code of a contract's field stands for, in French and in English, as a payload writes it: a number,
/// or a text that holds one. Nothing for a field that holds no code, or a code that is not of its list.
pub fn told(
    pointer: &str,
    version: VersionCerfa,
    value: &Value,
) -> Option<(&'static str, &'static str)> {
    let list = list_of(pointer)?;
    let code = match value {
        Value::Number(code) => code.as_i64()?,
        Value::String(code) => code.trim().parse().ok()?,
        _ => return None,
    };
    let french = list.meaning(version, code)?;
    Some((french, english::english(french).unwrap_or(french)))
}

/// Returns the list that the code of a contract's field must be in, by its JSON Pointer.
pub fn list_of(pointer: &str) -> Option<Enumeration> {
    let coded = CODED.iter().find(|(at, ..)| *at == pointer);
    coded.map(|(_, _, enumeration, _)| *enumeration)
}

/// Lists the coded fields of a payload that have a value.
pub fn coded_fields(dossier: &Dossier) -> impl Iterator<Item = CodedField> {
    CODED
        .iter()
        .filter_map(|(pointer, label, enumeration, code)| {
            Some(CodedField {
                pointer,
                label,
                enumeration: *enumeration,
                code: code(&dossier.cerfa)?,
            })
        })
}

/// Where a coded field is, its French name, its list, and how it is taken from a payload.
type Coded = (
    &'static str,
    &'static str,
    Enumeration,
    fn(&Cerfa) -> Option<i64>,
);

const CODED: &[Coded] = &[
    (
        "/cerfa/employeur/typeEmployeur",
        "type d'employeur",
        Enumeration::TypeEmployeur,
        |cerfa| cerfa.employeur.type_employeur,
    ),
    (
        "/cerfa/employeur/employeurSpecifique",
        "employeur spécifique",
        Enumeration::EmployeurSpecifique,
        |cerfa| cerfa.employeur.employeur_specifique,
    ),
    (
        "/cerfa/apprenti/nationalite",
        "nationalité de l'apprenti",
        Enumeration::Nationalite,
        |cerfa| cerfa.apprenti.nationalite,
    ),
    (
        "/cerfa/apprenti/regimeSocial",
        "régime social de l'apprenti",
        Enumeration::RegimeSocial,
        |cerfa| cerfa.apprenti.regime_social,
    ),
    (
        "/cerfa/apprenti/situationAvantContrat",
        "situation avant le contrat",
        Enumeration::SituationAvantContrat,
        |cerfa| cerfa.apprenti.situation_avant_contrat,
    ),
    (
        "/cerfa/apprenti/diplome",
        "diplôme le plus élevé obtenu",
        Enumeration::Diplome,
        |cerfa| cerfa.apprenti.diplome,
    ),
    (
        "/cerfa/apprenti/diplomePrepare",
        "dernier diplôme préparé",
        Enumeration::Diplome,
        |cerfa| cerfa.apprenti.diplome_prepare,
    ),
    (
        "/cerfa/apprenti/derniereClasse",
        "dernière classe suivie",
        Enumeration::DerniereClasse,
        |cerfa| cerfa.apprenti.derniere_classe,
    ),
    (
        "/cerfa/maitre1/niveauDiplomeObtenu",
        "niveau de diplôme du maître d'apprentissage 1",
        Enumeration::NiveauDiplome,
        |cerfa| cerfa.maitre1.niveau_diplome_obtenu,
    ),
    (
        "/cerfa/maitre2/niveauDiplomeObtenu",
        "niveau de diplôme du maître d'apprentissage 2",
        Enumeration::NiveauDiplome,
        |cerfa| cerfa.maitre2.as_ref()?.niveau_diplome_obtenu,
    ),
    (
        "/cerfa/formation/typeDiplome",
        "type de diplôme visé",
        Enumeration::Diplome,
        |cerfa| cerfa.formation.type_diplome,
    ),
    (
        "/cerfa/contrat/modeContractuel",
        "mode contractuel",
        Enumeration::ModeContractuel,
        |cerfa| cerfa.contrat.mode_contractuel,
    ),
    (
        "/cerfa/contrat/typeContratApp",
        "type de contrat",
        Enumeration::TypeContratApp,
        |cerfa| cerfa.contrat.type_contrat_app,
    ),
    (
        "/cerfa/contrat/typeDerogation",
        "type de dérogation",
        Enumeration::TypeDerogation,
        |cerfa| cerfa.contrat.type_derogation,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_each_edition_is_told_in_both_languages() {
        for (pointer, _, list, _) in CODED {
            for version in VersionCerfa::ALL {
                for (code, french) in list.codes(*version) {
                    assert!(
                        english::english(french).is_some(),
                        "{pointer} {code}: {french}"
                    );
                    for value in [Value::from(*code), Value::from(format!("{code:02}"))] {
                        let told = told(pointer, *version, &value);
                        assert_eq!(told.map(|(fr, _)| fr), Some(*french), "{pointer} {value}");
                    }
                }
            }
        }
        let told = |value: Value| told("/cerfa/apprenti/nationalite", VersionCerfa::V14, &value);
        assert_eq!(told(1.into()), Some(("Française", "French")));
        assert_eq!(told(7.into()), None);
        assert_eq!(told("•••".into()), None);
    }
}
