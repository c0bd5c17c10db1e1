//! What a deployment says about the live services. All are off until their section is written.

use domain::outcome::FaultKind;
use domain::{Fault, Secret};
use serde::{Deserialize, Serialize};

/// The most calls a second that may be set for one service.
const MAX_PER_SECOND: u32 = 100;
/// The longest time limit for one call, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 60_000;
/// The most answers that may be remembered.
const MAX_REMEMBERED: usize = 5_000_000;

/// The live services and what they share.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// France compétences' service, where its key was granted.
    pub france_competences: Option<FranceCompetencesSettings>,
    /// The open table on data.gouv.fr, without a key.
    pub tabular: Option<TabularSettings>,
    /// CFADock; legacy, and never on the path of a contract by itself.
    pub cfadock: Option<CfadockSettings>,
    /// The time limit of one call, in milliseconds.
    pub timeout_ms: u64,
    /// The longest wait for a service's limit, in milliseconds; past it nothing was learnt.
    pub wait_ms: u64,
    /// How many establishments are remembered.
    pub remembered: usize,
    /// When a service is left alone.
    pub breaker: BreakerSettings,
}

/// When a service is left alone, and for how long.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// Failures in a row that open it; a 429, a refused key or a redirect opens it at once.
    pub failures: u32,
    /// The first rest, in seconds; each further one doubles.
    pub rest_s: u64,
    /// The longest rest, in seconds.
    pub rest_max_s: u64,
}

/// France compétences' service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FranceCompetencesSettings {
    /// The key, sent as `X-Gravitee-Api-Key`.
    pub api_key: Secret,
    /// The address before the path.
    #[serde(default = "france_competences_base")]
    pub base_url: String,
    /// The path, in which `{siret}` stands for the establishment.
    #[serde(default = "france_competences_path")]
    pub path: String,
    /// Calls a second, all networks together.
    #[serde(default = "two")]
    pub per_second: u32,
}

/// The open table on data.gouv.fr.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabularSettings {
    /// The id of the table's resource; the dataset's API tells it.
    pub resource: String,
    /// The address before the path.
    #[serde(default = "tabular_base")]
    pub base_url: String,
    /// Calls a second, all networks together.
    #[serde(default = "two")]
    pub per_second: u32,
}

/// CFADock.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CfadockSettings {
    /// The address before the path.
    #[serde(default = "cfadock_base")]
    pub base_url: String,
    /// Calls a second; its clients hold themselves to two.
    #[serde(default = "two")]
    pub per_second: u32,
}

fn france_competences_base() -> String {
    "https://api.francecompetences.fr".to_owned()
}

fn france_competences_path() -> String {
    "/siro/v1/public/{siret}".to_owned()
}

fn tabular_base() -> String {
    "https://tabular-api.data.gouv.fr".to_owned()
}

fn cfadock_base() -> String {
    "https://www.cfadock.fr".to_owned()
}

fn two() -> u32 {
    2
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            france_competences: None,
            tabular: None,
            cfadock: None,
            timeout_ms: 5_000,
            wait_ms: 10_000,
            remembered: 200_000,
            breaker: BreakerSettings::default(),
        }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 3,
            rest_s: 30,
            rest_max_s: 1_800,
        }
    }
}

impl Settings {
    /// Refuses what no service could be called with.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let rates = [
            self.france_competences.as_ref().map(|one| one.per_second),
            self.tabular.as_ref().map(|one| one.per_second),
            self.cfadock.as_ref().map(|one| one.per_second),
        ];
        let rates_fit = rates
            .into_iter()
            .flatten()
            .all(|rate| (1..=MAX_PER_SECOND).contains(&rate));
        let path_fits = self
            .france_competences
            .as_ref()
            .is_none_or(|one| one.path.starts_with('/') && one.path.contains("{siret}"));
        let resource_fits = self.tabular.as_ref().is_none_or(|one| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !one.resource.is_empty() && one.resource.bytes().all(plain)
        });
        let wrong = if !rates_fit {
            "per_second is out of bounds"
        } else if !path_fits {
            "the path of France compétences lacks {siret}"
        } else if !resource_fits {
            "the resource id of the open table is not an id"
        } else if !(1..=MAX_TIMEOUT_MS).contains(&self.timeout_ms) {
            "timeout_ms is out of bounds"
        } else if !(1..=MAX_REMEMBERED).contains(&self.remembered) {
            "remembered is out of bounds"
        } else if self.breaker.failures == 0 || self.breaker.rest_s == 0 {
            "a breaker needs at least one failure and one second of rest"
        } else {
            return Ok(());
        };
        Err(Fault::new(FaultKind::Misconfigured, wrong))
    }
}
