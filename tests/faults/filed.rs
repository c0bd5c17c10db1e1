//! `kill -9` at each step of a training agreement's path, file and all, on each engine: never at the OPCO
//! twice unless its profile says so, never out of sight.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;

use domain::Opco;
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use harness::database::Engine;
use harness::erp;
use harness::opcos::WIDE;
use harness::payload::contract;
use harness::pieces::{Form, convention, files};
use harness::scene::FACTOR;
use harness::stage::{Script, Stage};
use harness::wait;
use serde_json::Value;
use simulator::Kind;

use crate::PROGRAM;
use crate::kill::{AT_ONCE, LEASE, OF_EACH_OPCO, SETTINGS, STEPS};

const KEY: &str = "convention-1";

/// A way to die, and what the profile says of an answer that is lost.
type Trial = (&'static str, bool, Engine);
/// What becomes of a trial: a word for the matrix.
type Cell = Result<String, String>;

/// Returns where the agreement may end, and how often it is at the OPCO then.
fn expected((step, resends, _): Trial) -> &'static [(&'static str, usize)] {
    match (step, resends) {
        ("checked" | "settled", _) | ("claimed" | "permitted" | "opened", true) => {
            &[("delivered", 1)]
        }
        // A worker that was quicker than the death has put an attempt on record.
        ("accepted", _) => &[("delivered", 1), ("held", 0)],
        // Nothing can tell whether it is there: a person asks.
        ("claimed" | "permitted" | "opened", false) => &[("held", 0)],
        (_, false) => &[("held", 1)],
        // The profile takes the risk of a second one.
        (_, true) => &[("delivered", 2)],
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
    let of_opcos = format!("{WIDE}{OF_EACH_OPCO}resend_after_lost = {resends}\n");
    let script = Script {
        program: PROGRAM,
        factor: FACTOR,
        settings: SETTINGS,
        of_opcos: &of_opcos,
    };
    let Some(mut stage) = Stage::set(&script, engine, None).await else {
        return Ok("skipped: no server".to_owned());
    };
    stage.serve().await;
    let contract = contract(900).to(Opco::Akto);
    let first = stage.erp.submit(&contract).await;
    stage.erp.until_delivered(&first).await;
    stage.kill().await;

    stage.serve_until(step).await;
    let agreement = convention(&contract).of(&first);
    let told = stage.erp.try_hand_in(&agreement, Form::Multipart, KEY);
    let told = told.await;
    stage.died().await;

    stage.later(LEASE);
    stage.serve().await;
    let key = [("idempotency-key", KEY)];
    let again = stage.erp.hand_in(&agreement, Form::Base64, &key).await;
    let id = erp::id(&again.expect(202));
    if told.is_some_and(|told| told.status != 202 || erp::id(&told.json()) != id) {
        return Err("what was acknowledged was forgotten".to_owned());
    }
    let ends = ["delivered", "held", "rejected", "dead"];
    let is_end = |delivery: &Value| ends.iter().any(|end| delivery["status"] == *end);
    let ended = stage.erp.until(&id, "an end", is_end).await;
    let status = ended["status"].as_str().unwrap();
    let handle = stage.opcos.handle();
    let page = handle.ledger_of(Some("akto"), Kind::Convention, 0, 10);
    let found = page.unwrap().entries.len();
    let told = format!("{status}, {found} at the OPCO");
    let unknown = status == "held" && ended["reason"] != "outcome_unknown";
    if unknown || !expected(trial).contains(&(status, found)) {
        return Err(format!("{told} ({})", ended["reason"]));
    }
    // What was received before anything was written stays until the sweep, a day later.
    let kept = if step == "checked" { 2 } else { 1 };
    let folder = stage.database.folder.join("files");
    let count = async || files(&folder).len();
    wait::until_value("the files", count, |found| *found == kept).await;
    stage.end().await;
    Ok(format!("{told}, {kept} kept"))
}
