//! Reading deliveries, and the changes a person makes.

use domain::id::{CredentialId, DeliveryId, TenantId};
use domain::{Environment, Kind, Opco, Status, Timestamp};

use super::board::joined;
use super::{COLUMNS, Delivery, DeliveryRow, NewEvent, Submission};
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, run};
use crate::sealing::{Fingerprint, SealedPayload};
use crate::{events, lanes, pairs};

/// The most rows of one page.
pub const MAX_PAGE: u32 = 1_000;

/// Which deliveries to list; what is absent does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this world.
    pub environment: Option<Environment>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this wait or hold reason, by its stable word.
    pub reason: Option<String>,
    /// Only this sort of payload.
    pub kind: Option<Kind>,
    /// Only this operator.
    pub opco: Option<Opco>,
    /// Only these sites.
    pub sites: Option<Vec<domain::Siret>>,
    /// Only those accepted at or after this instant.
    pub since: Option<Timestamp>,
    /// Only those accepted before this instant.
    pub until: Option<Timestamp>,
    /// Only those with exactly this identifier, SIRET or number.
    pub text: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The last delivery of the page before, newest first.
    pub after: Option<DeliveryId>,
    /// How many at most: 1 to 1,000.
    pub limit: u32,
}

/// How many deliveries share one standing at one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The status.
    pub status: Status,
    /// The wait or hold reason, by its stable word.
    pub reason: Option<String>,
    /// The operator, when known.
    pub opco: Option<Opco>,
    /// How many.
    pub count: u64,
    /// When the oldest of them was accepted.
    pub oldest: Timestamp,
    /// The earliest instant at which the gateway acts on one of them by itself.
    pub due: Option<Timestamp>,
}

/// The columns of a [`Count`].
pub(super) type CountRow = (
    String,
    Option<String>,
    Option<String>,
    i64,
    i64,
    Option<i64>,
);

/// What a [`Filter`] restricts a list to: `$3` to `$10`, `$12` and `$13`.
macro_rules! restricted {
    () => {
        "
          and ($3 is null or environment = $3)
          and ($4 is null or status = $4)
          and ($5 is null or wait_reason = $5 or hold_reason = $5)
          and ($6 is null or kind = $6)
          and ($7 is null or opco = $7)
          and ($8 is null or $8 like '%' || siret_cfa || '%')
          and ($9 is null or delivery_id >= $9)
          and ($10 is null or delivery_id = $12 or siret_cfa = $10 or siret_employeur = $10
               or numero_interne = $10 or numero_externe = $10 or numero_deca = $10)
          and ($13 is null or delivery_id < $13)"
    };
}
pub(super) use restricted as RESTRICTED;

/// Returns a delivery of this network.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery where tenant_id = $1 and delivery_id = $2"
    );
    let row: Option<DeliveryRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Delivery::try_from).transpose()
}

/// Returns a delivery and keeps others from changing it until the transaction ends.
pub async fn find_for_update(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery where tenant_id = $1 and delivery_id = $2 for update"
    );
    match &mut tx.engine {
        // The write lock is held since `begin immediate`.
        Engine::Sqlite(_) => find(tx, tenant, id).await,
        Engine::Postgres(conn) => {
            let row: Option<DeliveryRow> = sqlx::query_as(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .fetch_optional(&mut **conn)
                .await?;
            row.map(Delivery::try_from).transpose()
        }
    }
}

/// Returns the contract of this network that keeps others with its pairing key out.
pub async fn active_by_pairing(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    pairing: Fingerprint,
) -> Result<Option<Delivery>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery where tenant_id = $1 and delivery_id = (
            select delivery_id from submission
            where tenant_id = $1 and environment = $2 and kind = 'dossier' and pairing = $3
              and active = 1 and pairing is not null limit 1)"
    );
    let row: Option<DeliveryRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(pairing.0.as_slice())
        .fetch_optional(conn)
        .await?);
    row.map(Delivery::try_from).transpose()
}

/// Returns what was said of a payload when it was accepted.
pub async fn submission(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<Submission>, StoreError> {
    type Row = (
        Option<Uuid>,
        String,
        String,
        String,
        Option<String>,
        Option<Vec<u8>>,
    );
    const SQL: &str = "select credential_id, route, warnings, rule_set, traceparent, pairing
        from submission where tenant_id = $1 and delivery_id = $2";
    let id = raw(id);
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(id)
        .fetch_optional(conn)
        .await?);
    let Some((credential, route_json, warnings_json, rule_set, traceparent, pairing)) = row else {
        return Ok(None);
    };
    let at = At {
        table: "submission",
        row: &id,
    };
    Ok(Some(Submission {
        credential: credential.map(CredentialId::from),
        route_json,
        warnings_json,
        rule_set,
        traceparent,
        pairing: pairing
            .map(|bytes| at.fingerprint("pairing", &bytes))
            .transpose()?,
    }))
}

/// Returns the sealed payload, unless retention has taken it.
pub async fn payload(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<SealedPayload>, StoreError> {
    type Row = (Vec<u8>, Option<Vec<u8>>, Vec<u8>, Option<Vec<u8>>);
    const SQL: &str = "select p.body, p.nir, k.body_key, k.nir_key
        from payload p
        join object_key k on k.tenant_id = p.tenant_id and k.object_id = p.delivery_id
        where p.tenant_id = $1 and p.delivery_id = $2";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    Ok(row.map(|(body, nir, body_key, nir_key)| SealedPayload {
        body,
        body_key,
        nir,
        nir_key,
    }))
}

/// Returns the deliveries of one kind in a lane, in the order they were handed in.
pub async fn of_lane(
    tx: &mut Tx,
    tenant: TenantId,
    lane: Fingerprint,
    kind: Kind,
) -> Result<Vec<(DeliveryId, Status)>, StoreError> {
    const SQL: &str = "select delivery_id, status from delivery
        where lane = $2 and tenant_id is not distinct from $1 and kind <> 'dossier' and kind = $3
        order by delivery_id limit 200";
    let rows: Vec<(Uuid, String)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(lane.0.as_slice())
        .bind(kind.as_str())
        .fetch_all(conn)
        .await?);
    let read = |(id, status): (Uuid, String)| {
        let at = At {
            table: "delivery",
            row: &id,
        };
        Ok((id.into(), at.word("status", &status)?))
    };
    rows.into_iter().map(read).collect()
}

/// Returns what followed a contract on its lane, in the order it was handed in.
///
/// An index holds what follows contracts, and not contracts: taking one in pays nothing for it.
pub async fn follow_ups(
    tx: &mut Tx,
    tenant: TenantId,
    lane: Fingerprint,
) -> Result<Vec<Delivery>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery
        where lane = $2 and tenant_id is not distinct from $1 and kind <> 'dossier'
        order by delivery_id limit 200"
    );
    let rows: Vec<DeliveryRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(lane.0.as_slice())
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Returns the fingerprint of the person a payload concerns, unless retention has taken it.
pub async fn person(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<Fingerprint>, StoreError> {
    const SQL: &str = "select person from object_key where tenant_id = $1 and object_id = $2";
    let person: Option<Vec<u8>> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    let at = At {
        table: "object_key",
        row: &id,
    };
    person
        .map(|bytes| at.fingerprint("person", &bytes))
        .transpose()
}

/// Returns what an idempotency key was used for, and with which content, unless it has expired.
pub async fn by_idempotency_key(
    tx: &mut Tx,
    tenant: TenantId,
    route: &str,
    key: Fingerprint,
    now: Timestamp,
) -> Result<Option<(DeliveryId, Fingerprint)>, StoreError> {
    const SQL: &str = "select delivery_id, idempotency_content from submission
        where tenant_id = $1 and idempotency_route = $2 and idempotency_key = $3
          and idempotency_key is not null and idempotency_expires_at > $4";
    let row: Option<(Uuid, Vec<u8>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(route)
        .bind(key.0.as_slice())
        .bind(ms(now))
        .fetch_optional(conn)
        .await?);
    row.map(|(id, content)| {
        let at = At {
            table: "submission",
            row: &id,
        };
        Ok((id.into(), at.fingerprint("idempotency_content", &content)?))
    })
    .transpose()
}

/// Forgets the idempotency key of a delivery, so that the same call is a new one.
pub async fn forget_idempotency_key(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<(), StoreError> {
    const SQL: &str = "update submission
        set idempotency_route = null, idempotency_key = null, idempotency_content = null,
            idempotency_expires_at = null
        where tenant_id = $1 and delivery_id = $2";
    run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(raw(id)));
    Ok(())
}

/// Lists deliveries of a network, newest first.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Delivery>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery where tenant_id = $1 and ($2 is null or delivery_id < $2)",
        RESTRICTED!(),
        " order by delivery_id desc limit $11"
    );
    let sites = joined(filter.sites.as_deref());
    let named: Option<DeliveryId> = filter.text.as_deref().and_then(|text| text.parse().ok());
    let rows: Vec<DeliveryRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(page.after.map(raw))
        .bind(filter.environment.map(Environment::as_str))
        .bind(filter.status.map(Status::as_str))
        .bind(filter.reason.as_deref())
        .bind(filter.kind.map(Kind::as_str))
        .bind(filter.opco.map(Opco::slug))
        .bind(&sites)
        .bind(filter.since.map(crate::column::first_id_of))
        .bind(filter.text.as_deref())
        .bind(i64::from(page.limit.clamp(1, MAX_PAGE)))
        .bind(named.map(raw))
        .bind(filter.until.map(crate::column::first_id_of))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Counts what is on its way or waits for a person, of one network or of all.
///
/// What is delivered, refused or given up is history and not counted here: it only grows.
pub async fn counts(tx: &mut Tx, tenant: Option<TenantId>) -> Result<Vec<Count>, StoreError> {
    // The words of the indexes: SQLite uses them only for the same conditions.
    const SQL: &str = "select status, coalesce(wait_reason, hold_reason), opco, count(*),
            min(created_at), min(due_at)
        from delivery
        where ($1 is null or tenant_id = $1)
          and status in ('queued', 'sending', 'waiting', 'held', 'unknown')
        group by 1, 2, 3
        union all
        select status, null, opco, count(*), min(created_at), min(due_at) from delivery
        where ($1 is null or tenant_id = $1) and status = 'dead'
          and status in ('held', 'dead', 'rejected')
        group by 1, 3
        order by 1, 2, 3";
    let rows: Vec<CountRow> = on!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(tenant.map(raw))
            .fetch_all(conn)
            .await?
    });
    rows.into_iter().map(counted).collect()
}

pub(super) fn counted(row: CountRow) -> Result<Count, StoreError> {
    let (status, reason, opco, count, oldest, due) = row;
    let at = At {
        table: "delivery",
        row: &"count",
    };
    Ok(Count {
        status: at.word("status", &status)?,
        reason,
        opco: at.maybe_word("opco", opco.as_deref())?,
        count: at.number("count", count)?,
        oldest: at.instant("created_at", oldest)?,
        due: at.maybe_instant("due_at", due)?,
    })
}

/// Keeps a change made to a delivery read by [`find_for_update`] in the same transaction, with the
/// event that tells it. The instant of the change is the event's.
///
/// Frees the pairing key when the delivery is refused or given up, takes it back otherwise, and
/// wakes the lane when the delivery has ended.
///
/// # Errors
/// [`StoreError::Conflict`] when it is in a deliverer's hands, or when another delivery has taken
/// its pairing key meanwhile.
pub async fn update(tx: &mut Tx, delivery: &Delivery, event: &NewEvent) -> Result<(), StoreError> {
    const SQL: &str = "update delivery set status = $3, wait_reason = $4, hold_reason = $5,
            due_at = $6, opco = $7, instance = $8, version = $9, attempts = $10, looks = $11,
            first_lost_at = $12, numero_interne = $13, numero_externe = $14, numero_deca = $15,
            fault = $16, updated_at = $17, finished_at = $18
        where tenant_id = $1 and delivery_id = $2 and status <> 'sending'";
    let now = ms(event.at);
    let standing = &delivery.standing;
    let ended = standing.status.is_final();
    let fault = delivery.fault.as_ref().map(json_text).transpose()?;
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(delivery.tenant))
            .bind(raw(delivery.id))
            .bind(standing.status.as_str())
            .bind(standing.wait_reason.map(domain::WaitReason::as_str))
            .bind(standing.hold_reason.map(domain::HoldReason::as_str))
            .bind(standing.due_at.map(ms))
            .bind(delivery.opco.map(Opco::slug))
            .bind(i64::from(delivery.instance))
            .bind(delivery.version.map(domain::NormVersion::as_str))
            .bind(i64::from(delivery.attempts))
            .bind(i64::from(delivery.looks))
            .bind(delivery.first_lost_at.map(ms))
            .bind(delivery.receipt.numero_interne.as_deref())
            .bind(delivery.receipt.numero_externe.as_deref())
            .bind(delivery.receipt.numero_deca.as_deref())
            .bind(&fault)
            .bind(now)
            .bind(ended.then_some(now))
    );
    if done == 0 {
        return Err(StoreError::Conflict(
            "the delivery is in a deliverer's hands",
        ));
    }
    let active = !matches!(standing.status, Status::Rejected | Status::Cancelled);
    set_active(tx, delivery.tenant, delivery.id, active).await?;
    if let Some(target) = delivery.target() {
        pairs::touch(tx, delivery.tenant, target, delivery.environment, event.at).await?;
    }
    events::append(tx, delivery.tenant, std::slice::from_ref(event));
    if ended {
        lanes::wake(tx, &[(delivery.tenant, delivery.lane)], event.at).await?;
    }
    Ok(())
}

/// Says whether a delivery still keeps others with its pairing key out.
pub(crate) async fn set_active(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
    active: bool,
) -> Result<(), StoreError> {
    const SQL: &str = "update submission set active = $3
        where tenant_id = $1 and delivery_id = $2 and active <> $3";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(active))
    );
    Ok(())
}

/// Keeps a new routing answer, as JSON.
pub async fn set_route(
    tx: &mut Tx,
    tenant: TenantId,
    id: DeliveryId,
    route_json: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "update submission set route = $3 where tenant_id = $1 and delivery_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(route_json)
    );
    Ok(())
}

/// Hands out deliveries that wait for a live route lookup, to one caller until `until`.
pub async fn claim_lookups(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    macro_rules! sql {
        ($lock:literal) => {
            concat!(
                "update delivery set due_at = $2 where (tenant_id, delivery_id) in (
                    select tenant_id, delivery_id from delivery
                    where opco is null and due_at <= $1 and due_at is not null
                      and status = 'waiting' and wait_reason in ('route_lookup', 'dossier')
                    order by due_at, delivery_id limit $3",
                $lock,
                ") returning ",
                COLUMNS!()
            )
        };
    }
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let rows: Vec<DeliveryRow> = match &mut tx.engine {
        Engine::Sqlite(conn) => {
            let query = sqlx::query_as(sql!(""));
            query
                .bind(ms(now))
                .bind(ms(until))
                .bind(limit)
                .fetch_all(&mut **conn)
                .await?
        }
        Engine::Postgres(conn) => {
            let query = sqlx::query_as(sql!(" for update skip locked"));
            query
                .bind(ms(now))
                .bind(ms(until))
                .bind(limit)
                .fetch_all(&mut **conn)
                .await?
        }
    };
    let mut found = rows
        .into_iter()
        .map(Delivery::try_from)
        .collect::<Result<Vec<_>, StoreError>>()?;
    found.sort_by_key(|delivery| delivery.id);
    Ok(found)
}
