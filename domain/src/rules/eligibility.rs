//! ELI: which contracts may go through the interface at all.

use jiff::civil::{Date, date};
use serde_json::Value;

use super::subject::{Found, Subject};
use super::{Check, ContractCheck, Rule};
use crate::finding::{Effect, Severity};

/// The first day of conclusion that the interface takes.
const FIRST_DAY: Date = date(2020, 1, 1);
/// The form of an apprenticeship contract.
const FORM: &str = "10103";

pub(super) static RULES: [Rule; 3] = [
    Rule {
        id: "ELI-001",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "seed:001, seed:002",
        from: None,
        until: None,
        pointer: "/cerfa/contrat/dateConclusion",
        message: "Seuls les contrats conclus à compter du 01/01/2020 sont transmissibles.",
        remedy: "Le CFA vérifie la date de conclusion ; si elle est juste, il suit ce contrat avec \
                 l'OPCO hors de l'API.",
        check: Check::Contract(ContractCheck(too_old)),
    },
    Rule {
        id: "ELI-003",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:MA, public:IA",
        from: None,
        until: None,
        pointer: "/cerfa/employeur/typeEmployeur",
        message: "Employeur public : vérifiez le circuit de dépôt.",
        remedy: "Le CFA vérifie auprès de l'employeur que le contrat relève bien d'un OPCO : la \
                 plupart des employeurs publics le déposent auprès de l'État.",
        check: Check::Contract(ContractCheck(public_employer)),
    },
    Rule {
        id: "ELI-004",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "seed:002",
        from: None,
        until: None,
        pointer: "/cerfa",
        message: "Seul le contrat d'apprentissage relève de cette norme.",
        remedy: "Le CFA retire ce contrat de l'envoi : seul le CERFA 10103 (contrat d'apprentissage) \
                 passe par l'API.",
        check: Check::Contract(ContractCheck(other_form)),
    },
];

fn too_old(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let Some(day) = subject
        .cerfa
        .contrat
        .date_conclusion
        .filter(|day| *day < FIRST_DAY)
    {
        found.broken(day);
    }
}

fn public_employer(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let Some(code @ 21..=29) = subject.cerfa.employeur.type_employeur {
        found.broken(code);
    }
}

/// A form that is none of the known editions is kept as it came.
fn other_form(subject: &Subject<'_>, found: &mut Found<'_>) {
    if let Some(Value::String(version)) = subject.cerfa.extra.get("versionCERFA")
        && !version.trim().starts_with(FORM)
    {
        found.broken("autre formulaire");
    }
}
