//! What a network decides in the dashboard: dated, signed with a reason, and for itself alone.

use domain::person::Role;
use harness::desk::{Browser, PASSWORD, account, word};
use harness::erp::Answer;
use harness::network::network;
use reqwest::Method;
use serde_json::{Value, json};
use store::events;
use store::people::Scope;

use super::{OPTIONAL, Place, on_both};

async fn log(place: &Place) -> String {
    let mut tx = place.store.reading().await.unwrap();
    let told = events::after(&mut tx, place.network.tenant, 0, 1_000).await;
    format!("{:?}", told.unwrap())
}

async fn post(browser: &mut Browser, path: &str, body: Value) -> Answer {
    let word = word(&browser.get("/account").await.text).unwrap();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/json"),
        ("x-csrf-token", word.as_str()),
    ];
    browser
        .ask(Method::POST, path, &headers, Some(body.to_string()))
        .await
}

/// Signs in as the administrator of another network.
async fn neighbour(place: &Place) -> Browser {
    let other = network().create(&place.store, place.now()).await;
    let roles = [(Role::Admin, Scope::Network)];
    account(
        &place.store,
        other.tenant,
        "voisin@cfa.example",
        &roles,
        place.now(),
    )
    .await;
    let mut browser = place.browser();
    browser.sign_in("voisin@cfa.example", PASSWORD).await;
    browser
}

on_both! { OPTIONAL;
    async fn an_employer_s_opco_is_said_for_some_days_with_a_reason_and_ended(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let page = "/settings/decisions";
        let said = [("act", "say-route"), ("employer", "123 456 782 00010"), ("opco", "akto"),
            ("until", "2026-12-31"), ("reason", "<b>courrier</b> de l'OPCO")];
        let answer = browser.submit(page, &said).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let shown = browser.get(page).await.text;
        assert!(shown.contains("&lt;b&gt;courrier") && !shown.contains("<b>courrier"), "{shown}");
        assert!(shown.contains("Une personne"), "who, by name: {shown}");
        let listed = browser.get("/admin/v1/decisions").await.json();
        let route = &listed["routes"][0];
        assert_eq!((route["employer"].as_str(), route["opco"].as_str()), (Some("12345678200010"), Some("akto")));
        assert_eq!(route["until"], "2026-12-31T23:00:00Z", "the end of the day in France");
        let id = route["id"].as_str().unwrap().to_owned();

        // Not two for one employer on one day.
        let twice = browser.submit(page, &said).await;
        assert_eq!(twice.status, 400, "{}", twice.text);
        assert!(twice.text.contains("déjà en vigueur"), "{}", twice.text);
        let twice = json!({"act": "say-route", "employer": "12345678200010", "opco": "atlas", "reason": "r"});
        let twice = post(&mut browser, "/admin/v1/decisions", twice).await;
        assert_eq!((twice.status.as_u16(), &twice.json()["pointer"]), (409, &json!("/employer")), "{}", twice.text);
        let after = json!({"act": "say-route", "employer": "12345678200010", "opco": "atlas", "reason": "r",
            "from": "2027-01-01"});
        let after = post(&mut browser, "/admin/v1/decisions", after).await;
        let coming = after.json()["routes"][0]["id"].as_str().unwrap().to_owned();
        let end = json!({"act": "end-route", "id": coming, "reason": "essai"});
        assert_eq!(post(&mut browser, "/admin/v1/decisions", end).await.status, 200);

        let mut other = neighbour(&place).await;
        let end = json!({"act": "end-route", "id": id, "reason": "non"});
        assert_eq!(post(&mut other, "/admin/v1/decisions", end.clone()).await.status, 404);
        assert_eq!(other.get("/admin/v1/decisions").await.json()["routes"], json!([]));
        let ended = post(&mut browser, "/admin/v1/decisions", end.clone()).await;
        assert_eq!(ended.json()["routes"], json!([]), "{}", ended.text);
        assert_eq!(post(&mut browser, "/admin/v1/decisions", end).await.status, 404, "once");
        let log = log(&place).await;
        for told in ["route_override.created", "route_override.ended", "person:", "courrier"] {
            assert!(log.contains(told), "{told}: {log}");
        }
    }

    async fn what_is_unsigned_over_or_none_is_not_decided(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let mut auditor = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let route = json!({"act": "say-route", "employer": "123456782", "opco": "akto", "reason": "r"});
        let with = |name: &str, value: &str| {
            let mut body = route.clone();
            body[name] = json!(value);
            body
        };
        for (body, pointer) in [
            (with("reason", " "), "/reason"),
            (with("employer", "123456789"), "/employer"),
            (with("until", "2026-09-01"), "/until"),
            (json!({"act": "change-rule", "rule": "ZZZ-999", "effect": "warn", "reason": "r"}), "/rule"),
        ] {
            let answer = post(&mut browser, "/admin/v1/decisions", body).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert_eq!(answer.json()["pointer"], pointer, "{}", answer.text);
        }
        assert_eq!(post(&mut auditor, "/admin/v1/decisions", route).await.status, 403);
        let page = auditor.get("/settings/decisions").await.text;
        assert!(!page.contains("name=\"act\""), "who only reads has no forms");
        let listed = browser.get("/admin/v1/decisions").await.json();
        assert_eq!(listed, json!({"routes": [], "rules": []}));
    }

    async fn a_rule_does_otherwise_until_it_is_restored(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let doubtful = domain::rules::all().find(|rule| rule.effect == domain::Effect::Warn).unwrap();
        let page = "/settings/decisions";
        let change = [("act", "change-rule"), ("rule", doubtful.id), ("effect", "refuse"), ("reason", "audit")];
        let answer = browser.submit(page, &change).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let listed = browser.get("/admin/v1/decisions").await.json();
        assert_eq!(listed["rules"][0]["effect"], "refuse", "{listed}");
        let back = [("act", "restore-rule"), ("rule", doubtful.id), ("reason", "fini")];
        assert_eq!(browser.submit(page, &back).await.status, 303);
        assert_eq!(browser.get("/admin/v1/decisions").await.json()["rules"], json!([]));
        assert!(log(&place).await.contains("rule_override.removed"));
    }

    async fn a_flow_and_works_of_an_opco_are_said_for_one_network_alone(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let page = "/settings/openings";
        let open = [("act", "open"), ("system", "akto/1"), ("capability", "rupture"),
            ("openness", "production"), ("reason", "courriel de l'OPCO")];
        assert_eq!(browser.submit(page, &open).await.status, 303);
        let works = [("act", "announce"), ("system", "akto/1"), ("environment", "test"),
            ("from", "2026-09-02T20:00"), ("until", "2026-09-03T06:00"), ("reason", "bascule")];
        let answer = browser.submit(page, &works).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let backwards = json!({"act": "announce", "system": "akto", "environment": "test",
            "from": "2026-09-03T06:00", "until": "2026-09-02T20:00", "reason": "r"});
        let answer = post(&mut browser, "/admin/v1/openings", backwards).await;
        assert_eq!(answer.json()["pointer"], "/until", "{}", answer.text);
        let shown = browser.get(page).await.text;
        assert!(shown.contains("bascule") && shown.contains("courriel de l"), "{shown}");
        let listed = browser.get("/admin/v1/openings").await.json();
        let (flow, window) = (&listed["flows"][0], &listed["windows"][0]);
        assert_eq!((flow["opco"].as_str(), flow["everywhere"].as_bool()), (Some("akto"), Some(false)), "{listed}");
        assert_eq!(window["from"], "2026-09-02T18:00:00Z", "the hour in France: {listed}");

        // Works that have begun are told where one looks how an OPCO does.
        let begun = json!({"act": "announce", "system": "atlas", "environment": "test",
            "from": "2026-08-01T08:00", "until": "2027-01-15T08:00", "reason": "migration"});
        let answer = post(&mut browser, "/admin/v1/openings", begun).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let closed = |opcos: &Value| opcos["opcos"].as_array().unwrap().iter()
            .find(|one| one["opco"] == "atlas").unwrap()["systems"][0]["closed_until"].clone();
        let told = browser.get("/admin/v1/opcos?world=test").await.json();
        assert_eq!(closed(&told), "2027-01-15T07:00:00Z", "{told:#}");
        assert!(browser.get("/?world=test").await.text.contains("en travaux"));
        let end = json!({"act": "end-window", "id": answer.json()["windows"][0]["id"], "reason": "fini"});
        assert_eq!(post(&mut browser, "/admin/v1/openings", end).await.status, 200);

        let mut other = neighbour(&place).await;
        let told = other.get("/admin/v1/opcos?world=test").await.json();
        assert_eq!(closed(&told), Value::Null);
        assert_eq!(other.get("/admin/v1/openings").await.json(), json!({"flows": [], "windows": []}));
        for (act, one) in [("end-flow", flow), ("end-window", window)] {
            let end = json!({"act": act, "id": one["id"], "reason": "fini"});
            let theirs = post(&mut other, "/admin/v1/openings", end.clone()).await;
            assert_eq!(theirs.status, 404, "{}", theirs.text);
            let ended = post(&mut browser, "/admin/v1/openings", end).await;
            assert_eq!(ended.status, 200, "{}", ended.text);
        }
        assert_eq!(browser.get("/admin/v1/openings").await.json(), json!({"flows": [], "windows": []}));
        let log = log(&place).await;
        for told in ["capability_switch.created", "capability_switch.ended", "opco_window.created",
            "opco_window.ended", "bascule"] {
            assert!(log.contains(told), "{told}: {log}");
        }
    }
}
