//! The command line: one binary, its commands, how they answer and how they fail.
//!
//! Text for people is French; machines read `--format json`, the exit code (see `docs/cli.md`) and
//! the stable word between brackets of an error.

mod admin;
mod audit;
mod check;
mod client;
mod config;
mod demo;
mod doctor;
pub(crate) mod failure;
mod index;
pub(crate) mod input;
pub(crate) mod names;
mod openapi;
pub(crate) mod output;
mod route;
mod secret_input;
mod send;
mod serve;
mod simulator;
mod stop;
mod usage;
mod watch;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};
use store::Store;

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::Format;
use crate::config::Config;
use crate::opening::{self, Opened};
use crate::telemetry::{self, Logs, Telemetry};

/// Everything the command line can say.
#[derive(Debug, Parser)]
#[command(
    name = "cfa-gateway",
    version,
    about = "La passerelle ouverte entre les CFA et les onze OPCO.",
    after_help = "Codes de sortie et erreurs : docs/cli.md. Réglages : `cfa-gateway config default`."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
struct Global {
    #[arg(
        long,
        global = true,
        value_name = "FICHIER",
        env = "CFA_GATEWAY_CONFIG",
        help = "Fichier de réglages (TOML) ; n'y écrire que ce qui change"
    )]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORME",
        help = "Forme de la réponse : table, ou json (un objet par ligne)"
    )]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(about = "Crée et révoque réseaux, sites, comptes, clés : directement dans la base")]
    Admin(admin::AdminArgs),
    #[command(
        about = "Prouve ce qui s'est passé : clés du journal, fichiers de preuve, contrôle de la base"
    )]
    Audit(audit::AuditArgs),
    #[command(
        about = "Contrôle des contrats hors ligne : mêmes règles que l'API, rien n'est envoyé"
    )]
    Check(check::CheckArgs),
    #[command(about = "Affiche les réglages : en vigueur, ou par défaut avec leurs commentaires")]
    Config(config::ConfigArgs),
    #[command(
        about = "Montre tout : onze OPCO simulés, la passerelle, un réseau, et le sort de chaque contrat"
    )]
    Demo(demo::DemoArgs),
    #[command(about = "Essaie tout ce dont la passerelle a besoin, et dit quoi réparer")]
    Doctor(doctor::DoctorArgs),
    #[command(about = "Construit, décrit et compare les index SIRET → OPCO")]
    Index(index::IndexArgs),
    #[command(about = "Dit de quel OPCO relève un employeur, et pourquoi")]
    Route(route::RouteArgs),
    #[command(about = "Affiche le contrat de l'API (OpenAPI)")]
    Openapi(openapi::OpenapiArgs),
    #[command(about = "Envoie des contrats à une passerelle, comme un ERP")]
    Send(send::SendArgs),
    #[command(about = "Fait tourner la passerelle, jusqu'à SIGTERM ou Ctrl-C")]
    Serve(serve::ServeArgs),
    #[command(about = "Fait tourner le simulateur des onze OPCO")]
    Simulator(simulator::SimulatorArgs),
    #[command(
        about = "Suit des livraisons jusqu'à leur fin, ou jusqu'à ce qu'une personne doive agir"
    )]
    Watch(watch::WatchArgs),
}

/// What a command is given besides its own arguments.
#[derive(Debug)]
pub(crate) struct Context {
    config_file: Option<PathBuf>,
    format: Format,
}

impl Context {
    /// Returns the form asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Reads the settings.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::load(self.config_file.as_deref()).map_err(|error| {
            Failure::new(Code::ConfigInvalid, format!("réglages refusés : {error}")).remedy(
                "corriger le fichier ou la variable nommée ; `cfa-gateway config default` \
                 décrit chaque réglage",
            )
        })
    }

    /// Opens the store under the start-up rules, and says so when it made the master key.
    pub(crate) async fn store(&self, config: &Config) -> Result<Store, Failure> {
        let Opened { store, created } = opening::open(&config.database, &config.master_key).await?;
        if let Some(file) = created {
            output::tell(&format!(
                "Clé maîtresse créée : {} (lisible de vous seul).\n  La sauvegarder à part de \
                 la base : sans elle, rien de ce qui est scellé ne se relit.",
                file.display()
            ));
        }
        Ok(store)
    }
}

/// Writes the warnings of a command that is no service to standard error.
fn quiet_logs(config: &Config) {
    let settings = telemetry::Settings {
        filter: "warn".to_owned(),
        otlp_endpoint: None,
        ..config.telemetry.clone()
    };
    // Without an exporter nothing is left to stop, and nothing can fail but a second start.
    if let Ok(telemetry) = Telemetry::start(&settings, Logs::Stderr) {
        telemetry.stop();
    }
}

/// Starts what runs asynchronous work. Telemetry with traces must be started before.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal("starting the runtime", error))
}

/// Parses the command line and runs it; the return value is the process's exit code.
pub fn main() -> ExitCode {
    // Two TLS providers in one process would make rustls panic at the first connection.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        // Installed already: a test called `main` twice in one process.
        tracing::debug!("TLS provider was installed before");
    }
    let matches = match usage::command::<Cli>().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage::answer(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error),
    };
    let context = Context {
        config_file: cli.global.config,
        format: cli.global.format,
    };
    match run(cli.command, &context) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.tell(context.format);
            failure.exit().into()
        }
    }
}

fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Admin(args) => admin::run(context, args),
        Command::Audit(args) => audit::run(context, args),
        Command::Check(args) => check::run(context, &args),
        Command::Config(args) => config::run(context, &args),
        Command::Demo(args) => demo::run(context, &args),
        Command::Doctor(args) => doctor::run(context, &args),
        Command::Index(args) => index::run(context, &args),
        Command::Route(args) => route::run(context, &args),
        Command::Openapi(args) => openapi::run(context, &args),
        Command::Send(args) => send::run(context, &args),
        Command::Serve(args) => serve::run(context, &args),
        Command::Simulator(args) => simulator::run(context, &args),
        Command::Watch(args) => watch::run(context, &args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        usage::command::<Cli>().debug_assert();
    }
}
