//! Findings as they are kept with a delivery, and read back.

use serde::Deserialize;

use super::{Effect, Finding, Severity};
use crate::rules;

/// A finding as it was written.
#[derive(Deserialize)]
struct Note {
    rule: String,
    severity: Severity,
    effect: Effect,
    pointer: String,
    message: String,
    remedy: String,
    #[serde(default)]
    value: Option<String>,
}

/// Reads findings back. One that cannot be read any more is left out rather than failing the whole.
pub fn read(json: &str) -> Vec<Finding> {
    let notes: Vec<serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    notes
        .into_iter()
        .filter_map(|note| serde_json::from_value::<Note>(note).ok())
        .filter_map(|note| {
            Some(Finding {
                rule: name(&note.rule)?,
                severity: note.severity,
                effect: note.effect,
                pointer: note.pointer,
                message: note.message,
                remedy: note.remedy,
                value: note.value,
            })
        })
        .collect()
}

/// Writes findings.
pub fn write(findings: &[Finding]) -> String {
    // Plain texts: writing them cannot fail.
    serde_json::to_string(findings).unwrap_or_default()
}

fn name(rule: &str) -> Option<&'static str> {
    if rule == rules::STRUCTURE {
        return Some(rules::STRUCTURE);
    }
    rules::find(rule).map(|rule| rule.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_survive_being_kept() {
        let findings = vec![rules::finding("ROU-002", "/cerfa/employeur/siret", &[])];
        assert_eq!(read(&write(&findings)), findings);
        assert!(read("not json").is_empty());
    }
}
