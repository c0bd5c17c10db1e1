//! Webhooks kept in the dashboard: their secrets are shown once, what an ERP did not take is sent again,
//! and each act has its author and its reason.

use domain::person::Role;
use harness::desk::{Browser, between, word};
use harness::erp::Answer;
use harness::receiver::Receiver;
use reqwest::Method;
use serde_json::{Value, json};
use store::events;
use store::webhooks::parking::{self, Parked};
use store::webhooks::{self, Endpoint};

use super::{Place, on_both};

/// Nobody has an application at hand, and this machine may be called.
const SETTINGS: &str = "
[admin]
second_factor = \"optional\"
[webhook]
timeout_s = 60
allow_http = true
allowed_networks = [\"127.0.0.0/8\"]
";

/// What the address of the ERP holds beside the machine.
const TOKEN: &str = "jeton-5d1e77";

async fn kept(place: &Place) -> Vec<Endpoint> {
    let mut tx = place.store.reading().await.unwrap();
    webhooks::list(&mut tx, place.network.tenant).await.unwrap()
}

async fn log(place: &Place) -> String {
    let mut tx = place.store.reading().await.unwrap();
    let told = events::after(&mut tx, place.network.tenant, 0, 1_000).await;
    format!("{:?}", told.unwrap())
}

/// Sends a document as a page's script would.
async fn post(browser: &mut Browser, path: &str, body: &Value) -> Answer {
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

/// Makes the webhook of an ERP; returns its page and its secret.
async fn made(browser: &mut Browser, place: &Place, url: &str) -> (String, String) {
    let form = browser.get("/settings/webhooks").await.text;
    let once = between(&form, "name=\"once\" value=\"", "\"").unwrap();
    let fields = [
        ("once", once.as_str()),
        ("label", "<i>ERP</i>"),
        ("environment", "test"),
        ("url", url),
        ("reason", "mise en place"),
    ];
    let answer = browser.submit("/settings/webhooks", &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.text.contains("<i>ERP"), "{}", answer.text);
    let secret = between(&answer.text, "<code>", "</code>").unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    // The page loaded again sends the same form: it makes no second one.
    let twice = browser.submit("/settings/webhooks", &fields).await;
    assert_eq!(twice.status, 400, "{}", twice.text);
    assert!(
        twice.text.contains("déjà fait un webhook"),
        "{}",
        twice.text
    );
    assert_eq!(kept(place).await.len(), 1);
    let page = format!("/settings/webhooks/{}", kept(place).await[0].id);
    (page, secret)
}

on_both! { SETTINGS;
    async fn a_secret_is_shown_once_and_a_test_event_is_signed_with_it(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let erp = Receiver::start();
        let url = format!("{}?jeton={TOKEN}", erp.url);
        let (page, secret) = made(&mut browser, &place, &url).await;
        let tried = browser.submit(&page, &[("act", "test")]).await;
        assert_eq!(tried.status, 200, "{}", tried.text);
        assert!(tried.text.contains("a pris l"), "{}", tried.text);
        let told = erp.taken().pop().unwrap();
        assert_eq!(told.json()["type"], "webhook.test");
        assert!(told.is_signed_with(&secret));

        let sent = [("act", "rotate"), ("hours", "24"), ("reason", "départ d'un prestataire")];
        let answer = browser.submit(&page, &sent).await;
        let next = between(&answer.text, "<code>", "</code>").unwrap();
        assert!(next.starts_with("whsec_") && next != secret, "{}", answer.text);
        browser.submit(&page, &[("act", "test")]).await;
        let told = erp.taken().pop().unwrap();
        assert!(told.is_signed_with(&secret) && told.is_signed_with(&next), "both, for a while");

        let mut seen = vec![log(&place).await, format!("{:?}", kept(&place).await.len())];
        for path in ["/settings", "/settings/webhooks", &page, "/admin/v1/webhooks"] {
            seen.push(browser.get(path).await.text);
        }
        for text in &seen {
            assert!(!text.contains(&secret) && !text.contains(&next), "{text}");
            assert!(!text.contains(TOKEN), "an address may hold a secret: {text}");
        }
        erp.stop().await;
    }

    async fn an_address_that_is_not_public_or_an_event_that_is_none_makes_no_webhook(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let wanted = |url: &str, kinds: &str, site: &str| json!({
            "label": "ERP", "environment": "test", "url": url, "kinds": [kinds], "sites": [site],
            "reason": "essai",
        });
        let site = place.network.sites[0].to_string();
        let (good, kind) = ("https://erp.example.fr/", "delivery.held");
        for (body, pointer) in [
            (wanted("https://10.0.0.1/", kind, &site), "/url"),
            (wanted("http://erp.example.fr/", kind, &site), "/url"),
            (wanted("https://qui:quoi@erp.example.fr/", kind, &site), "/url"),
            (wanted(good, "livraison.faite", &site), "/kinds"),
            (wanted(good, kind, "12345678200010"), "/sites"),
        ] {
            let answer = post(&mut browser, "/admin/v1/webhooks", &body).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert_eq!(answer.json()["pointer"], pointer, "{}", answer.text);
        }
        let mut unexplained = wanted(good, kind, &site);
        unexplained["reason"] = json!(" ");
        let answer = post(&mut browser, "/admin/v1/webhooks", &unexplained).await;
        assert_eq!(answer.json()["pointer"], "/reason");
        assert!(kept(&place).await.is_empty());
        let answer = post(&mut browser, "/admin/v1/webhooks", &wanted(good, kind, &site)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(answer.json()["secret"].as_str().unwrap().starts_with("whsec_"));
    }

    async fn what_an_erp_did_not_take_is_sent_again_one_dossier_or_all(place) {
        let (tenant, now) = (place.network.tenant, place.now());
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let erp = Receiver::start();
        let (page, _) = made(&mut browser, &place, &erp.url).await;
        let id = kept(&place).await[0].id;
        let far = now.checked_add(std::time::Duration::from_hours(20)).unwrap();
        let parked = |position, subject, first: bool| Parked {
            position,
            subject: [subject; 16],
            failures: if first { 8 } else { 0 },
            failing_since: first.then_some(now),
            due_at: first.then_some(far),
        };
        let lot = [parked(1, 7, true), parked(2, 9, true), parked(3, 7, false)];
        let mut tx = place.store.writing().await.unwrap();
        parking::put(&mut tx, tenant, id, &lot).await.unwrap();
        tx.commit().await.unwrap();

        let shown = browser.get(&format!("/admin/v1/webhooks/{id}")).await.json();
        assert_eq!(shown["parked"][0]["events"], 2, "{shown}");
        assert_eq!(shown["parked"][1]["position"], 2, "{shown}");
        assert!(shown["parked"][1]["kind"].as_str().is_some_and(|kind| !kind.is_empty()), "{shown}");
        assert_eq!(browser.submit(&page, &[("act", "retry"), ("position", "1")]).await.status, 400);
        let one = [("act", "retry"), ("position", "1"), ("reason", "ERP réparé")];
        assert_eq!(browser.submit(&page, &one).await.status, 303);
        let mut tx = place.store.reading().await.unwrap();
        let after = parking::list(&mut tx, tenant, id).await.unwrap();
        drop(tx);
        assert_eq!((after[0].due_at, after[0].failures), (Some(now), 0));
        assert_eq!(after[1].due_at, Some(far), "another dossier keeps its time");
        assert_eq!(after[2].due_at, None, "what is behind stays behind");
        let api = format!("/admin/v1/webhooks/{id}");
        let behind = json!({"act": "retry", "position": 3, "reason": "x"});
        assert_eq!(post(&mut browser, &api, &behind).await.status, 409);
        let all = json!({"act": "retry", "reason": "tout"});
        let answer = post(&mut browser, &api, &all).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut tx = place.store.reading().await.unwrap();
        assert_eq!(parking::list(&mut tx, tenant, id).await.unwrap()[1].due_at, Some(now));
        drop(tx);
        let log = log(&place).await;
        assert!(log.contains("webhook.retried") && log.contains("ERP réparé"), "{log}");
        erp.stop().await;
    }

    async fn a_webhook_is_stopped_resumed_told_again_and_removed_with_a_reason(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let mut auditor = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let erp = Receiver::start();
        let (page, _) = made(&mut browser, &place, &erp.url).await;
        assert!(!auditor.get(&page).await.text.contains("name=\"act\""), "who only reads has no forms");
        assert_eq!(browser.submit(&page, &[("act", "pause")]).await.status, 400, "why is asked");
        assert!(kept(&place).await[0].disabled.is_none());
        let act = async |browser: &mut Browser, act: &str, more: &[(&str, &str)]| {
            let mut sent = vec![("act", act), ("reason", "panne de l'ERP")];
            sent.extend(more);
            browser.submit(&page, &sent).await.status.as_u16()
        };
        assert_eq!(act(&mut browser, "pause", &[]).await, 303);
        assert!(kept(&place).await[0].disabled.is_some());
        assert_eq!(act(&mut browser, "resume", &[]).await, 303);
        assert!(kept(&place).await[0].disabled.is_none());
        assert_eq!(act(&mut browser, "rewind", &[("position", "1")]).await, 303);
        assert_eq!(kept(&place).await[0].position, 1);
        assert_eq!(act(&mut browser, "rewind", &[("position", "999999")]).await, 400);
        assert_eq!(act(&mut browser, "remove", &[]).await, 303);
        assert!(kept(&place).await.is_empty());
        assert_eq!(browser.get(&page).await.status, 404);
        let log = log(&place).await;
        for said in ["webhook.created", "webhook.disabled", "webhook.enabled", "webhook.replayed",
            "webhook.deleted", "panne de l'ERP", "person:"] {
            assert!(log.contains(said), "{said}: {log}");
        }
        erp.stop().await;
    }
}
