//! `openapi`: the published contract of the native API.

use std::path::PathBuf;

use clap::Args;

use crate::commands::Context;
use crate::commands::failure::{Exit, Failure};
use crate::commands::output::Out;
use crate::http::openapi;

/// Arguments of `openapi`.
#[derive(Debug, Args)]
pub(crate) struct OpenapiArgs {
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Écrit le document dans ce fichier"
    )]
    output: Option<PathBuf>,
}

/// Prints the document, whatever the form asked for: it is JSON.
pub(crate) fn run(context: &Context, args: &OpenapiArgs) -> Result<Exit, Failure> {
    let mut out = Out::to(args.output.as_deref(), context.format())?;
    out.line(openapi::document().trim_end())?;
    Ok(Exit::Success)
}
