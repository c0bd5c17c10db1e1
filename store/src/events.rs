//! The tenant's log: written and numbered in the transaction of what it tells.
//!
//! A cursor over time or over identifiers would skip events that commit late. A position is taken
//! from the network's head, whose lock is held until the commit: the order of positions is the
//! order of commits, without a gap, and who has read up to a position has read everything before
//! it. The head is the last thing a transaction locks, so that nobody waits for another in a circle.

mod search;

use std::sync::LazyLock;

use domain::id::{DeliveryId, DossierId, EventId, TenantId};
use domain::proof::{Entry, Hash};
use domain::{Environment, Siret, Timestamp};
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::deliveries::NewEvent;
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, on_engine};
use crate::repeated::{self, Texts};

pub(crate) use self::search::before;
pub use self::search::{Found, Search, search};

/// The most events of one page.
pub const MAX_EVENTS: u32 = 10_000;

/// One line of the tenant's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// Its place in the tenant's log, from 1.
    pub position: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as a stable dotted word.
    pub kind: String,
    /// The delivery it concerns.
    pub delivery: Option<DeliveryId>,
    /// The dossier it concerns.
    pub dossier: Option<DossierId>,
    /// Who did it.
    pub actor: String,
    /// The rest, masked.
    pub data: serde_json::Value,
    /// The salted hash of what was received from the sender or sent to the OPCO.
    pub content_hash: Option<[u8; 32]>,
    /// The salted hash of what the OPCO answered.
    pub answer_hash: Option<[u8; 32]>,
}

/// What a credential may see of a network's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Its world.
    pub environment: Environment,
    /// The sites it speaks for; absent, all of the network's.
    pub sites: Option<Vec<Siret>>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct EventRow {
    delivery_id: Uuid,
    event_id: Uuid,
    pub(crate) position: i64,
    at: i64,
    kind: String,
    dossier_id: Option<Uuid>,
    actor: String,
    data: String,
    content_hash: Option<Vec<u8>>,
    answer_hash: Option<Vec<u8>>,
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let at = At {
            table: "event",
            row: &row.event_id,
        };
        let hash = |column, bytes: Option<Vec<u8>>| {
            bytes
                .map(|bytes| bytes.as_slice().try_into().map_err(|_| at.corrupt(column)))
                .transpose()
        };
        let delivery = Some(row.delivery_id).filter(|id| !id.is_nil());
        Ok(Self {
            id: row.event_id.into(),
            position: row.position,
            at: at.instant("at", row.at)?,
            delivery: delivery.map(Into::into),
            dossier: row.dossier_id.map(Into::into),
            data: at.json("data", Some(&row.data))?.unwrap_or_default(),
            content_hash: hash("content_hash", row.content_hash)?,
            answer_hash: hash("answer_hash", row.answer_hash)?,
            kind: row.kind,
            actor: row.actor,
        })
    }
}

impl EventRow {
    /// Returns the event as the tree of the log knows it: its row, text for text.
    pub(crate) fn entry(self, network: TenantId) -> Result<Entry, StoreError> {
        let at = At {
            table: "event",
            row: &self.event_id,
        };
        let hash = |column, bytes: Option<Vec<u8>>| {
            let hash = |bytes: Vec<u8>| Hash::from_slice(&bytes).ok_or_else(|| at.corrupt(column));
            bytes.map(hash).transpose()
        };
        Ok(Entry {
            network,
            position: at.number("position", self.position)?,
            event: self.event_id.into(),
            at_ms: self.at,
            delivery: Some(self.delivery_id)
                .filter(|id| !id.is_nil())
                .map(Into::into),
            dossier: self.dossier_id.map(Into::into),
            content_hash: hash("content_hash", self.content_hash)?,
            answer_hash: hash("answer_hash", self.answer_hash)?,
            kind: self.kind,
            actor: self.actor,
            data: self.data,
        })
    }
}

macro_rules! columns {
    () => {
        "delivery_id, event_id, position, at, kind, dossier_id, actor, data, content_hash,
         answer_hash"
    };
}
use columns;

/// Appends events to the log of a network. They are written when the transaction commits.
pub fn append(tx: &mut Tx, tenant: TenantId, events: &[NewEvent]) {
    tx.told
        .extend(events.iter().map(|event| (tenant, event.clone())));
}

/// Takes as many positions as events are to be written, and returns the last of them.
const HEAD: &str = "insert into event_head (tenant_id, position) values ($1, $2)
    on conflict (tenant_id) do update set position = event_head.position + excluded.position
    returning position";

// An event that concerns no delivery has the nil identifier there: the column leads the index by
// which the events of one delivery are found.
const WRITE: &str = "insert into event (tenant_id, position, delivery_id, event_id, at, kind,
        dossier_id, actor, data, content_hash, answer_hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

static WRITES: LazyLock<Texts> = LazyLock::new(|| repeated::texts(WRITE, 11));

/// Binds the values of [`WRITE`]; one body for both engines.
macro_rules! bind_event {
    ($query:expr, $tenant:expr, $position:expr, $event:expr) => {
        $query
            .bind(raw($tenant))
            .bind($position)
            .bind($event.delivery.map(raw).unwrap_or_default())
            .bind(raw($event.id))
            .bind(ms($event.at))
            .bind($event.kind.as_ref())
            .bind($event.dossier.map(raw))
            .bind($event.actor.as_ref())
            .bind(json_text(&$event.data)?)
            .bind($event.content_hash.map(|hash| hash.to_vec()))
            .bind($event.answer_hash.map(|hash| hash.to_vec()))
    };
}

/// Writes events, in their order within each network: the last act of a transaction.
pub(crate) async fn write(
    engine: &mut Engine,
    events: &[(TenantId, &NewEvent)],
) -> Result<(), StoreError> {
    // Heads are locked in the order of the networks, by everyone.
    let mut ordered = events.to_vec();
    ordered.sort_by_key(|(tenant, _)| *tenant);
    let mut numbered = Vec::with_capacity(ordered.len());
    for network in ordered.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((tenant, _)) = network.first() else {
            continue;
        };
        let count = i64::try_from(network.len()).unwrap_or(i64::MAX);
        let last: i64 = on_engine!(engine, |conn| sqlx::query_scalar(HEAD)
            .bind(raw(*tenant))
            .bind(count)
            .fetch_one(conn)
            .await?);
        numbered.extend((last - count + 1..).zip(network));
    }
    match engine {
        Engine::Sqlite(conn) => {
            for (text, part) in repeated::parts(&WRITES, &numbered) {
                let mut query = sqlx::query(text);
                for (position, (tenant, event)) in part {
                    query = bind_event!(query, *tenant, *position, event);
                }
                query.execute(&mut **conn).await?;
            }
        }
        Engine::Postgres(conn) => {
            for (position, (tenant, event)) in &numbered {
                bind_event!(sqlx::query(WRITE), *tenant, *position, event)
                    .execute(&mut **conn)
                    .await?;
            }
        }
    }
    Ok(())
}

/// Returns the events of a network after a position, in order.
pub async fn after(
    tx: &mut Tx,
    tenant: TenantId,
    position: i64,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let rows = rows_after(tx, tenant, position, limit).await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The same, as they are kept.
pub(crate) async fn rows_after(
    tx: &mut Tx,
    tenant: TenantId,
    position: i64,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from event where tenant_id = $1 and position > $2
        order by position limit $3"
    );
    Ok(on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(position)
        .bind(i64::from(limit.clamp(1, MAX_EVENTS)))
        .fetch_all(conn)
        .await?))
}

/// Returns the next place that is taken after a position, whatever is there.
pub(crate) async fn next_position(
    tx: &mut Tx,
    tenant: TenantId,
    position: i64,
) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "select position from event where tenant_id = $1 and position > $2
        order by position limit 1";
    Ok(on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(position)
        .fetch_optional(conn)
        .await?))
}

/// Returns the events after a position that one credential may see, in order, and the
/// position to go on from: what lies between is not for it.
///
/// An event is seen with its delivery's world and site; one that concerns no delivery only by who
/// speaks for all sites, and in the world that its data names, if it names one. Alerts and reports
/// name the site they are about: who speaks for it sees them too.
pub async fn seen_after(
    tx: &mut Tx,
    tenant: TenantId,
    position: i64,
    sight: &Sight,
    limit: u32,
) -> Result<(Vec<Event>, i64), StoreError> {
    // A SIRET has fourteen digits, so a list of them joined by commas holds no other.
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from event where tenant_id = $1 and position > $2
          and ((delivery_id = $6 and dossier_id is null and ($4 is null
              or kind in ('alert.raised', 'alert.cleared', 'report.daily'))) or exists (
            select 1 from delivery d
            where d.tenant_id = event.tenant_id and d.delivery_id = event.delivery_id
              and d.environment = $3 and ($4 is null or $4 like '%' || d.siret_cfa || '%'))
            or (delivery_id = $6 and exists (
            select 1 from dossier d
            where d.tenant_id = event.tenant_id and d.dossier_id = event.dossier_id
              and d.environment = $3 and ($4 is null or $4 like '%' || d.siret_cfa || '%')))
            or (delivery_id = $6 and exists (
            select 1 from stranger d
            where d.tenant_id = event.tenant_id and d.dossier_id = event.dossier_id
              and d.environment = $3 and ($4 is null or $4 like '%' || d.siret_cfa || '%'))))
        order by position limit $5"
    );
    let limit = limit.clamp(1, MAX_EVENTS);
    let head = head(tx, tenant).await?;
    let sites = sight.sites.as_ref().map(|sites| {
        let sites: Vec<&str> = sites.iter().map(Siret::as_str).collect();
        sites.join(",")
    });
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(position)
        .bind(sight.environment.as_str())
        .bind(&sites)
        .bind(i64::from(limit))
        .bind(Uuid::nil())
        .fetch_all(conn)
        .await?);
    let full = u32::try_from(rows.len()).unwrap_or(limit) >= limit;
    let last = rows.last().map_or(position, |row| row.position);
    let events = rows
        .into_iter()
        .map(Event::try_from)
        .filter(|event| {
            let hidden = |event: &Event| elsewhere(event, sight) || of_another_site(event, sight);
            !event.as_ref().is_ok_and(hidden)
        })
        .collect::<Result<_, _>>()?;
    Ok((events, if full { last } else { last.max(head) }))
}

/// Returns whether an event of no delivery says that it is of the other world.
fn elsewhere(event: &Event, sight: &Sight) -> bool {
    let named = event
        .data
        .get("environment")
        .and_then(|named| named.as_str());
    event.delivery.is_none() && named.is_some_and(|named| named != sight.environment.as_str())
}

/// Returns whether an event of no delivery and no dossier is about no site of these.
fn of_another_site(event: &Event, sight: &Sight) -> bool {
    let Some(sites) = &sight.sites else {
        return false;
    };
    let named = event.data.get("siretCfa").and_then(|named| named.as_str());
    event.delivery.is_none()
        && event.dossier.is_none()
        && !sites.iter().any(|site| Some(site.as_str()) == named)
}

/// Returns the events of one delivery, in the order they happened.
pub async fn of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<Event>, StoreError> {
    let rows = rows_of_delivery(tx, tenant, delivery).await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The same, as they are kept.
pub(crate) async fn rows_of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<EventRow>, StoreError> {
    macro_rules! fetch {
        ($conn:expr, $same_tenant:literal) => {
            sqlx::query_as(concat!(
                "select ",
                columns!(),
                " from event where delivery_id = $2 and tenant_id ",
                $same_tenant,
                " $1 order by position limit $3"
            ))
            .bind(raw(tenant))
            .bind(raw(delivery))
            .bind(i64::from(MAX_EVENTS))
            .fetch_all(&mut **$conn)
            .await?
        };
    }
    Ok(match &mut tx.engine {
        Engine::Sqlite(conn) => fetch!(conn, "="),
        Engine::Postgres(conn) => fetch!(conn, "is not distinct from"),
    })
}

/// Returns the last events about CFA keys, the newest first.
pub async fn of_keys(tx: &mut Tx, tenant: TenantId, limit: u32) -> Result<Vec<Event>, StoreError> {
    // The words of the index: both engines use it only for the same condition.
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from event where tenant_id = $1 and kind >= 'key.' and kind < 'key/'
        order by position desc limit $2"
    );
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(i64::from(limit.clamp(1, MAX_EVENTS)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Event::try_from).collect()
}

/// Returns the last position of a network's log, 0 when it is empty.
pub async fn head(tx: &mut Tx, tenant: TenantId) -> Result<i64, StoreError> {
    const SQL: &str = "select position from event_head where tenant_id = $1";
    let position: Option<i64> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .fetch_optional(conn)
        .await?);
    Ok(position.unwrap_or_default())
}
