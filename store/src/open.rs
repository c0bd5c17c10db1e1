//! What happens before the first statement: the schema's version and the master key's proof.

use domain::id::TenantId;
use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::error::StoreError;
use crate::pool::{Pools, Store, StoreConfig, on, run, sqlite_options};
use crate::tenants;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The one row of `master_probe`.
const PROBE: &str = "master";
/// What is said of a probe that is gone.
const LOST: &str = "(unknown: the probe is gone)";
/// The table whose presence says that a database is ours.
const OURS: &str = "master_probe";

/// Applies what is missing. On PostgreSQL sqlx takes an advisory lock; SQLite has one process.
pub(crate) async fn migrate(pools: &Pools) -> Result<(), StoreError> {
    match pools {
        Pools::Sqlite { writer, .. } => SQLITE.run(writer).await?,
        Pools::Postgres(pool) => POSTGRES.run(pool).await?,
    }
    Ok(())
}

/// Compares the master key with the value it sealed when the database was made.
pub(crate) async fn check_master_key(store: &Store) -> Result<(), StoreError> {
    const FIND: &str = "select master_key_id, sealed from master_probe where probe_id = $1";
    const PUT: &str = "insert into master_probe (probe_id, master_key_id, sealed)
        values ($1, $2, $3) on conflict do nothing";
    let given = store.sealer.master_key_id();
    let mut tx = store.writing().await?;
    // The order matters: keys and probe are committed together, so whoever sees the keys sees
    // the probe after them, even while another process is making both.
    let keys_exist = tenants::wrapped_key(&mut tx, TenantId::PLATFORM)
        .await?
        .is_some();
    let found: Option<(String, Vec<u8>)> = on!(tx, |conn| sqlx::query_as(FIND)
        .bind(PROBE)
        .fetch_optional(conn)
        .await?);
    let (expected, sealed) = match found {
        Some(found) => found,
        // Keys without their proof: someone removed it, and any key would now pass.
        None if keys_exist => {
            return Err(StoreError::WrongMasterKey {
                expected: LOST.into(),
                given,
            });
        }
        None => {
            let sealed = store.sealer.seal_probe()?;
            run!(tx, sqlx::query(PUT).bind(PROBE).bind(&given).bind(&sealed));
            tenants::create_platform(&mut tx, &store.sealer).await?;
            // Another process may have been first: what is there now is what counts.
            on!(tx, |conn| sqlx::query_as(FIND)
                .bind(PROBE)
                .fetch_one(conn)
                .await?)
        }
    };
    if !store.sealer.opens_probe(&sealed) {
        return Err(StoreError::WrongMasterKey { expected, given });
    }
    tx.commit().await
}

/// Returns whether a database of ours is at this address.
pub(crate) async fn exists(config: &StoreConfig) -> Result<bool, StoreError> {
    const IN_SQLITE: &str = "select count(*) from sqlite_master where name = $1";
    const IN_POSTGRES: &str = "select count(*) from pg_tables
        where schemaname = current_schema() and tablename = $1";
    let count: i64 = if config.url.starts_with("sqlite:") {
        let options = sqlite_options(&config.url)?.create_if_missing(false);
        if !options.get_filename().exists() {
            return Ok(false);
        }
        let mut conn = options.connect().await?;
        let count = sqlx::query_scalar(IN_SQLITE)
            .bind(OURS)
            .fetch_one(&mut conn)
            .await?;
        conn.close().await?;
        count
    } else {
        let mut conn = PgConnection::connect(&config.url).await?;
        let count = sqlx::query_scalar(IN_POSTGRES)
            .bind(OURS)
            .fetch_one(&mut conn)
            .await?;
        conn.close().await?;
        count
    };
    Ok(count > 0)
}
