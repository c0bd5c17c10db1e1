//! The ten promises, one suite each: it holds on the product, on both engines, and the same suite
//! catches a product in which one line has been turned wrong (`gateway/src/mutation.rs`).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod a_hiccup_is_never_a_verdict;
mod acknowledged_is_durable;
mod every_refusal_helps;
mod everything_can_be_proven;
mod no_limit_is_exceeded;
mod no_tenant_sees_or_starves_another;
mod nothing_is_lost;
mod nothing_is_sent_twice;
mod order_is_kept_per_dossier;
mod secrets_stay_secret;

use domain::Opco;
use harness::database::Engine;
use harness::erp::{self, Erp};
use harness::payload::Contract;
use harness::process::Program;
use harness::stage::{Script, Stage};
use reqwest::Method;
use serde_json::Value;

/// What became of a promise: kept, or what was broken.
type Verdict = Result<(), String>;

/// Twenty times the machine's clock, and short leases: a death is mended in seconds.
const FAST: Script<'static> = Script {
    program: Program(env!("CARGO_BIN_EXE_gateway-under-test")),
    factor: harness::scene::FACTOR,
    settings: r#"
[server]
listen = "127.0.0.1:0"
threads = 1

[delivery.worker]
lease_s = 100
turn_wait_s = 30

[delivery.poll]
first_s = 20
hot_s = 20
"#,
    of_opcos: "calls_per_minute = 6000\nburst = 50\nin_flight = 8\ntimeout_ms = 60000\n\
        look_after_s = [20, 20]\nreplay_after_lost = true\n",
};

/// Requires something of the product.
macro_rules! require {
    ($kept:expr, $($broken:tt)+) => {
        if !$kept {
            return Err(format!($($broken)+));
        }
    };
}
use require;

/// Makes the suite of a promise: it holds on both engines, and each planted fault is caught, for
/// the reason given.
macro_rules! promise {
    ($script:ident; $(async fn $caught:ident($mutation:literal on $engine:ident) => $reason:literal;)+) => {
        mod the_promise_holds {
            use harness::database::Engine;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                crate::holds(&super::$script, Engine::Sqlite, super::kept).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                crate::holds(&super::$script, Engine::Postgres, super::kept).await;
            }
        }

        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $caught() {
                let engine = harness::database::Engine::$engine;
                crate::caught(&$script, engine, $mutation, $reason, kept).await;
            }
        )+
    };
}
use promise;

/// Plays a promise's scenario on the product.
async fn holds(script: &Script<'_>, engine: Engine, kept: impl AsyncFn(&mut Stage) -> Verdict) {
    if let Some(verdict) = played(script, engine, None, kept).await {
        assert_eq!(verdict, Ok(()), "on {}", engine.name());
    }
}

/// Plays it on a product with one fault planted, which must be found for the right reason.
async fn caught(
    script: &Script<'_>,
    engine: Engine,
    mutation: &'static str,
    reason: &str,
    kept: impl AsyncFn(&mut Stage) -> Verdict,
) {
    let Some(verdict) = played(script, engine, Some(mutation), kept).await else {
        return;
    };
    let found = verdict.as_ref().is_err_and(|why| why.contains(reason));
    assert!(found, "{mutation}: {verdict:?}, not `{reason}`");
}

async fn played(
    script: &Script<'_>,
    engine: Engine,
    mutation: Option<&'static str>,
    kept: impl AsyncFn(&mut Stage) -> Verdict,
) -> Option<Verdict> {
    let mut stage = Stage::set(script, engine, mutation).await?;
    let verdict = kept(&mut stage).await;
    stage.end().await;
    Some(verdict)
}

/// Sends a contract as an ERP does that will repeat itself: the name of the delivery once it is
/// acknowledged, nothing when there is no answer or not yet a good one.
async fn send(erp: &Erp, contract: &Contract, key: &str) -> Option<String> {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    let body = contract.body.to_string().into_bytes();
    let answer = erp
        .try_request(Method::POST, "/api/v1/dossiers", &headers, body)
        .await?;
    match answer.status.as_u16() {
        202 => Some(erp::id(&answer.json())),
        503 => None,
        _ => unreachable!("{}", answer.text),
    }
}

/// Lets a gateway die at a step with this contract on its way, starts another, and repeats the call.
async fn killed_at(stage: &mut Stage, step: &str, contract: &Contract, key: &str) -> String {
    stage.stop().await;
    stage.serve_until(step).await;
    send(&stage.erp, contract, key).await;
    stage.died().await;
    stage.serve().await;
    send(&stage.erp, contract, key).await.unwrap()
}

/// Waits until a delivery is at the OPCO; any other end is a broken promise.
async fn delivered(erp: &Erp, id: &str) -> Result<Value, String> {
    let ended = erp.until(id, "its end", is_end).await;
    require!(
        ended["status"] == "delivered",
        "{id} ended as {}: {}",
        ended["status"],
        ended["fault"]
    );
    Ok(ended)
}

/// Returns whether the gateway will do nothing more for a delivery by itself.
fn is_end(delivery: &Value) -> bool {
    let ends = ["delivered", "rejected", "dead", "cancelled", "held"];
    ends.iter().any(|end| delivery["status"] == *end)
}

/// Asks the OPCO's ledger how often it took a contract.
fn once(stage: &Stage, opco: Opco, contract: &Contract) -> Verdict {
    let times = stage.opcos.taken(opco, contract).len();
    require!(times == 1, "a contract is at {opco} {times} times");
    Ok(())
}
