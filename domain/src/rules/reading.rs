//! Rules broken by a value that is no value of its field: raised while the body is read.

use super::{Check, Rule};
use crate::finding::{Effect, Severity};

pub(super) static RULES: [Rule; 5] = [
    Rule {
        id: "IDT-001",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public: common",
        from: None,
        until: None,
        pointer: "/cerfa/employeur/siret",
        message: "SIRET employeur invalide.",
        remedy: "Le CFA recopie les 14 chiffres du SIRET de l'établissement où le contrat \
                 s'exécute (avis de situation Sirene de l'employeur).",
        check: Check::Reading,
    },
    Rule {
        id: "IDT-002",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public: common",
        from: None,
        until: None,
        pointer: "/cerfa/organismeFormation/siret",
        message: "SIRET du CFA invalide.",
        remedy: "Le CFA corrige les 14 chiffres de son SIRET dans le paramétrage de son ERP.",
        check: Check::Reading,
    },
    Rule {
        id: "IDT-003",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public: common",
        from: None,
        until: None,
        pointer: "/cerfa/organismeFormation/uaiCfa",
        message: "Numéro UAI invalide (lettre de contrôle).",
        remedy: "Le CFA recopie son numéro UAI (7 chiffres et une lettre) dans son ERP.",
        check: Check::Reading,
    },
    Rule {
        id: "IDT-004",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:IA",
        from: None,
        until: None,
        pointer: "/cerfa/apprenti/nir",
        message: "NIR invalide (format ou clé).",
        remedy: "Le CFA recopie le NIR depuis la carte Vitale ou l'attestation de droits de \
                 l'apprenti (13 caractères, ou 15 avec la clé).",
        check: Check::Reading,
    },
    Rule {
        id: "IDT-009",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:MA",
        from: None,
        until: None,
        pointer: "/cerfa",
        message: "Format invalide : {champ}.",
        remedy: "Le CFA corrige ce champ dans son ERP et renvoie le contrat.",
        check: Check::Reading,
    },
];
