//! A fresh database for each test, and the values tests are made of.

use std::path::PathBuf;

use domain::id::{DeliveryId, TenantId};
use domain::{Environment, Instance, Kind, Opco, Secret, Siret, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::accept::NewDelivery;
use store::tenants::Network;
use store::{Fingerprint, MasterKey, NewEvent, Sealer, Standing, Store, StoreConfig, TenantKey};
use uuid::Uuid;

/// A number that no product could have: planted in payloads and looked for in files.
pub(crate) const CANARY_NIR: &str = "199097512345678";
/// A site of the tests.
pub(crate) const SITE: &str = "73282932000074";
/// The master key of the tests.
pub(crate) const MASTER: [u8; 32] = [42; 32];

/// Runs each test once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn test($db: &crate::harness::Database) $body

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let db = crate::harness::Database::sqlite().await;
                test(&db).await;
                db.remove().await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let Some(db) = crate::harness::Database::postgres().await else { return };
                test(&db).await;
                db.remove().await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// A database of one test.
pub(crate) struct Database {
    pub(crate) config: StoreConfig,
    pub(crate) store: Store,
    place: Place,
}

enum Place {
    Directory(PathBuf),
    Server { url: String, name: String },
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let dir = std::env::temp_dir().join(format!("cfa-gateway-store-{}", Uuid::new_v7(stamp())));
        std::fs::create_dir_all(&dir).unwrap();
        let url = format!("sqlite:{}", dir.join("gateway.db").display());
        let config = StoreConfig {
            url,
            max_connections: 4,
        };
        let store = open(&config).await;
        Self {
            config,
            store,
            place: Place::Directory(dir),
        }
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let Some(server) = variable("TEST_PG_URL") else {
            assert!(
                variable("CI_REQUIRE_PG").is_none(),
                "TEST_PG_URL is required here"
            );
            eprintln!("skipped on PostgreSQL: TEST_PG_URL is not set");
            return None;
        };
        let name = format!("store_{}", Uuid::new_v7(stamp()).simple());
        let mut conn = PgConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("create database {name}")))
            .execute(&mut conn)
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let config = StoreConfig {
            url: format!("{base}/{name}"),
            max_connections: 8,
        };
        let store = open(&config).await;
        Some(Self {
            config,
            store,
            place: Place::Server { url: server, name },
        })
    }

    /// Returns the directory of the SQLite file.
    pub(crate) fn directory(&self) -> Option<&PathBuf> {
        match &self.place {
            Place::Directory(dir) => Some(dir),
            Place::Server { .. } => None,
        }
    }

    /// Opens the same database as another process would.
    pub(crate) async fn reopen(&self) -> Store {
        open(&self.config).await
    }

    /// Makes a network with its key.
    pub(crate) async fn network(&self) -> TenantId {
        let id = TenantId::new(now());
        let network = Network {
            id,
            name: format!("Réseau {id}"),
            settings: serde_json::json!({}),
            created_at: now(),
        };
        self.store.create_network(&network).await.unwrap();
        id
    }

    /// Returns one number of the database.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        if self.config.url.starts_with("sqlite") {
            let mut conn = sqlx::SqliteConnection::connect(&self.config.url)
                .await
                .unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
        } else {
            let mut conn = PgConnection::connect(&self.config.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
        }
    }

    /// Changes the database behind the store's back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        self.try_execute(sql).await.unwrap();
    }

    /// Does several things to the database behind the store's back.
    pub(crate) async fn script(&self, sql: String) {
        let sql = AssertSqlSafe(sql);
        if self.config.url.starts_with("sqlite") {
            let mut conn = sqlx::SqliteConnection::connect(&self.config.url)
                .await
                .unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        } else {
            let mut conn = PgConnection::connect(&self.config.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        }
    }

    pub(crate) async fn try_execute(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        if self.config.url.starts_with("sqlite") {
            let mut conn = sqlx::SqliteConnection::connect(&self.config.url).await?;
            sqlx::query(sql).execute(&mut conn).await?;
        } else {
            let mut conn = PgConnection::connect(&self.config.url).await?;
            sqlx::query(sql).execute(&mut conn).await?;
        }
        Ok(())
    }

    pub(crate) async fn remove(self) {
        self.store.close().await;
        match self.place {
            Place::Directory(dir) => std::fs::remove_dir_all(dir).unwrap(),
            Place::Server { url, name } => {
                let mut conn = PgConnection::connect(&url).await.unwrap();
                sqlx::query(AssertSqlSafe(format!("drop database {name} with (force)")))
                    .execute(&mut conn)
                    .await
                    .unwrap();
            }
        }
    }
}

async fn open(config: &StoreConfig) -> Store {
    Store::open(config, Sealer::new(MasterKey::from_bytes(MASTER)))
        .await
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told of their server by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn stamp() -> uuid::Timestamp {
    uuid::Timestamp::from_unix(uuid::NoContext, 1_790_000_000, 0)
}

/// The instant at which tests begin.
pub(crate) fn now() -> Timestamp {
    "2026-09-01T08:00:00Z".parse().unwrap()
}

/// An instant some seconds after the beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_secs(seconds)
}

pub(crate) fn site() -> Siret {
    SITE.parse().unwrap()
}

pub(crate) fn afdas() -> Instance {
    Instance::first(Opco::Afdas)
}

/// A contract that may go at once, in a lane of its own.
pub(crate) fn contract(keys: &TenantKey, created_at: Timestamp) -> NewDelivery {
    let id = DeliveryId::new(created_at);
    let body = br#"{"cerfa":{"apprenti":{"nom":"CANARI"}}}"#;
    let sealed = keys
        .seal_payload(id, body, Some(&Secret::new(CANARY_NIR)))
        .unwrap();
    let content_hash = keys.content_hash(id, &sealed, body).unwrap();
    let event = NewEvent {
        content_hash: Some(content_hash),
        ..NewEvent::new(created_at, "delivery.accepted").delivery(id)
    };
    NewDelivery {
        tenant: keys.tenant(),
        id,
        environment: Environment::Live,
        kind: Kind::Dossier,
        standing: Standing::queued(created_at),
        lane: keys.fingerprint("lane", &id.to_string()),
        opco: Some(Opco::Afdas),
        instance: 1,
        credential: None,
        siret_cfa: site(),
        siret_employeur: Some("35600000049837".parse().unwrap()),
        route_json: "{\"opco\":\"afdas\"}".to_owned(),
        warnings_json: "[]".to_owned(),
        idempotency: None,
        pairing: None,
        match_keys: [None; 3],
        compared: true,
        sealed,
        files: Vec::new(),
        invoice: None,
        about: Vec::new(),
        person: keys.fingerprint("person", &id.to_string()),
        rule_set: "2026-09".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        version: None,
        mandate: None,
        created_at,
        event,
        claim: None,
    }
}

/// A contract whose doubles are refused.
pub(crate) fn paired(keys: &TenantKey, created_at: Timestamp, pairing: &str) -> NewDelivery {
    let print: Fingerprint = keys.fingerprint("pairing", pairing);
    NewDelivery {
        pairing: Some(print),
        lane: print,
        ..contract(keys, created_at)
    }
}

/// Waits, within a bound, until something that goes on elsewhere is done.
pub(crate) async fn until(done: impl Fn() -> bool) {
    for _ in 0..24_000 {
        if done() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("waited in vain");
}
