//! A replica that stands still for longer than its leases, and then goes on as if nothing had been.

use domain::Opco;
use domain::clock::{Clock as _, SystemClock};
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::network::network;
use harness::payload::contract;
use harness::wait;

use crate::PROGRAM;

const SETTINGS: &str = "
[server]
listen = \"127.0.0.1:0\"
threads = 1

[delivery.worker]
lease_s = 6
turn_wait_s = 2
";

/// One call a second: most of what is claimed waits for its turn.
const SLOW: &str = "timeout_ms = 3000\nlook_after_s = [1]\nreplay_after_lost = true\n\
    calls_per_minute = 60\nburst = 1\nin_flight = 6\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_replica_sends_nothing_that_another_has_taken_over() {
    let Some(database) = Database::fresh(Engine::Postgres).await else {
        return;
    };
    let store = database.open().await;
    let now = SystemClock.now();
    let network = network().create(&store, now).await;
    let token = network.credential(&store, None, now).await;
    store.close().await;
    let opcos = PROGRAM.simulator(&database.folder).await;
    let settings = format!("{SETTINGS}{}", opcos.settings(SLOW).await);
    let mut frozen = PROGRAM.serve(&database, &settings, None).await;
    let erp = Erp::new(&frozen.origin, &token);
    let mut sent = Vec::new();
    for seed in 0..8 {
        let contract = contract(seed).to([Opco::Akto, Opco::Atlas][usize::from(seed % 2 == 0)]);
        sent.push((erp.submit(&contract).await, contract));
    }
    wait::until("a first call", async || {
        (!opcos.ledger().is_empty()).then_some(())
    })
    .await;
    frozen.freeze().await;
    let other = PROGRAM.serve(&database, &settings, None).await;
    let erp = erp.at(&other.origin);
    for (id, _) in &sent {
        erp.until_delivered(id).await;
    }
    frozen.thaw().await;
    // Whatever it had in hand comes to its end before it stops.
    assert!(frozen.stop().await.success(), "{}", frozen.said());
    let ledger = opcos.ledger();
    for (id, contract) in &sent {
        let pairing = contract.pairing();
        let times = ledger.iter().filter(|one| one.pairing == pairing).count();
        assert_eq!(times, 1, "{id}");
        assert_eq!(erp.delivery(id).await["status"], "delivered");
    }
    drop(other);
    database.remove().await;
}
