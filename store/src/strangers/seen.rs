//! What a list of states shows and no dossier of ours has. A list that is empty or short changes nothing.

use std::collections::HashMap;

use domain::Timestamp;
use domain::id::DossierId;
use uuid::Uuid;

use crate::column::{ms, raw};
use crate::deliveries::known_in;
use crate::dossiers::EtatSeen;
use crate::error::StoreError;
use crate::pool::{Engine, Tx, run};
use crate::read_jobs::ReadKey;

/// What is known of a stranger before the list is read.
type Known = (String, Uuid, Option<String>, Option<String>, Option<String>);

/// Remembers the lines of a site's list that no dossier of the network has: new ones are read in full
/// from `due_at` on. One that turned out to be ours is adopted. Returns how many are new.
pub async fn remember(
    tx: &mut Tx,
    key: &ReadKey,
    seen: &[EtatSeen],
    due_at: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if seen.is_empty() {
        return Ok(0);
    }
    let numeros: Vec<&str> = seen
        .iter()
        .map(|line| line.numero_interne.as_str())
        .collect();
    let list = serde_json::Value::from(numeros.clone()).to_string();
    let ours = known_in(tx, key.tenant, key.instance, key.environment, &numeros).await?;
    let known = known(tx, key, &list).await?;
    let known: HashMap<&str, &Known> = known.iter().map(|row| (row.0.as_str(), row)).collect();
    let mut new = 0;
    for line in seen {
        let numero = line.numero_interne.as_str();
        match known.get(numero) {
            Some((_, id, ..)) if ours.contains(numero) => is_ours(tx, key, *id, now).await?,
            Some(row) if differs(row, line) => change(tx, key, row.1, line).await?,
            Some(_) => {}
            None if ours.contains(numero) => {}
            None => new += insert(tx, key, line, due_at, now).await?,
        }
    }
    freshen(tx, key, &list, now).await?;
    Ok(new)
}

async fn known(tx: &mut Tx, key: &ReadKey, list: &str) -> Result<Vec<Known>, StoreError> {
    macro_rules! fetch {
        ($conn:expr, $among:literal) => {
            sqlx::query_as(concat!(
                "select numero_interne, dossier_id, numero_externe, numero_deca, etat_raw
                from stranger where tenant_id = $1 and environment = $2 and opco = $3
                  and instance = $4 and numero_interne in (",
                $among,
                ")"
            ))
            .bind(raw(key.tenant))
            .bind(key.environment.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(list)
            .fetch_all(&mut **$conn)
            .await?
        };
    }
    Ok(match &mut tx.engine {
        Engine::Sqlite(conn) => fetch!(conn, "select value from json_each($5)"),
        Engine::Postgres(conn) => fetch!(conn, "select json_array_elements_text($5::json)"),
    })
}

/// What the line does not tell stays as it was.
fn differs((_, _, externe, deca, etat): &Known, line: &EtatSeen) -> bool {
    let told = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
    told(&line.numero_externe, externe) || told(&line.numero_deca, deca) || told(&line.etat, etat)
}

async fn change(tx: &mut Tx, key: &ReadKey, id: Uuid, line: &EtatSeen) -> Result<(), StoreError> {
    const SQL: &str = "update stranger set numero_externe = coalesce($3, numero_externe),
            numero_deca = coalesce($4, numero_deca), etat_raw = coalesce($5, etat_raw)
        where tenant_id = $1 and dossier_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(id)
            .bind(line.numero_externe.as_deref())
            .bind(line.numero_deca.as_deref())
            .bind(line.etat.as_deref())
    );
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    key: &ReadKey,
    line: &EtatSeen,
    due_at: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "insert into stranger (tenant_id, dossier_id, environment, opco, instance,
            siret_cfa, numero_interne, numero_externe, numero_deca, etat_raw, first_seen_at,
            last_seen_at, due_at, failures, fate)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 0, 'open')
        on conflict do nothing";
    Ok(run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(raw(DossierId::new(now)))
            .bind(key.environment.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(key.siret_cfa.as_str())
            .bind(line.numero_interne.as_str())
            .bind(line.numero_externe.as_deref())
            .bind(line.numero_deca.as_deref())
            .bind(line.etat.as_deref())
            .bind(ms(now))
            .bind(ms(due_at))
    ))
}

/// The answer that told its number came after the list, or a person told it since.
async fn is_ours(tx: &mut Tx, key: &ReadKey, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update stranger set fate = 'adopted', fate_at = $3, fate_by = 'gateway',
            due_at = null, adopted_as = (
                select d.dossier_id from dossier d where d.tenant_id = stranger.tenant_id
                  and d.environment = stranger.environment and d.opco = stranger.opco
                  and d.instance = stranger.instance
                  and d.numero_interne = stranger.numero_interne
                  and d.numero_interne is not null)
        where tenant_id = $1 and dossier_id = $2 and fate <> 'adopted'";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(key.tenant))
            .bind(id)
            .bind(ms(now))
    );
    Ok(())
}

/// Remembers that these were on the list.
async fn freshen(tx: &mut Tx, key: &ReadKey, list: &str, now: Timestamp) -> Result<(), StoreError> {
    macro_rules! update {
        ($conn:expr, $among:literal) => {
            sqlx::query(concat!(
                "update stranger set last_seen_at = $6 where tenant_id = $1 and environment = $2
                  and opco = $3 and instance = $4 and numero_interne in (",
                $among,
                ")"
            ))
            .bind(raw(key.tenant))
            .bind(key.environment.as_str())
            .bind(key.instance.opco.slug())
            .bind(i64::from(key.instance.number))
            .bind(list)
            .bind(ms(now))
            .execute(&mut **$conn)
            .await?;
        };
    }
    match &mut tx.engine {
        Engine::Sqlite(conn) => {
            update!(conn, "select value from json_each($5)");
        }
        Engine::Postgres(conn) => {
            update!(conn, "select json_array_elements_text($5::json)");
        }
    }
    Ok(())
}
