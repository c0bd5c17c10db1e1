//! Those who forge or steal: sessions, forms, addresses, frames.

use std::time::Duration;

use domain::person::Role;
use harness::desk::{PASSWORD, word};
use reqwest::Method;

use super::{OPTIONAL, on_both};

/// The headers and the body of a request.
type Tried<'a> = (&'a [(&'a str, &'a str)], Option<String>);

on_both! { OPTIONAL;
    async fn a_session_given_beforehand_is_never_the_one_signed_in(place) {
        place.person("ana@cfa.example", Role::Reader).await;
        let mut browser = place.browser();
        let planted = "A".repeat(43);
        browser.cookies.insert("cfa_session".to_owned(), planted.clone());
        browser.sign_in("ana@cfa.example", PASSWORD).await;
        let first = browser.cookies["cfa_session"].clone();
        assert_ne!(first, planted);
        let mut thief = place.browser();
        thief.cookies.insert("cfa_session".to_owned(), planted);
        assert_eq!(thief.get("/account").await.status, 303);
        let mut again = place.browser();
        again.sign_in("ana@cfa.example", PASSWORD).await;
        assert_ne!(again.cookies["cfa_session"], first, "each sign-in makes its own");
    }

    async fn a_session_ends_when_it_must(place) {
        let mut browser = place.signed_in("ana@cfa.example", Role::Reader).await;
        let kept = browser.clone();
        assert_eq!(browser.submit("/logout", &[]).await.status, 303);
        let mut stolen = kept;
        assert_eq!(stolen.get("/account").await.status, 303, "after signing out");

        let mut browser = place.browser();
        browser.sign_in("ana@cfa.example", PASSWORD).await;
        place.later(Duration::from_mins(59));
        assert_eq!(browser.get("/account").await.status, 200);
        place.later(Duration::from_mins(61));
        assert_eq!(browser.get("/account").await.status, 303, "an hour without use");

        let mut one = place.browser();
        one.sign_in("ana@cfa.example", PASSWORD).await;
        let mut two = place.browser();
        two.sign_in("ana@cfa.example", PASSWORD).await;
        let new = "quatre bols de faience";
        let sent = [("current", PASSWORD), ("password", new), ("again", new)];
        assert_eq!(one.submit("/account/password", &sent).await.status, 303);
        assert_eq!(one.get("/account").await.status, 200);
        assert_eq!(two.get("/account").await.status, 303, "the password was changed elsewhere");
    }

    async fn a_change_comes_from_our_own_page_or_not_at_all(place) {
        let mut browser = place.signed_in("ana@cfa.example", Role::Admin).await;
        let csrf = word(&browser.get("/account").await.text).unwrap();
        let mut other = place.signed_in("bea@cfa.example", Role::Admin).await;
        let foreign = word(&other.get("/account").await.text).unwrap();
        let form = ("content-type", "application/x-www-form-urlencoded");
        let body = |word: &str| Some(format!("language=en&csrf={word}"));
        let own = browser.origin.clone();
        let tried: [Tried<'_>; 6] = [
            (&[form, ("sec-fetch-site", "cross-site")], body(&csrf)),
            (&[form, ("sec-fetch-site", "same-site")], body(&csrf)),
            (&[form, ("origin", "http://evil.example")], body(&csrf)),
            (&[form, ("origin", "null")], body(&csrf)),
            (&[form, ("origin", &own)], body("")),
            (&[form, ("origin", &own)], body(&foreign)),
        ];
        for (headers, body) in tried {
            let answer = browser.ask(Method::POST, "/account/language", headers, body).await;
            assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text);
        }
        // No header at all, but a cookie: no browser does that.
        let answer = browser.ask(Method::POST, "/account/language", &[form], body(&csrf)).await;
        assert_eq!(answer.status, 403);
        let json = [("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
        let answer = browser.ask(Method::POST, "/admin/v1/people", &json, Some("{}".to_owned())).await;
        assert_eq!(answer.status, 403, "the API wants the word too: {}", answer.text);
        assert!(browser.get("/account").await.text.contains("lang=\"fr\""), "nothing changed");
        let answer = browser.submit("/account/language", &[("language", "en")]).await;
        assert_eq!(answer.status, 303);
        assert!(browser.get("/account").await.text.contains("lang=\"en\""));
    }

    async fn no_answer_may_be_framed_or_run_what_is_not_ours(place) {
        let mut browser = place.signed_in("ana@cfa.example", Role::Admin).await;
        for path in ["/", "/login", "/people", "/assets/desk.js", "/admin/v1/me", "/nowhere"] {
            let answer = browser.get(path).await;
            let policy = answer.header("content-security-policy").unwrap();
            for part in ["default-src 'none'", "frame-ancestors 'none'", "script-src 'self';", "base-uri 'none'"] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert!(!answer.text.contains(" style=\"") && !answer.text.contains(" onclick="), "{path}");
        }
        let mut fresh = place.browser();
        let answer = fresh.sign_in("ana@cfa.example", PASSWORD).await;
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    }

    async fn signing_in_leads_to_no_other_host(place) {
        place.person("ana@cfa.example", Role::Reader).await;
        for next in ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nset-cookie: x=1"] {
            let mut browser = place.browser();
            let fields = [("email", "ana@cfa.example"), ("password", PASSWORD), ("next", next)];
            let answer = browser.post("/login", &fields).await;
            assert_eq!(answer.header("location"), Some("/"), "{next:?}");
        }
    }

    async fn what_people_call_themselves_is_only_ever_text(place) {
        let mut browser = place.signed_in("ana@cfa.example", Role::Admin).await;
        let name = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
        let sent = [("email", "x@cfa.example"), ("name", name), ("role", "lecteur"), ("scope", "network")];
        let answer = browser.submit("/people", &sent).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = browser.get("/people").await.text;
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    }

    async fn an_invitation_serves_once_and_a_key_for_scripts_makes_no_keys(place) {
        let mut browser = place.signed_in("ana@cfa.example", Role::Admin).await;
        let sent = [("email", "bea@cfa.example"), ("name", "Béa"), ("role", "lecteur"), ("scope", "network")];
        let page = browser.submit("/people", &sent).await.text;
        let code = harness::desk::between(&page, "/invitation#", "<").unwrap();
        let mut invited = place.browser();
        let weak = [("code", code.as_str()), ("password", "court"), ("again", "court")];
        assert_eq!(invited.post("/invitation", &weak).await.status, 400);
        let chosen = "cinq lampes jaunes";
        let good = [("code", code.as_str()), ("password", chosen), ("again", chosen)];
        // Whoever signed in meanwhile in another tab is told so, and goes on once signed out.
        let told = browser.post("/invitation", &good).await;
        assert_eq!(told.status, 400);
        assert!(told.text.contains("ana@cfa.example") && !told.text.contains("formulaire-etranger"), "{}", told.text);
        assert!(told.text.contains(&format!("action=\"/logout#{code}\"")) && !told.text.contains(chosen), "{}", told.text);
        let mut leaving = place.signed_in("clara@cfa.example", Role::Reader).await;
        let out = leaving.submit("/logout", &[("next", "/invitation")]).await;
        assert_eq!(out.header("location"), Some("/invitation"));
        assert!(leaving.get("/invitation").await.text.contains("name=\"password\""), "nobody is signed in any more");
        let saved = invited.post("/invitation", &good).await;
        let next = saved.header("location").unwrap().to_owned();
        assert!(invited.get(&next).await.text.contains("mot de passe est enregistré"), "{next}");
        assert_eq!(invited.post("/invitation", &good).await.status, 400, "once");
        assert_eq!(invited.sign_in("bea@cfa.example", chosen).await.status, 303);

        let page = browser.submit("/account/scripts", &[("label", "essai")]).await.text;
        let key = harness::desk::between(&page, "<code>cfg_admin_", "<").unwrap();
        let bearer = format!("Bearer cfg_admin_{key}");
        let mut script = place.browser();
        let with = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = script.ask(Method::GET, "/admin/v1/people", &with, None).await;
        assert_eq!(answer.json()["people"].as_array().unwrap().len(), 3);
        let body = Some("{}".to_owned());
        let answer = script.ask(Method::POST, "/admin/v1/people", &with, body.clone()).await;
        assert_eq!(answer.json()["code"], "confirmation-requise");
        // Not even with the password: a key confirms nothing.
        let form = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let password = Some("password=trois%20tasses%20vertes".to_owned());
        script.ask(Method::POST, "/confirm", &form, password).await;
        let answer = script.ask(Method::POST, "/admin/v1/people", &with, body.clone()).await;
        assert_eq!(answer.json()["code"], "confirmation-requise");
        let form = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answer = script.ask(Method::POST, "/account/scripts", &form, Some("label=x".to_owned())).await;
        assert_ne!(answer.status, 200, "{}", answer.text);
    }

    async fn the_last_administrator_stays(place) {
        let mut browser = place.signed_in("ana@cfa.example", Role::Admin).await;
        let invitation = browser.get("/invitation").await.text;
        assert!(invitation.contains("ana@cfa.example") && invitation.contains("action=\"/logout\""), "{invitation}");
        assert!(!invitation.contains("name=\"password\""), "not for somebody else: {invitation}");
        let me = browser.get("/admin/v1/me").await.json();
        let path = format!("/people/{}", me["id"].as_str().unwrap());
        for fields in [
            vec![("act", "disable")],
            vec![("act", "revoke"), ("role", "admin"), ("scope", "network")],
            vec![("act", "reset")],
        ] {
            let answer = browser.submit(&path, &fields).await;
            assert!(answer.status == 400 && answer.text.contains("Il faut une raison"), "{}", answer.text);
            if fields[0].1 == "reset" {
                continue;
            }
            let fields = [fields, vec![("reason", "départ")]].concat();
            let answer = browser.submit(&path, &fields).await;
            assert!(answer.status == 400 && !answer.text.contains("Il faut une raison"), "{}", answer.text);
        }
        assert_eq!(browser.get("/people").await.status, 200);
    }
}
