//! `doctor`: tries what the gateway needs, one thing after the other, and says what to mend. It changes
//! nothing but the schema, brought up to date as by any start, and sends no credential anywhere.

mod outside;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use domain::clock::{Clock, SystemClock};
use domain::person::Language;
use domain::{Opco, Status, TenantId, calendar};
use serde::Serialize;
use store::deliveries::{self, Count};
use store::keys::{self, KeyState};
use store::{EngineKind, Store, software, tenants};

use crate::commands::failure::{Exit, Failure};
use crate::commands::output::{Format, Out, Progress};
use crate::commands::{Context, names, quiet_logs, runtime};
use crate::config::Config;
use crate::opening;

/// A key that ends within so many days is worth a word.
const EXPIRY_DAYS: i32 = 30;

/// A database that takes longer for nothing makes every payload late.
const SLOW_PING: Duration = Duration::from_millis(50);

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[arg(long, help = "N'appelle rien hors de cette machine et de la base")]
    offline: bool,
}

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Works, and someone should look.
    Warn,
    /// Does not work.
    Fail,
    /// Could not be tried, for a reason said.
    Skip,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    state: State,
    said: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn new(name: impl Into<String>, state: State, said: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state,
            said: said.into(),
            remedy: None,
        }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    fn failed(name: &str, failure: &Failure) -> Self {
        let mut made = Self::new(name, State::Fail, failure.message());
        made.remedy = failure.advice().map(str::to_owned);
        made
    }
}

/// Tries everything; the exit code says whether something does not work.
pub(crate) fn run(context: &Context, args: &DoctorArgs) -> Result<Exit, Failure> {
    let mut out = Out::stdout(context.format());
    let progress = Progress::new();
    let checks = match context.config() {
        Err(failure) => vec![Check::failed("réglages", &failure)],
        Ok(config) => {
            quiet_logs(&config);
            let mut checks = vec![Check::new(
                "réglages",
                State::Ok,
                "lus et dans leurs bornes",
            )];
            runtime()?.block_on(async {
                progress.say("base…");
                checks.extend(inside(&config).await);
                if !args.offline {
                    progress.say("OPCO…");
                    checks.extend(outside::checks(&config).await);
                }
            });
            checks
        }
    };
    progress.clear();
    let names = checks.iter().map(|check| check.name.chars().count());
    let width = names.max().unwrap_or_default();
    for check in &checks {
        match context.format() {
            Format::Json => out.json(check)?,
            Format::Table => tell(&mut out, check, width)?,
        }
    }
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed {
        Exit::Negative
    } else {
        Exit::Success
    })
}

/// Writes a check under the others, whose names take `width` characters at most.
fn tell(out: &mut Out, check: &Check, width: usize) -> Result<(), Failure> {
    let state = match check.state {
        State::Ok => "bon",
        State::Warn => "ATTENTION",
        State::Fail => "PANNE",
        State::Skip => "non essayé",
    };
    out.line(&format!(
        "{:<10}  {:<width$}  {}",
        state, check.name, check.said
    ))?;
    match &check.remedy {
        Some(remedy) => out.line(&format!("{:<10}  {:<width$}    à faire : {remedy}", "", "")),
        None => Ok(()),
    }
}

/// The master key, the database, and what they hold.
async fn inside(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if config.database.is_absent() && config.master_key.is_absent() {
        let said = "rien encore : le premier `serve` (ou `admin`) crée la base et la clé maîtresse";
        return vec![Check::new("base", State::Skip, said)];
    }
    if config.database.is_absent() {
        return vec![Check::new(
            "base",
            State::Skip,
            "pas encore de base : le premier `serve` la crée",
        )];
    }
    if config.master_key.is_readable_by_others() {
        checks.push(
            Check::new(
                "clé maîtresse",
                State::Warn,
                "son fichier est lisible par d'autres comptes",
            )
            .remedy("chmod 600"),
        );
    }
    let store = match opening::open(&config.database, &config.master_key).await {
        Ok(opened) => opened.store,
        Err(error) => {
            checks.push(Check::failed("base et clé", &error.into()));
            return checks;
        }
    };
    checks.push(ping(&store).await);
    checks.push(files(config, store.engine()).await);
    match holdings(&store).await {
        Ok(found) => checks.extend(found),
        Err(failure) => checks.push(Check::failed("contenu", &failure)),
    }
    store.close().await;
    checks
}

async fn ping(store: &Store) -> Check {
    let engine = match store.engine() {
        EngineKind::Sqlite => "SQLite",
        EngineKind::Postgres => "PostgreSQL",
    };
    let started = std::time::Instant::now();
    if let Err(error) = store.ping().await {
        return Check::failed("base et clé", &error.into());
    }
    let took = started.elapsed();
    let said = format!(
        "{engine}, schéma à jour, la clé maîtresse ouvre, {} ms",
        took.as_millis()
    );
    let state = if took > SLOW_PING {
        State::Warn
    } else {
        State::Ok
    };
    Check::new("base et clé", state, said)
}

/// Writes something small where files are kept, reads it and removes it.
async fn files(config: &Config, engine: EngineKind) -> Check {
    let name = "fichiers";
    let place = config.files.config(&config.database);
    let said = match &place.bucket {
        Some(bucket) => format!("le seau {} se lit et s'écrit", bucket.name),
        None => format!("{} se lit et s'écrit", place.folder.display()),
    };
    let tried = match config.files.open(&config.database) {
        Ok(files) => files.probe(SystemClock.now()).await,
        Err(error) => Err(error),
    };
    if let Err(error) = tried {
        return Check::new(name, State::Fail, error.to_string())
            .remedy("vérifiez [files] : le dossier et ses droits, ou le seau et ses clés");
    }
    if place.bucket.is_none() && engine == EngineKind::Postgres {
        return Check::new(name, State::Warn, format!("{said}, par cette machine"))
            .remedy("avec plusieurs répliques, partagez ce dossier ou réglez [files.s3]");
    }
    Check::new(name, State::Ok, said)
}

/// Sites without a key, keys that end soon, keys without the software to use them.
async fn holdings(store: &Store) -> Result<Vec<Check>, Failure> {
    let today = calendar::day_in_france(SystemClock.now());
    let mut tx = store.reading().await?;
    let networks = tenants::networks(&mut tx).await?;
    if networks.is_empty() {
        return Ok(vec![
            Check::new("réseaux", State::Warn, "aucun : personne ne peut envoyer")
                .remedy("cfa-gateway admin network create, puis cfa, site, credential, key"),
        ]);
    }
    let shared = software::list(&mut tx, TenantId::PLATFORM).await?.len();
    let (one, many) = ("compte logiciel partagé", "comptes logiciels partagés");
    let said = format!(
        "{}, {}",
        Language::Fr.counted(networks.len(), "réseau", "réseaux"),
        Language::Fr.counted(shared, one, many)
    );
    let mut checks = vec![Check::new("réseaux", State::Ok, said)];
    for network in networks {
        let sites = tenants::sites(&mut tx, network.id).await?;
        let keys = keys::list(&mut tx, network.id).await?;
        let active = || keys.iter().filter(|key| key.state == KeyState::Active);
        let bare = sites
            .iter()
            .filter(|site| !active().any(|key| key.siret_cfa == site.siret))
            .count();
        let soon = active()
            .filter(|key| {
                key.expires_on
                    .and_then(|on| today.until(on).ok())
                    .is_some_and(|left| left.get_days() <= EXPIRY_DAYS)
            })
            .count();
        let mut alone = 0_usize;
        for key in active() {
            let found = software::find(&mut tx, network.id, key.instance, key.environment).await?;
            alone += usize::from(found.is_none());
        }
        let said = format!(
            "{} dont {bare} sans clé ; {} en service, {} sous {EXPIRY_DAYS} jours, {alone} sans compte \
             logiciel",
            Language::Fr.counted(sites.len(), "site", "sites"),
            Language::Fr.counted(active().count(), "clé", "clés"),
            Language::Fr.counted(soon, "finit", "finissent"),
        );
        let name = format!("réseau {}", network.name);
        checks.push(stuck(
            &name,
            &deliveries::counts(&mut tx, Some(network.id)).await?,
        ));
        checks.push(match bare + soon + alone {
            0 => Check::new(name, State::Ok, said),
            _ => Check::new(name, State::Warn, said)
                .remedy("cfa-gateway admin key list ; admin software list"),
        });
    }
    Ok(checks)
}

/// What of a network's deliveries goes no further until a person acts.
fn stuck(network: &str, counts: &[Count]) -> Check {
    let acts = |count: &&Count| matches!(count.status, Status::Held | Status::Dead);
    let mut causes: BTreeMap<String, u64> = BTreeMap::new();
    for count in counts.iter().filter(acts) {
        let cause = names::standing(count.status.as_str(), count.reason.as_deref());
        let opco = count.opco.map_or("OPCO inconnu", Opco::name);
        *causes.entry(format!("{cause}, {opco}")).or_default() += count.count;
    }
    let on_their_way: u64 = counts.iter().map(|count| count.count).sum();
    let waiting: u64 = causes.values().sum();
    let name = format!("{network} : envois");
    let said = format!("{} en route", on_their_way.saturating_sub(waiting));
    if waiting == 0 {
        return Check::new(
            name,
            State::Ok,
            format!("{said}, aucun n'attend une personne"),
        );
    }
    let causes: Vec<String> = causes
        .iter()
        .map(|(cause, count)| format!("{count} × {cause}"))
        .collect();
    Check::new(
        name,
        State::Warn,
        format!(
            "{said}, {} une personne : {}",
            Language::Fr.counted(waiting, "attend", "attendent"),
            causes.join(" ; ")
        ),
    )
    .remedy("GET /api/v1/deliveries?status=held dit de chacun pourquoi et que faire")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_person_is_told_by_cause() {
        let count = |status, reason: Option<&str>, count| Count {
            status,
            reason: reason.map(str::to_owned),
            opco: Some(Opco::Akto),
            count,
            oldest: domain::Timestamp::UNIX_EPOCH,
            due: None,
        };
        let told = stuck(
            "réseau R",
            &[
                count(Status::Waiting, Some("retry"), 4),
                count(Status::Held, Some("no_key"), 2),
                count(Status::Dead, None, 1),
            ],
        );
        assert_eq!(told.state, State::Warn);
        assert_eq!(
            told.said,
            "4 en route, 3 attendent une personne : 1 × Abandonné, AKTO ; 2 × Retenu : pas de clé CFA, AKTO"
        );
        assert_eq!(stuck("réseau R", &[]).state, State::Ok);
    }

    #[test]
    fn a_check_that_failed_keeps_the_remedy() {
        let failure =
            Failure::new(crate::commands::failure::Code::NotFound, "absent").remedy("créer");
        let check = Check::failed("base", &failure);
        assert_eq!((check.state, check.said.as_str()), (State::Fail, "absent"));
        assert_eq!(check.remedy.as_deref(), Some("créer"));
    }
}
