//! Two replicas on one PostgreSQL and one Redis, killed in turn under load, and Redis with them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::Opco;
use domain::clock::{Clock as _, SystemClock};
use futures_util::stream::{self, StreamExt as _};
use harness::database::{Database, Engine};
use harness::erp::{self, Erp};
use harness::network::network;
use harness::opcos::{Allowed, over_limit};
use harness::payload::{Contract, contract};
use harness::process::{OpcosProcess, Process};
use harness::redis::Redis;
use harness::wait;
use simulator::RequestEntry;

use crate::PROGRAM;

/// How many contracts are sent.
const CONTRACTS: u64 = 220;
/// The OPCOs they go to, evenly.
const OPCOS: [Opco; 5] = [
    Opco::Constructys,
    Opco::Akto,
    Opco::Atlas,
    Opco::Ocapiat,
    Opco::Opcommerce,
];
/// What each OPCO allows: so many at once, then so many a second.
const BURST: i64 = 6;
const PER_SECOND: i64 = 5;
/// What two replicas have under way at an OPCO at once: each a write, a list of states and a list of
/// dossiers. What a dead one had sent has arrived before another has started in its place.
const UNDER_WAY: i64 = 2 * 3;
/// How many contracts the ERP has on its hands at once.
const SENDERS: usize = 6;

const SETTINGS: &str = "
[server]
listen = \"127.0.0.1:0\"
threads = 1

[database]
connections_max = 12

[delivery.worker]
lease_s = 8
turn_wait_s = 2

[delivery.poll]
at_once = 1
first_s = 5
hot_s = 10
";

/// The replicas, where the ERP finds them, and what is around.
struct Site {
    database: Database,
    opcos: OpcosProcess,
    redis: Redis,
    settings: String,
    replicas: Vec<Process>,
    origins: Arc<[std::sync::Mutex<String>; 2]>,
}

impl Site {
    async fn start(&mut self, replica: usize) {
        let process = PROGRAM.serve(&self.database, &self.settings, None).await;
        process
            .origin
            .clone_into(&mut self.origins[replica].lock().unwrap());
        if replica < self.replicas.len() {
            self.replicas[replica] = process;
        } else {
            self.replicas.push(process);
        }
    }

    /// Kills the replicas in turn, then Redis, then everything, each time the work has gone on.
    async fn disturb(&mut self) {
        for replica in [0, 1] {
            self.progress(30).await;
            self.replicas[replica].kill().await;
            self.progress(10).await;
            self.start(replica).await;
        }
        self.progress(20).await;
        self.redis.kill().await;
        self.progress(40).await;
        self.redis.again().await;
        self.progress(20).await;
        self.redis.kill().await;
        self.replicas[0].kill().await;
        self.replicas[1].kill().await;
        self.redis.again().await;
        self.start(0).await;
        self.start(1).await;
    }

    /// Waits until so many more contracts are at the OPCOs, or all of them.
    async fn progress(&self, more: usize) {
        let all = usize::try_from(CONTRACTS).unwrap();
        let wanted = (self.opcos.ledger().len() + more).min(all);
        wait::until("progress", async || {
            (self.opcos.ledger().len() >= wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_killed_in_turn_deliver_each_contract_once_within_the_limits() {
    let Some(database) = Database::fresh(Engine::Postgres).await else {
        return;
    };
    let Some(redis) = Redis::start().await else {
        return;
    };
    let store = database.open().await;
    let now = SystemClock.now();
    let network = network().create(&store, now).await;
    let token = network.credential(&store, None, now).await;
    store.close().await;
    let opcos = PROGRAM.simulator(&database.folder).await;
    let limits = format!(
        "timeout_ms = 5000\nlook_after_s = [1]\nreplay_after_lost = true\n\
         calls_per_minute = {}\nburst = {BURST}\nin_flight = 1\n",
        PER_SECOND * 60
    );
    let settings = format!(
        "{SETTINGS}\n[redis]\nurl = \"{}\"\n{}",
        redis.url(),
        opcos.settings(&limits).await
    );
    let mut site = Site {
        database,
        opcos,
        redis,
        settings,
        replicas: Vec::new(),
        origins: Arc::default(),
    };
    site.start(0).await;
    site.start(1).await;
    let load = load(site.origins.clone(), &token);
    let (sent, ()) = futures_util::future::join(load, site.disturb()).await;
    let origin = site.replicas[0].origin.clone();
    let erp = Erp::new(&origin, &token);
    for (_, id) in &sent {
        erp.until_delivered(id).await;
    }
    once_each(&site, &sent);
    within_limits(&site.opcos.requests());
    drop(site.replicas);
    site.database.remove().await;
}

/// Sends every contract, to either replica, until it is acknowledged.
async fn load(origins: Arc<[std::sync::Mutex<String>; 2]>, token: &str) -> Vec<(Contract, String)> {
    let turn = AtomicUsize::new(0);
    let erp = Erp::new("", token);
    stream::iter(0..CONTRACTS)
        .map(|seed| {
            let (turn, origins, erp) = (&turn, &origins, &erp);
            async move {
                let opco = OPCOS[usize::try_from(seed).unwrap() % OPCOS.len()];
                let contract = contract(seed).to(opco);
                let key = format!("cle-{seed}");
                let headers = [
                    ("content-type", "application/json"),
                    ("idempotency-key", key.as_str()),
                ];
                let id = wait::until("an acknowledgement", async || {
                    let replica = turn.fetch_add(1, Ordering::Relaxed) % 2;
                    let origin = origins[replica].lock().unwrap().clone();
                    let body = contract.body.to_string().into_bytes();
                    let answer = erp
                        .at(&origin)
                        .try_request(reqwest::Method::POST, "/api/v1/dossiers", &headers, body)
                        .await?;
                    match answer.status.as_u16() {
                        202 => Some(erp::id(&answer.json())),
                        // A twin is under way at the other replica, or the database is busy.
                        409 | 503 => None,
                        _ => panic!("{}", answer.text),
                    }
                })
                .await;
                (contract, id)
            }
        })
        .buffer_unordered(SENDERS)
        .collect()
        .await
}

fn once_each(site: &Site, sent: &[(Contract, String)]) {
    let mut times = HashMap::new();
    for entry in site.opcos.ledger() {
        *times.entry(entry.pairing).or_insert(0) += 1;
    }
    for (contract, id) in sent {
        assert_eq!(times.get(&contract.pairing()), Some(&1), "{id}");
    }
    assert_eq!(times.len(), sent.len(), "nothing else is in the ledger");
}

fn within_limits(calls: &[RequestEntry]) {
    for opco in OPCOS {
        let of_opco = |call: &&RequestEntry| call.opco == opco.slug();
        let calls: Vec<RequestEntry> = calls.iter().filter(of_opco).cloned().collect();
        assert!(!calls.is_empty());
        let allowed = Allowed {
            burst: BURST,
            per_second: PER_SECOND,
            under_way: UNDER_WAY,
        };
        assert_eq!(over_limit(&calls, allowed), None, "{opco}");
    }
}
