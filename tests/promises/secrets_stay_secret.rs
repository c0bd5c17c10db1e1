//! Secrets stay secret: after the whole way of a contract and its agreement, planted secrets are found
//! nowhere in the clear: not in what the process wrote, not in its answers, not in the database. Nor
//! may an ERP have the gateway call what is inside of its own network.
//!
//! The scan of every door (spans, write-ahead logs, the server's own log, every form a secret may take)
//! is `tests/security`.

use domain::{Opco, Secret};
use harness::database::{Database, Engine};
use harness::erp;
use harness::network::network;
use harness::payload::{contract, nir};
use harness::pieces::{Form, convention, files, pdf};
use harness::stage::Stage;
use serde_json::json;

use crate::{FAST, Verdict, delivered, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_prints_a_key_is_caught("print-key" on Sqlite)
        => "the secrets of the network are in gateway";
    async fn a_gateway_that_writes_the_nir_into_its_log_is_caught("nir-in-event" on Sqlite)
        => "the NIR is in";
    async fn a_gateway_that_prints_a_file_is_caught("print-file" on Sqlite)
        => "the file of an agreement is in gateway";
    async fn a_gateway_that_calls_any_address_is_caught("any-address" on Sqlite)
        => "an address of the inside may be called";
}

/// Planted in the CFA key, the software's secret and the ERP's API key.
const MARK: &str = "canari-4f1";
const SEED: u64 = 900;
/// What the file of an agreement holds.
const IN_A_FILE: &str = "canari-du-fichier-7c2";
/// Where a cloud answers its own machines.
const INSIDE: &str = "https://169.254.169.254/latest/";

async fn kept(stage: &mut Stage) -> Verdict {
    let (_, erp) = stage.another(network().marked(MARK)).await;
    stage.serve().await;
    let erp = erp.at(&stage.erp.origin);
    let good = contract(SEED).to(Opco::Akto);
    let bad = good.clone().with("/cerfa/employeur/siret", json!("1"));
    erp.send(&bad).await.expect(422);
    let id = erp.submit(&good).await;
    delivered(&erp, &id).await?;
    let inside = json!({"url": INSIDE});
    let made = erp
        .post("/api/v1/webhooks", &inside, &[])
        .await
        .status
        .as_u16();
    require!(
        made == 422,
        "an address of the inside may be called: {made}"
    );
    let agreement = convention(&good).of(&id).filed(Some(("c.pdf", marked())));
    let accepted = erp.hand_in(&agreement, Form::Multipart, &[]).await;
    delivered(&erp, &erp::id(&accepted.expect(202))).await?;
    for path in [
        "/api/v1/deliveries",
        "/api/v1/dossiers",
        "/api/v1/events",
        "/metrics",
    ] {
        erp.get(path).await;
    }
    let evidence = erp.get(&format!("/api/v1/deliveries/{id}/preuve")).await;
    evidence.expect(200);
    stage.stop().await;
    let mut places = vec![("an answer".to_owned(), erp.heard().into_bytes())];
    places.extend(written(&stage.database).await);
    let secrets = [
        ("the secrets of the network are", Secret::new(MARK)),
        ("the NIR is", Secret::new(nir(SEED))),
        ("the file of an agreement is", Secret::new(IN_A_FILE)),
    ];
    for (what, secret) in secrets {
        for (place, bytes) in &places {
            require!(
                !holds(bytes, secret.expose().as_bytes()),
                "{what} in {place}"
            );
        }
    }
    Ok(())
}

/// Returns a PDF that holds what nobody may read.
fn marked() -> Vec<u8> {
    let mut bytes = pdf(4_000);
    let end = 100 + IN_A_FILE.len();
    bytes[100..end].copy_from_slice(IN_A_FILE.as_bytes());
    bytes
}

/// Returns everything that was written: the files of the test and of its payloads, and the rows of a
/// server's database.
async fn written(database: &Database) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    for path in files(&database.folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        places.push((name, std::fs::read(&path).unwrap()));
    }
    assert!(places.len() > 2, "log and settings, at least");
    if database.engine == Engine::Postgres {
        places.push(("the database".to_owned(), database.dump().await));
    }
    places
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}
