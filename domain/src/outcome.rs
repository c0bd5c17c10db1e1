//! What came of one exchange with an OPCO. A hiccup is never a verdict.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::opco::words;

/// What the OPCO gave when it took a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Receipt {
    /// The OPCO's technical id: the key of every later read (protocol §5).
    pub numero_interne: Option<String>,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number, often absent at first.
    pub numero_deca: Option<String>,
    /// The state as the OPCO spelled it, when it was told.
    pub etat: Option<String>,
}

/// What an OPCO's failure means (protocol §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// An explicit refusal of the content (400, 422).
    Rejected,
    /// The OPCO says it already has it (409, or in words).
    Duplicate,
    /// The dossier is not known there (404, or the profile's way of saying it).
    NotFound,
    /// The software is not accepted (401 after a new token, or a refused token request).
    SoftwareRefused,
    /// The CFA key is missing, wrong or not entitled (403).
    KeyRefused,
    /// Too many calls (429).
    Throttled,
    /// Down, overloaded, unreachable; the request surely was not taken.
    Unavailable,
    /// The route does not exist there (501, 405).
    NotSupported,
    /// The answer could not be read: HTML, empty, half written, too large, too deep, a redirect.
    Unreadable,
    /// We could not make the call as configured (a bad address, a key that opens nothing).
    Misconfigured,
}

words!(FaultKind {
    Rejected = "rejected",
    Duplicate = "duplicate",
    NotFound = "not_found",
    SoftwareRefused = "software_refused",
    KeyRefused = "key_refused",
    Throttled = "throttled",
    Unavailable = "unavailable",
    NotSupported = "not_supported",
    Unreadable = "unreadable",
    Misconfigured = "misconfigured",
});

impl FaultKind {
    /// Returns whether the same call may succeed later without anyone changing anything.
    pub fn is_temporary(self) -> bool {
        match self {
            Self::Throttled | Self::Unavailable | Self::Unreadable => true,
            Self::Rejected
            | Self::Duplicate
            | Self::NotFound
            | Self::SoftwareRefused
            | Self::KeyRefused
            | Self::NotSupported
            | Self::Misconfigured => false,
        }
    }
}

/// One message of an OPCO's refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FaultItem {
    /// The OPCO's own code, when it gave one.
    pub code: Option<String>,
    /// The OPCO's own words.
    pub text: String,
}

/// An OPCO's failure: what, and whether to try again, as two things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What it means.
    pub kind: FaultKind,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// One line that says what happened, free of personal data.
    pub detail: String,
    /// Every message found in the body, in order, masked.
    pub items: Vec<FaultItem>,
    /// The raw body, cut to a bound and masked.
    pub raw: Option<String>,
    /// The least delay the OPCO asked for.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// Makes a fault of which only the kind and one line are known.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            detail: detail.into(),
            items: Vec::new(),
            raw: None,
            retry_after: None,
        }
    }
}

/// What came of one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The OPCO took the payload and said so.
    Taken(Receipt),
    /// The OPCO did not take it: an explicit answer, or the request surely never arrived.
    Failed(Fault),
    /// The request may have been taken; the answer was lost or means nothing. Look before writing.
    Lost(Fault),
    /// A look found the payload at the OPCO.
    Found(Receipt),
    /// A look read everything there is, and the payload is not there.
    Absent,
    /// A look could not tell.
    CouldNotTell(Fault),
}
