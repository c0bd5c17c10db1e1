//! A network's own word on what a rule does, with author and reason.

use thiserror::Error;

use super::{Check, Rule, find};
use crate::finding::{Effect, Finding};

/// The longest author or reason kept, in characters.
const MAX_TEXT: usize = 500;

/// One rule's effect, changed for one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The rule's id.
    pub rule: String,
    /// What it does from now on.
    pub effect: Effect,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Why an override is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OverrideError {
    /// No such rule.
    #[error("no rule `{0}`")]
    UnknownRule(String),
    /// The rule's effect cannot be changed to this one: nothing could be sent, or nobody could act.
    #[error("rule {rule} cannot have the effect {effect}")]
    NotAllowed {
        /// Which rule.
        rule: &'static str,
        /// Which effect.
        effect: Effect,
    },
    /// Author and reason are both asked for, of at most 500 characters.
    #[error("an override needs an author and a reason")]
    Unsigned,
    /// Two overrides of one rule.
    #[error("rule {0} is overridden twice")]
    Twice(&'static str),
}

/// The overrides of one network, checked.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Vec<(&'static str, Effect)>);

impl Overrides {
    /// Checks a network's overrides.
    pub fn new(rows: &[Override]) -> Result<Self, OverrideError> {
        let mut kept: Vec<(&'static str, Effect)> = Vec::with_capacity(rows.len());
        for row in rows {
            let rule = checked(row)?;
            if kept.iter().any(|(id, _)| *id == rule.id) {
                return Err(OverrideError::Twice(rule.id));
            }
            kept.push((rule.id, row.effect));
        }
        Ok(Self(kept))
    }
}

fn checked(row: &Override) -> Result<&'static Rule, OverrideError> {
    let rule = find(&row.rule).ok_or_else(|| OverrideError::UnknownRule(row.rule.clone()))?;
    let signed = |text: &str| !text.trim().is_empty() && text.chars().count() <= MAX_TEXT;
    if !signed(&row.author) || !signed(&row.reason) {
        return Err(OverrideError::Unsigned);
    }
    if !allowed(rule).contains(&row.effect) {
        return Err(OverrideError::NotAllowed {
            rule: rule.id,
            effect: row.effect,
        });
    }
    Ok(rule)
}

/// Returns what a network may make of a rule.
///
/// Without a readable value, a route, a key or an open flow nothing can be sent whatever the network
/// says; an exact double stays a conflict; and only rules a person can settle may hold.
pub(super) fn allowed(rule: &Rule) -> &'static [Effect] {
    match (rule.check, rule.id) {
        // A code outside its list may be one that the form has just gained.
        (Check::Contract(_) | Check::Amendment(_), _) => &[Effect::Warn, Effect::Refuse],
        // The same invoice twice is no matter of opinion.
        (_, "FAC-001") => &[],
        // What waits by itself may also be sent at once, or be refused at the door.
        (
            Check::Convention(_)
            | Check::Facture(_)
            | Check::Certificat(_)
            | Check::Document(_)
            | Check::Rupture(_),
            _,
        ) if rule.effect == Effect::Wait => &[Effect::Warn, Effect::Wait, Effect::Refuse],
        (
            Check::Convention(_)
            | Check::Facture(_)
            | Check::Certificat(_)
            | Check::Document(_)
            | Check::Rupture(_),
            _,
        ) => &[Effect::Warn, Effect::Refuse],
        (Check::Outside, "ELI-002" | "DUP-002") => &[Effect::Warn, Effect::Hold, Effect::Refuse],
        (Check::Outside, "ROU-003" | "ROU-004" | "KEY-002" | "KEY-003") => {
            &[Effect::Warn, Effect::Refuse]
        }
        (Check::Reading | Check::Outside, _) => &[],
    }
}

/// Returns the findings with the network's own effects.
///
/// A finding that a rule itself made milder than its default (a likeness below the threshold) is
/// not made harder.
pub fn effective(mut findings: Vec<Finding>, overrides: &Overrides) -> Vec<Finding> {
    for found in &mut findings {
        let ours = overrides.0.iter().find(|(id, _)| *id == found.rule);
        let milder = find(found.rule).is_some_and(|rule| found.effect < rule.effect);
        if let (Some((_, effect)), false) = (ours, milder) {
            found.effect = *effect;
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{Likeness, Reason};
    use crate::rules::{finding, probable_duplicate};

    fn row(rule: &str, effect: Effect) -> Override {
        Override {
            rule: rule.into(),
            effect,
            author: "une responsable".into(),
            reason: "accord avec l'OPCO".into(),
        }
    }

    #[test]
    fn a_network_changes_the_effect_and_nothing_else() {
        let overrides = Overrides::new(&[row("ELI-002", Effect::Warn)]).unwrap();
        let before = vec![
            finding("ELI-002", "/cerfa", &[]),
            finding("KEY-001", "/cerfa", &[]),
        ];
        let after = effective(before.clone(), &overrides);
        assert_eq!(
            after[0],
            Finding {
                effect: Effect::Warn,
                ..before[0].clone()
            }
        );
        assert_eq!(after[1], before[1]);
    }

    #[test]
    fn what_cannot_be_sent_anyway_cannot_be_allowed() {
        for rule in ["IDT-001", "ROU-001", "KEY-001", "KEY-004", "DUP-001"] {
            let refused = Overrides::new(&[row(rule, Effect::Warn)]);
            assert!(
                matches!(refused, Err(OverrideError::NotAllowed { .. })),
                "{rule}"
            );
        }
        assert!(Overrides::new(&[row("ELI-002", Effect::Conflict)]).is_err());
    }

    #[test]
    fn an_override_is_known_signed_and_single() {
        assert_eq!(
            Overrides::new(&[row("XYZ-001", Effect::Warn)]).unwrap_err(),
            OverrideError::UnknownRule("XYZ-001".into())
        );
        let unsigned = Override {
            reason: " ".into(),
            ..row("ELI-002", Effect::Warn)
        };
        assert_eq!(
            Overrides::new(&[unsigned]).unwrap_err(),
            OverrideError::Unsigned
        );
        let twice = [row("ELI-002", Effect::Warn), row("ELI-002", Effect::Hold)];
        assert_eq!(
            Overrides::new(&twice).unwrap_err(),
            OverrideError::Twice("ELI-002")
        );
    }

    #[test]
    fn a_likeness_below_the_threshold_is_not_hardened() {
        let overrides = Overrides::new(&[row("DUP-002", Effect::Refuse)]).unwrap();
        let told = probable_duplicate(
            "d-1",
            Likeness {
                score: 50,
                reason: Reason::SameNir,
            },
        );
        let held = probable_duplicate(
            "d-1",
            Likeness {
                score: 90,
                reason: Reason::SameNir,
            },
        );
        let after = effective(vec![told, held], &overrides);
        assert_eq!(after[0].effect, Effect::Warn);
        assert_eq!(after[1].effect, Effect::Refuse);
    }
}
