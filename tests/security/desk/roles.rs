//! Every route × every role × another network's object, from the one table the gate reads.

use admin_api::hand::Hand;
use admin_api::{Line, Need, ROUTES, hooks};
use domain::id::WebhookId;
use domain::person::Role;
use domain::{Environment, Secret, TenantId, Timestamp};
use harness::desk::{Browser, PASSWORD, account, word};
use harness::network::network;
use reqwest::Method;
use store::Store;
use store::people::Scope;
use store::tenants;

use super::{OPTIONAL, Place, on_both};

/// A name that no object has.
const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

/// What a gate says to who may not.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It let the request through to its handler, whatever that made of it.
    Through,
    SignedOut,
    Forbidden,
    AskedAgain,
}

/// Asks for one line, its holes filled with `id`.
async fn asked(browser: &mut Browser, line: &Line, id: &str, word: &str) -> (Said, u16, String) {
    let path = line
        .pattern
        .replace("{id}", id)
        .replace("{name}", "desk.css");
    assert!(!path.contains('{'), "say here what {path} names");
    let method: Method = line.method.parse().unwrap();
    let headers = [
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-csrf-token", word),
    ];
    let body = (method != Method::GET).then(|| format!("csrf={word}"));
    let answer = browser.ask(method, &path, &headers, body).await;
    let to = answer.header("location").unwrap_or_default().to_owned();
    let is = |slug: &str| answer.text.contains(slug);
    let said = match answer.status.as_u16() {
        401 => Said::SignedOut,
        303 if to.starts_with("/login") && line.need != Need::Nothing => Said::SignedOut,
        303 if to.starts_with("/confirm") => Said::AskedAgain,
        403 if is("role-insuffisant") => Said::Forbidden,
        403 if is("confirmation-requise") => Said::AskedAgain,
        _ => Said::Through,
    };
    (said, answer.status.as_u16(), answer.text)
}

/// Makes a webhook in a network, straight in its store.
async fn webhook(store: &Store, tenant: TenantId, now: Timestamp) -> WebhookId {
    let wanted = hooks::Wanted {
        environment: Environment::Test,
        url: "https://erp.example.fr/".to_owned(),
        label: "autre@cfa.example".to_owned(),
        kinds: Vec::new(),
        sites: None,
        once: None,
    };
    let secrets = hooks::Secrets {
        kept: Secret::new("whsec_a whsk_b"),
        shown: Secret::new("whsec_a"),
        public_key: "whpk_c".to_owned(),
    };
    let hand = Hand {
        name: "cli:essai".to_owned(),
        now,
        reason: None,
    };
    let network_key = store.keys(tenant).await.unwrap();
    let mut tx = store.writing().await.unwrap();
    let made = hooks::create(&mut tx, &network_key, wanted, &secrets, &hand).await;
    tx.commit().await.unwrap();
    made.unwrap().id
}

/// Signs somebody in, and reads the word their forms carry.
async fn entered(place: &Place, email: &str) -> (Browser, String) {
    let mut browser = place.browser();
    browser.sign_in(email, PASSWORD).await;
    let csrf = word(&browser.get("/account").await.text).unwrap();
    (browser, csrf)
}

on_both! { OPTIONAL;
    async fn nothing_but_the_doors_is_open_to_who_is_not_signed_in(place) {
        for line in ROUTES {
            let mut browser = place.browser();
            let (said, status, text) = asked(&mut browser, line, NOBODY, "").await;
            let expected = match line.need {
                Need::Nothing => Said::Through,
                _ => Said::SignedOut,
            };
            assert_eq!(said, expected, "{line:?}: {status} {text}");
        }
    }

    async fn each_role_goes_where_the_table_says_and_nowhere_else(place) {
        for role in Role::ALL {
            let email = format!("{role}@cfa.example");
            place.person(&email, *role).await;
            let (mut browser, mut csrf) = entered(&place, &email).await;
            for line in ROUTES.iter().filter(|line| line.pattern != "/logout") {
                let (said, status, text) = asked(&mut browser, line, NOBODY, &csrf).await;
                let expected = match line.need {
                    Need::Nothing | Need::Account | Need::Browser => Said::Through,
                    Need::May(right) | Need::MayConfirmed(right) if role.may(right) => {
                        Said::Through
                    }
                    _ => Said::Forbidden,
                };
                assert_eq!(said, expected, "{role}, {line:?}: {status} {text}");
                assert!(status < 500, "{role}, {line:?}: {status} {text}");
                // It may have ended the session, or begun another: to sign in each time would cost more
                // than all the rest.
                let own = matches!(line.need, Need::Nothing | Need::Account | Need::Browser);
                if own && line.method != "GET" {
                    (browser, csrf) = entered(&place, &email).await;
                }
            }
        }
    }

    async fn what_is_sensitive_asks_for_the_password_again_after_a_while(place) {
        let mut browser = place.signed_in("admin@cfa.example", Role::Admin).await;
        let csrf = word(&browser.get("/account").await.text).unwrap();
        place.later(std::time::Duration::from_mins(11));
        for line in ROUTES {
            if let Need::MayConfirmed(right) = line.need && Role::Admin.may(right) {
                let (said, status, _) = asked(&mut browser, line, NOBODY, &csrf).await;
                assert_eq!(said, Said::AskedAgain, "{line:?}: {status}");
            }
        }
        let sent = [("password", PASSWORD), ("next", "/people")];
        let answer = browser.submit("/confirm", &sent).await;
        assert_eq!(answer.header("location"), Some("/people"));
        let answer = browser.submit("/people", &[("email", "x")]).await;
        assert_eq!(answer.status, 400, "through the gate: {}", answer.text);
    }

    async fn another_network_s_object_is_nobody_s(place) {
        let roles = [(Role::Admin, Scope::Network), (Role::Auditor, Scope::Network)];
        account(&place.store, place.network.tenant, "admin@cfa.example", &roles, place.now()).await;
        let mut browser = place.browser();
        browser.sign_in("admin@cfa.example", PASSWORD).await;
        let csrf = word(&browser.get("/account").await.text).unwrap();
        let other = network().create(&place.store, place.now()).await;
        let stranger = account(
            &place.store, other.tenant, "autre@cfa.example",
            &[(Role::Admin, Scope::Network)], place.now(),
        ).await;
        let mut tx = place.store.reading().await.unwrap();
        let key = store::keys::list(&mut tx, other.tenant).await.unwrap().remove(0);
        drop(tx);
        other.credential(&place.store, None, place.now()).await;
        let mut tx = place.store.reading().await.unwrap();
        let credential = store::credentials::list(&mut tx, other.tenant).await.unwrap().remove(0);
        drop(tx);
        let hook = webhook(&place.store, other.tenant, place.now()).await;
        let ids = [stranger.id.to_string(), key.id.to_string(), credential.id.to_string(), hook.to_string()];
        for line in ROUTES.iter().filter(|line| line.pattern.contains("{id}")) {
            for id in &ids {
                let (_, theirs, text) = asked(&mut browser, line, id, &csrf).await;
                let (_, nobodys, _) = asked(&mut browser, line, NOBODY, &csrf).await;
                assert_eq!(theirs, nobodys, "{line:?}: {text}");
                assert!(theirs == 404 || theirs == 400, "{line:?}: {theirs} {text}");
                assert!(!text.contains("autre@cfa.example"), "{line:?}: {text}");
            }
        }
        let listed = browser.get("/people").await.text;
        assert!(listed.contains("admin@cfa.example"));
        assert!(!listed.contains("autre@cfa.example"));
    }

    async fn a_role_at_one_site_reaches_no_other(place) {
        let mut tx = place.store.reading().await.unwrap();
        let sites = tenants::sites(&mut tx, place.network.tenant).await.unwrap();
        drop(tx);
        let roles = [(Role::Operator, Scope::Site(sites[0].id)), (Role::Admin, Scope::Site(sites[0].id))];
        account(&place.store, place.network.tenant, "site@cfa.example", &roles, place.now()).await;
        let mut browser = place.browser();
        browser.sign_in("site@cfa.example", PASSWORD).await;
        let me = browser.get("/admin/v1/me").await.json();
        let rights = me["rights"].as_array().unwrap();
        for right in rights {
            let reached: Vec<&str> = right["sites"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
            assert_eq!(reached, [sites[0].siret.to_string()], "{right}");
        }
        assert!(rights.iter().any(|right| right["right"] == "act"));
        // What means something for the whole network only is no right of a site's administrator.
        assert!(!rights.iter().any(|right| right["right"] == "manage-people"), "{me}");
        assert_eq!(browser.get("/people").await.status, 403);
    }
}
