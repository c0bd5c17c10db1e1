//! What a rule looks at, and where it writes what it found.

use std::fmt::Display;

use jiff::civil::Date;

use super::Rule;
pub(super) use crate::calendar::{months_after, months_before};
use crate::dossier::{Cerfa, Dossier, VersionCerfa};
use crate::finding::{Effect, Finding, Severity};
use crate::form::shown;
use crate::secret::MASK;

/// A contract under examination.
pub(super) struct Subject<'a> {
    pub(super) dossier: &'a Dossier,
    pub(super) cerfa: &'a Cerfa,
    pub(super) version: VersionCerfa,
    pub(super) today: Date,
}

impl Subject<'_> {
    /// Returns the day by which effective dates are read: the conclusion, else the start.
    pub(super) fn day(&self) -> Option<Date> {
        let contrat = &self.cerfa.contrat;
        contrat.date_conclusion.or(contrat.date_debut_contrat)
    }

    /// Returns the full years of a person on the first day of the contract.
    pub(super) fn age_at_start(&self, birth: Option<Date>) -> Option<i16> {
        Some(age(birth?, self.cerfa.contrat.date_debut_contrat?))
    }

    /// Returns whether it is an amendment (types 31 to 38), which keeps the dates of its contract.
    pub(super) fn is_amendment(&self) -> bool {
        self.contract_type()
            .is_some_and(|code| (31..=38).contains(&code))
    }

    /// Returns whether it follows another contract (types 21 to 23).
    pub(super) fn is_succession(&self) -> bool {
        self.contract_type()
            .is_some_and(|code| (21..=23).contains(&code))
    }

    /// Returns whether it is a first contract (type 11).
    pub(super) fn is_initial(&self) -> bool {
        self.contract_type() == Some(11)
    }

    fn contract_type(&self) -> Option<i64> {
        self.cerfa.contrat.type_contrat_app
    }
}

/// Any other payload under examination, and what is known besides.
pub(super) struct On<'a, P, C> {
    pub(super) payload: &'a P,
    pub(super) context: &'a C,
}

/// Where the findings of one rule go.
pub(super) struct Found<'a> {
    pub(super) rule: &'static Rule,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Found<'_> {
    /// Reports the rule at its own place, showing the offending value.
    pub(super) fn broken(&mut self, value: impl Display) {
        self.at(self.rule.pointer, value);
    }

    /// Reports the rule at its own place; the value is personal.
    pub(super) fn broken_masked(&mut self) {
        self.broken(MASK);
    }

    /// Reports the rule at its own place as one that blocks, whatever the row says: the second of
    /// two levels.
    pub(super) fn refused(&mut self, value: impl Display) {
        let value = Some(shown(&value.to_string()));
        let mut refused = self.rule.finding(self.rule.pointer, &[], value);
        refused.severity = Severity::Bloquant;
        refused.effect = Effect::Refuse;
        self.findings.push(refused);
    }

    /// Reports the rule at another place. A social security number may stand where a number of hours
    /// belongs, so that no value is shown unlooked at.
    pub(super) fn at(&mut self, pointer: &str, value: impl Display) {
        let value = Some(shown(&value.to_string()));
        self.findings.push(self.rule.finding(pointer, &[], value));
    }

    /// Reports the rule at another place, the words in braces filled in.
    pub(super) fn worded(&mut self, pointer: &str, words: &[(&str, &str)], value: &str) {
        self.findings
            .push(self.rule.finding(pointer, words, Some(shown(value))));
    }

    /// Reports the rule at another place with another effect than the row's: the other of two levels.
    pub(super) fn with_effect(&mut self, pointer: &str, value: Option<String>, effect: Effect) {
        let mut found = self.rule.finding(pointer, &[], value);
        found.effect = effect;
        if effect == Effect::Warn {
            found.severity = Severity::Avertissement;
        }
        self.findings.push(found);
    }

    /// Reports the rule at another place, with no value to show.
    pub(super) fn bare(&mut self, pointer: &str) {
        self.findings.push(self.rule.finding(pointer, &[], None));
    }

    /// Reports a number that the OPCO gives: it waits while the contract is on its way there.
    pub(super) fn missing_number(&mut self, pointer: &str, label: &str, on_its_way: bool) {
        let mut found = self.rule.finding(pointer, &[("libellé", label)], None);
        if on_its_way {
            found.effect = Effect::Wait;
        }
        self.findings.push(found);
    }

    /// Reports a field that must be there.
    pub(super) fn missing(&mut self, pointer: &str, label: &str) {
        self.findings
            .push(self.rule.finding(pointer, &[("libellé", label)], None));
    }
}

/// Returns the full years between a birth and a day; negative when the birth comes later.
pub(super) fn age(birth: Date, day: Date) -> i16 {
    let before_birthday = (day.month(), day.day()) < (birth.month(), birth.day());
    day.year() - birth.year() - i16::from(before_birthday)
}

/// Returns whether a diploma is of a level for which the employer pays a share: codes in the sixties
/// are level 6, in the seventies level 7.
pub(super) fn is_level_6_or_7(diploma: i64) -> bool {
    (60..=79).contains(&diploma)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_birthday_counts_from_its_own_day() {
        assert_eq!(age(day("2009-02-11"), day("2027-02-10")), 17);
        assert_eq!(age(day("2009-02-11"), day("2027-02-11")), 18);
        assert_eq!(age(day("2008-02-29"), day("2026-02-28")), 17);
        assert_eq!(age(day("2008-02-29"), day("2026-03-01")), 18);
        assert_eq!(age(day("2027-01-01"), day("2026-01-01")), -1);
    }
}
