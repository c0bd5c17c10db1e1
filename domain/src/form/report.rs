//! The state of one reading: where it stands, what it found wrong, when it must stop.

use std::fmt::Write as _;

use serde::de;

use super::field::Field;
use crate::finding::{Effect, Finding, Severity};
use crate::identifiers::holds_number;
use crate::secret::MASK;

/// How deep objects and lists may be nested, the body itself being the first level.
pub(crate) const MAX_DEPTH: usize = 32;
/// How many JSON values a body may hold.
pub(crate) const MAX_VALUES: usize = 20_000;
/// How many findings are listed in full.
pub(crate) const MAX_FINDINGS: usize = 200;
/// The length of the shortest account.
const ACCOUNT_MIN: usize = 15;
/// An account has at least so many digits.
const ACCOUNT_DIGITS_MIN: usize = 10;
/// How many characters of an offending value are shown.
const MAX_SHOWN: usize = 80;

/// The id of what is not of the norm's form.
pub(crate) const STRUCTURE: &str = "STRUCTURE";
/// The id of a code outside its enumeration.
pub(crate) const ENU_001: &str = "ENU-001";

/// Why a body could not be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxKind {
    /// It is not JSON, or holds a number no machine can keep.
    NotJson,
    /// Its objects and lists are nested too deep.
    TooDeep,
    /// An object has the same name twice.
    DuplicateKey,
    /// It holds too many values.
    TooManyElements,
    /// Its bytes are not UTF-8.
    NotUtf8,
}

/// One step of a JSON Pointer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A member; the names of the norm hold neither `/` nor `~`, so they need no escape.
    Name(&'static str),
    /// An element of a list, from 0.
    Index(usize),
}

/// What one reading remembers.
#[derive(Debug, Default)]
pub(crate) struct Report {
    path: Vec<Step>,
    depth: usize,
    values: usize,
    findings: Vec<Finding>,
    unlisted: bool,
    stop: Option<(SyntaxKind, String)>,
}

/// What a finding says, apart from where.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) remedy: String,
    pub(crate) value: Option<String>,
}

impl Report {
    pub(crate) fn enter(&mut self, step: Step) {
        self.path.push(step);
    }

    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    /// Counts one more value, and refuses the body that holds too many.
    pub(crate) fn count<E: de::Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.stop(SyntaxKind::TooManyElements, MAX_VALUES.to_string()));
        }
        Ok(())
    }

    /// Goes one level down, and refuses the body that goes too deep.
    pub(crate) fn open<E: de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.stop(SyntaxKind::TooDeep, MAX_DEPTH.to_string()));
        }
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Refuses the body: the reason is kept here, since a serde error can carry a text only.
    pub(crate) fn stop<E: de::Error>(&mut self, kind: SyntaxKind, detail: String) -> E {
        self.stop = Some((kind, detail));
        E::custom("refused")
    }

    pub(crate) fn duplicate<E: de::Error>(&mut self, key: &str) -> E {
        self.stop(SyntaxKind::DuplicateKey, cut(key))
    }

    /// Returns why the reading stopped by our own decision.
    pub(crate) fn stopped(&mut self) -> Option<(SyntaxKind, String)> {
        self.stop.take()
    }

    /// Records a finding at the present place.
    pub(crate) fn find(&mut self, text: Text) {
        if self.findings.len() >= MAX_FINDINGS {
            self.unlisted = true;
            return;
        }
        let pointer = self.pointer();
        self.findings.push(finding(pointer, text));
    }

    /// Records what is wrong with a field, unless it is one that we never send.
    pub(crate) fn blame(
        &mut self,
        field: &Field,
        message: String,
        remedy: String,
        value: Option<String>,
        rule: &'static str,
    ) {
        if !field.read_only {
            self.find(Text {
                rule,
                severity: Severity::Bloquant,
                message,
                remedy,
                value,
            });
        }
    }

    /// Records that a number is beyond the bounds of its field.
    pub(crate) fn beyond(&mut self, field: &Field, (least, most): (i64, i64), given: String) {
        let message = format!(
            "{} : un nombre de {least} à {most} attendu.",
            capital(field.label)
        );
        let remedy = format!("Corrigez le champ « {} ».", field.wire);
        self.blame(field, message, remedy, Some(given), STRUCTURE);
    }

    /// Records that the value has another JSON type than the norm's.
    pub(crate) fn mismatch(&mut self, field: &Field, expected: &str, got: &str) {
        let message = format!("{} : {expected} attendu, {got} reçu.", capital(field.label));
        let remedy = format!("Envoyez {expected} dans le champ « {} ».", field.wire);
        self.blame(field, message, remedy, None, STRUCTURE);
    }

    pub(crate) fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Hands over all findings, with one more when some were left out.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        if self.unlisted {
            let text = Text {
                rule: STRUCTURE,
                severity: Severity::Bloquant,
                message: format!(
                    "Plus de {MAX_FINDINGS} anomalies : seules les premières sont listées."
                ),
                remedy: "Corrigez les anomalies listées, puis renvoyez le corps.".to_owned(),
                value: None,
            };
            self.findings.push(finding(String::new(), text));
        }
        self.findings
    }

    fn pointer(&self) -> String {
        let mut pointer = String::with_capacity(48);
        for step in &self.path {
            // Writing to a String cannot fail.
            let _ = match step {
                Step::Name(name) => write!(pointer, "/{name}"),
                Step::Index(index) => write!(pointer, "/{index}"),
            };
        }
        pointer
    }
}

fn finding(pointer: String, text: Text) -> Finding {
    let effect = match text.severity {
        Severity::Bloquant => Effect::Refuse,
        Severity::Avertissement => Effect::Warn,
    };
    Finding {
        rule: text.rule,
        severity: text.severity,
        effect,
        pointer,
        message: text.message,
        remedy: text.remedy,
        value: text.value,
    }
}

/// Returns an offending value as it may be shown: cut, and masked when a social security number or an
/// account strayed into another field, however it is spelled.
pub(crate) fn shown(text: &str) -> String {
    let spaces = |c: &char| !(c.is_whitespace() || matches!(c, '.' | '-'));
    let joined: String = text.chars().filter(spaces).collect();
    let joined = joined.to_ascii_uppercase();
    if has_nir(&joined) || has_account(&joined) || holds_number(text) {
        MASK.to_owned()
    } else {
        cut(text)
    }
}

/// Whether it holds thirteen digits or more that may be a NIR, Corsica's letters included. Fourteen
/// are a SIRET, and a deposit number starts with 0 or 9.
fn has_nir(joined: &str) -> bool {
    // In Corsica a letter stands at the seventh place, after a 2.
    let mut runs = joined.split(|c: char| !(c.is_ascii_digit() || matches!(c, 'A' | 'B')));
    runs.any(|run| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits(run) && run.len() >= 13 && run.len() != 14;
        let corsican = run.len() >= 13
            && matches!(run.get(5..7), Some("2A" | "2B"))
            && run.get(..5).is_some_and(digits)
            && run.get(7..).is_some_and(digits);
        (plain || corsican) && run.starts_with(|first| matches!(first, '1'..='8'))
    })
}

/// Whether it holds two letters, two digits and enough more for an account, digits for the most part. Of
/// what may be one within a run, the first to start holds the most: the others need no look, and a text
/// costs what its length is.
fn has_account(joined: &str) -> bool {
    let mut runs = joined.split(|c: char| !c.is_ascii_alphanumeric());
    runs.any(|run| {
        let starts = |head: &[u8]| match head {
            [first, second, rest @ ..] => {
                first.is_ascii_uppercase()
                    && second.is_ascii_uppercase()
                    && rest.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        };
        let bytes = run.as_bytes();
        let from = bytes.windows(4).position(starts);
        let account = from.and_then(|at| bytes.get(at..)).unwrap_or_default();
        let digits = account.iter().filter(|byte| byte.is_ascii_digit()).count();
        account.len() >= ACCOUNT_MIN && digits >= ACCOUNT_DIGITS_MIN
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Returns a label as the first words of a sentence.
pub(crate) fn capital(label: &str) -> String {
    let mut chars = label.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strayed_into_another_field_is_masked_in_any_spelling() {
        for text in [
            "205049399999992",
            "2050493999999",
            "205049399999900",
            "2 05 04 93 999 999 92",
            "n° 2.05.04.93.999.999.92 (à vérifier)",
            "109022A99999771",
            "1 06 11 2b 999 998 97",
            "FR7699999999990000000000153",
            "fr76 9999 9999 9900 0000 0000 153",
            "2/05/04/93/999/999/92",
            "２０５０４９３９９９９９９９２",
            "2050493999999 (92)",
            "ＦＲ７６９９９９９９９９９９００００００００００１５３",
        ] {
            assert_eq!(shown(text), MASK, "{text}");
        }
    }

    #[test]
    fn an_account_is_found_wherever_it_stands() {
        for text in [
            "réglé sur FR7699999999990000000000153 hier",
            "ABFR7699999999990000000000153",
            "A1 B2 FR76 9999 9999 9900 0000 0000 153",
        ] {
            assert_eq!(shown(text), MASK, "{text}");
        }
    }

    /// A square of this length would not end: whoever hands it in must not hold up the others.
    #[test]
    fn a_text_of_any_length_is_looked_through_once() {
        for unit in ["x", "1", "AB12", "FR7", "2B"] {
            let text = unit.repeat(2_000_000 / unit.len());
            assert!(shown(&text).chars().count() <= MAX_SHOWN + 1, "{unit}");
        }
    }

    #[test]
    fn what_helps_to_mend_is_shown() {
        for text in [
            "12345678200011",
            "093202609010123",
            "2026-09-01T00:00:00+00:00",
            "2026-09-01 08:00",
            "06 99 00 00 02",
            "RNCP38362",
            "10103*14",
            "Baccalauréat",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
