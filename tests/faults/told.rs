//! A process that dies between telling an ERP and writing that it did: the ERP is told once more,
//! under the same name.

use std::os::unix::process::ExitStatusExt as _;

use domain::clock::{Clock as _, SystemClock};
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::network::network;
use harness::process::Start;
use harness::receiver::{self, Receiver};
use harness::wait;
use serde_json::json;
use store::{NewEvent, events};

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erp_told_by_a_process_that_died_is_told_again_under_the_same_name() {
    for engine in Engine::ALL {
        if let Some(database) = Database::fresh(engine).await {
            told_twice(database).await;
        }
    }
}

async fn told_twice(database: Database) {
    let receiver = Receiver::start();
    let settings = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n{}",
        receiver::OPEN
    );
    // Twenty times faster, so that the lease of the dead soon ends.
    let now = SystemClock.now();
    let clock = format!("{0} {0} 20", now.as_millisecond());
    let start = |failpoint| Start {
        failpoint,
        clock: Some(&clock),
        ..Start::default()
    };
    let store = database.open().await;
    let network = network().create(&store, now).await;
    let token = network.credential(&store, None, now).await;

    let mut process = PROGRAM.start(&database, &settings, &start(None)).await;
    let erp = Erp::new(&process.origin, &token);
    let wanted = json!({"url": receiver.url});
    erp.post("/api/v1/webhooks", &wanted, &[]).await.expect(201);
    process.stop().await;

    let mut tx = store.writing().await.unwrap();
    let event = NewEvent::new(now, "delivery.delivered");
    events::append(&mut tx, network.tenant, std::slice::from_ref(&event));
    tx.commit().await.unwrap();
    let mut process = PROGRAM
        .start(&database, &settings, &start(Some("told")))
        .await;
    assert_eq!(process.died().await.unwrap().signal(), Some(9));
    let before = receiver.taken().len();
    assert!(before >= 1, "it died before it told anybody");

    let mut process = PROGRAM.start(&database, &settings, &start(None)).await;
    wait::until("the second time", async || {
        (receiver.taken().len() > before).then_some(())
    })
    .await;
    let erp = Erp::new(&process.origin, &token);
    wait::until("the end of the log", async || {
        let read = erp.get("/api/v1/webhooks").await.expect(200);
        (read["webhooks"][0]["behind"] == 0).then_some(())
    })
    .await;
    let heard = receiver.taken();
    assert!(
        taken.iter().all(|told| told.id == event.id.to_string()),
        "{heard:?}"
    );
    let one = &heard[0].body;
    assert!(heard.iter().all(|told| told.body == *one), "{heard:?}");
    process.stop().await;
    store.close().await;
    receiver.stop().await;
    database.remove().await;
}
