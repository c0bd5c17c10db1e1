//! No OPCO's limit is ever exceeded, all replicas together; `Retry-After` is a floor; an OPCO that is
//! down stops only its own lanes.
//!
//! Measured at the other side, on the machine's own clock: one process on SQLite, two replicas on
//! PostgreSQL. With Redis, and with replicas that die, in `tests/faults`.

use domain::Opco;
use futures_util::stream::{self, StreamExt as _};
use harness::database::Engine;
use harness::opcos::{Allowed, over_limit};
use harness::payload::{Contract, contract};
use harness::redis::Redis;
use harness::stage::{Script, Stage};
use serde_json::Value;
use simulator::{Fault, FaultKind, Scope};

use crate::{FAST, Verdict, delivered, is_end, once, promise, require};

const MEASURED: Script<'static> = Script {
    factor: 1,
    settings: r#"
[server]
listen = "127.0.0.1:0"
threads = 1

[delivery.worker]
lease_s = 20
turn_wait_s = 4

[delivery.poll]
first_s = 3600
hot_s = 3600
"#,
    of_opcos: "calls_per_minute = 240\nburst = 4\nin_flight = 2\ntimeout_ms = 10000\n\
        look_after_s = [1, 1]\nreplay_after_lost = true\n",
    ..FAST
};
/// The same, as the other side counts.
const PER_SECOND: i64 = 4;
const BURST: i64 = 4;
/// The calls one process has under way at once: its writes, for nothing is read meanwhile.
const IN_FLIGHT: usize = 2;

promise! {
    MEASURED;
    async fn a_gateway_twice_as_fast_as_allowed_is_caught("double-limit" on Sqlite)
        => "more than allowed";
    async fn replicas_that_share_no_limit_are_caught("unshared-limit" on Postgres)
        => "more than allowed";
    async fn a_gateway_that_forgets_a_silence_at_its_restart_is_caught("silence-untold" on Sqlite)
        => "asked for silence";
    async fn a_gateway_that_forgets_retry_after_is_caught("forget-retry-after" on Sqlite)
        => "asked for silence";
}

/// How many contracts are sent: six seconds of work.
const CONTRACTS: u64 = 24;
/// The silence an OPCO asks for, in seconds.
const RETRY_AFTER_S: u32 = 5;

async fn kept(stage: &mut Stage) -> Verdict {
    stage
        .opcos
        .fault(Opco::Constructys, Fault::new(FaultKind::Down));
    stage.serve().await;
    if stage.database.engine == Engine::Postgres {
        stage.serve().await;
    }
    let stopped = contract(600).to(Opco::Constructys);
    let stopped = stage.erp.submit(&stopped).await;
    within_the_limit(stage).await?;
    silent(stage).await?;
    let stopped = stage.erp.delivery(&stopped).await;
    require!(!is_end(&stopped), "an OPCO is down, and its contract ended");
    Ok(())
}

async fn within_the_limit(stage: &Stage) -> Verdict {
    let sent: Vec<String> = stream::iter(0..CONTRACTS)
        .map(|seed| async move {
            let replica = usize::try_from(seed).unwrap() % stage.gateways.len();
            let erp = stage.erp.at(&stage.gateways[replica].origin);
            erp.submit(&contract(610 + seed).to(Opco::Akto)).await
        })
        .buffer_unordered(8)
        .collect()
        .await;
    for id in &sent {
        delivered(&stage.erp, id).await?;
    }
    let calls = stage.opcos.calls(Opco::Akto);
    let allowed = Allowed {
        burst: BURST,
        per_second: PER_SECOND,
        under_way: i64::try_from(IN_FLIGHT * stage.gateways.len()).unwrap(),
    };
    let over = over_limit(&calls, allowed);
    require!(over.is_none(), "more than allowed: {over:?}");
    Ok(())
}

/// An OPCO that asks for silence gets it from every lane, and over a restart.
async fn silent(stage: &mut Stage) -> Verdict {
    let contracts = [640, 641].map(|seed| contract(seed).to(Opco::Atlas));
    let first = throttled(stage, &contracts[0]).await;
    stage.kill().await;
    stage.serve().await;
    let second = stage.erp.submit(&contracts[1]).await;
    floor_kept(stage, &contracts, &[first, second]).await
}

/// Sends a contract to an OPCO that asks for silence once, and waits until it has.
async fn throttled(stage: &Stage, contract: &Contract) -> String {
    let fault = Fault::too_many_requests(Some(RETRY_AFTER_S)).on(Scope::Dossiers);
    stage.opcos.fault(Opco::Atlas, fault.times(1));
    let id = stage.erp.submit(contract).await;
    let told = |seen: &Value| seen["status"] == "waiting" && seen["fault"]["kind"] == "throttled";
    stage.erp.until(&id, "a refusal", told).await;
    id
}

async fn floor_kept(stage: &Stage, contracts: &[Contract], ids: &[String]) -> Verdict {
    for id in ids {
        delivered(&stage.erp, id).await?;
    }
    let mut calls = stage.opcos.calls(Opco::Atlas);
    calls.retain(|call| call.route != "token");
    let asked = calls.iter().position(|call| call.status == Some(429));
    let asked = asked.unwrap();
    let waited = calls[asked + 1].arrival_ms - calls[asked].arrival_ms;
    require!(
        waited >= i64::from(RETRY_AFTER_S) * 1_000,
        "the OPCO asked for silence and was called after {waited} ms"
    );
    for contract in contracts {
        once(stage, Opco::Atlas, contract)?;
    }
    Ok(())
}

/// A silence asked of one replica, kept by all that share a Redis; nothing where there is none.
async fn silent_over_redis(mutation: Option<&'static str>) -> Option<Verdict> {
    let redis = Redis::start().await?;
    let mut stage = Stage::set(&MEASURED, Engine::Postgres, mutation).await?;
    stage.add_settings(&format!("\n[redis]\nurl = \"{}\"\n", redis.url()));
    stage.serve().await;
    stage.serve().await;
    let contracts: Vec<Contract> = (650..660)
        .map(|seed| contract(seed).to(Opco::Atlas))
        .collect();
    let mut ids = vec![throttled(&stage, &contracts[0]).await];
    for (replica, contract) in contracts[1..].iter().enumerate() {
        let origin = &stage.gateways[replica % 2].origin;
        ids.push(stage.erp.at(origin).submit(contract).await);
    }
    let verdict = floor_kept(&stage, &contracts, &ids).await;
    stage.end().await;
    Some(verdict)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_asked_of_one_replica_is_kept_by_all_that_share_a_redis() {
    if let Some(verdict) = silent_over_redis(None).await {
        assert_eq!(verdict, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_do_not_tell_each_other_of_a_silence_are_caught() {
    if let Some(verdict) = silent_over_redis(Some("silence-untold")).await {
        let found = verdict.as_ref().is_err_and(|why| why.contains("silence"));
        assert!(found, "{verdict:?}");
    }
}
