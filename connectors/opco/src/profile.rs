//! An OPCO as a file of facts: where it is, how one identifies there, how it departs from the norm.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::rejet::{Keywords, Lexicon, Rejet};
use domain::retry::Schedule;
use domain::step::{AfterLost, Course, Policy};
use domain::{Environment, Etat, Fault, FaultKind, Instance, Kind, NormVersion, Opco};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::norm::edit::Edit;
use crate::operation::{Operation, version_of};

mod merge;

pub use merge::{ProfileError, Profiles};

/// The end of every host that is a placeholder: a name reserved for never existing (RFC 2606).
const PLACEHOLDER: &str = ".invalid";

/// The longest time an exchange may be given.
pub const TIMEOUT_MS_MAX: u64 = 600_000;

/// How a software identifies itself (protocol §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// OAuth client credentials for the software, and the CFA key.
    ClientCredentials,
    /// The CFA key alone.
    KeyOnly,
}

/// The facts about one system of one OPCO (protocol §2, §3, §18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Whose system it is.
    pub opco: Opco,
    /// Which of its systems, from 1.
    #[serde(default = "first_instance")]
    pub instance: u16,
    /// The address that comes before `/v1` and `/v2`, without a trailing slash.
    pub base_url: String,
    /// How the software identifies itself.
    pub auth: Auth,
    /// The token endpoint; needed with client credentials.
    pub token_url: Option<String>,
    /// The scope to ask for, if any.
    pub scope: Option<String>,
    /// Whether the token request carries a proof of possession (RFC 9449).
    #[serde(default)]
    pub dpop: bool,
    /// What is different for version 2.
    pub v2: Option<Departure>,
    /// Recette: where test credentials go. Without it they go nowhere.
    pub test: Option<Recette>,
    /// The sustained rate, all replicas together.
    #[serde(default = "calls_per_minute")]
    pub calls_per_minute: u32,
    /// How many calls may go at once after a rest.
    #[serde(default = "burst")]
    pub burst: u32,
    /// The sustained rate under one CFA key; a key has no limit of its own when absent.
    #[serde(default)]
    pub key_calls_per_minute: Option<u32>,
    /// How many calls one CFA key may make at once after a rest.
    #[serde(default = "burst")]
    pub key_burst: u32,
    /// How many calls may be open at once.
    #[serde(default = "in_flight")]
    pub in_flight: u32,
    /// The time limit of a whole exchange, in milliseconds: token, call and replay together.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// The status that says "unknown dossier" (404, or 400 at OPCO EP).
    #[serde(default = "not_found_status")]
    pub not_found_status: u16,
    /// The words that make a 400 mean "unknown dossier", without accents, in lower case.
    #[serde(default = "not_found_words")]
    pub not_found_words: Vec<String>,
    /// The words by which a refusal says that the OPCO already has the contract.
    #[serde(default = "duplicate_words")]
    pub duplicate_words: Vec<String>,
    /// States under other names than the norm's.
    #[serde(default)]
    pub state_synonyms: BTreeMap<String, Etat>,
    /// How many dossiers a page of states holds, for the bound on the number of pages.
    #[serde(default = "page_size")]
    pub page_size: u32,
    /// What separates the numbers of `dossiers/liste`.
    #[serde(default = "liste_separator")]
    pub liste_separator: String,
    /// When to look after a lost answer, in seconds, each counted from the look before.
    #[serde(default = "look_after_s")]
    pub look_after_s: Vec<u64>,
    /// Whether a contract that no look found is written again: only where the OPCO refuses doubles.
    #[serde(default)]
    pub replay_after_lost: bool,
    /// Whether what the norm has no read for (agreement, certificate, document) is written again
    /// after a lost answer; a person decides otherwise.
    #[serde(default)]
    pub resend_after_lost: bool,
    /// The kinds (of agreement, certificate, document) whose success may come without a body: the norm
    /// does not tell what that answer holds.
    #[serde(default)]
    pub empty_receipts: Vec<Kind>,
    /// What is written otherwise than in the norm.
    #[serde(default)]
    pub edits: Vec<Edit>,
    /// The paths that are spelled otherwise, by their spelling in the norm.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// The words by which this OPCO tells a known refusal, looked at before the common ones.
    #[serde(default)]
    pub rejets: Vec<RejetWords>,
}

/// What must stand in a message for it to be a refusal: see [`Keywords`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejetWords {
    /// The refusal.
    pub rejet: Rejet,
    /// All of these must be there.
    #[serde(default)]
    pub all: Vec<String>,
    /// One of these must be there, when there are any.
    #[serde(default)]
    pub any: Vec<String>,
}

/// What one version of the norm has of its own; what is absent is as for the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// See [`Profile::base_url`].
    pub base_url: Option<String>,
    /// See [`Profile::token_url`].
    pub token_url: Option<String>,
    /// See [`Profile::scope`].
    pub scope: Option<String>,
}

/// The OPCO's acceptance-test system. Nothing of it is borrowed from production but the scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recette {
    /// See [`Profile::base_url`].
    pub base_url: String,
    /// See [`Profile::token_url`].
    pub token_url: Option<String>,
    /// See [`Profile::scope`]; as in production when absent.
    pub scope: Option<String>,
    /// What is different for version 2.
    pub v2: Option<Departure>,
}

/// Where one call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) token_url: Option<&'a str>,
    pub(crate) scope: Option<&'a str>,
}

impl Profile {
    /// Returns which system this is.
    pub fn system(&self) -> Instance {
        Instance {
            opco: self.opco,
            number: self.instance,
        }
    }

    /// Returns the bound on a whole exchange; a lease on the work must be longer.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Returns the waits between the looks that follow a lost answer.
    pub fn looks(&self) -> Vec<Duration> {
        self.look_after_s
            .iter()
            .copied()
            .map(Duration::from_secs)
            .collect()
    }

    /// Returns what follows when no look found a contract whose answer was lost.
    pub fn after_lost(&self) -> AfterLost {
        if self.replay_after_lost {
            AfterLost::Replay
        } else {
            AfterLost::Hold
        }
    }

    /// Returns how a kind of payload is treated after a lost answer (design §6.1). `invoice_states`
    /// says whether the list of invoices is open there.
    pub fn course(&self, kind: Kind, schedule: Schedule, invoice_states: bool) -> Course {
        let policy = Policy {
            schedule,
            looks: self.looks(),
            after_lost: self.after_lost(),
        };
        Course::of(kind, policy, invoice_states, self.resend_after_lost)
    }

    /// Returns the table of the words by which refusals are known here.
    pub fn lexicon(&self) -> Lexicon {
        let own: Vec<Keywords> = self
            .rejets
            .iter()
            .map(|words| Keywords {
                rejet: words.rejet,
                all: words.all.clone(),
                any: words.any.clone(),
            })
            .collect();
        Lexicon::new(&own)
    }

    /// Returns the version an operation is spoken in here.
    pub fn version(&self, operation: &Operation) -> NormVersion {
        version_of(self.path(operation.route()))
    }

    /// Returns how a path of the norm is spelled here.
    pub(crate) fn path(&self, route: &'static str) -> &str {
        self.paths.get(route).map_or(route, String::as_str)
    }

    /// Reads a state: this OPCO's synonyms first, then the norm's words. `None` is an unknown state.
    pub fn etat(&self, raw: &str) -> Option<Etat> {
        self.state_synonyms
            .get(raw.trim())
            .copied()
            .or_else(|| Etat::read(raw))
    }

    /// Tells whether calls can be made at all, and if not, which setting is missing.
    pub fn reachable(&self, environment: Environment, version: NormVersion) -> Result<(), Fault> {
        self.endpoint(environment, version).map(|_| ())
    }

    /// Returns where a call of this version goes in this environment.
    pub(crate) fn endpoint(
        &self,
        environment: Environment,
        version: NormVersion,
    ) -> Result<Endpoint<'_>, Fault> {
        let (main, v2) = match environment {
            Environment::Live => (
                Endpoint {
                    base_url: &self.base_url,
                    token_url: self.token_url.as_deref(),
                    scope: self.scope.as_deref(),
                },
                &self.v2,
            ),
            Environment::Test => {
                // A test credential must never reach production by default.
                let recette = self
                    .test
                    .as_ref()
                    .ok_or_else(|| self.missing("test.base_url", "no recette address is known"))?;
                let scope = recette.scope.as_deref().or(self.scope.as_deref());
                let token_url = recette.token_url.as_deref();
                (
                    Endpoint {
                        base_url: &recette.base_url,
                        token_url,
                        scope,
                    },
                    &recette.v2,
                )
            }
        };
        let endpoint = match (version, v2) {
            (NormVersion::V2, Some(departure)) => Endpoint {
                base_url: departure.base_url.as_deref().unwrap_or(main.base_url),
                token_url: departure.token_url.as_deref().or(main.token_url),
                scope: departure.scope.as_deref().or(main.scope),
            },
            (NormVersion::V1 | NormVersion::V2, _) => main,
        };
        self.checked(endpoint)
    }

    fn checked<'a>(&self, endpoint: Endpoint<'a>) -> Result<Endpoint<'a>, Fault> {
        if is_placeholder(endpoint.base_url) {
            return Err(self.missing("base_url", "its address is not known"));
        }
        if self.auth == Auth::KeyOnly {
            return Ok(endpoint);
        }
        match endpoint.token_url {
            Some(url) if !is_placeholder(url) => Ok(endpoint),
            Some(_) | None => Err(self.missing("token_url", "its token endpoint is not known")),
        }
    }

    fn missing(&self, setting: &str, why: &str) -> Fault {
        let detail = format!(
            "{}: {why}; set opco.{}.{setting}",
            self.system(),
            self.key()
        );
        Fault::new(FaultKind::Misconfigured, detail)
    }

    /// Returns the name of this system's table in a configuration: `akto`, or `"akto/2"`.
    fn key(&self) -> String {
        match self.instance {
            1 => self.opco.slug().to_owned(),
            number => format!("\"{}/{number}\"", self.opco.slug()),
        }
    }
}

fn is_placeholder(url: &str) -> bool {
    Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(|host| host.ends_with(PLACEHOLDER)))
        .unwrap_or(false)
}

fn first_instance() -> u16 {
    1
}

// No figure is published for the norm; these are the careful ones of protocol §3.7.
fn calls_per_minute() -> u32 {
    120
}

fn burst() -> u32 {
    2
}

fn in_flight() -> u32 {
    4
}

fn timeout_ms() -> u64 {
    60_000
}

fn not_found_status() -> u16 {
    404
}

fn not_found_words() -> Vec<String> {
    texts(&[
        "introuvable",
        "inconnu",
        "inexistant",
        "non trouve",
        "pas trouve",
        "n'existe pas",
    ])
}

/// Only explicit words: "a déjà un contrat en cours" speaks of another contract.
fn duplicate_words() -> Vec<String> {
    texts(&[
        "doublon",
        "deja connu",
        "deja existant",
        "existe deja",
        "deja depose",
        "deja transmis",
        "deja enregistre",
        "deja recu",
        "deja present",
    ])
}

fn page_size() -> u32 {
    100
}

fn liste_separator() -> String {
    ",".to_owned()
}

fn look_after_s() -> Vec<u64> {
    vec![15, 45, 120, 300]
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests;
