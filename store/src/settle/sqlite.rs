//! Settling on SQLite: one immediate transaction, prepared texts per member.

use domain::id::TenantId;
use sqlx::SqliteConnection;

use crate::column::{At, json_text, ms};
use crate::error::StoreError;
use crate::pool::{Engine, Store};
use crate::settle::{Ended, Settled, Settlement, answers, wake};

/// The fence: only who still holds the delivery may write.
const FENCED: &str = "update delivery set status = $5, wait_reason = $6, hold_reason = $7,
        due_at = $8, attempts = $9, looks = $10, first_lost_at = $11,
        numero_interne = coalesce($12, numero_interne),
        numero_externe = coalesce($13, numero_externe),
        numero_deca = coalesce($14, numero_deca), fault = $15, version = coalesce($16, version),
        lease_owner = null, updated_at = $17, finished_at = $18
    where tenant_id = $1 and delivery_id = $2 and lease_owner = $3 and claims = $4
      and status = 'sending'
    returning lane";

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

pub(super) async fn settle(
    store: &Store,
    batch: &[Settlement],
) -> Result<Vec<Settled>, StoreError> {
    let mut tx = store.writing().await?;
    let mut done = Vec::with_capacity(batch.len());
    if let Engine::Sqlite(conn) = &mut tx.0 {
        for settlement in batch {
            done.push(one(conn, settlement).await?);
        }
    }
    for (settlement, _) in batch.iter().zip(&done).filter(|(_, done)| done.is_some()) {
        crate::events::append(&mut tx, settlement.tenant, &settlement.events).await?;
    }
    wake(&mut tx, batch, &done).await?;
    tx.commit().await?;
    Ok(answers(&done))
}

async fn one(
    conn: &mut SqliteConnection,
    settlement: &Settlement,
) -> Result<Option<Ended>, StoreError> {
    let tenant = settlement.tenant.to_string();
    let id = settlement.id.to_string();
    let fault = settlement.fault.as_ref().map(json_text).transpose()?;
    let Some(lane) = fenced(conn, settlement, fault.as_deref()).await? else {
        return Ok(None);
    };
    sqlx::query(CLOSED)
        .bind(&tenant)
        .bind(&id)
        .bind(settlement.number)
        .bind(ms(settlement.now))
        .bind(settlement.attempt.outcome)
        .bind(settlement.attempt.http_status.map(i64::from))
        .bind(
            settlement
                .attempt
                .duration_ms
                .map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
        )
        .bind(fault.as_deref())
        .bind(settlement.version.map(domain::NormVersion::as_str))
        .bind(settlement.attempt.trace_id.as_deref())
        .bind(settlement.frees_pairing())
        .execute(&mut *conn)
        .await?;
    if let Some(dossier) = &settlement.dossier {
        sqlx::query(DOSSIER)
            .bind(&tenant)
            .bind(&id)
            .bind(dossier.id.to_string())
            .bind(dossier.pairing.map(|print| print.0.to_vec()))
            .bind(dossier.receipt.numero_interne.as_deref())
            .bind(dossier.receipt.numero_externe.as_deref())
            .bind(dossier.receipt.numero_deca.as_deref())
            .bind(dossier.etat().map(domain::Etat::as_str))
            .bind(dossier.receipt.etat.as_deref())
            .bind(ms(settlement.now))
            .execute(&mut *conn)
            .await?;
    }
    if let Some(read) = &settlement.read {
        sqlx::query(READ)
            .bind(&tenant)
            .bind(&id)
            .bind(ms(read.due_at))
            .bind(i64::try_from(read.interval_ms).unwrap_or(i64::MAX))
            .execute(&mut *conn)
            .await?;
    }
    let at = At {
        table: "delivery",
        row: &id,
    };
    let tenant: TenantId = settlement.tenant;
    Ok(Some(Ended {
        tenant,
        lane: at.fingerprint("lane", &lane)?,
    }))
}

async fn fenced(
    conn: &mut SqliteConnection,
    settlement: &Settlement,
    fault: Option<&str>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let standing = &settlement.standing;
    let receipt = settlement.receipt.as_ref();
    let lane = sqlx::query_scalar(FENCED)
        .bind(settlement.tenant.to_string())
        .bind(settlement.id.to_string())
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
        .bind(fault)
        .bind(settlement.version.map(domain::NormVersion::as_str))
        .bind(ms(settlement.now))
        .bind(settlement.ends().then_some(ms(settlement.now)))
        .fetch_optional(conn)
        .await?;
    Ok(lane)
}
