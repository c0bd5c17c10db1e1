//! Accounts: each act writes what is its own, and none undoes what another did meanwhile.

use domain::id::{PersonId, TenantId, TokenId};
use domain::person::{Language, PersonState};
use domain::{Secret, Timestamp};
use store::people::{self, Change, Person, Purpose, Token};
use store::{SealedSecret, StoreError, Tx};

use crate::harness::{at, now, on_both};

const SUBJECT: &str = "https://identite.example.fr 4f1";

fn person(tenant: TenantId, state: PersonState) -> Person {
    let id = PersonId::new(now());
    Person {
        tenant,
        id,
        email: format!("{id}@cfa.example"),
        name: "Zoé".to_owned(),
        language: Language::Fr,
        state,
        password: Some(Secret::new("le hachage d'avant")),
        sealed_totp: None,
        totp_step: 0,
        oidc_subject: None,
        failures: 3,
        locked_until: Some(at(60)),
        created_by: "cli:essai".to_owned(),
        created_at: now(),
        updated_at: now(),
    }
}

async fn made(tx: &mut Tx, person: Person) -> Person {
    people::create(tx, &person).await.unwrap();
    person
}

async fn stands(tx: &mut Tx, of: &Person) -> Person {
    let found = people::find(tx, of.tenant, of.id).await.unwrap();
    found.unwrap()
}

async fn close(tx: &mut Tx, of: &Person, now: Timestamp) -> bool {
    let change = Change {
        state: Some(PersonState::Disabled),
        ..Change::default()
    };
    let done = people::change(tx, (of.tenant, of.id), change, now).await;
    done.unwrap()
}

/// Does every act that a person does to their own account, and tells which were done.
async fn all(tx: &mut Tx, of: &Person) -> Result<[bool; 4], StoreError> {
    let who = (of.tenant, of.id);
    let (before, after) = (of.password.as_ref(), Secret::new("un autre hachage"));
    let sealed = SealedSecret::from_bytes(vec![1, 2, 3]);
    let factor = (of.sealed_totp.as_ref(), &sealed);
    Ok([
        people::link(tx, who, SUBJECT, at(2)).await?,
        people::set_second_factor(tx, who, factor, 7, at(2)).await?,
        people::replace_password(tx, who, (before, &after), at(2)).await?,
        people::choose_password(tx, who, &after, at(2)).await?,
    ])
}

on_both! {
    async fn an_account_that_was_closed_stays_closed_whoever_was_about_to_write(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let mut tx = db.store.writing().await.unwrap();
        // Read while it was open, written after it was closed.
        let stale = made(&mut tx, person(tenant, PersonState::Active)).await;
        assert!(close(&mut tx, &stale, at(1)).await);
        assert_eq!(all(&mut tx, &stale).await.unwrap(), [false; 4]);
        let closed = Person { state: PersonState::Disabled, updated_at: at(1), ..stale.clone() };
        assert_eq!(stands(&mut tx, &stale).await, closed);
        // Nor is anything done from another network.
        let elsewhere = Person { tenant: stranger, ..stale.clone() };
        assert!(!close(&mut tx, &elsewhere, at(1)).await);

        let open = made(&mut tx, person(tenant, PersonState::Active)).await;
        assert_eq!(all(&mut tx, &open).await.unwrap(), [true; 4]);
        let found = stands(&mut tx, &open).await;
        assert_eq!((found.oidc_subject.as_deref(), found.totp_step), (Some(SUBJECT), 7));
        assert_eq!((found.failures, found.locked_until), (0, None));
        // What was proven with is no more what it was.
        let again = all(&mut tx, &open).await.unwrap();
        assert_eq!(again, [true, false, false, true]);
        let who = (tenant, open.id);
        assert!(!people::link(&mut tx, who, "un autre sujet", at(3)).await.unwrap());
    }

    async fn an_act_writes_its_own_columns_and_no_other(db) {
        let tenant = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        let one = made(&mut tx, person(tenant, PersonState::Active)).await;
        let who = (tenant, one.id);
        assert!(people::set_language(&mut tx, who, Language::En, at(1)).await.unwrap());
        assert!(people::link(&mut tx, who, SUBJECT, at(2)).await.unwrap());
        let change = Change { name: Some("Zoé L."), ..Change::default() };
        assert!(people::change(&mut tx, who, change, at(3)).await.unwrap());
        assert_eq!(stands(&mut tx, &one).await, Person {
            name: "Zoé L.".to_owned(),
            language: Language::En,
            oidc_subject: Some(SUBJECT.to_owned()),
            updated_at: at(3),
            ..one.clone()
        });
        let factor = (None, &SealedSecret::from_bytes(vec![9]));
        assert!(people::set_second_factor(&mut tx, who, factor, 1, at(4)).await.unwrap());
        let change = Change { forget_second_factor: true, ..Change::default() };
        assert!(people::change(&mut tx, who, change, at(5)).await.unwrap());
        let found = stands(&mut tx, &one).await;
        assert_eq!((found.sealed_totp, found.state), (None, PersonState::Active));
    }

    async fn nobody_becomes_active_by_anothers_hand(db) {
        let tenant = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        let unproven = Person { password: None, ..person(tenant, PersonState::Invited) };
        let new = made(&mut tx, unproven).await;
        let known = made(&mut tx, person(tenant, PersonState::Active)).await;
        for (one, expected) in [(&new, PersonState::Invited), (&known, PersonState::Active)] {
            assert!(close(&mut tx, one, at(1)).await);
            let change = Change { state: Some(PersonState::Active), ..Change::default() };
            assert!(people::change(&mut tx, (tenant, one.id), change, at(2)).await.unwrap());
            assert_eq!(stands(&mut tx, one).await.state, expected);
        }
    }

    async fn what_was_ended_is_not_used_any_more(db) {
        let tenant = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        let one = made(&mut tx, person(tenant, PersonState::Active)).await;
        let token = Token {
            tenant,
            id: TokenId::new(now()),
            person: one.id,
            purpose: Purpose::Network,
            label: SUBJECT.to_owned(),
            address: None,
            agent: None,
            confirmed_at: None,
            seen_at: now(),
            created_at: now(),
            expires_at: at(300),
            ended_at: None,
        };
        people::keep_token(&mut tx, &token, &[7; 32]).await.unwrap();
        assert!(people::seen(&mut tx, tenant, token.id, at(1)).await.unwrap());
        assert!(people::end(&mut tx, tenant, one.id, token.id, at(2)).await.unwrap());
        assert!(!people::end(&mut tx, tenant, one.id, token.id, at(3)).await.unwrap());
        assert!(!people::seen(&mut tx, tenant, token.id, at(3)).await.unwrap());
        people::confirm(&mut tx, tenant, token.id, at(3)).await.unwrap();
        let kept = people::find_token(&mut tx, &[7; 32]).await.unwrap().unwrap();
        let expected = Token { seen_at: at(1), ended_at: Some(at(2)), ..token };
        assert_eq!(kept, expected);
    }

    async fn two_administrators_who_close_each_other_do_so_in_turn(db) {
        let tenant = db.network().await;
        let mut tx = db.store.writing().await.unwrap();
        let one = made(&mut tx, person(tenant, PersonState::Active)).await;
        let other = made(&mut tx, person(tenant, PersonState::Active)).await;
        tx.commit().await.unwrap();
        let turn = async |whom: &Person| {
            let mut tx = db.store.writing().await.unwrap();
            people::lock_all(&mut tx, tenant).await.unwrap();
            let mut open = people::list(&mut tx, tenant).await.unwrap();
            open.retain(|person| person.state == PersonState::Active && person.id != whom.id);
            // Nobody would be left.
            if !open.is_empty() {
                close(&mut tx, whom, at(1)).await;
                tx.commit().await.unwrap();
            }
        };
        tokio::join!(turn(&one), turn(&other));
        let mut tx = db.store.reading().await.unwrap();
        let left = people::list(&mut tx, tenant).await.unwrap();
        let left = left.iter().filter(|person| person.state == PersonState::Active);
        assert_eq!(left.count(), 1);
    }
}
