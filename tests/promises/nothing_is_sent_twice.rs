//! Nothing is sent twice: after a lost answer the gateway looks before it writes again, and what a
//! dead process had in hand is looked for, never simply due.
//!
//! The OPCOs of the scenario take doubles: what keeps a contract from being there twice is the
//! gateway alone. A replica that freezes and thaws is in `tests/faults`.

mod what_follows;

use domain::Opco;
use harness::payload::contract;
use harness::stage::Stage;
use simulator::{Fault, FaultKind};

use crate::{FAST, Verdict, delivered, killed_at, once, promise};

promise! {
    FAST;
    async fn a_gateway_that_replays_a_lost_answer_is_caught("replay-lost" on Sqlite)
        => "at akto 2 times";
    async fn a_gateway_that_sends_again_what_a_dead_one_had_is_caught("reclaimed-is-due" on Sqlite)
        => "2 times";
}

async fn kept(stage: &mut Stage) -> Verdict {
    stage.serve().await;
    // One speaks version 2 and lists states by page, the other version 1.
    for (seed, opco) in [(200, Opco::Akto), (201, Opco::Afdas)] {
        let lost = Fault::new(FaultKind::LostAnswer).times(1);
        stage.opcos.fault(opco, lost);
        let contract = contract(seed).to(opco);
        let id = stage.erp.submit(&contract).await;
        delivered(&stage.erp, &id).await?;
        once(stage, opco, &contract)?;
    }
    let contract = contract(210).to(Opco::Atlas);
    let id = killed_at(stage, "answered", &contract, "cle-210").await;
    delivered(&stage.erp, &id).await?;
    once(stage, Opco::Atlas, &contract)
}
