//! SQLite's only writer: a connection that is given back whole or not at all.
//!
//! When the disk is full, SQLite takes a transaction back by itself; sqlx still believes it open and
//! begins no other on that connection. It is then closed, and the next caller gets a fresh one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection, SqlitePool};

/// Whether the last write failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stuck(Arc<AtomicBool>);

impl Stuck {
    /// Notes what became of a write.
    pub(crate) fn note(&self, failed: bool) {
        // A flag that already says so is not written again: it is shared by every thread.
        if self.is_stuck() != failed {
            self.0.store(failed, Ordering::Relaxed);
        }
    }

    /// Returns whether the last write failed.
    pub(crate) fn is_stuck(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Returns whether the error says that the file cannot be written, not that another one writes.
pub(crate) fn is_failure(error: &sqlx::Error) -> bool {
    /// SQLite's busy and locked (primary codes).
    const TAKEN: [i64; 2] = [5, 6];
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .and_then(|code| code.parse::<i64>().ok())
            .is_none_or(|code| !TAKEN.contains(&(code & 0xff))),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => false,
        _ => true,
    }
}

/// Opens the writer.
pub(crate) async fn open(
    options: SqliteConnectOptions,
    acquire: Duration,
) -> Result<(SqlitePool, Stuck), sqlx::Error> {
    let stuck = Stuck::default();
    let noted = stuck.clone();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(move |conn, _| {
            let noted = noted.clone();
            Box::pin(async move {
                if !conn.is_in_transaction() {
                    return Ok(true);
                }
                // A transaction that was dropped is still to be taken back: the ping comes after it.
                conn.ping().await?;
                let whole = !conn.is_in_transaction();
                if !whole {
                    noted.note(true);
                }
                Ok(whole)
            })
        })
        .acquire_timeout(acquire)
        .connect_with(options)
        .await?;
    Ok((pool, stuck))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::id::TenantId;
    use sqlx::{AssertSqlSafe, SqlitePool};

    use crate::pool::Pools;
    use crate::tenants::Network;
    use crate::{MasterKey, Sealer, Store, StoreConfig, StoreError};

    /// More than the few pages that are left.
    const LARGE: usize = 1_000_000;

    async fn opened() -> (Store, SqlitePool, std::path::PathBuf) {
        let file = std::env::temp_dir().join(format!("writer-{}.db", uuid::Uuid::now_v7()));
        let config = StoreConfig {
            url: format!("sqlite:{}", file.display()),
            max_connections: 2,
        };
        let sealer = Sealer::new(MasterKey::generate().unwrap());
        let store = Store::open(&config, sealer).await.unwrap();
        let Pools::Sqlite { writer, .. } = store.pools.clone() else {
            panic!("not SQLite")
        };
        (store, writer, file)
    }

    async fn removed(store: Store, file: &std::path::Path) {
        store.close().await;
        std::fs::remove_file(file).unwrap();
    }

    async fn set(writer: &SqlitePool, pragma: &str) {
        let sql = AssertSqlSafe(format!("pragma {pragma}"));
        sqlx::raw_sql(sql).execute(writer).await.unwrap();
    }

    /// A network with settings of so many characters.
    fn network(settings: usize) -> Network {
        let now: Timestamp = "2026-09-01T08:00:00Z".parse().unwrap();
        Network {
            id: TenantId::new(now),
            name: "Réseau d'essai".to_owned(),
            settings: serde_json::json!({ "note": "x".repeat(settings) }),
            created_at: now,
        }
    }

    async fn rows(writer: &SqlitePool) -> i64 {
        let sql = "select (select count(*) from network) + (select count(*) from tenant_key)";
        sqlx::query_scalar(sql).fetch_one(writer).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_refuses_writes_and_keeps_nothing_until_there_is_room_again() {
        let (store, writer, file) = opened().await;
        let before = rows(&writer).await;
        for _ in 0..3 {
            // As low as it goes: what the file has now. The limit ends with the connection.
            set(&writer, "max_page_count = 1").await;
            let full = store.create_network(&network(LARGE)).await.unwrap_err();
            assert!(matches!(full, StoreError::Unavailable(_)), "{full}");
        }
        assert_eq!(rows(&writer).await, before);
        store.create_network(&network(LARGE)).await.unwrap();
        assert_eq!(rows(&writer).await, before + 2);
        removed(store, &file).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_cannot_write_shows_no_sign_of_life_until_it_can() {
        let (store, writer, file) = opened().await;
        store.ping().await.unwrap();
        set(&writer, "max_page_count = 1").await;
        store.create_network(&network(LARGE)).await.unwrap_err();
        set(&writer, "query_only = on").await;
        for _ in 0..2 {
            let dead = store.ping().await.unwrap_err();
            assert!(matches!(dead, StoreError::Unavailable(_)), "{dead}");
        }
        set(&writer, "query_only = off").await;
        store.ping().await.unwrap();
        removed(store, &file).await;
    }
}
