//! ENU: every coded field is in the list of its edition of the form.

use super::subject::{Found, Subject};
use super::{Check, ContractCheck, Rule};
use crate::dossier::enums::coded_fields;
use crate::finding::{Effect, Severity};
use crate::form::shown;

pub(super) static RULES: [Rule; 1] = [Rule {
    id: "ENU-001",
    severity: Severity::Bloquant,
    effect: Effect::Refuse,
    source: "public:MA, public:IA",
    from: None,
    until: None,
    pointer: "/cerfa",
    message: "Code inconnu pour {champ} : {valeur}.",
    remedy: "Le CFA choisit un code de la liste de ce champ pour la version de CERFA envoyée ; si \
             l'ERP ne le propose pas, son éditeur met la liste à jour.",
    check: Check::Contract(ContractCheck(known)),
}];

fn known(subject: &Subject<'_>, found: &mut Found<'_>) {
    for field in coded_fields(subject.dossier) {
        if field
            .enumeration
            .meaning(subject.version, field.code)
            .is_none()
        {
            let code = shown(&field.code.to_string());
            found.worded(
                field.pointer,
                &[("champ", field.label), ("valeur", &code)],
                &code,
            );
        }
    }
}
