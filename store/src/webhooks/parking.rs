//! Events put aside: those of a dossier one of whose events an ERP does not take, while it takes others.
//! Each is kept by its place in the log, and told later in the dossier's own order.

use domain::Timestamp;
use domain::id::{DossierId, TenantId, WebhookId};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::events::Event;
use crate::pool::{Tx, on, run};

/// The most events put aside of one endpoint: past them it waits.
pub const EVENTS_MAX: usize = 1_000;
/// The most dossiers whose events are put aside.
pub const SUBJECTS_MAX: usize = 20;

/// What an event is about: all that concerns one dossier is told in order. Events that concern none are
/// one subject of their own.
pub type Subject = [u8; 16];

/// An event put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked {
    /// Its place in the log.
    pub position: i64,
    /// What it is about.
    pub subject: Subject,
    /// How many tries failed.
    pub failures: u32,
    /// Since when they fail.
    pub failing_since: Option<Timestamp>,
    /// When it is tried again; absent behind another of the same subject.
    pub due_at: Option<Timestamp>,
}

/// Lists what is put aside of an endpoint, in the order of the log.
pub async fn list(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<Vec<Parked>, StoreError> {
    const SQL: &str = "select position, subject, failures, failing_since, due_at
        from webhook_parked where tenant_id = $1 and endpoint_id = $2 order by position";
    type Columns = (i64, Vec<u8>, i64, Option<i64>, Option<i64>);
    let rows: Vec<Columns> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(position, subject, failures, since, due)| {
            let at = At {
                table: "webhook_parked",
                row: &position,
            };
            let subject = subject.as_slice().try_into();
            Ok(Parked {
                position,
                subject: subject.map_err(|_| at.corrupt("subject"))?,
                failures: at.number("failures", failures)?,
                failing_since: at.maybe_instant("failing_since", since)?,
                due_at: at.maybe_instant("due_at", due)?,
            })
        })
        .collect()
}

/// Puts events aside, or says how those that are stand now.
pub async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    parked: &[Parked],
) -> Result<(), StoreError> {
    const SQL: &str = "insert into webhook_parked (tenant_id, endpoint_id, position, subject,
            failures, failing_since, due_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (tenant_id, endpoint_id, position) do update set
            failures = excluded.failures, failing_since = excluded.failing_since,
            due_at = excluded.due_at";
    for one in parked {
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(one.position)
                .bind(one.subject.as_slice())
                .bind(i64::from(one.failures))
                .bind(one.failing_since.map(ms))
                .bind(one.due_at.map(ms))
        );
    }
    Ok(())
}

/// Forgets events that were taken.
pub async fn forget(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    positions: &[i64],
) -> Result<(), StoreError> {
    const SQL: &str = "delete from webhook_parked
        where tenant_id = $1 and endpoint_id = $2 and position = $3";
    for position in positions {
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(*position)
        );
    }
    Ok(())
}

/// Forgets all that is put aside of an endpoint.
pub(super) async fn clear(tx: &mut Tx, tenant: TenantId, id: WebhookId) -> Result<(), StoreError> {
    const SQL: &str = "delete from webhook_parked where tenant_id = $1 and endpoint_id = $2";
    run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(raw(id)));
    Ok(())
}

/// Has what is put aside of an endpoint tried again at once: one event that is not taken, by its place, or
/// all. Returns how many are.
pub async fn hurry(
    tx: &mut Tx,
    tenant: TenantId,
    id: WebhookId,
    position: Option<i64>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const ALL: &str = "update webhook_parked set due_at = $3, failures = 0
        where tenant_id = $1 and endpoint_id = $2 and due_at is not null";
    const ONE: &str = "update webhook_parked set due_at = $3, failures = 0
        where tenant_id = $1 and endpoint_id = $2 and position = $4 and due_at is not null";
    Ok(match position {
        None => run!(
            tx,
            sqlx::query(ALL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(ms(now))
        ),
        Some(position) => run!(
            tx,
            sqlx::query(ONE)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(ms(now))
                .bind(position)
        ),
    })
}

/// Returns what an event is about: the line in which its dossier's payloads are sent. An invoice is
/// about the first dossier that it bills.
pub async fn subject(tx: &mut Tx, tenant: TenantId, event: &Event) -> Result<Subject, StoreError> {
    let of_delivery = match (event.delivery, event.dossier) {
        (Some(delivery), _) => Some(raw(delivery)),
        (None, Some(dossier)) => delivery_of(tx, tenant, dossier).await?,
        (None, None) => return Ok([0; 16]),
    };
    let Some(delivery) = of_delivery else {
        return Ok(event.dossier.map_or([0; 16], |id| *raw(id).as_bytes()));
    };
    Ok(match lane(tx, tenant, delivery).await? {
        Some((lane, kind)) if kind == "facture" => match billed(tx, tenant, delivery).await? {
            Some(contract) => contract,
            None => lane,
        },
        Some((lane, _)) => lane,
        None => *delivery.as_bytes(),
    })
}

/// Returns the line of the first contract that an invoice bills.
async fn billed(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: Uuid,
) -> Result<Option<Subject>, StoreError> {
    const SQL: &str = "select contract_id from invoice_contract
        where tenant_id = $1 and delivery_id = $2 order by contract_id limit 1";
    let contract: Option<Uuid> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(delivery)
        .fetch_optional(conn)
        .await?);
    let Some(contract) = contract else {
        return Ok(None);
    };
    // A contract is named by its delivery, or by its dossier where no delivery of ours brought it.
    let of_dossier = delivery_of(tx, tenant, contract.into()).await?;
    let lane = lane(tx, tenant, of_dossier.unwrap_or(contract)).await?;
    Ok(Some(lane.map_or(*contract.as_bytes(), |(lane, _)| lane)))
}

async fn delivery_of(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<Option<Uuid>, StoreError> {
    const SQL: &str = "select delivery_id from dossier where tenant_id = $1 and dossier_id = $2";
    let found: Option<Option<Uuid>> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .fetch_optional(conn)
        .await?);
    Ok(found.flatten())
}

async fn lane(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: Uuid,
) -> Result<Option<(Subject, String)>, StoreError> {
    const SQL: &str = "select lane, kind from delivery where tenant_id = $1 and delivery_id = $2";
    let found: Option<(Vec<u8>, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(delivery)
        .fetch_optional(conn)
        .await?);
    Ok(found.and_then(|(lane, kind)| Some((lane.as_slice().try_into().ok()?, kind))))
}
