//! Telling ERPs: how long from an event's commit to its receipt, and how many events a second.
//!
//! Options: `--endpoints 1,10 --samples 300 --events 5000 --engine postgres`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use domain::clock::{Clock as _, SystemClock};
use domain::id::TenantId;
use serde_json::{Value, json};
use store::{NewEvent, Store, events};

use crate::database::{Database, Engine};
use crate::figures::{machine_load, number, percentile};
use crate::{Ground, opcos, option, process, setup};

/// Where the receivers listen may be called.
const OPEN: &str = "[webhook]\nallow_http = true\nallowed_networks = ['127.0.0.0/8']\n";
/// The event that is told.
const KIND: &str = "delivery.delivered";
/// Events of one commit while throughput is measured.
const COMMIT: u64 = 100;
/// Between two events while latency is measured: no divisor of the second between two rounds.
const BETWEEN: Duration = Duration::from_millis(47);
/// The longest anything may take.
const WITHIN: Duration = Duration::from_mins(10);

/// What came, by endpoint: the number of each event, and when.
type Came = Mutex<Vec<Vec<(u64, Instant)>>>;

pub(crate) async fn run(ground: &Ground, rest: &[String]) -> anyhow::Result<()> {
    let counts = option(rest, "--endpoints", "1,10".to_owned())?;
    let samples: u64 = option(rest, "--samples", 300)?;
    let told: u64 = option(rest, "--events", 5_000)?;
    let engine = match option(rest, "--engine", "postgres".to_owned())?.as_str() {
        "sqlite" => Engine::Sqlite,
        _ => Engine::Postgres,
    };
    println!(
        "webhooks: receivers on 127.0.0.1 that answer 204 at once. Latency: {samples} events, one commit each,\n\
         every {} ms; from the return of the commit to the receipt, at every endpoint. Throughput: {told}\n\
         events in commits of {COMMIT}, from the first commit until every endpoint has the last",
        BETWEEN.as_millis()
    );
    for count in counts.split(',') {
        let endpoints: usize = count.trim().parse().context("--endpoints needs numbers")?;
        one(ground, engine, endpoints, samples, told).await?;
    }
    Ok(())
}

async fn one(
    ground: &Ground,
    engine: Engine,
    endpoints: usize,
    samples: u64,
    told: u64,
) -> anyhow::Result<()> {
    let name = format!("webhooks_{endpoints}");
    let database = Database::new(ground, engine, &name).await?;
    // Nobody is delivered to: no OPCO may be called.
    let down = opcos::nowhere();
    let settings = format!("{OPEN}{down}");
    let gateway = setup::gateway(ground, database, &name, "api,worker", &settings).await?;
    let (came, url, receiver) = receive(endpoints)?;
    for endpoint in 0..endpoints {
        let wanted = json!({ "url": format!("{url}/{endpoint}"), "kinds": [KIND] });
        setup::post(&gateway.target, "/api/v1/webhooks", &wanted).await?;
    }
    let store = setup::open(&gateway.database).await?;
    let tenant = store::tenants::networks(&mut store.reading().await?).await?;
    let tenant = tenant.first().context("no network")?.id;

    let mut committed = Vec::new();
    for n in 0..samples {
        commit(&store, tenant, n..n + 1).await?;
        committed.push(Instant::now());
        tokio::time::sleep(BETWEEN).await;
    }
    until_all(&came, samples).await?;
    let mut latencies = Vec::new();
    for (n, at) in lock(&came).iter().flatten() {
        let from = usize::try_from(*n).ok().and_then(|n| committed.get(n));
        latencies.push(at.saturating_duration_since(*from.context("an event of nobody's")?));
    }
    latencies.sort_unstable();

    let cpu = process::seconds(gateway.process.pid);
    let began = Instant::now();
    for first in (samples..samples + told).step_by(COMMIT as usize) {
        commit(&store, tenant, first..(first + COMMIT).min(samples + told)).await?;
    }
    let written = began.elapsed();
    until_all(&came, samples + told).await?;
    let took = began.elapsed();
    let cpu = process::seconds(gateway.process.pid) - cpu;
    let all = told * endpoints as u64;
    println!(
        "\n{}, {endpoints} endpoint(s) (load {})\n  latency p50 {} ms, p99 {} ms, most {} ms\n  \
         {} events a second ({} to each endpoint; all committed after {:.1} of {:.1} s); {:.0} us of CPU each\n  \
         check: {} received, each once and in order",
        engine.name(),
        machine_load(),
        number(percentile(&latencies, 0.5)),
        number(percentile(&latencies, 0.99)),
        number(percentile(&latencies, 1.0)),
        number(all as f64 / took.as_secs_f64()),
        number(told as f64 / took.as_secs_f64()),
        written.as_secs_f64(),
        took.as_secs_f64(),
        cpu * 1e6 / all as f64,
        checked(&came, samples + told)?,
    );
    store.close().await;
    gateway.process.stop().await?;
    receiver.stop(false).await;
    Ok(())
}

/// Writes events of the log, as if deliveries had ended, in one commit.
async fn commit(
    store: &Store,
    tenant: TenantId,
    which: std::ops::Range<u64>,
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let told: Vec<NewEvent> = which
        .map(|n| NewEvent::new(now, KIND).with(json!({ "n": n })))
        .collect();
    let mut tx = store.writing().await?;
    events::append(&mut tx, tenant, &told);
    tx.commit().await?;
    Ok(())
}

/// Starts the receivers: one thread, one path for each endpoint.
fn receive(endpoints: usize) -> anyhow::Result<(web::Data<Came>, String, ServerHandle)> {
    let came: web::Data<Came> = web::Data::from(Arc::new(Mutex::new(vec![Vec::new(); endpoints])));
    let shared = came.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .route("/{endpoint}", web::post().to(take))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0")?;
    let address = *server.addrs().first().context("no address")?;
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok((came, format!("http://{address}"), handle))
}

async fn take(came: web::Data<Came>, endpoint: web::Path<usize>, body: web::Bytes) -> HttpResponse {
    let at = Instant::now();
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let (Some(n), Some(list)) = (
        told["data"]["details"]["n"].as_u64(),
        lock(&came).get_mut(*endpoint),
    ) {
        list.push((n, at));
    }
    HttpResponse::NoContent().finish()
}

async fn until_all(came: &Came, count: u64) -> anyhow::Result<()> {
    let until = Instant::now() + WITHIN;
    let all = |list: &Vec<(u64, Instant)>| list.len() as u64 >= count;
    while !lock(came).iter().all(all) {
        anyhow::ensure!(Instant::now() < until, "not told in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Counts what came, which must be every event once, in order, everywhere.
fn checked(came: &Came, count: u64) -> anyhow::Result<usize> {
    let came = lock(came);
    for list in came.iter() {
        let right = list.iter().map(|(n, _)| *n).eq(0..count);
        anyhow::ensure!(right, "events are missing, doubled or out of order");
    }
    Ok(came.iter().map(Vec::len).sum())
}

fn lock(came: &Came) -> std::sync::MutexGuard<'_, Vec<Vec<(u64, Instant)>>> {
    came.lock().unwrap_or_else(PoisonError::into_inner)
}
