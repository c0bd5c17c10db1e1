//! Rules that need more than the payload: route, capability, keys, mandate, other contracts.
//! The table holds their texts; the functions fill them in.

use jiff::civil::Date;

use super::{Check, Rule, finding};
use crate::calendar::french;
use crate::finding::{Effect, Finding, Severity};
use crate::id::DeliveryId;
use crate::matching::{HOLD_AT, Likeness};
use crate::opco::{Capability, NormVersion, Opco};

const SIRET_EMPLOYEUR: &str = "/cerfa/employeur/siret";
const SIRET_CFA: &str = "/cerfa/organismeFormation/siret";
const APPRENTI: &str = "/cerfa/apprenti";
/// The rule of contracts much like each other.
const NEAR: &str = "DUP-002";
/// What stands for the name of a contract that the reader may not see, and what to do then.
const ELSEWHERE: &str = "un contrat d'un autre site du réseau";
const ELSEWHERE_REMEDY: &str = "Le CFA demande à qui administre le réseau de comparer les deux contrats : il annule \
     cet envoi si c'est le même, ou confirme que ce n'en est pas un.";

pub(super) static RULES: [Rule; 12] = [
    Rule {
        id: "ROU-001",
        severity: Severity::Bloquant,
        effect: Effect::Hold,
        source: "seed:001, public:LBA",
        from: None,
        until: None,
        pointer: SIRET_EMPLOYEUR,
        message: "OPCO introuvable pour ce SIRET employeur : précisez l'OPCO ou corrigez le SIRET.",
        remedy: "Le CFA demande à l'employeur quel est son OPCO, puis le choisit sur l'envoi en \
                 attente, ou annule l'envoi et renvoie le contrat avec le bon SIRET.",
        check: Check::Outside,
    },
    Rule {
        id: "ROU-002",
        severity: Severity::Bloquant,
        effect: Effect::Hold,
        source: "public:LBA",
        from: None,
        until: None,
        pointer: SIRET_EMPLOYEUR,
        message: "Plusieurs OPCO possibles pour ce SIRET : choisissez l'OPCO gestionnaire.",
        remedy: "Le CFA fait confirmer l'OPCO par l'employeur et le choisit parmi les candidats \
                 proposés sur l'envoi en attente.",
        check: Check::Outside,
    },
    Rule {
        id: "ROU-003",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:LBA",
        from: None,
        until: None,
        pointer: "/cerfa/employeur/codeIdcc",
        message: "OPCO déduit de la convention collective (IDCC) : à confirmer.",
        remedy: "Le CFA fait confirmer l'OPCO par l'employeur ; le réseau peut enregistrer ce choix \
                 pour ce SIRET.",
        check: Check::Outside,
    },
    Rule {
        id: "ROU-004",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "assumed",
        from: None,
        until: None,
        pointer: SIRET_EMPLOYEUR,
        message: "L'OPCO indiqué diffère de celui de la table SIRET-OPCO de France compétences.",
        remedy: "Le CFA vérifie l'OPCO auprès de l'employeur et corrige le choix s'il y a lieu.",
        check: Check::Outside,
    },
    Rule {
        id: "ROU-005",
        severity: Severity::Bloquant,
        effect: Effect::Hold,
        source: "public:MX",
        from: None,
        until: None,
        pointer: "/cerfa",
        message: "Flux non ouvert chez cet OPCO ({capacité}, version {v}).",
        remedy: "L'administrateur de la passerelle ouvre le flux quand l'OPCO l'annonce ; d'ici là, \
                 le CFA passe par le portail de l'OPCO et annule l'envoi.",
        check: Check::Outside,
    },
    Rule {
        id: "KEY-001",
        severity: Severity::Bloquant,
        effect: Effect::Hold,
        source: "seed:001, seed:002, seed:004",
        from: None,
        until: None,
        pointer: SIRET_CFA,
        message: "Aucune clé CFA active pour ce SIRET CFA auprès de cet OPCO.",
        remedy: "Le gestionnaire des clés du réseau demande la clé CFA à l'OPCO, l'enregistre et \
                 l'active ; l'envoi repart ensuite.",
        check: Check::Outside,
    },
    Rule {
        id: "KEY-002",
        severity: Severity::Avertissement,
        effect: Effect::Warn,
        source: "public:OV",
        from: None,
        until: None,
        pointer: SIRET_CFA,
        message: "La clé CFA expire le {date} : demandez son renouvellement.",
        remedy: "Le gestionnaire des clés du réseau demande une nouvelle clé à l'OPCO et la prépare \
                 avant cette date.",
        check: Check::Outside,
    },
    Rule {
        id: "KEY-003",
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source: "public:OV",
        from: None,
        until: None,
        pointer: SIRET_CFA,
        message: "Le SIRET du CFA ne correspond pas à la clé utilisée.",
        remedy: "Le CFA vérifie le SIRET de l'organisme de formation ; s'il est juste, le \
                 gestionnaire des clés enregistre la clé attribuée à ce SIREN.",
        check: Check::Outside,
    },
    Rule {
        id: "KEY-004",
        severity: Severity::Bloquant,
        effect: Effect::Hold,
        source: "public:CF, public:IA",
        from: None,
        until: None,
        pointer: "/cerfa",
        message: "Identifiants OAuth de l'éditeur absents pour cet OPCO.",
        remedy: "L'administrateur de la passerelle enregistre les identifiants OAuth délivrés par \
                 l'OPCO à l'éditeur ; l'envoi repart ensuite.",
        check: Check::Outside,
    },
    Rule {
        id: "ELI-002",
        severity: Severity::Bloquant,
        effect: Effect::Hold,
        source: "seed:001, seed:002",
        from: None,
        until: None,
        pointer: "/cerfa/employeur",
        message: "Mandat de gestion de l'employeur absent : transmission impossible.",
        remedy: "Le CFA fait signer le mandat de gestion à l'employeur et en joint la référence et \
                 la date à l'envoi, ou le réseau enregistre l'attestation du site.",
        check: Check::Outside,
    },
    Rule {
        id: "DUP-001",
        severity: Severity::Bloquant,
        effect: Effect::Conflict,
        source: "seed:001",
        from: None,
        until: None,
        pointer: APPRENTI,
        message: "Un dossier identique a déjà été transmis.",
        remedy: "Le CFA suit l'envoi existant ; pour corriger un dossier refusé ou annulé par \
                 l'OPCO, il renvoie le contrat une fois cet état connu.",
        check: Check::Outside,
    },
    Rule {
        id: NEAR,
        severity: Severity::Avertissement,
        effect: Effect::Hold,
        source: "seed:001",
        from: None,
        until: None,
        pointer: APPRENTI,
        message: "Doublon probable : {dossier}.",
        remedy: "Le CFA compare les deux contrats : il annule cet envoi si c'est le même, ou \
                 confirme que ce n'en est pas un.",
        check: Check::Outside,
    },
];

/// ROU-004: another OPCO was named than the one the reference table gives.
pub fn opco_differs(named: Opco, reference: Opco) -> Finding {
    let mut differs = finding("ROU-004", SIRET_EMPLOYEUR, &[]);
    differs.value = Some(format!("{} (table : {})", named.name(), reference.name()));
    differs
}

/// ROU-005: the OPCO does not take this flow in this version.
pub fn flow_closed(opco: Opco, capability: Capability, version: NormVersion) -> Finding {
    let words = [("capacité", capability.as_str()), ("v", version.as_str())];
    let mut closed = finding("ROU-005", "/cerfa", &words);
    closed.value = Some(opco.name().to_owned());
    closed
}

/// KEY-002: the key used will soon expire.
pub fn key_expires(on: Date) -> Finding {
    finding("KEY-002", SIRET_CFA, &[("date", &french(on))])
}

/// DUP-001: the same contract is already on its way or known; `existing` is its delivery, unless the
/// sender may not know it.
pub fn duplicate(existing: Option<&str>) -> Finding {
    let mut same = finding("DUP-001", APPRENTI, &[]);
    same.value = existing.map(str::to_owned);
    same
}

/// DUP-002: a contract much like this one exists. Held from [`HOLD_AT`] on, else only told.
pub fn probable_duplicate(existing: &str, likeness: Likeness) -> Finding {
    let dossier = format!(
        "{existing} ({}, {} %)",
        likeness.reason.french(),
        likeness.score
    );
    let mut near = finding(NEAR, APPRENTI, &[("dossier", &dossier)]);
    near.value = Some(existing.to_owned());
    if likeness.score < HOLD_AT {
        near.effect = Effect::Warn;
    }
    near
}

/// Returns the other contract that a finding of DUP-002 names.
pub fn resembled(finding: &Finding) -> Option<DeliveryId> {
    let named = finding.value.as_deref().filter(|_| finding.rule == NEAR);
    named.and_then(|named| named.parse().ok())
}

/// Says a finding of DUP-002 to whoever does not reach the site of the other contract: that there is one, and not
/// which.
pub fn of_another_site(mut finding: Finding) -> Finding {
    if let Some(named) = finding.value.take() {
        finding.message = finding.message.replace(&named, ELSEWHERE);
        ELSEWHERE_REMEDY.clone_into(&mut finding.remedy);
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::Reason;

    #[test]
    fn each_text_is_filled_in() {
        let closed = flow_closed(Opco::Akto, Capability::DossiersV2, NormVersion::V2);
        assert_eq!(
            closed.message,
            "Flux non ouvert chez cet OPCO (dossiers_v2, version v2)."
        );
        assert_eq!(
            (closed.effect, closed.value.as_deref()),
            (Effect::Hold, Some("AKTO"))
        );

        let expires = key_expires("2027-12-31".parse().unwrap());
        assert_eq!(
            expires.message,
            "La clé CFA expire le 31/12/2027 : demandez son renouvellement."
        );

        let differs = opco_differs(Opco::Atlas, Opco::OpcoEp);
        assert_eq!(differs.value.as_deref(), Some("Atlas (table : OPCO EP)"));
        assert_eq!(duplicate(Some("d-1")).effect, Effect::Conflict);
        assert_eq!(duplicate(None).value, None);
    }

    #[test]
    fn a_probable_duplicate_is_held_from_its_threshold_on() {
        let held = probable_duplicate(
            "d-1",
            Likeness {
                score: 80,
                reason: Reason::SwappedNames,
            },
        );
        assert_eq!(held.effect, Effect::Hold);
        assert_eq!(
            held.message,
            "Doublon probable : d-1 (nom et prénom inversés, 80 %)."
        );
        let told = probable_duplicate(
            "d-1",
            Likeness {
                score: 79,
                reason: Reason::SameNir,
            },
        );
        assert_eq!(told.effect, Effect::Warn);
    }

    #[test]
    fn a_contract_of_another_site_is_told_of_and_not_named() {
        let other = "01900000-0000-7000-8000-000000000001";
        let likeness = Likeness {
            score: 80,
            reason: Reason::SwappedNames,
        };
        let named = probable_duplicate(other, likeness);
        assert_eq!(resembled(&named), other.parse().ok());
        let told = of_another_site(named.clone());
        assert!(!format!("{told:?}").contains(other), "{told:?}");
        assert_eq!(
            told.message,
            "Doublon probable : un contrat d'un autre site du réseau (nom et prénom inversés, 80 %)."
        );
        assert!(told.remedy.contains("administre le réseau"), "{told:?}");
        assert_eq!(
            (told.rule, told.effect),
            (named.rule, named.effect),
            "what it does stays"
        );
        // What names something else is not of it.
        assert_eq!(resembled(&duplicate(Some(other))), None);
    }

    #[test]
    fn every_rule_checked_elsewhere_speaks_without_a_gap() {
        for rule in &RULES {
            let words = [
                ("capacité", "a"),
                ("v", "b"),
                ("date", "c"),
                ("dossier", "d"),
            ];
            let found = finding(rule.id, rule.pointer, &words);
            assert_eq!((found.rule, found.effect), (rule.id, rule.effect));
            assert!(!found.message.contains('{'), "{}", found.message);
            assert!(!found.remedy.is_empty());
        }
    }
}
