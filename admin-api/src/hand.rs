//! Whose hand an act is: what every line of the log says of it.

use domain::Timestamp;
use domain::id::TenantId;
use domain::identifiers::holds_number;
use serde_json::Value;
use store::{NewEvent, Tx, events};

use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::viewer::Viewer;

/// Who acts, and when.
#[derive(Debug, Clone)]
pub struct Hand {
    /// The name events give them: `person:…`, `cli:…`.
    pub name: String,
    /// Now.
    pub now: Timestamp,
    /// Why, in their words, where the act asks for it.
    pub reason: Option<String>,
}

impl Hand {
    /// Writes the line of an act in the log of a network, in the act's own transaction.
    pub fn write(&self, tx: &mut Tx, tenant: TenantId, kind: &'static str, mut data: Value) {
        if let (Some(reason), Some(members)) = (&self.reason, data.as_object_mut()) {
            members.insert("reason".to_owned(), reason.as_str().into());
        }
        let event = NewEvent::new(self.now, kind)
            .by(self.name.clone())
            .with(data);
        events::append(tx, tenant, &[event]);
    }

    /// Returns who decided, as decisions show it.
    pub(crate) fn author(&self) -> &str {
        self.name.strip_prefix("cli:").unwrap_or(&self.name)
    }

    /// The hand of a person of the dashboard.
    pub(crate) fn of(desk: &Desk, viewer: &Viewer) -> Self {
        Self {
            name: viewer.actor(),
            now: desk.clock.now(),
            reason: None,
        }
    }

    /// The same, with the reason that the act asks for.
    pub(crate) fn because(desk: &Desk, viewer: &Viewer, text: &str) -> Result<Self, Refusal> {
        Ok(Self {
            reason: Some(given(text)?),
            ..Self::of(desk, viewer)
        })
    }
}

/// Why a text is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReason {
    /// It is empty, too long, or not on one line.
    Form,
    /// It holds a social security number or an account, however it is spelled. It would go into the log, which
    /// is never erased, and from there into exports and evidence.
    Number,
}

impl NoReason {
    /// Says what is wrong with it, in French and in English; never what it holds.
    pub fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::Form => (
                "Il faut une raison, de 500 caractères au plus : elle reste dans le journal.",
                "A reason is needed, of at most 500 characters: it stays in the log.",
            ),
            Self::Number => (
                "La raison contient ce qui a la forme d'un NIR ou d'un IBAN : retirez-le, et désignez le dossier \
                 par son numéro. Elle entre au journal, qui ne s'efface pas.",
                "The reason contains what looks like a social security number or an account: take it out, and \
                 name the dossier by its number. It goes into the log, which is never erased.",
            ),
        }
    }
}

impl From<NoReason> for Refusal {
    fn from(why: NoReason) -> Self {
        let (fr, en) = why.said();
        Self::invalid("/reason", fr, en)
    }
}

/// Returns the reason that a person gives, without what surrounds it.
///
/// # Errors
/// Why it is none.
pub fn given(text: &str) -> Result<String, NoReason> {
    const CHARS_MAX: usize = 500;
    let reason = text.trim();
    let fits = !reason.is_empty() && reason.chars().count() <= CHARS_MAX;
    if !fits || reason.chars().any(char::is_control) {
        return Err(NoReason::Form);
    }
    if holds_number(reason) {
        return Err(NoReason::Number);
    }
    Ok(reason.to_owned())
}

/// Refuses a reason that holds a number of somebody's.
pub(crate) fn of_nobody(reason: &str) -> Result<(), Refusal> {
    if holds_number(reason) {
        return Err(NoReason::Number.into());
    }
    Ok(())
}

/// Returns a name that people give, without what surrounds it; nothing when it is empty, too long or
/// holds a control character: it ends up in tables, in the log and on a terminal.
pub(crate) fn name(text: &str) -> Option<String> {
    const CHARS_MAX: usize = 200;
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= CHARS_MAX;
    (fits && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::person::Language;

    use super::*;

    #[test]
    fn no_number_of_somebody_s_goes_into_the_log_with_a_reason() {
        for number in [
            "205049399999992",
            "2 05 04 93 999 999 92",
            "FR76 3000 6000 0112 3456 7890 189",
        ] {
            let refused = given(&format!("demande de {number}, reçue hier")).unwrap_err();
            assert_eq!(refused, NoReason::Number);
            let refused = Refusal::from(refused);
            for language in [Language::Fr, Language::En] {
                assert!(!refused.detail(language).contains(number), "{number}");
            }
        }
        assert_eq!(
            given(" dossier AKTO-552, DECA 093202609010123, SIRET 98765432400019 ").unwrap(),
            "dossier AKTO-552, DECA 093202609010123, SIRET 98765432400019"
        );
    }
}
