//! Before the first statement: schema, master key, address.

use domain::id::TenantId;
use store::{EngineKind, MasterKey, Sealer, Store, StoreConfig, StoreError};

use crate::harness::{MASTER, contract, now, on_both};

fn sealer(byte: u8) -> Sealer {
    Sealer::new(MasterKey::from_bytes([byte; 32]))
}

on_both! {
    async fn a_database_opens_again_with_its_own_key_only(db) {
        let tenant = db.network().await;
        db.store.ping().await.unwrap();
        let again = db.reopen().await;
        again.keys(tenant).await.unwrap();
        again.close().await;
        match Store::open(&db.config, sealer(7)).await {
            Err(StoreError::WrongMasterKey { expected, given }) => {
                assert_eq!(expected, MasterKey::from_bytes(MASTER).id());
                assert_eq!(given, MasterKey::from_bytes([7; 32]).id());
            }
            other => panic!("opened with a wrong key: {other:?}"),
        }
    }

    async fn keys_without_their_proof_are_refused(db) {
        db.execute("delete from master_probe").await;
        let opened = Store::open(&db.config, Sealer::new(MasterKey::from_bytes(MASTER))).await;
        assert!(matches!(opened, Err(StoreError::WrongMasterKey { .. })), "{opened:?}");
    }

    async fn a_schema_of_a_newer_program_is_refused(db) {
        db.execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             select 9999, 'later', success, checksum, 0 from _sqlx_migrations where version = 1",
        )
        .await;
        let opened = Store::open(&db.config, Sealer::new(MasterKey::from_bytes(MASTER))).await;
        let Err(StoreError::Migration(said)) = opened else { panic!("{opened:?}") };
        assert!(said.contains("9999") && said.contains("newer"), "{said}");
    }

    async fn a_half_migrated_schema_is_refused(db) {
        db.execute("update _sqlx_migrations set success = false where version = 2").await;
        let opened = Store::open(&db.config, Sealer::new(MasterKey::from_bytes(MASTER))).await;
        let Err(StoreError::Migration(said)) = opened else { panic!("{opened:?}") };
        assert!(said.contains("not finished"), "{said}");
    }

    async fn an_existing_database_is_told_from_an_absent_one(db) {
        assert!(Store::exists(&db.config).await.unwrap());
        let expected =
            if db.directory().is_some() { EngineKind::Sqlite } else { EngineKind::Postgres };
        assert_eq!(db.store.engine(), expected);
        db.execute("drop table master_probe").await;
        assert!(!Store::exists(&db.config).await.unwrap());
    }

    async fn many_processes_may_open_a_database_at_once(db) {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let config = db.config.clone();
                tokio::spawn(async move {
                    let sealer = Sealer::new(MasterKey::from_bytes(MASTER));
                    Store::open(&config, sealer).await.unwrap().close().await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(db.number("select count(*) from master_probe").await, 1);
        assert_eq!(db.number("select count(*) from tenant_key").await, 1);
    }

    async fn an_unknown_network_has_no_key(db) {
        let stranger = TenantId::new(now());
        assert!(matches!(db.store.keys(stranger).await, Err(StoreError::UnknownTenant)));
    }

    async fn a_new_master_key_rewraps_and_reads_no_payload(db) {
        let tenant = db.network().await;
        let keys = db.store.keys(tenant).await.unwrap();
        let new = contract(&keys, now());
        db.store.accept(std::slice::from_ref(&new)).await.unwrap();
        let count = db.store.rotate_master(MasterKey::from_bytes([9; 32])).await.unwrap();
        assert_eq!(count, 2, "the network's and the platform's");
        assert!(Store::open(&db.config, Sealer::new(MasterKey::from_bytes(MASTER))).await.is_err());
        let again = Store::open(&db.config, sealer(9)).await.unwrap();
        let opened = again.keys(tenant).await.unwrap().open_payload(new.id, &new.sealed).unwrap();
        assert!(opened.body.starts_with(b"{\"cerfa\""));
        again.close().await;
        // The store that rotated goes on with the new key.
        let other = db.network().await;
        db.store.keys(other).await.unwrap();
    }

    async fn what_only_reads_cannot_write_on_sqlite(db) {
        let tenant = db.network().await;
        if db.store.engine() == EngineKind::Sqlite {
            let mut tx = db.store.reading().await.unwrap();
            let done =
                store::tenants::set_settings(&mut tx, tenant, &serde_json::json!({})).await;
            assert!(done.is_err());
        }
        // A transaction that is dropped never happened.
        let mut tx = db.store.writing().await.unwrap();
        let settings = serde_json::json!({"a": 1});
        store::tenants::set_settings(&mut tx, tenant, &settings).await.unwrap();
        drop(tx);
        let mut tx = db.store.reading().await.unwrap();
        let network = store::tenants::find_network(&mut tx, tenant).await.unwrap().unwrap();
        assert_eq!(network.settings, serde_json::json!({}));
    }
}

#[tokio::test]
async fn an_address_of_no_engine_is_refused() {
    for (url, max_connections) in [
        ("mysql://x", 4),
        ("sqlite::memory:", 0),
        ("postgres://", 501),
    ] {
        let config = StoreConfig {
            url: url.to_owned(),
            max_connections,
        };
        let opened = Store::open(&config, sealer(1)).await;
        assert!(matches!(opened, Err(StoreError::Configuration(_))), "{url}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_and_its_password_is_not_told() {
    let config = StoreConfig {
        url: "postgres://gateway:canary-password@127.0.0.1:1/gateway".to_owned(),
        max_connections: 1,
    };
    let error = Store::open(&config, sealer(1)).await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    assert!(!format!("{error} {error:?} {config:?}").contains("canary"));
}
