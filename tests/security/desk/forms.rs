//! What is wrong with a form is told at once, each thing beside its field; a document gets it as a list.

use domain::HoldReason;
use domain::person::Role;
use harness::desk::{Browser, delivery, word};
use harness::erp::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use store::{Standing, tenants};

use super::{OPTIONAL, on_both};

/// Sends a document as a page's script would.
async fn post(browser: &mut Browser, path: &str, body: &Value) -> Answer {
    let word = word(&browser.get("/account").await.text).unwrap();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/json"),
        ("x-csrf-token", word.as_str()),
    ];
    let body = Some(body.to_string());
    browser.ask(Method::POST, path, &headers, body).await
}

on_both! { OPTIONAL;
    async fn everything_wrong_with_a_form_is_told_beside_its_field(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let (tenant, siret) = (place.network.tenant, place.network.sites[0]);
        let mut tx = place.store.reading().await.unwrap();
        let site = tenants::find_site(&mut tx, tenant, &siret).await.unwrap().unwrap();
        drop(tx);
        let held = Standing::held(HoldReason::MandateMissing);
        let held = delivery(&place.store, tenant, siret, held, None, place.now()).await;
        let act = format!("/deliveries/{held}/act");
        let long = "x".repeat(101);
        for (path, sent, wrong) in [
            ("/settings/tree", "act=add-cfa name=+ siren=1".to_owned(), "siren name"),
            ("/settings/tree", format!("act=add-site cfa={} name=+ siret=1 uai=x", site.cfa), "name siret uai"),
            ("/settings/tree", format!("act=change-site site={} name=+ uai=x", site.id), "name uai"),
            ("/settings/tree", format!("act=attest-mandate site={} reference=+ signed_on=2999-01-01 until=2020-01-01", site.id), "reference signed_on until"),
            ("/settings/tree", format!("act=attest-mandate site={} reference=A signed_on=hier until=demain", site.id), "signed_on until"),
            ("/settings/tree", format!("act=bound site={} per_minute=0 per_day=0", site.id), "per_minute per_day reason"),
            ("/settings/decisions", "act=say-route employer=1 opco=akto until=2020-01-01".to_owned(), "employer until reason"),
            ("/settings/decisions", "act=change-rule rule=X effect=warn".to_owned(), "rule reason"),
            ("/settings/openings", "act=announce system=akto/1 environment=live from=2026-09-05T20:00 until=2026-09-05T10:00".to_owned(), "until reason"),
            ("/settings/webhooks", format!("label={long} environment=test url=ftp://x sites=1"), "url label sites reason"),
            ("/settings/credentials", "label=+ environment=test quota_per_minute=0 expires_on=2020-01-01 sites=1".to_owned(), "label quota_per_minute expires_on sites actions"),
            ("/people", "name=+ email=x role=lecteur scope=galaxie".to_owned(), "name email scope"),
            ("/keys", format!("world=test site={siret} system=zzz key=a_b+c expires_on=2020-01-01"), "system key expires_on"),
            ("/keys", "world=test site=1 system=akto/1 key=abc expires_on=hier".to_owned(), "site expires_on"),
            (act.as_str(), "action=complete signed_on=2026-09-01".to_owned(), "reason mandate"),
        ] {
            let fields: Vec<(&str, String)> = sent.split(' ').map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name, value.replace('+', " "))
            }).collect();
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let page = browser.submit(path, &fields).await;
            assert_eq!(page.status, 400, "{sent}: {}", page.text);
            for field in wrong.split(' ') {
                let told = format!("id=\"fault-{field}\">");
                let described = format!("aria-describedby=\"fault-{field}\"");
                assert!(page.text.contains(&told) && page.text.contains(&described), "{sent}: {field}: {}", page.text);
            }
            let count = page.text.matches("class=\"fault\"").count();
            assert_eq!(count, wrong.split(' ').count(), "{sent}: {}", page.text);
            assert!(!page.text.contains("data-at="), "each has its way: {}", page.text);
        }
        for (path, body, wrong) in [
            ("/admin/v1/tree", json!({"act": "add-cfa", "name": " ", "siren": "1"}), json!(["/siren", "/name"])),
            ("/admin/v1/keys", json!({"site": siret, "system": "zzz", "environment": "test", "key": "a b", "expires_on": "2020-01-01"}), json!(["/system", "/key", "/expires_on"])),
            ("/admin/v1/keys", json!({"site": "1", "system": "akto", "environment": "x", "key": "a"}), json!(["/environment", "/site"])),
            ("/admin/v1/webhooks", json!({"label": long, "environment": "test", "url": "ftp://x", "reason": ""}), json!(["/url", "/label", "/reason"])),
            ("/admin/v1/decisions", json!({"act": "say-route", "employer": "1", "opco": "akto"}), json!(["/employer", "/reason"])),
            (&format!("/admin/v1{act}"), json!({"action": "complete", "mandate": "M-1", "reason": ""}), json!(["/reason", "/signed_on"])),
        ] {
            let told = post(&mut browser, path, &body).await.json();
            let mut at: Vec<&Value> = told["errors"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
            assert_eq!(at[0], &told["pointer"], "the first is told as before: {told}");
            if body["site"] == "1" {
                at.sort_by_key(ToString::to_string);
            }
            assert_eq!(json!(at), wrong, "{told}");
        }
    }
}
