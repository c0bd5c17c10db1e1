//! The first reading of everything: states and schedules of dossiers that were never read, at a stated
//! limit, until the last schedule is kept.
//!
//! Options: `--dossiers 5000 --per-minute 120 --engine sqlite`.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::database::{Database, Engine};
use crate::figures::machine_load;
use crate::load::{self, Until};
use crate::process::{self, Process};
use crate::{Ground, e2e, option, setup};

/// How long after its delivery a contract's state is first read: the deliveries are over by then.
const FIRST_READ_S: u64 = 90;
/// The longest the deliveries may take.
const DELIVERED_WITHIN: Duration = Duration::from_secs(FIRST_READ_S - 20);
/// The longest the readings may take.
const READ_WITHIN: Duration = Duration::from_mins(30);

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let dossiers: u64 = option(rest, "--dossiers", 5_000)?;
    let per_minute: u64 = option(rest, "--per-minute", 120)?;
    let engine = match option(rest, "--engine", "sqlite".to_owned())?.as_str() {
        "sqlite" => Engine::Sqlite,
        _ => Engine::Postgres,
    };
    println!(
        "sync: {dossiers} contracts of four sites delivered without limits and not read; then the gateway is\n\
         started again at {per_minute} calls a minute for each OPCO, its other settings as shipped, and reads\n\
         states and schedules until the last is kept"
    );
    let (opcos, _, settings) = e2e::opcos(ground, "sync").await?;
    let free = std::fs::read_to_string(&settings)?;
    let poll = format!("[delivery.poll]\nfirst_s = {FIRST_READ_S}\n");
    let database = Database::new(ground, engine, "sync").await?;
    let gateway = setup::gateway(
        ground,
        database,
        "sync",
        "api,worker",
        &format!("{poll}{free}"),
    )
    .await?;
    let began = Instant::now();
    load::closed(&gateway.target, 32, Until::Sent(dossiers)).await?;
    while e2e::delivered(&gateway.database).await? < dossiers {
        anyhow::ensure!(began.elapsed() < DELIVERED_WITHIN, "not delivered in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gateway.process.stop().await?;
    let limited = free.replace(
        "calls_per_minute = 600000\nburst = 10000",
        &format!("calls_per_minute = {per_minute}\nburst = 4"),
    );
    let text = format!("{poll}{limited}");
    let settings = setup::settings(ground, &gateway.database, "sync_limited", &text)?;
    let before = calls(&opcos).await?;
    let process = setup::start(ground, &settings, "sync_limited", "api,worker").await?;
    process.ready().await?;
    while calls(&opcos).await? == before {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let cpu = process::seconds(process.pid);
    let began = Instant::now();
    loop {
        let read = gateway.database.count(READ).await?;
        if read >= dossiers {
            break;
        }
        anyhow::ensure!(began.elapsed() < READ_WITHIN, "{read} of {dossiers} read");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let took = began.elapsed();
    let asked = calls(&opcos).await? - before;
    let at = gateway.database.count(OPCOS).await?;
    println!(
        "\n{} (load {})\n  {dossiers} dossiers at {at} OPCOs read in {:.1} s with {asked} calls: {:.1} dossiers a call\n  \
         gateway: {:.0} us of CPU a dossier, {} MiB at its highest",
        engine.name(),
        machine_load(),
        took.as_secs_f64(),
        dossiers as f64 / asked as f64,
        (process::seconds(process.pid) - cpu) * 1e6 / dossiers as f64,
        process::memory(process.pid).1,
    );
    process.stop().await?;
    opcos.stop().await
}

const READ: &str = "select count(*) from schedule where read_at is not null";
const OPCOS: &str = "select count(*) from (select distinct opco from dossier) as seen";

/// Asks the OPCOs how many calls they had, those of this bench apart.
async fn calls(opcos: &Process) -> anyhow::Result<u64> {
    let (_, body) = load::fetch(opcos.address, "/control/summary").await?;
    let body: serde_json::Value = serde_json::from_str(&body)?;
    let opcos = body["opcos"].as_array().context("no summary")?;
    Ok(opcos
        .iter()
        .filter_map(|opco| opco["received"].as_u64())
        .sum())
}
