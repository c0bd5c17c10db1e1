//! DAT: the order and the lengths of the contract's dates.

use jiff::ToSpan;
use jiff::civil::Date;

use super::subject::{Found, Subject, months_after, months_before};
use super::{Check, ContractCheck, Rule};
use crate::calendar;
use crate::deadline::DAYS_TO_SEND;
use crate::finding::{Effect, Severity};

/// Writes the row of a rule that refuses; the two that warn change that.
const fn row(
    id: &'static str,
    source: &'static str,
    pointer: &'static str,
    message: &'static str,
    remedy: &'static str,
    check: fn(&Subject<'_>, &mut Found<'_>),
) -> Rule {
    Rule {
        id,
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source,
        from: None,
        until: None,
        pointer,
        message,
        remedy,
        check: Check::Contract(ContractCheck(check)),
    }
}

const WARNS: Rule = Rule {
    severity: Severity::Avertissement,
    effect: Effect::Warn,
    ..row("", "", "", "", "", |_, _| {})
};

pub(super) static RULES: [Rule; 11] = [
    row(
        "DAT-001",
        "public:MC, public:VUE",
        "/cerfa/contrat/dateConclusion",
        "Le contrat doit être conclu au plus tard le jour de son début.",
        "Le CFA vérifie sur le contrat signé la date de conclusion et la date de début.",
        concluded_before_start,
    ),
    row(
        "DAT-002",
        "public:VUE",
        "/cerfa/contrat/dateConclusion",
        "La date de conclusion est postérieure à ce jour.",
        "Le CFA corrige la date de conclusion, ou attend que le contrat soit signé.",
        concluded_already,
    ),
    row(
        "DAT-003",
        "public:MC, public:VUE",
        "/cerfa/contrat/dateFinContrat",
        "La fin du contrat précède son début.",
        "Le CFA corrige les dates du contrat d'après l'exemplaire signé.",
        ends_after_start,
    ),
    row(
        "DAT-004",
        "public:MC",
        "/cerfa/contrat/dateFinContrat",
        "La durée du contrat doit être comprise entre 6 mois et 4 ans et 6 mois.",
        "Le CFA vérifie les dates ; si elles sont justes, l'employeur et l'apprenti doivent conclure \
         un contrat d'une durée admise.",
        contract_length,
    ),
    row(
        "DAT-005",
        "public:MC",
        "/cerfa/formation/dateFinFormation",
        "Dates de formation incohérentes (6 mois à 4 ans).",
        "Le CFA corrige les dates de début et de fin de la formation.",
        training_length,
    ),
    row(
        "DAT-006",
        "public:MC",
        "/cerfa/formation/dateFinFormation",
        "La formation doit se terminer pendant le contrat.",
        "Le CFA corrige la fin de la formation ; si le contrat est trop court, l'employeur le prolonge.",
        training_ends_inside,
    ),
    Rule {
        id: "DAT-007",
        source: "public:MC",
        pointer: "/cerfa/contrat/dateFinContrat",
        message: "Le contrat se termine trop longtemps après la formation.",
        remedy: "Le CFA vérifie la fin de la formation (date de l'examen comprise) et la fin du \
                 contrat : au plus 2 mois d'écart, refusé au-delà de 3.",
        check: Check::Contract(ContractCheck(ends_long_after_training)),
        ..WARNS
    },
    row(
        "DAT-008",
        "public:MC",
        "/cerfa/formation/dateDebutFormation",
        "La formation doit débuter dans les 3 mois autour du début du contrat.",
        "Le CFA vérifie le début de la formation et le début du contrat.",
        training_starts_near,
    ),
    row(
        "DAT-009",
        "public:MC",
        "/cerfa/contrat/dateFormationPratiqueEmployeur",
        "Date de début de formation pratique incohérente.",
        "Le CFA vérifie auprès de l'employeur le premier jour de l'apprenti dans l'entreprise.",
        practice_start,
    ),
    row(
        "DAT-010",
        "public:MC",
        "/cerfa/contrat/dateEffetAvenant",
        "Date d'effet d'avenant hors du contrat.",
        "Le CFA corrige la date d'effet d'après l'avenant signé.",
        amendment_inside,
    ),
    Rule {
        id: "DAT-011",
        source: "public: press on decree 2019-1489",
        pointer: "/cerfa/contrat/dateDebutContrat",
        message: "Transmission au-delà des 5 jours ouvrables suivant le début du contrat.",
        remedy: "Rien à corriger : le contrat part quand même. Le CFA prévient l'employeur du retard \
                 et transmet ses contrats dès leur signature.",
        check: Check::Contract(ContractCheck(sent_in_time)),
        ..WARNS
    },
];

fn concluded_before_start(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    if let (Some(concluded), Some(start)) = (contrat.date_conclusion, contrat.date_debut_contrat)
        && subject.is_initial()
        && concluded > start
    {
        found.broken(concluded);
    }
}

fn concluded_already(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let Some(day) = subject
        .cerfa
        .contrat
        .date_conclusion
        .filter(|day| *day > subject.today)
    {
        found.broken(day);
    }
}

/// Returns the first and last day of the contract, when they are in order.
fn span(subject: &Subject<'_>) -> Option<(Date, Date)> {
    let contrat = &subject.cerfa.contrat;
    contrat
        .date_debut_contrat
        .zip(contrat.date_fin_contrat)
        .filter(|(start, end)| start < end)
}

fn ends_after_start(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    if let (Some(start), Some(end)) = (contrat.date_debut_contrat, contrat.date_fin_contrat)
        && start >= end
    {
        found.broken(end);
    }
}

/// Returns whether a span of days, both included, lasts from `least` to `most` months.
fn lasts(start: Date, end: Date, least: i32, most: i32) -> bool {
    let after = end.tomorrow().unwrap_or(Date::MAX);
    // Where the end of a month leaves two readings, the lenient one counts.
    let shortest = start.checked_add(least.months()).unwrap_or(Date::MAX);
    (shortest..=months_after(start, most)).contains(&after)
}

fn contract_length(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let Some((start, end)) = span(subject)
        && !lasts(start, end, 6, 54)
    {
        found.broken(end);
    }
}

fn training_length(subject: &Subject<'_>, found: &mut Found<'_>) {
    let formation = &subject.cerfa.formation;
    if let (Some(start), Some(end)) = (formation.date_debut_formation, formation.date_fin_formation)
        && (start > end || !lasts(start, end, 6, 48))
    {
        found.broken(end);
    }
}

fn training_ends_inside(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let (Some((start, end)), Some(last)) =
        (span(subject), subject.cerfa.formation.date_fin_formation)
        && !(start..=end).contains(&last)
    {
        found.broken(last);
    }
}

fn ends_long_after_training(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    let (Some(end), Some(last)) = (
        cerfa.contrat.date_fin_contrat,
        cerfa.formation.date_fin_formation,
    ) else {
        return;
    };
    if end > months_after(last, 3) {
        found.refused(end);
    } else if end > months_after(last, 2) {
        found.broken(end);
    }
}

fn training_starts_near(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    if let (Some(start), Some(training)) = (
        cerfa.contrat.date_debut_contrat,
        cerfa.formation.date_debut_formation,
    ) && !(months_before(start, 3)..=months_after(start, 3)).contains(&training)
    {
        found.broken(training);
    }
}

fn practice_start(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    let (Some(practice), Some(start)) = (
        contrat.date_formation_pratique_employeur,
        contrat.date_debut_contrat,
    ) else {
        return;
    };
    // An amendment is concluded long after the practical training began.
    let concluded = contrat.date_conclusion.filter(|_| !subject.is_amendment());
    let early = practice < start || concluded.is_some_and(|concluded| practice < concluded);
    let late = practice > months_after(start, 3)
        || contrat
            .date_fin_contrat
            .is_some_and(|end| start < end && practice > end);
    if early || late {
        found.broken(practice);
    }
}

fn amendment_inside(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let (Some((start, end)), Some(effect)) =
        (span(subject), subject.cerfa.contrat.date_effet_avenant)
        && subject.is_amendment()
        && !(start..=end).contains(&effect)
    {
        found.broken(effect);
    }
}

fn sent_in_time(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let Some(start) = subject.cerfa.contrat.date_debut_contrat
        && !subject.is_amendment()
        && subject.today > calendar::working_days_after(start, DAYS_TO_SEND)
    {
        found.broken(start);
    }
}
