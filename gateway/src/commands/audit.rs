//! `audit …`: the proof of what happened. Keys to publish, evidence files, and two verifications: of a
//! file, offline; of the database, row by row.

mod file;
mod parties;
mod told;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::clock::{Clock, SystemClock};
use domain::id::DeliveryId;
use domain::proof::{Authorities, Checkpoint, Note, VerifierKey, WitnessKey};
use domain::{TenantId, Timestamp};
use serde_json::json;
use store::proofs::{self, Grown, LogKey, MAX_STEP, Shown};
use store::tenants::Network;
use store::{NewEvent, Store, events, tenants};

use crate::commands::admin::{InNetwork, Why, network_of, reason_given};
use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{Out, Progress};
use crate::commands::{Context, input, quiet_logs, runtime, words};
use crate::mutation::{self, Mutation};

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(about = "Affiche les clés qui vérifient le journal d'un réseau : à publier")]
    Key(InNetwork),
    #[command(about = "Change la clé qui signe ; l'ancienne se porte garante de la nouvelle")]
    Rotate(RotateArgs),
    #[command(about = "Écrit le fichier de preuve d'une livraison")]
    Evidence(EvidenceArgs),
    #[command(about = "Vérifie un fichier de preuve hors ligne, ou la base entière (--store)")]
    Verify(VerifyArgs),
    #[command(
        about = "Affiche qui d'autre se porte garant de chaque journal, jusqu'où et depuis quand"
    )]
    Vouchers,
    #[command(about = "Après examen : demande de nouveau à un témoin qui contredisait un journal")]
    Settle(parties::SettleArgs),
}

#[derive(Debug, Args)]
struct RotateArgs {
    #[command(flatten)]
    of: InNetwork,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
struct By {
    #[arg(
        long,
        env = "USER",
        default_value = "administrateur",
        value_parser = words::author,
        value_name = "NOM",
        help = "Qui agit, pour le journal (par défaut le compte du système)"
    )]
    author: String,
}

#[derive(Debug, Args)]
struct EvidenceArgs {
    #[arg(value_name = "LIVRAISON", help = "L'identifiant de la livraison")]
    delivery: DeliveryId,
    #[arg(long, value_name = "FICHIER", help = "Fichier à écrire")]
    output: PathBuf,
    #[arg(
        long,
        help = "Sans le sel : personne ne pourra rapprocher le fichier d'un contrat, même en l'ayant"
    )]
    without_salt: bool,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[arg(
        value_name = "FICHIER",
        required_unless_present = "store",
        help = "Fichier de preuve ; `-` : entrée standard"
    )]
    file: Option<PathBuf>,
    #[arg(
        long,
        value_name = "CLÉ",
        help = "Clé publiée du journal (nom+empreinte+base64) ; peut être répétée"
    )]
    trusted_key: Vec<VerifierKey>,
    #[arg(
        long,
        value_name = "CLÉ",
        help = "Clé publiée d'un témoin (nom+empreinte+base64), dont la cosignature est exigée ; peut être répétée"
    )]
    witness: Vec<WitnessKey>,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Certificats (PEM) de l'autorité d'horodatage, dont le jeton est exigé"
    )]
    timestamp_ca: Option<PathBuf>,
    #[arg(
        long,
        value_name = "CONTRAT",
        help = "Contenu à rapprocher du fichier : un contrat, tel qu'il a été déposé"
    )]
    content: Option<PathBuf>,
    #[arg(
        long,
        conflicts_with_all = ["file", "trusted_key", "witness", "content"],
        help = "Relit la base : chaque événement, chaque condensat, chaque signature"
    )]
    store: bool,
    #[arg(
        long,
        requires = "store",
        value_name = "FICHIER",
        help = "Point de contrôle ou fichier de preuve gardé ailleurs : décèle un journal tronqué"
    )]
    checkpoint: Vec<PathBuf>,
}

/// What the commands on the store work with.
struct Desk {
    store: Store,
    out: Out,
    now: Timestamp,
}

/// A log that is audited.
struct Log {
    tenant: TenantId,
    name: String,
}

/// Does what is asked.
pub(crate) fn run(context: &Context, args: AuditArgs) -> Result<Exit, Failure> {
    if let What::Verify(VerifyArgs {
        file: Some(file),
        trusted_key,
        witness,
        timestamp_ca,
        content,
        ..
    }) = &args.what
    {
        let vouch = file::Vouch {
            witnesses: witness,
            authorities: timestamp_ca.as_deref().map(authorities).transpose()?,
        };
        return file::verify(context, file, (trusted_key, &vouch), content.as_deref());
    }
    let config = context.config()?;
    quiet_logs(&config);
    runtime()?.block_on(async {
        let mut desk = Desk {
            store: context.store(&config).await?,
            out: Out::stdout(context.format()),
            now: SystemClock.now(),
        };
        let done = match args.what {
            What::Key(of) => key(&mut desk, &of).await,
            What::Rotate(args) => rotate(&mut desk, &args).await,
            What::Evidence(args) => evidence(&mut desk, &args).await,
            What::Verify(args) => {
                let named = config.proof.timestamp.as_ref().map(|one| one.ca.as_path());
                let ca = args.timestamp_ca.as_deref().or(named);
                let trusted = ca.map(authorities).transpose()?;
                audit(&mut desk, &args.checkpoint, trusted.as_ref()).await
            }
            What::Vouchers => parties::show(&mut desk).await,
            What::Settle(args) => parties::settle(&mut desk, &args).await,
        };
        desk.store.close().await;
        done
    })
}

async fn key(desk: &mut Desk, of: &InNetwork) -> Result<Exit, Failure> {
    let network = network_of(&desk.store, of.network.as_deref()).await?;
    let keys = desk.store.published_keys(network.id, desk.now).await?;
    let last = keys.last().map(|key| key.number);
    let lines: Vec<_> = keys.iter().map(|key| line(key, &network, last)).collect();
    let titles = ["NUMÉRO", "DEPUIS", "SIGNE", "CLÉ"];
    desk.out.list(&titles, &lines, |line| {
        let text = |name: &str| match line.get(name) {
            Some(serde_json::Value::String(text)) => words::local_text(text),
            Some(serde_json::Value::Bool(true)) => "oui".to_owned(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => "-".to_owned(),
        };
        ["number", "since", "signs", "key"].map(text).to_vec()
    })?;
    Ok(Exit::Success)
}

fn line(key: &LogKey, network: &Network, last: Option<i64>) -> serde_json::Value {
    json!({
        "network": network.id, "number": key.number, "since": key.created_at.to_string(),
        "signs": Some(key.number) == last, "key": key.verifier.to_string(),
    })
}

async fn rotate(desk: &mut Desk, args: &RotateArgs) -> Result<Exit, Failure> {
    let reason = reason_given(&args.why.reason)?;
    let network = network_of(&desk.store, args.of.network.as_deref()).await?;
    let before = desk.store.published_keys(network.id, desk.now).await?;
    let sealed = desk.store.keys(network.id).await?;
    let mut tx = desk.store.writing().await?;
    let made = proofs::rotate(&mut tx, &sealed, desk.now).await?;
    let Some(made) = made else {
        let said = "une autre rotation a eu lieu au même moment";
        return Err(Failure::new(Code::Conflict, said).remedy("cfa-gateway audit key"));
    };
    let (old, new) = (before.last().map(|key| &key.verifier), &made.verifier);
    let turned = NewEvent::new(desk.now, "log.key_rotated")
        .by(format!("cli:{}", args.by.author))
        .with(json!({ "from": old, "to": new, "reason": reason }));
    events::append(&mut tx, network.id, &[turned]);
    tx.commit().await?;
    // The handover is the next checkpoint: signed now, both keys vouch for it at once.
    seal(desk, network.id).await?;
    let shown = [
        ("nouvelle clé", new.to_string()),
        (
            "à faire",
            "la publier à côté de l'ancienne, qui vérifie toujours ce qu'elle a signé".to_owned(),
        ),
    ];
    let answer = line(&made, &network, Some(made.number));
    desk.out.record(&answer, &shown)?;
    Ok(Exit::Success)
}

/// Seals what a log has by now.
async fn seal(desk: &Desk, tenant: TenantId) -> Result<(), Failure> {
    while matches!(
        desk.store.grow_log(tenant, desk.now, MAX_STEP).await?,
        Grown::By(_) | Grown::Overtaken
    ) {}
    Ok(())
}

async fn evidence(desk: &mut Desk, args: &EvidenceArgs) -> Result<Exit, Failure> {
    let mut tx = desk.store.reading().await?;
    let networks = tenants::networks(&mut tx).await?;
    drop(tx);
    let with_salt = !args.without_salt;
    for network in networks {
        let tenant = network.id;
        let mut shown = made(desk, tenant, args.delivery, with_salt).await?;
        if matches!(shown, Shown::NotYet(_)) {
            seal(desk, tenant).await?;
            shown = made(desk, tenant, args.delivery, with_salt).await?;
        }
        match shown {
            Shown::Nothing => {}
            Shown::NotYet(_) => {
                let said = "cette livraison vit encore : ses événements arrivent plus vite";
                return Err(Failure::new(Code::StoreUnavailable, said).remedy("recommencer"));
            }
            Shown::File(file) => return written(desk, tenant, args, &file).await,
        }
    }
    let said = format!("aucun réseau n'a de livraison {}", args.delivery);
    Err(Failure::new(Code::NotFound, said))
}

async fn made(
    desk: &Desk,
    tenant: TenantId,
    delivery: DeliveryId,
    with_salt: bool,
) -> Result<Shown, Failure> {
    let shown = desk.store.evidence(tenant, delivery, with_salt, desk.now);
    Ok(shown.await?)
}

/// Writes the file, and the line of it in the log: the salt was opened for it.
async fn written(
    desk: &mut Desk,
    tenant: TenantId,
    args: &EvidenceArgs,
    file: &str,
) -> Result<Exit, Failure> {
    let path = args.output.display();
    std::fs::write(&args.output, file)
        .map_err(|error| Failure::new(Code::OutputFailed, format!("{path} : {error}")))?;
    let handed_out = NewEvent::new(desk.now, "evidence.made")
        .by(format!("cli:{}", args.by.author))
        .with(json!({ "delivery": args.delivery, "salt": !args.without_salt }));
    let mut tx = desk.store.writing().await?;
    events::append(&mut tx, tenant, &[handed_out]);
    tx.commit().await?;
    let shown = [
        ("fichier", path.to_string()),
        (
            "à vérifier par",
            format!("cfa-gateway audit verify {path} --trusted-key CLÉ"),
        ),
    ];
    let answer = json!({ "file": path.to_string(), "network": tenant, "delivery": args.delivery });
    desk.out.record(&answer, &shown)?;
    Ok(Exit::Success)
}

/// Reads the whole store, log after log.
async fn audit(
    desk: &mut Desk,
    kept: &[PathBuf],
    trusted: Option<&Authorities>,
) -> Result<Exit, Failure> {
    let kept = kept.iter().map(|path| kept_elsewhere(path));
    let kept = kept.collect::<Result<Vec<_>, _>>()?;
    let logs = logs(desk).await?;
    let of = |origin: &String| {
        logs.iter()
            .any(|log| domain::proof::origin(log.tenant) == *origin)
    };
    if let Some(stranger) = kept.iter().find(|one| !of(&one.origin)) {
        let said = format!(
            "cette base n'a pas, ou plus, le journal {}",
            stranger.origin
        );
        return Err(Failure::new(Code::NotFound, said));
    }
    let progress = Progress::new();
    let mut all = Vec::new();
    for log in logs {
        progress.say(&format!("{}…", log.name));
        let origin = domain::proof::origin(log.tenant);
        let known = kept.iter().filter(|one| one.origin == origin);
        let known: Vec<Checkpoint> = known.cloned().collect();
        let mut audited = desk.store.audit_log(log.tenant, &known).await?;
        if mutation::planted(Mutation::AuditBlind) {
            audited.findings.clear();
        }
        let vouched = desk.store.audit_vouched(log.tenant, trusted).await?;
        all.push((log, audited, vouched));
    }
    progress.clear();
    told::tell(&mut desk.out, &all)
}

/// Returns every log, with the name of its network.
async fn logs(desk: &Desk) -> Result<Vec<Log>, Failure> {
    let mut tx = desk.store.reading().await?;
    let networks = tenants::networks(&mut tx).await?;
    let logs = proofs::logs(&mut tx).await?.into_iter();
    let name = |tenant: TenantId| {
        let network = networks.iter().find(|network| network.id == tenant);
        match network {
            Some(network) => network.name.clone(),
            None if tenant == TenantId::PLATFORM => "(la passerelle)".to_owned(),
            None => tenant.to_string(),
        }
    };
    Ok(logs
        .map(|tenant| Log {
            tenant,
            name: name(tenant),
        })
        .collect())
}

/// Reads the certificates of a time-stamping authority.
fn authorities(path: &Path) -> Result<Authorities, Failure> {
    let pem = input::read(path)?;
    Authorities::from_pem(&pem)
        .map_err(|error| Failure::new(Code::InputInvalid, format!("{} : {error}", path.display())))
}

/// Reads a checkpoint from a file of its own, or from an evidence file.
fn kept_elsewhere(path: &Path) -> Result<Checkpoint, Failure> {
    let bytes = input::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let evidence: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let note = evidence
        .as_ref()
        .and_then(|file| file.get("checkpoint")?.as_str());
    let note: Option<Note> = note.unwrap_or(&text).parse().ok();
    note.and_then(|note| note.text.parse().ok()).ok_or_else(|| {
        let said = format!(
            "{} : ni point de contrôle, ni fichier de preuve",
            path.display()
        );
        Failure::new(Code::InputInvalid, said)
    })
}
