//! AGE: who may be an apprentice, and who may train one.

use super::subject::{Found, Subject};
use super::{Check, ContractCheck, Rule};
use crate::dossier::Maitre;
use crate::finding::{Effect, Severity};
use crate::matching::folded_eq;
use crate::secret::MASK;

/// Exception: under sixteen (protocol §6.10).
const UNDER_16: i64 = 11;
/// Exception: over twenty-nine.
const OVER_29: i64 = 12;

pub(super) static RULES: [Rule; 6] = [
    Rule {
        id: "AGE-001",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/dateNaissance",
        message: "L'apprenti doit avoir au moins 15 ans.",
        remedy: "Le CFA vérifie la date de naissance ; avant 15 ans, le contrat ne peut pas commencer.",
        check: Check::Contract(ContractCheck(at_least_15)),
    },
    Rule {
        id: "AGE-002",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MC, assumed",
        from: None,
        until: None,
        pointer: "/cerfa/contrat/typeDerogation",
        message: "Apprenti de moins de 16 ans : dérogation 11 attendue.",
        remedy: "Le CFA renseigne la dérogation 11 si l'apprenti a terminé le collège.",
        check: Check::Contract(ContractCheck(under_16)),
    },
    Rule {
        id: "AGE-003",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/dateNaissance",
        message: "Apprenti de plus de 29 ans : aucun cas d'exception renseigné.",
        remedy: "Le CFA renseigne le cas qui permet ce contrat (succession de contrats ou dérogation \
                 12 avant 36 ans, travailleur handicapé, sportif de haut niveau, création d'entreprise).",
        check: Check::Contract(ContractCheck(over_29)),
    },
    Rule {
        id: "AGE-004",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/contrat/typeDerogation",
        message: "Dérogation incompatible avec l'âge.",
        remedy: "Le CFA retire la dérogation d'âge, ou corrige la date de naissance.",
        check: Check::Contract(ContractCheck(exception_fits)),
    },
    Rule {
        id: "AGE-005",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/maitre1/dateNaissance",
        message: "Le maître d'apprentissage doit être majeur.",
        remedy: "Le CFA vérifie auprès de l'employeur la date de naissance du maître d'apprentissage.",
        check: Check::Contract(ContractCheck(maitres_of_age)),
    },
    Rule {
        id: "AGE-006",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "assumed",
        from: None,
        until: None,
        pointer: "/cerfa/maitre1",
        message: "Le maître d'apprentissage semble être l'apprenti.",
        remedy: "Le CFA vérifie que les fiches de l'apprenti et du maître ne sont pas mélangées.",
        check: Check::Contract(ContractCheck(maitre_is_another)),
    },
];

fn apprentice_age(subject: &Subject<'_>) -> Option<i16> {
    subject.age_at_start(subject.cerfa.apprenti.date_naissance)
}

fn at_least_15(subject: &Subject<'_>, found: &mut Found<'_>) {
    if apprentice_age(subject).is_some_and(|age| age < 15) {
        found.broken_masked();
    }
}

fn under_16(subject: &Subject<'_>, found: &mut Found<'_>) {
    let derogation = subject.cerfa.contrat.type_derogation;
    if apprentice_age(subject) == Some(15) && derogation != Some(UNDER_16) {
        found.broken(derogation.map_or_else(|| "aucune".to_owned(), |code| code.to_string()));
    }
}

fn over_29(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(age) = apprentice_age(subject).filter(|age| *age > 29) else {
        return;
    };
    let apprenti = &subject.cerfa.apprenti;
    // Rights extended to other disabled workers open the same exception.
    let disabled = [&apprenti.handicap, &apprenti.droits_rqth_extension_boe]
        .into_iter()
        .flatten()
        .any(|flag| *flag.expose());
    let whatever_age = disabled
        || apprenti.inscription_sportif_de_haut_niveau == Some(true)
        || apprenti.projet_creation_reprise_entreprise == Some(true);
    let until_35 =
        subject.cerfa.contrat.type_derogation == Some(OVER_29) || subject.is_succession();
    if !(whatever_age || (until_35 && age < 36)) {
        found.broken_masked();
    }
}

fn exception_fits(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(age) = apprentice_age(subject) else {
        return;
    };
    let fits = match subject.cerfa.contrat.type_derogation {
        Some(UNDER_16) => age < 16,
        Some(OVER_29) => age >= 29,
        _ => true,
    };
    if let Some(code) = subject.cerfa.contrat.type_derogation.filter(|_| !fits) {
        found.broken(code);
    }
}

/// Lists the tutors with their places.
fn maitres<'a>(
    subject: &Subject<'a>,
) -> impl Iterator<Item = (&'static str, &'a Maitre)> + use<'a> {
    let first = Some(("/cerfa/maitre1", &subject.cerfa.maitre1));
    let second = subject
        .cerfa
        .maitre2
        .as_ref()
        .map(|second| ("/cerfa/maitre2", second));
    first.into_iter().chain(second)
}

fn maitres_of_age(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (pointer, maitre) in maitres(subject) {
        let minor = subject
            .age_at_start(maitre.date_naissance)
            .is_some_and(|age| age < 18);
        let unborn = maitre
            .date_naissance
            .is_some_and(|birth| birth > subject.today);
        if minor || unborn {
            found.at(&format!("{pointer}/dateNaissance"), MASK);
        }
    }
}

fn maitre_is_another(subject: &Subject<'_>, found: &mut Found<'_>) {
    let apprenti = &subject.cerfa.apprenti;
    let same = |one: &Option<String>, other: &Option<String>| {
        one.as_deref()
            .zip(other.as_deref())
            .is_some_and(|(one, other)| folded_eq(one, other))
    };
    for (pointer, maitre) in maitres(subject) {
        if apprenti.date_naissance.is_some()
            && apprenti.date_naissance == maitre.date_naissance
            && same(&apprenti.nom, &maitre.nom)
            && same(&apprenti.prenom, &maitre.prenom)
        {
            found.at(pointer, MASK);
        }
    }
}
