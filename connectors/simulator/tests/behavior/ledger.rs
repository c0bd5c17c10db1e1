//! What is written down: the ledger, read back after a restart, and the log of calls.

use std::collections::BTreeSet;

use serde_json::json;
use simulator::{Fault, FaultKind, LedgerEntry, LedgerSync, RequestEntry, Version};

use crate::rig::{KEY, Rig, SECRET, START_MS, Scratch, dossier_of, dossier_v1, opened, send};

fn entries(file: &Scratch) -> Vec<LedgerEntry> {
    file.text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_contract_is_in_the_file_when_its_answer_comes_or_is_lost() {
    for sync in [LedgerSync::Each, LedgerSync::Grouped, LedgerSync::Off] {
        let file = Scratch::new("ledger");
        let rig = Rig::with(|settings| {
            settings.ledger = Some(file.0.clone());
            settings.ledger_sync = sync;
        })
        .await;
        let call = rig
            .call(reqwest::Method::POST, "akto", "/v1/dossiers")
            .await;
        let call = call.header("traceparent", "00-abc").json(&dossier_v1());
        let numero = send(call).await.unwrap().numero();
        let [entry] = entries(&file).try_into().unwrap();
        assert_eq!(
            (entry.opco.as_str(), entry.numero_interne),
            ("akto", numero)
        );
        assert_eq!((entry.version, entry.arrival_ms), (Version::V1, START_MS));
        assert_eq!(entry.pairing.nom, "MARTIN");
        assert_eq!(entry.pairing.date_naissance, "2005-04-17");
        assert_eq!(entry.headers["traceparent"], "00-abc");
        assert_eq!(entry.headers["editeur"], "Essais");

        rig.handle()
            .add_fault("akto", Fault::new(FaultKind::LostAnswer))
            .unwrap();
        assert!(
            rig.try_file("akto", Version::V2, &dossier_of("PETIT"))
                .await
                .is_err()
        );
        assert_eq!(entries(&file).len(), 2);
        rig.handle().clear_faults("akto").unwrap();
        assert_eq!(rig.file("akto", Version::V1, &json!({})).await.status, 400);
        assert_eq!(
            rig.file("akto", Version::V1, &dossier_v1()).await.status,
            409
        );
        assert_eq!(entries(&file).len(), 2, "what is refused is not written");
        rig.running.stop().await;
    }
}

#[tokio::test]
async fn no_secret_is_written_down() {
    let (ledger, log) = (Scratch::new("ledger"), Scratch::new("log"));
    let rig = Rig::with(|settings| {
        settings.ledger = Some(ledger.0.clone());
        settings.request_log = Some(log.0.clone());
    })
    .await;
    rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    let mut wrong = dossier_v1();
    wrong["cerfa"]["apprenti"]["nir"] = json!("205049399999993");
    rig.file("akto", Version::V1, &wrong).await;
    rig.get(
        "akto",
        &format!("/v2/cfakeyinfo?siren=987654324&XAPIKEY={KEY}"),
    )
    .await;
    let token = rig.token("akto").await;
    let page = send(rig.http.get(format!("http://{}/", rig.running.address)))
        .await
        .unwrap()
        .text;
    let summary = serde_json::to_string(&rig.handle().summary()).unwrap();
    rig.running.stop().await;
    assert!(!ledger.text().is_empty() && log.text().lines().count() == 4);
    for text in [ledger.text(), log.text(), page, summary] {
        for secret in [KEY, &token, SECRET, "205049399999992", "205049399999993"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn an_opco_that_restarts_forgets_no_contract() {
    let file = Scratch::new("ledger");
    let start = || {
        Rig::with(|settings| {
            settings.ledger = Some(file.0.clone());
        })
    };
    let rig = start().await;
    let first = rig
        .file("opcoep", Version::V1, &dossier_v1())
        .await
        .numero();
    rig.running.stop().await;
    // A line that a crash cut short belongs to a contract nobody was told about.
    let cut = format!("{}{{\"opco\":\"opcoep\",\"num", file.text());
    std::fs::write(&file.0, cut).unwrap();

    let rig = start().await;
    let double = rig.file("opcoep", Version::V1, &dossier_v1()).await;
    assert_eq!(double.status, 409);
    let etats = rig.get("opcoep", "/v1/dossiers/etats").await.json();
    assert_eq!(etats[0]["numeroInterne"], json!(first));
    let detail = rig
        .get("opcoep", &format!("/v1/dossiers?numeroInterne={first}"))
        .await
        .json();
    assert_eq!(detail["cerfa"]["apprenti"]["nom"], "MARTIN");
    assert_eq!(
        detail["cerfa"]["contrat"]["dateFinContrat"],
        "2028-08-31T00:00:00+00:00"
    );
    let second = rig
        .file("opcoep", Version::V1, &dossier_of("PETIT"))
        .await
        .numero();
    assert_ne!(second, first);
    assert_eq!(file.text().lines().count(), 3);
    rig.running.stop().await;
}

#[tokio::test]
async fn many_contracts_at_once_are_each_written_once() {
    let file = Scratch::new("ledger");
    let rig = Rig::with(|settings| {
        settings.ledger = Some(file.0.clone());
        settings.keep_payloads = false;
        settings.workers = 2;
    })
    .await;
    rig.token("akto").await;
    let rig = std::sync::Arc::new(rig);
    let tasks: Vec<_> = (0..64)
        .map(|rank| {
            let rig = std::sync::Arc::clone(&rig);
            tokio::spawn(async move {
                let body = dossier_of(&format!("NOM{rank}"));
                rig.file("akto", Version::V1, &body).await.numero()
            })
        })
        .collect();
    let mut given = BTreeSet::new();
    for task in tasks {
        given.insert(task.await.unwrap());
    }
    let written: BTreeSet<String> = entries(&file)
        .into_iter()
        .map(|entry| entry.numero_interne)
        .collect();
    assert_eq!((given.len(), entries(&file).len()), (64, 64));
    assert_eq!(given, written);
    let page = rig.handle().ledger(Some("akto"), 60, 10).unwrap();
    assert_eq!((page.total, page.entries.len()), (64, 4));
    let detail = rig
        .get("akto", "/v1/dossiers?numeroInterne=1000001")
        .await
        .json();
    assert!(
        detail["cerfa"]["apprenti"].get("nir").is_none(),
        "no body is kept"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_contract_that_cannot_be_written_is_not_taken() {
    // Every write to it fails as on a full disk.
    let rig = Rig::with(|settings| settings.ledger = Some("/dev/full".into())).await;
    let reply = rig.file("akto", Version::V1, &dossier_v1()).await;
    assert_eq!(reply.status, 500, "{reply:?}");
    assert_eq!(
        rig.get("akto", "/v1/dossiers/etats").await.json(),
        json!([])
    );
    assert_eq!(rig.handle().ledger(None, 0, 10).unwrap().total, 0);
}

#[tokio::test]
async fn every_call_is_logged_with_its_instant_and_its_answer() {
    let file = Scratch::new("log");
    let rig = Rig::with(|settings| {
        settings.request_log = Some(file.0.clone());
        settings.opcos.insert("akto".to_owned(), opened());
    })
    .await;
    rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.tick(250);
    rig.handle()
        .add_fault("akto", Fault::new(FaultKind::Unavailable).times(1))
        .unwrap();
    rig.get("akto", "/v2/dossiers/etats").await;
    rig.running.stop().await;
    let log: Vec<RequestEntry> = file
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen: Vec<_> = log
        .iter()
        .map(|e| {
            (
                e.sequence,
                e.route.as_str(),
                e.version,
                e.status,
                e.arrival_ms - START_MS,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (1, "token", None, Some(200), 0),
            (2, "dossiers", Some(Version::V1), Some(200), 0),
            (3, "etats", Some(Version::V2), Some(503), 250),
        ]
    );
    assert_eq!(log[1].key.as_deref().map(str::len), Some(16));
    assert_eq!(log[2].fault.as_deref(), Some("unavailable"));
}
