//! The two schemas are one, and every key starts with the tenant.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use crate::harness::Database;

/// The tables that belong to the deployment and to no network.
const PLATFORM: [&str; 5] = [
    "_sqlx_migrations",
    "capability_switch",
    "limiter_lease",
    "limiter_silence",
    "master_probe",
];

/// Table, then columns in order: name, type (as bytes, number or text), whether it may be absent.
type Columns = BTreeMap<String, Vec<(String, &'static str, bool)>>;
/// Table, then the columns of each key or unique index.
type Keys = BTreeMap<String, BTreeSet<Vec<String>>>;

fn sort_of(kind: &str) -> &'static str {
    match kind.to_ascii_lowercase().as_str() {
        "bigint" | "integer" => "number",
        "bytea" | "uuid" | "blob" => "bytes",
        "text" => "text",
        other => panic!("a column of type {other}"),
    }
}

async fn sqlite_schema(db: &Database) -> (Columns, Keys) {
    let mut conn = SqliteConnection::connect(&db.config.url).await.unwrap();
    let (mut columns, mut keys) = (Columns::new(), Keys::new());
    let tables: Vec<String> = sqlx::query_scalar(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    for table in tables.iter().filter(|table| *table != "_sqlx_migrations") {
        let rows = sqlx::query(
            "select name, type, \"notnull\", pk from pragma_table_info($1) order by cid",
        )
        .bind(table)
        .fetch_all(&mut conn)
        .await
        .unwrap();
        let list = rows
            .iter()
            .map(|row| {
                let required: i64 = row.get(2);
                (row.get(0), sort_of(row.get::<&str, _>(1)), required == 0)
            })
            .collect();
        columns.insert(table.clone(), list);
        let indexes: Vec<String> =
            sqlx::query_scalar("select name from pragma_index_list($1) where \"unique\" = 1")
                .bind(table)
                .fetch_all(&mut conn)
                .await
                .unwrap();
        let unique = keys.entry(table.clone()).or_default();
        for index in indexes {
            let parts: Vec<String> =
                sqlx::query_scalar("select name from pragma_index_info($1) order by seqno")
                    .bind(&index)
                    .fetch_all(&mut conn)
                    .await
                    .unwrap();
            unique.insert(parts);
        }
        let foreign: Vec<(i64, String)> =
            sqlx::query_as("select id, \"from\" from pragma_foreign_key_list($1) order by id, seq")
                .bind(table)
                .fetch_all(&mut conn)
                .await
                .unwrap();
        let mut grouped: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (id, from) in foreign {
            grouped.entry(id).or_default().push(from);
        }
        unique.extend(grouped.into_values());
    }
    (columns, keys)
}

async fn postgres_schema(db: &Database) -> (Columns, Keys) {
    let mut conn = PgConnection::connect(&db.config.url).await.unwrap();
    let (mut columns, mut keys) = (Columns::new(), Keys::new());
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text, data_type::text, is_nullable::text
         from information_schema.columns
         where table_schema = current_schema() and table_name <> '_sqlx_migrations'
         order by table_name, ordinal_position",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    for (table, name, kind, nullable) in rows {
        columns
            .entry(table)
            .or_default()
            .push((name, sort_of(&kind), nullable == "YES"));
    }
    let unique: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select t.relname::text, array_agg(a.attname::text order by k.n)
         from pg_index i
         join pg_class t on t.oid = i.indrelid
         join pg_namespace s on s.oid = t.relnamespace and s.nspname = current_schema()
         cross join lateral unnest(i.indkey::int[]) with ordinality as k (attnum, n)
         join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum
         where i.indisunique and t.relname <> '_sqlx_migrations'
         group by t.relname, i.indexrelid
         union all
         select t.relname::text, array_agg(a.attname::text order by k.n)
         from pg_constraint c
         join pg_class t on t.oid = c.conrelid
         cross join lateral unnest(c.conkey::int[]) with ordinality as k (attnum, n)
         join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum
         where c.contype = 'f'
         group by t.relname, c.oid",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    for table in columns.keys() {
        keys.insert(table.clone(), BTreeSet::new());
    }
    for (table, parts) in unique {
        keys.entry(table).or_default().insert(parts);
    }
    (columns, keys)
}

fn every_key_starts_with_the_tenant(keys: &Keys) {
    assert!(keys.len() > 20, "only {} tables were read", keys.len());
    for (table, parts) in keys
        .iter()
        .filter(|(table, _)| !PLATFORM.contains(&table.as_str()))
    {
        assert!(!parts.is_empty(), "{table} has no key");
        for key in parts {
            assert_eq!(
                key.first().map(String::as_str),
                Some("tenant_id"),
                "{table} {key:?}"
            );
        }
    }
}

#[tokio::test]
async fn every_key_of_sqlite_starts_with_the_tenant() {
    let db = Database::sqlite().await;
    let (_, keys) = sqlite_schema(&db).await;
    every_key_starts_with_the_tenant(&keys);
    db.remove().await;
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_keys() {
    let Some(postgres) = Database::postgres().await else {
        return;
    };
    let sqlite = Database::sqlite().await;
    let (columns, keys) = sqlite_schema(&sqlite).await;
    let (pg_columns, pg_keys) = postgres_schema(&postgres).await;
    for (table, list) in &columns {
        assert_eq!(Some(list), pg_columns.get(table), "{table}");
    }
    assert_eq!(columns.len(), pg_columns.len());
    assert_eq!(keys, pg_keys);
    every_key_starts_with_the_tenant(&pg_keys);
    sqlite.remove().await;
    postgres.remove().await;
}
