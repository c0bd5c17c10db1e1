//! RUP: the early termination.

use jiff::ToSpan;

use super::context::RuptureContext;
use super::payload::{row, warns};
use super::subject::{Found, On};
use super::{Check, Rule, RuptureCheck, required};
use crate::deadline::REFORM;
use crate::etat::Etat;
use crate::finding::Effect;
use crate::payload::Rupture;

type Subject<'a> = On<'a, Rupture, RuptureContext<'a>>;

/// Days in the company during which either side may break off (code du travail L6222-18).
const PROBATION: i32 = 45;
const DATE: &str = "/contrat/dateRupture";

pub(super) static RULES: [Rule; 5] = [
    required::RUPTURE,
    row(
        "RUP-001",
        "assumed",
        DATE,
        "Date de rupture hors du contrat.",
        "Le CFA vérifie la date de rupture sur le document signé.",
        Check::Rupture(RuptureCheck(inside)),
    ),
    row(
        "RUP-002",
        "assumed",
        "/numeroInterneDossier",
        "Rupture déjà enregistrée ou dossier clos.",
        "Le CFA vérifie l'état du dossier chez l'OPCO ; une rupture part d'elle-même quand l'OPCO \
         instruit le contrat.",
        Check::Rupture(RuptureCheck(breakable)),
    ),
    Rule {
        from: Some(REFORM),
        ..warns(row(
            "RUP-003",
            "public: press on decree 2025-585",
            DATE,
            "Rupture en période probatoire : participation employeur recalculée.",
            "Le CFA recalcule la participation de l'employeur au prorata et la rembourse au besoin.",
            Check::Rupture(RuptureCheck(probation)),
        ))
    },
    warns(row(
        "RUP-004",
        "assumed",
        DATE,
        "Échéancier à relire après rupture.",
        "Rien à faire : la passerelle retient les factures de ce dossier jusqu'à la relecture de \
         l'échéancier.",
        Check::Rupture(RuptureCheck(schedule)),
    )),
];

fn inside(on: &Subject<'_>, found: &mut Found<'_>) {
    let contrat = on.context.dossier.contrat.map(|d| &d.cerfa.contrat);
    let start = on.payload.contrat.date_debut_contrat;
    let start = start.or_else(|| contrat?.date_debut_contrat);
    let end = contrat.and_then(|contrat| contrat.date_fin_contrat);
    if let Some(day) = on.payload.contrat.date_rupture
        && (start.is_some_and(|start| day < start) || end.is_some_and(|end| day > end))
    {
        found.broken(day);
    }
}

fn breakable(on: &Subject<'_>, found: &mut Found<'_>) {
    let known = &on.context.dossier;
    let pointer = found.rule.pointer;
    match known.etat {
        Some(Etat::Engage | Etat::EnCoursInstruction) => {
            if let Some(day) = known.date_rupture {
                found.broken(day);
            }
        }
        // It is under review soon, or is on its way there.
        Some(etat @ Etat::Transmis) => {
            found.with_effect(pointer, Some(etat.as_str().to_owned()), Effect::Wait);
        }
        Some(etat @ (Etat::Refuse | Etat::Annule | Etat::Rupture | Etat::Solde)) => {
            found.broken(etat.as_str());
        }
        None if known.on_its_way => found.with_effect(pointer, None, Effect::Wait),
        None => {}
    }
}

/// The days need not follow each other: those of training do not count, which only a person can tell.
fn probation(on: &Subject<'_>, found: &mut Found<'_>) {
    let known = &on.context.dossier;
    let contrat = known.contrat.map(|d| &d.cerfa.contrat);
    let start = contrat
        .and_then(|contrat| contrat.date_formation_pratique_employeur)
        .or(on.payload.contrat.date_debut_contrat);
    let (Some(day), Some(start)) = (on.payload.contrat.date_rupture, start) else {
        return;
    };
    let last = start.checked_add((PROBATION - 1).days()).unwrap_or(start);
    if (start..=last).contains(&day) && found.rule.applies_on(known.concluded()) {
        found.broken(day);
    }
}

fn schedule(on: &Subject<'_>, found: &mut Found<'_>) {
    let (Some(day), Some(schedule)) = (
        on.payload.contrat.date_rupture,
        on.context.dossier.echeancier,
    ) else {
        return;
    };
    let open_after = schedule.echeances.iter().any(|line| {
        line.left_cents() > 0 && line.date_ouverture.is_some_and(|opening| opening > day)
    });
    if open_after {
        found.broken(day);
    }
}
