//! What a rule looks at, and where it writes what it found.

use std::fmt::Display;

use jiff::ToSpan;
use jiff::civil::Date;

use super::Rule;
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

/// Returns the day `months` later. The last day of a month gives the last day of the other one, so
/// that no limit is shorter than people count it.
pub(super) fn months_after(day: Date, months: i32) -> Date {
    let moved = day.checked_add(months.months()).unwrap_or(Date::MAX);
    if day == day.last_of_month() {
        moved.last_of_month()
    } else {
        moved
    }
}

/// Returns the day `months` earlier.
pub(super) fn months_before(day: Date, months: i32) -> Date {
    day.checked_sub(months.months()).unwrap_or(Date::MIN)
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

    #[test]
    fn months_keep_the_end_of_the_month() {
        assert_eq!(months_after(day("2028-06-30"), 2), day("2028-08-31"));
        assert_eq!(months_after(day("2028-06-15"), 2), day("2028-08-15"));
        assert_eq!(months_after(day("2026-12-31"), 2), day("2027-02-28"));
        assert_eq!(months_after(Date::MAX, 2), Date::MAX);
        assert_eq!(months_before(day("2026-05-31"), 3), day("2026-02-28"));
    }
}
