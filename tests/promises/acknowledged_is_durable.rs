//! Acknowledged is durable: a 202 leaves only after the commit that holds payload, job and event.
//!
//! The process is killed while payloads come in, and again while the database lets nobody commit;
//! whatever was acknowledged must be there afterwards, and reach its OPCO. That a commit is also
//! synced to disk is a setting of each connection, which no kill of a process can show.

use std::time::Duration;

use domain::Opco;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use harness::erp::Erp;
use harness::payload::contract;
use harness::stage::Stage;

use crate::{FAST, Verdict, delivered, once, promise, require, send};

promise! {
    FAST;
    async fn a_gateway_that_answers_before_the_commit_is_caught("answer-before-commit" on Sqlite)
        => "was acknowledged and is gone";
}

/// How many contracts are on their way when the process is killed.
const UNDER_LOAD: u64 = 24;
/// How many acknowledgements it lives for.
const ACKNOWLEDGED: usize = 6;
/// How many contracts come while nothing can be committed, and for how long that is so.
const WITHOUT_COMMIT: u64 = 6;
const NO_COMMIT_FOR: Duration = Duration::from_millis(1_500);

async fn kept(stage: &mut Stage) -> Verdict {
    let mut acknowledged = under_load(stage).await;
    acknowledged.extend(without_commit(stage).await);
    stage.serve().await;
    for (seed, id) in acknowledged {
        let found = stage.erp.get(&format!("/api/v1/deliveries/{id}")).await;
        require!(
            found.status.as_u16() == 200,
            "{id} was acknowledged and is gone: {}",
            found.text
        );
        let ended = delivered(&stage.erp, &id).await?;
        let first = &ended["timeline"][0]["kind"];
        require!(
            first == "delivery.accepted",
            "the log of {id} begins with {first}"
        );
        once(stage, Opco::Akto, &contract(seed).to(Opco::Akto))?;
    }
    Ok(())
}

/// Returns the seeds and names of what was acknowledged before the process was killed.
async fn under_load(stage: &mut Stage) -> Vec<(u64, String)> {
    stage.serve().await;
    let erp = stage.erp.clone();
    let calls = stream::iter(0..UNDER_LOAD).map(|seed| submitted(&erp, seed));
    let mut calls = std::pin::pin!(calls.buffer_unordered(8));
    let mut acknowledged = Vec::new();
    while let Some(answer) = calls.next().await {
        acknowledged.extend(answer);
        if acknowledged.len() == ACKNOWLEDGED {
            stage.kill().await;
        }
    }
    acknowledged
}

/// The same, with a database that lets nobody write.
async fn without_commit(stage: &mut Stage) -> Vec<(u64, String)> {
    stage.serve().await;
    let erp = stage.erp.clone();
    let hold = stage.database.hold().await;
    let calls = (UNDER_LOAD..UNDER_LOAD + WITHOUT_COMMIT)
        .map(|seed| tokio::time::timeout(NO_COMMIT_FOR, submitted(&erp, seed)));
    let answers = join_all(calls).await;
    stage.kill().await;
    hold.release().await;
    answers
        .into_iter()
        .filter_map(Result::ok)
        .flatten()
        .collect()
}

async fn submitted(erp: &Erp, seed: u64) -> Option<(u64, String)> {
    let contract = contract(seed).to(Opco::Akto);
    let id = send(erp, &contract, &format!("cle-{seed}")).await?;
    Some((seed, id))
}
