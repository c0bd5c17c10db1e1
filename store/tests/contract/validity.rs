//! Until when keys are valid: asked of one, told by one, once.

use domain::id::{KeyId, TenantId};
use domain::{Environment, Secret};
use jiff::civil::Date;
use store::countdowns;
use store::keys::{self, CfaKey, KeyState, SEAL_PART, validity};

use crate::harness::{Database, afdas, at, now, on_both, site};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Keeps a key in use that ends on a day.
async fn key(db: &Database, tenant: TenantId, expires_on: Option<Date>) -> KeyId {
    let id = KeyId::new(now());
    let secret = Secret::new("cle");
    let tenant_keys = db.store.keys(tenant).await.unwrap();
    let key = CfaKey {
        tenant,
        id,
        siret_cfa: site(),
        instance: afdas(),
        environment: Environment::Live,
        state: KeyState::Staged,
        sealed: tenant_keys
            .seal_secret(id.as_bytes(), SEAL_PART, &secret)
            .unwrap(),
        expires_on,
        probed_at: None,
        probe_result: None,
        last_used_at: None,
        referent: None,
        created_at: now(),
        changed_at: now(),
    };
    let mut tx = db.store.writing().await.unwrap();
    keys::stage(&mut tx, &key).await.unwrap();
    assert!(keys::activate(&mut tx, tenant, id, now()).await.unwrap());
    tx.commit().await.unwrap();
    id
}

on_both! {
    async fn a_key_is_asked_about_by_one_process_at_a_time_and_not_before_its_day(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let id = key(db, tenant, None).await;
        let mut tx = db.store.writing().await.unwrap();
        let due = validity::to_ask(&mut tx, tenant, at(0)).await.unwrap();
        assert_eq!(due.iter().map(|key| key.id).collect::<Vec<_>>(), [id]);
        assert_eq!(validity::to_ask(&mut tx, stranger, at(0)).await.unwrap(), []);
        assert!(!validity::take(&mut tx, stranger, id, at(0), at(60)).await.unwrap());
        assert!(validity::take(&mut tx, tenant, id, at(0), at(60)).await.unwrap());
        assert!(!validity::take(&mut tx, tenant, id, at(0), at(60)).await.unwrap());
        assert_eq!(validity::to_ask(&mut tx, tenant, at(59)).await.unwrap(), []);
        assert!(validity::take(&mut tx, tenant, id, at(60), at(120)).await.unwrap());
        let told = Some(day("2026-12-31"));
        validity::told(&mut tx, tenant, id, told, at(500)).await.unwrap();
        assert_eq!(validity::to_ask(&mut tx, tenant, at(499)).await.unwrap(), []);
        // An OPCO that tells no day takes nothing back.
        validity::told(&mut tx, tenant, id, None, at(500)).await.unwrap();
        let found = keys::find(&mut tx, tenant, id).await.unwrap().unwrap();
        assert_eq!(found.expires_on, told);
    }

    async fn only_keys_in_use_that_end_soon_are_told_and_each_once(db) {
        let (tenant, stranger) = (db.network().await, db.network().await);
        let end = day("2026-09-30");
        let former = key(db, tenant, Some(end)).await;
        // The one that replaces it.
        let id = key(db, tenant, Some(end)).await;
        let mut tx = db.store.writing().await.unwrap();
        let ending = validity::ending_by(&mut tx, tenant, end).await.unwrap();
        assert_eq!(ending.iter().map(|key| key.id).collect::<Vec<_>>(), [id]);
        assert_ne!(id, former);
        assert_eq!(validity::ending_by(&mut tx, tenant, day("2026-09-29")).await.unwrap(), []);
        assert_eq!(validity::ending_by(&mut tx, stranger, end).await.unwrap(), []);
        for (tenant, last, ahead, first) in [
            (tenant, end, 30, true), (tenant, end, 30, false), (tenant, end, 7, true),
            (stranger, end, 30, true), (tenant, day("2027-09-30"), 30, true),
        ] {
            let told = countdowns::tell_key(&mut tx, tenant, id, last, ahead, at(1)).await.unwrap();
            assert_eq!(told, first, "{last} {ahead}");
        }
    }
}
