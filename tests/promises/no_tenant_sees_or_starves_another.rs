//! No tenant sees or starves another: the network comes from the credential, and networks take turns
//! whatever each has waiting.

use std::collections::BTreeMap;

use domain::Opco;
use harness::erp::Erp;
use harness::network::network;
use harness::payload::{Contract, contract};
use harness::stage::{Script, Stage};
use harness::wait;
use serde_json::json;

use crate::{FAST, Verdict, promise, require, send};

/// Two calls at once: what goes first is what was claimed first.
const NARROW: Script<'static> = Script {
    of_opcos: "calls_per_minute = 6000\nburst = 50\nin_flight = 2\ntimeout_ms = 60000\n",
    ..FAST
};

promise! {
    NARROW;
    async fn a_gateway_that_mixes_up_who_calls_is_caught("tenant-forgotten" on Sqlite)
        => "another network's";
    async fn a_gateway_without_turns_is_caught("first-come-first-served" on Sqlite)
        => "of the first 12";
}

/// How many contracts each network has waiting.
const EACH: u64 = 15;
/// Of the first so many at the OPCO, each network has so many at least.
const FIRST: usize = 12;
const FAIR: usize = 3;

async fn kept(stage: &mut Stage) -> Verdict {
    let (_, stranger) = stage.another(network().marked("voisin")).await;
    // Nothing leaves yet: both networks have all their work waiting.
    stage.serve_as("api").await;
    let stranger = stranger.at(&stage.erp.origin);
    apart(&stage.erp, &stranger).await?;
    for seed in 1..EACH {
        for (erp, head) in [(&stage.erp, 400), (&stranger, 500)] {
            erp.submit(&contract(head + seed).to(Opco::Akto)).await;
        }
    }
    stage.stop().await;
    stage.serve().await;
    in_turn(stage).await
}

/// Two networks that send the very same call have two deliveries, and neither sees the other's.
async fn apart(erp: &Erp, stranger: &Erp) -> Verdict {
    let contract: Contract = contract(400).to(Opco::Akto);
    let mine = send(erp, &contract, "la-meme-cle").await.unwrap();
    let path = format!("/api/v1/deliveries/{mine}");
    let seen = stranger.get(&path).await.status.as_u16();
    require!(seen == 404, "another network's delivery is read: {seen}");
    for action in ["retry", "cancel", "choose-opco", "complete", "revive"] {
        let done = stranger.act(&mine, action, json!({})).await.status.as_u16();
        require!(
            done == 404,
            "{action} of another network's delivery: {done}"
        );
    }
    for list in ["deliveries", "dossiers", "events"] {
        let listed = stranger.get(&format!("/api/v1/{list}")).await.expect(200);
        require!(
            listed[list] == json!([]),
            "another network's {list}: {listed}"
        );
    }
    let twin = send(stranger, &contract, "la-meme-cle").await;
    require!(
        twin.as_ref().is_some_and(|twin| *twin != mine),
        "another network's answer is replayed: {twin:?}"
    );
    Ok(())
}

/// The keys of two networks are never the same: they tell whose call arrived.
async fn in_turn(stage: &Stage) -> Verdict {
    let first = wait::until("the first calls", async || {
        let ledger = stage.opcos.ledger(Opco::Akto);
        (ledger.len() >= FIRST).then(|| ledger[..FIRST].to_vec())
    })
    .await;
    let mut of_key = BTreeMap::new();
    for entry in first {
        *of_key.entry(entry.key).or_insert(0_usize) += 1;
    }
    let least = of_key.values().copied().min().unwrap_or_default();
    require!(
        of_key.len() == 2 && least >= FAIR,
        "of the first {FIRST} calls a network has {:?}",
        of_key.values()
    );
    Ok(())
}
