//! The benchmarks that need a whole gateway, run by hand through `./bench NAME` at the root.
//!
//! `docs/performance.md` says what each measures and what it showed.

#![expect(
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a program run by hand that prints its figures"
)]

mod accept;
mod contracts;
mod database;
mod desk;
mod e2e;
mod figures;
mod files;
mod latency;
mod ledger;
mod load;
mod memory;
mod opcos;
mod plain;
mod process;
mod seal;
mod setup;
mod start;
mod sync;
mod webhooks;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// What every benchmark is told.
#[derive(Debug, Clone)]
struct Ground {
    /// The gateway's binary.
    gateway: PathBuf,
    /// An empty folder on the disk that is measured.
    folder: PathBuf,
    /// A PostgreSQL server with fsync and synchronous commit.
    postgres: String,
    /// Its data folder, which names its process.
    postgres_data: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let name = args.next().context("which benchmark?")?;
    let rest: Vec<String> = args.collect();
    // One thread: what the load costs is counted, and it must not fight the gateway for both cores.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(&name, &rest))
}

async fn run(name: &str, rest: &[String]) -> anyhow::Result<()> {
    if name == "opcos" {
        return opcos::run(rest).await;
    }
    let [gateway, folder, postgres, postgres_data, rest @ ..] = rest else {
        bail!("GATEWAY FOLDER POSTGRES_URL POSTGRES_DATA are needed: run ./bench {name}");
    };
    let ground = Ground {
        gateway: gateway.into(),
        folder: folder.into(),
        postgres: postgres.clone(),
        postgres_data: postgres_data.into(),
    };
    match name {
        "accept" => accept::run(&ground, rest).await,
        "latency" => latency::run(&ground, rest).await,
        "e2e" => e2e::run(&ground, rest).await,
        "memory" => memory::run(&ground, rest).await,
        "seal" => seal::run(&ground, rest).await,
        "desk" => desk::run(&ground, rest).await,
        "start" => start::run(&ground, rest).await,
        "sync" => sync::run(&ground, rest).await,
        "webhooks" => webhooks::run(&ground, rest).await,
        "files" => files::run(&ground, rest).await,
        _ => bail!("no such benchmark: {name}"),
    }
}

/// Reads `--NAME VALUE` from what a person gave, or takes the usual value.
fn option<T: std::str::FromStr>(rest: &[String], name: &str, usual: T) -> anyhow::Result<T> {
    let Some(at) = rest.iter().position(|arg| arg == name) else {
        return Ok(usual);
    };
    rest.get(at + 1)
        .and_then(|value| value.parse().ok())
        .with_context(|| format!("{name} needs a value"))
}
