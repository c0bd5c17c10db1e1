//! A process that dies between telling an ERP and writing that it did: the ERP is told once more,
//! under the same name.

use std::os::unix::process::ExitStatusExt as _;

use domain::clock::{Clock as _, SystemClock};
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::network::network;
use harness::process::{Process, Start};
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

/// What an address may carry and nobody may read in a log.
const CANARY: &str = "canary-of-an-address";

fn says_nothing_secret(process: &Process, secret: &str) {
    let said = process.said();
    assert!(!said.contains(CANARY) && !said.contains(secret), "{said}");
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
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
    let wanted = json!({"url": format!("{}?jeton={CANARY}", receiver.url)});
    let made = erp.post("/api/v1/webhooks", &wanted, &[]).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    process.stop().await;
    says_nothing_secret(&process, secret);

    let mut tx = store.writing().await.unwrap();
    let event = NewEvent::new(now, "delivery.delivered");
    events::append(&mut tx, network.tenant, std::slice::from_ref(&event));
    tx.commit().await.unwrap();
    let mut process = PROGRAM
        .start(&database, &settings, &start(Some("told")))
        .await;
    assert_eq!(process.died().await.unwrap().signal(), Some(9));
    says_nothing_secret(&process, secret);
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
        heard.iter().all(|told| told.id == event.id.to_string()),
        "{heard:?}"
    );
    let one = &heard[0].body;
    assert!(heard.iter().all(|told| told.body == *one), "{heard:?}");
    // What a process writes when an ERP does not answer is where an address would slip out.
    receiver.answer(500);
    let failing = NewEvent::new(now, "delivery.dead");
    let mut tx = store.writing().await.unwrap();
    events::append(&mut tx, network.tenant, &[failing]);
    tx.commit().await.unwrap();
    wait::until("a failure", async || (receiver.refused() > 0).then_some(())).await;
    process.stop().await;
    assert!(
        process.said().contains("could not be told"),
        "{}",
        process.said()
    );
    says_nothing_secret(&process, secret);
    store.close().await;
    let kept = match database.engine {
        Engine::Sqlite => std::fs::read(database.folder.join("gateway.db")).unwrap(),
        Engine::Postgres => database.dump().await,
    };
    let clear = secret.strip_prefix("whsec_").unwrap().as_bytes();
    assert!(
        !kept.windows(clear.len()).any(|part| part == clear),
        "a secret is kept in clear"
    );
    receiver.stop().await;
    database.remove().await;
}
