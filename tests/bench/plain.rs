//! What is measured beside the gateway: the least a client of the same store does for one payload.
//!
//! Three rows (payload, job, audit line) in one statement and one commit, `clients` at once. On
//! PostgreSQL `pgbench` sends it where it is installed, else the client of this file.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::task::LocalSet;

use crate::contracts::Contracts;
use crate::database::{Database, sqlite};
use crate::load::Outcome;

const TABLES: [&str; 4] = [
    "create table if not exists plain_payload (id text primary key, tenant bigint, body jsonb)",
    "create table if not exists plain_job (id text primary key, system bigint, due bigint)",
    "create index if not exists plain_job_due on plain_job (system, due)",
    "create table if not exists plain_audit (id text primary key, tenant bigint, event text)",
];

const ACCEPT: &str = "with p as (insert into plain_payload (id, tenant, body)
        values (gen_random_uuid()::text, 7, $1::jsonb) returning id),
    j as (insert into plain_job (id, system, due) select id, 3, 0 from p)
    insert into plain_audit (id, tenant, event) select id, 7, 'accepted' from p";

/// Runs `pgbench` with this many clients; nothing where it is not installed.
pub(crate) async fn pgbench(
    database: &Database,
    folder: &Path,
    contracts: &Contracts,
    clients: usize,
    span: Duration,
) -> anyhow::Result<Option<f64>> {
    prepare(database).await?;
    let script = folder.join("accept.sql");
    std::fs::write(&script, format!("{};\n", ACCEPT.replace("$1", ":body")))?;
    let mut body = Vec::new();
    contracts.write(1, &mut body);
    let ran = tokio::process::Command::new("pgbench")
        .args([
            "-n",
            "-M",
            "prepared",
            "-c",
            &clients.to_string(),
            "-j",
            "1",
        ])
        .args(["-T", &span.as_secs().max(1).to_string()])
        .arg("-D")
        .arg(format!("body={}", String::from_utf8(body)?))
        .arg("-f")
        .arg(&script)
        .arg(&database.url)
        .output()
        .await;
    let Ok(ran) = ran else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&ran.stdout);
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.map(Some)
        .with_context(|| format!("pgbench: {text}{}", String::from_utf8_lossy(&ran.stderr)))
}

/// The same with a client of our own, which also tells how long each commit took.
pub(crate) async fn postgres(
    database: &Database,
    contracts: &Rc<Contracts>,
    clients: usize,
    span: Duration,
) -> anyhow::Result<Outcome> {
    prepare(database).await?;
    let began = Instant::now();
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let local = LocalSet::new();
    let mut running = Vec::new();
    for client in 0..clients {
        let options = PgConnectOptions::from_str(&database.url)?;
        let (outcome, contracts) = (Rc::clone(&outcome), Rc::clone(contracts));
        running.push(local.spawn_local(async move {
            let mut conn = options.connect().await?;
            let mut n = client as u64;
            while began.elapsed() < span {
                n += 1;
                let body = text(&contracts, n)?;
                let sent = Instant::now();
                sqlx::query(ACCEPT).bind(body).execute(&mut conn).await?;
                keep(&outcome, sent);
            }
            conn.close().await?;
            anyhow::Ok(())
        }));
    }
    local
        .run_until(async {
            for client in running {
                client.await??;
            }
            anyhow::Ok(())
        })
        .await?;
    Ok(finished(&outcome, began))
}

/// The same on SQLite, which has one writer: one row, one commit, one after the other.
pub(crate) async fn sqlite_rows(
    file: &Path,
    contracts: &Contracts,
    span: Duration,
) -> anyhow::Result<Outcome> {
    let mut conn = sqlite(file).connect().await?;
    sqlx::query("create table if not exists plain (id integer primary key, body blob)")
        .execute(&mut conn)
        .await?;
    let began = Instant::now();
    let outcome = RefCell::new(Outcome::default());
    let mut n = 0;
    while began.elapsed() < span {
        n += 1;
        let mut body = Vec::with_capacity(5_000);
        contracts.write(n, &mut body);
        let sent = Instant::now();
        sqlx::query("insert into plain (body) values ($1)")
            .bind(body)
            .execute(&mut conn)
            .await?;
        keep(&outcome, sent);
    }
    conn.close().await?;
    Ok(finished(&outcome, began))
}

async fn prepare(database: &Database) -> anyhow::Result<()> {
    let mut conn = PgConnectOptions::from_str(&database.url)?.connect().await?;
    for table in TABLES {
        sqlx::query(table).execute(&mut conn).await?;
    }
    conn.close().await?;
    Ok(())
}

fn text(contracts: &Contracts, n: u64) -> anyhow::Result<String> {
    let mut body = Vec::with_capacity(5_000);
    contracts.write(n, &mut body);
    Ok(String::from_utf8(body)?)
}

fn keep(outcome: &RefCell<Outcome>, sent: Instant) {
    let mut outcome = outcome.borrow_mut();
    outcome.measured += 1;
    outcome.latencies.push(sent.elapsed());
}

fn finished(outcome: &RefCell<Outcome>, began: Instant) -> Outcome {
    let mut outcome = outcome.borrow().clone();
    outcome.took = began.elapsed();
    outcome.latencies.sort_unstable();
    outcome
}
