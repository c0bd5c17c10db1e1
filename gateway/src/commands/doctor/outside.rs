//! What is outside: the OPCOs' doors, their clocks against ours, and Redis.

use std::time::Duration;

use domain::clock::{Clock, SystemClock};
use domain::{Environment, NormVersion, Timestamp};
use futures_util::future::join_all;
use opco::Profile;
use reqwest::header::DATE;

use super::{Check, State};
use crate::commands::names;
use crate::config::{Config, MaskedUrl};

/// How long a door may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Tokens and proofs carry the hour: a larger gap makes an OPCO refuse them.
const SKEW_SECONDS: i64 = 30;

/// What one door said.
struct Door {
    check: Check,
    /// How far its clock is from ours, in seconds.
    skew: Option<i64>,
}

/// Knocks at every door at once.
pub(super) async fn checks(config: &Config) -> Vec<Check> {
    let mut checks = vec![limits(config).await];
    let client = reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    let client = match &config.transport.proxy {
        None => client.build(),
        Some(proxy) => match reqwest::Proxy::all(proxy.expose()) {
            Ok(proxy) => client.proxy(proxy).build(),
            Err(error) => Err(error),
        },
    };
    let (client, profiles) = match (client, config.profiles()) {
        (Ok(client), Ok(profiles)) => (client, profiles),
        (Err(error), _) => {
            checks.push(Check::new(
                "transport",
                State::Fail,
                error.without_url().to_string(),
            ));
            return checks;
        }
        (_, Err(error)) => {
            checks.push(Check::new("profils", State::Fail, error.to_string()));
            return checks;
        }
    };
    let doors = join_all(profiles.iter().map(|profile| knock(&client, profile))).await;
    checks.push(clocks(&doors));
    checks.extend(doors.into_iter().map(|door| door.check));
    checks
}

/// Asks a host for nothing in particular: any answer, a refusal too, says that it is there.
async fn knock(client: &reqwest::Client, profile: &Profile) -> Door {
    let name = profile.system().to_string();
    let name = name.strip_suffix("/1").unwrap_or(&name).to_owned();
    let environments: Vec<Environment> = Environment::ALL
        .iter()
        .copied()
        .filter(|&environment| profile.reachable(environment, NormVersion::V1).is_ok())
        .collect();
    if environments.is_empty() {
        let check = Check::new(name.clone(), State::Skip, "adresse ou jeton à régler").remedy(
            format!("compléter [opco.{name}] ; `cfa-gateway config profile {name}` l'affiche"),
        );
        return Door { check, skew: None };
    }
    let live = environments.contains(&Environment::Live);
    let url = match &profile.test {
        Some(recette) if !live => &recette.base_url,
        _ => &profile.base_url,
    };
    let worlds: Vec<String> = environments.iter().copied().map(names::world).collect();
    let worlds = worlds.join(" et ");
    match client.get(url).send().await {
        Ok(answer) => {
            let date = answer
                .headers()
                .get(DATE)
                .and_then(|value| value.to_str().ok());
            let ill = match answer.status() {
                status if status.is_server_error() => format!(" (répond {})", status.as_u16()),
                _ => String::new(),
            };
            let said = format!("joignable{ill}, réglé pour {worlds}");
            let skew = date.and_then(|date| skew(date, SystemClock.now()));
            Door {
                check: Check::new(name, State::Ok, said),
                skew,
            }
        }
        Err(error) => {
            let said = format!("ne répond pas : {}", error.without_url());
            let check = Check::new(name, State::Warn, said).remedy(
                "ses contrats attendront sans se perdre ; vérifier adresse, réseau, mandataire",
            );
            Door { check, skew: None }
        }
    }
}

/// Returns by how many seconds a `Date` header is ahead of `now`.
fn skew(date: &str, now: Timestamp) -> Option<i64> {
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(there.as_second() - now.as_second())
}

/// The middle of what the doors say: one of them may be wrong, most of them are not.
fn clocks(doors: &[Door]) -> Check {
    let mut skews: Vec<i64> = doors.iter().filter_map(|door| door.skew).collect();
    skews.sort_unstable();
    match skews.get(skews.len() / 2) {
        None => Check::new("horloge", State::Skip, "aucun OPCO n'a donné l'heure"),
        Some(skew) if skew.abs() > SKEW_SECONDS => Check::new(
            "horloge",
            State::Fail,
            format!("{skew} s d'écart avec les OPCO"),
        )
        .remedy("remettre la machine à l'heure (NTP) : jetons et preuves portent l'heure"),
        Some(skew) => Check::new(
            "horloge",
            State::Ok,
            format!("{skew} s d'écart avec les OPCO"),
        ),
    }
}

/// Where the OPCOs' limits are kept between replicas.
async fn limits(config: &Config) -> Check {
    let Some(url) = &config.redis.url else {
        let said = match config.database.sqlite_file() {
            Some(_) => "un seul processus : comptées en mémoire",
            None => "sans Redis : un bail en base désigne la réplique qui envoie à chaque OPCO",
        };
        return Check::new("limites", State::Ok, said);
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, ping(url)).await {
        Ok(Ok(())) => Check::new("limites", State::Ok, format!("partagées par Redis ({url})")),
        Ok(Err(error)) => away(error.to_string()),
        Err(_) => away(format!("{url} ne répond pas")),
    }
}

fn away(said: String) -> Check {
    Check::new("limites", State::Warn, said)
        .remedy("tant que Redis manque, un bail en base prend sa place ; vérifier redis.url")
}

async fn ping(url: &MaskedUrl) -> Result<(), redis::RedisError> {
    let client = redis::Client::open(url.expose())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING")
        .query_async::<String>(&mut connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(skews: &[i64]) -> Vec<Door> {
        let door = |&skew| Door {
            check: Check::new("x", State::Ok, ""),
            skew: Some(skew),
        };
        skews.iter().map(door).collect()
    }

    #[test]
    fn one_opco_with_a_wrong_clock_does_not_accuse_ours() {
        assert_eq!(clocks(&doors(&[0, 1, 7200])).state, State::Ok);
        assert_eq!(clocks(&doors(&[3600, 3599, 0])).state, State::Fail);
        assert_eq!(clocks(&[]).state, State::Skip);
    }

    #[test]
    fn a_date_header_is_compared_with_the_hour_here() {
        let now = "2026-09-01T08:00:00Z".parse().unwrap();
        assert_eq!(skew("Tue, 01 Sep 2026 08:00:42 GMT", now), Some(42));
        assert_eq!(skew("hier", now), None);
    }
}
