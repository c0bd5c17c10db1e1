//! `serve`: the gateway as a service, until it is asked to stop.

use std::io::ErrorKind;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::json;
use store::{Store, tenants};

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{Format, Out, tell};
use crate::commands::{Context, runtime, stop};
use crate::config::Config;
use crate::failpoint;
use crate::start::{self, DoorError, Roles, Running};
use crate::telemetry::{Logs, Telemetry};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values = ["api", "worker", "admin"],
        value_name = "ROLES",
        help = "Ce que fait ce processus : api (répond aux ERP), worker (livre), admin (tableau de bord) [api,worker,admin]"
    )]
    roles: Vec<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Api,
    Worker,
    Admin,
}

/// Runs until SIGTERM or SIGINT, then lets what is under way end within its bound.
pub(crate) fn run(context: &Context, args: &ServeArgs) -> Result<Exit, Failure> {
    let config = context.config()?;
    // The exporter of traces makes a runtime of its own: it comes before ours and ends after it.
    let telemetry = Telemetry::start(&config.telemetry, Logs::Stdout)
        .map_err(|error| Failure::new(Code::ConfigInvalid, error.to_string()))?;
    let served = runtime().and_then(|runtime| runtime.block_on(serve(context, &config, args)));
    telemetry.stop();
    served
}

async fn serve(context: &Context, config: &Config, args: &ServeArgs) -> Result<Exit, Failure> {
    let roles = Roles {
        api: args.roles.contains(&Role::Api),
        worker: args.roles.contains(&Role::Worker),
        admin: args.roles.contains(&Role::Admin),
    };
    // Before the first byte is written: a start that is refused leaves no key and no database.
    start::rehearse(config, roles).map_err(|error| not_started(&error))?;
    let store = context.store(config).await?;
    let is_new = is_new(&store).await?;
    let mut running = start::start(config, failpoint::clock(), store, roles)
        .await
        .map_err(|error| not_started(&error))?;
    announce(context, config, &running, is_new)?;
    let broken = tokio::select! {
        asked = stop::asked() => {
            asked?;
            false
        }
        () = running.ended() => true,
    };
    tracing::info!(drain_seconds = config.server.drain_seconds, "stopping");
    let drained = running.stop().await;
    tracing::info!(drained, "stopped");
    if broken {
        return Err(Failure::internal(
            "answering",
            "the API's door closed by itself",
        ));
    }
    Ok(Exit::Success)
}

async fn is_new(store: &Store) -> Result<bool, Failure> {
    let mut tx = store.reading().await?;
    Ok(tenants::networks(&mut tx).await?.is_empty())
}

fn not_started(error: &anyhow::Error) -> Failure {
    if let Some(DoorError {
        setting,
        address,
        source,
    }) = error.downcast_ref()
    {
        let (why, remedy) = match source.kind() {
            ErrorKind::AddrInUse => (
                "déjà occupée".to_owned(),
                format!("arrêter le programme qui l'occupe, ou changer {setting}"),
            ),
            ErrorKind::AddrNotAvailable => (
                "cette machine n'a pas cette adresse".to_owned(),
                format!("mettre dans {setting} une adresse de cette machine (127.0.0.1, 0.0.0.0)"),
            ),
            ErrorKind::PermissionDenied => (
                "ce compte n'en a pas le droit".to_owned(),
                format!("mettre dans {setting} un port à partir de 1024"),
            ),
            _ => (source.to_string(), format!("changer {setting}")),
        };
        let said = format!("impossible d'écouter sur {address} : {why}");
        return Failure::new(Code::AddressUnavailable, said).remedy(remedy);
    }
    Failure::new(Code::ConfigInvalid, format!("{error:#}"))
        .remedy("cfa-gateway doctor essaie chaque réglage")
}

/// Says where the gateway answers, and on a new one what to do next.
fn announce(
    context: &Context,
    config: &Config,
    running: &Running,
    is_new: bool,
) -> Result<(), Failure> {
    let monitoring = running
        .monitoring_address()
        .map(|address| format!("http://{address}"));
    let url = running.address().map(|address| {
        config
            .server
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"))
    });
    let admin = running.admin_address().map(|address| {
        let public = config.admin.public_url.clone();
        public.unwrap_or_else(|| format!("http://{address}"))
    });
    if context.format() == Format::Json {
        return Out::stdout(Format::Json)
            .json(&json!({ "address": url, "monitoring": monitoring, "admin": admin }));
    }
    if let Some(simulator) = &config.transport.simulator {
        tell(&format!(
            "BAC À SABLE : les onze OPCO sont remplacés par {simulator} ; aucun contrat ne part réellement."
        ));
    }
    match &url {
        Some(url) => tell(&format!(
            "CFA Gateway répond : {url}\n  documentation de l'API : {url}/docs/   santé : {url}/health/ready"
        )),
        None => tell("CFA Gateway est en marche, sans l'API des ERP (rôles demandés)."),
    }
    if let Some(monitoring) = monitoring {
        tell(&format!(
            "  sondes et mesures : {monitoring}/health/ready   {monitoring}/metrics"
        ));
    }
    if let Some(admin) = admin {
        tell(&format!(
            "  tableau de bord : {admin}/   (premier compte : cfa-gateway admin person create)"
        ));
    }
    if is_new {
        tell(&next(context.config_file.as_deref()));
    }
    tell("Ctrl-C pour arrêter.");
    Ok(())
}

/// The first steps of a new gateway; other terminals can take them while it runs.
fn next(settings: Option<&Path>) -> String {
    let program = match settings {
        Some(file) => format!("cfa-gateway --config {}", pasteable(file)),
        None => "cfa-gateway".to_owned(),
    };
    let steps = [
        "network create --name \"Mon réseau\"",
        "cfa create --name \"Mon CFA\" --siren SIREN",
        "site create --name \"Mon site\" --siret SIRET --uai UAI",
        "software create --opco akto --environment test --client-id ID",
        "key create --siret SIRET --opco akto --environment test",
        "credential create --label \"Mon ERP\" --environment test",
    ];
    let steps: Vec<String> = steps
        .iter()
        .map(|step| format!("  {program} admin {step}"))
        .collect();
    format!(
        "Aucun réseau encore. Depuis un autre terminal, du même dossier et avec les mêmes variables \
         d'environnement :\n{}\n\
         puis envoyer un premier contrat, celui d'un fichier JSON : cfa-gateway send CONTRAT.json\n\
         (sans OPCO sous la main : cfa-gateway simulator --settings simulateur.toml)",
        steps.join("\n")
    )
}

/// Writes a path so that a shell reads it as one word.
fn pasteable(file: &Path) -> String {
    let text = file.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_name_the_settings_that_were_given() {
        let with = next(Some(Path::new("simulateur.toml")));
        assert!(
            with.contains("\n  cfa-gateway --config simulateur.toml admin network create"),
            "{with}"
        );
        assert!(next(None).contains("\n  cfa-gateway admin network create"));
        assert_eq!(
            pasteable(Path::new("mes réglages.toml")),
            "'mes réglages.toml'"
        );
    }
}
