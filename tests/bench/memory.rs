//! Memory of the gateway: at rest, under full load, and with many contracts waiting for OPCOs that
//! are down.
//!
//! Options: `--queued 200000 --contracts 20000 --engines both|sqlite|postgres`.

use std::time::{Duration, Instant};

use crate::database::{Database, Engine};
use crate::figures::{machine_load, number};
use crate::load::{self, Until};
use crate::{Ground, e2e, opcos, option, process, setup};

const CONNECTIONS: usize = 32;

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let queued: u64 = option(rest, "--queued", 200_000)?;
    let contracts: u64 = option(rest, "--contracts", 20_000)?;
    let engines = option(rest, "--engines", "both".to_owned())?;
    println!(
        "memory: resident MiB of the gateway, roles api and worker: two seconds after it is ready; at its\n\
         highest while {contracts} contracts are accepted and delivered on {CONNECTIONS} connections; and, on a\n\
         gateway of its own whose OPCOs are all down, with {queued} contracts waiting"
    );
    for engine in Engine::BOTH {
        if engines != "both" && !engine.name().to_lowercase().starts_with(&engines) {
            continue;
        }
        let word = engine
            .name()
            .split(' ')
            .next()
            .unwrap_or("x")
            .to_lowercase();
        let (idle, busy) = delivering(ground, engine, &format!("memory_{word}"), contracts).await?;
        let (waiting, highest) =
            waiting(ground, engine, &format!("memory_{word}_down"), queued).await?;
        println!(
            "\n{} (load {})\n  at rest {}; under load at its highest {}; {queued} waiting {} (highest {})",
            engine.name(),
            machine_load(),
            number(idle),
            number(busy),
            number(waiting),
            number(highest)
        );
    }
    Ok(())
}

async fn delivering(
    ground: &Ground,
    engine: Engine,
    name: &str,
    contracts: u64,
) -> anyhow::Result<(f64, f64)> {
    let (opcos, _, settings) = e2e::opcos(ground, name).await?;
    let database = Database::new(ground, engine, name).await?;
    let extra = std::fs::read_to_string(&settings)?;
    let gateway = setup::gateway(ground, database, name, "api,worker", &extra).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = process::memory(gateway.process.pid).0;
    let sent = load::closed(&gateway.target, CONNECTIONS, Until::Sent(contracts)).await?;
    let until = Instant::now() + Duration::from_mins(5);
    while e2e::delivered(&gateway.database).await? < sent.accepted {
        anyhow::ensure!(Instant::now() < until, "the deliveries did not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let busy = process::memory(gateway.process.pid).1;
    gateway.process.stop().await?;
    opcos.stop().await?;
    Ok((idle, busy))
}

async fn waiting(
    ground: &Ground,
    engine: Engine,
    name: &str,
    queued: u64,
) -> anyhow::Result<(f64, f64)> {
    let database = Database::new(ground, engine, name).await?;
    let down = opcos::nowhere();
    let gateway = setup::gateway(ground, database, name, "api,worker", &down).await?;
    let sent = load::closed(&gateway.target, CONNECTIONS, Until::Sent(queued)).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let held = gateway
        .database
        .count(
            "select count(*) from delivery
             where status in ('queued', 'waiting', 'sending', 'unknown')",
        )
        .await?;
    anyhow::ensure!(
        held == sent.accepted,
        "{} acknowledged, {held} waiting",
        sent.accepted
    );
    let memory = process::memory(gateway.process.pid);
    gateway.process.stop().await?;
    Ok(memory)
}
