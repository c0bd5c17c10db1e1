//! FAC-011: what an échéance lets one bill, and what the invoice bills of it.

use std::collections::BTreeMap;

use super::context::Known;
use super::invoice::Invoice;
use super::subject::Found;
use crate::echeancier::Echeance;
use crate::finding::Effect;
use crate::form::Montant;
use crate::payload::{Ligne, NatureLigne};

/// How far an amount may be from the one expected, in cents.
const TOLERANCE: i64 = 1;

/// Returns the lines whose échéance is found in the schedule of their dossier.
pub(super) fn found_lines<'a>(
    on: &Invoice<'a>,
) -> impl Iterator<Item = (usize, &'a Ligne, &'a Known<'a>, &'a Echeance)> {
    on.lines().filter_map(|(place, ligne, known)| {
        let known = known?;
        let echeance = known.echeancier?.find(ligne.numero_echeance?)?;
        Some((place, ligne, known, echeance))
    })
}

/// Returns whether the OPCO pays the line by itself.
pub(super) fn is_automatic(on: &Invoice<'_>, ligne: &Ligne) -> bool {
    on.context.profile.auto_echeance_1
        && ligne.numero_echeance == Some(1)
        && ligne.nature_ligne.is_some_and(NatureLigne::is_scheduled)
}

/// What an invoice bills of one échéance.
struct Part<'a> {
    place: usize,
    echeance: &'a Echeance,
    left: i64,
    total: i64,
    rqth: i64,
}

/// Sums the scheduled lines by dossier and échéance.
fn parts<'a>(on: &Invoice<'a>) -> Vec<Part<'a>> {
    let mut parts: BTreeMap<(Option<&str>, Option<i64>), Part<'a>> = BTreeMap::new();
    for (place, ligne, known, echeance) in found_lines(on) {
        let (Some(nature), Some(montant)) = (ligne.nature_ligne, ligne.montant) else {
            continue;
        };
        if !nature.is_scheduled() || is_automatic(on, ligne) {
            continue;
        }
        let part = parts
            .entry((known.numero_externe, ligne.numero_echeance))
            .or_insert_with(|| Part {
                place,
                echeance,
                left: known.left_cents(echeance),
                total: 0,
                rqth: 0,
            });
        part.total = part.total.saturating_add(montant.cents);
        if nature == NatureLigne::MajorationRqth {
            part.rqth = part.rqth.saturating_add(montant.cents);
        }
    }
    parts.into_values().collect()
}

pub(super) fn amount(on: &Invoice<'_>, found: &mut Found<'_>) {
    if on.payload.is_avoir() {
        return;
    }
    for part in parts(on) {
        let near =
            |ours: i64, theirs: i64| ours.saturating_sub(theirs).saturating_abs() <= TOLERANCE;
        let (left, rqth) = (part.left, part.echeance.rqth_cents());
        // Of a line billed in part before, which of its two shares is left is not told.
        let share = if left == part.echeance.total_cents() {
            near(part.rqth, rqth)
        } else {
            part.rqth <= rqth.saturating_add(TOLERANCE)
        };
        if left > 0 && near(part.total, left) && share {
            continue;
        }
        let supplement = rqth.clamp(0, left.max(0));
        let pedagogie = left.max(0) - supplement;
        let expected = |cents| Montant { cents };
        let value = if supplement > 0 {
            format!(
                "{} facturé, {} + {} RQTH attendu",
                expected(part.total),
                expected(pedagogie),
                expected(supplement)
            )
        } else {
            format!(
                "{} facturé, {} attendu",
                expected(part.total),
                expected(pedagogie)
            )
        };
        let effect = if on.context.adjusted.is_some() {
            Effect::Warn
        } else {
            Effect::Refuse
        };
        found.with_effect(
            &format!("/lignes/{}/montant", part.place),
            Some(value),
            effect,
        );
    }
}
