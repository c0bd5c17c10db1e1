//! The checks of the payloads that speak of a contract, and what a payload that waits waits for.

use jiff::civil::Date;

use super::context::{
    AmendmentContext, CertificatContext, ConventionContext, DocumentContext, FactureContext, Known,
    RuptureContext,
};
use super::subject::{Found, On};
use super::{Check, Rule, of};
use crate::delivery::{Kind, WaitReason};
use crate::dossier::{Dossier, join_findings};
use crate::finding::{Effect, Finding, Severity};
use crate::opco::words;
use crate::payload::{Certificat, Convention, Facture, InfosFichier, Reading, Rupture};

/// Writes the row of a rule that refuses; the others change that.
pub(super) const fn row(
    id: &'static str,
    source: &'static str,
    pointer: &'static str,
    message: &'static str,
    remedy: &'static str,
    check: Check,
) -> Rule {
    Rule {
        id,
        severity: Severity::Bloquant,
        effect: Effect::Refuse,
        source,
        from: None,
        until: None,
        pointer,
        message,
        remedy,
        check,
    }
}

/// Makes of a row one whose payload waits by itself.
pub(super) const fn waits(mut rule: Rule) -> Rule {
    rule.effect = Effect::Wait;
    rule
}

/// Makes of a row one that only tells.
pub(super) const fn warns(mut rule: Rule) -> Rule {
    rule.severity = Severity::Avertissement;
    rule.effect = Effect::Warn;
    rule
}

/// Writes the public check of one kind: every rule of its variant, in the order of the table.
macro_rules! checked {
    ($($(#[$doc:meta])* $name:ident($kind:ident, $variant:ident, $payload:ty, $context:ty);)+) => {
        $(
            $(#[$doc])*
            pub fn $name(payload: &$payload, context: &$context) -> Vec<Finding> {
                let subject = On { payload, context };
                let mut findings = Vec::new();
                for rule in of(Kind::$kind) {
                    if let Check::$variant(check) = rule.check {
                        check.0(&subject, &mut Found { rule, findings: &mut findings });
                    }
                }
                findings
            }
        )+
    };
}

checked! {
    /// Checks an amendment against the contract it changes; [`super::check`] checks the rest of it.
    check_amendment(Dossier, Amendment, Dossier, AmendmentContext<'_>);
    /// Checks a training agreement.
    check_convention(Convention, Convention, Convention, ConventionContext<'_>);
    /// Checks an invoice or a credit note. What the OPCO has told and the invoice leaves out is
    /// missing here: [`complete_facture`] comes first.
    check_facture(Facture, Facture, Facture, FactureContext<'_>);
    /// Checks a certificate.
    check_certificat(Certificat, Certificat, Certificat, CertificatContext<'_>);
    /// Checks what is said of a document, and its file.
    check_document(Document, Document, InfosFichier, DocumentContext);
    /// Checks a termination.
    check_rupture(Rupture, Rupture, Rupture, RuptureContext<'_>);
}

/// Joins the errors of form of a payload to what its rules say; a value that could not be read is not
/// reported as missing as well.
pub fn examine_with<T>(
    reading: &Reading<T>,
    check: impl FnOnce(&T) -> Vec<Finding>,
) -> Vec<Finding> {
    join_findings(reading.findings.clone(), check(&reading.payload))
}

/// What a payload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaits {
    /// The OPCO's number of its contract.
    Number,
    /// The contract's deposit number.
    Deca,
    /// The OPCO's commitment.
    Engagement,
    /// The opening of an échéance.
    Opening,
    /// A fresh reading of the schedule.
    Schedule,
}

words!(Awaits {
    Number = "number",
    Deca = "deca",
    Engagement = "engagement",
    Opening = "opening",
    Schedule = "schedule",
});

impl Awaits {
    /// Returns what is waited for, in French.
    pub fn french(self) -> &'static str {
        match self {
            Self::Number => "Le numéro de dossier que l'OPCO donne au contrat.",
            Self::Deca => "Le numéro DECA du contrat.",
            Self::Engagement => "L'engagement du dossier par l'OPCO.",
            Self::Opening => "L'ouverture de l'échéance à la facturation.",
            Self::Schedule => "Une lecture récente de l'échéancier.",
        }
    }

    /// Returns the reason of the delivery that stands for it.
    pub fn reason(self) -> WaitReason {
        match self {
            Self::Opening => WaitReason::OpeningDate,
            Self::Number | Self::Deca | Self::Engagement | Self::Schedule => WaitReason::Dossier,
        }
    }
}

/// Returns what a finding makes its payload wait for; nothing when it does not wait.
pub fn awaits(finding: &Finding) -> Option<Awaits> {
    if finding.effect != Effect::Wait {
        return None;
    }
    Some(match finding.rule {
        "FAC-006" => Awaits::Deca,
        "FAC-007" | "RUP-002" => Awaits::Engagement,
        "FAC-010" => Awaits::Opening,
        "FAC-021" => Awaits::Schedule,
        _ => Awaits::Number,
    })
}

/// Returns the day on which the last of the échéances that an invoice waits for opens (FAC-010).
pub fn opens_on(findings: &[Finding]) -> Option<Date> {
    let waiting = findings
        .iter()
        .filter(|f| awaits(f) == Some(Awaits::Opening));
    waiting
        .filter_map(|finding| finding.value.as_deref()?.parse().ok())
        .max()
}

/// Fills in what an invoice leaves out and the OPCO has told since: the business number where the
/// invoice is about one dossier, the deposit number, the label of the échéance. What is given stays.
pub fn complete_facture(facture: &mut Facture, dossiers: &[Known<'_>]) {
    for ligne in &mut facture.lignes {
        let named = ligne.numero_dossier.as_deref();
        let known = match (named, dossiers) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(numero), _) => dossiers
                .iter()
                .find(|known| known.numero_externe == Some(numero)),
        };
        let Some(known) = known else { continue };
        let text = |text: Option<&str>| text.map(str::to_owned);
        let label = ligne
            .numero_echeance
            .and_then(|numero| known.echeancier?.find(numero)?.codification.clone());
        ligne.numero_dossier = ligne
            .numero_dossier
            .take()
            .or_else(|| text(known.numero_externe));
        ligne.numero_deca = ligne.numero_deca.take().or_else(|| text(known.numero_deca));
        ligne.codification_echeance = ligne.codification_echeance.take().or(label);
    }
}
