//! Nothing is lost: whatever breaks, an accepted payload reaches its end or visibly waits, with the
//! reason and the next instant.
//!
//! An OPCO is down; the process is killed with a call in hand; the database is away when the outcome
//! must be written; the ERP is down when it should be told. Every step at which a process can die is in `tests/faults`.

use std::time::Duration;

use domain::Opco;
use harness::payload::contract;
use harness::receiver::{self, Receiver, Told};
use harness::stage::Stage;
use harness::wait;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Scope};

use crate::{FAST, Verdict, delivered, is_end, killed_at, once, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_drops_what_failed_is_caught("drop-failed" on Sqlite)
        => "nobody asked for it";
    async fn a_gateway_that_leaves_lying_what_a_dead_one_had_is_caught("forget-reclaimed" on Sqlite)
        => "nothing came of it";
    async fn a_gateway_that_forgets_what_an_erp_did_not_take_is_caught("news-forgotten" on Sqlite)
        => "was never told of";
}

/// How long the database is away.
const AWAY_FOR: Duration = Duration::from_secs(1);
/// How often a call may be taken up without an outcome: by the process that was killed, and by the
/// one that has it in hand.
const UNCLOSED_MAX: usize = 2;

async fn kept(stage: &mut Stage) -> Verdict {
    stage.add_settings(receiver::OPEN);
    stage.serve().await;
    while_the_erp_is_down(stage).await?;
    while_the_opco_is_down(stage).await?;
    over_a_death(stage).await?;
    while_the_database_is_away(stage).await
}

/// What an ERP could not be told it is told once it takes news again.
async fn while_the_erp_is_down(stage: &Stage) -> Verdict {
    let receiver = Receiver::start();
    receiver.answer(503);
    let wanted = json!({"url": receiver.url, "kinds": ["delivery.delivered"]});
    let made = stage.erp.post("/api/v1/webhooks", &wanted, &[]).await;
    made.expect(201);
    let first = stage.erp.submit(&contract(130).to(Opco::Akto)).await;
    delivered(&stage.erp, &first).await?;
    wait::until("a refusal", async || (receiver.refused() > 0).then_some(())).await;
    receiver.answer(204);
    let second = stage.erp.submit(&contract(131).to(Opco::Akto)).await;
    delivered(&stage.erp, &second).await?;
    // Of another dossier, it may be told first; when nothing more waits, both were.
    wait::until("nothing left to tell", async || {
        let read = stage.erp.get("/api/v1/webhooks").await.expect(200);
        let webhook = &read["webhooks"][0];
        let waits = webhook["parked"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        (webhook["behind"] == 0 && !waits).then_some(())
    })
    .await;
    let taken = receiver.taken();
    receiver.stop().await;
    for id in [first, second] {
        let its = |told: &Told| told.json()["data"]["delivery_id"] == id.as_str();
        require!(
            taken.iter().any(its),
            "the ERP was never told of {id}: {taken:?}"
        );
    }
    Ok(())
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
