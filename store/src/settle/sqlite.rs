//! Settling on SQLite: one immediate transaction, prepared texts that serve many members each.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::id::DeliveryId;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::error::StoreError;
use crate::pieces::Numeros;
use crate::pool::{Engine, Store};
use crate::repeated::{self, Texts};
use crate::sealing::Fingerprint;
use crate::settle::{Ended, NewDossier, ReadPlan, Settled, Settlement, answers, wake};

/// The fence: only who still holds the delivery may write.
const FENCED: &str = "update delivery set status = $5, wait_reason = $6, hold_reason = $7,
        due_at = $8, attempts = $9, looks = $10, first_lost_at = $11,
        numero_interne = coalesce($12, numero_interne),
        numero_externe = coalesce($13, numero_externe),
        numero_deca = coalesce($14, numero_deca), fault = $15, version = coalesce($16, version),
        lease_owner = null, updated_at = $17, finished_at = $18
    where tenant_id = $1 and delivery_id = $2 and lease_owner = $3 and claims = $4
      and status = 'sending'
    returning delivery_id, lane";

/// The attempt is closed, and the pairing key given back when nothing was taken.
const CLOSED: &str = "
    update attempt set closed_at = $4, outcome = $5, http_status = $6, duration_ms = $7,
        fault = $8, version = $9, trace_id = $10
    where tenant_id = $1 and delivery_id = $2 and number = $3;
    update submission set active = 0 where $11 and tenant_id = $1 and delivery_id = $2";

const DOSSIER: &str = "
    insert into dossier (tenant_id, dossier_id, environment, opco, instance, siret_cfa,
        delivery_id, pairing, numero_interne, numero_externe, numero_deca, etat, etat_raw,
        etat_at, created_at)
    select tenant_id, $3, environment, opco, instance, siret_cfa, delivery_id, $4, $5, $6, $7,
        $8, $9, iif($9 is null, null, $10), $10
    from delivery where tenant_id = $1 and delivery_id = $2 and opco is not null
    on conflict (tenant_id, environment, opco, instance, numero_interne)
        where numero_interne is not null
    do update set numero_externe = coalesce(excluded.numero_externe, dossier.numero_externe),
        numero_deca = coalesce(excluded.numero_deca, dossier.numero_deca);
    insert into dossier_history (tenant_id, dossier_id, entry_id, seen_at, etat, etat_raw,
        numero_externe, numero_deca)
    select tenant_id, dossier_id, dossier_id, $10, $8, $9, $6, $7
    from dossier where tenant_id = $1 and dossier_id = $3 and $9 is not null
    on conflict do nothing";

const READ: &str = "
    insert into read_job (tenant_id, siret_cfa, opco, instance, environment, due_at, interval_ms,
        failures)
    select tenant_id, siret_cfa, opco, instance, environment, $3, $4, 0
    from delivery where tenant_id = $1 and delivery_id = $2 and opco is not null
    on conflict (tenant_id, siret_cfa, opco, instance, environment) do update set
            due_at = excluded.due_at,
            interval_ms = case when read_job.interval_ms < excluded.interval_ms
                then read_job.interval_ms else excluded.interval_ms end
        where read_job.due_at > excluded.due_at";

const PIECE: &str = "
    insert into piece (tenant_id, delivery_id, numero_facture, numero_document)
    values ($1, $2, $3, $4)
    on conflict (tenant_id, delivery_id) do update set
        numero_facture = coalesce(excluded.numero_facture, piece.numero_facture),
        numero_document = coalesce(excluded.numero_document, piece.numero_document)";

static FENCES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(FENCED, 18));
static CLOSES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(CLOSED, 11));
static DOSSIERS: LazyLock<Texts> = LazyLock::new(|| repeated::texts(DOSSIER, 10));
static READS: LazyLock<Texts> = LazyLock::new(|| repeated::texts(READ, 4));
static PIECES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(PIECE, 4));

pub(super) async fn settle(
    store: &Store,
    batch: &[Settlement],
) -> Result<Vec<Settled>, StoreError> {
    let mut tx = store.writing().await?;
    let mut done = Vec::with_capacity(batch.len());
    if let Engine::Sqlite(conn) = &mut tx.engine {
        let mut lanes = fenced(conn, batch).await?;
        for settlement in batch {
            let tenant = settlement.tenant;
            let lane = lanes.remove(&settlement.id);
            done.push(lane.map(|lane| Ended { tenant, lane }));
        }
        let mine: Vec<&Settlement> = batch
            .iter()
            .zip(&done)
            .filter_map(|(settlement, done)| done.as_ref().map(|_| settlement))
            .collect();
        close(conn, &mine).await?;
        open_dossiers(conn, &mine).await?;
        plan_reads(conn, &mine).await?;
        number_pieces(conn, &mine).await?;
    }
    wake(&mut tx, batch, &done).await?;
    for (one, _) in batch.iter().zip(&done).filter(|(_, done)| done.is_some()) {
        crate::events::append(&mut tx, one.tenant, &one.events);
    }
    tx.commit().await?;
    Ok(answers(&done))
}

/// Returns the lanes of the deliveries that were still held by who settles them.
async fn fenced(
    conn: &mut SqliteConnection,
    batch: &[Settlement],
) -> Result<HashMap<DeliveryId, Fingerprint>, StoreError> {
    let mut lanes = HashMap::with_capacity(batch.len());
    for (text, part) in repeated::parts(&FENCES, batch) {
        let mut query = sqlx::query_as(text);
        for settlement in part {
            let standing = &settlement.standing;
            let receipt = settlement.receipt.as_ref();
            query = query
                .bind(raw(settlement.tenant))
                .bind(raw(settlement.id))
                .bind(&settlement.owner)
                .bind(settlement.number)
                .bind(standing.status.as_str())
                .bind(standing.wait_reason.map(domain::WaitReason::as_str))
                .bind(standing.hold_reason.map(domain::HoldReason::as_str))
                .bind(standing.due_at.map(ms))
                .bind(i64::from(settlement.attempts))
                .bind(i64::from(settlement.looks))
                .bind(settlement.first_lost_at.map(ms))
                .bind(receipt.and_then(|receipt| receipt.numero_interne.as_deref()))
                .bind(receipt.and_then(|receipt| receipt.numero_externe.as_deref()))
                .bind(receipt.and_then(|receipt| receipt.numero_deca.as_deref()))
                .bind(settlement.fault.as_ref().map(json_text).transpose()?)
                .bind(settlement.version.map(domain::NormVersion::as_str))
                .bind(ms(settlement.now))
                .bind(settlement.ends().then_some(ms(settlement.now)));
        }
        let rows: Vec<(Uuid, Vec<u8>)> = query.fetch_all(&mut *conn).await?;
        for (id, lane) in rows {
            let at = At {
                table: "delivery",
                row: &id,
            };
            lanes.insert(id.into(), at.fingerprint("lane", &lane)?);
        }
    }
    Ok(lanes)
}

async fn close(conn: &mut SqliteConnection, mine: &[&Settlement]) -> Result<(), StoreError> {
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    for (text, part) in repeated::parts(&CLOSES, mine) {
        let mut query = sqlx::query(text);
        for settlement in part {
            query = query
                .bind(raw(settlement.tenant))
                .bind(raw(settlement.id))
                .bind(settlement.number)
                .bind(ms(settlement.now))
                .bind(settlement.attempt.outcome)
                .bind(settlement.attempt.http_status.map(i64::from))
                .bind(settlement.attempt.duration_ms.map(whole))
                .bind(settlement.fault.as_ref().map(json_text).transpose()?)
                .bind(settlement.version.map(domain::NormVersion::as_str))
                .bind(settlement.attempt.trace_id.as_deref())
                .bind(settlement.frees_pairing());
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

async fn open_dossiers(
    conn: &mut SqliteConnection,
    mine: &[&Settlement],
) -> Result<(), StoreError> {
    let opened: Vec<(&Settlement, &NewDossier)> = mine
        .iter()
        .filter_map(|settlement| Some((*settlement, settlement.dossier.as_ref()?)))
        .collect();
    for (text, part) in repeated::parts(&DOSSIERS, &opened) {
        let mut query = sqlx::query(text);
        for (settlement, dossier) in part {
            query = query
                .bind(raw(settlement.tenant))
                .bind(raw(settlement.id))
                .bind(raw(dossier.id))
                .bind(dossier.pairing.map(|print| print.0.to_vec()))
                .bind(dossier.receipt.numero_interne.as_deref())
                .bind(dossier.receipt.numero_externe.as_deref())
                .bind(dossier.receipt.numero_deca.as_deref())
                .bind(dossier.etat().map(domain::Etat::as_str))
                .bind(dossier.receipt.etat.as_deref())
                .bind(ms(settlement.now));
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

async fn plan_reads(conn: &mut SqliteConnection, mine: &[&Settlement]) -> Result<(), StoreError> {
    let planned: Vec<(&Settlement, ReadPlan)> = mine
        .iter()
        .filter_map(|settlement| Some((*settlement, settlement.read?)))
        .collect();
    for (text, part) in repeated::parts(&READS, &planned) {
        let mut query = sqlx::query(text);
        for (settlement, read) in part {
            query = query
                .bind(raw(settlement.tenant))
                .bind(raw(settlement.id))
                .bind(ms(read.due_at))
                .bind(i64::try_from(read.interval_ms).unwrap_or(i64::MAX));
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

async fn number_pieces(
    conn: &mut SqliteConnection,
    mine: &[&Settlement],
) -> Result<(), StoreError> {
    let numbered: Vec<(&Settlement, &Numeros)> = mine
        .iter()
        .filter_map(|settlement| Some((*settlement, settlement.numeros.as_ref()?)))
        .collect();
    for (text, part) in repeated::parts(&PIECES, &numbered) {
        let mut query = sqlx::query(text);
        for (settlement, numeros) in part {
            query = query
                .bind(raw(settlement.tenant))
                .bind(raw(settlement.id))
                .bind(numeros.facture.as_deref())
                .bind(numeros.document.as_deref());
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}
