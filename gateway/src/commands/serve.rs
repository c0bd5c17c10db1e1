//! `serve`: the gateway as a service, until it is asked to stop.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use serde_json::json;
use store::{Store, tenants};

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{Format, Out, tell};
use crate::commands::{Context, runtime, stop};
use crate::config::Config;
use crate::failpoint;
use crate::start::{self, Roles};
use crate::telemetry::{Logs, Telemetry};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values = ["api", "worker"],
        value_name = "ROLES",
        help = "Ce que fait ce processus : api (répond aux ERP), worker (livre) [api,worker]"
    )]
    roles: Vec<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Api,
    Worker,
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
    };
    // Before the first byte is written: a start that is refused leaves no key and no database.
    start::rehearse(config, roles).map_err(|error| not_started(config, &error))?;
    let store = context.store(config).await?;
    let is_new = is_new(&store).await?;
    let mut running = start::start(config, failpoint::clock(), store, roles)
        .await
        .map_err(|error| not_started(config, &error))?;
    announce(context, config, running.address(), is_new)?;
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

fn not_started(config: &Config, error: &anyhow::Error) -> Failure {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    if let Some(io) = io
        && matches!(
            io.kind(),
            std::io::ErrorKind::AddrInUse
                | std::io::ErrorKind::AddrNotAvailable
                | std::io::ErrorKind::PermissionDenied
        )
    {
        let said = format!("impossible d'écouter sur {} : {io}", config.server.listen);
        return Failure::new(Code::AddressUnavailable, said)
            .remedy("changer server.listen, ou arrêter ce qui occupe déjà cette adresse");
    }
    Failure::new(Code::ConfigInvalid, format!("{error:#}"))
        .remedy("cfa-gateway doctor essaie chaque réglage")
}

/// Says where the gateway answers, and on a new one what to do next.
fn announce(
    context: &Context,
    config: &Config,
    address: Option<SocketAddr>,
    is_new: bool,
) -> Result<(), Failure> {
    let url = address.map(|address| {
        config
            .server
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"))
    });
    if context.format() == Format::Json {
        return Out::stdout(Format::Json).json(&json!({ "address": url }));
    }
    match &url {
        Some(url) => tell(&format!(
            "CFA Gateway répond : {url}\n  documentation de l'API : {url}/docs/   santé : {url}/health/ready"
        )),
        None => tell("CFA Gateway livre (rôle worker, sans API)."),
    }
    if is_new {
        tell(NEXT);
    }
    tell("Ctrl-C pour arrêter.");
    Ok(())
}

/// The first steps of a new gateway; other terminals can take them while it runs.
const NEXT: &str = "\
Aucun réseau encore. Depuis un autre terminal, du même dossier et avec les mêmes réglages :
  cfa-gateway admin network create --name \"Mon réseau\"
  cfa-gateway admin cfa create --name \"Mon CFA\" --siren SIREN
  cfa-gateway admin site create --name \"Mon site\" --siret SIRET --uai UAI
  cfa-gateway admin software create --opco akto --environment test --client-id ID
  cfa-gateway admin key create --siret SIRET --opco akto --environment test
  cfa-gateway admin credential create --label \"Mon ERP\" --environment test
puis envoyer un premier contrat : cfa-gateway send contrat.json
(sans OPCO sous la main : cfa-gateway simulator --settings simulateur.toml)";
