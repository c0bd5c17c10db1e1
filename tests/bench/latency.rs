//! Accept latency at half of the maximum, at a constant rate.
//!
//! Options: `--rounds 5 --seconds 5 --connections 32`.

use std::rc::Rc;
use std::time::Duration;

use crate::database::{Database, Engine};
use crate::figures::{Rounds, machine_load, number, percentile};
use crate::load::{self, Until};
use crate::{Ground, option, plain, setup};

const WARM: Duration = Duration::from_millis(700);

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let rounds: usize = option(rest, "--rounds", 5)?;
    let span = Duration::from_secs_f64(option(rest, "--seconds", 5.0)?);
    let connections: usize = option(rest, "--connections", 32)?;
    println!(
        "latency: the maximum with {connections} connections is taken first, then half of it is sent\n\
         at a constant rate for {} ms; each latency counts from the instant the contract was due, so\n\
         a stall is felt by all that waits behind it; {rounds} rounds; median (least to most)",
        span.as_millis()
    );
    for engine in Engine::BOTH {
        let name = match engine {
            Engine::Sqlite => "latency_sqlite",
            Engine::Postgres => "latency_postgres",
        };
        let database = Database::new(ground, engine, name).await?;
        let beside = Database::new(ground, engine, &format!("{name}_plain")).await?;
        let gateway = setup::gateway(ground, database, name, "api", "").await?;
        let contracts = Rc::new(crate::contracts::Contracts::new(setup::today())?);
        let (mut one, mut most) = (Rounds::default(), Rounds::default());
        let (mut p50, mut p99, mut ratio) =
            (Rounds::default(), Rounds::default(), Rounds::default());
        let mut sent = 0;
        for _ in 0..rounds {
            let commit = match engine {
                Engine::Sqlite => {
                    let file = ground.folder.join("latency_plain.db");
                    plain::sqlite_rows(&file, &contracts, span / 3).await?
                }
                Engine::Postgres => plain::postgres(&beside, &contracts, 1, span / 3).await?,
            };
            let commit = percentile(&commit.latencies, 0.5);
            let fast =
                load::closed(&gateway.target, connections, Until::Time(WARM, span / 2)).await?;
            let steady =
                load::open(&gateway.target, connections, fast.rate() / 2.0, WARM, span).await?;
            sent += fast.accepted + steady.accepted;
            one.keep(commit);
            most.keep(fast.rate());
            p50.keep(percentile(&steady.latencies, 0.5));
            p99.keep(percentile(&steady.latencies, 0.99));
            ratio.keep(percentile(&steady.latencies, 0.99) / commit);
        }
        let stored = gateway
            .database
            .count("select count(*) from delivery where status = 'queued'")
            .await?;
        anyhow::ensure!(stored == sent, "{sent} acknowledged, {stored} stored");
        println!(
            "\n{} (load {})\n  maximum {} a second; at half of it p50 {} ms, p99 {} ms\n  \
             one commit alone p50 {} ms: p99 is {} times that\n  check: {sent} acknowledged, {stored} stored",
            engine.name(),
            machine_load(),
            most.text(),
            p50.text(),
            p99.text(),
            number(one.median()),
            ratio.text()
        );
    }
    Ok(())
}
