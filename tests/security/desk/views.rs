//! The views of every day: what they count is what their links list, nobody sees beyond their sites, and
//! what an OPCO says stays text.

use domain::outcome::FaultItem;
use domain::person::Role;
use domain::{Fault, FaultKind, HoldReason, Status, WaitReason};
use harness::desk::{Browser, PASSWORD, account, delivery};
use reqwest::Method;
use store::people::Scope;
use store::{Standing, tenants};

use super::{OPTIONAL, Place, on_both};

fn refusal(text: &str) -> Fault {
    let item = FaultItem {
        code: Some("E12".to_owned()),
        text: text.to_owned(),
    };
    Fault {
        items: vec![item],
        ..Fault::new(FaultKind::Rejected, "refused")
    }
}

/// Three refused alike, two held and one on its way at the first site; one held at the second.
async fn morning(place: &Place) {
    let sites = &place.network.sites;
    let tenant = place.network.tenant;
    for number in 1..=3 {
        let text =
            format!("Champ employeur.siret : 1300252650001{number} <script>alert(1)</script>");
        let standing = Standing::ended(Status::Rejected);
        let fault = Some(refusal(&text));
        delivery(&place.store, tenant, sites[0], standing, fault, place.now()).await;
    }
    for (site, standing) in [
        (0, Standing::held(HoldReason::NoKey)),
        (0, Standing::held(HoldReason::NoKey)),
        (1, Standing::held(HoldReason::NoKey)),
        (0, Standing::waiting(WaitReason::Retry, place.now())),
    ] {
        delivery(
            &place.store,
            tenant,
            sites[site],
            standing,
            None,
            place.now(),
        )
        .await;
    }
}

/// Returns the addresses of the links of a page that lead to a list.
fn lists(page: &str) -> Vec<String> {
    let links = page.split("href=\"/deliveries?").skip(1);
    let addresses = links.filter_map(|rest| rest.split('"').next());
    addresses
        .map(|query| format!("/deliveries?{}", query.replace("&amp;", "&")))
        .collect()
}

async fn counted(browser: &mut Browser, path: &str) -> String {
    let page = browser.get(path).await.text;
    let from = page.split("role=\"status\"><strong>").nth(1).unwrap();
    from.split('<').next().unwrap().to_owned()
}

async fn at_site(place: &Place, email: &str, site: usize) -> Browser {
    let mut tx = place.store.reading().await.unwrap();
    let sites = tenants::sites(&mut tx, place.network.tenant).await.unwrap();
    drop(tx);
    let named = sites
        .iter()
        .find(|one| one.siret == place.network.sites[site]);
    let roles = [(Role::Operator, Scope::Site(named.unwrap().id))];
    account(
        &place.store,
        place.network.tenant,
        email,
        &roles,
        place.now(),
    )
    .await;
    let mut browser = place.browser();
    browser.sign_in(email, PASSWORD).await;
    browser
}

on_both! { OPTIONAL;
    async fn each_figure_of_the_morning_leads_to_the_list_it_counts(place) {
        morning(&place).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let today = browser.get("/").await;
        assert_eq!(today.status, 200, "{}", today.text);
        let found = |query: &str| lists(&today.text).into_iter().find(|to| to.contains(query)).unwrap();
        for (query, said) in [
            ("status=held&reason=no_key&world", "3 livraisons"),
            ("status=rejected&since", "3 livraisons"),
            ("status=waiting&reason=retry&world", "1 livraison"),
            ("since=2026-09-02&until=2026-09-02", "7 livraisons"),
            ("status=rejected&since=2026-09-02&until=2026-09-02", "3 livraisons"),
        ] {
            let path = found(query);
            assert_eq!(counted(&mut browser, &path).await, said, "{path}");
        }
        assert!(today.text.contains("Le réseau"), "who must act is said");
    }

    async fn the_same_refusal_is_one_cause_and_stays_text(place) {
        morning(&place).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let page = browser.get("/to-fix").await.text;
        assert!(page.contains("employeur.siret"), "{page}");
        assert!(!page.contains("<script>alert"), "{page}");
        let causes = browser.get("/admin/v1/causes").await.json();
        let causes = causes["causes"].as_array().unwrap();
        assert_eq!(causes.len(), 2, "{causes:?}");
        for cause in causes {
            assert_eq!(cause["count"], 3);
            let path = format!("/deliveries?cause={}", cause["key"].as_str().unwrap());
            assert_eq!(counted(&mut browser, &path).await, "3 livraisons", "{path}");
            assert!(page.contains(cause["key"].as_str().unwrap()));
        }
        assert_eq!(counted(&mut browser, "/deliveries?cause=0000").await, "0 livraison");
    }

    async fn nobody_is_told_of_a_site_out_of_reach(place) {
        morning(&place).await;
        let mut browser = at_site(&place, "site@cfa.example", 1).await;
        assert_eq!(counted(&mut browser, "/deliveries").await, "1 livraison");
        let today = browser.get("/").await.text;
        assert!(today.contains("status=held") && !today.contains("status=rejected&amp;since=2026-07"), "{today}");
        let causes = browser.get("/admin/v1/causes").await.json();
        assert_eq!(causes["causes"].as_array().unwrap().len(), 1);
        assert_eq!(causes["causes"][0]["count"], 1);
        let other = format!("/deliveries?site={}", place.network.sites[0]);
        assert_eq!(counted(&mut browser, &other).await, "0 livraison");
    }

    async fn a_sheet_holds_the_list_and_no_formula(place) {
        let tenant = place.network.tenant;
        let site = place.network.sites[0];
        let fault = Fault::new(FaultKind::Rejected, "=HYPERLINK(\"http://evil.example\")");
        let standing = Standing::ended(Status::Rejected);
        for _ in 0..3 {
            delivery(&place.store, tenant, site, standing, Some(fault.clone()), place.now()).await;
        }
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let sheet = browser.get("/deliveries.csv?status=rejected&columns=fault&columns=site").await;
        assert_eq!(sheet.status, 200);
        assert_eq!(sheet.text.lines().count(), 4, "{}", sheet.text);
        assert_eq!(sheet.text.matches("\"'=HYPERLINK(").count(), 3, "{}", sheet.text);
        assert!(sheet.text.contains(&site.to_string()));
        let mut browser = at_site(&place, "autre@cfa.example", 1).await;
        let theirs = browser.get("/deliveries.csv").await;
        assert_eq!(theirs.text.lines().count(), 1, "the head alone: {}", theirs.text);
    }

    async fn programs_are_told_what_the_pages_show(place) {
        morning(&place).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let today = browser.get("/admin/v1/today").await.json();
        let held = today["stuck"].as_array().unwrap().iter().find(|line| line["reason"] == "no_key");
        assert_eq!((&held.unwrap()["count"], &held.unwrap()["who"]), (&3.into(), &"network".into()));
        let list = browser.get("/admin/v1/deliveries?status=held").await.json();
        assert_eq!((&list["count"], &list["more"]), (&3.into(), &false.into()), "{list}");
        let id = list["deliveries"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/admin/v1/deliveries/{id}");
        let one = browser.get(&path).await.json();
        assert!(one["allowed"].as_array().unwrap().contains(&"cancel".into()), "{one}");
        let csrf = harness::desk::word(&browser.get("/account").await.text).unwrap();
        let headers = [
            ("sec-fetch-site", "same-origin"), ("content-type", "application/json"), ("x-csrf-token", &csrf),
        ];
        let act = |reason: &str| Some(format!("{{\"action\": \"cancel\", \"reason\": \"{reason}\"}}"));
        let acts = format!("{path}/act");
        let refused = browser.ask(Method::POST, &acts, &headers, act("")).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        let done = browser.ask(Method::POST, &acts, &headers, act("en double")).await;
        assert_eq!(done.json()["status"], "cancelled", "{}", done.text);
        assert_eq!(browser.ask(Method::POST, &acts, &headers, act("encore")).await.status, 409);
        let kept = Some("{\"query\": \"status=held&text=1\"}".to_owned());
        let view = "/admin/v1/views/Retenues";
        assert_eq!(browser.ask(Method::PUT, view, &headers, kept).await.status, 204);
        let views = browser.get("/admin/v1/views").await.json();
        assert_eq!(views["views"][0], serde_json::json!({"name": "Retenues", "query": "status=held"}));
        assert_eq!(browser.ask(Method::DELETE, view, &headers, None).await.status, 204);
        assert_eq!(browser.get("/admin/v1/views").await.json()["views"], serde_json::json!([]));
        let sheet = browser.get("/admin/v1/deliveries/sheet?status=rejected").await;
        assert_eq!(sheet.text.lines().count(), 4, "{}", sheet.text);
        // A part of an address that is no word of its list is named.
        let refused = browser.get("/admin/v1/causes?world=hier").await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("world") && !refused.text.contains("hier"), "{}", refused.text);
        // One that there is not is refused: passed over, it would widen what is listed.
        let refused = browser.get("/admin/v1/deliveries?state=held").await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("« state »") && refused.text.contains("status"), "{}", refused.text);
        for path in ["/admin/v1/audit?since=hier", "/admin/v1/opcos?opco=akto", "/admin/v1/me?x=1"] {
            let refused = browser.get(path).await;
            assert!(refused.status == 400 || refused.status == 403, "{path}: {}", refused.text);
        }
        let mut admin = place.signed_in("admin@cfa.example", Role::Admin).await;
        let settings = admin.get("/admin/v1/settings").await.json();
        assert_eq!(settings["cfas"][0]["sites"].as_array().unwrap().len(), 2, "{settings}");
    }

    async fn a_list_is_kept_under_a_name_by_who_named_it(place) {
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let query = "status=held&text=205049399999992&columns=kind";
        let fields = [("name", "Ce <qui> bloque"), ("query", query)];
        let kept = browser.submit("/deliveries/views", &fields).await;
        assert_eq!(kept.header("location"), Some("/deliveries?status=held&columns=kind&view=kept"));
        let page = browser.get("/deliveries?status=held&columns=kind&view=kept").await.text;
        assert!(page.contains("La vue est gardée."), "{page}");
        // Another list under the same name takes nothing away unasked; the same one again changes nothing.
        let other = [("name", "Ce <qui> bloque"), ("query", "status=rejected")];
        let refused = browser.submit("/deliveries/views", &other).await;
        assert_eq!(refused.status, 409);
        assert!(refused.text.contains("Une vue porte déjà ce nom"), "{}", refused.text);
        assert_eq!(browser.submit("/deliveries/views", &fields).await.status, 303);
        let page = browser.get("/deliveries").await.text;
        assert!(page.contains("status=held&amp;columns=kind") && !page.contains("status=rejected&"), "{page}");
        assert!(page.contains("Ce &lt;qui&gt; bloque"), "{page}");
        assert!(!page.contains("205049399999992"), "what was searched for is not kept");
        let mut other = place.signed_in("autre@cfa.example", Role::Operator).await;
        assert!(!other.get("/deliveries").await.text.contains("bloque"));
        let fields = [("name", "Ce <qui> bloque"), ("forget", "1")];
        browser.submit("/deliveries/views", &fields).await;
        assert!(!browser.get("/deliveries").await.text.contains("bloque"));
    }
}
