//! One finding as a caller reads it.

use domain::{Effect, Finding, Severity};
use serde::Serialize;
use utoipa::ToSchema;

use super::Actor;
use crate::http::words;
use crate::mutation::{self, Mutation};

/// One finding of the checks: where, which rule, what it says, what to do, who must act.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Constat {
    /// JSON Pointer (RFC 6901) from the root of the body.
    #[schema(example = "/cerfa/contrat/dateFinContrat")]
    pub(crate) pointer: String,
    /// The rule's stable id.
    #[schema(example = "DAT-003")]
    pub(crate) rule: String,
    /// `bloquant` when it stops the payload, `avertissement` when that goes all the same, at once or by
    /// itself later.
    #[schema(value_type = words::Severity)]
    pub(crate) severity: Severity,
    /// What it does to the payload.
    #[schema(value_type = words::Effect)]
    pub(crate) effect: Effect,
    /// What is wrong, in French.
    pub(crate) message: String,
    /// What to do, in French.
    pub(crate) remedy: String,
    /// Who must act.
    pub(crate) actor: Actor,
    /// Whether the same payload, unchanged, may pass later.
    pub(crate) retryable: bool,
    /// The value at fault, masked when personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
}

impl From<&Finding> for Constat {
    fn from(finding: &Finding) -> Self {
        Self {
            pointer: if mutation::planted(Mutation::PointerDropped) {
                String::new()
            } else {
                finding.pointer.clone()
            },
            rule: finding.rule.to_owned(),
            severity: finding.effect.severity(),
            effect: finding.effect,
            message: finding.message.clone(),
            remedy: finding.remedy.clone(),
            actor: actor(finding.rule, finding.effect),
            retryable: matches!(finding.effect, Effect::Wait | Effect::Hold),
            value: finding.value.clone(),
        }
    }
}

/// Returns who mends what a rule found: keys and openness are not the sender's to mend.
fn actor(rule: &str, effect: Effect) -> Actor {
    match (rule, effect) {
        (_, Effect::Wait) => Actor::Personne,
        ("KEY-004" | "ROU-005", _) => Actor::Exploitant,
        _ if rule.starts_with("KEY-") || rule.starts_with("ROU-") => Actor::Reseau,
        _ => Actor::Expediteur,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_is_the_networks_to_mend() {
        let finding = Finding {
            rule: "KEY-001",
            severity: Severity::Bloquant,
            effect: Effect::Hold,
            pointer: "/cerfa/organismeFormation/siret".to_owned(),
            message: String::new(),
            remedy: String::new(),
            value: None,
        };
        let constat = Constat::from(&finding);
        assert_eq!(constat.actor, Actor::Reseau);
        assert!(constat.retryable);
    }

    #[test]
    fn what_only_waits_is_not_called_blocking() {
        let said = |rule: &'static str| {
            let constat = Constat::from(&domain::rules::finding(rule, "/lignes/0", &[]));
            (constat.effect, constat.severity)
        };
        assert_eq!(said("FAC-006"), (Effect::Wait, Severity::Avertissement));
        assert_eq!(said("FAC-018"), (Effect::Warn, Severity::Avertissement));
        assert_eq!(said("FAC-014"), (Effect::Refuse, Severity::Bloquant));
        // Kept before that was so, it reads the same.
        let kept = r#"[{"rule":"FAC-006","severity":"bloquant","effect":"wait","pointer":"/lignes",
            "message":"m","remedy":"r"}]"#;
        let kept = domain::finding::kept::read(kept);
        assert_eq!(Constat::from(&kept[0]).severity, Severity::Avertissement);
    }
}
