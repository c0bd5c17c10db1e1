//! CFA keys typed, pasted and used in the dashboard: their text goes in and never comes out.

use domain::Opco;
use domain::person::Role;
use harness::desk::{Browser, PASSWORD, account, between, word};
use harness::opcos::{Opcos, WIDE};
use reqwest::Method;
use store::keys::{self, CfaKey, KeyState};
use store::people::Scope;
use store::tenants;

use super::{OPTIONAL, Place, on_both};

/// A text unlike anything else.
const CANARY: &str = "canari-7f3a91c2-cle-tapee-dans-la-page";

/// Sends a sheet as a browser sends a form with a file.
async fn upload(browser: &mut Browser, sheet: &str) -> harness::erp::Answer {
    let word = word(&browser.get("/account").await.text).unwrap();
    let part = |name: &str, text: &str| {
        format!("--frontiere\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let body = [
        part("csrf", &word),
        part("world", "test"),
        part("text", sheet),
    ]
    .concat();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "multipart/form-data; boundary=frontiere"),
    ];
    let body = format!("{body}--frontiere--\r\n");
    browser
        .ask(Method::POST, "/keys/import", &headers, Some(body))
        .await
}

async fn all(place: &Place) -> Vec<CfaKey> {
    let mut tx = place.store.reading().await.unwrap();
    keys::list(&mut tx, place.network.tenant).await.unwrap()
}

/// The keys that wait: those of the network itself are in use.
async fn kept(place: &Place) -> Vec<CfaKey> {
    let mut keys = all(place).await;
    keys.retain(|key| key.state == KeyState::Staged);
    keys
}

/// Everything the log of the network says, in one text.
async fn log(place: &Place) -> String {
    let mut tx = place.store.reading().await.unwrap();
    let events = store::events::after(&mut tx, place.network.tenant, 0, 1_000)
        .await
        .unwrap();
    format!("{events:?}")
}

on_both! { OPTIONAL;
    async fn a_key_typed_in_the_page_is_in_no_answer_no_event_and_no_column(place) {
        let mut browser = place.signed_in("cles@cfa.example", Role::Keys).await;
        let site = place.network.sites[0].to_string();
        let fields = [("world", "test"), ("site", &site), ("system", "akto/1"), ("key", CANARY),
            ("expires_on", "2026-12-31"), ("referent", "<b>Ana</b>")];
        let answer = browser.submit("/keys", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let page = answer.header("location").unwrap().to_owned();
        let mut seen = vec![answer.text];
        // A wrong one comes back with the page: without its text.
        let fields = [("world", "test"), ("site", &site), ("system", "akto/1"), ("key", CANARY), ("expires_on", "2020-01-01")];
        let refused = browser.submit("/keys", &fields).await;
        assert_eq!(refused.status, 400);
        seen.push(refused.text);
        let sheet = format!("{site};atlas;{CANARY};;Ana\n{CANARY};atlas;{site}\n{site};{CANARY};x\n");
        let preview = upload(&mut browser, &sheet).await;
        assert_eq!(preview.status, 200, "{}", preview.text);
        assert!(preview.text.contains("SIRET faux"), "{}", preview.text);
        assert_eq!(kept(&place).await.len(), 1, "a preview keeps nothing");
        let sealed = between(&preview.text, "name=\"sheet\" value=\"", "\"").unwrap();
        let report = browser.submit("/keys/import/keep", &[("sheet", &sealed)]).await;
        assert_eq!(report.status, 200, "{}", report.text);
        assert_eq!(kept(&place).await.len(), 2);
        seen.extend([preview.text, report.text]);
        for path in ["/keys", &page, "/keys/import"] {
            seen.push(browser.get(path).await.text);
        }
        // A name is text to a browser, whatever is written in it.
        assert!(seen.iter().all(|text| !text.contains("<b>Ana")), "{seen:?}");
        let shown = seen.iter().filter(|text| text.contains("&lt;b&gt;Ana&lt;/b&gt;"));
        assert_eq!(shown.count(), 3, "the list, twice, and the key's own page: {seen:?}");
        let log = log(&place).await;
        assert!(!log.contains("Ana"), "no name in the log: {log}");
        assert!(log.contains("person:"), "the log says who: {log}");
        seen.push(browser.get("/admin/v1/keys").await.text);
        seen.push(format!("{:?}", kept(&place).await));
        seen.push(log);
        for text in &seen {
            assert!(!text.contains(CANARY) && !text.contains(&CANARY[7..]), "{text}");
        }
        let network_key = place.store.keys(place.network.tenant).await.unwrap();
        for key in kept(&place).await {
            let text = network_key.open_secret(key.id.as_bytes(), keys::SEAL_PART, &key.sealed).unwrap();
            assert_eq!(text.expose(), CANARY, "what was typed is what is kept");
        }
    }

    async fn another_s_preview_and_an_old_one_keep_nothing(place) {
        let mut browser = place.signed_in("cles@cfa.example", Role::Keys).await;
        let mut other = place.signed_in("autre@cfa.example", Role::Keys).await;
        let site = place.network.sites[0].to_string();
        let preview = upload(&mut browser, &format!("{site};atlas;{CANARY}")).await;
        let sealed = between(&preview.text, "name=\"sheet\" value=\"", "\"").unwrap();
        let answer = other.submit("/keys/import/keep", &[("sheet", &sealed)]).await;
        assert_eq!(answer.status, 409, "{}", answer.text);
        place.later(std::time::Duration::from_mins(31));
        let sent = [("password", PASSWORD), ("next", "/keys")];
        assert_eq!(browser.submit("/confirm", &sent).await.status, 303);
        let answer = browser.submit("/keys/import/keep", &[("sheet", &sealed)]).await;
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert!(kept(&place).await.is_empty());
    }

    async fn an_end_that_nobody_knows_stops_nothing_until_it_is_given(place) {
        let mut browser = place.signed_in("cles@cfa.example", Role::Keys).await;
        let mut active = all(&place).await;
        active.retain(|key| key.state == KeyState::Active && key.expires_on.is_none());
        let page = format!("/keys/{}", active.remove(0).id);
        let forecast = format!("/admin/v1{page}/forecast");
        let shown = browser.get(&page).await.text;
        assert!(shown.contains("La fin de cette clé n'est pas connue."), "{shown}");
        assert!(shown.contains("name=\"expires_on\"") && !shown.contains("Bloqué à partir"), "{shown}");
        assert_eq!(browser.get(&forecast).await.json()["from"], serde_json::Value::Null);
        for day in ["", "2026-01-31", "demain"] {
            let refused = browser.submit(&page, &[("act", "date"), ("expires_on", day)]).await;
            assert_eq!(refused.status, 400, "{day}: {}", refused.text);
        }
        let given = browser.submit(&page, &[("act", "date"), ("expires_on", "2026-12-31")]).await;
        assert_eq!(given.status, 303, "{}", given.text);
        let shown = browser.get(&page).await.text;
        assert!(shown.contains("Bloqué à partir du") && shown.contains("dernier jour noté"), "{shown}");
        assert_eq!(browser.get(&forecast).await.json()["from"], "2027-01-01");
        assert!(log(&place).await.contains("key.end_given"));
    }

    async fn a_key_that_the_site_has_is_not_kept_a_second_time(place) {
        let mut browser = place.signed_in("cles@cfa.example", Role::Keys).await;
        let network_key = place.store.keys(place.network.tenant).await.unwrap();
        let site = place.network.sites[0];
        let used = all(&place).await.into_iter().find(|key| key.siret_cfa == site && key.instance.opco == Opco::Akto).unwrap();
        let used = network_key.open_secret(used.id.as_bytes(), keys::SEAL_PART, &used.sealed).unwrap();
        let site = site.to_string();
        let fields = |key: &str| [("world", "test"), ("site", site.as_str()), ("system", "akto/1"), ("key", key)]
            .map(|(name, value)| (name, value.to_owned()));
        for (key, status, said) in [
            (used.expose(), 400, "déjà celle en service"), (CANARY, 303, ""), (CANARY, 400, "attend déjà"),
        ] {
            let fields = fields(key);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = browser.submit("/keys", &fields).await;
            assert_eq!(answer.status, status, "{}", answer.text);
            assert!(answer.text.contains(said) && !answer.text.contains(key), "{}", answer.text);
        }
        let preview = upload(&mut browser, &format!("{site};akto;{CANARY}\n{site};atlas;{CANARY}")).await;
        assert!(preview.text.contains("a déjà cette clé chez cet OPCO"), "{}", preview.text);
        let sealed = between(&preview.text, "name=\"sheet\" value=\"", "\"").unwrap();
        browser.submit("/keys/import/keep", &[("sheet", &sealed)]).await;
        assert_eq!(kept(&place).await.len(), 2, "at another OPCO it is another key");
    }

    async fn a_role_at_one_site_keeps_the_keys_of_that_site_only(place) {
        let (tenant, now) = (place.network.tenant, place.now());
        let mut tx = place.store.reading().await.unwrap();
        let mine = tenants::find_site(&mut tx, tenant, &place.network.sites[0]).await.unwrap().unwrap();
        drop(tx);
        let roles = [(Role::Keys, Scope::Site(mine.id))];
        account(&place.store, tenant, "site@cfa.example", &roles, now).await;
        let mut browser = place.browser();
        browser.sign_in("site@cfa.example", PASSWORD).await;
        let listed = browser.get("/admin/v1/keys").await.json();
        let listed = listed["keys"].as_array().unwrap();
        let own = mine.siret.to_string();
        assert!(!listed.is_empty() && listed.iter().all(|key| key["site"] == own.as_str()), "{listed:?}");
        let theirs = all(&place).await.into_iter().find(|key| key.siret_cfa != mine.siret).unwrap();
        let page = format!("/keys/{}", theirs.id);
        assert_eq!(browser.get(&page).await.status, 404);
        assert_eq!(browser.submit(&page, &[("act", "retire")]).await.status, 404);
        let site = place.network.sites[1].to_string();
        let fields = [("world", "test"), ("site", &site), ("system", "akto/1"), ("key", CANARY)];
        let refused = browser.submit("/keys", &fields).await;
        assert_eq!(refused.status, 400);
        // The OPCO stays the one that was chosen, and the key is not shown.
        assert!(refused.text.contains("value=\"akto/1\" selected"), "{}", refused.text);
        assert!(!refused.text.contains(CANARY), "never: {}", refused.text);
        let preview = upload(&mut browser, &format!("{site};atlas;{CANARY}")).await;
        assert!(preview.text.contains("pas l'un des v") || preview.text.contains("pas l&#39;un des v"), "{}", preview.text);
        assert!(kept(&place).await.is_empty());
    }

    async fn the_next_key_waits_is_tried_and_takes_over(place) {
        let (tenant, now) = (place.network.tenant, place.now());
        let site = place.network.sites[0];
        let opcos = Opcos::start(place.clock.clone()).await;
        let settings = format!("{}{OPTIONAL}", opcos.settings(WIDE));
        let desk = harness::desk::Desk::open(&settings, &place.database.folder, place.clock.clone(), place.store.clone()).await;
        let roles = [(Role::Keys, Scope::Network)];
        account(&place.store, tenant, "cles@cfa.example", &roles, now).await;
        let mut browser = Browser::new(&desk.origin);
        browser.sign_in("cles@cfa.example", PASSWORD).await;
        let is_former = |key: &&CfaKey| key.siret_cfa == site && key.instance.opco == Opco::Akto;
        let former = all(&place).await.iter().find(is_former).cloned().unwrap();
        let text = site.to_string();
        let fields = [("world", "test"), ("site", text.as_str()), ("system", "akto/1"), ("key", CANARY)];
        let answer = browser.submit("/keys", &fields).await;
        let page = answer.header("location").unwrap().to_owned();
        let refused = browser.submit(&page, &[("act", "promote")]).await;
        assert_eq!(refused.status, 400, "not before it was accepted");
        // A trial waits for its turn, and turns come with time.
        let mut turns = tokio::time::interval(std::time::Duration::from_millis(20));
        let tried = {
            let submitted = browser.submit(&page, &[("act", "probe")]);
            tokio::pin!(submitted);
            loop {
                tokio::select! {
                    answer = &mut submitted => break answer,
                    _ = turns.tick() => place.later(std::time::Duration::from_millis(100)),
                }
            }
        };
        assert_eq!(tried.status, 200, "{}", tried.text);
        assert!(tried.text.contains("accepte cette"), "{}", tried.text);
        let state = |keys: &[CfaKey], id| keys.iter().find(|key| key.id == id).map(|key| key.state);
        assert_eq!(state(&all(&place).await, former.id), Some(KeyState::Active), "it goes on meanwhile");
        assert_eq!(browser.submit(&page, &[("act", "promote")]).await.status, 303);
        let after = all(&place).await;
        assert_eq!(state(&after, former.id), Some(KeyState::Retiring));
        assert!(after.iter().any(|key| key.state == KeyState::Active && key.id != former.id));
        let former_page = format!("/keys/{}", former.id);
        let unexplained = browser.submit(&former_page, &[("act", "retire")]).await;
        assert_eq!(unexplained.status, 400, "not without a reason");
        let shown = browser.get(&page).await.text;
        assert!(shown.contains("En route maintenant"), "what stops is said: {shown}");
        let retire = [("act", "retire"), ("reason", "remplacée")];
        assert_eq!(browser.submit(&former_page, &retire).await.status, 303);
        assert!(log(&place).await.contains("remplacée"));
        assert_eq!(state(&all(&place).await, former.id), Some(KeyState::Revoked));
        let history = browser.get(&page).await.text;
        for said in ["en attente", "acceptée par", "mise en service", "Une personne"] {
            assert!(history.contains(said), "{said}: {history}");
        }
        let forecast = browser.get(&format!("/admin/v1{page}/forecast")).await.json();
        assert_eq!(forecast["complete"], true, "{forecast}");
        assert!(!log(&place).await.contains(CANARY));
        desk.close().await;
        opcos.stop().await;
    }
}
