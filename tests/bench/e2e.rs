//! Accept and deliver: from the first request to the last settled delivery, OPCOs in their own
//! process.
//!
//! Options: `--rounds 5 --contracts 20000 --connections 32 --engines both|sqlite|postgres`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::database::{Database, Engine};
use crate::figures::{Rounds, machine_load, number};
use crate::load::{self, Until};
use crate::process::{self, Process};
use crate::{Ground, option, setup};

/// The longest the deliveries of one round may take.
const SETTLED_WITHIN: Duration = Duration::from_mins(5);

#[derive(Default)]
struct Figures {
    rate: Rounds,
    accepted: Rounds,
    gateway: Rounds,
    server: Rounds,
    opcos: Rounds,
    load: Rounds,
    memory: Rounds,
    checked: u64,
}

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let rounds: usize = option(rest, "--rounds", 5)?;
    let contracts: u64 = option(rest, "--contracts", 20_000)?;
    let connections: usize = option(rest, "--connections", 32)?;
    let engines = option(rest, "--engines", "both".to_owned())?;
    println!(
        "e2e: {contracts} contracts on {connections} connections, roles api and worker, simulated OPCOs in\n\
         a process of their own (ledger on disk, no limits); ends when the last is settled; {rounds}\n\
         interleaved rounds; median (least to most)"
    );
    let mut sides = [Figures::default(), Figures::default()];
    for round in 0..rounds {
        for (engine, figures) in Engine::BOTH.into_iter().zip(&mut sides) {
            if engines == "both" || engine.name().to_lowercase().starts_with(&engines) {
                one(ground, engine, round, contracts, connections, figures).await?;
            }
        }
    }
    for (engine, figures) in Engine::BOTH.into_iter().zip(&sides) {
        if figures.checked == 0 {
            continue;
        }
        let all = figures.gateway.median() + figures.server.median();
        println!(
            "\n{} (load {})\n  accepted and settled: {} a second; all accepted after {} ms\n  \
             us of CPU a contract: gateway {} server {} (both {}), OPCOs {}, load {}\n  \
             memory of the gateway at its highest: {} MiB\n  \
             check: {} acknowledged = settled = in the OPCOs' ledger, none twice",
            engine.name(),
            machine_load(),
            figures.rate.text(),
            figures.accepted.text(),
            number(figures.gateway.median()),
            number(figures.server.median()),
            number(all),
            number(figures.opcos.median()),
            number(figures.load.median()),
            figures.memory.text(),
            figures.checked,
        );
    }
    Ok(())
}

async fn one(
    ground: &Ground,
    engine: Engine,
    round: usize,
    contracts: u64,
    connections: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let name = format!(
        "e2e_{}_{round}",
        engine.name().split(' ').next().unwrap_or("x")
    );
    let name = name.to_lowercase();
    let (opcos, ledger, settings) = opcos(ground, &name).await?;
    let database = Database::new(ground, engine, &name).await?;
    let extra = std::fs::read_to_string(&settings)?;
    let gateway = setup::gateway(ground, database, &name, "api,worker", &extra).await?;
    let pids = [gateway.process.pid, opcos.pid, std::process::id()];
    let used = || pids.map(process::seconds);
    let (before, server) = (used(), process::server_seconds(&ground.postgres_data));
    let began = Instant::now();
    let sent = load::closed(&gateway.target, connections, Until::Sent(contracts)).await?;
    figures.accepted.keep(began.elapsed().as_secs_f64() * 1e3);
    let accepted = sent.accepted;
    while accepted_by(&opcos).await? < accepted {
        anyhow::ensure!(
            began.elapsed() < SETTLED_WITHIN,
            "{} of {accepted} delivered: {}",
            accepted_by(&opcos).await?,
            standing(&gateway.database).await?
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while delivered(&gateway.database).await? < accepted {
        anyhow::ensure!(
            began.elapsed() < SETTLED_WITHIN,
            "not all settled: {}",
            standing(&gateway.database).await?
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    let after = used();
    let server = process::server_seconds(&ground.postgres_data) - server;
    let each = |part: usize| (after[part] - before[part]) * 1e6 / accepted as f64;
    figures.rate.keep(accepted as f64 / took.as_secs_f64());
    figures.gateway.keep(each(0));
    figures.opcos.keep(each(1));
    figures.load.keep(each(2));
    figures.server.keep(match engine {
        Engine::Sqlite => 0.0,
        Engine::Postgres => server * 1e6 / accepted as f64,
    });
    figures.memory.keep(process::memory(gateway.process.pid).1);
    opcos.stop().await?;
    gateway.process.stop().await?;
    let (lines, distinct) = read_ledger(&ledger)?;
    anyhow::ensure!(
        lines == accepted && distinct == accepted,
        "{accepted} acknowledged, {lines} in the ledger, {distinct} different ones"
    );
    figures.checked += accepted;
    Ok(())
}

/// Starts the simulated OPCOs; returns them, their ledger, and the gateway's settings for them.
pub(crate) async fn opcos(
    ground: &Ground,
    name: &str,
) -> anyhow::Result<(Process, PathBuf, PathBuf)> {
    let file = |end: &str| ground.folder.join(format!("{name}.{end}"));
    let (ledger, settings) = (file("ledger"), file("opcos.toml"));
    let args = [
        "opcos",
        ledger.to_str().context("a folder's name")?,
        settings.to_str().context("a folder's name")?,
    ];
    let program = std::env::current_exe()?;
    let opcos = Process::start(&program, &args, &file("opcos.log")).await?;
    Ok((opcos, ledger, settings))
}

/// Asks the OPCOs how many contracts they took.
pub(crate) async fn accepted_by(opcos: &Process) -> anyhow::Result<u64> {
    let (_, body) = load::fetch(opcos.address, "/control/summary").await?;
    let body: serde_json::Value = serde_json::from_str(&body)?;
    let opcos = body["opcos"].as_array().context("no summary")?;
    Ok(opcos
        .iter()
        .filter_map(|opco| opco["accepted"].as_u64())
        .sum())
}

/// Returns how many deliveries have ended well.
pub(crate) async fn delivered(database: &Database) -> anyhow::Result<u64> {
    database
        .count("select count(*) from delivery where status = 'delivered'")
        .await
}

async fn standing(database: &Database) -> anyhow::Result<String> {
    let waiting = database
        .count("select count(*) from delivery where status in ('waiting', 'queued', 'sending')")
        .await?;
    let stuck = database
        .count("select count(*) from delivery where status in ('held', 'dead', 'rejected')")
        .await?;
    let unknown = database
        .count("select count(*) from delivery where status = 'unknown'")
        .await?;
    Ok(format!(
        "{waiting} waiting, {stuck} held or refused, {unknown} unknown"
    ))
}

/// Returns how many contracts the ledger has, and how many different apprentices.
fn read_ledger(ledger: &Path) -> anyhow::Result<(u64, u64)> {
    let text = std::fs::read_to_string(ledger)?;
    let mut seen = HashSet::new();
    let mut lines = 0;
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line)?;
        seen.insert(entry["pairing"].to_string());
        lines += 1;
    }
    Ok((lines, seen.len() as u64))
}
