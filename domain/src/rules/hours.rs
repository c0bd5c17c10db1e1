//! DUR and NPE: hours of work, hours of training, and what they change in the funding.

use super::subject::{Found, Subject, is_level_6_or_7};
use super::{Check, ContractCheck, Rule};
use crate::deadline::REFORM;
use crate::finding::{Effect, Severity};

/// The longest working week, in hours.
const MAX_WEEK: i64 = 40;
/// The legal working year, in hours.
const YEAR_HOURS: i64 = 1607;
/// The most hours a training may declare.
const MAX_TRAINING: i64 = 9999;

pub(super) static RULES: [Rule; 5] = [
    Rule {
        id: "DUR-001",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/contrat/dureeTravailHebdoHeures",
        message: "Durée hebdomadaire supérieure à 40 h.",
        remedy: "Le CFA corrige la durée hebdomadaire : 40 h 00 au plus, minutes de 0 à 59.",
        check: Check::Contract(ContractCheck(week)),
    },
    Rule {
        id: "DUR-002",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MA",
        from: None,
        until: None,
        pointer: "/cerfa/formation/dureeFormation",
        message: "Durée de formation inférieure à 25 % du contrat.",
        remedy: "Le CFA vérifie le nombre d'heures : au moins un quart de 1607 h par année de contrat, \
                 sauf durée réduite par convention.",
        check: Check::Contract(ContractCheck(a_quarter)),
    },
    Rule {
        id: "DUR-003",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:IA, public:MC",
        from: None,
        until: None,
        pointer: "/cerfa/formation/nombreHeuresEnDistanciel",
        message: "Heures à distance incohérentes.",
        remedy: "Le CFA corrige les heures : celles à distance font partie de la durée de formation, \
                 elle-même de 9999 h au plus.",
        check: Check::Contract(ContractCheck(remote_inside)),
    },
    Rule {
        id: "DUR-004",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public: press on decree 2025-586",
        from: Some(REFORM),
        until: None,
        pointer: "/cerfa/formation/nombreHeuresEnDistanciel",
        message: "Formation à 80 % ou plus à distance : prise en charge minorée de 20 %.",
        remedy: "Rien à corriger si c'est voulu : le CFA prévoit une prise en charge réduite.",
        check: Check::Contract(ContractCheck(mostly_remote)),
    },
    Rule {
        id: "NPE-001",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public: press on decree 2025-585",
        from: Some(REFORM),
        until: None,
        pointer: "/cerfa/formation/typeDiplome",
        message: "Participation employeur de 750 € (200 € si reprise après rupture) déduite du \
                  premier versement.",
        remedy: "Rien à corriger : le CFA facture cette participation à l'employeur et en garde la \
                 copie pour l'OPCO.",
        check: Check::Contract(ContractCheck(employer_share)),
    },
];

fn week(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    let minutes = contrat.duree_travail_hebdo_minutes.unwrap_or(0);
    if !(0..=59).contains(&minutes) {
        found.at("/cerfa/contrat/dureeTravailHebdoMinutes", minutes);
    }
    if let Some(hours) = contrat.duree_travail_hebdo_heures
        && (!(0..=MAX_WEEK).contains(&hours) || (hours == MAX_WEEK && (1..=59).contains(&minutes)))
    {
        found.broken(format_args!("{hours} h {minutes:02}"));
    }
}

fn a_quarter(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    let (Some(hours), Some(start), Some(end)) = (
        subject.cerfa.formation.duree_formation,
        contrat.date_debut_contrat,
        contrat.date_fin_contrat,
    ) else {
        return;
    };
    if start >= end {
        return;
    }
    let days = i64::from((end - start).get_days()) + 1;
    // Hours of a quarter are 1607 / 4 a year; a year is 365.25 days, so that leap years do not warn.
    let due = YEAR_HOURS * days * 100;
    if (0..=MAX_TRAINING).contains(&hours) && hours * 4 * 36_525 < due {
        found.broken(format_args!("{hours} h"));
    }
}

fn remote_inside(subject: &Subject<'_>, found: &mut Found<'_>) {
    let formation = &subject.cerfa.formation;
    if let Some(hours) = formation
        .duree_formation
        .filter(|hours| !(0..=MAX_TRAINING).contains(hours))
    {
        found.at("/cerfa/formation/dureeFormation", hours);
    }
    let most = formation.duree_formation.unwrap_or(MAX_TRAINING);
    if let Some(remote) = formation.nombre_heures_en_distanciel
        && (remote < 0 || remote > most)
    {
        found.broken(remote);
    }
}

fn mostly_remote(subject: &Subject<'_>, found: &mut Found<'_>) {
    let formation = &subject.cerfa.formation;
    if let (Some(hours), Some(remote)) = (
        formation.duree_formation,
        formation.nombre_heures_en_distanciel,
    ) && (1..=MAX_TRAINING).contains(&hours)
        && (0..=hours).contains(&remote)
        && remote * 100 >= hours * 80
    {
        found.broken(format_args!("{remote} h sur {hours} h"));
    }
}

fn employer_share(subject: &Subject<'_>, found: &mut Found<'_>) {
    let diploma = subject.cerfa.formation.type_diplome;
    if let Some(code) = diploma.filter(|code| is_level_6_or_7(*code)) {
        found.broken(code);
    }
}
