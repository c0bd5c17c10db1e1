//! AVN: an amendment against the contract it changes.

use super::context::{AmendmentContext, Initial};
use super::payload::{row, warns};
use super::subject::{Found, On};
use super::{AmendmentCheck, Check, Rule};
use crate::dossier::{Dossier, Remuneration};

type Subject<'a> = On<'a, Dossier, AmendmentContext<'a>>;

/// The amendment that prolongs a contract after a failed exam.
const EXAM_FAILED: i64 = 33;
const PRECEDENT: &str = "/cerfa/contrat/numeroContratPrecedent";

pub(super) static RULES: [Rule; 2] = [
    row(
        "AVN-001",
        "public:MA, public:IA",
        PRECEDENT,
        "Avenant sans contrat d'origine.",
        "Le CFA reprend le numéro DECA du contrat d'origine ; si ce contrat a été déposé autrement, il le \
         fait d'abord rapprocher.",
        Check::Amendment(AmendmentCheck(has_origin)),
    ),
    warns(row(
        "AVN-002",
        "public:MC",
        "/cerfa/contrat/remunerationsAnnuelles",
        "Le taux de l'avenant ne peut être inférieur au dernier taux.",
        "Le CFA vérifie avec l'employeur la rémunération de la prolongation.",
        Check::Amendment(AmendmentCheck(pays_no_less)),
    )),
];

fn contract_type(on: &Subject<'_>) -> Option<i64> {
    on.payload.cerfa.contrat.type_contrat_app
}

fn has_origin(on: &Subject<'_>, found: &mut Found<'_>) {
    if !matches!(contract_type(on), Some(31..=38)) {
        return;
    }
    // Without a number there is nothing to compare: CPL-010 asks for it.
    let Some(given) = on.payload.cerfa.contrat.numero_contrat_precedent.as_deref() else {
        return;
    };
    let wrong = match on.context.initial {
        Initial::NotLooked => false,
        Initial::Unknown => true,
        Initial::Known { numero_deca, .. } => {
            numero_deca.is_some_and(|deca| !deca.eq_ignore_ascii_case(given))
        }
    };
    if wrong {
        found.broken(given);
    }
}

fn pays_no_less(on: &Subject<'_>, found: &mut Found<'_>) {
    let Initial::Known {
        contrat: Some(initial),
        ..
    } = on.context.initial
    else {
        return;
    };
    if contract_type(on) != Some(EXAM_FAILED) {
        return;
    }
    let last = initial
        .cerfa
        .contrat
        .remunerations_annuelles
        .iter()
        .max_by_key(|period| period.date_fin);
    let Some(Remuneration {
        taux: Some(last),
        type_salaire: base,
        ..
    }) = last
    else {
        return;
    };
    for (place, period) in on
        .payload
        .cerfa
        .contrat
        .remunerations_annuelles
        .iter()
        .enumerate()
    {
        if let Some(taux) = period.taux
            && period.type_salaire == *base
            && taux < *last
        {
            let pointer = format!("/cerfa/contrat/remunerationsAnnuelles/{place}/taux");
            found.at(&pointer, format_args!("{} %", taux.hundredths / 100));
        }
    }
}
