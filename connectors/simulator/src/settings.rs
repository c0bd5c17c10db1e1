//! What one can choose about the simulator as a whole and about each OPCO.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock;

/// Gives the time in milliseconds since 1970-01-01T00:00:00Z.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Everything one chooses before [`crate::start`].
#[derive(Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one. Only this machine can call by default.
    pub bind: SocketAddr,
    /// How many threads answer; 0 counts as 1.
    pub workers: usize,
    /// The source of time: arrivals, limits and token lifetimes follow it as it is, the life of
    /// dossiers through the virtual clock (`clock_factor`, and what the control API moves).
    pub now: Now,
    /// How many virtual milliseconds pass per millisecond of the source; 0 freezes the virtual clock.
    pub clock_factor: u32,
    /// Whether only the keys and software accounts registered over the control API are accepted.
    pub strict: bool,
    /// The file that gets one line per accepted payload; read back at start when it exists.
    pub ledger: Option<PathBuf>,
    /// When a ledger line is on disk.
    pub ledger_sync: LedgerSync,
    /// The file that gets one line per call received.
    pub request_log: Option<PathBuf>,
    /// Whether the contracts' bodies are kept for the detail route. Without them a detail holds
    /// the pairing fields only and a million contracts fit in memory.
    pub keep_payloads: bool,
    /// How many of the last calls to each OPCO are remembered for `GET /control/requests`.
    pub remembered_requests: usize,
    /// The one OPCO that answers; all eleven when absent.
    pub profile: Option<String>,
    /// Whether everything is open at every OPCO, whatever the shipped capabilities say, unless
    /// `opcos` closes it again.
    pub sandbox: bool,
    /// What differs from the shipped settings, by the OPCO's slug (see [`crate::SLUGS`]).
    pub opcos: BTreeMap<String, Overrides>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            workers: 2,
            now: clock::system(),
            clock_factor: 1,
            strict: false,
            ledger: None,
            ledger_sync: LedgerSync::Grouped,
            request_log: None,
            keep_payloads: true,
            remembered_requests: 5_000,
            profile: None,
            sandbox: false,
            opcos: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("bind", &self.bind)
            .field("workers", &self.workers)
            .field("clock_factor", &self.clock_factor)
            .field("strict", &self.strict)
            .field("ledger", &self.ledger)
            .field("ledger_sync", &self.ledger_sync)
            .field("request_log", &self.request_log)
            .field("keep_payloads", &self.keep_payloads)
            .field("profile", &self.profile)
            .field("sandbox", &self.sandbox)
            .field("opcos", &self.opcos)
            .finish_non_exhaustive()
    }
}

/// When the line of an accepted payload is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerSync {
    /// Synced alone before its answer leaves.
    Each,
    /// Synced before its answer leaves, together with the lines that came during the last sync.
    #[default]
    Grouped,
    /// Handed to the operating system before the answer leaves, never synced.
    Off,
}

/// What an OPCO may have opened (`data/capabilities.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Contracts, version 1.
    DossiersV1,
    /// Contracts, version 2.
    DossiersV2,
    /// Invoices.
    Factures,
    /// Invoice states, version 2.
    FacturesEtats,
    /// Training agreements.
    Conventions,
    /// Structured certificates, version 2.
    Certificats,
    /// Any document.
    Documents,
    /// Termination, version 2.
    Rupture,
    /// Amendments.
    Avenant,
    /// Several échéances on one invoice.
    MultiEcheances,
    /// Several contracts on one invoice.
    MultiContrats,
    /// Credit notes.
    Avoir,
    /// Validity of a key, version 2.
    Cfakeyinfo,
    /// First échéance paid without an invoice.
    #[serde(rename = "auto_echeance_1")]
    AutoEcheance1,
}

/// How far something is open. The simulator serves what is in production or recette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Openness {
    /// In use.
    Production,
    /// In acceptance testing.
    Recette,
    /// Being built: 501.
    Developpement,
    /// Nothing known: 501.
    Unknown,
}

impl Openness {
    /// Returns whether a call gets past the 501.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Production | Self::Recette)
    }
}

/// How business calls are identified (protocol §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A Bearer token of the software and the key of the CFA.
    Bearer,
    /// The key of the CFA only.
    KeyOnly,
}

/// What the token endpoint wants of a DPoP proof (protocol §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dpop {
    /// Nothing.
    Off,
    /// A proof; its signature is verified when it carries its public key.
    Proof,
    /// A proof that carries its public key, as RFC 9449 wants.
    ProofWithKey,
}

/// What a second contract with the same pairing key gets while the first is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// 409.
    Refuse,
    /// 400, in the OPCO's error shape.
    RefuseAsBadRequest,
    /// A new dossier: this OPCO sees no doubles.
    Accept,
}

/// How many business calls an OPCO takes; above, 429 with `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Calls taken at once after a silence, at least 1.
    pub burst: u32,
    /// Calls a minute in the long run, at least 1.
    pub per_minute: u32,
}

/// How a dossier moves by itself, in virtual milliseconds; `None` waits for the control API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// From TRANSMIS to `EN_COURS_INSTRUCTION`; at least 1, so that the two are never one instant.
    pub instruction_ms: Option<u32>,
    /// From there to ENGAGE; at least 1.
    pub decision_ms: Option<u32>,
    /// From ENGAGE to the instant the DECA number shows.
    #[serde(default)]
    pub deca_ms: u32,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            instruction_ms: Some(5_000),
            decision_ms: Some(20_000),
            deca_ms: 0,
        }
    }
}

/// How an invoice moves by itself, in virtual milliseconds; `None` waits for the control API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// From TRANSMIS to `EN_COURS_INSTRUCTION`; at least 1.
    pub instruction_ms: Option<u32>,
    /// From there, or from its certificate if that comes later, to REGLE or REJETE; at least 1.
    pub payment_ms: Option<u32>,
    /// From a partial settlement to the rest of it; at least 1.
    pub rest_ms: Option<u32>,
}

impl Default for Payment {
    fn default() -> Self {
        Self {
            instruction_ms: Some(5_000),
            payment_ms: Some(60_000),
            rest_ms: Some(600_000),
        }
    }
}

/// How an OPCO labels the lines of its schedules; the protocol takes it as opaque (§7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codification {
    /// `A1`, `A2`…
    A,
    /// `E1`, `E2`…
    E,
    /// `1`, `2`, `3`, `99`, `5`…
    Bare,
}

/// How one OPCO behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a habit of its own that one turns on or off"
)]
pub struct OpcoSettings {
    /// What is open.
    pub capabilities: BTreeMap<Capability, Openness>,
    /// How business calls are identified.
    pub auth: Auth,
    /// What the token endpoint wants of a proof.
    pub dpop: Dpop,
    /// Seconds of the source clock a token lives.
    pub token_lifetime_s: u32,
    /// Items of a page of version 2, from 1.
    pub page_size: u32,
    /// The limit that is enforced, if any.
    pub rate_limit: Option<RateLimit>,
    /// What a double gets.
    pub duplicates: Duplicates,
    /// Whether version 2 names the blocks of a read contract `employeurV2`, `apprentiV2`… (§6.1).
    pub v2_suffix: bool,
    /// How dossiers move by themselves.
    pub progress: Progress,
    /// What a year of this training is funded with, in cents.
    pub year_cents: i32,
    /// How invoices move by themselves.
    pub payment: Payment,
    /// The account it knows for every CFA.
    pub iban: String,
    /// Whether an invoice with another account is refused.
    pub strict_iban: bool,
    /// Whether an invoice may ask for less than an échéance has left.
    pub adjusted_amounts: bool,
    /// Whether an échéance after the first is paid only once its certificate is there.
    pub wants_certificate: bool,
    /// What a mobility is granted with, in cents, when the agreement mentions one.
    pub mobility_cents: i32,
    /// How it labels the lines of its schedules.
    pub codification: Codification,
    /// The largest file it takes, in bytes.
    pub largest_file: u32,
}

impl OpcoSettings {
    pub(crate) fn is_open(&self, capability: Capability) -> bool {
        self.capabilities
            .get(&capability)
            .is_some_and(|openness| openness.is_open())
    }

    /// Opens everything but what would pay without being asked.
    pub(crate) fn open_all(&mut self) {
        for (capability, openness) in &mut self.capabilities {
            if *capability != Capability::AutoEcheance1 && !openness.is_open() {
                *openness = Openness::Recette;
            }
        }
    }

    pub(crate) fn apply(&mut self, overrides: &Overrides) {
        fn set<T: Clone>(field: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        self.capabilities.extend(
            overrides
                .capabilities
                .iter()
                .map(|(name, value)| (*name, *value)),
        );
        set(&mut self.auth, overrides.auth.as_ref());
        set(&mut self.dpop, overrides.dpop.as_ref());
        set(
            &mut self.token_lifetime_s,
            overrides.token_lifetime_s.as_ref(),
        );
        set(&mut self.page_size, overrides.page_size.as_ref());
        set(&mut self.duplicates, overrides.duplicates.as_ref());
        set(&mut self.v2_suffix, overrides.v2_suffix.as_ref());
        set(&mut self.progress, overrides.progress.as_ref());
        set(&mut self.year_cents, overrides.year_cents.as_ref());
        set(&mut self.payment, overrides.payment.as_ref());
        set(&mut self.iban, overrides.iban.as_ref());
        set(&mut self.strict_iban, overrides.strict_iban.as_ref());
        set(
            &mut self.adjusted_amounts,
            overrides.adjusted_amounts.as_ref(),
        );
        set(
            &mut self.wants_certificate,
            overrides.wants_certificate.as_ref(),
        );
        set(&mut self.mobility_cents, overrides.mobility_cents.as_ref());
        set(&mut self.codification, overrides.codification.as_ref());
        set(&mut self.largest_file, overrides.largest_file.as_ref());
        if overrides.rate_limit.is_some() {
            self.rate_limit = overrides.rate_limit;
        }
        if overrides.no_rate_limit {
            self.rate_limit = None;
        }
    }
}

/// What to change in an OPCO's settings; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// What to open or close.
    pub capabilities: BTreeMap<Capability, Openness>,
    /// See [`OpcoSettings::auth`].
    pub auth: Option<Auth>,
    /// See [`OpcoSettings::dpop`].
    pub dpop: Option<Dpop>,
    /// See [`OpcoSettings::token_lifetime_s`].
    pub token_lifetime_s: Option<u32>,
    /// See [`OpcoSettings::page_size`].
    pub page_size: Option<u32>,
    /// See [`OpcoSettings::rate_limit`].
    pub rate_limit: Option<RateLimit>,
    /// Whether to lift the limit.
    pub no_rate_limit: bool,
    /// See [`OpcoSettings::duplicates`].
    pub duplicates: Option<Duplicates>,
    /// See [`OpcoSettings::v2_suffix`].
    pub v2_suffix: Option<bool>,
    /// See [`OpcoSettings::progress`].
    pub progress: Option<Progress>,
    /// See [`OpcoSettings::year_cents`].
    pub year_cents: Option<i32>,
    /// See [`OpcoSettings::payment`].
    pub payment: Option<Payment>,
    /// See [`OpcoSettings::iban`].
    pub iban: Option<String>,
    /// See [`OpcoSettings::strict_iban`].
    pub strict_iban: Option<bool>,
    /// See [`OpcoSettings::adjusted_amounts`].
    pub adjusted_amounts: Option<bool>,
    /// See [`OpcoSettings::wants_certificate`].
    pub wants_certificate: Option<bool>,
    /// See [`OpcoSettings::mobility_cents`].
    pub mobility_cents: Option<i32>,
    /// See [`OpcoSettings::codification`].
    pub codification: Option<Codification>,
    /// See [`OpcoSettings::largest_file`].
    pub largest_file: Option<u32>,
}

impl Overrides {
    /// Opens or closes one capability.
    #[must_use]
    pub fn with(mut self, capability: Capability, openness: Openness) -> Self {
        self.capabilities.insert(capability, openness);
        self
    }
}
