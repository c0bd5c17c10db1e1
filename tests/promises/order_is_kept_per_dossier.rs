//! Order is kept per dossier, and dossiers run in parallel.
//!
//! Two amendments of one contract: while the first waits for its next attempt the second stays
//! behind it, and another dossier overtakes both.

use domain::Opco;
use harness::payload::{Contract, contract};
use harness::stage::{Script, Stage};
use harness::wait;
use serde_json::{Value, json};
use simulator::{Capability, Fault, FaultKind, Scope};

use crate::{FAST, Verdict, delivered, once, promise, require};

/// What failed stays away until a person says so.
const PATIENT: Script<'static> = Script {
    settings: r#"
[server]
listen = "127.0.0.1:0"
threads = 1

[delivery.worker]
lease_s = 100
turn_wait_s = 30
retry_after_s = [86400, 86400]

[delivery.poll]
first_s = 20
hot_s = 20
"#,
    ..FAST
};

promise! {
    PATIENT;
    async fn a_gateway_whose_payloads_overtake_each_other_is_caught("lane-of-its-own" on Sqlite)
        => "overtook its predecessor";
}

async fn kept(stage: &mut Stage) -> Verdict {
    stage.opcos.open(Opco::Akto, Capability::Avenant);
    stage.serve().await;
    let initial = contract(300).to(Opco::Akto);
    let id = stage.erp.submit(&initial).await;
    let numero = delivered(&stage.erp, &id).await?["numero_interne"].clone();
    let deca = deca(stage, numero.as_str().unwrap()).await;
    let unavailable = Fault::new(FaultKind::Unavailable).on(Scope::Dossiers);
    stage.opcos.fault(Opco::Akto, unavailable.times(1));
    let first = stage.erp.submit(&amendment(&initial, 31, &deca)).await;
    stage.erp.until_status(&first, "waiting").await;
    let second = stage.erp.submit(&amendment(&initial, 32, &deca)).await;
    let other = contract(301).to(Opco::Akto);
    let parallel = stage.erp.submit(&other).await;
    delivered(&stage.erp, &parallel).await?;
    let behind = stage.erp.delivery(&second).await;
    require!(
        behind["status"] == "waiting" && behind["reason"] == "predecessor",
        "{second} is {} and overtook its predecessor",
        behind["status"]
    );
    stage.erp.act(&first, "retry", json!({})).await.expect(200);
    delivered(&stage.erp, &first).await?;
    delivered(&stage.erp, &second).await?;
    once(stage, Opco::Akto, &other)?;
    let taken = stage.opcos.taken(Opco::Akto, &initial);
    let terms = taken.iter().map(|entry| entry.terms.as_ref().unwrap());
    let order: Vec<u8> = terms.map(|terms| terms.type_contrat).collect();
    require!(order == [11, 31, 32], "the OPCO took them as {order:?}");
    Ok(())
}

/// An amendment of a contract, which shares its pairing key and so its lane.
fn amendment(initial: &Contract, code: u8, deca: &str) -> Contract {
    let mut contract = initial.clone();
    let block = &mut contract.body["cerfa"]["contrat"];
    block["typeContratApp"] = json!(code);
    block["numeroContratPrecedent"] = json!(deca);
    block["dateEffetAvenant"] = json!("2026-10-01T00:00:00+00:00");
    contract
}

/// Waits until the contract has the number its amendments name.
async fn deca(stage: &Stage, numero: &str) -> String {
    let path = format!("/api/v1/dossiers?opco=akto&numero={numero}");
    let dossier = wait::until_value(
        "an engaged dossier",
        async || stage.erp.get(&path).await.expect(200)["dossiers"][0].clone(),
        |dossier: &Value| dossier["numero_deca"].is_string(),
    )
    .await;
    dossier["numero_deca"].as_str().unwrap().to_owned()
}
