//! The rules a contract must pass before it is sent: one row each, and what a broken one does.
//!
//! A rule is a row of a table: identifier, severity, default effect, source, effective dates, place,
//! French message, French remedy, and who can check it. Rules that need more than the payload
//! (routes, keys, mandates, other contracts) have their text here and are raised by whoever knows;
//! so have those that speak of values which cannot even be read.

mod outside;
mod overrides;
mod reading;

use jiff::civil::Date;

use crate::finding::{Effect, Finding, Severity};
pub use outside::{duplicate, flow_closed, key_expires, opco_differs, probable_duplicate};
pub use overrides::{Override, OverrideError, Overrides, effective};

/// The version of the rule set, kept with every accepted payload.
pub const RULE_SET: &str = "2026-11";

/// What is not of the norm's form at all: raised while reading, before any rule.
pub const STRUCTURE: &str = "STRUCTURE";

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, such as `DAT-003`.
    pub id: &'static str,
    /// How sure the rule is.
    pub severity: Severity,
    /// What a finding does unless the network decided otherwise.
    pub effect: Effect,
    /// Where the rule comes from: the tags of the protocol notes.
    pub source: &'static str,
    /// The first day on which it applies to a contract concluded that day; always, when absent.
    pub from: Option<Date>,
    /// The last such day.
    pub until: Option<Date>,
    /// JSON Pointer to the field it speaks of, from the root of the body.
    pub pointer: &'static str,
    /// What is wrong, in French; words in braces are filled in.
    pub message: &'static str,
    /// What to do, and who, in French.
    pub remedy: &'static str,
    /// Who can check it.
    pub check: Check,
}

/// Who can check a rule.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Whoever reads the body: the value is not even a value of its field.
    Reading,
    /// Whoever knows routes, keys, mandates and other contracts.
    Outside,
}

/// Every rule of a contract, by subject.
pub static TABLE: [&[Rule]; 2] = [&outside::RULES, &reading::RULES];

/// Returns every rule, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    TABLE.iter().copied().flatten()
}

/// Finds a rule by its id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// Makes a finding of the rule `id` at `pointer`, the words in braces of its message filled from
/// `words`. An id outside the table gives a blocking finding that says so, never silence.
pub fn finding(id: &'static str, pointer: &str, words: &[(&str, &str)]) -> Finding {
    match find(id) {
        Some(rule) => rule.finding(pointer, words, None),
        None => Finding {
            rule: id,
            severity: Severity::Bloquant,
            effect: Effect::Refuse,
            pointer: pointer.to_owned(),
            message: "Contrôle non décrit dans la table des règles.".to_owned(),
            remedy: "L'administrateur de la passerelle signale cette règle à son éditeur."
                .to_owned(),
            value: None,
        },
    }
}

impl Rule {
    /// Makes a finding at `pointer`; `value` must already be masked when it is personal.
    pub fn finding(&self, pointer: &str, words: &[(&str, &str)], value: Option<String>) -> Finding {
        let mut message = self.message.to_owned();
        for (word, text) in words {
            message = message.replace(&format!("{{{word}}}"), text);
        }
        Finding {
            rule: self.id,
            severity: self.severity,
            effect: self.effect,
            pointer: pointer.to_owned(),
            message,
            remedy: self.remedy.to_owned(),
            value,
        }
    }
}
