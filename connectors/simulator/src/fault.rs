//! What an OPCO can be told to do wrong, where, how often.

mod switches;

use serde::{Deserialize, Serialize};

pub use switches::ActiveFault;
pub(crate) use switches::{Faults, Stage};

/// The longest a slow answer may take, in milliseconds.
pub const SLOWEST_MS: u64 = 600_000;
/// The largest body [`FaultKind::HugeJson`] may send, in bytes.
pub const LARGEST_BODY: usize = 256 * 1024 * 1024;
/// The most switches one OPCO may have on.
pub const MOST_FAULTS: usize = 1_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429, with `Retry-After` when `retry_after` is given.
    TooManyRequests,
    /// 503, with `Retry-After` when `retry_after` is given.
    Unavailable,
    /// 500, or the 5xx or 408 given as `status`.
    ServerError,
    /// The right answer, `ms` late.
    Slow,
    /// No answer: the connection stays open.
    Hang,
    /// The work is done (what came is in the ledger) and the connection closes without an answer.
    LostAnswer,
    /// The connection closes once the call is read; nothing is done.
    DropBeforeCommit,
    /// Every page of the lists of states (version 2) shows the items of page 1.
    RepeatedPage,
    /// The page object of the lists of states (version 2) comes inside a one-element array.
    WrappedPage,
    /// The lists of states show nothing.
    EmptyList,
    /// The keys of error bodies begin with a capital.
    PascalCaseErrors,
    /// An HTML page instead of JSON, with `status` (502 by default, 200 allowed); it says `text`.
    Html,
    /// An error body that repeats the whole call, headers and body, with `status` (400 by default).
    Echo,
    /// No body, with `status` (200 by default).
    EmptyBody,
    /// The body stops halfway.
    HalfWritten,
    /// A redirect (`status`, 302 by default) to `text`, by default elsewhere on this server.
    Redirect,
    /// 200 with arrays `size` deep (100,000 by default).
    DeepJson,
    /// 200 with `size` bytes of JSON (32 MiB by default).
    HugeJson,
    /// The token presented is forgotten: 401.
    ExpiredToken,
    /// The key presented counts as expired: 403.
    ExpiredKey,
    /// States of dossiers and invoices read as `text` (`EN_ATTENTE_PIECES` by default), which is in
    /// no list.
    UnknownState,
    /// The call is right and refused all the same, for the reason of protocol §15 that `text` names
    /// (`FACTURE_DEJA_CONNUE` by default), in this OPCO's words, or in the words of `text`.
    Refusal,
    /// The invoice is taken and becomes REJETE instead of REGLE, for the reason in `text`.
    LateRefusal,
    /// Tuition is paid while ancillary costs stay under review.
    PartialSettlement,
    /// The first line of the schedule that nobody has invoiced is issued again: the same number,
    /// another label. Strikes when a full dossier is read.
    ReissuedSchedule,
    /// Nothing works, token endpoint included: 503, or closed connections when `close` is set.
    Down,
}

/// Which calls a fault touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every call but those for a token ([`FaultKind::Down`] touches these too).
    #[default]
    #[serde(rename = "*")]
    All,
    /// Filing a contract.
    Dossiers,
    /// The lists of states.
    Etats,
    /// One full dossier, by number or by pairing key.
    Detail,
    /// Several full dossiers.
    Liste,
    /// Health.
    Status,
    /// Validity of a key.
    Cfakeyinfo,
    /// Asking for a token.
    Token,
    /// Sending a training agreement.
    Conventions,
    /// Sending an invoice.
    Factures,
    /// The list of invoice states.
    FacturesEtats,
    /// Sending a structured certificate.
    Certificats,
    /// Sending a document.
    Documents,
    /// Terminating a contract.
    Rupture,
}

/// A fault switch. `retry_after`, `ms`, `status`, `size`, `text` and `close` mean what the kind says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Which calls; filing a contract only for [`FaultKind::LostAnswer`] and [`FaultKind::DropBeforeCommit`]
    /// unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Scope>,
    /// Whether the work is done first, and only its answer is spoilt.
    #[serde(default)]
    pub after_commit: bool,
    /// How many calls are touched before the switch turns itself off; without limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The chance of each call, from 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Where the sequence of chances starts.
    #[serde(default)]
    pub seed: u64,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Milliseconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// An HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes or levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// An address, a word or a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Closed connections instead of 503.
    #[serde(default)]
    pub close: bool,
}

fn always() -> f64 {
    1.0
}

/// A fault whose parameters cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultError(pub(crate) &'static str);

impl Fault {
    /// Returns a switch that is on until it is cleared.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            route: None,
            after_commit: false,
            times: None,
            probability: always(),
            seed: 0,
            retry_after: None,
            ms: None,
            status: None,
            size: None,
            text: None,
            close: false,
        }
    }

    /// Returns a late answer.
    pub fn slow(ms: u64) -> Self {
        Self {
            ms: Some(ms),
            ..Self::new(FaultKind::Slow)
        }
    }

    /// Returns a 429, with the seconds of its `Retry-After`.
    pub fn too_many_requests(retry_after: Option<u32>) -> Self {
        Self {
            retry_after,
            ..Self::new(FaultKind::TooManyRequests)
        }
    }

    /// Limits the fault to one route.
    #[must_use]
    pub fn on(mut self, route: Scope) -> Self {
        self.route = Some(route);
        self
    }

    /// Limits the fault to so many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Makes the fault a matter of chance, the same for the same seed.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = probability;
        self.seed = seed;
        self
    }

    /// Lets the work be done first.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        self.after_commit = true;
        self
    }

    /// Chooses the word, reason or address.
    #[must_use]
    pub fn saying(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Chooses the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    fn checked(self) -> Result<Self, FaultError> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(FaultError("`probability` is between 0 and 1"));
        }
        if self.ms.unwrap_or(0) > SLOWEST_MS {
            return Err(FaultError("`ms` is at most 600000"));
        }
        if self.size.unwrap_or(0) > LARGEST_BODY {
            return Err(FaultError("`size` is at most 268435456"));
        }
        let status_fits = match (self.kind, self.status) {
            (_, None) | (FaultKind::ServerError, Some(408 | 500..=599)) => true,
            (FaultKind::Html | FaultKind::EmptyBody, Some(status)) => (200..=599).contains(&status),
            (FaultKind::Echo, Some(status)) => (400..=599).contains(&status),
            (FaultKind::Redirect, Some(status)) => matches!(status, 301 | 302 | 303 | 307 | 308),
            _ => false,
        };
        if !status_fits {
            return Err(FaultError("`status` does not go with this kind of fault"));
        }
        Ok(self)
    }

    fn touches(&self, route: Scope) -> bool {
        let scope = self.route.unwrap_or(match self.kind {
            FaultKind::LostAnswer | FaultKind::DropBeforeCommit => Scope::Dossiers,
            _ => Scope::All,
        });
        match scope {
            Scope::All => route != Scope::Token || self.kind == FaultKind::Down,
            one => one == route,
        }
    }
}

impl FaultKind {
    /// Returns the word of the control API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TooManyRequests => "too_many_requests",
            Self::Unavailable => "unavailable",
            Self::ServerError => "server_error",
            Self::Slow => "slow",
            Self::Hang => "hang",
            Self::LostAnswer => "lost_answer",
            Self::DropBeforeCommit => "drop_before_commit",
            Self::RepeatedPage => "repeated_page",
            Self::WrappedPage => "wrapped_page",
            Self::EmptyList => "empty_list",
            Self::PascalCaseErrors => "pascal_case_errors",
            Self::Html => "html",
            Self::Echo => "echo",
            Self::EmptyBody => "empty_body",
            Self::HalfWritten => "half_written",
            Self::Redirect => "redirect",
            Self::DeepJson => "deep_json",
            Self::HugeJson => "huge_json",
            Self::ExpiredToken => "expired_token",
            Self::ExpiredKey => "expired_key",
            Self::UnknownState => "unknown_state",
            Self::Refusal => "refusal",
            Self::LateRefusal => "late_refusal",
            Self::PartialSettlement => "partial_settlement",
            Self::ReissuedSchedule => "reissued_schedule",
            Self::Down => "down",
        }
    }
}
