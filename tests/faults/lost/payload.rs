//! The payloads of the norm, and what each needs before it can be sent.

use domain::{Capability, Opco};
use harness::payload::Contract;
use harness::pieces::{Piece, certificat, convention, document, facture, rupture};
use serde_json::json;
use simulator::{Kind, Scope};

use super::Read;

/// A payload that an OPCO of one version takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Payload {
    /// A contract, version 1: a list without names.
    ContractV1,
    /// A contract, version 2: a list by pages.
    ContractV2,
    /// A training agreement.
    Agreement,
    /// A document.
    Document,
    /// A certificate where there is no route for it.
    CertificateAsDocument,
    /// A certificate.
    Certificate,
    /// An invoice where only the schedule shows it.
    InvoiceV1,
    /// An invoice where there is a list.
    InvoiceV2,
    /// A credit note, which no schedule shows.
    CreditNoteV1,
    /// A credit note where there is a list.
    CreditNoteV2,
    /// A termination.
    Termination,
}

/// What must be known of the contract before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Before {
    /// Nothing: it is the contract.
    Nothing,
    /// Its number.
    Number,
    /// The OPCO's commitment.
    Engagement,
    /// Its schedule.
    Schedule,
    /// An invoice of it.
    Invoice,
}

/// What is open beside contracts of version 1, and of version 2: no two payloads that may be sent again
/// take the same route at one OPCO.
const FLOWS_V1: &[Capability] = &[
    Capability::DossiersV1,
    Capability::Factures,
    Capability::Avoir,
    Capability::Conventions,
    Capability::Documents,
    Capability::Certificats,
];
const FLOWS_V2: &[Capability] = &[
    Capability::DossiersV2,
    Capability::Factures,
    Capability::FacturesEtats,
    Capability::Avoir,
    Capability::Documents,
    Capability::Rupture,
];

/// The OPCOs of version 1 and of version 2, one of each for a way to lose an answer.
const OPCOS_V1: [Opco; 5] = [
    Opco::Afdas,
    Opco::OpcoEp,
    Opco::Constructys,
    Opco::Ocapiat,
    Opco::Opco2i,
];
const OPCOS_V2: [Opco; 5] = [
    Opco::Akto,
    Opco::Atlas,
    Opco::OpcoMobilites,
    Opco::Opcommerce,
    Opco::Uniformation,
];

/// Each OPCO with the flows that are open there.
pub(crate) fn opcos() -> impl Iterator<Item = (Opco, &'static [Capability])> {
    let first = OPCOS_V1.into_iter().map(|opco| (opco, FLOWS_V1));
    first.chain(OPCOS_V2.into_iter().map(|opco| (opco, FLOWS_V2)))
}

impl Payload {
    pub(crate) const ALL: [Self; 11] = [
        Self::ContractV1,
        Self::ContractV2,
        Self::Agreement,
        Self::Document,
        Self::CertificateAsDocument,
        Self::Certificate,
        Self::InvoiceV1,
        Self::InvoiceV2,
        Self::CreditNoteV1,
        Self::CreditNoteV2,
        Self::Termination,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ContractV1 => "contract, V1",
            Self::ContractV2 => "contract, V2",
            Self::Agreement => "agreement",
            Self::Document => "document",
            Self::CertificateAsDocument => "certificate as a document",
            Self::Certificate => "certificate",
            Self::InvoiceV1 => "invoice, by schedule",
            Self::InvoiceV2 => "invoice, by list",
            Self::CreditNoteV1 => "credit note, no read",
            Self::CreditNoteV2 => "credit note, by list",
            Self::Termination => "termination",
        }
    }

    /// Returns the OPCO that has this place among those of its version.
    pub(crate) fn opco(self, place: usize) -> Opco {
        match self {
            Self::ContractV1
            | Self::Agreement
            | Self::Document
            | Self::Certificate
            | Self::InvoiceV1
            | Self::CreditNoteV1 => OPCOS_V1[place % OPCOS_V1.len()],
            Self::ContractV2
            | Self::CertificateAsDocument
            | Self::InvoiceV2
            | Self::CreditNoteV2
            | Self::Termination => OPCOS_V2[place % OPCOS_V2.len()],
        }
    }

    pub(crate) fn read(self) -> Read {
        match self {
            Self::ContractV1 | Self::ContractV2 | Self::Termination => Read::Looked,
            Self::InvoiceV1 | Self::InvoiceV2 | Self::CreditNoteV2 => Read::Numbered,
            Self::CreditNoteV1 => Read::Resent,
            Self::Agreement | Self::Document | Self::CertificateAsDocument | Self::Certificate => {
                Read::None
            }
        }
    }

    pub(crate) fn before(self) -> Before {
        match self {
            Self::ContractV1 | Self::ContractV2 => Before::Nothing,
            Self::Agreement | Self::Document => Before::Number,
            Self::CertificateAsDocument | Self::Certificate | Self::Termination => {
                Before::Engagement
            }
            Self::InvoiceV1 | Self::InvoiceV2 => Before::Schedule,
            Self::CreditNoteV1 | Self::CreditNoteV2 => Before::Invoice,
        }
    }

    /// Returns the route it takes at the OPCO.
    pub(crate) fn route(self) -> Scope {
        match self {
            Self::ContractV1 | Self::ContractV2 => Scope::Dossiers,
            Self::Agreement => Scope::Conventions,
            Self::Document | Self::CertificateAsDocument => Scope::Documents,
            Self::Certificate => Scope::Certificats,
            Self::InvoiceV1 | Self::InvoiceV2 | Self::CreditNoteV1 | Self::CreditNoteV2 => {
                Scope::Factures
            }
            Self::Termination => Scope::Rupture,
        }
    }

    /// Returns what the OPCO's ledger calls it.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::ContractV1 | Self::ContractV2 => Kind::Dossier,
            Self::Agreement => Kind::Convention,
            Self::Document | Self::CertificateAsDocument => Kind::Document,
            Self::Certificate => Kind::Certificat,
            Self::InvoiceV1 | Self::InvoiceV2 | Self::CreditNoteV1 | Self::CreditNoteV2 => {
                Kind::Facture
            }
            Self::Termination => Kind::Rupture,
        }
    }

    /// Makes it, for a contract that owes so much for this échéance.
    pub(crate) fn piece(self, contract: &Contract, numero: &str, owed: (i64, i64)) -> Piece {
        let bare = |door, json| Piece {
            door,
            part: "",
            json,
            file: None,
        };
        match self {
            Self::ContractV1 | Self::ContractV2 => bare("dossiers", contract.body.clone()),
            Self::Agreement => convention(contract),
            Self::Document => document("CONVENTION_FORMATION"),
            Self::CertificateAsDocument | Self::Certificate => certificat(contract),
            Self::InvoiceV1 | Self::InvoiceV2 => facture(contract, numero, owed),
            Self::CreditNoteV1 | Self::CreditNoteV2 => {
                facture(contract, &format!("AV-{numero}"), (owed.0, -owed.1))
                    .with("typeFacture", json!("AVOIR"))
                    .with("numeroFactureOrigine", json!(numero))
            }
            Self::Termination => bare("ruptures", rupture(contract)),
        }
    }
}
