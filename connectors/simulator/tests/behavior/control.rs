//! The control API and the page.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Settings, StartError, Version, start};

use crate::rig::{Rig, dossier_v1, send};

#[tokio::test]
async fn faults_are_set_listed_and_cleared_over_http() {
    let rig = Rig::start().await;
    let path = "/akto/faults";
    let fault =
        json!({"kind": "too_many_requests", "retry_after": 2, "times": 1, "route": "dossiers"});
    assert_eq!(
        rig.control(Method::POST, path, Some(fault)).await.status,
        200
    );
    let two = json!([{"kind": "slow", "ms": 1}, {"kind": "down", "close": true}]);
    assert_eq!(
        rig.control(Method::POST, "/all/faults", Some(two))
            .await
            .status,
        200
    );
    let list = rig.control(Method::GET, path, None).await.json();
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!(
        (&list[0]["fault"]["times"], &list[0]["struck"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        rig.control(Method::DELETE, "/all/faults", None)
            .await
            .status,
        200
    );
    assert_eq!(rig.control(Method::GET, path, None).await.json(), json!([]));
    for wrong in [
        json!({"kind": "slow", "seconds": 1}),
        json!({"kind": "explode"}),
        json!({"kind": "slow", "ms": 999_999_999}),
        json!({"kind": "html", "route": "partout"}),
        json!({}),
    ] {
        let reply = rig.control(Method::POST, path, Some(wrong.clone())).await;
        assert_eq!(reply.status, 400, "{wrong}");
        assert!(reply.json()["error"].is_string());
    }
    let nobody = rig.control(Method::GET, "/atko/faults", None).await;
    assert_eq!(nobody.status, 404);
    let url = format!("http://{}/control{path}", rig.running.address);
    let form = send(rig.http.post(url).body("{\"kind\":\"down\"}"))
        .await
        .unwrap();
    assert_eq!(form.status, 400, "a browser's form must not reach it");
}

#[tokio::test]
async fn settings_keys_and_accounts_are_set_over_http() {
    let rig = Rig::start().await;
    let settings = json!({
        "capabilities": {"dossiers_v2": "unknown"},
        "page_size": 5,
        "rate_limit": {"burst": 3, "per_minute": 60},
    });
    assert_eq!(
        rig.control(Method::POST, "/akto/settings", Some(settings))
            .await
            .status,
        200
    );
    let seen = rig
        .control(Method::GET, "/akto/settings", None)
        .await
        .json();
    assert_eq!(seen["capabilities"]["dossiers_v2"], "unknown");
    assert_eq!(seen["capabilities"]["dossiers_v1"], "production");
    assert_eq!(
        (&seen["page_size"], &seen["rate_limit"]["burst"]),
        (&json!(5), &json!(3))
    );
    let typo = rig
        .control(Method::POST, "/akto/settings", Some(json!({"pagesize": 5})))
        .await;
    assert_eq!(typo.status, 400);
    let key = json!({"key": "k", "siren": "987654324", "expires": "2027-01-31"});
    let reply = rig.control(Method::POST, "/all/keys", Some(key)).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"done": true})));
    let siren = json!({"key": "k", "siren": "123456789"});
    assert_eq!(
        rig.control(Method::POST, "/akto/keys", Some(siren))
            .await
            .status,
        400
    );
    let client = json!({"client_id": "a", "client_secret": "b"});
    assert_eq!(
        rig.control(Method::POST, "/akto/clients", Some(client))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_summary_the_ledger_and_the_calls_can_be_read_and_forgotten() {
    let rig = Rig::start().await;
    rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    rig.file("akto", Version::V1, &json!({})).await;
    let summary = rig.control(Method::GET, "/summary", None).await.json();
    let akto = summary["opcos"]
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["opco"] == "akto")
        .unwrap();
    assert_eq!(
        (&akto["received"], &akto["accepted"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(akto["counts"]["dossiers 400"], 1);
    assert_eq!(akto["states"]["TRANSMIS"], 1);
    assert_eq!(akto["base_path"], "/akto/SorApiEchangeCFA");
    let ledger = rig
        .control(Method::GET, "/ledger?opco=akto", None)
        .await
        .json();
    assert_eq!(
        (&ledger["total"], &ledger["entries"][0]["opco"]),
        (&json!(1), &json!("akto"))
    );
    let calls = rig
        .control(Method::GET, "/requests?limit=2", None)
        .await
        .json();
    let routes: Vec<&Value> = calls
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["status"])
        .collect();
    assert_eq!(routes, [&json!(200), &json!(400)]);
    let dossiers = rig
        .control(Method::GET, "/akto/dossiers", None)
        .await
        .json();
    assert_eq!(dossiers[0]["history"].as_array().unwrap().len(), 1);
    assert_eq!(
        rig.control(Method::POST, "/reset", Some(json!({})))
            .await
            .status,
        200
    );
    let ledger = rig.control(Method::GET, "/ledger", None).await.json();
    assert_eq!(ledger["total"], 0);
    let again = rig.file("akto", Version::V1, &dossier_v1()).await.numero();
    assert_eq!(again, "1000002", "a number is never given twice");
    assert_eq!(rig.control(Method::GET, "/nowhere", None).await.status, 404);
}

#[tokio::test]
async fn it_listens_on_this_machine_and_stops_when_told() {
    assert!(Settings::default().bind.ip().is_loopback());
    let rig = Rig::start().await;
    let address = rig.running.address;
    assert!(address.ip().is_loopback());
    assert_eq!(rig.get("akto", "/v1/dossiers/etats").await.status, 200);
    rig.running.stop().await;
    assert!(std::net::TcpStream::connect(address).is_err());
    let mut settings = Settings::default();
    settings
        .opcos
        .insert("atko".to_owned(), simulator::Overrides::default());
    assert!(matches!(
        start(settings).await,
        Err(StartError::UnknownOpco(_))
    ));
}
