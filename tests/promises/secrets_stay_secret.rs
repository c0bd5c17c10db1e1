//! Secrets stay secret: after a contract's whole way, planted secrets are found nowhere in the clear:
//! not in what the process wrote, not in its answers, not in the database.
//!
//! The scan of every door (spans, write-ahead logs, the server's own log, every form a secret may take)
//! is `tests/security`.

use domain::{Opco, Secret};
use harness::database::{Database, Engine};
use harness::network::network;
use harness::payload::{contract, nir};
use harness::stage::Stage;
use serde_json::json;

use crate::{FAST, Verdict, delivered, promise, require};

promise! {
    FAST;
    async fn a_gateway_that_prints_a_key_is_caught("print-key" on Sqlite)
        => "the secrets of the network are in gateway";
    async fn a_gateway_that_writes_the_nir_into_its_log_is_caught("nir-in-event" on Sqlite)
        => "the NIR is in";
}

/// Planted in the CFA key, the software's secret and the ERP's API key.
const MARK: &str = "canari-4f1";
const SEED: u64 = 900;

async fn kept(stage: &mut Stage) -> Verdict {
    let (_, erp) = stage.another(network().marked(MARK)).await;
    stage.serve().await;
    let erp = erp.at(&stage.erp.origin);
    let good = contract(SEED).to(Opco::Akto);
    let bad = good.clone().with("/cerfa/employeur/siret", json!("1"));
    erp.send(&bad).await.expect(422);
    let id = erp.submit(&good).await;
    delivered(&erp, &id).await?;
    for path in [
        "/api/v1/deliveries",
        "/api/v1/dossiers",
        "/api/v1/events",
        "/metrics",
    ] {
        erp.get(path).await;
    }
    stage.stop().await;
    let mut places = vec![("an answer".to_owned(), erp.heard().into_bytes())];
    places.extend(written(&stage.database).await);
    let secrets = [
        ("the secrets of the network are", Secret::new(MARK)),
        ("the NIR is", Secret::new(nir(SEED))),
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

/// Returns everything that was written: the files of the test, and the rows of a server's database.
async fn written(database: &Database) -> Vec<(String, Vec<u8>)> {
    let mut places = Vec::new();
    for file in std::fs::read_dir(&database.folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            places.push((name, std::fs::read(&path).unwrap()));
        }
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
