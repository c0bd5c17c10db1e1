//! Handing due deliveries to one deliverer only.

use std::collections::HashSet;

use domain::id::{DeliveryId, EventId, TenantId};
use domain::{Environment, HoldReason, Instance, Kind, Opco, Status, WaitReason};
use store::accept::{Claim, NewDelivery};
use store::{Accepted, AttemptEnd, Claimed, Settled, Standing, Store, Want, Was, deliveries};

use crate::harness::{Database, afdas, at, contract, now, on_both};

fn want(tenant: TenantId, limit: u32) -> Want {
    Want {
        tenant,
        instance: afdas(),
        environment: Environment::Live,
        limit,
    }
}

fn taken() -> AttemptEnd {
    AttemptEnd {
        outcome: "taken",
        http_status: Some(200),
        duration_ms: Some(12),
        trace_id: None,
    }
}

async fn accepted(db: &Database, tenant: TenantId, count: usize) -> Vec<DeliveryId> {
    let keys = db.store.keys(tenant).await.unwrap();
    let group: Vec<_> = (0..count).map(|_| contract(&keys, now())).collect();
    db.store.accept(&group).await.unwrap();
    group.iter().map(|new| new.id).collect()
}

/// The same, in the hands of a deliverer as soon as it is stored.
fn claimed_at_once(new: NewDelivery) -> NewDelivery {
    let claim = Claim {
        owner: "w1".to_owned(),
        until: at(60),
        opened: EventId::new(new.created_at),
    };
    NewDelivery {
        claim: Some(claim),
        ..new
    }
}

async fn deliver(store: &Store, claimed: &[Claimed], seconds: i64) {
    let group: Vec<_> = claimed
        .iter()
        .map(|claimed| claimed.settlement(at(seconds), Standing::ended(Status::Delivered), taken()))
        .collect();
    assert!(
        store
            .settle(&group)
            .await
            .unwrap()
            .iter()
            .all(|done| *done == Settled::Done)
    );
}

on_both! {
    async fn a_claim_hands_out_everything_a_deliverer_needs(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let claimed = db.store.claim(at(1), at(61), "w1", &[want(tenant, 10)]).await.unwrap();
        let [claimed] = claimed.as_slice() else { panic!("one was due") };
        assert_eq!(claimed.delivery.id, new.id);
        assert_eq!(claimed.delivery.kind, Kind::Dossier);
        assert_eq!(claimed.target().unwrap(), Instance::first(Opco::Afdas));
        assert_eq!((claimed.was, claimed.number, claimed.delivery.attempts), (Was::Queued, 1, 1));
        assert_eq!(claimed.sealed, new.sealed);
        assert_eq!(claimed.warnings_json, "[]");
        assert_eq!(claimed.traceparent, new.traceparent);
        let mut tx = db.store.reading().await.unwrap();
        let found = deliveries::find(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(found, claimed.delivery);
        assert_eq!(found.standing.due_at, Some(at(61)));
        let events = store::events::of_delivery(&mut tx, tenant, new.id).await.unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["delivery.accepted", "attempt.opened"]);
        assert_eq!(events[1].data, serde_json::json!({"attempt": 1, "purpose": "write"}));
        drop(tx);
        assert_eq!(db.number("select count(*) from attempt where closed_at is null").await, 1);
    }

    async fn what_is_claimed_with_its_custody_is_in_hand_like_any_other(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = claimed_at_once(contract(&keys, now()));
        let plain = contract(&keys, now());
        let answers = db.store.accept(&[new.clone(), plain.clone()]).await.unwrap();
        assert_eq!(answers, [Accepted::Claimed, Accepted::Stored]);
        let mut tx = db.store.reading().await.unwrap();
        let found = deliveries::find(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!((found.standing.status, found.attempts), (Status::Sending, 1));
        assert_eq!(found.standing.due_at, Some(at(60)));
        let events = store::events::of_delivery(&mut tx, tenant, new.id).await.unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["delivery.accepted", "attempt.opened"]);
        assert_eq!(events[1].data, serde_json::json!({"attempt": 1, "purpose": "write"}));
        let log = store::events::after(&mut tx, tenant, 0, 10).await.unwrap();
        let positions: Vec<i64> = log.iter().map(|event| event.position).collect();
        assert_eq!(positions, [1, 2, 3]);
        drop(tx);
        let others = db.store.claim(at(1), at(61), "w2", &[want(tenant, 9)]).await.unwrap();
        assert_eq!(others.iter().map(|job| job.delivery.id).collect::<Vec<_>>(), [plain.id]);
        let job = Claimed::with_custody(&new).unwrap();
        assert_eq!((job.delivery.clone(), job.was, job.number), (found, Was::Queued, 1));
        assert_eq!(job.sealed, new.sealed);
        deliver(&db.store, &[job], 5).await;
        let mut tx = db.store.reading().await.unwrap();
        let found = deliveries::find(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(found.standing.status, Status::Delivered);
    }

    async fn what_is_claimed_with_its_custody_and_left_is_looked_for(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = claimed_at_once(contract(&keys, now()));
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let early = db.store.claim(at(59), at(99), "w2", &[want(tenant, 9)]).await.unwrap();
        assert!(early.is_empty(), "it is in the first one's hands");
        let late = db.store.claim(at(60), at(120), "w2", &[want(tenant, 9)]).await.unwrap();
        assert_eq!((late[0].was, late[0].number), (Was::Unknown, 2));
    }

    async fn a_busy_lane_is_waited_for_even_by_who_would_claim_at_once(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let group: Vec<_> = (0..3)
            .map(|n| {
                let mut new = claimed_at_once(contract(&keys, at(n)));
                new.lane = lane;
                new
            })
            .collect();
        let answers = db.store.accept(&group[..2]).await.unwrap();
        assert_eq!(answers, [Accepted::Claimed, Accepted::Stored]);
        assert_eq!(db.store.accept(&group[2..]).await.unwrap(), [Accepted::Stored]);
        assert_eq!(db.number("select count(*) from delivery where status = 'sending'").await, 1);
        assert_eq!(
            db.number("select count(*) from delivery where wait_reason = 'predecessor'").await,
            2
        );
        assert_eq!(db.number("select count(*) from attempt").await, 1);
        assert_eq!(db.number("select max(position) from event").await, 4);
    }

    async fn two_claimers_never_get_the_same_delivery(db) {
        let tenant = db.network().await;
        let ids = accepted(db, tenant, 200).await;
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    let owner = format!("w{n}");
                    let mut mine = Vec::new();
                    loop {
                        let got =
                            store.claim(at(1), at(61), &owner, &[want(tenant, 7)]).await.unwrap();
                        if got.is_empty() {
                            return mine;
                        }
                        assert!(got.len() <= 7);
                        mine.extend(got.into_iter().map(|claimed| claimed.delivery.id));
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        assert_eq!(all.len(), 200);
        assert_eq!(all.into_iter().collect::<HashSet<_>>(), ids.into_iter().collect());
    }

    async fn one_lane_has_one_in_flight_and_keeps_its_order(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let mut order = Vec::new();
        for n in 0..6 {
            let mut new = contract(&keys, at(n));
            new.lane = lane;
            order.push(new.id);
            db.store.accept(&[new]).await.unwrap();
        }
        // Even with every one of them due, as after a sweep that raced.
        db.execute("update delivery set status = 'queued', wait_reason = null, due_at = 0").await;
        let mut went = Vec::new();
        for _ in 0..6 {
            let tasks: Vec<_> = (0..4)
                .map(|n| {
                    let store = db.store.clone();
                    tokio::spawn(async move {
                        store
                            .claim(at(10), at(70), &format!("w{n}"), &[want(tenant, 9)])
                            .await
                            .unwrap()
                    })
                })
                .collect();
            let mut claimed = Vec::new();
            for task in tasks {
                claimed.extend(task.await.unwrap());
            }
            assert_eq!(claimed.len(), 1, "one in flight");
            deliver(&db.store, &claimed, 11).await;
            went.push(claimed[0].delivery.id);
        }
        assert_eq!(went, order);
    }

    async fn the_database_itself_refuses_two_in_flight_for_one_lane(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let group: Vec<_> = (0..2)
            .map(|_| {
                let mut new = contract(&keys, now());
                new.lane = lane;
                new
            })
            .collect();
        db.store.accept(&group).await.unwrap();
        assert!(db.try_execute("update delivery set status = 'sending'").await.is_err());
    }

    async fn only_what_is_due_is_handed_out(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut group = Vec::new();
        for standing in [
            Standing::waiting(WaitReason::Retry, at(100)),
            Standing::waiting(WaitReason::Retry, at(10)),
            Standing::held(HoldReason::NoKey),
            Standing::unknown(at(10)),
            Standing::unknown(at(100)),
        ] {
            let mut new = contract(&keys, now());
            new.standing = standing;
            group.push(new);
        }
        let mut nowhere = contract(&keys, now());
        nowhere.opco = None;
        nowhere.standing = Standing::waiting(WaitReason::RouteLookup, now());
        group.push(nowhere);
        let mut test = contract(&keys, now());
        test.environment = Environment::Test;
        group.push(test);
        let mut elsewhere = contract(&keys, now());
        elsewhere.opco = Some(Opco::Akto);
        group.push(elsewhere);
        db.store.accept(&group).await.unwrap();
        let claimed = db.store.claim(at(10), at(70), "w1", &[want(tenant, 10)]).await.unwrap();
        let got: Vec<_> = claimed.iter().map(|c| (c.delivery.id, c.was)).collect();
        assert_eq!(got, [(group[1].id, Was::Queued), (group[3].id, Was::Unknown)]);
        assert_eq!(claimed[1].delivery.attempts, 0, "a look is no attempt");
        let stranger = db.network().await;
        assert!(db.store.claim(at(10), at(70), "w1", &[want(stranger, 10)]).await.unwrap().is_empty());
        let mut tx = db.store.writing().await.unwrap();
        let lookups = deliveries::claim_lookups(&mut tx, at(1), at(31), 10).await.unwrap();
        assert_eq!(lookups.len(), 1);
        assert_eq!(lookups[0].id, group[5].id);
        assert!(deliveries::claim_lookups(&mut tx, at(1), at(31), 10).await.unwrap().is_empty());
        assert_eq!(deliveries::claim_lookups(&mut tx, at(31), at(61), 10).await.unwrap().len(), 1);
        tx.commit().await.unwrap();
    }

    async fn limits_hold_for_each_want(db) {
        let (one, two) = (db.network().await, db.network().await);
        accepted(db, one, 5).await;
        accepted(db, two, 5).await;
        let claimed = db
            .store
            .claim(at(1), at(61), "w1", &[want(one, 2), want(two, 3), want(one, 0)])
            .await
            .unwrap();
        let of = |tenant| claimed.iter().filter(|c| c.delivery.tenant == tenant).count();
        assert_eq!((of(one), of(two)), (2, 3));
        assert!(db.store.claim(at(1), at(61), "w1", &[]).await.unwrap().is_empty());
    }

    async fn an_expired_lease_is_reclaimed_as_unknown(db) {
        let tenant = db.network().await;
        accepted(db, tenant, 1).await;
        let first = db.store.claim(at(1), at(61), "dead", &[want(tenant, 1)]).await.unwrap();
        assert!(db.store.claim(at(60), at(120), "w2", &[want(tenant, 1)]).await.unwrap().is_empty());
        let second = db.store.claim(at(61), at(121), "w2", &[want(tenant, 1)]).await.unwrap();
        let [again] = second.as_slice() else { panic!("the lease had ended") };
        assert_eq!((again.was, again.number), (Was::Unknown, 2));
        assert_eq!((first[0].reclaimed, again.reclaimed), (false, true));
        assert_eq!(again.delivery.attempts, 1);
        assert_eq!(again.delivery.first_lost_at, Some(at(61)));
        // Who lost the lease can settle nothing.
        let late = first[0].settlement(at(62), Standing::ended(Status::Delivered), taken());
        assert_eq!(db.store.settle(&[late]).await.unwrap(), [Settled::Lost]);
        let mut tx = db.store.reading().await.unwrap();
        let found = deliveries::find(&mut tx, tenant, again.delivery.id).await.unwrap().unwrap();
        assert_eq!(found.standing.status, Status::Sending);
        let events = store::events::of_delivery(&mut tx, tenant, again.delivery.id).await.unwrap();
        assert_eq!(events.last().unwrap().data["purpose"], "look");
    }

    async fn a_look_alone_is_no_sign_of_a_lost_answer(db) {
        let tenant = db.network().await;
        accepted(db, tenant, 1).await;
        let first = db.store.claim(at(1), at(61), "w1", &[want(tenant, 1)]).await.unwrap();
        // The OPCO said that it has such a contract: it is looked for, and nothing was lost.
        let look = first[0].settlement(at(2), Standing::unknown(at(3)), taken());
        assert_eq!(db.store.settle(&[look]).await.unwrap(), [Settled::Done]);
        let again = db.store.claim(at(3), at(63), "w1", &[want(tenant, 1)]).await.unwrap();
        assert_eq!((again[0].was, again[0].delivery.first_lost_at), (Was::Unknown, None));
        let mut tx = db.store.reading().await.unwrap();
        let kept = deliveries::find(&mut tx, tenant, again[0].delivery.id).await.unwrap().unwrap();
        assert_eq!(kept.first_lost_at, None);
    }

    async fn what_is_handed_over_in_memory_is_claimed_by_name(db) {
        let tenant = db.network().await;
        let stranger = db.network().await;
        let ids = accepted(db, tenant, 3).await;
        let named = [(tenant, ids[2]), (tenant, ids[0]), (stranger, ids[1])];
        let claimed = db.store.claim_ids(at(1), at(61), "w1", &named).await.unwrap();
        let got: HashSet<_> = claimed.iter().map(|c| c.delivery.id).collect();
        assert_eq!(got, HashSet::from([ids[0], ids[2]]));
        assert!(db.store.claim_ids(at(1), at(61), "w2", &named).await.unwrap().is_empty());
        assert!(db.store.claim_ids(at(1), at(61), "w2", &[]).await.unwrap().is_empty());
    }

    async fn a_released_claim_is_as_if_it_had_not_been(db) {
        let tenant = db.network().await;
        accepted(db, tenant, 1).await;
        let claimed = db.store.claim(at(1), at(61), "w1", &[want(tenant, 1)]).await.unwrap();
        let release = claimed[0].release(at(2), at(5), Some(WaitReason::Limit));
        assert_eq!(db.store.settle(&[release]).await.unwrap(), [Settled::Done]);
        let mut tx = db.store.reading().await.unwrap();
        let id = claimed[0].delivery.id;
        let found = deliveries::find(&mut tx, tenant, id).await.unwrap().unwrap();
        assert_eq!(found.standing, Standing::waiting(WaitReason::Limit, at(5)));
        assert_eq!(found.attempts, 0);
        drop(tx);
        let again = db.store.claim(at(5), at(65), "w2", &[want(tenant, 1)]).await.unwrap();
        assert_eq!((again[0].was, again[0].number), (Was::Queued, 2));
        assert_eq!(again[0].delivery.attempts, 1);
        let mut tx = db.store.reading().await.unwrap();
        let attempts = store::attempts::of_delivery(&mut tx, tenant, id).await.unwrap();
        let told: Vec<_> = attempts
            .iter()
            .map(|a| (a.number, a.purpose.as_str(), a.outcome.as_deref(), a.closed_at))
            .collect();
        assert_eq!(
            told,
            [(1, "write", Some("released"), Some(at(2))), (2, "write", None, None)]
        );
        let stranger = db.network().await;
        assert!(store::attempts::of_delivery(&mut tx, stranger, id).await.unwrap().is_empty());
    }

    async fn pairs_tell_who_has_work_and_when(db) {
        let (busy, later) = (db.network().await, db.network().await);
        db.network().await;
        accepted(db, busy, 2).await;
        let keys = db.store.keys(later).await.unwrap();
        let mut new = contract(&keys, now());
        new.standing = Standing::waiting(WaitReason::OpeningDate, at(500));
        db.store.accept(&[new]).await.unwrap();
        let pairs = db.store.active_pairs().await.unwrap();
        let mut got: Vec<_> = pairs.iter().map(|pair| (pair.tenant, pair.next_due)).collect();
        got.sort_unstable();
        assert_eq!(got, [(busy, now()), (later, at(500))]);
        let claimed = db.store.claim(at(1), at(61), "w1", &[want(busy, 9)]).await.unwrap();
        deliver(&db.store, &claimed, 2).await;
        assert_eq!(db.store.active_pairs().await.unwrap().len(), 1);
        // A pair without work is forgotten, but not while it is young.
        assert_eq!(db.store.prune_pairs(at(60)).await.unwrap(), 0);
        assert_eq!(db.store.prune_pairs(at(3_600)).await.unwrap(), 1);
        assert_eq!(db.number("select count(*) from active_pair").await, 1);
    }
}
