//! The command line's own words, in French: help pages and usage errors.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::commands::failure::{Code, Exit, Failure};
use crate::commands::output::Format;

/// Every page has the same form, titles included.
const PAGE: &str = "\
{before-help}{about-with-newline}
Usage : {usage}

{all-args}{after-help}";

/// Builds the command line of `T` with French pages.
pub(super) fn command<T: CommandFactory>() -> Command {
    french(
        T::command().disable_version_flag(true).arg(
            Arg::new("version")
                .long("version")
                .action(ArgAction::Version)
                .help("Affiche la version"),
        ),
    )
}

fn french(command: Command) -> Command {
    command
        .help_template(PAGE)
        .subcommand_help_heading("Commandes")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help("Affiche cette aide")
                .display_order(1000),
        )
        .mut_args(|arg| {
            let heading = if arg.is_positional() {
                "Arguments"
            } else {
                "Options"
            };
            if arg.get_help_heading().is_some() {
                arg
            } else {
                arg.help_heading(heading)
            }
        })
        .mut_subcommands(french)
}

/// Answers a request for help or the version, or tells what is wrong with the command line.
pub(super) fn answer(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that went away has seen enough of the page.
            drop(error.print());
            Exit::Success.into()
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            drop(error.print());
            Exit::Usage.into()
        }
        _ => {
            let failure = Failure::new(Code::Usage, sentence(error))
                .remedy("ajouter --help à la commande pour lire son mode d'emploi");
            failure.tell(Format::Table);
            failure.exit().into()
        }
    }
}

fn sentence(error: &clap::Error) -> String {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let arg = said(ContextKind::InvalidArg);
    let value = said(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => format!("argument inconnu : {arg}"),
        ErrorKind::InvalidSubcommand => {
            format!(
                "commande inconnue : {}",
                said(ContextKind::InvalidSubcommand)
            )
        }
        ErrorKind::MissingRequiredArgument => format!("il manque : {arg}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("il manque la valeur de {arg}"),
        ErrorKind::InvalidValue => {
            let valid = said(ContextKind::ValidValue);
            format!("« {value} » n'est pas une valeur de {arg} (valeurs : {valid})")
        }
        ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            format!("« {value} » n'est pas une valeur de {arg} ({cause})")
        }
        ErrorKind::ArgumentConflict => {
            format!("{arg} ne va pas avec {}", said(ContextKind::PriorArg))
        }
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("nombre de valeurs inattendu pour {arg}")
        }
        _ => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(version)]
    struct Sample {
        #[arg(long)]
        number: u16,
        #[arg(long, value_parser = ["a", "b"])]
        letter: Option<String>,
    }

    fn refused(args: &[&str]) -> String {
        sentence(&command::<Sample>().try_get_matches_from(args).unwrap_err())
    }

    #[test]
    fn usage_errors_are_french() {
        assert_eq!(refused(&["x"]), "il manque : --number <NUMBER>");
        assert_eq!(
            refused(&["x", "--number", "1", "--nope"]),
            "argument inconnu : --nope"
        );
        assert_eq!(
            refused(&["x", "--number", "1", "--letter", "c"]),
            "« c » n'est pas une valeur de --letter <LETTER> (valeurs : a, b)"
        );
        assert!(refused(&["x", "--number", "y"]).starts_with("« y » n'est pas une valeur"));
    }

    #[test]
    fn help_pages_are_french() {
        let page = command::<Sample>().render_help().to_string();
        assert!(page.contains("Usage : "), "{page}");
        assert!(page.contains("Affiche cette aide"), "{page}");
        assert!(!page.contains("Print"), "{page}");
    }
}
