//! What a rule says about a payload.

pub mod kept;

use serde::Serialize;

use crate::opco::words;

/// How sure a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Bloquant: the OPCO would refuse.
    Bloquant,
    /// Avertissement: someone should look.
    Avertissement,
}

words!(Severity { Bloquant = "bloquant", Avertissement = "avertissement" });

/// What a finding does to the payload (rules §0), from the mildest to the hardest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Sent; the finding travels in the answer and the history.
    Warn,
    /// Accepted; goes by itself when the condition comes true.
    Wait,
    /// Accepted; a person must choose or complete something.
    Hold,
    /// 409 with a link to the existing delivery.
    Conflict,
    /// 422 at the door; nothing is kept.
    Refuse,
}

words!(Effect {
    Warn = "warn",
    Wait = "wait",
    Hold = "hold",
    Conflict = "conflict",
    Refuse = "refuse",
});

impl Effect {
    /// Returns what a reader is told of the payload: a finding blocks what it stops, whatever the rule
    /// was sure of; what goes all the same, now or by itself later, is not blocked.
    pub fn severity(self) -> Severity {
        match self {
            Self::Warn | Self::Wait => Severity::Avertissement,
            Self::Hold | Self::Conflict | Self::Refuse => Severity::Bloquant,
        }
    }
}

/// One finding: where, which rule, what it says, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's stable id, such as `DAT-003`; `STRUCTURE` for what is not of the norm's form.
    pub rule: &'static str,
    /// How sure the rule is.
    pub severity: Severity,
    /// What it does to the payload.
    pub effect: Effect,
    /// JSON Pointer (RFC 6901) to the field, from the root of the body: `/cerfa/contrat/dateFinContrat`.
    pub pointer: String,
    /// What is wrong, in French.
    pub message: String,
    /// What to do about it, in French.
    pub remedy: String,
    /// The offending value, masked when personal; absent when the field is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
