//! Sealed at rest, and gone when shredded.

use std::path::Path;

use domain::id::{DeliveryId, TenantId};
use domain::{Secret, Status};
use store::retention::{self, Cutoffs, Purged};
use store::{MasterKey, NirPart, SealError, Standing, deliveries};

use crate::harness::{CANARY_NIR, Database, MASTER, at, contract, now, on_both, paired};

/// Returns how many files of the directory hold these bytes.
fn holding(dir: &Path, needle: &[u8]) -> usize {
    let files = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
        .count()
}

async fn finish(db: &Database, tenant: TenantId, id: DeliveryId, seconds: i64) {
    let mut tx = db.store.writing().await.unwrap();
    let mut found = deliveries::find_for_update(&mut tx, tenant, id)
        .await
        .unwrap()
        .unwrap();
    found.standing = Standing::ended(Status::Delivered);
    let event = store::NewEvent::new(at(seconds), "delivery.confirmed").delivery(id);
    deliveries::update(&mut tx, &found, &event).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn no_file_of_sqlite_holds_clear_text() {
    let db = Database::sqlite().await;
    let tenant = db.network().await;
    let keys = db.store.keys(tenant).await.unwrap();
    let mut new = contract(&keys, now());
    new.route_json = "\"planted-in-the-clear\"".to_owned();
    db.store.accept(&[new]).await.unwrap();
    let secret = Secret::new("canary-cfa-key");
    let id = domain::id::KeyId::new(now());
    let sealed = keys
        .seal_secret(id.as_bytes(), store::keys::SEAL_PART, &secret)
        .unwrap();
    let mut tx = db.store.writing().await.unwrap();
    store::keys::stage(&mut tx, &crate::tenants::key(tenant, id, sealed))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let dir = db.directory().unwrap();
    assert!(dir.join("gateway.db-wal").exists());
    for needle in [
        CANARY_NIR.as_bytes(),
        b"CANARI",
        b"canary-cfa-key",
        &MASTER[..16],
    ] {
        assert_eq!(holding(dir, needle), 0, "{needle:?}");
    }
    assert!(
        holding(dir, b"planted-in-the-clear") > 0,
        "the search itself finds what is there"
    );
    db.remove().await;
}

#[tokio::test]
async fn a_shredded_nir_is_wiped_from_the_files_of_sqlite_and_nothing_else() {
    let db = Database::sqlite().await;
    let tenant = db.network().await;
    let keys = db.store.keys(tenant).await.unwrap();
    let new = contract(&keys, now());
    db.store.accept(std::slice::from_ref(&new)).await.unwrap();
    let dir = db.directory().unwrap().clone();
    let (nir, nir_key) = (
        new.sealed.nir.as_ref().unwrap(),
        new.sealed.nir_key.as_ref().unwrap(),
    );
    assert!(holding(&dir, nir) > 0 && holding(&dir, nir_key) > 0);
    let mut tx = db.store.writing().await.unwrap();
    retention::shred_nir(&mut tx, tenant, new.id).await.unwrap();
    tx.commit().await.unwrap();
    db.store.scrub().await.unwrap();
    assert_eq!(holding(&dir, nir_key), 0);
    assert_eq!(holding(&dir, nir), 0);
    assert!(holding(&dir, &new.sealed.body_key) > 0);
    db.remove().await;
}

#[tokio::test]
async fn a_shredded_key_is_wiped_from_the_files_of_sqlite() {
    let db = Database::sqlite().await;
    let tenant = db.network().await;
    let keys = db.store.keys(tenant).await.unwrap();
    let new = contract(&keys, now());
    db.store.accept(std::slice::from_ref(&new)).await.unwrap();
    let dir = db.directory().unwrap().clone();
    assert!(holding(&dir, &new.sealed.body_key) > 0);
    let mut tx = db.store.writing().await.unwrap();
    assert!(
        retention::shred_payload(&mut tx, tenant, new.id)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    db.store.scrub().await.unwrap();
    assert_eq!(holding(&dir, &new.sealed.body_key), 0);
    assert_eq!(holding(&dir, new.sealed.nir_key.as_ref().unwrap()), 0);
    assert_eq!(holding(&dir, &new.sealed.body), 0);
    db.remove().await;
}

on_both! {
    async fn the_nir_is_shredded_alone(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let read = async || {
            let mut tx = db.store.reading().await.unwrap();
            let sealed = deliveries::payload(&mut tx, tenant, new.id).await.unwrap().unwrap();
            keys.open_payload(new.id, &sealed).unwrap()
        };
        assert_eq!(read().await.nir, NirPart::Present(Secret::new(CANARY_NIR)));
        let mut tx = db.store.writing().await.unwrap();
        assert!(retention::shred_nir(&mut tx, tenant, new.id).await.unwrap());
        assert!(!retention::shred_nir(&mut tx, tenant, new.id).await.unwrap());
        tx.commit().await.unwrap();
        let opened = read().await;
        assert_eq!(opened.nir, NirPart::Absent);
        assert!(opened.body.starts_with(b"{\"cerfa\""));
        db.store.scrub().await.unwrap();
    }

    async fn a_shredded_payload_leaves_no_key_and_no_fingerprint(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = paired(&keys, now(), "durand");
        new.match_keys = [Some(keys.fingerprint("match", "x")); 3];
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let mut tx = db.store.writing().await.unwrap();
        assert!(retention::shred_payload(&mut tx, tenant, new.id).await.unwrap());
        assert_eq!(deliveries::payload(&mut tx, tenant, new.id).await.unwrap(), None);
        assert!(deliveries::find(&mut tx, tenant, new.id).await.unwrap().is_some());
        tx.commit().await.unwrap();
        let prints = "select count(*) from submission where match_1 is not null
            or match_2 is not null or match_3 is not null";
        assert_eq!(db.number(prints).await, 0);
        let mut gone = new.sealed.clone();
        gone.body_key = Vec::new();
        assert_eq!(keys.open_payload(new.id, &gone).err(), Some(SealError::Shredded));
    }

    async fn a_purge_takes_what_is_finished_and_old_in_steps(db) {
        let tenant = db.network().await;
        let other = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let group: Vec<_> = (0..6).map(|n| contract(&keys, at(n))).collect();
        db.store.accept(&group).await.unwrap();
        let strange = contract(&db.store.keys(other).await.unwrap(), now());
        db.store.accept(std::slice::from_ref(&strange)).await.unwrap();
        finish(db, other, strange.id, 10).await;
        for new in &group[..4] {
            finish(db, tenant, new.id, 10).await;
        }
        finish(db, tenant, group[4].id, 500).await;
        let cutoffs = Cutoffs {
            payloads: Some(at(100)),
            nirs: Some(at(600)),
            attempts: Some(at(100)),
            idempotency: Some(at(100)),
            ..Cutoffs::default()
        };
        let mut tx = db.store.reading().await.unwrap();
        let told = retention::preview(&mut tx, tenant, &cutoffs).await.unwrap();
        assert_eq!(told, Purged { payloads: 4, nirs: 5, ..Purged::default() });
        drop(tx);
        let first = db.store.purge(tenant, &cutoffs, (3, now())).await.unwrap();
        assert_eq!(first.payloads, 3);
        let mut all = first.payloads;
        loop {
            let step = db.store.purge(tenant, &cutoffs, (3, now())).await.unwrap();
            if step.is_empty() {
                break;
            }
            all += step.payloads;
        }
        assert_eq!(all, 4);
        assert_eq!(db.number("select count(*) from payload").await, 3);
        assert_eq!(db.number("select count(*) from object_key where nir_key is null").await, 1);
        assert_eq!(db.number("select count(*) from delivery").await, 7);
        assert!(db.store.purge(tenant, &Cutoffs::default(), (10, now())).await.unwrap().is_empty());
    }

    async fn a_purge_forgets_attempts_and_expired_keys(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let mut new = contract(&keys, now());
        new.idempotency = Some(store::Idempotency {
            route: "dossiers",
            key: keys.fingerprint("idempotency", "k"),
            content: keys.fingerprint("content", "c"),
            expires_at: at(50),
        });
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let claimed =
            db.store.claim_ids(at(1), at(61), "w1", &[(tenant, new.id)]).await.unwrap();
        let end = store::AttemptEnd {
            outcome: "taken", http_status: None, duration_ms: None, trace_id: None,
        };
        let settlement = claimed[0].settlement(at(2), Standing::ended(Status::Delivered), end);
        db.store.settle(&[settlement]).await.unwrap();
        let cutoffs = Cutoffs {
            attempts: Some(at(100)),
            idempotency: Some(at(100)),
            ..Cutoffs::default()
        };
        let purged = db.store.purge(tenant, &cutoffs, (10, now())).await.unwrap();
        assert_eq!(purged, Purged { attempts: 1, idempotency: 1, ..Purged::default() });
        assert_eq!(db.number("select count(*) from attempt").await, 0);
    }

    async fn the_master_key_itself_is_nowhere(db) {
        db.network().await;
        let key = MasterKey::from_bytes(MASTER);
        assert_eq!(
            db.number("select count(*) from tenant_key where length(wrapped) = 60").await,
            2
        );
        assert_eq!(format!("{key:?}"), "MasterKey(***)");
    }
}
