//! The rules a payload must pass before it is sent: one row each, and what a broken one does.
//!
//! A rule is a row of a table: identifier, severity, default effect, source, effective dates, place,
//! French message, French remedy, and who can check it. Rules that need more than the payload
//! (routes, keys, mandates, other contracts) have their text here and are raised by whoever knows;
//! so have those that speak of values which cannot even be read. A payload about a contract is judged
//! with what is known of it, which is an argument.

mod ages;
mod amendment;
mod ancillary;
mod billing;
mod certificat;
mod codes;
mod completeness;
mod context;
mod convention;
mod credit;
mod dates;
mod eligibility;
mod expected;
mod hours;
mod identity;
mod invoice;
mod outside;
mod overrides;
mod pay;
mod payload;
mod reading;
mod required;
mod rupture;
mod subject;

use jiff::civil::Date;

pub use self::context::{
    AmendmentContext, BillingProfile, CertificatContext, ConventionContext, DocumentContext,
    FactureContext, FileFacts, FileKind, Initial, Known, Origin, RuptureContext,
};
pub use self::payload::{
    Awaits, awaits, check_amendment, check_certificat, check_convention, check_document,
    check_facture, check_rupture, complete_facture, examine_with, opens_on,
};
use self::subject::{Found, On, Subject};
use crate::calendar;
use crate::clock::Timestamp;
use crate::delivery::Kind;
use crate::dossier::{Dossier, Reading, join_findings};
use crate::finding::{Effect, Finding, Severity};
use crate::payload::{Certificat, Convention, Facture, InfosFichier, Rupture};
pub use outside::{
    duplicate, flow_closed, key_expires, of_another_site, opco_differs, probable_duplicate,
    resembled,
};
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
    /// A payload that speaks of several contracts is checked contract by contract.
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

/// Declares the check of one kind of payload, which prints its name and nothing else.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident($subject:ty);)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub struct $name(fn(&$subject, &mut Found<'_>));

            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(stringify!($name))
                }
            }
        )+
    };
}

checks! {
    /// A check that the contract alone can pass or fail.
    ContractCheck(Subject<'_>);
    /// A check of an amendment against the contract it changes.
    AmendmentCheck(On<'_, Dossier, AmendmentContext<'_>>);
    /// A check of a training agreement.
    ConventionCheck(On<'_, Convention, ConventionContext<'_>>);
    /// A check of an invoice.
    FactureCheck(On<'_, Facture, FactureContext<'_>>);
    /// A check of a certificate.
    CertificatCheck(On<'_, Certificat, CertificatContext<'_>>);
    /// A check of a document.
    DocumentCheck(On<'_, InfosFichier, DocumentContext>);
    /// A check of a termination.
    RuptureCheck(On<'_, Rupture, RuptureContext<'_>>);
}

/// Who can check a rule.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// The payload alone tells.
    Contract(ContractCheck),
    /// The contract before tells.
    Amendment(AmendmentCheck),
    /// The payload and what is known of its dossier tell.
    Convention(ConventionCheck),
    /// The payload, the last schedule read and the profile tell.
    Facture(FactureCheck),
    /// The payload and what is known of its dossier tell.
    Certificat(CertificatCheck),
    /// The payload and its file tell.
    Document(DocumentCheck),
    /// The payload and what is known of its dossier tell.
    Rupture(RuptureCheck),
    /// Whoever reads the body: the value is not even a value of its field.
    Reading,
    /// Whoever knows routes, keys, mandates and other contracts.
    Outside,
}

/// What a check needs besides the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The present day, in France.
    pub today: Date,
}

impl Context {
    /// Takes the day it is in France at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            today: calendar::day_in_france(now),
        }
    }
}

/// Every rule, by the payload it speaks of and by subject.
pub static TABLE: [(Kind, &[Rule]); 19] = [
    (Kind::Dossier, &outside::RULES),
    (Kind::Dossier, &eligibility::RULES),
    (Kind::Dossier, &completeness::RULES),
    (Kind::Dossier, &reading::RULES),
    (Kind::Dossier, &identity::RULES),
    (Kind::Dossier, &codes::RULES),
    (Kind::Dossier, &dates::RULES),
    (Kind::Dossier, &ages::RULES),
    (Kind::Dossier, &pay::RULES),
    (Kind::Dossier, &hours::RULES),
    (Kind::Dossier, &amendment::RULES),
    (Kind::Convention, &convention::RULES),
    (Kind::Facture, &invoice::RULES),
    (Kind::Facture, &billing::RULES),
    (Kind::Facture, &ancillary::RULES),
    (Kind::Facture, &credit::RULES),
    (Kind::Certificat, &certificat::RULES),
    (Kind::Document, &required::DOCUMENT),
    (Kind::Rupture, &rupture::RULES),
];

/// Returns every rule, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    TABLE.iter().flat_map(|(_, rules)| rules.iter())
}

/// Returns the rules of one kind of payload, in the order of the table.
pub fn of(kind: Kind) -> impl Iterator<Item = &'static Rule> {
    let tables = TABLE.iter().filter(move |(of, _)| *of == kind);
    tables.flat_map(|(_, rules)| rules.iter())
}

/// Finds a rule by its id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

/// Checks a contract against every rule that the payload alone can tell, in the order of the table.
///
/// Nothing is allocated unless a rule is broken. Rules that compare values are silent where one is
/// missing: completeness says that.
pub fn check(dossier: &Dossier, context: &Context) -> Vec<Finding> {
    let subject = Subject {
        dossier,
        cerfa: &dossier.cerfa,
        version: dossier.version_cerfa(),
        today: context.today,
    };
    let day = subject.day();
    let mut findings = Vec::new();
    for rule in of(Kind::Dossier) {
        if let Check::Contract(ContractCheck(check)) = rule.check
            && rule.applies_on(day)
        {
            check(
                &subject,
                &mut Found {
                    rule,
                    findings: &mut findings,
                },
            );
        }
    }
    findings
}

/// Checks what was read from a body: the errors of form, then the rules.
///
/// A value that could not be read is empty in the payload; it is not reported as missing as well.
pub fn examine(reading: &Reading, context: &Context) -> Vec<Finding> {
    join_findings(reading.findings.clone(), check(&reading.dossier, context))
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
    /// Returns whether the rule is in force for a contract concluded that day. Without a day, only
    /// rules that have always been in force are.
    fn applies_on(&self, day: Option<Date>) -> bool {
        match (self.from, self.until, day) {
            (None, None, _) => true,
            (_, _, None) => false,
            (from, until, Some(day)) => {
                from.is_none_or(|from| from <= day) && until.is_none_or(|until| day <= until)
            }
        }
    }

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
