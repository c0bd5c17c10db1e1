//! The tenant's log: appended in the transaction of what it tells, numbered afterwards.
//!
//! A cursor over time or over identifiers would skip events that commit late. Positions are given
//! after the commit, by one sequencer at a time, without a gap: who has read up to a position has
//! read everything before it.

use std::sync::LazyLock;

use domain::id::{DeliveryId, DossierId, EventId, TenantId};
use domain::{Environment, Siret, Timestamp};
use sqlx::SqliteConnection;

use crate::column::{At, json_text, ms};
use crate::deliveries::NewEvent;
use crate::error::StoreError;
use crate::pool::{Engine, Store, Tx, on, run};
use crate::repeated::{self, Texts};

/// The most events of one page or one numbering.
pub const MAX_EVENTS: u32 = 10_000;
/// The name of the sequencer's lock among PostgreSQL's advisory locks.
const SEQUENCER_LOCK: i64 = 0x6366_615f_7365_7101;

/// One line of the tenant's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// Its place in the tenant's log, from 1; absent until it is numbered.
    pub position: Option<i64>,
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

/// What one numbering did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequenced {
    /// How many events got a position.
    pub count: usize,
    /// The networks whose log grew, with its last position.
    pub heads: Vec<(TenantId, i64)>,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    delivery_id: String,
    event_id: String,
    position: Option<i64>,
    at: i64,
    kind: String,
    dossier_id: Option<String>,
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
        let delivery = Some(row.delivery_id.as_str()).filter(|id| !id.is_empty());
        Ok(Self {
            id: at.word("event_id", &row.event_id)?,
            position: row.position,
            at: at.instant("at", row.at)?,
            delivery: at.maybe_word("delivery_id", delivery)?,
            dossier: at.maybe_word("dossier_id", row.dossier_id.as_deref())?,
            data: at.json("data", Some(&row.data))?.unwrap_or_default(),
            content_hash: hash("content_hash", row.content_hash)?,
            answer_hash: hash("answer_hash", row.answer_hash)?,
            kind: row.kind,
            actor: row.actor,
        })
    }
}

macro_rules! columns {
    () => {
        "delivery_id, event_id, position, at, kind, dossier_id, actor, data, content_hash,
         answer_hash"
    };
}

// An event that concerns no delivery has the empty text there: the column leads the key by which
// the events of one delivery are found.
const APPEND: &str = "insert into event (tenant_id, delivery_id, event_id, at, kind, dossier_id,
        actor, data, content_hash, answer_hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

static APPENDS: LazyLock<Texts> = LazyLock::new(|| repeated::texts(APPEND, 10));

/// Binds the values of [`APPEND`]; one body for both engines.
macro_rules! bind_event {
    ($query:expr, $tenant:expr, $event:expr) => {
        $query
            .bind($tenant.to_string())
            .bind($event.delivery.map(|id| id.to_string()).unwrap_or_default())
            .bind($event.id.to_string())
            .bind(ms($event.at))
            .bind($event.kind.as_ref())
            .bind($event.dossier.map(|id| id.to_string()))
            .bind($event.actor.as_ref())
            .bind(json_text(&$event.data)?)
            .bind($event.content_hash.map(|hash| hash.to_vec()))
            .bind($event.answer_hash.map(|hash| hash.to_vec()))
    };
}

/// Appends events to the log of a network, in the transaction of what they tell.
pub async fn append(tx: &mut Tx, tenant: TenantId, events: &[NewEvent]) -> Result<(), StoreError> {
    for event in events {
        run!(tx, bind_event!(sqlx::query(APPEND), tenant, event));
    }
    Ok(())
}

/// Appends events of several networks on SQLite, many to a round trip.
pub(crate) async fn append_all(
    conn: &mut SqliteConnection,
    events: &[(TenantId, &NewEvent)],
) -> Result<(), StoreError> {
    for (text, part) in repeated::parts(&APPENDS, events) {
        let mut query = sqlx::query(text);
        for (tenant, event) in part {
            query = bind_event!(query, tenant, event);
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Returns the numbered events of a network after a position, in order.
pub async fn after(
    tx: &mut Tx,
    tenant: TenantId,
    position: i64,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from event where tenant_id = $1 and position > $2 and position is not null
        order by position limit $3"
    );
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant.to_string())
        .bind(position)
        .bind(i64::from(limit.clamp(1, MAX_EVENTS)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Event::try_from).collect()
}

/// Returns the numbered events after a position that one credential may see, in order, and the
/// position to go on from: what lies between is not for it.
///
/// An event is seen with its delivery's world and site; one that concerns no delivery only by who
/// speaks for all sites.
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
        " from event where tenant_id = $1 and position > $2 and position is not null
          and ((delivery_id = '' and $4 is null) or exists (
            select 1 from delivery d
            where d.tenant_id = event.tenant_id and d.delivery_id = event.delivery_id
              and d.environment = $3 and ($4 is null or $4 like '%' || d.siret_cfa || '%')))
        order by position limit $5"
    );
    let limit = limit.clamp(1, MAX_EVENTS);
    let head = head(tx, tenant).await?;
    let sites = sight.sites.as_ref().map(|sites| {
        let sites: Vec<&str> = sites.iter().map(Siret::as_str).collect();
        sites.join(",")
    });
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant.to_string())
        .bind(position)
        .bind(sight.environment.as_str())
        .bind(&sites)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?);
    let full = u32::try_from(rows.len()).unwrap_or(limit) >= limit;
    let last = rows.last().and_then(|row| row.position).unwrap_or(position);
    let events = rows
        .into_iter()
        .map(Event::try_from)
        .collect::<Result<_, _>>()?;
    Ok((events, if full { last } else { last.max(head) }))
}

/// Returns the events of one delivery, in the order they happened.
pub async fn of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<Event>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from event where tenant_id = $1 and delivery_id = $2 order by event_id limit $3"
    );
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant.to_string())
        .bind(delivery.to_string())
        .bind(i64::from(MAX_EVENTS))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Event::try_from).collect()
}

/// Returns the last position of a network's log, 0 when it is empty.
pub async fn head(tx: &mut Tx, tenant: TenantId) -> Result<i64, StoreError> {
    const SQL: &str = "select position from event_head where tenant_id = $1";
    let position: Option<i64> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(tenant.to_string())
        .fetch_optional(conn)
        .await?);
    Ok(position.unwrap_or_default())
}

/// Numbers what is committed and has no position yet; the same text for both engines.
const NUMBER: [&str; 3] = [
    // How many of each network are about to be numbered: the oldest `$1` of all.
    "insert into event_head (tenant_id, position)
     select tenant_id, count(*) from (
        select tenant_id from event where position is null order by event_id limit $1) todo
     where true
     group by tenant_id order by tenant_id
     on conflict (tenant_id) do update set position = event_head.position + excluded.position
     returning tenant_id, position",
    // The last of a network's batch gets the head's position, the others count back from it.
    "with todo as (
        select tenant_id, delivery_id, event_id from event where position is null
        order by event_id limit $1
     ), ranked as (
        select tenant_id, delivery_id, event_id,
            row_number() over (partition by tenant_id order by event_id desc) - 1 as back
        from todo
     )
     update event set position = h.position - r.back
     from ranked r join event_head h on h.tenant_id = r.tenant_id
     where event.tenant_id = r.tenant_id and event.delivery_id = r.delivery_id
       and event.event_id = r.event_id",
    "select pg_try_advisory_xact_lock($1)",
];

impl Store {
    /// Gives positions to at most `limit` committed events, gap-free in each network's log. Only
    /// one sequencer works at a time; another one's call returns with nothing done.
    pub async fn sequence(&self, limit: u32) -> Result<Sequenced, StoreError> {
        match self.number(limit).await {
            // Another sequencer was a step ahead: it numbered what we saw.
            Err(error) if error.is_lost_race() => Ok(Sequenced::default()),
            done => done,
        }
    }

    async fn number(&self, limit: u32) -> Result<Sequenced, StoreError> {
        let [heads, positions, lock] = NUMBER;
        let limit = i64::from(limit.clamp(1, MAX_EVENTS));
        let mut tx = self.writing().await?;
        if let Engine::Postgres(conn) = &mut tx.0 {
            // Both statements must see the same events: new ones may commit between them, so the
            // whole transaction looks at one instant, chosen after the lock is ours.
            sqlx::query("set transaction isolation level repeatable read")
                .execute(&mut **conn)
                .await?;
            let ours: bool = sqlx::query_scalar(lock)
                .bind(SEQUENCER_LOCK)
                .fetch_one(&mut **conn)
                .await?;
            if !ours {
                return Ok(Sequenced::default());
            }
        }
        let rows: Vec<(String, i64)> = on!(tx, |conn| sqlx::query_as(heads)
            .bind(limit)
            .fetch_all(conn)
            .await?);
        let done = run!(tx, sqlx::query(positions).bind(limit));
        tx.commit().await?;
        let heads = rows
            .into_iter()
            .map(|(tenant, position)| {
                let at = At {
                    table: "event_head",
                    row: &tenant,
                };
                Ok((at.word("tenant_id", &tenant)?, position))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Sequenced {
            count: usize::try_from(done).unwrap_or_default(),
            heads,
        })
    }
}
