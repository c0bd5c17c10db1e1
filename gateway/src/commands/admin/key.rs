//! CFA keys: kept sealed, tried at the OPCO with a read that changes nothing, and only then used.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use domain::clock::SystemClock;
use domain::id::KeyId;
use domain::{Capability, Environment, Fault, FaultKind, NormVersion, Siret, TenantId};
use jiff::civil::Date;
use opco::{Answer, Auth, Identity, Operation, Profile, Seed, Transport};
use serde::Serialize;
use serde_json::json;
use store::keys::{self, CfaKey, KeyState};
use store::switches::{self, CapabilitySwitch};
use store::{software, tenants};

use super::software::system;
use super::{AtOpco, Desk, InNetwork, dash};
use crate::commands::failure::{Code, Failure};
use crate::commands::secret_input;
use crate::commands::words::{self, one_of};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    #[command(about = "Enregistre la clé d'un site chez un OPCO, l'essaie, puis la met en service")]
    Create(NewKey),
    #[command(about = "Liste les clés d'un réseau")]
    List(InNetwork),
    #[command(about = "Essaie une clé en attente, et la met en service si l'OPCO l'accepte")]
    Probe(OneKey),
    #[command(about = "Révoque une clé : elle ne sert plus")]
    Revoke(OneKey),
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
    environment: Environment,
    state: &'static str,
    probe: Option<String>,
    expires_on: Option<Date>,
}

pub(super) async fn run(desk: &mut Desk, command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Create(new) => create(desk, new).await,
        KeyCommand::Probe(OneKey { network, id }) => {
            let tenant = desk.network(&network).await?.id;
            probe(desk, tenant, id).await
        }
        KeyCommand::Revoke(OneKey { network, id }) => {
            let tenant = desk.network(&network).await?.id;
            let mut tx = desk.store.writing().await?;
            if !keys::revoke(&mut tx, tenant, id, desk.now).await? {
                return Err(unknown(id));
            }
            desk.log(&mut tx, tenant, "key.revoked", json!({ "key": id }));
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
            let titles = ["CLÉ", "SITE", "OPCO", "MONDE", "ÉTAT", "ESSAI", "EXPIRE"];
            desk.out.list(&titles, &lines, |line| {
                vec![
                    line.id.to_string(),
                    line.siret_cfa.to_string(),
                    system(line.opco, line.instance),
                    line.environment.to_string(),
                    line.state.to_owned(),
                    dash(line.probe.as_ref()),
                    dash(line.expires_on),
                ]
            })
        }
    }
}

async fn create(desk: &mut Desk, new: NewKey) -> Result<(), Failure> {
    let tenant = desk.network(&new.network).await?.id;
    let clear = secret_input::read_line(new.key_file.as_deref(), "la clé CFA")?;
    let today = domain::calendar::day_in_france(desk.now);
    if new.expires_on.is_some_and(|day| day < today) {
        let said = "--expires-on : ce jour est passé";
        return Err(Failure::new(Code::InputInvalid, said));
    }
    let id = KeyId::new(desk.now);
    let sealed = desk
        .store
        .keys(tenant)
        .await?
        .seal_secret(id.as_bytes(), keys::SEAL_PART, &clear)
        .map_err(|error| Failure::internal("sealing", error))?;
    let key = CfaKey {
        tenant,
        id,
        siret_cfa: new.siret,
        instance: new.at.instance(),
        environment: new.environment,
        state: KeyState::Staged,
        sealed,
        expires_on: new.expires_on,
        probed_at: None,
        probe_result: None,
        last_used_at: None,
        created_at: desk.now,
    };
    let mut tx = desk.store.writing().await?;
    if tenants::find_site(&mut tx, tenant, &new.siret)
        .await?
        .is_none()
    {
        let said = format!("le réseau n'a pas de site {}", new.siret);
        return Err(Failure::new(Code::NotFound, said).remedy("cfa-gateway admin site create"));
    }
    keys::stage(&mut tx, &key).await?;
    desk.log(&mut tx, tenant, "key.staged", json!(line(&key)));
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
    let (word, expires_on) = match &tried {
        Ok(expires_on) => ("accepted", *expires_on),
        Err(Tried::Refused(_)) => ("refused", None),
        Err(Tried::Unknown(_)) => ("unknown", None),
    };
    let mut tx = desk.store.writing().await?;
    keys::set_probe_result(&mut tx, tenant, id, word, expires_on, desk.now).await?;
    let accepted = tried.is_ok();
    let active = accepted && keys::activate(&mut tx, tenant, id, desk.now).await?;
    let kind = if active {
        "key.activated"
    } else {
        "key.probed"
    };
    desk.log(&mut tx, tenant, kind, json!({ "key": id, "probe": word }));
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

/// Reads states with the key: harmless, and refused to a key without rights. Returns the key's last
/// day, where the OPCO has a route that tells it.
async fn attempt(desk: &Desk, key: &CfaKey) -> Result<Option<Date>, Tried> {
    let profiles = desk.config.profiles();
    let profiles = profiles.map_err(|error| Failure::internal("profiles", error))?;
    let profile = profiles.get(key.instance).ok_or_else(|| {
        Failure::new(
            Code::ConfigInvalid,
            format!("aucun profil pour {}", key.instance),
        )
    })?;
    let seed = Seed::shipped().map_err(|error| Failure::internal("capabilities", error))?;
    let now = desk.now;
    let mut tx = desk.store.reading().await.map_err(Failure::from)?;
    let said = switches::effective(&mut tx, now)
        .await
        .map_err(Failure::from)?;
    drop(tx);
    let said: Vec<opco::Switch> = said
        .into_iter()
        .filter(|switch| switch.instance == key.instance)
        .map(
            |CapabilitySwitch {
                 capability,
                 openness,
                 from,
                 until,
                 ..
             }| opco::Switch {
                capability,
                openness,
                from,
                until,
            },
        )
        .collect();
    let capabilities = seed.of(key.instance.opco).with_switches(&said, now);
    // Where no version is known to be open, the oldest is the likeliest to answer.
    let version = opco::choose_version(&capabilities, key.environment).unwrap_or(NormVersion::V1);
    let identity = identity(desk, key, profile).await?;
    let clock = Arc::new(SystemClock);
    let transport = Transport::new(clock, &desk.config.transport.settings())
        .map_err(|error| Failure::internal("building the client", error))?;
    let states = Operation::Etats { version, page: 1 };
    opco::exchange(&transport, profile, &identity, &states)
        .await
        .map_err(|fault| told(key, &fault))?;
    if !capabilities.is_open(Capability::Cfakeyinfo, key.environment) {
        return Ok(None);
    }
    let info = Operation::KeyInfo {
        siren: key.siret_cfa.siren(),
    };
    // The states answered: a failure of this extra does not speak against the key.
    match opco::exchange(&transport, profile, &identity, &info).await {
        Ok(Answer::KeyInfo(info)) => Ok(info.date_fin_validite),
        Ok(_) | Err(_) => Ok(None),
    }
}

async fn identity(desk: &Desk, key: &CfaKey, profile: &Profile) -> Result<Identity, Failure> {
    let mut tx = desk.store.reading().await?;
    let found = software::find(&mut tx, key.tenant, key.instance, key.environment).await?;
    drop(tx);
    let software = match found {
        None if profile.auth == Auth::ClientCredentials => {
            return Err(Failure::new(
                Code::NotFound,
                format!(
                    "aucun compte logiciel pour {} ({})",
                    key.instance, key.environment
                ),
            )
            .remedy("cfa-gateway admin software create, puis admin key probe"));
        }
        None => None,
        Some(found) => {
            let (tenant, id) = (found.tenant, found.id);
            let secret = found.sealed_secret.as_ref().ok_or_else(|| {
                Failure::new(Code::NotFound, "le compte logiciel n'a pas de secret")
            })?;
            let dpop_key = match &found.sealed_dpop_key {
                Some(sealed) => Some(
                    desk.open_secret(tenant, id, software::DPOP_PART, sealed)
                        .await?,
                ),
                None => None,
            };
            let client_secret = desk
                .open_secret(tenant, id, software::SECRET_PART, secret)
                .await?;
            Some(opco::SoftwareCredential {
                client_id: found.client_id,
                client_secret,
                dpop_key,
            })
        }
    };
    Ok(Identity {
        environment: key.environment,
        software,
        cfa_key: desk
            .open_secret(key.tenant, key.id, keys::SEAL_PART, &key.sealed)
            .await?,
        editor: desk.config.editor.headers(),
    })
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
        ("OPCO", system(line.opco, line.instance)),
        ("monde", line.environment.to_string()),
        ("état", line.state.to_owned()),
        ("essai", dash(line.probe.as_ref())),
        ("expire le", dash(line.expires_on)),
    ];
    desk.out.record(&line, &shown)
}

fn line(key: &CfaKey) -> Line {
    Line {
        id: key.id,
        siret_cfa: key.siret_cfa,
        opco: key.instance.opco.slug(),
        instance: key.instance.number,
        environment: key.environment,
        state: key.state.as_str(),
        probe: key.probe_result.clone(),
        expires_on: key.expires_on,
    }
}

fn unknown(id: KeyId) -> Failure {
    Failure::new(
        Code::NotFound,
        format!("aucune clé CFA {id} dans ce réseau"),
    )
}
