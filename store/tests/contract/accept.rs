//! Taking payloads into custody.

use domain::id::MandateId;
use domain::{HoldReason, Opco, Status, WaitReason};
use store::{Accepted, GivenMandate, Idempotency, NearHit, NewDelivery, Standing, deliveries};

use crate::harness::{at, contract, now, on_both, paired};

on_both! {
    async fn what_is_accepted_is_found_as_it_was_given(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = contract(&keys, now());
        new.mandate = Some(GivenMandate {
            id: MandateId::new(now()),
            reference: "MDT-1".to_owned(),
            signed_on: "2026-08-20".parse().unwrap(),
            document_hash: Some([9; 32]),
            author: "credential:1".to_owned(),
        });
        let answers = db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        assert_eq!(answers, [Accepted::Stored]);

        let mut tx = db.store.reading().await.unwrap();
        let found = deliveries::find(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(found.standing, new.standing);
        assert_eq!(found.opco, Some(Opco::Afdas));
        assert_eq!(found.siret_cfa, new.siret_cfa);
        assert_eq!(found.siret_employeur, new.siret_employeur);
        assert_eq!((found.attempts, found.looks), (0, 0));
        let said = deliveries::submission(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(said.route_json, new.route_json);
        assert_eq!(said.traceparent, new.traceparent);
        let sealed = deliveries::payload(&mut tx, tenant, new.id).await.unwrap().unwrap();
        assert_eq!(sealed, new.sealed);
        let events = store::events::of_delivery(&mut tx, tenant, new.id).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, "delivery.accepted");
        assert_eq!(events[0].content_hash, new.event.content_hash);
        drop(tx);
        assert_eq!(db.number("select count(*) from mandate where scope = 'delivery'").await, 1);
        assert_eq!(db.number("select count(*) from active_pair").await, 1);
    }

    async fn a_group_handed_in_twice_is_stored_once(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let group: Vec<_> = (0..40).map(|_| contract(&keys, now())).collect();
        let stored = vec![Accepted::Stored; 40];
        assert_eq!(db.store.accept(&group).await.unwrap(), stored);
        assert_eq!(db.store.accept(&group).await.unwrap(), stored);
        assert_eq!(db.number("select count(*) from delivery").await, 40);
        assert_eq!(db.number("select count(*) from event").await, 40);
        assert_eq!(db.store.accept::<NewDelivery>(&[]).await.unwrap(), []);
    }

    async fn one_double_never_costs_the_others_of_its_group(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let first = paired(&keys, now(), "durand");
        let twin = paired(&keys, now(), "durand");
        let other = paired(&keys, now(), "martin");
        let group = [first.clone(), twin, other];
        assert_eq!(
            db.store.accept(&group).await.unwrap(),
            [
                Accepted::Stored,
                Accepted::DuplicateDossier { existing: first.id },
                Accepted::Stored
            ]
        );
        for table in [
            "select count(*) from delivery",
            "select count(*) from payload",
            "select count(*) from object_key",
            "select count(*) from event",
        ] {
            assert_eq!(db.number(table).await, 2, "{table}");
        }
    }

    async fn what_was_not_compared_is_kept_back_by_a_looser_key_it_shares(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let print = |text: &str| Some(keys.fingerprint("match", text));
        let group: Vec<_> = (0..20)
            .map(|n: u32| {
                let mut new = contract(&keys, now());
                new.match_keys = [print(&n.to_string()), None, None];
                new.compared = false;
                new
            })
            .collect();
        let stored = vec![Accepted::Stored; 20];
        assert_eq!(db.store.accept(&group).await.unwrap(), stored);
        for (at, shared) in [(0, [true, false, false]), (1, [false; 3]), (2, [false; 3])] {
            let mut new = contract(&keys, now());
            new.compared = false;
            new.match_keys[at] = print("7");
            let answers = db.store.accept(std::slice::from_ref(&new)).await.unwrap();
            if at > 0 {
                assert_eq!(answers, [Accepted::Stored], "a key is compared with its own place");
                continue;
            }
            let hits = vec![NearHit { delivery: group[7].id, shared }];
            assert_eq!(answers, [Accepted::Resembles { hits }]);
            new.compared = true;
            assert_eq!(db.store.accept(&[new]).await.unwrap(), [Accepted::Stored]);
        }
        assert_eq!(db.number("select count(*) from payload").await, 23);
    }

    async fn of_two_concurrent_doubles_exactly_one_is_stored(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        for round in 0..10 {
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let (store, new) = (db.store.clone(), paired(&keys, now(), &round.to_string()));
                    tokio::spawn(async move { store.accept(&[new]).await.unwrap() })
                })
                .collect();
            let mut stored = 0;
            for task in tasks {
                match task.await.unwrap().as_slice() {
                    [Accepted::Stored] => stored += 1,
                    [Accepted::DuplicateDossier { .. }] => {}
                    other => panic!("unexpected {other:?}"),
                }
            }
            assert_eq!(stored, 1, "round {round}");
        }
    }

    async fn crossed_groups_of_doubles_do_not_fail(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let names: Vec<String> = (0..60).map(|n| n.to_string()).collect();
        let tasks: Vec<_> = (0..6)
            .map(|task| {
                let mut group: Vec<_> =
                    names.iter().map(|name| paired(&keys, now(), name)).collect();
                if task % 2 == 1 {
                    group.reverse();
                }
                let store = db.store.clone();
                tokio::spawn(async move { store.accept(&group).await.unwrap() })
            })
            .collect();
        let mut stored = 0;
        for task in tasks {
            stored += task.await.unwrap().iter().filter(|a| **a == Accepted::Stored).count();
        }
        assert_eq!(stored, 60);
    }

    async fn the_same_key_is_replayed_and_other_content_is_told_apart(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let with = |content: &str, created_at| {
            let mut new = contract(&keys, created_at);
            new.idempotency = Some(Idempotency {
                route: "dossiers",
                key: keys.fingerprint("idempotency", "k-1"),
                content: keys.fingerprint("content", content),
                expires_at: at(3_600),
            });
            new
        };
        let first = with("a", now());
        assert_eq!(
            db.store.accept(std::slice::from_ref(&first)).await.unwrap(),
            [Accepted::Stored]
        );
        let group = [with("a", at(1)), with("b", at(1))];
        assert_eq!(
            db.store.accept(&group).await.unwrap(),
            [
                Accepted::Replayed { existing: first.id, same_content: true },
                Accepted::Replayed { existing: first.id, same_content: false }
            ]
        );
        let mut tx = db.store.reading().await.unwrap();
        let key = keys.fingerprint("idempotency", "k-1");
        let found =
            deliveries::by_idempotency_key(&mut tx, tenant, "dossiers", key, at(1)).await.unwrap();
        assert_eq!(found, Some((first.id, keys.fingerprint("content", "a"))));
        assert_eq!(
            deliveries::by_idempotency_key(&mut tx, tenant, "factures", key, at(1)).await.unwrap(),
            None
        );
        assert_eq!(
            deliveries::by_idempotency_key(&mut tx, tenant, "dossiers", key, at(3_600))
                .await
                .unwrap(),
            None
        );
        drop(tx);
        // Once expired, the key is free again.
        let mut late = with("c", at(4_000));
        if let Some(idempotency) = &mut late.idempotency {
            idempotency.expires_at = at(8_000);
        }
        assert_eq!(db.store.accept(&[late]).await.unwrap(), [Accepted::Stored]);
    }

    async fn concurrent_calls_with_one_key_store_once(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let mut new = contract(&keys, now());
                new.idempotency = Some(Idempotency {
                    route: "dossiers",
                    key: keys.fingerprint("idempotency", "race"),
                    content: keys.fingerprint("content", "same"),
                    expires_at: at(3_600),
                });
                let store = db.store.clone();
                tokio::spawn(async move { store.accept(&[new]).await.unwrap() })
            })
            .collect();
        let mut stored = 0;
        for task in tasks {
            match task.await.unwrap().as_slice() {
                [Accepted::Stored] => stored += 1,
                [Accepted::Replayed { same_content: true, .. }] => {}
                other => panic!("unexpected {other:?}"),
            }
        }
        assert_eq!(stored, 1);
    }

    async fn a_key_of_one_network_is_free_for_another(db) {
        for _ in 0..2 {
            let tenant = db.network().await;
            let keys = db.store.keys(tenant).await.unwrap();
            let mut new = paired(&keys, now(), "durand");
            new.idempotency = Some(Idempotency {
                route: "dossiers",
                // Fingerprints of two networks differ; even equal ones must not meet.
                key: store::Fingerprint([1; 16]),
                content: store::Fingerprint([2; 16]),
                expires_at: at(60),
            });
            new.pairing = Some(store::Fingerprint([3; 16]));
            assert_eq!(db.store.accept(&[new]).await.unwrap(), [Accepted::Stored]);
        }
    }

    async fn a_payload_behind_another_of_its_lane_waits_for_it(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let lane = keys.fingerprint("lane", "one");
        let make = |n: i64| {
            let mut new = contract(&keys, at(n));
            new.lane = lane;
            new
        };
        let group = [make(0), make(1)];
        db.store.accept(&group).await.unwrap();
        let third = make(2);
        db.store.accept(std::slice::from_ref(&third)).await.unwrap();
        let mut held = make(3);
        held.standing = Standing::held(HoldReason::NoKey);
        db.store.accept(std::slice::from_ref(&held)).await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let mut standings = Vec::new();
        for new in group.iter().chain([&third, &held]) {
            let found = deliveries::find(&mut tx, tenant, new.id).await.unwrap().unwrap();
            standings.push((found.standing.status, found.standing.wait_reason));
        }
        assert_eq!(
            standings,
            [
                (Status::Queued, None),
                (Status::Waiting, Some(WaitReason::Predecessor)),
                (Status::Waiting, Some(WaitReason::Predecessor)),
                (Status::Held, None)
            ]
        );
    }

    async fn a_group_that_is_too_large_is_refused(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        let group = vec![new; store::accept::MAX_GROUP + 1];
        assert!(db.store.accept(&group).await.is_err());
        assert_eq!(db.number("select count(*) from delivery").await, 0);
    }
}
