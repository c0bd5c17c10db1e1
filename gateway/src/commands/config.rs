//! `config show|default|profile`: the settings in force, secrets masked, and the reference manual.

use clap::{Args, Subcommand};
use domain::Opco;

use crate::commands::Context;
use crate::commands::failure::{Exit, Failure};
use crate::commands::output::{Format, Out};
use crate::commands::words::one_of;
use crate::config;

/// Arguments of `config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(about = "Affiche les réglages en vigueur, secrets masqués")]
    Show,
    #[command(about = "Affiche tous les réglages par défaut, commentés : le manuel de référence")]
    Default,
    #[command(about = "Affiche le profil d'un OPCO tel qu'il sert : adresses, limites, écarts")]
    Profile {
        #[arg(value_name = "OPCO", value_parser = one_of!(Opco, slug), help = "L'OPCO (akto, atlas…)")]
        opco: Opco,
    },
}

/// Prints settings.
pub(crate) fn run(context: &Context, args: &ConfigArgs) -> Result<Exit, Failure> {
    let mut out = Out::stdout(context.format());
    match args.what {
        What::Default => out.line(config::DEFAULTS.trim_end())?,
        What::Show => {
            let config = context.config()?;
            match context.format() {
                Format::Json => out.json(&config)?,
                Format::Table => out.line(&text(&config)?)?,
            }
        }
        What::Profile { opco } => {
            let profiles = context.config()?.profiles();
            let profiles = profiles.map_err(|error| Failure::internal("profiles", error))?;
            for profile in profiles.iter().filter(|profile| profile.opco == opco) {
                match context.format() {
                    Format::Json => out.json(profile)?,
                    Format::Table => out.line(&text(profile)?)?,
                }
            }
        }
    }
    Ok(Exit::Success)
}

fn text(settings: &impl serde::Serialize) -> Result<String, Failure> {
    toml::to_string(settings)
        .map(|text| text.trim_end().to_owned())
        .map_err(|error| Failure::internal("writing settings", error))
}
