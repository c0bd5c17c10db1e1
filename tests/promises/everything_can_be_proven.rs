//! Everything can be proven: every state of a delivery has its event, in a log per network that has
//! no gap, with the hash of what was received and of what was sent; an ERP that is told of an event can
//! tell by whom; each delivery gives a file that verifies offline against the published key; and a log
//! that was rewritten is found out.
//!
//! Every way to rewrite it, and every byte of a file, are tried in `store/tests/contract/proofs.rs` and
//! `tests/compat/test_evidence.py`.

use domain::Opco;
use domain::id::{DeliveryId, TenantId};
use domain::proof::{self, SignerKey};
use harness::erp::Erp;
use harness::network::network;
use harness::payload::contract;
use harness::receiver::{self, Receiver};
use harness::stage::Stage;
use harness::wait;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Scope};

use crate::{FAST, Verdict, delivered, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_drops_an_event_is_caught("event-dropped" on Sqlite)
        => "has no event";
    async fn a_gateway_whose_feed_skips_an_event_is_caught("feed-skips" on Sqlite)
        => "the log has a gap at 2";
    async fn a_gateway_that_keeps_no_hash_of_what_it_sent_is_caught("hash-dropped" on Sqlite)
        => "has no hash";
    async fn a_gateway_that_leaves_an_event_out_of_the_tree_is_caught("leaf-left-out" on Sqlite)
        => "gives no evidence";
    async fn a_gateway_that_believes_any_signature_is_caught("any-key-trusted" on Sqlite)
        => "is believed whoever signed it";
    async fn a_gateway_that_does_not_see_a_rewritten_event_is_caught("audit-blind" on Postgres)
        => "was rewritten unseen";
    async fn a_gateway_whose_news_is_not_signed_is_caught("news-unsigned" on Sqlite)
        => "is not signed";
}

async fn kept(stage: &mut Stage) -> Verdict {
    let (_, neighbour) = stage.another(network().without_key(Opco::Akto)).await;
    stage.add_settings(receiver::OPEN);
    stage.serve().await;
    let neighbour = neighbour.at(&stage.erp.origin);
    let receiver = Receiver::start();
    let wanted = json!({"url": receiver.url, "kinds": ["delivery.delivered"]});
    let made = stage.erp.post("/api/v1/webhooks", &wanted, &[]).await;
    let secret = made.expect(201)["secret"].clone();
    let (ids, theirs) = lives(stage, &neighbour).await?;
    for id in &ids {
        told(&stage.erp.delivery(id).await)?;
        hashed(stage, id).await?;
    }
    without_gap(&stage.erp, &ids).await?;
    let told = wait::until("news", async || receiver.taken().pop()).await;
    receiver.stop().await;
    require!(
        told.is_signed_with(secret.as_str().unwrap()),
        "the news of {} is not signed with the secret of its ERP",
        told.id
    );
    let other = neighbour.events().await;
    require!(!other.is_empty(), "the neighbour has no log");
    positions(&other)?;
    for id in &ids {
        proven(stage, &stage.erp, id).await?;
    }
    proven(stage, &neighbour, &theirs).await?;
    unrewritten(stage).await
}

/// The evidence file holds offline for whoever has the key of its log and for nobody else, and leaves
/// out nothing that happened.
async fn proven(stage: &Stage, erp: &Erp, id: &str) -> Verdict {
    let told = erp.delivery(id).await;
    let answer = erp.get(&format!("/api/v1/deliveries/{id}/preuve")).await;
    require!(
        answer.status == 200,
        "{id} gives no evidence: {}",
        answer.text
    );
    let file = stage.database.folder.join(format!("preuve-{id}.json"));
    std::fs::write(&file, &answer.text).unwrap();
    let file = file.to_str().unwrap();
    let network: TenantId = answer.json()["network"].as_str().unwrap().parse().unwrap();
    let keys = stage
        .store
        .published_keys(network, stage.now())
        .await
        .unwrap();
    let key = keys.last().unwrap().verifier.to_string();
    let stranger = SignerKey::from_seed(&proof::origin(network), &[1; 32]).unwrap();
    let stranger = stranger.verifier().to_string();
    let verify = async |key: &str| {
        let args = [
            "audit",
            "verify",
            file,
            "--trusted-key",
            key,
            "--format",
            "json",
        ];
        stage.command(&args).await
    };
    let ours = verify(&key).await;
    require!(
        ours.status.code() == Some(0),
        "the evidence of {id} does not hold: {ours:?}"
    );
    let said: Value = serde_json::from_slice(&ours.stdout).unwrap();
    let kinds = |list: &Value| -> Vec<Value> {
        let list = list.as_array().unwrap().iter();
        list.map(|event| event["kind"].clone()).collect()
    };
    let (shown, timeline) = (kinds(&said["events"]), kinds(&told["timeline"]));
    require!(
        shown.starts_with(&timeline),
        "the evidence of {id} leaves out events: {shown:?}, not {timeline:?}"
    );
    require!(
        verify(&stranger).await.status.code() == Some(1),
        "the evidence of {id} is believed whoever signed it"
    );
    Ok(())
}

/// An event changed by hand in the database is found, and where.
async fn unrewritten(stage: &Stage) -> Verdict {
    let audit = async || {
        let args = ["audit", "verify", "--store", "--format", "json"];
        let done = stage.command(&args).await;
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stdout).into_owned(),
        )
    };
    let (code, said) = audit().await;
    require!(code == Some(0), "an untouched log does not hold: {said}");
    let rewrite = "update event set actor = 'personne' where position = 2";
    stage.database.script(rewrite).await;
    let (code, said) = audit().await;
    let found = said.contains("{\"found\":\"event_altered\",\"position\":2}");
    require!(
        code == Some(1) && found,
        "event 2 was rewritten unseen: {said}"
    );
    Ok(())
}

/// Lets contracts live different lives, with a neighbour's in between: one goes at once, one fails
/// first, one loses its answer, one is held and cancelled.
async fn lives(stage: &Stage, neighbour: &Erp) -> Result<(Vec<String>, String), String> {
    let faults = [
        (Opco::Atlas, FaultKind::Unavailable),
        (Opco::Constructys, FaultKind::LostAnswer),
    ];
    for (opco, kind) in faults {
        let fault = Fault::new(kind).on(Scope::Dossiers).times(1);
        stage.opcos.fault(opco, fault);
    }
    let (mut ids, mut theirs) = (Vec::new(), String::new());
    for (seed, opco) in (950..).zip([Opco::Akto, Opco::Atlas, Opco::Constructys]) {
        ids.push(stage.erp.submit(&contract(seed).to(opco)).await);
        theirs = neighbour.submit(&contract(seed).to(Opco::Akto)).await;
        neighbour.until_held(&theirs, "no_key").await;
    }
    for id in &ids {
        delivered(&stage.erp, id).await?;
    }
    let ambiguous = contract(960)
        .with("/cerfa/employeur/codeIdcc", json!("8211"))
        .with("/cerfa/employeur/naf", json!("0220Z"));
    let held = stage.erp.submit(&ambiguous).await;
    let cancelled = stage.erp.act(&held, "cancel", json!({})).await;
    cancelled.expect(200);
    ids.push(held);
    Ok((ids, theirs))
}

/// Each attempt was opened on record before the call, what came of it is told after, and the last
/// word is where the delivery stands.
fn told(delivery: &Value) -> Verdict {
    let (id, status) = (&delivery["id"], delivery["status"].as_str().unwrap());
    let timeline = delivery["timeline"].as_array().unwrap();
    let kinds: Vec<&str> = timeline
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    require!(
        kinds.first() == Some(&"delivery.accepted"),
        "the acceptance of {id} has no event: {kinds:?}"
    );
    for attempt in delivery["attempts"].as_array().unwrap() {
        let of_attempt = |kind: &str| {
            timeline.iter().any(|event| {
                event["data"]["attempt"] == attempt["number"]
                    && event["kind"].as_str().unwrap().starts_with(kind)
            })
        };
        require!(
            of_attempt("attempt.opened"),
            "attempt {} of {id} has no event: {kinds:?}",
            attempt["number"]
        );
        require!(
            of_attempt("delivery."),
            "the outcome of attempt {} of {id} has no event: {kinds:?}",
            attempt["number"]
        );
    }
    let end = format!("delivery.{status}");
    require!(
        kinds.contains(&end.as_str()),
        "{status} of {id} has no event: {kinds:?}"
    );
    Ok(())
}

/// The log has the hash of what was received and of each write.
async fn hashed(stage: &Stage, id: &str) -> Verdict {
    let name: DeliveryId = id.parse().unwrap();
    let mut tx = stage.store.reading().await.unwrap();
    let events = store::events::of_delivery(&mut tx, stage.network.tenant, name)
        .await
        .unwrap();
    let wrote = |event: &store::events::Event| {
        let writes = ["taken", "failed", "lost"];
        writes.iter().any(|word| event.data["outcome"] == *word)
    };
    for event in events {
        require!(
            event.content_hash.is_some() || !(event.kind == "delivery.accepted" || wrote(&event)),
            "{} of {id} has no hash",
            event.kind
        );
    }
    Ok(())
}

/// Positions count from one, and the feed tells every delivery's end.
async fn without_gap(erp: &Erp, ids: &[String]) -> Verdict {
    let ends = |events: &[Value]| {
        let is_end = |event: &&Value| {
            event["kind"] == "delivery.delivered" || event["kind"] == "delivery.cancelled"
        };
        events.iter().filter(is_end).count()
    };
    let events = wait::until("every end in the feed", async || {
        let events = erp.events().await;
        (ends(&events) >= ids.len()).then_some(events)
    })
    .await;
    positions(&events)
}

fn positions(events: &[Value]) -> Verdict {
    for (place, event) in (1_i64..).zip(events) {
        require!(
            event["position"] == place,
            "the log has a gap at {place}: {event}"
        );
    }
    Ok(())
}
