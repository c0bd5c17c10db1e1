//! A person of several networks says in which: the answer is worth something to the browser that was asked,
//! for some minutes, once, and not after the account was closed.

use std::time::Duration;

use domain::id::{TenantId, TokenId};
use domain::person::{PersonState, Role};
use domain::proof::Hash;
use harness::desk::{Browser, account};
use harness::network::network;
use store::people::{self, Person, Purpose, Scope, Token};

use super::{OPTIONAL, Place, on_both};

/// Who they are at the provider.
const SUBJECT: &str = "https://identite.example.fr 4f1";
/// What the browser was given with the question.
const TEXT: &str = "les-bits-que-porte-le-navigateur";

/// Offers a browser an account, as the gateway does once the provider has named its person.
async fn offer(place: &Place, person: &Person) {
    let now = place.now();
    let token = Token {
        tenant: person.tenant,
        id: TokenId::new(now),
        person: person.id,
        purpose: Purpose::Network,
        label: SUBJECT.to_owned(),
        address: None,
        agent: None,
        confirmed_at: None,
        seen_at: now,
        created_at: now,
        expires_at: now.checked_add(Duration::from_mins(5)).unwrap(),
        ended_at: None,
    };
    let hash = Hash::of_content(format!("{TEXT}/{}", person.tenant).as_bytes()).0;
    let mut tx = place.store.writing().await.unwrap();
    people::keep_token(&mut tx, &token, &hash).await.unwrap();
    tx.commit().await.unwrap();
}

fn asked(place: &Place) -> Browser {
    let mut browser = place.browser();
    let kept = ("cfa_network".to_owned(), TEXT.to_owned());
    browser.cookies.extend([kept]);
    browser
}

async fn choose(browser: &mut Browser, network: TenantId) -> u16 {
    let network = network.to_string();
    let fields = [("network", network.as_str())];
    let answer = browser.post("/login/oidc/network", &fields).await;
    answer.status.as_u16()
}

async fn close(place: &Place, person: &Person) {
    let who = (person.tenant, person.id);
    let change = people::Change {
        state: Some(PersonState::Disabled),
        ..people::Change::default()
    };
    let mut tx = place.store.writing().await.unwrap();
    assert!(
        people::change(&mut tx, who, change, place.now())
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
}

async fn stands(place: &Place, person: &Person) -> (PersonState, Option<String>) {
    let mut tx = place.store.reading().await.unwrap();
    let found = people::find(&mut tx, person.tenant, person.id).await;
    let found = found.unwrap().unwrap();
    (found.state, found.oidc_subject)
}

on_both! { OPTIONAL;
    async fn a_network_is_chosen_once_by_the_browser_that_was_asked(place) {
        let here = place.person("ines@cfa.example", Role::Reader).await;
        let other = network().create(&place.store, place.now()).await;
        let roles = [(Role::Reader, Scope::Network)];
        let there = account(&place.store, other.tenant, "ines@cfa.example", &roles, place.now()).await;
        for person in [&here, &there] {
            offer(&place, person).await;
        }
        assert_eq!(choose(&mut place.browser(), here.tenant).await, 400, "it was offered nothing");
        let mut stranger = asked(&place);
        stranger.cookies.insert("cfa_network".to_owned(), "d'autres bits".to_owned());
        assert_eq!(choose(&mut stranger, here.tenant).await, 400, "nor was this one");
        let foreign = network().create(&place.store, place.now()).await;
        assert_eq!(choose(&mut asked(&place), foreign.tenant).await, 400, "not that network");

        let mut browser = asked(&place);
        assert_eq!(choose(&mut browser, here.tenant).await, 303);
        assert_eq!(browser.get("/account").await.status, 200);
        assert!(!browser.cookies.contains_key("cfa_network"));
        assert_eq!(stands(&place, &here).await, (PersonState::Active, Some(SUBJECT.to_owned())));
        for network in [here.tenant, there.tenant] {
            assert_eq!(choose(&mut asked(&place), network).await, 400, "used up, with what was beside it");
        }
        assert_eq!(stands(&place, &there).await.1, None);

        offer(&place, &there).await;
        place.later(Duration::from_mins(5));
        assert_eq!(choose(&mut asked(&place), there.tenant).await, 400, "too late");
        offer(&place, &there).await;
        close(&place, &there).await;
        assert_eq!(choose(&mut asked(&place), there.tenant).await, 400, "the account is closed");
        assert_eq!(stands(&place, &there).await, (PersonState::Disabled, None), "and stays so");
    }
}
