//! The command line's own words, in French: help pages and usage errors.

use std::process::ExitCode;

use clap::builder::{PossibleValue, StyledStr};
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
        .subcommand_value_name("COMMANDE")
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
                noted(arg)
            } else {
                noted(arg.help_heading(heading))
            }
        })
        .mut_subcommands(french)
}

/// Says in French what the library adds in English after the help of an argument: the values it takes,
/// the one it has by default, the variable it is read from.
fn noted(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    let mut notes = Vec::new();
    let values = arg.get_possible_values();
    let values: Vec<&str> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(PossibleValue::get_name)
        .collect();
    if !values.is_empty() && !arg.is_hide_possible_values_set() {
        notes.push(format!("[valeurs : {}]", values.join(", ")));
    }
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && !arg.is_hide_default_value_set() {
        notes.push(format!("[par défaut : {}]", defaults.join(" ")));
    }
    if let Some(variable) = arg.get_env().filter(|_| !arg.is_hide_env_set()) {
        notes.push(format!("[variable : {}]", variable.to_string_lossy()));
    }
    let arg = arg
        .hide_possible_values(true)
        .hide_default_value(true)
        .hide_env(true);
    if notes.is_empty() {
        return arg;
    }
    let notes = notes.join(" ");
    let after = |help: &StyledStr| format!("{help} {notes}");
    let short = arg.get_help().map_or_else(|| notes.clone(), after);
    match arg.get_long_help().map(after) {
        Some(long) => arg.help(short).long_help(long),
        None => arg.help(short),
    }
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
        #[arg(long, default_value = "dix", env = "CFA_ESSAI", help = "Combien")]
        count: String,
        #[arg(long)]
        flag: bool,
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
        assert!(page.contains("[valeurs : a, b]"), "{page}");
        let noted = "Combien [par défaut : dix] [variable : CFA_ESSAI]";
        assert!(page.contains(noted), "{page}");
    }

    /// Walks every page of the product, as `--help` prints it.
    #[test]
    fn no_page_of_any_command_says_anything_in_english() {
        fn walk(command: &mut Command, seen: &mut usize) {
            let page = command.render_long_help().to_string();
            for english in [
                "Possible values",
                "possible values",
                "[default",
                "[env",
                "<COMMAND>",
            ] {
                assert!(!page.contains(english), "{english} in {page}");
            }
            *seen += 1;
            for inner in command.get_subcommands_mut() {
                walk(inner, seen);
            }
        }
        let mut whole = command::<crate::commands::Cli>();
        whole.build();
        let mut seen = 0;
        walk(&mut whole, &mut seen);
        assert!(seen > 30, "{seen} pages");
    }
}
