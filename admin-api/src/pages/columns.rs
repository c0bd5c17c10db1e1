//! The columns of the list of deliveries: the same on the page and in the sheet.

use domain::person::Language;
use domain::{Opco, Status};
use store::Delivery;

use super::layout::local;
use super::today::why;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Kind,
    Opco,
    Standing,
    Why,
    Site,
    Employer,
    Number,
    External,
    Deca,
    Attempts,
    Changed,
    Fault,
    Id,
}

impl Column {
    /// Every column, in the order of a line.
    pub(crate) const ALL: [Self; 13] = [
        Self::Kind,
        Self::Opco,
        Self::Standing,
        Self::Why,
        Self::Site,
        Self::Employer,
        Self::Number,
        Self::External,
        Self::Deca,
        Self::Attempts,
        Self::Changed,
        Self::Fault,
        Self::Id,
    ];
    /// What is shown unless other columns are asked for.
    const USUAL: [Self; 5] = [
        Self::Kind,
        Self::Opco,
        Self::Standing,
        Self::Site,
        Self::Number,
    ];

    /// Returns the columns an address names, in their order; the usual ones when it names none.
    pub(crate) fn chosen(words: &[String]) -> Vec<Self> {
        let named = |column: &Self| words.iter().any(|word| word == column.as_str());
        let chosen: Vec<Self> = Self::ALL.into_iter().filter(named).collect();
        if chosen.is_empty() {
            Self::USUAL.to_vec()
        } else {
            chosen
        }
    }

    /// Returns the word of addresses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Opco => "opco",
            Self::Standing => "status",
            Self::Why => "why",
            Self::Site => "site",
            Self::Employer => "employer",
            Self::Number => "number",
            Self::External => "external",
            Self::Deca => "deca",
            Self::Attempts => "attempts",
            Self::Changed => "changed",
            Self::Fault => "fault",
            Self::Id => "id",
        }
    }

    /// Returns what people call it.
    pub(crate) fn name(self, language: Language) -> &'static str {
        match self {
            Self::Kind => language.of("Quoi", "What"),
            Self::Opco => "OPCO",
            Self::Standing => language.of("Où elle en est", "Where it stands"),
            Self::Why => language.of("Pourquoi", "Why"),
            Self::Site => "Site",
            Self::Employer => language.of("Employeur", "Employer"),
            Self::Number => language.of("Numéro interne", "Internal number"),
            Self::External => language.of("Numéro externe", "External number"),
            Self::Deca => "DECA",
            Self::Attempts => language.of("Envois", "Sends"),
            Self::Changed => language.of("Dernier changement", "Last change"),
            Self::Fault => language.of("Dernier échec", "Last failure"),
            Self::Id => language.of("Identifiant", "Identifier"),
        }
    }

    /// Returns what it says of a delivery.
    pub(crate) fn text(self, delivery: &Delivery, language: Language) -> String {
        let receipt = &delivery.receipt;
        let standing = delivery.standing;
        match self {
            Self::Kind => delivery.kind.name(language).to_owned(),
            Self::Opco => delivery.opco.map_or("", Opco::name).to_owned(),
            Self::Standing => standing.status.name(language).to_owned(),
            Self::Why => {
                let wait = standing.wait_reason.map(domain::WaitReason::as_str);
                let hold = standing.hold_reason.map(domain::HoldReason::as_str);
                match standing.status {
                    Status::Delivered => String::new(),
                    status => why(status, wait.or(hold), language),
                }
            }
            Self::Site => delivery.siret_cfa.to_string(),
            Self::Employer => delivery
                .siret_employeur
                .map(|siret| siret.to_string())
                .unwrap_or_default(),
            Self::Number => receipt.numero_interne.clone().unwrap_or_default(),
            Self::External => receipt.numero_externe.clone().unwrap_or_default(),
            Self::Deca => receipt.numero_deca.clone().unwrap_or_default(),
            Self::Attempts => delivery.attempts.to_string(),
            Self::Changed => local(delivery.updated_at, language),
            Self::Fault => delivery
                .fault
                .as_ref()
                .map(|fault| fault.detail.clone())
                .unwrap_or_default(),
            Self::Id => delivery.id.to_string(),
        }
    }
}
