//! The databases under measurement: a new one for each gateway, and what is counted in them.

use std::path::Path;
use std::str::FromStr as _;

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::Ground;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite FULL",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// One database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) engine: Engine,
    /// Its address, as the gateway takes it.
    pub(crate) url: String,
}

impl Database {
    /// Makes an empty one.
    pub(crate) async fn new(ground: &Ground, engine: Engine, name: &str) -> anyhow::Result<Self> {
        let url = match engine {
            Engine::Sqlite => format!(
                "sqlite:{}",
                ground.folder.join(format!("{name}.db")).display()
            ),
            Engine::Postgres => {
                let options = PgConnectOptions::from_str(&ground.postgres)?;
                let mut conn = options.connect().await?;
                let sql = format!("create database \"{name}\"");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut conn).await?;
                conn.close().await?;
                let (server, _) = ground
                    .postgres
                    .rsplit_once('/')
                    .context("a database's address")?;
                format!("{server}/{name}")
            }
        };
        Ok(Self { engine, url })
    }

    /// Returns the first number that a query gives.
    pub(crate) async fn count(&self, sql: &'static str) -> anyhow::Result<u64> {
        let found: i64 = match self.engine {
            Engine::Sqlite => {
                let mut conn = SqliteConnectOptions::from_str(&self.url)?.connect().await?;
                sqlx::query_scalar(sql).fetch_one(&mut conn).await?
            }
            Engine::Postgres => {
                let mut conn = PgConnectOptions::from_str(&self.url)?.connect().await?;
                sqlx::query_scalar(sql).fetch_one(&mut conn).await?
            }
        };
        Ok(u64::try_from(found)?)
    }
}

/// Opens a SQLite file as the gateway does: write-ahead log, every commit on disk.
pub(crate) fn sqlite(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}
