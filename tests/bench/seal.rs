//! What proof costs: leaves sealed per second, accepts with the sealer at work and without, evidence
//! made and verified, an audit of everything.
//!
//! Options: `--events 1000000 --rounds 5 --seconds 4 --connections 32 --engines both|sqlite|postgres`.

use std::rc::Rc;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use domain::clock::{Clock as _, SystemClock};
use domain::id::{DeliveryId, TenantId};
use domain::proof::Evidence;
use sqlx::{ConnectOptions as _, Connection as _};
use store::proofs::{Grown, MAX_STEP, Shown};
use store::tenants::Network;
use store::{MasterKey, NewEvent, Sealer, Store, StoreConfig, events};

use crate::database::{Database, Engine};
use crate::figures::{Rounds, machine_load, number, percentile};
use crate::load::{self, Target, Until};
use crate::process::Process;
use crate::setup;
use crate::{Ground, option};

const WARM: Duration = Duration::from_millis(700);
/// Events written in one transaction while the log is filled.
const FILL: u64 = 5_000;
/// How many evidence files are made and verified.
const FILES: usize = 200;

/// A gateway under load, sealing each second or never.
struct Arm {
    process: Process,
    database: Database,
    target: Rc<Target>,
    rate: Rounds,
    p99: Rounds,
}

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let count: u64 = option(rest, "--events", 1_000_000)?;
    let rounds: usize = option(rest, "--rounds", 5)?;
    let span = Duration::from_secs_f64(option(rest, "--seconds", 4.0)?);
    let connections: usize = option(rest, "--connections", 32)?;
    let engines = option(rest, "--engines", "both".to_owned())?;
    println!(
        "seal: a log of {count} events; then POST /api/v1/dossiers on {connections} connections, roles \
         api,worker,\n{rounds} interleaved rounds of {} ms, sealing every second or every hour; median \
         (least to most)",
        span.as_millis()
    );
    for engine in Engine::BOTH {
        if engines != "both" && !engine.name().to_lowercase().starts_with(&engines) {
            continue;
        }
        println!("\n{} (load {})", engine.name(), machine_load());
        log(ground, engine, count).await?;
        accepts(ground, engine, (rounds, span, connections)).await?;
    }
    Ok(())
}

/// Fills a log, seals it, shows deliveries of it, and audits it.
async fn log(ground: &Ground, engine: Engine, count: u64) -> anyhow::Result<()> {
    let database = Database::new(ground, engine, &name(engine, "log")).await?;
    let config = StoreConfig {
        url: database.url.clone(),
        max_connections: 4,
    };
    let store = Store::open(&config, Sealer::new(MasterKey::from_bytes([7; 32]))).await?;
    let now = SystemClock.now();
    let tenant = TenantId::new(now);
    let network = Network {
        id: tenant,
        name: "Réseau d'essai".to_owned(),
        settings: serde_json::json!({}),
        created_at: now,
    };
    store.create_network(&network).await?;
    let shown = fill(&store, tenant, count).await?;
    let began = Instant::now();
    let mut sealed = 0;
    while let Grown::By(by) = store.grow_log(tenant, SystemClock.now(), MAX_STEP).await? {
        sealed += by;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "  sealed: {sealed} leaves in {} s, {} a second, one core",
        number(took),
        number(sealed as f64 / took)
    );
    let (mut made, mut verified, mut bytes) = (Vec::new(), Vec::new(), 0);
    let keys = store.published_keys(tenant, now).await?;
    let trusted: Vec<_> = keys.into_iter().map(|key| key.verifier).collect();
    for delivery in shown {
        let began = Instant::now();
        let file = store.evidence(tenant, delivery, true, now).await?;
        made.push(began.elapsed());
        let Shown::File(file) = file else {
            anyhow::bail!("no evidence of {delivery}: {file:?}");
        };
        let began = Instant::now();
        Evidence::verify(file.as_bytes(), &trusted)?;
        verified.push(began.elapsed());
        bytes = file.len();
    }
    made.sort();
    verified.sort();
    println!(
        "  evidence of a delivery of 5 events ({bytes} bytes): made in p50 {} p99 {} ms, verified in p50 {} p99 {} ms",
        number(percentile(&made, 0.5)),
        number(percentile(&made, 0.99)),
        number(percentile(&verified, 0.5)),
        number(percentile(&verified, 0.99)),
    );
    let began = Instant::now();
    let audited = store.audit_log(tenant, &[]).await?;
    anyhow::ensure!(audited.findings.is_empty() && audited.events == sealed);
    let took = began.elapsed().as_secs_f64();
    println!(
        "  audit of the whole log: {} s, {} events a second",
        number(took),
        number(sealed as f64 / took)
    );
    store.close().await;
    Ok(())
}

/// Writes a log of deliveries of five events each; returns some of them, from all over it.
async fn fill(store: &Store, tenant: TenantId, count: u64) -> anyhow::Result<Vec<DeliveryId>> {
    let mut all = Vec::new();
    let mut written = 0;
    while written < count {
        let now = SystemClock.now();
        let part = FILL.min(count - written);
        let mut told = Vec::with_capacity(part as usize);
        let mut delivery = DeliveryId::new(now);
        for n in 0..part {
            if n % 5 == 0 {
                delivery = DeliveryId::new(now);
                all.push(delivery);
            }
            let mut event = NewEvent::new(now, "delivery.waiting")
                .delivery(delivery)
                .with(serde_json::json!({"attempt": n % 5, "outcome": "failed", "http_status": 503,
                    "opco": "akto", "version": "v2", "until": now.to_string(), "fault": "unavailable",
                    "said": "l'OPCO ne répond pas"}));
            event.content_hash = Some([7; 32]);
            told.push(event);
        }
        let mut tx = store.writing().await?;
        events::append(&mut tx, tenant, &told);
        tx.commit().await?;
        written += part;
    }
    let step = (all.len() / FILES).max(1);
    Ok(all.into_iter().step_by(step).take(FILES).collect())
}

/// Loads two gateways in turn: one that seals each second, one that does not.
async fn accepts(
    ground: &Ground,
    engine: Engine,
    (rounds, span, connections): (usize, Duration, usize),
) -> anyhow::Result<()> {
    let mut arms = [
        arm(ground, engine, "sealing", 1).await?,
        arm(ground, engine, "idle", 3_600).await?,
    ];
    for _ in 0..rounds {
        for arm in &mut arms {
            let until = Until::Time(WARM, span);
            let outcome = load::closed(&arm.target, connections, until).await?;
            arm.rate.keep(outcome.rate());
            arm.p99.keep(percentile(&outcome.latencies, 0.99));
        }
    }
    for (arm, what) in arms.iter().zip(["sealing every second", "not sealing"]) {
        let sealed = arm
            .database
            .count("select coalesce(max(size), 0) from proof_head")
            .await?;
        let events = arm
            .database
            .count("select position from event_head")
            .await?;
        println!(
            "  {what}: {} accepts a second, p99 {} ms; {sealed} of {events} events sealed",
            arm.rate.text(),
            number(arm.p99.median())
        );
    }
    println!(
        "  with / without: {}",
        number(arms[0].rate.median() / arms[1].rate.median())
    );
    for arm in arms {
        arm.process.stop().await?;
    }
    Ok(())
}

async fn arm(ground: &Ground, engine: Engine, what: &str, every_s: u32) -> anyhow::Result<Arm> {
    let name = name(engine, what);
    let database = Database::new(ground, engine, &name).await?;
    let extra = format!("[proof]\nevery_s = {every_s}\n");
    let first = setup::gateway(ground, database.clone(), &name, "api", &extra).await?;
    let key = first.target.key.clone();
    first.process.stop().await?;
    // Without keys everything is held: the worker is there, and calls nobody.
    forget_keys(&database).await?;
    let settings = setup::settings(ground, &database, &name, &extra)?;
    let process = setup::start(ground, &settings, &name, "api,worker").await?;
    process.ready().await?;
    let target = Rc::new(Target {
        address: process.address,
        key,
        contracts: crate::contracts::Contracts::new(setup::today())?,
        next: std::cell::Cell::new(1),
    });
    Ok(Arm {
        process,
        database,
        target,
        rate: Rounds::default(),
        p99: Rounds::default(),
    })
}

async fn forget_keys(database: &Database) -> anyhow::Result<()> {
    const SQL: &str = "delete from cfa_key";
    match database.engine {
        Engine::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::from_str(&database.url)?;
            let mut conn = options.connect().await?;
            sqlx::query(SQL).execute(&mut conn).await?;
            conn.close().await?;
        }
        Engine::Postgres => {
            let options = sqlx::postgres::PgConnectOptions::from_str(&database.url)?;
            let mut conn = options.connect().await?;
            sqlx::query(SQL).execute(&mut conn).await?;
            conn.close().await?;
        }
    }
    Ok(())
}

fn name(engine: Engine, what: &str) -> String {
    match engine {
        Engine::Sqlite => format!("seal_{what}_sqlite"),
        Engine::Postgres => format!("seal_{what}_postgres"),
    }
}
