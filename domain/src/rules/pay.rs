//! REM: the pay periods cover the contract, and pay at least what the law asks.

mod minimum;

use super::subject::{Found, Subject};
use super::{Check, ContractCheck, Rule};
use crate::dossier::Remuneration;
use crate::finding::{Effect, Severity};

const LIST: &str = "/cerfa/contrat/remunerationsAnnuelles";
/// Periods of one year of contract: a birthday cuts a year in two at most.
const PERIODS_A_YEAR: u8 = 2;

pub(super) static RULES: [Rule; 3] = [
    Rule {
        id: "REM-001",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:IA",
        from: None,
        until: None,
        pointer: LIST,
        message: "Les périodes de rémunération doivent couvrir tout le contrat sans trou.",
        remedy: "Le CFA corrige les périodes : la première commence avec le contrat, la dernière finit \
                 avec lui, chacune suit la précédente ; l'ordre vaut 1.1, 1.2, 2.1 et ainsi de suite.",
        check: Check::Contract(ContractCheck(covered)),
    },
    Rule {
        id: "REM-002",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MA",
        from: None,
        until: None,
        pointer: LIST,
        message: "Taux ou base de rémunération invalide.",
        remedy: "Le CFA saisit un taux supérieur à zéro et la base SMIC ou SMC pour chaque période.",
        check: Check::Contract(ContractCheck(rated)),
    },
    Rule {
        id: "REM-003",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "seed:001, code du travail D6222-26",
        from: None,
        until: None,
        pointer: LIST,
        message: "Rémunération inférieure au minimum réglementaire.",
        remedy: "Le CFA vérifie le taux avec l'employeur : l'OPCO refuse un contrat payé sous le \
                 minimum de l'âge et de l'année (un anniversaire compte dès le mois suivant).",
        check: Check::Contract(ContractCheck(at_least_minimum)),
    },
];

fn covered(subject: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = &subject.cerfa.contrat;
    let periods = &contrat.remunerations_annuelles;
    let (Some(start), Some(end)) = (contrat.date_debut_contrat, contrat.date_fin_contrat) else {
        return;
    };
    // An amendment may tell the pay from its own effect on.
    let effect = contrat
        .date_effet_avenant
        .filter(|_| subject.is_amendment());
    let mut expected = Some(start);
    let mut before = None;
    for (place, period) in periods.iter().enumerate() {
        let starts = period.date_debut;
        let good = starts.is_some() && (starts == expected || (place == 0 && starts == effect));
        if !good {
            found.at(&format!("{LIST}/{place}/dateDebut"), shown(starts));
        }
        if period.date_fin.is_none() || period.date_fin < starts {
            found.at(&format!("{LIST}/{place}/dateFin"), shown(period.date_fin));
        }
        let ordre = period.ordre.as_deref().and_then(ordre);
        if !follows(before, ordre, subject.is_initial()) {
            found.at(
                &format!("{LIST}/{place}/ordre"),
                period.ordre.as_deref().unwrap_or("absent"),
            );
        }
        before = ordre.or(before);
        expected = period.date_fin.and_then(|last| last.tomorrow().ok());
    }
    if let Some(last) = periods.last()
        && let Some(day) = last.date_fin.filter(|day| *day != end)
        && last.date_debut.is_none_or(|first| first <= day)
    {
        found.at(
            &format!("{LIST}/{}/dateFin", periods.len().saturating_sub(1)),
            day,
        );
    }
}

fn shown(day: Option<jiff::civil::Date>) -> String {
    day.map_or_else(|| "absente".to_owned(), |day| day.to_string())
}

/// Reads `année.période`.
fn ordre(text: &str) -> Option<(u8, u8)> {
    let (year, period) = text.split_once('.')?;
    Some((year.parse().ok()?, period.parse().ok()?))
}

/// Returns whether a period comes right after another: the second of its year, or the first of the
/// next. A first contract begins with `1.1`.
fn follows(before: Option<(u8, u8)>, ordre: Option<(u8, u8)>, initial: bool) -> bool {
    match (before, ordre) {
        (_, None) => false,
        (None, Some((year, period))) => {
            year >= 1
                && (1..=PERIODS_A_YEAR).contains(&period)
                && (!initial || (year, period) == (1, 1))
        }
        (Some((year, period)), Some(now)) => {
            now == (year.saturating_add(1), 1)
                || (period < PERIODS_A_YEAR && now == (year, period.saturating_add(1)))
        }
    }
}

fn rated(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (place, period) in subject
        .cerfa
        .contrat
        .remunerations_annuelles
        .iter()
        .enumerate()
    {
        if period.taux.is_none_or(|taux| taux.hundredths <= 0) {
            found.at(&format!("{LIST}/{place}/taux"), percent(period));
        }
        if period.type_salaire.is_none() {
            found.at(&format!("{LIST}/{place}/typeSalaire"), "absente");
        }
    }
}

fn at_least_minimum(subject: &Subject<'_>, found: &mut Found<'_>) {
    let cerfa = subject.cerfa;
    let (Some(birth), Some(start), Some(day)) = (
        cerfa.apprenti.date_naissance,
        cerfa.contrat.date_debut_contrat,
        subject.day(),
    ) else {
        return;
    };
    for (place, period) in cerfa.contrat.remunerations_annuelles.iter().enumerate() {
        let (Some(first), Some(last), Some(taux)) =
            (period.date_debut, period.date_fin, period.taux)
        else {
            continue;
        };
        let minimum = minimum::percent(birth, start, (first, last), day);
        if taux.hundredths > 0 && minimum.is_some_and(|least| taux.hundredths < least * 100) {
            found.at(&format!("{LIST}/{place}/taux"), percent(period));
        }
    }
}

fn percent(period: &Remuneration) -> String {
    match period.taux {
        None => "absent".to_owned(),
        Some(taux) if taux.hundredths % 100 == 0 => format!("{} %", taux.hundredths / 100),
        Some(taux) => {
            let sign = if taux.hundredths < 0 { "-" } else { "" };
            let hundredths = taux.hundredths.unsigned_abs();
            format!("{sign}{},{:02} %", hundredths / 100, hundredths % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_each_other() {
        assert!(follows(None, ordre("1.1"), true));
        assert!(follows(Some((1, 1)), ordre("1.2"), true));
        assert!(follows(Some((1, 2)), ordre("2.1"), true));
        assert!(follows(None, ordre("2.1"), false));
        for (before, text) in [
            (None, "2.1"),
            (None, "0.1"),
            (Some((1, 1)), "1.1"),
            (Some((1, 2)), "1.3"),
            (Some((1, 1)), "3.1"),
            (Some((1, 1)), "2.2"),
            (Some((1, 1)), "deux"),
            (Some((1, 1)), "2"),
        ] {
            assert!(
                !follows(before, ordre(text), true),
                "{before:?} then {text}"
            );
        }
    }
}
