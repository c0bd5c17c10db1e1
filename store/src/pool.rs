//! The two engines behind one door: pools, transactions, and the macro that picks an engine.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::id::TenantId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::deliveries::NewEvent;
use crate::error::StoreError;
use crate::lanes::SweepCursor;
use crate::sealing::{Sealer, TenantKey};
use crate::writer::{self, Stuck};
use crate::{events, open, tenants};

/// How long a statement of SQLite waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection before the store is said to be unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that rested longer than this is tested before it is used.
const REST_BEFORE_TEST: Duration = Duration::from_secs(5);
/// The most connections a configuration may ask for.
const MAX_CONNECTIONS: u32 = 500;
/// How many prepared statements a connection keeps: more than the store has.
const STATEMENTS: usize = 512;
/// How many rows of SQLite may wait for the one who reads them: with few, reader and engine stop for each other.
const ROWS: usize = 512;

/// How much of a SQLite file the writer keeps in memory (a negative number counts KiB): the pages of
/// indexes over fingerprints, which are written in no order.
const SQLITE_WRITER_CACHE: &str = "-32768";
/// How much each reader keeps.
const SQLITE_READER_CACHE: &str = "-2048";
/// How many pages SQLite's log holds before they are carried over to the file: more writes of the
/// same page are carried over once.
const SQLITE_CHECKPOINT: &str = "4000";

/// How PostgreSQL plans. A statement of the hot path names a dozen tables and takes arrays: planning
/// it costs ten times its execution, and PostgreSQL would plan each call anew, since arrays of known
/// length look cheaper. One plan must then be right at every size of the tables, also when it was
/// made while they were empty: each row by its index, never a table read whole.
///
/// Where a table has two indexes that could answer, an empty table makes them look alike, and the plan
/// may be kept that walks all rows of a network. Such questions name the network with `is not distinct
/// from`, by which no index can be entered: what leads there is the fingerprint or the delivery alone.
///
/// Said once on each connection, not in the startup packet, which a pooler between would refuse.
const PLANS: &str = "set plan_cache_mode = force_generic_plan; set jit = off;
    set enable_seqscan = off; set enable_bitmapscan = off;
    set enable_hashjoin = off; set enable_mergejoin = off";

/// Where the database is and how many connections to use.
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// The most connections that read (SQLite) or read and write (PostgreSQL): 1 to 500.
    pub max_connections: u32,
}

impl std::fmt::Debug for StoreConfig {
    /// The address may carry a password: only the engine is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("StoreConfig")
            .field("url", &format_args!("{engine}:***"))
            .field("max_connections", &self.max_connections)
            .finish()
    }
}

/// Which database is behind the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// One file, one process.
    Sqlite,
    /// A server, any number of processes.
    Postgres,
}

/// Everything remembered. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) pools: Pools,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) swept: Arc<SweepCursor>,
    /// Where the store was opened.
    home: Handle,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("engine", &self.engine())
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(crate) enum Pools {
    /// SQLite has one writer: a queue in front of it is fairer and faster than its busy handler.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        stuck: Stuck,
    },
    Postgres(PgPool),
}

/// One transaction. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    pub(crate) engine: Engine,
    stuck: Stuck,
    /// What happened in it, for the networks' logs: written last.
    pub(crate) told: Vec<(TenantId, NewEvent)>,
}

pub(crate) enum Engine {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Evaluates one expression on the transaction's connection; compiled once for each engine.
macro_rules! on {
    ($tx:expr, |$conn:ident| $body:expr) => {
        $crate::pool::on_engine!(&mut $tx.engine, |$conn| $body)
    };
}
pub(crate) use on;

/// The same for the engine of a transaction.
macro_rules! on_engine {
    ($engine:expr, |$conn:ident| $body:expr) => {
        match $engine {
            $crate::pool::Engine::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            $crate::pool::Engine::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}
pub(crate) use on_engine;

/// Executes one statement on the transaction's connection and returns how many rows it changed.
macro_rules! run {
    ($tx:expr, $query:expr) => {
        $crate::pool::on!($tx, |conn| $query.execute(conn).await?.rows_affected())
    };
}
pub(crate) use run;

impl Store {
    /// Opens the database, brings its schema up to date under a lock, and checks the master key.
    ///
    /// # Errors
    /// [`StoreError::Migration`] on a schema this program must not touch,
    /// [`StoreError::WrongMasterKey`] when the key does not open what is there.
    pub async fn open(config: &StoreConfig, sealer: Sealer) -> Result<Self, StoreError> {
        let pools = Pools::open(config).await?;
        open::migrate(&pools).await?;
        let store = Self {
            pools,
            sealer: Arc::new(sealer),
            swept: Arc::default(),
            home: Handle::current(),
        };
        open::check_master_key(&store).await?;
        Ok(store)
    }

    /// Returns whether a database of ours is already at this address, without changing it.
    ///
    /// Whoever makes a new master key asks first: an existing database must get its own key.
    pub async fn exists(config: &StoreConfig) -> Result<bool, StoreError> {
        open::exists(config).await
    }

    /// Returns which database is behind the store.
    pub fn engine(&self) -> EngineKind {
        match self.pools {
            Pools::Sqlite { .. } => EngineKind::Sqlite,
            Pools::Postgres(_) => EngineKind::Postgres,
        }
    }

    /// Asks the database for a sign of life: that it reads and, where the last write failed, that it
    /// writes again.
    pub async fn ping(&self) -> Result<(), StoreError> {
        const SQL: &str = "select 1";
        // Changes nothing, and still has to be written.
        const WRITE: &str = "pragma user_version = 0";
        let mut tx = self.reading().await?;
        run!(tx, sqlx::query(SQL));
        if let Pools::Sqlite { stuck, .. } = &self.pools
            && stuck.is_stuck()
        {
            let mut tx = self.writing().await?;
            run!(tx, sqlx::query(WRITE));
            tx.commit().await?;
        }
        Ok(())
    }

    /// Begins a transaction that only reads.
    pub async fn reading(&self) -> Result<Tx, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { readers, .. } => {
                Tx::new(Engine::Sqlite(readers.begin().await?), Stuck::default())
            }
            Pools::Postgres(pool) => self.on_server(pool).await?,
        })
    }

    /// Begins a transaction that may write. On SQLite it takes the write lock at once, so that no
    /// statement inside can fail for want of it.
    pub async fn writing(&self) -> Result<Tx, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, stuck, .. } => {
                let tx = writer.begin_with("begin immediate").await;
                // A busy queue or another process's lock is no failure of the file.
                let failed = tx.as_ref().is_err_and(writer::is_failure);
                if failed {
                    stuck.note(true);
                }
                Tx::new(Engine::Sqlite(tx?), stuck.clone())
            }
            Pools::Postgres(pool) => self.on_server(pool).await?,
        })
    }

    async fn on_server(&self, pool: &PgPool) -> Result<Tx, StoreError> {
        Ok(Tx::new(
            Engine::Postgres(self.begun(pool).await?),
            Stuck::default(),
        ))
    }

    /// Begins a transaction on a connection that outlives whoever asks.
    ///
    /// A connection dies with the runtime that opened it, and a server's threads have runtimes of
    /// their own: what one of them opened would break under another's hands when it stops.
    async fn begun(&self, pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
        if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
            return Ok(pool.begin().await?);
        }
        let pool = pool.clone();
        let begun = self.home.spawn(async move { pool.begin().await });
        let begun = begun
            .await
            .map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        Ok(begun?)
    }

    /// Returns the keys of a network, from memory when they were used before.
    ///
    /// # Errors
    /// [`StoreError::UnknownTenant`] when there is no such network.
    pub async fn keys(&self, tenant: TenantId) -> Result<Arc<TenantKey>, StoreError> {
        if let Some(keys) = self.sealer.cached(tenant) {
            return Ok(keys);
        }
        let mut tx = self.reading().await?;
        let wrapped = tenants::wrapped_key(&mut tx, tenant)
            .await?
            .ok_or(StoreError::UnknownTenant)?;
        Ok(self.sealer.unwrap(tenant, &wrapped)?)
    }

    /// Closes every connection, after the running statements.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    fn new(engine: Engine, stuck: Stuck) -> Self {
        Self {
            engine,
            stuck,
            told: Vec::new(),
        }
    }

    /// Makes everything done in the transaction durable and visible.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if !self.told.is_empty() {
            let told: Vec<_> = self
                .told
                .iter()
                .map(|(tenant, event)| (*tenant, event))
                .collect();
            events::write(&mut self.engine, &told).await?;
        }
        match self.engine {
            Engine::Sqlite(tx) => {
                let done = tx.commit().await;
                self.stuck
                    .note(done.as_ref().is_err_and(writer::is_failure));
                done?;
            }
            Engine::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Pools {
    async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        if !(1..=MAX_CONNECTIONS).contains(&config.max_connections) {
            return Err(StoreError::Configuration(format!(
                "max_connections must be between 1 and {MAX_CONNECTIONS}"
            )));
        }
        if config.url.starts_with("sqlite:") {
            Self::open_sqlite(config).await
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            Self::open_postgres(config).await
        } else {
            Err(StoreError::Configuration(
                "the address must begin with `sqlite:` or `postgres:`".to_owned(),
            ))
        }
    }

    async fn open_sqlite(config: &StoreConfig) -> Result<Self, StoreError> {
        let options = sqlite_options(&config.url)?;
        let cached = options.clone().pragma("cache_size", SQLITE_WRITER_CACHE);
        let (writer, stuck) = writer::open(cached, ACQUIRE_TIMEOUT).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(config.max_connections)
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A reader that tries to write is told so, instead of waiting for the writer.
            .connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self::Sqlite {
            writer,
            readers,
            stuck,
        })
    }

    async fn open_postgres(config: &StoreConfig) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(&config.url)
            .map_err(|_| StoreError::Configuration("unreadable PostgreSQL address".to_owned()))?
            .application_name("cfa-gateway")
            .statement_cache_capacity(STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|conn, _| {
                Box::pin(async move { sqlx::raw_sql(PLANS).execute(conn).await.map(drop) })
            })
            // A ping before each use would cost a round trip; one after a rest finds a lost server.
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move {
                    if meta.idle_for > REST_BEFORE_TEST {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }
}

/// Returns how a SQLite file is opened: durable at each commit, wiped where deleted.
pub(crate) fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    Ok(SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Configuration("unreadable SQLite address".to_owned()))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS)
        // What retention shreds must not stay readable in free pages.
        .pragma("secure_delete", "on")
        // Where a statement may have to be taken back, SQLite keeps what it changes in a file of its
        // own; in memory that costs nothing.
        .pragma("temp_store", "memory")
        .pragma("cache_size", SQLITE_READER_CACHE)
        .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT))
}
