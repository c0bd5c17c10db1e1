//! CFA keys: kept sealed, tried at the OPCO with a read that changes nothing, and only then used.

use std::path::PathBuf;
use std::sync::Arc;

use admin_api::Verdict;
use admin_api::keyring::{self, KeyError, NewKey as GivenKey};
use clap::{Args, Subcommand};
use domain::clock::SystemClock;
use domain::id::KeyId;
use domain::{Environment, Fault, FaultKind, Instance, Siret, TenantId};
use jiff::civil::Date;
use opco::{Seed, Transport};
use serde::Serialize;
use serde_json::json;
use store::keys::{self, CfaKey, KeyState};

use super::{AtOpco, Desk, InNetwork, Why, dash, on};
use crate::commands::failure::{Code, Failure};
use crate::commands::words::{self, one_of};
use crate::commands::{names, secret_input};
use crate::probe::{Bench, Untried};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    #[command(about = "Enregistre la clé d'un site chez un OPCO, l'essaie, puis la met en service")]
    Create(NewKey),
    #[command(about = "Liste les clés d'un réseau")]
    List(InNetwork),
    #[command(about = "Essaie une clé en attente, et la met en service si l'OPCO l'accepte")]
    Probe(OneKey),
    #[command(about = "Révoque une clé : elle ne sert plus")]
    Revoke {
        #[command(flatten)]
        key: OneKey,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct OneKey {
    #[command(flatten)]
    network: InNetwork,
    #[arg(value_name = "ID")]
    id: KeyId,
}

#[derive(Debug, Args)]
pub(super) struct NewKey {
    #[command(flatten)]
    network: InNetwork,
    #[arg(long, value_parser = words::siret, value_name = "SIRET", help = "Le site du CFA")]
    siret: Siret,
    #[command(flatten)]
    at: AtOpco,
    #[arg(
        long,
        value_parser = one_of!(Environment),
        value_name = "MONDE",
        help = "test (recette, simulateur) ou live (production)"
    )]
    environment: Environment,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Fichier de la clé, ou - ; sinon une saisie cachée"
    )]
    key_file: Option<PathBuf>,
    #[arg(
        long,
        value_parser = words::day,
        value_name = "AAAA-MM-JJ",
        help = "Dernier jour de validité, si l'OPCO ne le dit pas lui-même"
    )]
    expires_on: Option<Date>,
    #[arg(long, value_name = "NOM", help = "Qui répond de la clé")]
    referent: Option<String>,
    #[arg(
        long,
        help = "Enregistre sans essayer : la clé attend `admin key probe`"
    )]
    no_probe: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    id: KeyId,
    siret_cfa: Siret,
    opco: &'static str,
    instance: u16,
    #[serde(skip)]
    system: Instance,
    environment: Environment,
    state: &'static str,
    #[serde(skip)]
    stands: KeyState,
    probe: Option<String>,
    expires_on: Option<Date>,
    referent: Option<String>,
}

pub(super) async fn run(desk: &mut Desk, command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Create(new) => create(desk, new).await,
        KeyCommand::Probe(OneKey { network, id }) => {
            let tenant = desk.network(&network).await?.id;
            probe(desk, tenant, id).await
        }
        KeyCommand::Revoke { key, why } => {
            let OneKey { network, id } = key;
            let hand = desk.because(&why.reason)?;
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            let retired = keyring::retire(&mut tx, tenant, id, &hand).await;
            retired.map_err(|error| match error {
                KeyError::Store(error) => error.into(),
                _ => unknown(id),
            })?;
            tx.commit().await?;
            desk.out
                .record(&json!({ "revoked": id }), &[("révoquée", id.to_string())])
        }
        KeyCommand::List(network) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.reading().await?;
            let lines: Vec<Line> = keys::list(&mut tx, tenant)
                .await?
                .iter()
                .map(line)
                .collect();
            let titles = [
                "CLÉ",
                "SITE",
                "OPCO",
                "MONDE",
                "ÉTAT",
                "ESSAI",
                "DERNIER JOUR",
            ];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.id.to_string(),
                    line.siret_cfa.to_string(),
                    names::system(line.system),
                    names::world(line.environment),
                    names::key_state(line.stands),
                    names::probe(line.probe.as_deref()),
                    on(line.expires_on),
                ]
            })
        }
    }
}

async fn create(desk: &mut Desk, new: NewKey) -> Result<(), Failure> {
    let tenant = desk.network(&new.network).await?.id;
    let clear = secret_input::read_line(new.key_file.as_deref(), "la clé CFA")?;
    let given = GivenKey {
        siret_cfa: new.siret,
        instance: new.at.instance(),
        environment: new.environment,
        text: clear,
        expires_on: new.expires_on,
        referent: new.referent,
    };
    let sealer = desk.store.keys(tenant).await?;
    let mut tx = desk.store.writing().await?;
    let staged = keyring::stage(&mut tx, &sealer, given, &desk.hand()).await;
    let id = match staged {
        Ok(key) => key.id,
        // Given again because its trial did not end well: the one that waits is tried again.
        Err(KeyError::Same(id, KeyState::Staged)) => id,
        Err(error) => return Err(not_kept(error, &new.siret)),
    };
    tx.commit().await?;
    if new.no_probe {
        show(desk, tenant, id).await
    } else {
        probe(desk, tenant, id).await
    }
}

/// Tries a key and puts it to use when the OPCO accepts it. No transaction is open meanwhile.
async fn probe(desk: &mut Desk, tenant: TenantId, id: KeyId) -> Result<(), Failure> {
    let mut tx = desk.store.reading().await?;
    let key = keys::find(&mut tx, tenant, id)
        .await?
        .ok_or_else(|| unknown(id))?;
    drop(tx);
    let tried = attempt(desk, &key).await;
    let (verdict, expires_on) = match &tried {
        Ok(expires_on) => (Verdict::Accepted, *expires_on),
        Err(Tried::Refused(_)) => (Verdict::Refused, None),
        Err(Tried::Unknown(_)) => (Verdict::Unknown, None),
    };
    let hand = desk.hand();
    let mut tx = desk.store.writing().await?;
    let kept = keyring::tried(&mut tx, &key, verdict, expires_on, &hand).await;
    kept.map_err(|error| not_kept(error, &key.siret_cfa))?;
    let active = tried.is_ok()
        && match keyring::promote(&mut tx, tenant, id, &hand).await {
            Ok(()) => true,
            Err(KeyError::Retired) => false,
            Err(error) => return Err(not_kept(error, &key.siret_cfa)),
        };
    tx.commit().await?;
    match tried {
        Ok(_) if active => show(desk, tenant, id).await,
        Ok(_) => Err(Failure::new(
            Code::Conflict,
            format!("la clé {id} est acceptée mais ne peut plus entrer en service (révoquée)"),
        )),
        Err(Tried::Refused(failure) | Tried::Unknown(failure)) => Err(failure),
    }
}

/// Why a key is not put to use.
enum Tried {
    /// The OPCO said no.
    Refused(Failure),
    /// Nothing was learnt.
    Unknown(Failure),
}

impl From<Failure> for Tried {
    fn from(failure: Failure) -> Self {
        Self::Unknown(failure)
    }
}

async fn attempt(desk: &Desk, key: &CfaKey) -> Result<Option<Date>, Tried> {
    let profiles = desk.config.profiles();
    let profiles = profiles.map_err(|error| Failure::internal("profiles", error))?;
    let seed = Seed::shipped().map_err(|error| Failure::internal("capabilities", error))?;
    let clock = Arc::new(SystemClock);
    let transport = Transport::new(clock, &desk.config.transport.settings())
        .map_err(|error| Failure::internal("building the client", error))?;
    let bench = Bench {
        store: &desk.store,
        profiles: &profiles,
        seed: &seed,
        transport: &transport,
        editor: &desk.config.editor.headers(),
    };
    let tried = bench.try_out(key, desk.now).await;
    tried.map_err(|untried| match untried {
        Untried::Fault(fault) => told(key, &fault),
        other => Tried::Unknown(untried_said(key, other)),
    })
}

fn untried_said(key: &CfaKey, untried: Untried) -> Failure {
    match untried {
        Untried::NoProfile => Failure::new(
            Code::ConfigInvalid,
            format!("aucun profil pour {}", key.instance),
        ),
        Untried::NoSoftware => Failure::new(
            Code::NotFound,
            format!(
                "aucun compte logiciel pour {} ({})",
                names::system(key.instance),
                names::world(key.environment)
            ),
        )
        .remedy("cfa-gateway admin software create, puis admin key probe"),
        Untried::NoSecret => Failure::new(Code::NotFound, "le compte logiciel n'a pas de secret"),
        Untried::Sealed(error) => Failure::internal("opening a secret", error),
        Untried::Store(error) => error.into(),
        Untried::Fault(fault) => Failure::internal("trying a key", fault.detail),
    }
}

/// Says why nothing was done to a key.
fn not_kept(error: KeyError, siret: &Siret) -> Failure {
    match error {
        KeyError::Site => {
            let said = format!("le réseau n'a pas de site {siret}");
            Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site create")
        }
        KeyError::Passed => Failure::new(Code::InputInvalid, "--expires-on : ce jour est passé"),
        KeyError::Text => Failure::new(
            Code::InputInvalid,
            "la clé CFA est vide, trop longue ou contient une espace",
        ),
        KeyError::Referent => Failure::new(
            Code::InputInvalid,
            "--referent : il faut un nom, de 200 caractères au plus",
        ),
        KeyError::Same(_, state) => {
            let said = format!(
                "ce site a déjà cette clé chez cet OPCO ({}) : rien n'a été gardé une seconde fois",
                names::key_state(state)
            );
            Failure::new(Code::Conflict, said).remedy("cfa-gateway admin key list")
        }
        KeyError::Store(error) => error.into(),
        other => Failure::internal("keeping a key", other),
    }
}

/// Puts the OPCO's failure in words; the key stays staged whatever they are.
fn told(key: &CfaKey, fault: &Fault) -> Tried {
    let name = key.instance.opco.name();
    let again = format!("cfa-gateway admin key probe {}", key.id);
    let failure = |code, said: String| Failure::new(code, format!("{said} ({})", fault.detail));
    match fault.kind {
        FaultKind::KeyRefused => Tried::Refused(
            failure(
                Code::OpcoRefused,
                format!("{name} refuse la clé CFA ; elle reste en attente"),
            )
            .remedy("vérifier la clé sur l'extranet de l'OPCO, et qu'elle est celle de ce site"),
        ),
        FaultKind::SoftwareRefused => Tried::Unknown(
            failure(
                Code::OpcoRefused,
                format!("{name} refuse le compte logiciel ; la clé CFA n'a pas pu être essayée"),
            )
            .remedy(format!("cfa-gateway admin software create, puis {again}")),
        ),
        FaultKind::Misconfigured => Tried::Unknown(
            failure(
                Code::ConfigInvalid,
                format!("{name} : appel impossible avec ces réglages"),
            )
            .remedy(format!(
                "compléter [opco.{}], puis {again}",
                key.instance.opco.slug()
            )),
        ),
        _ => Tried::Unknown(
            failure(
                Code::OpcoUnreachable,
                format!("{name} n'a pas pu être interrogé ; la clé reste en attente"),
            )
            .remedy(again),
        ),
    }
}

async fn show(desk: &mut Desk, tenant: TenantId, id: KeyId) -> Result<(), Failure> {
    let mut tx = desk.store.reading().await?;
    let key = keys::find(&mut tx, tenant, id)
        .await?
        .ok_or_else(|| unknown(id))?;
    let line = line(&key);
    let shown = [
        ("clé CFA", line.id.to_string()),
        ("site", line.siret_cfa.to_string()),
        ("OPCO", names::system(line.system)),
        ("monde", names::world(line.environment)),
        ("état", names::key_state(line.stands)),
        ("essai", names::probe(line.probe.as_deref())),
        ("dernier jour", on(line.expires_on)),
        ("référent", dash(line.referent.as_ref())),
    ];
    desk.out.record(&line, &shown)
}

fn line(key: &CfaKey) -> Line {
    Line {
        id: key.id,
        siret_cfa: key.siret_cfa,
        opco: key.instance.opco.slug(),
        instance: key.instance.number,
        system: key.instance,
        environment: key.environment,
        state: key.state.as_str(),
        stands: key.state,
        probe: key.probe_result.clone(),
        expires_on: key.expires_on,
        referent: key.referent.clone(),
    }
}

fn unknown(id: KeyId) -> Failure {
    Failure::new(
        Code::NotFound,
        format!("aucune clé CFA {id} dans ce réseau"),
    )
}
