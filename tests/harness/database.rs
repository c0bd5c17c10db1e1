//! A database of the test's own, on either engine.

use std::path::PathBuf;

use futures_util::StreamExt as _;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{MasterKey, Sealer, Store, StoreConfig};
use uuid::Uuid;

use crate::{folder, variable};

/// The master key of every test.
pub const MASTER: [u8; 32] = [42; 32];

/// Which database is behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// The server named by `TEST_PG_URL`.
    Postgres,
}

impl Engine {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A transaction that keeps every other from writing.
#[derive(Debug)]
pub enum Hold {
    /// On the file.
    Sqlite(sqlx::SqliteConnection),
    /// On the table of deliveries.
    Postgres(PgConnection),
}

impl Hold {
    /// Lets the others go on.
    pub async fn release(self) {
        match self {
            Self::Sqlite(conn) => conn.close().await.unwrap(),
            Self::Postgres(conn) => conn.close().await.unwrap(),
        }
    }
}

/// A fresh database.
#[derive(Debug)]
pub struct Database {
    /// Which engine.
    pub engine: Engine,
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// A folder for the files of the test; the SQLite file is in it.
    pub folder: PathBuf,
    /// The folder in which processes put their temporary files.
    pub temporary: PathBuf,
    /// The master key that everything in it is sealed under.
    pub master: [u8; 32],
    name: String,
}

impl Database {
    /// Makes one; nothing, with a word, where there is no server to make it on.
    pub async fn fresh(engine: Engine) -> Option<Self> {
        let name = format!("e2e_{}", Uuid::now_v7().simple());
        let url = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(on_server(&name).await?),
        };
        let folder = folder("test");
        let temporary = folder.join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let url = url.unwrap_or_else(|| format!("sqlite:{}", folder.join("gateway.db").display()));
        Some(Self {
            engine,
            url,
            folder,
            temporary,
            master: MASTER,
            name,
        })
    }

    /// Seals it under another master key; before anything is in it.
    #[must_use]
    pub fn sealed_under(mut self, master: [u8; 32]) -> Self {
        self.master = master;
        self
    }

    /// Opens it, as a command of the product would.
    pub async fn open(&self) -> Store {
        let config = StoreConfig {
            url: self.url.clone(),
            max_connections: 8,
        };
        let sealer = Sealer::new(MasterKey::from_bytes(self.master));
        Store::open(&config, sealer).await.unwrap()
    }

    /// Returns one number of it.
    pub async fn number(&self, sql: &'static str) -> i64 {
        match self.engine {
            Engine::Sqlite => {
                let mut conn = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
            }
            Engine::Postgres => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
            }
        }
    }

    /// Changes it behind the store's back.
    pub async fn script(&self, sql: &'static str) {
        match self.engine {
            Engine::Sqlite => {
                let mut conn = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
            }
            Engine::Postgres => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
            }
        }
    }

    /// Returns every row of a server's database, as the server sends them.
    pub async fn dump(&self) -> Vec<u8> {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let tables = "select tablename::text from pg_tables where schemaname = 'public'";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&mut conn)
            .await
            .unwrap();
        let mut dump = Vec::new();
        for table in tables {
            let rows = format!("copy {table} to stdout (format binary)");
            let mut rows = conn.copy_out_raw(&rows).await.unwrap();
            while let Some(part) = rows.next().await {
                dump.extend_from_slice(&part.unwrap());
            }
        }
        dump
    }

    /// Lets nobody else write deliveries until what it returns is released.
    pub async fn hold(&self) -> Hold {
        match self.engine {
            Engine::Sqlite => {
                let mut conn = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
                let begin = sqlx::query("begin immediate").execute(&mut conn);
                begin.await.unwrap();
                Hold::Sqlite(conn)
            }
            Engine::Postgres => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                for sql in ["begin", "lock table delivery in exclusive mode"] {
                    sqlx::query(sql).execute(&mut conn).await.unwrap();
                }
                Hold::Postgres(conn)
            }
        }
    }

    /// Takes it away.
    pub async fn remove(self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
        if let (Engine::Postgres, Some(server)) = (self.engine, variable("TEST_PG_URL")) {
            let mut conn = PgConnection::connect(&server).await.unwrap();
            let drop = format!("drop database if exists {} with (force)", self.name);
            sqlx::query(AssertSqlSafe(drop))
                .execute(&mut conn)
                .await
                .unwrap();
        }
    }
}

async fn on_server(name: &str) -> Option<String> {
    let Some(server) = variable("TEST_PG_URL") else {
        assert!(
            variable("CI_REQUIRE_PG").is_none(),
            "TEST_PG_URL is required here"
        );
        eprintln!("skipped on PostgreSQL: TEST_PG_URL is not set");
        return None;
    };
    let mut conn = PgConnection::connect(&server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("create database {name}")))
        .execute(&mut conn)
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    Some(format!("{base}/{name}"))
}
