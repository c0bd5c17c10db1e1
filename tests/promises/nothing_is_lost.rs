//! Nothing is lost: whatever breaks, an accepted payload reaches its end or visibly waits, with the
//! reason and the next instant.
//!
//! An OPCO is down; the process is killed with a call in hand; the database is away when the outcome
//! must be written. Every step at which a process can die is in `tests/faults`.

use std::time::Duration;

use domain::Opco;
use harness::payload::contract;
use harness::stage::Stage;
use harness::wait;
use serde_json::Value;
use simulator::{Fault, FaultKind, Scope};

use crate::{FAST, Verdict, delivered, is_end, killed_at, once, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_drops_what_failed_is_caught("drop-failed" on Sqlite)
        => "nobody asked for it";
    async fn a_gateway_that_leaves_lying_what_a_dead_one_had_is_caught("forget-reclaimed" on Sqlite)
        => "nothing came of it";
}

/// How long the database is away.
const AWAY_FOR: Duration = Duration::from_secs(1);
/// How often a call may be taken up without an outcome: by the process that was killed, and by the
/// one that has it in hand.
const UNCLOSED_MAX: usize = 2;

async fn kept(stage: &mut Stage) -> Verdict {
    stage.serve().await;
    while_the_opco_is_down(stage).await?;
    over_a_death(stage).await?;
    while_the_database_is_away(stage).await
}

async fn while_the_opco_is_down(stage: &Stage) -> Verdict {
    stage
        .opcos
        .fault(Opco::Atlas, Fault::new(FaultKind::Unavailable));
    let contract = contract(100).to(Opco::Atlas);
    let id = stage.erp.submit(&contract).await;
    let failed = |seen: &Value| !seen["fault"].is_null() && seen["status"] != "sending";
    visible(&stage.erp.until(&id, "its first failure", failed).await)?;
    stage.opcos.heal(Opco::Atlas);
    delivered(&stage.erp, &id).await?;
    once(stage, Opco::Atlas, &contract)
}

/// Requires of a delivery that it has ended, or that anybody can see what it waits for.
fn visible(delivery: &Value) -> Verdict {
    let (id, status) = (&delivery["id"], delivery["status"].as_str().unwrap());
    let (reason, next) = (&delivery["reason"], &delivery["next_at"]);
    require!(
        status != "cancelled",
        "{id} ended as cancelled, and nobody asked for it"
    );
    let told = match status {
        "waiting" => reason.is_string() && next.is_string(),
        "held" => reason.is_string(),
        "queued" | "sending" | "unknown" => next.is_string(),
        _ => true,
    };
    require!(told, "{id} is {status}, for {reason}, until {next}");
    Ok(())
}

async fn over_a_death(stage: &mut Stage) -> Verdict {
    let contract = contract(110).to(Opco::Akto);
    let id = killed_at(stage, "opened", &contract, "cle-110").await;
    let unclosed = |seen: &Value| {
        let attempts = seen["attempts"].as_array().unwrap();
        let open = attempts.iter().filter(|one| one["closed_at"].is_null());
        open.count()
    };
    let seen = stage
        .erp
        .until(&id, "its end", |seen| {
            is_end(seen) || unclosed(seen) > UNCLOSED_MAX
        })
        .await;
    let times = unclosed(&seen);
    require!(
        times <= UNCLOSED_MAX,
        "{id} was taken up {times} times and nothing came of it"
    );
    delivered(&stage.erp, &id).await?;
    once(stage, Opco::Akto, &contract)
}

async fn while_the_database_is_away(stage: &Stage) -> Verdict {
    let slow = Fault::slow(500).on(Scope::Dossiers).times(1);
    stage.opcos.fault(Opco::Constructys, slow.after_commit());
    let contract = contract(120).to(Opco::Constructys);
    let id = stage.erp.submit(&contract).await;
    wait::until("the OPCO has it", async || {
        let taken = stage.opcos.taken(Opco::Constructys, &contract);
        (!taken.is_empty()).then_some(())
    })
    .await;
    let hold = stage.database.hold().await;
    tokio::time::sleep(AWAY_FOR).await;
    hold.release().await;
    delivered(&stage.erp, &id).await?;
    once(stage, Opco::Constructys, &contract)
}
