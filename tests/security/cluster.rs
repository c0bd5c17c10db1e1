//! The files of the PostgreSQL server that the tests use: its tables, its write-ahead log, its log.

use std::path::PathBuf;
use std::time::SystemTime;

use harness::database::Database;
use harness::variable;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::scan::{Scanner, Sighting};

/// One server, while its write-ahead log is held back for the scan.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    connection: PgConnection,
    since: SystemTime,
}

impl Cluster {
    /// Has the server keep its write-ahead log from now on; nothing where its files are not told.
    pub(crate) async fn hold(database: &Database, since: SystemTime) -> Option<Self> {
        let Some(folder) = variable("TEST_PG_DATA") else {
            assert!(
                variable("CI_REQUIRE_PG").is_none(),
                "TEST_PG_DATA is required here"
            );
            eprintln!("the files of PostgreSQL are not scanned: TEST_PG_DATA is not set");
            return None;
        };
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        // A temporary slot ends with its connection, so that a failed test holds nothing back.
        let slot = format!("security_{}", uuid::Uuid::now_v7().simple());
        let hold = format!("select pg_create_physical_replication_slot('{slot}', true, true)");
        sqlx::query(AssertSqlSafe(hold))
            .execute(&mut connection)
            .await
            .unwrap();
        Some(Self {
            folder: PathBuf::from(folder),
            connection,
            since,
        })
    }

    /// Has the server keep long values as they are: compressed, they would hide what they hold.
    pub(crate) async fn uncompressed(&mut self) {
        let long = "select format('alter table %I alter column %I set storage external', \
                    table_name, column_name) from information_schema.columns \
                    where table_schema = 'public' and data_type in ('text', 'bytea', 'jsonb') \
                    and table_name in (select tablename from pg_tables)";
        let orders: Vec<String> = sqlx::query_scalar(long)
            .fetch_all(&mut self.connection)
            .await
            .unwrap();
        assert!(orders.len() > 50, "the tables are not there yet");
        for order in orders {
            let done = sqlx::raw_sql(AssertSqlSafe(order));
            done.execute(&mut self.connection).await.unwrap();
        }
    }

    /// Writes a text into a table of its own in clear, and has the server log another.
    pub(crate) async fn plant(&mut self, row: &str, logged: &str) {
        for sql in [
            "create table planted (text text not null)".to_owned(),
            format!("insert into planted values ('{row}')"),
        ] {
            let done = sqlx::raw_sql(AssertSqlSafe(sql));
            done.execute(&mut self.connection).await.unwrap();
        }
        let wrong = format!("select 1 / 0 /* {logged} */");
        let refused = sqlx::raw_sql(AssertSqlSafe(wrong));
        assert!(refused.execute(&mut self.connection).await.is_err());
    }

    /// Looks in all that the server wrote since the beginning.
    pub(crate) async fn scan(&mut self, scanner: &Scanner) -> Vec<Sighting> {
        for sql in ["select pg_switch_wal()", "checkpoint"] {
            let done = sqlx::raw_sql(sql).execute(&mut self.connection).await;
            done.unwrap();
        }
        let log = self.folder.join("server.log");
        let mut found = scanner.folder("PostgreSQL", &self.folder.join("base"), self.since);
        found.extend(scanner.folder("pg_wal", &self.folder.join("pg_wal"), self.since));
        found.extend(scanner.folder("PostgreSQL", &self.folder.join("global"), self.since));
        found.extend(scanner.file("PostgreSQL's log", &log));
        found
    }
}
