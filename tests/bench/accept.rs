//! Durable accepts per second over HTTP, the whole path, beside a plain client of the same store.
//!
//! Options: `--rounds 5 --seconds 4 --engines both|sqlite|postgres`.

use std::rc::Rc;
use std::time::Duration;

use crate::database::{Database, Engine};
use crate::figures::{Rounds, machine_load, number, percentile};
use crate::load::{self, Until};
use crate::process;
use crate::setup::{self, Gateway};
use crate::{Ground, option, plain};

const CONNECTIONS: [usize; 4] = [1, 8, 32, 128];
const WARM: Duration = Duration::from_millis(700);

/// What the rounds showed at one number of connections.
#[derive(Default)]
struct Row {
    rate: Rounds,
    p50: Rounds,
    p99: Rounds,
    gateway: Rounds,
    server: Rounds,
    client: Rounds,
}

/// One engine, its gateway, and its figures.
struct Side {
    gateway: Gateway,
    plain: Database,
    rows: [Row; 4],
    one: Rounds,
    baseline: Rounds,
    check: u64,
}

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let rounds: usize = option(rest, "--rounds", 5)?;
    let span = Duration::from_secs_f64(option(rest, "--seconds", 4.0)?);
    let engines = option(rest, "--engines", "both".to_owned())?;
    println!(
        "accept: POST /api/v1/dossiers with key and Idempotency-Key to 202, role api, closed loop of\n\
         {} ms after {} ms of warm-up, {rounds} interleaved rounds; median (least to most)",
        span.as_millis(),
        WARM.as_millis()
    );
    let mut sides = Vec::new();
    for engine in Engine::BOTH {
        if engines == "both" || engine.name().to_lowercase().starts_with(&engines) {
            sides.push(side(ground, engine).await?);
        }
    }
    for _ in 0..rounds {
        for side in &mut sides {
            baseline(ground, side, span).await?;
            for (at, connections) in CONNECTIONS.into_iter().enumerate() {
                measure(ground, side, at, connections, span).await?;
            }
        }
    }
    for side in &sides {
        tell(side);
    }
    Ok(())
}

async fn side(ground: &Ground, engine: Engine) -> anyhow::Result<Side> {
    let name = match engine {
        Engine::Sqlite => "accept_sqlite",
        Engine::Postgres => "accept_postgres",
    };
    let database = Database::new(ground, engine, name).await?;
    let plain = Database::new(ground, engine, &format!("{name}_plain")).await?;
    let gateway = setup::gateway(ground, database, name, "api", "").await?;
    Ok(Side {
        gateway,
        plain,
        rows: Default::default(),
        one: Rounds::default(),
        baseline: Rounds::default(),
        check: 0,
    })
}

async fn baseline(ground: &Ground, side: &mut Side, span: Duration) -> anyhow::Result<()> {
    let contracts = Rc::new(crate::contracts::Contracts::new(setup::today())?);
    match side.plain.engine {
        Engine::Sqlite => {
            let file = ground.folder.join("plain.db");
            let outcome = plain::sqlite_rows(&file, &contracts, span).await?;
            side.baseline.keep(outcome.rate());
            side.one.keep(percentile(&outcome.latencies, 0.5));
        }
        Engine::Postgres => {
            let one = plain::postgres(&side.plain, &contracts, 1, span / 2).await?;
            side.one.keep(percentile(&one.latencies, 0.5));
            let many = plain::pgbench(&side.plain, &ground.folder, &contracts, 32, span).await?;
            let rate = match many {
                Some(rate) => rate,
                None => plain::postgres(&side.plain, &contracts, 32, span)
                    .await?
                    .rate(),
            };
            side.baseline.keep(rate);
        }
    }
    Ok(())
}

async fn measure(
    ground: &Ground,
    side: &mut Side,
    at: usize,
    connections: usize,
    span: Duration,
) -> anyhow::Result<()> {
    let gateway = &side.gateway;
    let used = || {
        [
            process::seconds(gateway.process.pid),
            process::server_seconds(&ground.postgres_data),
            process::seconds(std::process::id()),
        ]
    };
    let before = used();
    let outcome = load::closed(&gateway.target, connections, Until::Time(WARM, span)).await?;
    let after = used();
    let each = |part: usize| (after[part] - before[part]) * 1e6 / outcome.accepted as f64;
    side.check += outcome.accepted;
    let stored = gateway
        .database
        .count("select count(*) from delivery where status = 'queued'")
        .await?;
    anyhow::ensure!(
        stored == side.check,
        "{} acknowledged, {stored} stored",
        side.check
    );
    let row = &mut side.rows[at];
    row.rate.keep(outcome.rate());
    row.p50.keep(percentile(&outcome.latencies, 0.5));
    row.p99.keep(percentile(&outcome.latencies, 0.99));
    row.gateway.keep(each(0));
    row.server.keep(each(1));
    row.client.keep(each(2));
    Ok(())
}

fn tell(side: &Side) {
    let engine = side.gateway.database.engine;
    println!("\n{} (load {})", engine.name(), machine_load());
    let what = match engine {
        Engine::Sqlite => "one row, one commit, one after the other",
        Engine::Postgres => "payload, job and audit line in one statement, 32 clients",
    };
    println!(
        "  baseline: {what}: {} a second; one commit alone p50 {} ms",
        side.baseline.text(),
        number(side.one.median())
    );
    for (connections, row) in CONNECTIONS.iter().zip(&side.rows) {
        println!(
            "  {connections:>3} connections: {:>24} a second, {:.2} x baseline; p50 {} p99 {} ms; \
             us of CPU each: gateway {} server {} load {}",
            row.rate.text(),
            row.rate.median() / side.baseline.median(),
            number(row.p50.median()),
            number(row.p99.median()),
            number(row.gateway.median()),
            match engine {
                Engine::Sqlite => "-".to_owned(),
                Engine::Postgres => number(row.server.median()),
            },
            number(row.client.median()),
        );
    }
    println!(
        "  check: {} acknowledged, {} stored and queued",
        side.check, side.check
    );
}
