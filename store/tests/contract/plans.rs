//! What SQLite's planner is told of the tables that grow, and what it makes of it.

use std::collections::BTreeSet;

use sqlx::{Connection, Row, SqliteConnection};

use crate::harness::Database;

/// Questions asked all the time, and the index that answers each: any other way walks a network.
const ASKED: [(&str, &str); 7] = [
    (
        "select 1 from event where delivery_id = $2 and tenant_id = $1 order by position limit 9",
        "event_delivery",
    ),
    (
        "select 1 from event where tenant_id = $1 and kind >= 'key.' and kind < 'key/'
            order by position desc limit 9",
        "event_key",
    ),
    (
        "select 1 from dossier where tenant_id = $1 and delivery_id = $2 order by dossier_id desc limit 1",
        "dossier_delivery",
    ),
    (
        "select 1 from invoice where tenant_id = $1 and environment = $2 and siret_emetteur = $3
            and numero = $4 order by delivery_id desc limit 9",
        "invoice_numero",
    ),
    (
        "select 1 from mandate where tenant_id = $1 and delivery_id = $2 and delivery_id is not null
            order by mandate_id desc limit 1",
        "mandate_delivery",
    ),
    (
        "select 1 from mandate where tenant_id = $1 and siret_cfa = $2 and scope = 'site'
            order by mandate_id desc limit 1",
        "mandate_site",
    ),
    (
        "select 1 from delivery where status = 'held' and hold_reason = $1 and delivery_id > $2
            and status in ('held', 'dead', 'rejected') order by delivery_id limit 9",
        "delivery_attention",
    ),
];

#[tokio::test]
async fn each_index_of_a_table_that_grows_is_told_to_the_planner() {
    let db = Database::sqlite().await;
    let mut conn = SqliteConnection::connect(&db.config.url).await.unwrap();
    let told: Vec<(String, String)> = sqlx::query_as("select tbl, idx from sqlite_stat1")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    let told: BTreeSet<_> = told.into_iter().collect();
    let tables: BTreeSet<&String> = told.iter().map(|(table, _)| table).collect();
    assert!(tables.len() >= 15, "only {tables:?}");
    let mut there = BTreeSet::new();
    for table in tables {
        let indexes: Vec<String> = sqlx::query_scalar("select name from pragma_index_list($1)")
            .bind(table)
            .fetch_all(&mut conn)
            .await
            .unwrap();
        there.extend(indexes.into_iter().map(|index| (table.clone(), index)));
    }
    assert_eq!(told, there);
    conn.close().await.unwrap();
    db.remove().await;
}

#[tokio::test]
async fn what_is_asked_all_the_time_is_looked_up_and_not_walked() {
    let db = Database::sqlite().await;
    let mut conn = SqliteConnection::connect(&db.config.url).await.unwrap();
    for (question, index) in ASKED {
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!(
            "explain query plan {question}"
        )))
        .fetch_all(&mut conn)
        .await
        .unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        let first = steps.first().unwrap();
        assert!(
            first.contains(&format!("INDEX {index} ")),
            "{question}: {steps:?}"
        );
    }
    conn.close().await.unwrap();
    db.remove().await;
}
