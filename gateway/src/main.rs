//! The binary: installs the one TLS provider, then hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    cfa_gateway::commands::main()
}
