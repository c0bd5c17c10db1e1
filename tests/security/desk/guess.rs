//! Those who guess: passwords, codes, names of accounts.

use std::time::Duration;

use domain::person::Role;
use harness::desk::{Browser, PASSWORD, between, totp, word};
use harness::erp::Answer;
use store::people;

use super::{OPTIONAL, Place, on_both};

/// What is said of a wrong answer.
const WRONG: &str = "Adresse ou mot de passe incorrect.";
/// What is said while nothing is tried.
const LOCKED: &str = "Trop d&#39;essais";

fn says(text: &str, words: &str) -> bool {
    text.contains(words) || text.contains(&words.replace("&#39;", "'"))
}

/// Sends answers to one door, all at once.
async fn at_once(browser: &Browser, door: &str, answers: Vec<Vec<(&str, &str)>>) -> Vec<Answer> {
    let tries = answers.into_iter().map(|fields| {
        let mut browser = browser.clone();
        async move { browser.post(door, &fields).await }
    });
    futures_util::future::join_all(tries).await
}

/// How many wrong answers an account has against it.
async fn failures(place: &Place, email: &str) -> u32 {
    let mut tx = place.store.reading().await.unwrap();
    people::with_email(&mut tx, email).await.unwrap()[0].failures
}

/// Sets a second factor up; returns its secret and one of the recovery codes.
async fn enrolled(place: &Place, browser: &mut Browser) -> (String, String) {
    let page = browser.get("/account/second-factor").await.text;
    let secret = between(&page, "name=\"secret\" value=\"", "\"").unwrap();
    let code = totp(&secret, place.now());
    let sent = [("secret", secret.as_str()), ("code", code.as_str())];
    let shown = browser.submit("/account/second-factor", &sent).await;
    let paper = between(&shown.text, "<li><code>", "</code>").unwrap();
    (secret, paper)
}

on_both! { OPTIONAL;
    async fn passwords_asked_again_are_counted_alike_at_once_and_in_a_row(place) {
        let mut thief = place.signed_in("ana@cfa.example", Role::Admin).await;
        let csrf = word(&thief.get("/account").await.text).unwrap();
        let confirm = |password| vec![("csrf", csrf.as_str()), ("password", password)];
        let change = |current| {
            let new = "cinq lampes jaunes";
            vec![("csrf", csrf.as_str()), ("current", current), ("password", new), ("again", new)]
        };
        let wrong = || vec![confirm("faux faux faux faux"); 12];
        for answer in at_once(&thief, "/confirm", wrong()).await {
            assert_eq!(answer.status, 400, "{}", answer.text);
        }
        assert_eq!(failures(&place, "ana@cfa.example").await, 5);
        // Behind the lock not even what is right opens, through neither door.
        assert_eq!(thief.post("/confirm", &confirm(PASSWORD)).await.status, 400);
        assert_eq!(thief.post("/account/password", &change(PASSWORD)).await.status, 400);

        place.later(Duration::from_secs(61));
        let wrong = vec![change("faux faux faux faux"); 12];
        for answer in at_once(&thief, "/account/password", wrong).await {
            assert_eq!(answer.status, 400, "{}", answer.text);
        }
        assert_eq!(failures(&place, "ana@cfa.example").await, 6, "one for each pause that ended");
        place.later(Duration::from_secs(121));
        assert_eq!(thief.post("/confirm", &confirm(PASSWORD)).await.status, 303);
        assert_eq!(failures(&place, "ana@cfa.example").await, 0);
    }

    async fn an_account_and_a_name_that_is_nobody_s_answer_alike(place) {
        place.person("ana@cfa.example", Role::Reader).await;
        for email in ["ana@cfa.example", "personne@cfa.example"] {
            let mut browser = place.browser();
            for n in 0..5 {
                let answer = browser.sign_in(email, "faux faux faux faux").await;
                assert_eq!(answer.status, 400);
                assert!(says(&answer.text, WRONG), "{email} {n}: {}", answer.text);
            }
            // The right password is not tried either.
            let answer = browser.sign_in(email, PASSWORD).await;
            assert!(says(&answer.text, LOCKED), "{email}: {}", answer.text);
            assert!(browser.cookies.is_empty());
        }
    }

    async fn a_hundred_tries_at_once_are_counted_like_a_hundred_in_a_row(place) {
        place.person("ana@cfa.example", Role::Reader).await;
        let tries = (0..40).map(|n| {
            let mut browser = place.browser();
            async move {
                let password = if n == 39 { PASSWORD } else { "faux faux faux faux" };
                let answer = browser.sign_in("ana@cfa.example", password).await;
                (answer.status.as_u16(), says(&answer.text, WRONG))
            }
        });
        let answers = futures_util::future::join_all(tries).await;
        let evaluated = answers.iter().filter(|(_, wrong)| *wrong).count();
        assert!(evaluated <= 8, "{evaluated} answers told something: {answers:?}");
        let mut browser = place.browser();
        let answer = browser.sign_in("ana@cfa.example", PASSWORD).await;
        assert!(says(&answer.text, LOCKED), "{}", answer.text);
    }

    async fn a_pause_ends_doubles_and_is_forgotten_after_a_right_answer(place) {
        place.person("ana@cfa.example", Role::Reader).await;
        let mut browser = place.browser();
        for _ in 0..5 {
            browser.sign_in("ana@cfa.example", "faux faux faux faux").await;
        }
        place.later(Duration::from_secs(61));
        let answer = browser.sign_in("ana@cfa.example", "faux faux faux faux").await;
        assert!(says(&answer.text, WRONG), "{}", answer.text);
        place.later(Duration::from_secs(61));
        let answer = browser.sign_in("ana@cfa.example", PASSWORD).await;
        assert!(says(&answer.text, LOCKED), "the second pause is longer: {}", answer.text);
        place.later(Duration::from_secs(61));
        let answer = browser.sign_in("ana@cfa.example", PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }
}

on_both! { "";
    async fn the_second_factor_comes_first_serves_once_and_can_be_replaced_by_a_paper(place) {
        place.person("ana@cfa.example", Role::Admin).await;
        let mut browser = place.browser();
        browser.sign_in("ana@cfa.example", PASSWORD).await;
        let answer = browser.get("/people").await;
        assert_eq!(answer.header("location"), Some("/account/second-factor"));
        assert_eq!(browser.get("/admin/v1/people").await.status, 403);

        let page = browser.get("/account/second-factor").await.text;
        let secret = between(&page, "name=\"secret\" value=\"", "\"").unwrap();
        let wrong = [("secret", secret.as_str()), ("code", "000000")];
        assert_eq!(browser.submit("/account/second-factor", &wrong).await.status, 400);
        let code = totp(&secret, place.now());
        let right = [("secret", secret.as_str()), ("code", code.as_str())];
        let shown = browser.submit("/account/second-factor", &right).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        let paper = between(&shown.text, "<li><code>", "</code>").unwrap();
        assert_eq!(browser.get("/people").await.status, 200);

        // The code that set it up is used up; the next one serves, once.
        let mut other = place.browser();
        let answer = other.sign_in("ana@cfa.example", PASSWORD).await;
        assert!(answer.header("location").unwrap().starts_with("/login/code"));
        assert_eq!(other.get("/people").await.status, 303, "the password alone opens nothing");
        assert_eq!(other.post("/login/code", &[("code", &code)]).await.status, 400);
        place.later(Duration::from_secs(30));
        let code = totp(&secret, place.now());
        assert_eq!(other.post("/login/code", &[("code", &code)]).await.status, 303);
        assert_eq!(other.get("/people").await.status, 200);
        let mut third = place.browser();
        third.sign_in("ana@cfa.example", PASSWORD).await;
        assert_eq!(third.post("/login/code", &[("code", &code)]).await.status, 400);

        assert_eq!(third.post("/login/code", &[("code", &paper)]).await.status, 303);
        assert_eq!(third.get("/people").await.status, 200);
        let mut fourth = place.browser();
        fourth.sign_in("ana@cfa.example", PASSWORD).await;
        assert_eq!(fourth.post("/login/code", &[("code", &paper)]).await.status, 400);
    }

    async fn codes_are_counted_like_passwords(place) {
        place.person("ana@cfa.example", Role::Admin).await;
        let mut browser = place.browser();
        browser.sign_in("ana@cfa.example", PASSWORD).await;
        let (secret, paper) = enrolled(&place, &mut browser).await;

        let mut thief = place.browser();
        thief.sign_in("ana@cfa.example", PASSWORD).await;
        for _ in 0..5 {
            assert_eq!(thief.post("/login/code", &[("code", "000000")]).await.status, 400);
        }
        place.later(Duration::from_secs(30));
        let code = totp(&secret, place.now());
        let answer = thief.post("/login/code", &[("code", &code)]).await;
        assert!(says(&answer.text, LOCKED), "{}", answer.text);

        // Many at once, of both kinds, are worth no more: one for the pause that ended.
        place.later(Duration::from_secs(31));
        let guesses: Vec<String> = (0..40)
            .map(|n| if n % 2 == 0 { format!("{n:06}") } else { format!("AAAAA-AAA{n:02}") })
            .collect();
        let code = totp(&secret, place.now());
        let wrong = guesses.iter().filter(|guess| **guess != code);
        let wrong = wrong.map(|guess| vec![("code", guess.as_str())]).collect();
        for answer in at_once(&thief, "/login/code", wrong).await {
            assert!(says(&answer.text, LOCKED), "{}", answer.text);
        }
        assert_eq!(failures(&place, "ana@cfa.example").await, 6);
        for right in [&code, &paper] {
            let answer = thief.post("/login/code", &[("code", right)]).await;
            assert!(says(&answer.text, LOCKED), "{}", answer.text);
        }
        // What was refused unread was not used up.
        place.later(Duration::from_secs(121));
        assert_eq!(thief.post("/login/code", &[("code", &paper)]).await.status, 303);
    }
}
