//! The product's own `main`, built with the feature `failpoints` so that a test can kill it at a
//! named step.

use std::process::ExitCode;

fn main() -> ExitCode {
    cfa_gateway::commands::main()
}
