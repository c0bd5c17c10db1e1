//! The tenant's log and its positions.

use std::collections::BTreeSet;

use domain::Environment;
use domain::id::TenantId;
use store::accept::NewDelivery;
use store::events::Sight;
use store::{NewEvent, Store, events};

use crate::harness::{at, contract, now, on_both, site};

async fn append(store: &Store, tenant: TenantId, count: usize) {
    let mut tx = store.writing().await.unwrap();
    let list: Vec<_> = (0..count)
        .map(|_| NewEvent::new(now(), "test.told"))
        .collect();
    events::append(&mut tx, tenant, &list);
    tx.commit().await.unwrap();
}

on_both! {
    async fn positions_have_no_gap_under_concurrent_writers(db) {
        let tenants = [db.network().await, db.network().await, db.network().await];
        let mut tasks = Vec::new();
        for writer in 0..6 {
            let store = db.store.clone();
            tasks.push(tokio::spawn(async move {
                for round in 0..15 {
                    append(&store, tenants[(writer + round) % 3], 1 + round % 4).await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let mut tx = db.store.reading().await.unwrap();
        let mut total = 0;
        for tenant in tenants {
            let log = events::after(&mut tx, tenant, 0, 10_000).await.unwrap();
            let positions: Vec<i64> = log.iter().map(|event| event.position).collect();
            let expected: Vec<i64> = (1..).take(positions.len()).collect();
            assert_eq!(positions, expected);
            let names: BTreeSet<_> = log.iter().map(|event| event.id).collect();
            assert_eq!(names.len(), log.len());
            let head = events::head(&mut tx, tenant).await.unwrap();
            assert_eq!(Some(head), positions.last().copied());
            total += log.len();
        }
        assert_eq!(i64::try_from(total).unwrap(), db.number("select count(*) from event").await);
    }

    async fn transactions_that_tell_of_several_networks_never_wait_in_a_circle(db) {
        let tenants = [db.network().await, db.network().await, db.network().await];
        let mut tasks = Vec::new();
        for writer in 0..6 {
            let store = db.store.clone();
            tasks.push(tokio::spawn(async move {
                for round in 0..15 {
                    let mut tx = store.writing().await.unwrap();
                    for turn in 0..3 {
                        let tenant = tenants[(writer + round + turn * (1 + writer % 2)) % 3];
                        events::append(&mut tx, tenant, &[NewEvent::new(now(), "test.told")]);
                    }
                    tx.commit().await.unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(db.number("select count(*) from event").await, 6 * 15 * 3);
    }

    async fn what_is_taken_back_leaves_no_gap(db) {
        let tenant = db.network().await;
        append(&db.store, tenant, 3).await;
        let mut tx = db.store.writing().await.unwrap();
        events::append(&mut tx, tenant, &[NewEvent::new(now(), "test.undone")]);
        drop(tx);
        append(&db.store, tenant, 1).await;
        let mut tx = db.store.reading().await.unwrap();
        let log = events::after(&mut tx, tenant, 3, 10).await.unwrap();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].kind.as_str(), log[0].position), ("test.told", 4));
    }

    async fn a_credential_sees_its_world_and_its_sites_and_skips_the_rest(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mine = contract(&keys, now());
        let other_site = NewDelivery {
            siret_cfa: "35600000049837".parse().unwrap(),
            ..contract(&keys, now())
        };
        let test = NewDelivery { environment: Environment::Test, ..contract(&keys, now()) };
        for new in [&mine, &other_site, &test] {
            db.store.accept(std::slice::from_ref(new)).await.unwrap();
        }
        append(&db.store, tenant, 1).await;
        let mut tx = db.store.reading().await.unwrap();
        let all = Sight { environment: Environment::Live, sites: None };
        let (seen, next) = events::seen_after(&mut tx, tenant, 0, &all, 10).await.unwrap();
        let positions: Vec<_> = seen.iter().map(|event| event.position).collect();
        assert_eq!((positions, next), (vec![1, 2, 4], 4));
        let (seen, next) = events::seen_after(&mut tx, tenant, 0, &all, 2).await.unwrap();
        assert_eq!((seen.len(), next), (2, 2), "a full page goes on after its last event");
        let one = Sight { sites: Some(vec![site()]), ..all };
        let (seen, next) = events::seen_after(&mut tx, tenant, 0, &one, 10).await.unwrap();
        assert_eq!((seen.len(), seen[0].delivery, next), (1, Some(mine.id), 4));
        let none = Sight { sites: Some(Vec::new()), ..one };
        let (seen, next) = events::seen_after(&mut tx, tenant, 4, &none, 10).await.unwrap();
        assert_eq!((seen.len(), next), (0, 4));
    }

    async fn an_event_of_no_delivery_is_seen_in_the_world_it_names(db) {
        let tenant = db.network().await;
        let told = ["live", "test"].map(|world| {
            NewEvent::new(now(), "webhook.created").with(serde_json::json!({"environment": world}))
        });
        let mut tx = db.store.writing().await.unwrap();
        events::append(&mut tx, tenant, &told);
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        for (position, environment) in (1..).zip([Environment::Live, Environment::Test]) {
            let sight = Sight { environment, sites: None };
            let (seen, next) = events::seen_after(&mut tx, tenant, 0, &sight, 10).await.unwrap();
            assert_eq!((seen.len(), seen[0].position, next), (1, position, 2));
        }
    }

    async fn events_keep_all_they_were_told(db) {
        let tenant = db.network().await;
        let mut event = NewEvent::new(at(3), "delivery.held")
            .delivery(domain::id::DeliveryId::new(at(3)))
            .by("person:7")
            .with(serde_json::json!({"reason": "no_key"}));
        event.dossier = Some(domain::id::DossierId::new(at(3)));
        event.content_hash = Some([1; 32]);
        event.answer_hash = Some([2; 32]);
        let mut tx = db.store.writing().await.unwrap();
        events::append(&mut tx, tenant, std::slice::from_ref(&event));
        tx.commit().await.unwrap();
        let mut tx = db.store.reading().await.unwrap();
        let found = events::after(&mut tx, tenant, 0, 1).await.unwrap().remove(0);
        assert_eq!(found.id, event.id);
        assert_eq!((found.at, found.kind.as_str()), (event.at, "delivery.held"));
        assert_eq!((found.delivery, found.dossier), (event.delivery, event.dossier));
        assert_eq!((found.actor.as_str(), &found.data), ("person:7", &event.data));
        assert_eq!(found.content_hash, event.content_hash);
        assert_eq!(found.answer_hash, event.answer_hash);
    }

    async fn a_network_sees_only_its_own_log(db) {
        let (one, two) = (db.network().await, db.network().await);
        append(&db.store, one, 2).await;
        let mut tx = db.store.reading().await.unwrap();
        assert_eq!(events::after(&mut tx, one, 0, 10).await.unwrap().len(), 2);
        assert!(events::after(&mut tx, two, 0, 10).await.unwrap().is_empty());
        assert_eq!(events::head(&mut tx, two).await.unwrap(), 0);
    }
}
