//! `kill -9` at each step of design §6, on each engine, twice in a row.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use domain::Opco;
use domain::clock::{Clock as _, SystemClock, Timestamp};
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::network::network;
use harness::opcos::WIDE;
use harness::payload::{Contract, contract};
use harness::process::{OpcosProcess, Process, Start};
use harness::scene::FACTOR;
use harness::{erp, wait};
use serde_json::json;

use crate::PROGRAM;

/// Where the process dies, in the order of a contract's path.
pub(crate) const STEPS: [&str; 8] = [
    "checked",
    "accepted",
    "claimed",
    "permitted",
    "opened",
    "answered",
    "decided",
    "settled",
];
/// Deaths between two steps: the OPCO took the contract and keeps the line open, and the process is
/// killed meanwhile; the OPCO took it and hung up, and the process is killed before it has looked.
const BETWEEN: [&str; 2] = ["during the call", "after a lost answer"];

/// How many trials run at once: each mostly waits for leases to lapse.
pub(crate) const AT_ONCE: usize = 10;

/// Patient calls and long leases, on a clock that runs faster than the machine's: nothing ends by itself before
/// its time, however slow the machine. Who starts after a death starts when its leases have lapsed.
pub(crate) const SETTINGS: &str = "
[server]
listen = \"127.0.0.1:0\"
threads = 1

[delivery.worker]
lease_s = 1200
turn_wait_s = 500
";
/// The lease of the settings.
pub(crate) const LEASE: Duration = Duration::from_mins(20);
/// What is said of every OPCO, but for what follows a lost answer.
pub(crate) const OF_EACH_OPCO: &str = "timeout_ms = 500000\nlook_after_s = [20]\n";

/// What becomes of a trial: a word for the matrix.
type Cell = Result<String, String>;

/// One engine, one way to die, and everything around it.
struct Trial {
    point: &'static str,
    database: Database,
    opcos: OpcosProcess,
    settings: String,
    /// When the trial began, and what the gateway's clock showed then.
    began: Timestamp,
    shown: Timestamp,
    erp: Erp,
    sent: Vec<Sent>,
}

/// A contract the ERP wants delivered, and what it was told so far.
struct Sent {
    contract: Contract,
    key: String,
    id: Option<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_accepted_is_delivered_once_wherever_the_process_is_killed() {
    let trials = STEPS
        .into_iter()
        .chain(BETWEEN)
        .flat_map(|point| Engine::ALL.map(|engine| (point, engine)));
    let cells: BTreeMap<(&str, Engine), Cell> = stream::iter(trials)
        .map(|(point, engine)| async move {
            // A panic is a cell of the matrix, like any other failure.
            let trial = AssertUnwindSafe(trial(point, engine)).catch_unwind();
            let cell = trial.await.unwrap_or_else(|panic| {
                let said = panic.downcast_ref::<String>().cloned();
                Err(said.unwrap_or_else(|| "a panic".to_owned()))
            });
            ((point, engine), cell)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let matrix = matrix(&cells);
    #[expect(clippy::print_stdout, reason = "the matrix is what this test shows")]
    {
        println!("{matrix}");
    }
    let target = PROGRAM.0.rsplit_once('/').unwrap().0;
    std::fs::write(format!("{target}/kill-matrix.txt"), &matrix).unwrap();
    assert!(cells.values().all(Result::is_ok), "\n{matrix}");
}

fn matrix(cells: &BTreeMap<(&str, Engine), Cell>) -> String {
    let mut text =
        String::from("killed at               SQLite                              PostgreSQL\n");
    for point in STEPS.into_iter().chain(BETWEEN) {
        write!(text, "{point:<24}").unwrap();
        for engine in Engine::ALL {
            let cell = match &cells[&(point, engine)] {
                Ok(word) => word.clone(),
                Err(why) => format!("FAILED: {why}"),
            };
            write!(text, "{cell:<36}").unwrap();
        }
        text.push('\n');
    }
    text
}

async fn trial(point: &'static str, engine: Engine) -> Cell {
    let Some(mut trial) = Trial::begin(point, engine).await else {
        return Ok("skipped: no server".to_owned());
    };
    if BETWEEN.contains(&point) {
        trial.killed_from_outside().await?;
    } else {
        for round in 0..2 {
            trial.killed_at_its_step(round).await?;
        }
    }
    let word = trial.mended().await?;
    trial.database.remove().await;
    Ok(word)
}

impl Trial {
    async fn begin(point: &'static str, engine: Engine) -> Option<Self> {
        let database = Database::fresh(engine).await?;
        let opcos = PROGRAM.simulator(&database.folder).await;
        let store = database.open().await;
        let now = SystemClock.now();
        let network = network().create(&store, now).await;
        let token = network.credential(&store, None, now).await;
        store.close().await;
        let limits = format!("{WIDE}{OF_EACH_OPCO}replay_after_lost = true\n");
        let settings = opcos.settings(&limits).await;
        Some(Self {
            point,
            database,
            opcos,
            settings: format!("{SETTINGS}{settings}"),
            began: now,
            shown: now,
            erp: Erp::new("", &token),
            sent: Vec::new(),
        })
    }

    async fn serve(&mut self, failpoint: Option<&str>) -> Process {
        // As if it had been started later: what a dead one had in hand can be taken over.
        self.shown = self.shown.checked_add(LEASE).unwrap();
        let (shown, real) = (self.shown.as_millisecond(), self.began.as_millisecond());
        let clock = format!("{shown} {real} {FACTOR}");
        let start = Start {
            failpoint,
            clock: Some(&clock),
            ..Start::default()
        };
        let gateway = PROGRAM.start(&self.database, &self.settings, &start);
        let gateway = gateway.await;
        self.erp = self.erp.at(&gateway.origin);
        gateway
    }

    /// Adds contracts for different OPCOs to what the ERP wants delivered.
    fn wants(&mut self, count: u64) {
        let opcos = [Opco::Akto, Opco::Atlas, Opco::Constructys];
        for _ in 0..count {
            let seed = u64::try_from(self.sent.len()).unwrap();
            self.sent.push(Sent {
                contract: contract(seed).to(opcos[self.sent.len() % opcos.len()]),
                key: format!("cle-{seed}"),
                id: None,
            });
        }
    }

    /// Sends all that was not yet acknowledged, as an ERP does that got no answer.
    async fn send(&mut self) -> Result<(), String> {
        let calls = self
            .sent
            .iter()
            .filter(|sent| sent.id.is_none())
            .map(|sent| {
                let headers = [
                    ("content-type", "application/json"),
                    ("idempotency-key", sent.key.as_str()),
                ];
                let body = sent.contract.body.to_string().into_bytes();
                let erp = &self.erp;
                async move {
                    let answer = erp
                        .try_request(reqwest::Method::POST, "/api/v1/dossiers", &headers, body)
                        .await;
                    (sent.key.clone(), answer)
                }
            });
        let answers = futures_util::future::join_all(calls).await;
        for (key, answer) in answers {
            let Some(answer) = answer else { continue };
            if answer.status.as_u16() != 202 {
                return Err(format!("{key}: {} {}", answer.status, answer.text));
            }
            let sent = self.sent.iter_mut().find(|sent| sent.key == key).unwrap();
            sent.id = Some(erp::id(&answer.json()));
        }
        Ok(())
    }

    /// Lets the process die at the step, with more than one contract on its way.
    async fn killed_at_its_step(&mut self, round: usize) -> Result<(), String> {
        let mut gateway = self.serve(Some(self.point)).await;
        self.wants(if round == 0 { 3 } else { 1 });
        self.send().await?;
        match gateway.died().await.and_then(|status| status.signal()) {
            Some(9) => Ok(()),
            other => Err(format!("round {round}: ended with {other:?}")),
        }
    }

    /// Kills the process while the OPCO has the contract and nobody here knows it.
    async fn killed_from_outside(&mut self) -> Result<(), String> {
        let fault = match self.point {
            "during the call" => {
                json!({"kind": "hang", "route": "dossiers", "after_commit": true, "times": 1})
            }
            _ => json!({"kind": "lost_answer", "times": 1}),
        };
        self.opcos.control("akto/faults", &fault).await;
        let mut gateway = self.serve(None).await;
        self.wants(1);
        self.send().await?;
        wait::until("the OPCO has it", async || {
            (!self.opcos.ledger().is_empty()).then_some(())
        })
        .await;
        gateway.kill().await;
        Ok(())
    }

    /// Starts the process again, lets the ERP repeat itself, and asks the ledger.
    async fn mended(&mut self) -> Result<String, String> {
        let _gateway = self.serve(None).await;
        // Whatever was acknowledged ends by itself, without the ERP.
        let (mut attempts, mut looks) = (0, 0);
        for id in self.sent.iter().filter_map(|sent| sent.id.as_ref()) {
            self.erp.until_delivered(id).await;
        }
        self.send().await?;
        for sent in &self.sent {
            let id = sent.id.as_ref().ok_or("the gateway does not answer")?;
            let delivered = self.erp.until_delivered(id).await;
            attempts += delivered["attempt_count"].as_u64().unwrap();
            looks += delivered["look_count"].as_u64().unwrap();
            let again = self.erp.send_as(&sent.contract, &sent.key).await;
            if again.header("idempotency-replayed").is_none() || erp::id(&again.json()) != *id {
                return Err(format!("{} was forgotten: {}", sent.key, again.text));
            }
        }
        let ledger = self.opcos.ledger();
        for sent in &self.sent {
            let pairing = sent.contract.pairing();
            let times = ledger
                .iter()
                .filter(|entry| entry.pairing == pairing)
                .count();
            if times != 1 {
                return Err(format!("{} is in the ledger {times} times", sent.key));
            }
        }
        let count = self.sent.len();
        if ledger.len() != count {
            return Err(format!("{} in the ledger, {count} sent", ledger.len()));
        }
        Ok(format!(
            "{count} once ({attempts} writes, {looks} empty looks)"
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_the_calls_under_way_end() {
    for engine in Engine::ALL {
        let Some(mut trial) = Trial::begin("stop", engine).await else {
            continue;
        };
        let slow = json!({"kind": "slow", "route": "dossiers", "ms": 1500, "after_commit": true});
        trial.opcos.control("all/faults", &slow).await;
        let mut gateway = trial.serve(None).await;
        trial.wants(3);
        trial.send().await.unwrap();
        wait::until("a call under way", async || {
            (!trial.opcos.ledger().is_empty()).then_some(())
        })
        .await;
        assert!(gateway.stop().await.success(), "{}", gateway.said());
        assert!(
            !gateway.said().contains("database is unavailable"),
            "{}",
            gateway.said()
        );
        let delivered = "select count(*) from delivery where status = 'delivered'";
        let unknown = "select count(*) from delivery where status in ('unknown', 'sending')";
        assert!(trial.database.number(delivered).await >= 1);
        assert_eq!(trial.database.number(unknown).await, 0);
        trial.mended().await.unwrap();
        trial.database.remove().await;
    }
}
