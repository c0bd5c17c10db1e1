//! `simulator`: the eleven OPCOs on one port of this machine, to try everything without any of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use domain::Opco;
use serde::Serialize;
use serde_json::json;
use simulator::{LedgerSync, Running, Settings, StartError};

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::{Format, Out, tell};
use crate::commands::{Context, runtime, stop};
use crate::telemetry::{Logs, Telemetry};

/// Arguments of `simulator`.
#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    #[arg(
        long,
        default_value = "127.0.0.1:9090",
        value_name = "ADRESSE:PORT",
        help = "Où écouter ; le port 0 en prend un libre [127.0.0.1:9090]"
    )]
    listen: SocketAddr,
    #[arg(
        long,
        value_name = "OPCO",
        help = "Ne jouer qu'un OPCO, par exemple akto : un bac à sable pour certifier un logiciel"
    )]
    profile: Option<Opco>,
    #[arg(
        long,
        help = "Ouvre tous les flux de la norme, même ceux que l'OPCO n'a pas ouverts"
    )]
    sandbox: bool,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Journal de tout ce qui est accepté, une ligne JSON chacun"
    )]
    ledger: Option<PathBuf>,
    #[arg(
        long,
        value_enum,
        default_value = "grouped",
        value_name = "QUAND",
        help = "Quand ce journal est sur le disque : each, grouped (avant la réponse) ou off"
    )]
    ledger_sync: Sync,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Journal des appels reçus, une ligne JSON chacun"
    )]
    request_log: Option<PathBuf>,
    #[arg(
        long,
        default_value_t = 1,
        value_name = "FOIS",
        help = "Vitesse de l'horloge des dossiers ; 0 l'arrête"
    )]
    clock_factor: u32,
    #[arg(
        long,
        help = "N'accepte que les clés et logiciels enregistrés par l'API de contrôle"
    )]
    strict: bool,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Écrit les réglages (TOML) qui dirigent une passerelle vers ce simulateur, \
                pour `serve --config`"
    )]
    settings: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sync {
    Each,
    Grouped,
    Off,
}

/// What points one OPCO's profile at the simulator.
#[derive(Debug, Serialize)]
struct Place {
    base_url: String,
    token_url: String,
    test: Recette,
}

/// Its recette is the same machine.
#[derive(Debug, Serialize)]
struct Recette {
    base_url: String,
    token_url: String,
}

/// Runs until asked to stop.
pub(crate) fn run(context: &Context, args: &SimulatorArgs) -> Result<Exit, Failure> {
    let telemetry = Telemetry::start(&context.config()?.telemetry, Logs::Stderr)
        .map_err(|error| Failure::internal("starting the logs", error))?;
    let settings = Settings {
        bind: args.listen,
        clock_factor: args.clock_factor,
        profile: args.profile.map(|opco| opco.slug().to_owned()),
        sandbox: args.sandbox,
        strict: args.strict,
        ledger: args.ledger.clone(),
        ledger_sync: match args.ledger_sync {
            Sync::Each => LedgerSync::Each,
            Sync::Grouped => LedgerSync::Grouped,
            Sync::Off => LedgerSync::Off,
        },
        request_log: args.request_log.clone(),
        ..Settings::default()
    };
    let ran = runtime()?.block_on(async {
        let running = simulator::start(settings)
            .await
            .map_err(|error| not_started(args, error))?;
        if let Some(file) = &args.settings {
            write_settings(&running, file)?;
        }
        announce(context, args, &running)?;
        stop::asked().await?;
        running.stop().await;
        Ok(Exit::Success)
    });
    telemetry.stop();
    ran
}

fn not_started(args: &SimulatorArgs, error: StartError) -> Failure {
    match error {
        StartError::Io(error) if error.kind() == std::io::ErrorKind::AddrInUse => Failure::new(
            Code::AddressUnavailable,
            format!("{} est déjà pris", args.listen),
        )
        .remedy("donner un autre port avec --listen, ou 0 pour un port libre"),
        StartError::Io(error) => Failure::new(Code::OutputFailed, error.to_string()),
        error => Failure::internal("starting the simulator", error),
    }
}

fn announce(context: &Context, args: &SimulatorArgs, running: &Running) -> Result<(), Failure> {
    let mut out = Out::stdout(context.format());
    let root = format!("http://{}", running.address);
    match context.format() {
        Format::Json => out.json(&json!({ "address": root })),
        Format::Table => {
            let whom = args.profile.map_or("les onze OPCO", Opco::name);
            out.line(&format!("Le simulateur ({whom}) répond : {root}"))?;
            out.line(&format!(
                "  page d'accueil et contrôle : {root}/ et {root}/control/summary"
            ))?;
            let started = match &args.settings {
                Some(file) => format!("cfa-gateway serve --config {}", file.display()),
                None => "relancer avec --settings simulateur.toml, puis \
                         cfa-gateway serve --config simulateur.toml"
                    .to_owned(),
            };
            out.line(&format!("  y diriger une passerelle : {started}"))?;
            tell("Ctrl-C pour arrêter.");
            Ok(())
        }
    }
}

/// Returns what points the profiles of all eleven OPCOs, recette included, at a simulator.
pub(super) fn places(running: &Running) -> Result<BTreeMap<String, toml::Table>, Failure> {
    let mut places = BTreeMap::new();
    for opco in Opco::ALL {
        let slug = opco.slug();
        let (Some(base_url), Some(token_url)) = (running.base_url(slug), running.token_url(slug))
        else {
            continue;
        };
        let test = Recette {
            base_url: base_url.clone(),
            token_url: token_url.clone(),
        };
        let place = Place {
            base_url,
            token_url,
            test,
        };
        let table = toml::Table::try_from(place)
            .map_err(|error| Failure::internal("writing settings", error))?;
        places.insert(slug.to_owned(), table);
    }
    Ok(places)
}

fn write_settings(running: &Running, file: &Path) -> Result<(), Failure> {
    let text = toml::to_string(&BTreeMap::from([("opco", places(running)?)]))
        .map_err(|error| Failure::internal("writing settings", error))?;
    let head = "# Dirige les OPCO vers le simulateur de cette machine : pour essayer, jamais en production.\n";
    std::fs::write(file, format!("{head}{text}"))
        .map_err(|error| Failure::new(Code::OutputFailed, format!("{} : {error}", file.display())))
}
