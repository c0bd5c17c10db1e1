//! Acts upon many deliveries: what is counted is what is done, once, by whoever may at that moment, and no
//! more after a stop.

use std::time::Duration;

use domain::id::{BulkId, DeliveryId};
use domain::person::{PersonState, Role};
use domain::{HoldReason, Status, WaitReason};
use harness::desk::{Browser, Desk, PASSWORD, account, delivery, word};
use harness::network::network;
use harness::wait;
use reqwest::Method;
use serde_json::{Value, json};
use store::people::{self, Grant, Scope};
use store::{Standing, bulks, deliveries, events, tenants};

use super::{OPTIONAL, Place, on_both};

/// Puts deliveries of a site into the store.
async fn many(place: &Place, site: usize, standing: Standing, count: usize) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let site = place.network.sites[site];
        ids.push(
            delivery(
                &place.store,
                place.network.tenant,
                site,
                standing,
                None,
                place.now(),
            )
            .await,
        );
    }
    ids
}

/// What waits for nothing the tests bring.
fn waiting(place: &Place) -> Standing {
    let far = place.now().checked_add(Duration::from_hours(24 * 365));
    Standing::waiting(WaitReason::Retry, far.unwrap())
}

/// Sends a document as a page's script would.
async fn send(browser: &mut Browser, path: &str, body: &Value) -> (u16, Value) {
    let csrf = word(&browser.get("/account").await.text).unwrap_or_default();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/json"),
        ("x-csrf-token", csrf.as_str()),
    ];
    let answer = browser
        .ask(Method::POST, path, &headers, Some(body.to_string()))
        .await;
    let text = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
    (answer.status.as_u16(), text)
}

async fn drafted(browser: &mut Browser, query: &str, action: &str) -> Value {
    let body = json!({"query": query, "action": action});
    let (status, draft) = send(browser, "/admin/v1/bulks", &body).await;
    assert_eq!(status, 201, "{draft}");
    draft
}

async fn begun(browser: &mut Browser, draft: &Value, per_minute: u32) -> String {
    let id = draft["id"].as_str().unwrap().to_owned();
    let body = json!({"per_minute": per_minute, "reason": "l'OPCO a rouvert"});
    let (status, told) = send(browser, &format!("/admin/v1/bulks/{id}/begin"), &body).await;
    assert_eq!((status, &told["state"]), (200, &json!("running")), "{told}");
    id
}

async fn told(browser: &mut Browser, id: &str) -> Value {
    browser.get(&format!("/admin/v1/bulks/{id}")).await.json()
}

fn reached(bulk: &Value) -> u64 {
    ["done", "skipped", "failed"]
        .iter()
        .map(|fate| bulk[fate].as_u64().unwrap())
        .sum()
}

/// Lets time pass until so many had their turn, and returns what is told then.
async fn until_reached(place: &Place, browser: &mut Browser, id: &str, count: u64) -> Value {
    wait::until("so many had their turn", async || {
        let bulk = told(browser, id).await;
        if reached(&bulk) >= count {
            return Some(bulk);
        }
        place.later(Duration::from_secs(2));
        None
    })
    .await
}

async fn until_over(place: &Place, browser: &mut Browser, id: &str) -> Value {
    wait::until("the act is over", async || {
        let bulk = told(browser, id).await;
        if bulk["state"] == "ended" {
            return Some(bulk);
        }
        place.later(Duration::from_secs(2));
        None
    })
    .await
}

/// Returns how often a delivery was acted upon, by the log, with the act upon many that did.
async fn acts(place: &Place, id: DeliveryId, kind: &str) -> Vec<Value> {
    let mut tx = place.store.reading().await.unwrap();
    let log = events::of_delivery(&mut tx, place.network.tenant, id).await;
    let mine = log.unwrap().into_iter().filter(|event| event.kind == kind);
    mine.map(|event| event.data).collect()
}

async fn status(place: &Place, id: DeliveryId) -> Status {
    let mut tx = place.store.reading().await.unwrap();
    let found = deliveries::find(&mut tx, place.network.tenant, id).await;
    found.unwrap().unwrap().standing.status
}

on_both! { OPTIONAL;
    async fn what_is_counted_is_what_is_previewed_and_what_is_done(place) {
        let ready = many(&place, 0, waiting(&place), 5).await;
        many(&place, 1, Standing::ended(Status::Delivered), 2).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        // What is not understood is no act upon everything.
        for query in ["bogus=1", "state=held&kind=dossier", "?kind=dossier", "kind=dossier&kind=facture"] {
            let body = json!({"query": query, "action": "retry"});
            let (status, refused) = send(&mut browser, "/admin/v1/bulks", &body).await;
            assert_eq!((status, &refused["pointer"]), (400, &json!("/query")), "{query}: {refused}");
            let fields = [("query", query), ("action", "retry")];
            assert_eq!(browser.submit("/bulk", &fields).await.status, 400, "{query}");
            assert_eq!(browser.get(&format!("/bulk/new?{query}")).await.status, 400, "{query}");
        }
        // As a person does it, by the pages alone.
        let page = browser.get("/bulk/new?kind=dossier").await.text;
        assert!(page.contains("<strong>7</strong>"), "{page}");
        assert!(page.contains("Réessayer maintenant (5)"), "{page}");
        let fields = [("query", "kind=dossier"), ("action", "retry")];
        let answer = browser.submit("/bulk", &fields).await;
        let address = answer.header("location").unwrap().to_owned();
        let id = address.strip_prefix("/bulk/").unwrap().to_owned();
        // What comes after the count is not part of it.
        let late = many(&place, 0, waiting(&place), 1).await;
        let page = browser.get(&address).await.text;
        assert!(page.contains("<strong>7</strong>") && page.contains("Seront ignorées"), "{page}");
        let answer = browser.submit(&format!("{address}/begin"), &[("per_minute", "600")]).await;
        assert_eq!(answer.status, 400, "no reason, no act: {}", answer.text);
        let number = [("per_minute", "600"), ("reason", "demande de 205049399999992")];
        let answer = browser.submit(&format!("{address}/begin"), &number).await;
        assert_eq!(answer.status, 400, "no number of somebody's: {}", answer.text);
        let fields = [("per_minute", "600"), ("reason", "l'OPCO <a> rouvert")];
        let answer = browser.submit(&format!("{address}/begin"), &fields).await;
        assert_eq!(answer.header("location"), Some(address.as_str()), "{}", answer.text);
        let bulk = until_over(&place, &mut browser, &id).await;
        assert_eq!((&bulk["total"], &bulk["ready"]), (&json!(7), &json!(5)), "{bulk}");
        assert_eq!((&bulk["done"], &bulk["skipped"], &bulk["failed"]), (&json!(5), &json!(2), &json!(0)), "{bulk}");
        assert_eq!(bulk["obstacles"], json!([{"cause": "not_now", "count": 2}]));
        assert_eq!(bulk["obstacles"], bulk["foreseen"]);
        for id in ready {
            let done = acts(&place, id, "delivery.retried").await;
            assert_eq!(done.len(), 1, "{done:?}");
            assert_eq!(done[0]["bulk"], bulk["id"]);
            assert_eq!(done[0]["reason"], "l'OPCO <a> rouvert");
            assert_eq!(status(&place, id).await, Status::Queued);
        }
        assert_eq!(status(&place, late[0]).await, Status::Waiting);
        let page = browser.get(&address).await.text;
        assert!(page.contains("Finie") && page.contains("l'OPCO &lt;a&gt; rouvert"), "{page}");
        assert!(page.contains(">Contrat du "), "deliveries are named: {page}");
        let sheet = browser.get(&format!("{address}/sheet")).await.text;
        assert_eq!(sheet.lines().count(), 8, "{sheet}");
        assert_eq!(sheet.matches(";Contrat;").count(), 7, "{sheet}");
        assert_eq!(sheet.matches(";faite;").count(), 5, "{sheet}");
        assert!(browser.get("/bulk").await.text.contains(&address));
        let mut auditor = place.signed_in("audit@cfa.example", Role::Auditor).await;
        let log = auditor.get("/admin/v1/audit?kind=bulk").await.text;
        assert!(log.contains("bulk.begun") && log.contains("bulk.ended"), "{log}");
    }

    async fn what_takes_something_of_each_is_said_before_anything_begins(place) {
        many(&place, 0, Standing::held(HoldReason::MandateMissing), 3).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let page = browser.get("/bulk/new?reason=mandate_missing").await.text;
        assert!(page.contains("3, une à une sur leur page"), "{page}");
        assert!(page.contains("mandat du site") && page.contains("puis relancez"), "{page}");
        assert!(!page.contains("value=\"complete\""), "{page}");
        let draft = drafted(&mut browser, "reason=mandate_missing", "complete").await;
        assert_eq!((&draft["total"], &draft["ready"]), (&json!(3), &json!(0)), "{draft}");
        assert_eq!(draft["foreseen"], json!([{"cause": "missing", "count": 3}]));
        let page = browser.get(&format!("/bulk/{}", draft["id"].as_str().unwrap())).await.text;
        assert!(page.contains("ne ferait rien") && !page.contains("/begin"), "{page}");
        assert!(page.contains("mandat du site") && page.contains("puis relancez"), "{page}");
        let page = browser.get("/to-fix").await.text;
        assert!(page.contains("mandat du site") && page.contains("puis relancez"), "{page}");
    }

    async fn a_group_to_fix_is_acted_on_whole_and_the_newest_is_cancelled_first(place) {
        let held = many(&place, 0, Standing::held(HoldReason::NoKey), 3).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let page = browser.get("/to-fix").await.text;
        let link = page.split("/bulk/new?").nth(1).and_then(|rest| rest.split('"').next());
        let query = link.unwrap().replace("&amp;", "&");
        let draft = drafted(&mut browser, &query, "cancel").await;
        assert_eq!((&draft["total"], &draft["ready"]), (&json!(3), &json!(3)), "{draft}");
        let id = begun(&mut browser, &draft, 600).await;
        until_over(&place, &mut browser, &id).await;
        let items = browser.get(&format!("/admin/v1/bulks/{id}/items")).await.json();
        let order = items["items"].as_array().unwrap().iter();
        let order: Vec<&str> = order.map(|item| item["delivery_id"].as_str().unwrap()).collect();
        let expected: Vec<String> = held.iter().rev().map(ToString::to_string).collect();
        assert_eq!(order, expected);
        for id in held {
            assert_eq!(status(&place, id).await, Status::Cancelled);
        }
        let none = send(&mut browser, "/admin/v1/bulks", &json!({"query": query, "action": "cancel"})).await;
        assert_eq!(none.0, 400, "nothing is left of the group: {}", none.1);
    }

    async fn nothing_is_done_after_a_stop(place) {
        let all = many(&place, 0, waiting(&place), 6).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let draft = drafted(&mut browser, "status=waiting", "retry").await;
        let id = begun(&mut browser, &draft, 20).await;
        until_reached(&place, &mut browser, &id, 2).await;
        let path = format!("/admin/v1/bulks/{id}/cancel");
        let (code, stopped) = send(&mut browser, &path, &json!({})).await;
        assert_eq!((code, &stopped["state"]), (200, &json!("cancelled")), "{stopped}");
        assert_eq!(send(&mut browser, &path, &json!({})).await.0, 409, "once");
        // Another act is begun and ends: whoever does them has looked again, and more than once.
        let more = many(&place, 1, waiting(&place), 3).await;
        let site = place.network.sites[1];
        let other = drafted(&mut browser, &format!("site={site}"), "cancel").await;
        let other = begun(&mut browser, &other, 20).await;
        until_over(&place, &mut browser, &other).await;
        assert_eq!(status(&place, more[0]).await, Status::Cancelled);
        let after = told(&mut browser, &id).await;
        assert_eq!(reached(&after), reached(&stopped), "{after}");
        let mut done = 0;
        for id in &all {
            let acts = acts(&place, *id, "delivery.retried").await;
            let waits = status(&place, *id).await == Status::Waiting;
            assert_eq!(acts.is_empty(), waits, "{acts:?}");
            done += u64::try_from(acts.len()).unwrap();
        }
        assert_eq!(done, stopped["done"].as_u64().unwrap());
        assert!(done < 6, "it was stopped half way");
    }

    async fn an_act_goes_on_in_another_process_and_reaches_each_once(place) {
        // Enough that the act is not over before a third has had it in hand.
        let all = many(&place, 0, waiting(&place), 24).await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let draft = drafted(&mut browser, "status=waiting", "retry").await;
        let id = begun(&mut browser, &draft, 20).await;
        let tenant = place.network.tenant;
        // A second replica beside the first, then one that dies with the act in its hands.
        let store = place.database.open().await;
        let folder = place.database.folder.join("second");
        std::fs::create_dir_all(&folder).unwrap();
        let second = Desk::open(OPTIONAL, &folder, place.clock.clone(), store).await;
        until_reached(&place, &mut browser, &id, 3).await;
        let until = place.now().checked_add(Duration::from_mins(2)).unwrap();
        let taken = wait::until("nobody has it in hand", async || {
            place.later(Duration::from_secs(1));
            let taken = place.store.claim_bulks(place.now(), until, "mort", 1).await;
            taken.unwrap().into_iter().next()
        }).await;
        // What the dead one was about to write is refused once somebody else has gone on.
        let turn = bulks::Turn {
            tenant, bulk: taken.bulk.id, place: taken.bulk.reached() + 1, owner: "mort".to_owned(),
        };
        let bulk = until_over(&place, &mut browser, &id).await;
        let mut tx = place.store.writing().await.unwrap();
        assert!(!bulks::reach(&mut tx, &turn, None, place.now()).await.unwrap());
        drop(tx);
        assert_eq!((&bulk["done"], &bulk["total"]), (&json!(24), &json!(24)), "{bulk}");
        for id in all {
            let acts = acts(&place, id, "delivery.retried").await;
            assert_eq!(acts.len(), 1, "{acts:?}");
        }
        second.close().await;
    }

    async fn each_act_is_done_with_the_rights_of_its_moment(place) {
        let here = many(&place, 0, waiting(&place), 4).await;
        let there = many(&place, 1, waiting(&place), 2).await;
        let tenant = place.network.tenant;
        let mut tx = place.store.reading().await.unwrap();
        let sites = tenants::sites(&mut tx, tenant).await.unwrap();
        drop(tx);
        let mine = sites.iter().find(|site| site.siret == place.network.sites[0]).unwrap().id;
        let roles = [(Role::Reader, Scope::Network), (Role::Operator, Scope::Site(mine))];
        let person = account(&place.store, tenant, "site@cfa.example", &roles, place.now()).await;
        let mut browser = place.browser();
        browser.sign_in("site@cfa.example", PASSWORD).await;
        let draft = drafted(&mut browser, "status=waiting", "retry").await;
        assert_eq!((&draft["total"], &draft["ready"]), (&json!(6), &json!(4)), "{draft}");
        assert_eq!(draft["foreseen"], json!([{"cause": "forbidden", "count": 2}]));
        let id = begun(&mut browser, &draft, 20).await;
        until_reached(&place, &mut browser, &id, 2).await;
        // The role that acts is taken away half way.
        let grant = Grant {
            role: Role::Reader, scope: Scope::Network,
            granted_by: "cli:essai".to_owned(), granted_at: place.now(),
        };
        let mut tx = place.store.writing().await.unwrap();
        people::set_grants(&mut tx, tenant, person.id, &[grant]).await.unwrap();
        tx.commit().await.unwrap();
        let bulk = until_over(&place, &mut browser, &id).await;
        assert_eq!(reached(&bulk), 6);
        assert!(bulk["done"].as_u64().unwrap() < 4, "{bulk}");
        let mut done = 0;
        for id in &here {
            done += u64::try_from(acts(&place, *id, "delivery.retried").await.len()).unwrap();
        }
        assert_eq!(Some(done), bulk["done"].as_u64());
        for id in there {
            assert_eq!(status(&place, id).await, Status::Waiting);
        }
    }

    async fn an_act_reaches_what_its_person_reaches_and_stops_with_their_account(place) {
        let here = many(&place, 0, waiting(&place), 3).await;
        let there = many(&place, 1, waiting(&place), 3).await;
        let tenant = place.network.tenant;
        let mut tx = place.store.reading().await.unwrap();
        let sites = tenants::sites(&mut tx, tenant).await.unwrap();
        drop(tx);
        let mine = sites.iter().find(|site| site.siret == place.network.sites[0]).unwrap().id;
        let person = place.person("ana@cfa.example", Role::Operator).await;
        let mut browser = place.browser();
        browser.sign_in("ana@cfa.example", PASSWORD).await;
        let draft = drafted(&mut browser, "status=waiting", "retry").await;
        assert_eq!((&draft["total"], &draft["ready"]), (&json!(6), &json!(6)), "{draft}");
        // The role is narrowed to one site before anything began.
        let grant = Grant {
            role: Role::Operator, scope: Scope::Site(mine),
            granted_by: "cli:essai".to_owned(), granted_at: place.now(),
        };
        let mut tx = place.store.writing().await.unwrap();
        people::set_grants(&mut tx, tenant, person.id, &[grant]).await.unwrap();
        tx.commit().await.unwrap();
        let id = draft["id"].as_str().unwrap().to_owned();
        let now = told(&mut browser, &id).await;
        assert_eq!((&now["total"], &now["ready"]), (&json!(6), &json!(3)), "{now}");
        assert_eq!(now["foreseen"], json!([{"cause": "forbidden", "count": 3}]));
        let shown = [
            browser.get(&format!("/bulk/{id}")).await.text,
            browser.get(&format!("/admin/v1/bulks/{id}/items")).await.text,
            browser.get(&format!("/admin/v1/bulks/{id}/sheet")).await.text,
        ];
        for text in shown {
            assert!(here.iter().all(|id| text.contains(&id.to_string())), "{text}");
            assert!(!there.iter().any(|id| text.contains(&id.to_string())), "{text}");
        }
        let id = begun(&mut browser, &draft, 20).await;
        until_reached(&place, &mut browser, &id, 1).await;
        let change = people::Change { state: Some(PersonState::Disabled), ..people::Change::default() };
        let mut tx = place.store.writing().await.unwrap();
        assert!(people::change(&mut tx, (tenant, person.id), change, place.now()).await.unwrap());
        tx.commit().await.unwrap();
        let mut colleague = place.signed_in("bea@cfa.example", Role::Admin).await;
        let bulk = wait::until("the act is stopped", async || {
            place.later(Duration::from_secs(2));
            let bulk = told(&mut colleague, &id).await;
            (bulk["state"] != "running").then_some(bulk)
        }).await;
        assert_eq!((&bulk["state"], &bulk["halt"]), (&json!("cancelled"), &json!("author_closed")), "{bulk}");
        assert!(reached(&bulk) < 6, "{bulk}");
        let page = colleague.get(&format!("/bulk/{id}")).await.text;
        assert!(page.contains("a été désactivé"), "{page}");
        for id in there {
            assert_eq!(status(&place, id).await, Status::Waiting);
        }
    }

    async fn of_more_drafts_than_a_person_may_have_the_oldest_gives_way(place) {
        many(&place, 0, waiting(&place), 1).await;
        let mut colleague = place.signed_in("bis@cfa.example", Role::Operator).await;
        let theirs = drafted(&mut colleague, "status=waiting", "retry").await;
        let mut browser = place.signed_in("ops@cfa.example", Role::Operator).await;
        let first = drafted(&mut browser, "status=waiting", "retry").await;
        // One that was begun is no draft any more, and stays.
        let begun = begun(&mut browser, &first, 1).await;
        let site = format!("site={}", place.network.sites[0]);
        let mut drafts = Vec::new();
        for _ in 0..22 {
            place.later(Duration::from_millis(2));
            let draft = drafted(&mut browser, &site, "cancel").await;
            drafts.push(draft["id"].as_str().unwrap().to_owned());
        }
        for (rank, id) in drafts.iter().enumerate() {
            let told = browser.get(&format!("/admin/v1/bulks/{id}")).await;
            assert_eq!(told.status, if rank < 2 { 404 } else { 200 }, "{rank}: {}", told.text);
        }
        assert_eq!(told(&mut browser, &begun).await["total"], 1);
        let id = theirs["id"].as_str().unwrap();
        assert_eq!(told(&mut colleague, id).await["state"], "draft");
        let none = "select count(*) from bulk_item where not exists (select 1 from bulk where bulk.bulk_id = bulk_item.bulk_id)";
        assert_eq!(place.database.number(none).await, 0);
    }

    async fn nobody_is_shown_an_act_that_is_not_theirs_to_see(place) {
        many(&place, 0, waiting(&place), 1).await;
        let mut owner = place.signed_in("ops@cfa.example", Role::Operator).await;
        let draft = drafted(&mut owner, "status=waiting", "retry").await;
        let id = draft["id"].as_str().unwrap().to_owned();
        let other = network().create(&place.store, place.now()).await;
        account(&place.store, other.tenant, "autre@cfa.example", &[(Role::Admin, Scope::Network)], place.now()).await;
        let mut tx = place.store.reading().await.unwrap();
        let sites = tenants::sites(&mut tx, place.network.tenant).await.unwrap();
        drop(tx);
        let roles = [(Role::Operator, Scope::Site(sites[1].id))];
        account(&place.store, place.network.tenant, "site@cfa.example", &roles, place.now()).await;
        let nobody = BulkId::new(place.now()).to_string();
        let begin = json!({"reason": "essai"});
        for email in ["autre@cfa.example", "site@cfa.example"] {
            let mut stranger = place.browser();
            stranger.sign_in(email, PASSWORD).await;
            for id in [&id, &nobody] {
                for tail in ["", "/items", "/sheet"] {
                    let path = format!("/admin/v1/bulks/{id}{tail}");
                    assert_eq!(stranger.get(&path).await.status, 404, "{email} {path}");
                }
                for tail in ["begin", "cancel"] {
                    let path = format!("/admin/v1/bulks/{id}/{tail}");
                    assert_eq!(send(&mut stranger, &path, &begin).await.0, 404, "{email} {path}");
                    let fields = [("reason", "essai")];
                    let answer = stranger.submit(&format!("/bulk/{id}/{tail}"), &fields).await;
                    assert_eq!(answer.status, 404, "{email} {tail}");
                }
                assert_eq!(stranger.get(&format!("/bulk/{id}")).await.status, 404, "{email}");
            }
        }
        // A colleague who reads all of the network sees it once it runs, and does not begin it.
        let mut colleague = place.signed_in("bis@cfa.example", Role::Operator).await;
        let path = format!("/admin/v1/bulks/{id}/begin");
        assert_eq!(send(&mut colleague, &path, &begin).await.0, 404);
        begun(&mut owner, &draft, 1).await;
        assert_eq!(colleague.get(&format!("/bulk/{id}")).await.status, 200);
    }
}
