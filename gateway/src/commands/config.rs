//! `config show|default`: the settings in force, secrets masked, and the reference manual.

use clap::{Args, Subcommand};

use crate::commands::Context;
use crate::commands::failure::{Exit, Failure};
use crate::commands::output::{Format, Out};
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
                Format::Table => {
                    let text = toml::to_string(&config)
                        .map_err(|error| Failure::internal("writing the settings", error))?;
                    out.line(text.trim_end())?;
                }
            }
        }
    }
    Ok(Exit::Success)
}
