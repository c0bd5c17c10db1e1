//! Who is told of events: one sender at a time, a position that never goes back by itself.

use domain::id::{EventId, TenantId, WebhookAttemptId, WebhookId};
use domain::{Environment, Secret};
use store::webhooks::parking::{self, Parked};
use store::webhooks::{self, ATTEMPTS_KEPT, Attempt, Endpoint, SECRET_PART, Sent};
use store::{NewEvent, events};

use crate::harness::{Database, at, now, on_both, paired, site};

/// Keeps an endpoint that has been told of nothing yet.
async fn endpoint(db: &Database, tenant: TenantId) -> Endpoint {
    let keys = db.store.keys(tenant).await.unwrap();
    let id = WebhookId::new(now());
    let secret = Secret::new("whsec_canary-of-a-secret");
    let endpoint = Endpoint {
        tenant,
        id,
        environment: Environment::Live,
        url: "https://erp.example.fr/evenements".to_owned(),
        label: "ERP".to_owned(),
        kinds: vec!["delivery.delivered".to_owned()],
        sites: Some(vec![site()]),
        public_key: "whpk_".to_owned(),
        sealed: keys
            .seal_secret(id.as_bytes(), SECRET_PART, &secret)
            .unwrap(),
        sealed_before: None,
        overlap_until: None,
        disabled: None,
        position: 0,
        failures: 0,
        failing_since: None,
        due_at: now(),
        created_by: "credential:1".to_owned(),
        created_at: now(),
    };
    let mut tx = db.store.writing().await.unwrap();
    webhooks::create(&mut tx, &endpoint).await.unwrap();
    tx.commit().await.unwrap();
    endpoint
}

/// Writes one event a second from `from`, and returns nothing: positions follow.
async fn tell(db: &Database, tenant: TenantId, seconds: std::ops::Range<i64>) {
    let mut tx = db.store.writing().await.unwrap();
    let told: Vec<NewEvent> = seconds
        .map(|second| NewEvent::new(at(second), "delivery.delivered"))
        .collect();
    events::append(&mut tx, tenant, &told);
    tx.commit().await.unwrap();
}

async fn found(db: &Database, endpoint: &Endpoint) -> Option<Endpoint> {
    let mut tx = db.store.reading().await.unwrap();
    webhooks::find(&mut tx, endpoint.tenant, endpoint.id)
        .await
        .unwrap()
}

/// Changes something in a transaction of its own.
macro_rules! change {
    ($db:ident, |$tx:ident| $change:expr) => {{
        let mut $tx = $db.store.writing().await.unwrap();
        let changed = $change.await.unwrap();
        $tx.commit().await.unwrap();
        changed
    }};
}

fn sent(position: i64, due: i64) -> Sent {
    Sent {
        position,
        failures: 0,
        failing_since: None,
        due_at: at(due),
        disabled: None,
    }
}

on_both! {
    async fn an_endpoint_is_kept_changed_and_forgotten(db) {
        let tenant = db.network().await;
        let mut kept = endpoint(db, tenant).await;
        assert_eq!(found(db, &kept).await.as_ref(), Some(&kept));
        kept.url.push_str("/autre");
        kept.kinds.clear();
        kept.sites = None;
        assert!(change!(db, |tx| webhooks::update(&mut tx, &kept)));
        let mut tx = db.store.reading().await.unwrap();
        let listed = webhooks::list(&mut tx, tenant).await.unwrap();
        drop(tx);
        assert_eq!(listed, [kept.clone()]);
        assert!(change!(db, |tx| webhooks::delete(&mut tx, tenant, kept.id)));
        assert_eq!(found(db, &kept).await, None);
    }

    async fn no_network_sees_or_changes_the_endpoint_of_another(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let kept = endpoint(db, tenant).await;
        let id = kept.id;
        let mut theirs = kept.clone();
        theirs.tenant = stranger;
        assert_eq!(found(db, &theirs).await, None);
        assert!(!change!(db, |tx| webhooks::update(&mut tx, &theirs)));
        assert!(!change!(db, |tx| webhooks::enable(&mut tx, stranger, id, now())));
        assert!(!change!(db, |tx| webhooks::disable(&mut tx, stranger, id, "asked", now())));
        assert!(!change!(db, |tx| webhooks::replay(&mut tx, stranger, id, 9, now())));
        assert!(!change!(db, |tx| webhooks::delete(&mut tx, stranger, id)));
        let rotated = change!(db, |tx| webhooks::rotate(
            &mut tx, stranger, id, &theirs.sealed, "whpk_", now()
        ));
        assert!(!rotated);
        assert_eq!(found(db, &kept).await, Some(kept));
    }

    async fn an_endpoint_is_claimed_only_for_what_it_has_not_been_told_and_by_one_sender(db) {
        let tenant = db.network().await;
        let kept = endpoint(db, tenant).await;
        let claim = async |owner: &'static str, at_s: i64| {
            let (now, until) = (at(at_s), at(at_s + 60));
            db.store.claim_webhooks(now, until, owner, 10).await.unwrap()
        };
        assert!(claim("a", 1).await.is_empty(), "there is nothing to tell");
        tell(db, tenant, 0..3).await;
        let claimed = claim("a", 1).await;
        assert_eq!(claimed.len(), 1);
        assert!(claim("b", 2).await.is_empty(), "two senders hold it");
        let mut tx = db.store.writing().await.unwrap();
        let held = webhooks::settle(&mut tx, &claimed[0], "b", &sent(3, 2), at(2)).await.unwrap();
        assert!(!held, "who holds nothing settles nothing");
        let held = webhooks::settle(&mut tx, &claimed[0], "a", &sent(3, 2), at(2)).await.unwrap();
        assert!(held);
        tx.commit().await.unwrap();
        assert_eq!(found(db, &kept).await.unwrap().position, 3);
        assert!(claim("b", 3).await.is_empty(), "everything was told");
    }

    async fn a_sender_that_dies_is_followed_by_another_from_the_same_place(db) {
        let tenant = db.network().await;
        let kept = endpoint(db, tenant).await;
        tell(db, tenant, 0..3).await;
        let first = db.store.claim_webhooks(at(1), at(61), "dies", 10).await.unwrap();
        assert_eq!(first[0].position, 0);
        assert!(db.store.claim_webhooks(at(60), at(120), "next", 10).await.unwrap().is_empty());
        let next = db.store.claim_webhooks(at(61), at(121), "next", 10).await.unwrap();
        assert_eq!((next[0].id, next[0].position), (kept.id, 0));
        let mut tx = db.store.writing().await.unwrap();
        let late = webhooks::settle(&mut tx, &first[0], "dies", &sent(3, 62), at(62)).await.unwrap();
        assert!(!late);
    }

    async fn a_replay_asked_for_while_a_sender_is_at_work_stands(db) {
        let tenant = db.network().await;
        let kept = endpoint(db, tenant).await;
        tell(db, tenant, 0..9).await;
        change!(db, |tx| webhooks::replay(&mut tx, tenant, kept.id, 5, at(1)));
        let claimed = db.store.claim_webhooks(at(1), at(61), "a", 10).await.unwrap();
        change!(db, |tx| webhooks::replay(&mut tx, tenant, kept.id, 2, at(2)));
        let claim = db.store.claim_webhooks(at(3), at(63), "b", 10).await.unwrap();
        assert!(claim.is_empty(), "the sender at work keeps it");
        change!(db, |tx| webhooks::settle(&mut tx, &claimed[0], "a", &sent(9, 4), at(4)));
        assert_eq!(found(db, &kept).await.unwrap().position, 2);
    }

    async fn what_is_disabled_is_not_claimed_and_goes_on_where_it_stopped(db) {
        let tenant = db.network().await;
        let kept = endpoint(db, tenant).await;
        tell(db, tenant, 0..3).await;
        let claimed = db.store.claim_webhooks(at(1), at(61), "a", 10).await.unwrap();
        let given_up = Sent {
            position: 1,
            failures: 9,
            failing_since: Some(at(0)),
            due_at: at(2),
            disabled: Some("failing"),
        };
        change!(db, |tx| webhooks::settle(&mut tx, &claimed[0], "a", &given_up, at(2)));
        let disabled = found(db, &kept).await.unwrap();
        assert_eq!(disabled.disabled, Some(("failing".to_owned(), at(2))));
        assert!(db.store.claim_webhooks(at(9), at(69), "b", 10).await.unwrap().is_empty());
        let mut tx = db.store.reading().await.unwrap();
        let picture = webhooks::picture(&mut tx).await.unwrap();
        drop(tx);
        assert_eq!((picture.active, picture.disabled, picture.behind_max), (0, 1, 0));
        change!(db, |tx| webhooks::enable(&mut tx, tenant, kept.id, at(10)));
        let again = db.store.claim_webhooks(at(10), at(70), "b", 10).await.unwrap();
        assert_eq!((again[0].position, again[0].failures), (1, 0));
        let mut tx = db.store.reading().await.unwrap();
        let picture = webhooks::picture(&mut tx).await.unwrap();
        assert_eq!((picture.active, picture.disabled, picture.behind_max), (1, 0, 2));
    }

    async fn what_is_put_aside_is_claimed_when_due_and_forgotten_by_a_replay(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let kept = endpoint(db, tenant).await;
        tell(db, tenant, 0..5).await;
        let claimed = db.store.claim_webhooks(at(1), at(61), "a", 10).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        webhooks::settle(&mut tx, &claimed[0], "a", &sent(5, 2), at(2)).await.unwrap();
        assert!(webhooks::is_at(&mut tx, &kept, 5).await.unwrap());
        assert!(!webhooks::is_at(&mut tx, &kept, 4).await.unwrap());
        let first = Parked {
            position: 2,
            subject: [7; 16],
            failures: 2,
            failing_since: Some(at(1)),
            due_at: Some(at(300)),
        };
        let behind = Parked { position: 4, failures: 0, failing_since: None, due_at: None, ..first };
        parking::put(&mut tx, tenant, kept.id, &[first, behind]).await.unwrap();
        tx.commit().await.unwrap();
        let list = async || {
            let mut tx = db.store.reading().await.unwrap();
            parking::list(&mut tx, tenant, kept.id).await.unwrap()
        };
        assert_eq!(list().await, [first, behind]);
        let claim = db.store.claim_webhooks(at(299), at(359), "a", 10).await.unwrap();
        assert!(claim.is_empty(), "before its time");
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(webhooks::picture(&mut tx).await.unwrap().parked, 2);
        assert!(parking::list(&mut tx, stranger, kept.id).await.unwrap().is_empty());
        drop(tx);
        let claimed = db.store.claim_webhooks(at(300), at(360), "a", 10).await.unwrap();
        assert_eq!(claimed.len(), 1);
        change!(db, |tx| webhooks::settle(&mut tx, &claimed[0], "a", &sent(5, 301), at(301)));
        let next = Parked { due_at: Some(at(400)), ..behind };
        change!(db, |tx| parking::put(&mut tx, tenant, kept.id, &[next]));
        change!(db, |tx| parking::forget(&mut tx, tenant, kept.id, &[2]));
        assert_eq!(list().await, [next]);
        change!(db, |tx| webhooks::enable(&mut tx, tenant, kept.id, at(310)));
        assert_eq!(list().await[0].due_at, Some(at(310)));
        change!(db, |tx| webhooks::replay(&mut tx, tenant, kept.id, 5, at(320)));
        assert_eq!(list().await, []);
        change!(db, |tx| parking::put(&mut tx, tenant, kept.id, &[first]));
        assert!(change!(db, |tx| webhooks::delete(&mut tx, tenant, kept.id)));
        assert_eq!(list().await, []);
    }

    async fn events_of_one_dossier_have_one_subject(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let one = paired(&keys, now(), "un");
        let other = paired(&keys, now(), "autre");
        db.store.accept(&[one.clone(), other.clone()]).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        let told = [
            NewEvent::new(at(1), "delivery.delivered").delivery(one.id),
            NewEvent::new(at(2), "delivery.delivered").delivery(other.id),
            NewEvent::new(at(3), "dossier.updated").delivery(one.id),
            NewEvent::new(at(4), "network.renamed"),
        ];
        events::append(&mut tx, tenant, &told);
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let log = events::after(&mut tx, tenant, 0, 100).await.unwrap();
        let mut subjects = Vec::new();
        for event in log.iter().rev().take(4).rev() {
            subjects.push(parking::subject(&mut tx, tenant, event).await.unwrap());
        }
        assert_eq!(subjects[0], subjects[2]);
        assert_ne!(subjects[0], subjects[1]);
        assert_eq!((subjects[0], subjects[3]), (one.lane.0, [0; 16]));
    }

    async fn an_instant_leads_to_the_position_before_it(db) {
        let tenant = db.network().await;
        tell(db, tenant, 0..100).await;
        let mut tx = db.store.reading().await.unwrap();
        for (second, position) in [(-5, 0), (0, 0), (1, 1), (37, 37), (99, 99), (500, 100)] {
            let found = webhooks::position_before(&mut tx, tenant, at(second)).await.unwrap();
            assert_eq!(found, position, "{second}");
        }
    }

    async fn only_the_latest_tries_are_kept(db) {
        let tenant = db.network().await;
        let kept = endpoint(db, tenant).await;
        let tries: Vec<Attempt> = (0..i64::from(ATTEMPTS_KEPT) + 5)
            .map(|n| Attempt {
                id: WebhookAttemptId::new(at(n)),
                event: EventId::new(at(n)),
                position: Some(n),
                kind: "delivery.delivered".to_owned(),
                at: at(n),
                duration_ms: 12,
                outcome: "refused".to_owned(),
                http_status: Some(500),
            })
            .collect();
        let (old, new) = tries.split_at(4);
        for part in [old, new] {
            change!(db, |tx| webhooks::record(&mut tx, tenant, kept.id, part));
        }
        let mut tx = db.store.reading().await.unwrap();
        let listed = webhooks::attempts(&mut tx, tenant, kept.id, 1_000).await.unwrap();
        assert_eq!(listed.len(), usize::try_from(ATTEMPTS_KEPT).unwrap());
        assert_eq!(listed.first(), tries.last());
        let stranger = db.network().await;
        assert!(webhooks::attempts(&mut tx, stranger, kept.id, 9).await.unwrap().is_empty());
    }

    async fn both_secrets_sign_after_a_rotation_and_neither_is_clear(db) {
        let tenant = db.network().await;
        let kept = endpoint(db, tenant).await;
        let keys = db.store.keys(tenant).await.unwrap();
        let other = Secret::new("whsec_another-canary");
        let sealed = keys.seal_secret(kept.id.as_bytes(), SECRET_PART, &other).unwrap();
        change!(db, |tx| webhooks::rotate(&mut tx, tenant, kept.id, &sealed, "whpk_2", at(60)));
        let rotated = found(db, &kept).await.unwrap();
        assert_eq!(rotated.sealed_before.as_ref(), Some(&kept.sealed));
        assert_eq!((rotated.overlap_until, rotated.public_key.as_str()), (Some(at(60)), "whpk_2"));
        let opened = keys.open_secret(kept.id.as_bytes(), SECRET_PART, &rotated.sealed).unwrap();
        assert_eq!(opened.expose(), "whsec_another-canary");
        assert!(!format!("{rotated:?}").contains("canary"));
    }
}
