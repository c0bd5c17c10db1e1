//! Who vouches for the logs, as it is configured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::proof::WitnessKey;
use domain::subnet::Subnet;
use serde::{Deserialize, Serialize};

use super::authority;
use crate::config::{Problem, within};
use crate::notary;

/// How those who vouch are called.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long one may take to answer, in seconds.
    pub timeout_s: u64,
    /// Networks that are not public and may be called all the same, as `10.20.0.0/16`.
    pub allowed_networks: Vec<String>,
    /// Whether this very machine may be called without TLS: for trials.
    pub allow_http: bool,
}

/// A witness (C2SP `tlog-witness`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Where checkpoints are submitted, without `/add-checkpoint`.
    pub url: String,
    /// Its key, as it publishes it: `name+hash+base64`.
    pub key: String,
    /// Seconds between two submissions of one log.
    #[serde(default = "five_minutes")]
    pub every_s: u64,
}

/// An authority that dates (RFC 3161).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Where queries are posted.
    pub url: String,
    /// The file of the certificates it is believed by, in PEM.
    pub ca: PathBuf,
    /// Seconds between two time-stamps of one log.
    #[serde(default = "a_day")]
    pub every_s: u64,
}

fn five_minutes() -> u64 {
    300
}

fn a_day() -> u64 {
    86_400
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_s: 15,
            allowed_networks: Vec::new(),
            allow_http: false,
        }
    }
}

/// Returns what is wrong with the settings of a log's proof.
pub(crate) fn problems(proof: &notary::Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(within("proof.every_s", proof.every_s, 1, 3_600));
    problems.extend(within(
        "proof.outside.timeout_s",
        proof.outside.timeout_s,
        1,
        60,
    ));
    for text in &proof.outside.allowed_networks {
        if text.parse::<Subnet>().is_err() {
            let said = format!("« {text} » n'est pas un réseau, tel que 10.20.0.0/16");
            problems.push(Problem::new("proof.outside.allowed_networks", said));
        }
    }
    for (name, witness) in &proof.witness {
        let key = format!("proof.witness.{name}");
        let bound = within(&format!("{key}.every_s"), witness.every_s, 1, 86_400);
        problems.extend(bound.into_iter().chain(address(&key, &witness.url)));
        if witness.key.parse::<WitnessKey>().is_err() {
            let said = "il faut la clé d'un témoin (cosignature Ed25519), de la forme \
                nom+empreinte+base64";
            problems.push(Problem::new(format!("{key}.key"), said));
        }
        if name == authority::NAME {
            problems.push(Problem::new(key, "ce nom est celui de l'horodatage"));
        }
    }
    problems.extend(twice(&proof.witness));
    if let Some(authority) = &proof.timestamp {
        let bound = within("proof.timestamp.every_s", authority.every_s, 60, 31_536_000);
        problems.extend(
            bound
                .into_iter()
                .chain(address("proof.timestamp", &authority.url)),
        );
    }
    problems
}

/// Two names for one key would be two rounds for one witness.
fn twice(witnesses: &BTreeMap<String, Witness>) -> Option<Problem> {
    let mut keys: Vec<&str> = witnesses.values().map(|one| one.key.as_str()).collect();
    keys.sort_unstable();
    let double = keys
        .windows(2)
        .any(|pair| matches!(pair, [one, two] if one == two));
    double.then(|| Problem::new("proof.witness", "deux témoins ont la même clé"))
}

/// What is called is judged again at each call, with what its name leads to.
fn address(key: &str, url: &str) -> Option<Problem> {
    let fit = reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    (!fit).then(|| {
        let said = "il faut une adresse https:// avec un hôte";
        Problem::new(format!("{key}.url"), said)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "temoin.exemple+127e658b+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn wrong(text: &str) -> Vec<String> {
        let proof: notary::Settings = toml::from_str(text).unwrap();
        let problems = problems(&proof).into_iter();
        problems.map(|problem| problem.key).collect()
    }

    #[test]
    fn witnesses_and_an_authority_are_read_with_their_pace() {
        let text = format!(
            "[witness.un]\nurl = \"https://un.exemple.fr\"\nkey = \"{KEY}\"\n\
             [timestamp]\nurl = \"https://tsa.exemple.fr\"\nca = \"ca.pem\"\n"
        );
        assert_eq!(wrong(&text), Vec::<String>::new());
        let proof: notary::Settings = toml::from_str(&text).unwrap();
        let paces = (
            proof.witness["un"].every_s,
            proof.timestamp.unwrap().every_s,
        );
        assert_eq!(paces, (300, 86_400));
        assert_eq!(wrong(""), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_at_the_start() {
        let log = KEY.replace("BAAA", "AQAA");
        let text = format!(
            "[outside]\ntimeout_s = 0\nallowed_networks = [\"ici\"]\n\
             [witness.un]\nurl = \"ftp://un.exemple.fr\"\nkey = \"{log}\"\nevery_s = 0\n\
             [witness.timestamp]\nurl = \"https://deux.exemple.fr\"\nkey = \"{KEY}\"\n\
             [witness.trois]\nurl = \"https://trois.exemple.fr\"\nkey = \"{KEY}\"\n\
             [timestamp]\nurl = \"tsa\"\nca = \"ca.pem\"\nevery_s = 1\n"
        );
        let expected = [
            "proof.outside.timeout_s",
            "proof.outside.allowed_networks",
            "proof.witness.timestamp",
            "proof.witness.un.every_s",
            "proof.witness.un.url",
            "proof.witness.un.key",
            "proof.witness",
            "proof.timestamp.every_s",
            "proof.timestamp.url",
        ];
        assert_eq!(wrong(&text), expected);
    }
}
