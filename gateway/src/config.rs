//! The settings: the compiled defaults, then a file, then the environment, checked as a whole.
//!
//! The only file that reads the environment. A section is defined in the module that it configures
//! where there is one; here they are assembled, and nothing imports this file to learn a default.

mod delivery;
mod unreadable;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use domain::Secret;
use opco::{ProfileError, Profiles};
use serde::{Deserialize, Serialize};

use crate::opening::{Database, MasterKeySource};
use crate::telemetry;

/// Every setting, its default and its comment: the reference manual.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The variable that holds an ERP's API key, for the commands that are clients of the API.
const API_KEY: &str = "CFA_GATEWAY_API_KEY";

/// Settings that are lists and absent by default, so that the defaults cannot show it.
const LISTS: [&str; 2] = ["master_key.command", "delivery.worker.retry_after_s"];

/// What the name of an environment variable starts with; sections and keys follow, `__` between.
const ENV_PREFIX: &str = "CFA_GATEWAY__";

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The native API's door.
    pub server: Server,
    /// The norm, spoken by the gateway.
    #[serde(default)]
    pub convergence: crate::convergence::Settings,
    /// The door of the dashboard and the admin API.
    #[serde(default)]
    pub admin: admin_api::Settings,
    /// Where everything is remembered.
    pub database: Database,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// Where the files of payloads are kept.
    pub files: crate::files::Settings,
    /// Limits shared between replicas.
    pub redis: Redis,
    /// From an employer to its OPCO.
    pub routing: Routing,
    /// The live services that tell an employer's OPCO.
    #[serde(default)]
    pub lookup: opco::lookup::Settings,
    /// How deliveries and reads are made.
    #[serde(default)]
    pub delivery: crate::app::Settings,
    /// How long finished data is kept.
    #[serde(default)]
    pub retention: crate::retention::Settings,
    /// How ERPs are told of events.
    #[serde(default)]
    pub webhook: crate::notify::Settings,
    /// The mail server, if there is one.
    #[serde(default)]
    pub smtp: Option<crate::mail::Settings>,
    /// What is noticed by itself.
    #[serde(default)]
    pub alerts: crate::alerts::Settings,
    /// How often the logs are sealed.
    #[serde(default)]
    pub proof: crate::notary::Settings,
    /// Who we say we are to the OPCOs.
    pub editor: Editor,
    /// Logs and traces.
    pub telemetry: telemetry::Settings,
    /// The wire to the OPCOs.
    pub transport: Transport,
    /// What departs from the shipped profile, by OPCO slug (`akto`) or system (`akto/2`).
    pub opco: BTreeMap<String, toml::Table>,
}

/// The native API's door.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: std::net::SocketAddr,
    /// Address and port of the door for probes and measures alone, if there is one.
    pub monitoring_listen: Option<std::net::SocketAddr>,
    /// The address callers see, when it is another.
    pub public_url: Option<String>,
    /// Threads that read requests; 0 means one for each core.
    pub threads: usize,
    /// The largest JSON body, in bytes.
    pub body_bytes_max: usize,
    /// The largest NDJSON batch, in bytes.
    pub batch_bytes_max: usize,
    /// The most rows of a batch.
    pub batch_rows_max: usize,
    /// How long a client may take to send its headers, in seconds.
    pub client_timeout_seconds: u64,
    /// How long a request waits for the database, in milliseconds.
    pub store_timeout_ms: u64,
    /// How long requests and sends in flight may take to end at a stop, in seconds.
    pub drain_seconds: u64,
}

/// Limits shared between replicas.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// The server's address; absent, limits are local and a lease names who sends.
    pub url: Option<MaskedUrl>,
}

/// From an employer to its OPCO.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The mapped SIRET index; absent, the small extract in the binary answers.
    pub index: Option<PathBuf>,
}

/// The wire to the OPCOs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// The time to open a connection, TLS included, in milliseconds.
    pub connect_timeout_ms: u64,
    /// The time for a token endpoint to answer, in milliseconds.
    pub token_timeout_ms: u64,
    /// An HTTP proxy to go through.
    pub proxy: Option<MaskedUrl>,
    /// The address of a simulator that stands in for all OPCOs; none is called then.
    pub simulator: Option<String>,
}

/// Who we say we are to the OPCOs (norm §3.1: `EDITEUR`, `LOGICIEL`, `VERSION`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Editor {
    /// The editor's name.
    pub name: String,
    /// The software's name.
    pub software: String,
    /// The software's version; this program's own when absent.
    pub version: Option<String>,
}

/// An address that may hold a password: printed without it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct MaskedUrl(String);

/// One setting that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as `section.key`.
    pub key: String,
    /// What is wrong with it, in French.
    pub said: String,
}

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable cannot be read as settings; what is said quotes no value.
    #[error("{0}")]
    Unreadable(String),
    /// Settings that read well and cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ; "))]
    Unusable(Vec<Problem>),
}

impl Config {
    /// Reads the defaults, then `file`, then this process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::from_layers(file, texts)
    }

    /// Reads the defaults, then `file`, then the variables given.
    pub fn from_layers(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let defaults = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml))
            .build()?;
        let mut layers = config::Config::builder().add_source(defaults.clone());
        if let Some(file) = file {
            unreadable::check(file)?;
            layers = layers.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        for (name, value) in environment {
            if let Some(key) = setting_of(&name) {
                let value = typed(&defaults, &key, value);
                layers = layers.set_override(key, value)?;
            }
        }
        let config: Self = layers.build()?.try_deserialize()?;
        let problems = config.problems();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Unusable(problems))
        }
    }

    /// Returns the facts of each OPCO: what ships, and what this deployment lays over it.
    pub fn profiles(&self) -> Result<Profiles, ProfileError> {
        let profiles = Profiles::assemble(&self.opco)?;
        match &self.transport.simulator {
            None => Ok(profiles),
            Some(origin) => profiles.rehosted(origin),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.server.problems();
        problems.extend(admin_problems(&self.admin));
        problems.extend(self.retention.problems());
        problems.extend(self.database.problems());
        problems.extend(self.master_key.problems());
        problems.extend(self.files.problems());
        problems.extend(self.telemetry.problems());
        problems.extend(self.editor.problems());
        problems.extend(self.transport.problems());
        problems.extend(delivery::problems(&self.delivery));
        problems.extend(webhook_problems(&self.webhook));
        problems.extend(self.smtp.iter().flat_map(crate::mail::Settings::problems));
        problems.extend(within("alerts.report_hour", self.alerts.report_hour, 0, 23));
        problems.extend(within("alerts.every_s", self.alerts.every_s, 10, 3_600));
        problems.extend(crate::vouching::problems(&self.proof));
        problems.extend(convergence_problems(&self.convergence));
        if let Err(error) = self.profiles() {
            problems.push(Problem::new("opco", chain(&error)));
        }
        problems
    }
}

fn webhook_problems(webhook: &crate::notify::Settings) -> Vec<Problem> {
    let bound = within("webhook.timeout_s", webhook.timeout_s, 1, 60);
    let networks = webhook.unreadable().map(|text| {
        let said = format!("« {text} » n'est pas un réseau, tel que 10.20.0.0/16");
        Problem::new("webhook.allowed_networks", said)
    });
    bound.into_iter().chain(networks).collect()
}

fn admin_problems(admin: &admin_api::Settings) -> Vec<Problem> {
    use admin_api::SettingsError;
    let checks = [
        ("admin.session_hours", admin.session_hours, 1, 720),
        ("admin.idle_minutes", admin.idle_minutes, 1, 1_440),
        ("admin.confirm_minutes", admin.confirm_minutes, 1, 60),
        ("admin.invitation_hours", admin.invitation_hours, 1, 720),
    ];
    let bounds = checks
        .into_iter()
        .filter_map(|(key, value, least, most)| within(key, value.into(), least, most));
    let door = admin.check().err().and_then(|error| match error {
        SettingsError::Clear(address) => Some(Problem::new(
            "admin.listen",
            format!(
                "{address} est ouvert à d'autres machines : donnez dans admin.public_url l'adresse \
                 https:// par laquelle les personnes viennent, ou écoutez sur 127.0.0.1"
            ),
        )),
        SettingsError::PublicUrl => Some(Problem::new(
            "admin.public_url",
            "il faut https://HÔTE ou http://HÔTE, sans chemin",
        )),
        SettingsError::Proxy(text) => Some(Problem::new(
            "admin.trusted_proxies",
            format!("« {text} » n'est pas un réseau, tel que 10.0.0.0/8"),
        )),
        SettingsError::Oidc => Some(Problem::new(
            "admin.oidc",
            "il faut un issuer en https:// (http:// sur cette machine seulement) et un client_id",
        )),
        // Said by the bounds.
        SettingsError::Zero(_) => None,
    });
    bounds.chain(door).collect()
}

fn convergence_problems(facade: &crate::convergence::Settings) -> Vec<Problem> {
    let checks = [
        ("convergence.wait_ms", facade.wait_ms, 0, 120_000),
        ("convergence.waiting_max", facade.waiting_max, 1, 100_000),
        ("convergence.token_s", facade.token_s, 60, 86_400),
    ];
    checks
        .into_iter()
        .filter_map(|(key, value, least, most)| within(key, value, least, most))
        .collect()
}

impl Server {
    fn problems(&self) -> Vec<Problem> {
        const KIB: u64 = 1024;
        const GIB: u64 = 1024 * 1024 * 1024;
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut problems = Vec::new();
        problems.extend(within("server.threads", number(self.threads), 0, 256));
        problems.extend(within(
            "server.body_bytes_max",
            number(self.body_bytes_max),
            KIB,
            64 * KIB * KIB,
        ));
        problems.extend(within(
            "server.batch_bytes_max",
            number(self.batch_bytes_max),
            KIB,
            GIB,
        ));
        problems.extend(within(
            "server.batch_rows_max",
            number(self.batch_rows_max),
            1,
            1_000_000,
        ));
        problems.extend(within(
            "server.client_timeout_seconds",
            self.client_timeout_seconds,
            1,
            300,
        ));
        problems.extend(within(
            "server.store_timeout_ms",
            self.store_timeout_ms,
            100,
            60_000,
        ));
        problems.extend(within("server.drain_seconds", self.drain_seconds, 1, 300));
        if let Some(url) = &self.public_url
            && !reqwest::Url::parse(url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            let said = "il faut une adresse http:// ou https:// avec un hôte";
            problems.push(Problem::new("server.public_url", said));
        }
        problems
    }
}

impl Transport {
    /// Returns the settings as the connector takes them.
    pub fn settings(&self) -> opco::Settings {
        opco::Settings {
            connect_timeout_ms: self.connect_timeout_ms,
            token_timeout_ms: self.token_timeout_ms,
            proxy: self.proxy.as_ref().map(|url| url.expose().to_owned()),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let bound = opco::TIMEOUT_MS_MAX;
        let connect = within(
            "transport.connect_timeout_ms",
            self.connect_timeout_ms,
            1,
            bound,
        );
        let token = within(
            "transport.token_timeout_ms",
            self.token_timeout_ms,
            1,
            bound,
        );
        connect.into_iter().chain(token).collect()
    }
}

impl Editor {
    /// Returns the three headers.
    pub fn headers(&self) -> opco::Editor {
        opco::Editor {
            editeur: self.name.clone(),
            logiciel: self.software.clone(),
            version: self.version().to_owned(),
        }
    }

    /// Returns the version to announce.
    fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"))
    }

    /// Header values are sent as they are, so only visible ASCII and spaces are safe (norm §3.1).
    fn problems(&self) -> Vec<Problem> {
        [
            ("editor.name", self.name.as_str()),
            ("editor.software", &self.software),
        ]
        .into_iter()
        .chain([("editor.version", self.version())])
        .filter(|(_, text)| {
            text.trim().is_empty() || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        })
        .map(|(key, _)| Problem::new(key, "il faut un texte ASCII non vide".to_owned()))
        .collect()
    }
}

impl MaskedUrl {
    /// Takes an address into custody.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Hands out the whole address, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the address with its password and its query masked: drivers take passwords there too.
    pub fn masked(&self) -> String {
        let (place, query) = match self.0.split_once('?') {
            Some((place, _)) => (place, format!("?{}", domain::secret::MASK)),
            None => (self.0.as_str(), String::new()),
        };
        let hidden = place.split_once("://").and_then(|(scheme, rest)| {
            let (user, host) = rest.rsplit_once('@')?;
            let name = user.split(':').next().unwrap_or_default();
            let password = if user.contains(':') { ":***" } else { "" };
            Some(format!("{scheme}://{name}{password}@{host}"))
        });
        hidden.unwrap_or_else(|| place.to_owned()) + &query
    }
}

impl fmt::Debug for MaskedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for MaskedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for MaskedUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl Problem {
    /// Says what is wrong with one setting.
    pub fn new(key: impl Into<String>, said: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            said: said.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} : {}", self.key, self.said)
    }
}

/// Returns a problem when a number is out of its bounds, both included.
pub(crate) fn within(key: &str, value: u64, least: u64, most: u64) -> Option<Problem> {
    let outside = value < least || value > most;
    outside.then(|| {
        Problem::new(
            key,
            format!("{value} est hors des bornes ({least} à {most})"),
        )
    })
}

/// Writes an error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors repeat their cause.
        if !text.contains(&said) {
            text = format!("{text} : {said}");
        }
        cause = error.source();
    }
    text
}

/// Returns the API key of the environment. It is no setting of the gateway: only clients use it.
pub(crate) fn api_key() -> Option<Secret> {
    std::env::var_os(API_KEY)?
        .into_string()
        .ok()
        .filter(|key| !key.is_empty())
        .map(Secret::new)
}

/// Turns `CFA_GATEWAY__SERVER__LISTEN` into `server.listen`.
fn setting_of(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(ENV_PREFIX)?;
    (!rest.is_empty()).then(|| rest.to_lowercase().replace("__", "."))
}

/// Gives the text of a variable the form its setting has: a list splits at commas, and inside `[opco]`,
/// which the profiles type later, a whole number or a truth value stops being a text. Everything else
/// stays the text it is, so that a version `1.10` or a key `007` is not read as a number.
fn typed(defaults: &config::Config, key: &str, text: String) -> config::Value {
    if defaults.get_array(key).is_ok() || LISTS.contains(&key) {
        let items: Vec<config::Value> = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(config::Value::from)
            .collect();
        return items.into();
    }
    if key.starts_with("opco.") {
        if let Ok(number) = text.parse::<i64>()
            && number.to_string() == text
        {
            return number.into();
        }
        if let Ok(truth) = text.parse::<bool>() {
            return truth.into();
        }
    }
    text.into()
}

#[cfg(test)]
mod tests;
