//! The hierarchy of a network, made and changed in the dashboard: by whom, with which words, for whom.

use admin_api::hand::Hand;
use admin_api::{Need, ROUTES, tree};
use domain::Siret;
use domain::person::Role;
use harness::desk::{Browser, PASSWORD, account, between, delivery, word};
use harness::erp::Answer;
use harness::network::network;
use reqwest::Method;
use serde_json::{Value, json};
use store::people::Scope;
use store::tenants::{self, Site};
use store::{Standing, events};

use super::{OPTIONAL, Place, on_both};

const PAGE: &str = "/settings/tree";
const TWIN: &str = "/admin/v1/tree";
/// A number of somebody's, or a key, in columns where it has no place.
const TYPED: &str = "185057800608436";

async fn post(browser: &mut Browser, path: &str, kind: &str, body: String) -> Answer {
    let word = word(&browser.get("/account").await.text).unwrap();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", kind),
        ("x-csrf-token", word.as_str()),
    ];
    browser.ask(Method::POST, path, &headers, Some(body)).await
}

/// Sends a sheet as a browser sends a form with a file.
async fn upload(browser: &mut Browser, sheet: &str) -> Answer {
    let word = word(&browser.get("/account").await.text).unwrap();
    let part = |name: &str, text: &str| {
        format!("--frontiere\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let body = [part("csrf", &word), part("text", sheet)].concat();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "multipart/form-data; boundary=frontiere"),
    ];
    let body = format!("{body}--frontiere--\r\n");
    let path = format!("{PAGE}/import");
    browser.ask(Method::POST, &path, &headers, Some(body)).await
}

async fn act(browser: &mut Browser, body: Value) -> Answer {
    post(browser, TWIN, "application/json", body.to_string()).await
}

async fn sites(place: &Place) -> Vec<Site> {
    let mut tx = place.store.reading().await.unwrap();
    tenants::sites(&mut tx, place.network.tenant).await.unwrap()
}

/// The first site of the place as it was made.
async fn first(place: &Place) -> Site {
    let mut tx = place.store.reading().await.unwrap();
    let siret = place.network.sites[0];
    let found = tenants::find_site(&mut tx, place.network.tenant, &siret).await;
    found.unwrap().unwrap()
}

async fn log(place: &Place) -> String {
    let mut tx = place.store.reading().await.unwrap();
    let told = events::after(&mut tx, place.network.tenant, 0, 1_000).await;
    format!("{:?}", told.unwrap())
}

/// Puts the second site of the place into a training centre of its own.
async fn apart(place: &Place) -> (Site, Site) {
    let tenant = place.network.tenant;
    let hand = Hand {
        name: "cli:essai".to_owned(),
        now: place.now(),
        reason: None,
    };
    let mut tx = place.store.writing().await.unwrap();
    let all = tenants::sites(&mut tx, tenant).await.unwrap();
    let (one, two) = (all[0].clone(), all[1].clone());
    let new = tree::NewCfa {
        name: "Lycée voisin".to_owned(),
        siren: one.siret.siren(),
        second: true,
    };
    let cfa = tree::add_cfa(&mut tx, tenant, new, &hand).await.unwrap();
    let two = tree::move_site(&mut tx, (tenant, two.id), cfa.id, &hand)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (one, two)
}

on_both! { OPTIONAL;
    async fn a_network_is_made_changed_and_closed_site_by_site_and_the_log_has_it_all(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let made = browser.submit(PAGE, &[("act", "add-cfa"), ("name", "<b>Lycée</b>"), ("siren", "123 456 782")]).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let listed = browser.get(TWIN).await.json();
        let cfas = listed["cfas"].as_array().unwrap();
        let cfa = cfas.iter().find(|cfa| cfa["siren"] == "123456782").unwrap()["id"].as_str().unwrap().to_owned();
        let fields = [("act", "add-site"), ("cfa", cfa.as_str()), ("name", "Annexe"), ("siret", "123 456 782 00010"), ("uai", "0939999n")];
        let made = browser.submit(PAGE, &fields).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let here = made.header("location").unwrap().to_owned();
        let shown = browser.get(PAGE).await.text;
        assert!(shown.contains("&lt;b&gt;Lycée") && !shown.contains("<b>Lycée"), "{shown}");
        assert!(shown.contains("12345678200010") && shown.contains("0939999N"), "{shown}");

        // A second training centre of one company is made by who says that it is one.
        let second = json!({"act": "add-cfa", "name": "Lycée", "siren": "123456782"});
        let refused = act(&mut browser, second.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.json()["pointer"].as_str()), (409, Some("/siren")), "{}", refused.text);
        let mut second = second;
        second["second"] = json!(true);
        assert_eq!(act(&mut browser, second).await.status, 200);
        let twice = browser.submit(PAGE, &fields).await;
        assert_eq!(twice.status, 400);
        assert!(twice.text.contains("déjà un site avec ce SIRET"), "{}", twice.text);
        let id = here.rsplit('/').next().unwrap().to_owned();
        let renamed = act(&mut browser, json!({"act": "change-site", "site": id, "name": "Port"})).await;
        assert_eq!(renamed.status, 200, "{}", renamed.text);
        let first = first(&place).await;
        delivery(&place.store, place.network.tenant, first.siret, Standing::held(domain::HoldReason::NoKey), None, place.now()).await;
        let page = format!("{PAGE}/{}", first.id);
        let open = browser.get(&page).await.text;
        assert!(open.contains("Ce qui est encore ouvert"), "{open}");
        let told = browser.get(&format!("{TWIN}/{}", first.id)).await.json();
        assert_eq!(told["open"][1]["held"], 1, "{told}");
        assert_eq!(told["open"][1]["keys"], 11, "{told}");
        let silent = browser.submit(PAGE, &[("act", "close-site"), ("site", &first.id.to_string())]).await;
        assert_eq!(silent.status, 400, "a reason is needed");
        let close = json!({"act": "close-site", "site": first.id, "reason": "vendu"});
        assert_eq!(act(&mut browser, close.clone()).await.status, 200);
        assert_eq!(act(&mut browser, close).await.status, 409, "once");
        assert!(self::first(&place).await.closed_at.is_some());
        assert!(browser.get(PAGE).await.text.contains("fermé"));
        let reopen = json!({"act": "reopen-site", "site": first.id, "reason": "repris"});
        assert_eq!(act(&mut browser, reopen).await.status, 200);

        let site = first.id.to_string();
        let mut attest = vec![("act", "attest-mandate"), ("site", site.as_str()), ("reference", "A-<1>"), ("signed_on", "2026-09-01"), ("until", "")];
        let attested = browser.submit(PAGE, &attest).await;
        assert_eq!(attested.header("location"), Some(page.as_str()), "{}", attested.text);
        let shown = browser.get(&page).await.text;
        assert!(shown.contains("A-&lt;1&gt;, signée le 01/09/2026"), "{shown}");
        attest[3] = ("signed_on", "2999-01-01");
        let refused = browser.submit(PAGE, &attest).await;
        assert!(refused.status == 400 && refused.text.contains("ELI-002"), "{}", refused.text);
        attest[3] = ("signed_on", "2026-09-01");
        attest[4] = ("until", "2020-01-01");
        assert_eq!(browser.submit(PAGE, &attest).await.status, 400, "it ends before it begins");
        let told = browser.get(&format!("{TWIN}/{site}")).await.json();
        // The place's own comes after it.
        assert_eq!(told["mandates"].as_array().unwrap().len(), 2, "{told}");
        assert_eq!(told["mandates"][0]["reference"], "A-<1>", "{told}");

        // It ends on a day, with a reason, once; not before it was signed.
        let mandate = told["mandates"][0]["id"].as_str().unwrap().to_owned();
        let end = |on: &str, reason: &str| json!({"act": "end-mandate", "site": site, "mandate": mandate, "on": on, "reason": reason});
        assert!(shown.contains("name=\"mandate\""), "the form is there: {shown}");
        for (body, status, pointer) in [
            (end("2026-09-20", ""), 400, "/reason"),
            (end("2026-08-31", "r"), 400, "/on"),
            (end("2026-09-01", "erreur"), 200, ""),
            (end("2026-09-01", "r"), 409, "/on"),
        ] {
            let answer = act(&mut browser, body.clone()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
            assert!(status == 200 || answer.json()["pointer"] == pointer, "{body}: {}", answer.text);
        }
        let shown = browser.get(&page).await.text;
        assert!(shown.contains("A-&lt;1&gt;, signée le 01/09/2026, ne couvre aucun jour"), "{shown}");
        assert!(!shown.contains(&mandate), "there is nothing to end: {shown}");

        // An establishment is of the company that its SIRET names.
        let to = json!({"act": "move-site", "site": first.id, "to": cfa, "reason": "r"});
        let refused = act(&mut browser, to).await;
        assert_eq!((refused.status.as_u16(), refused.json()["pointer"].as_str()), (409, Some("/to")), "{}", refused.text);
        let bound = [("act", "bound"), ("per_minute", "60"), ("per_day", "5000"), ("reason", "r")];
        assert_eq!(browser.submit(PAGE, &bound).await.status, 303);
        let listed = browser.get(TWIN).await.json();
        assert_eq!((&listed["ceiling"]["per_day"], &listed["ceiling"]["today"]), (&json!(5_000), &json!(1)), "{listed}");
        let none = act(&mut browser, json!({"act": "bound", "per_day": 0, "reason": "r"})).await;
        assert_eq!(none.status, 400, "{}", none.text);
        assert_eq!(act(&mut browser, json!({"act": "bound", "reason": "r"})).await.json()["ceiling"], Value::Null);
        let log = log(&place).await;
        for told in ["cfa.created", "site.created", "site.changed", "site.closed", "site.reopened", "ceiling.changed", "mandate.attested", "mandate.ended", "erreur", "vendu", "person:"] {
            assert!(log.contains(told), "{told}: {log}");
        }
    }

    async fn what_is_wrong_is_named_and_another_network_is_out_of_reach(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let mut auditor = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let other = network().create(&place.store, place.now()).await;
        let mut tx = place.store.reading().await.unwrap();
        let theirs = tenants::sites(&mut tx, other.tenant).await.unwrap().remove(0);
        drop(tx);
        let mine = sites(&place).await.remove(0);
        for (body, status, pointer) in [
            (json!({"act": "add-cfa", "name": "C", "siren": "123456789"}), 400, json!("/siren")),
            (json!({"act": "add-cfa", "name": " ", "siren": "123456782"}), 400, json!("/name")),
            (json!({"act": "add-site", "cfa": mine.cfa, "name": "S", "siret": "1"}), 400, json!("/siret")),
            (json!({"act": "change-site", "site": mine.id, "name": "S", "uai": "0939999A"}), 400, json!("/uai")),
            (json!({"act": "move-site", "site": mine.id, "to": theirs.cfa, "reason": "r"}), 404, Value::Null),
            (json!({"act": "add-site", "cfa": theirs.cfa, "name": "S", "siret": "12345678200010"}), 404, Value::Null),
            (json!({"act": "close-site", "site": theirs.id, "reason": "r"}), 404, Value::Null),
            (json!({"act": "attest-mandate", "site": theirs.id, "reference": "A", "signed_on": "2026-09-01"}), 404, Value::Null),
            (json!({"act": "end-mandate", "site": theirs.id, "mandate": theirs.id, "reason": "r"}), 404, Value::Null),
            (json!({"act": "end-mandate", "site": mine.id, "mandate": theirs.id, "reason": "r"}), 404, Value::Null),
            (json!({"act": "bound", "site": theirs.id, "per_day": 1, "reason": "r"}), 404, Value::Null),
            (json!({"act": "rename-cfa", "cfa": theirs.cfa, "name": "À moi"}), 404, Value::Null),
        ] {
            let answer = act(&mut browser, body.clone()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
            assert_eq!(answer.json()["pointer"], pointer, "{body}: {}", answer.text);
        }
        for path in [format!("{PAGE}/{}", theirs.id), format!("{TWIN}/{}", theirs.id)] {
            assert_eq!(browser.get(&path).await.status, 404, "{path}");
        }
        let shown = auditor.get(PAGE).await.text;
        assert!(!shown.contains("name=\"act\""), "who only reads has no forms");
        assert_eq!(act(&mut auditor, json!({"act": "add-cfa", "name": "C", "siren": "123456782"})).await.status, 403);
        // An act that is none is told in words, on every page.
        for page in [PAGE, "/settings/openings"] {
            let unknown = browser.submit(page, &[("act", "danser")]).await;
            assert_eq!(unknown.status, 400);
            assert!(unknown.text.contains("acte-inconnu") && !unknown.text.contains("danser"), "{}", unknown.text);
        }
        let person = format!("/people/{}", place.person("x@cfa.example", Role::Reader).await.id);
        assert!(browser.submit(&person, &[("act", "danser")]).await.text.contains("acte-inconnu"));
    }

    async fn a_sheet_is_judged_then_kept(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let known = sites(&place).await.remove(0).siret;
        let sheet = format!(
            "CFA;SIREN;site;SIRET;UAI\nCFA neuf;123456782;Mairie;12345678200010;\nCFA des essais;{};Déjà;{known};\nCFA neuf;x;y;z\n",
            known.siren()
        );
        let judged = post(&mut browser, &format!("{TWIN}/import?preview=true"), "text/csv", sheet.clone()).await.json();
        let findings: Vec<&Value> = judged["lines"].as_array().unwrap().iter().map(|line| &line["finding"]).collect();
        assert_eq!(findings, [&Value::Null, &json!("known"), &json!("siren")], "{judged}");
        assert_eq!(sites(&place).await.len(), 2, "a preview keeps nothing");
        let preview = upload(&mut browser, &format!("{sheet}{TYPED};987654324;{TYPED};{TYPED};{TYPED}\n")).await;
        assert_eq!(preview.status, 200, "{}", preview.text);
        let sealed = between(&preview.text, "name=\"sheet\" value=\"", "\"").unwrap();
        let report = browser.submit(&format!("{PAGE}/import/keep"), &[("sheet", &sealed)]).await;
        assert_eq!(report.status, 200, "{}", report.text);
        for page in [&preview.text, &report.text] {
            assert!(!page.contains(TYPED), "what is in a wrong line is in no page: {page}");
        }
        let stale = browser.submit(&format!("{PAGE}/import/keep"), &[("sheet", &sheet)]).await;
        assert_eq!(stale.status, 409, "{}", stale.text);
        assert!(report.text.contains("1 site créé.") && report.text.contains("SIREN faux"), "{}", report.text);
        let again = post(&mut browser, &format!("{TWIN}/import"), "text/csv", sheet).await.json();
        assert_eq!((&again["good"], sites(&place).await.len()), (&json!(0), 3), "{again}");
    }

    async fn a_role_at_one_training_centre_reaches_its_sites_and_no_other_on_every_page(place) {
        let (mine, other) = apart(&place).await;
        let tenant = place.network.tenant;
        let held = Standing::held(domain::HoldReason::NoKey);
        delivery(&place.store, tenant, mine.siret, held, None, place.now()).await;
        let theirs = delivery(&place.store, tenant, other.siret, held, None, place.now()).await;
        let roles: Vec<(Role, Scope)> = Role::ALL.iter().map(|role| (*role, Scope::Cfa(mine.cfa))).collect();
        account(&place.store, tenant, "cfa@cfa.example", &roles, place.now()).await;
        let mut browser = place.browser();
        browser.sign_in("cfa@cfa.example", PASSWORD).await;
        let me = browser.get("/admin/v1/me").await.json();
        for right in me["rights"].as_array().unwrap() {
            assert_eq!(right["sites"], json!([mine.siret]), "{right}");
        }
        let mut tx = place.store.reading().await.unwrap();
        let keys = store::keys::list(&mut tx, tenant).await.unwrap();
        drop(tx);
        let key_of = |siret: Siret| keys.iter().find(|key| key.siret_cfa == siret).unwrap().id.to_string();
        let (mut told, mut shown) = (0, 0);
        for line in ROUTES.iter().filter(|line| line.method == "GET" && line.need != Need::Nothing) {
            let ids = [theirs.to_string(), key_of(other.siret)];
            let paths: Vec<String> = if line.pattern.contains("{id}") {
                ids.iter().map(|id| line.pattern.replace("{id}", id)).collect()
            } else {
                vec![format!("{}?world=test", line.pattern), line.pattern.to_owned()]
            };
            for path in paths {
                let answer = browser.get(&path).await;
                assert!(answer.status != 200 || !line.pattern.contains("{id}"), "{path}: {}", answer.text);
                for trace in [other.siret.as_str(), other.name.as_str(), &theirs.to_string()] {
                    // An address is told back to who asked for it.
                    let text = answer.text.replace(&path, "");
                    assert!(!text.contains(trace), "{path} tells {trace}: {text}");
                }
                told += u32::from(answer.status == 200);
                shown += u32::from(answer.text.contains(mine.siret.as_str()));
            }
        }
        assert!(told > 20 && shown >= 4, "{told} pages, {shown} with the site");
    }
}
