//! `kill -9` at each step of a training agreement's path, file and all, on each engine: never at the OPCO
//! twice unless its profile says so, never out of sight.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::AssertUnwindSafe;

use domain::Opco;
use domain::clock::{Clock as _, SystemClock};
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use harness::database::{Database, Engine};
use harness::erp::{self, Erp};
use harness::network::network;
use harness::opcos::WIDE;
use harness::payload::contract;
use harness::pieces::{Form, convention, files};
use harness::wait;
use simulator::Kind;

use crate::PROGRAM;
use crate::kill::{AT_ONCE, SETTINGS, STEPS};

const OF_EACH_OPCO: &str = "timeout_ms = 4000\nlook_after_s = [1]\n";
const KEY: &str = "convention-1";

/// A way to die, and what the profile says of an answer that is lost.
type Trial = (&'static str, bool, Engine);
/// What becomes of a trial: a word for the matrix.
type Cell = Result<String, String>;

/// Returns where the agreement must end, and how often it must be at the OPCO.
fn expected((step, resends, _): Trial) -> (&'static str, usize) {
    match (step, resends) {
        ("checked" | "accepted" | "settled", _) | ("claimed" | "permitted" | "opened", true) => {
            ("delivered", 1)
        }
        // Nothing can tell whether it is there: a person asks.
        ("claimed" | "permitted" | "opened", false) => ("held", 0),
        (_, false) => ("held", 1),
        // The profile takes the risk of a second one.
        (_, true) => ("delivered", 2),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agreement_with_its_file_is_sent_once_or_held_wherever_the_process_is_killed() {
    let held = STEPS.into_iter().map(|step| (step, false));
    let resent = ["opened", "answered"].into_iter().map(|step| (step, true));
    let trials = held
        .chain(resent)
        .flat_map(|(step, resends)| Engine::ALL.map(|engine| (step, resends, engine)));
    let cells: BTreeMap<Trial, Cell> = stream::iter(trials)
        .map(|trial| async move {
            // A panic is a cell of the matrix, like any other failure.
            let played = AssertUnwindSafe(played(trial)).catch_unwind().await;
            let cell = played.unwrap_or_else(|panic| {
                let said = panic.downcast_ref::<String>().cloned();
                Err(said.unwrap_or_else(|| "a panic".to_owned()))
            });
            (trial, cell)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut matrix = String::from("killed at     after a lost answer\n");
    for ((step, resends, engine), cell) in &cells {
        let policy = if *resends { "resend" } else { "hold" };
        let engine = engine.name();
        let cell = match cell {
            Ok(word) => word.clone(),
            Err(why) => format!("FAILED: {why}"),
        };
        writeln!(matrix, "{step:<14}{policy:<8}{engine:<12}{cell}").unwrap();
    }
    #[expect(clippy::print_stdout, reason = "the matrix is what this test shows")]
    {
        println!("{matrix}");
    }
    assert!(cells.values().all(Result::is_ok), "\n{matrix}");
}

async fn played(trial: Trial) -> Cell {
    let (step, resends, engine) = trial;
    let Some(database) = Database::fresh(engine).await else {
        return Ok("skipped: no server".to_owned());
    };
    let opcos = PROGRAM.simulator(&database.folder).await;
    let store = database.open().await;
    let now = SystemClock.now();
    let network = network().create(&store, now).await;
    let token = network.credential(&store, None, now).await;
    store.close().await;
    let of_each = format!("{WIDE}{OF_EACH_OPCO}resend_after_lost = {resends}\n");
    let settings = format!("{SETTINGS}{}", opcos.settings(&of_each).await);

    let mut gateway = PROGRAM.serve(&database, &settings, None).await;
    let erp = Erp::new(&gateway.origin, &token);
    let contract = contract(900).to(Opco::Akto);
    let first = erp.submit(&contract).await;
    erp.until_delivered(&first).await;
    gateway.kill().await;

    let mut gateway = PROGRAM.serve(&database, &settings, Some(step)).await;
    let agreement = convention(&contract).of(&first);
    let told = erp
        .at(&gateway.origin)
        .try_hand_in(&agreement, Form::Multipart, KEY)
        .await;
    match gateway.died().await.and_then(|status| status.signal()) {
        Some(9) => {}
        other => return Err(format!("ended with {other:?}")),
    }

    let gateway = PROGRAM.serve(&database, &settings, None).await;
    let erp = erp.at(&gateway.origin);
    let again = erp
        .hand_in(&agreement, Form::Base64, &[("idempotency-key", KEY)])
        .await;
    let id = erp::id(&again.expect(202));
    if told.is_some_and(|told| told.status != 202 || erp::id(&told.json()) != id) {
        return Err("what was acknowledged was forgotten".to_owned());
    }
    let (status, times) = expected(trial);
    let ended = erp
        .until(&id, "an end", |delivery| {
            ["delivered", "held", "rejected", "dead"]
                .contains(&delivery["status"].as_str().unwrap())
        })
        .await;
    if ended["status"] != status || (status == "held" && ended["reason"] != "outcome_unknown") {
        return Err(format!("{} ({})", ended["status"], ended["reason"]));
    }
    let ledger = opcos.ledger();
    let agreements = ledger.iter().filter(|one| one.kind == Kind::Convention);
    let found = agreements.count();
    if found != times {
        return Err(format!("{found} times in the ledger"));
    }
    // What was received before anything was written stays until the sweep, a day later.
    let kept = if step == "checked" { 2 } else { 1 };
    let folder = database.folder.join("files");
    wait::until_value(
        "the files",
        async || files(&folder).len(),
        |found| *found == kept,
    )
    .await;
    database.remove().await;
    Ok(format!("{status}, {found} at the OPCO, {kept} kept"))
}
