//! Looking something up in a network's log: newest first, a bounded part of it at a time.
//!
//! The log has no index by who, what or when, which every event would pay for. Positions follow time
//! closely enough to find a day by halving; what remains is read along the primary key, so many rows
//! for one answer and no more: an answer says how far it looked.

use domain::Timestamp;
use domain::event::{GATEWAY, OPENED, is_own_opening};
use domain::id::{DeliveryId, DossierId, TenantId};

use super::{Event, EventRow, columns, head, of_delivery};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on};

/// Rows looked at by one statement.
const WINDOW: i64 = 20_000;
/// Statements of one answer.
const WINDOWS: usize = 10;
/// The most events of one answer.
const MAX_FOUND: u32 = 1_000;
/// How far the order of positions may lag behind the order of instants, in milliseconds: an event
/// names the instant of its act and is numbered when the act is committed.
const LAG_MS: i64 = 600_000;

/// What is looked for; what is absent does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Only by one of these, named in full; none, when empty.
    pub actors: Option<Vec<String>>,
    /// Only by whoever's name starts so.
    pub actor: Option<String>,
    /// Only what happened whose word starts so.
    pub kind: Option<String>,
    /// Only what concerns this delivery.
    pub delivery: Option<DeliveryId>,
    /// Only what concerns this dossier.
    pub dossier: Option<DossierId>,
    /// Without what the gateway opened by itself.
    pub without_own_openings: bool,
    /// Only at this instant or later.
    pub from: Option<Timestamp>,
    /// Only before this instant.
    pub until: Option<Timestamp>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The events, newest first.
    pub events: Vec<Event>,
    /// Before which position to go on; nothing when all of the log was looked at.
    pub next: Option<i64>,
}

/// Looks before a position, or from the end of the log.
pub async fn search(
    tx: &mut Tx,
    tenant: TenantId,
    asked: &Search,
    before: Option<i64>,
    limit: u32,
) -> Result<Found, StoreError> {
    let limit = limit.clamp(1, MAX_FOUND);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    if let Some(delivery) = asked.delivery {
        return within(tx, tenant, (asked, delivery), before, wanted).await;
    }
    let (low, high) = span(tx, tenant, asked).await?;
    let mut top = before.map_or(high, |before| high.min(before.saturating_sub(1)));
    let mut events = Vec::new();
    for _ in 0..WINDOWS {
        if top <= low {
            return Ok(Found { events, next: None });
        }
        let bottom = low.max(top.saturating_sub(WINDOW));
        let left = wanted.saturating_sub(events.len());
        let (found, full) = window(tx, tenant, asked, (bottom, top), left).await?;
        events.extend(found);
        match full {
            Some(last) if events.len() >= wanted => {
                return Ok(Found {
                    events,
                    next: Some(last),
                });
            }
            Some(last) => top = last.saturating_sub(1),
            None => top = bottom,
        }
    }
    let next = (top > low).then(|| top.saturating_add(1));
    Ok(Found { events, next })
}

/// Looks at the events of one delivery, which have an index.
async fn within(
    tx: &mut Tx,
    tenant: TenantId,
    (asked, delivery): (&Search, DeliveryId),
    before: Option<i64>,
    wanted: usize,
) -> Result<Found, StoreError> {
    let all = of_delivery(tx, tenant, delivery).await?;
    let mut matching = all
        .into_iter()
        .rev()
        .filter(|event| before.is_none_or(|before| event.position < before))
        .filter(|event| asked.matches(event));
    let events: Vec<Event> = matching.by_ref().take(wanted).collect();
    let next = match (matching.next(), events.last()) {
        (Some(_), Some(last)) => Some(last.position),
        _ => None,
    };
    Ok(Found { events, next })
}

impl Search {
    fn matches(&self, event: &Event) -> bool {
        let starts = |text: &str, with: &Option<String>| {
            with.as_deref().is_none_or(|with| text.starts_with(with))
        };
        starts(&event.kind, &self.kind)
            && starts(&event.actor, &self.actor)
            && self
                .actors
                .as_ref()
                .is_none_or(|actors| actors.contains(&event.actor))
            && self.delivery.is_none_or(|id| event.delivery == Some(id))
            && self.dossier.is_none_or(|id| event.dossier == Some(id))
            && !(self.without_own_openings && is_own_opening(&event.kind, &event.actor))
            && self.from.is_none_or(|from| event.at >= from)
            && self.until.is_none_or(|until| event.at < until)
    }
}

/// Returns the events that match of those after `bottom` up to `top`, newest first, and the last position
/// looked at when there may be more of them.
async fn window(
    tx: &mut Tx,
    tenant: TenantId,
    asked: &Search,
    (bottom, top): (i64, i64),
    limit: usize,
) -> Result<(Vec<Event>, Option<i64>), StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from event where tenant_id = $1 and position > $2 and position <= $3
          and ($4 is null or substr(kind, 1, length($4)) = $4)
          and ($5 is null or substr(actor, 1, length($5)) = $5)
          and ($6 is null or $6 like '%,' || actor || ',%')
          and ($7 is null or dossier_id = $7)
          and ($8 is null or at >= $8) and ($9 is null or at < $9)
          and ($11 is null or kind <> $11 or actor <> $12)
        order by position desc limit $10"
    );
    let actors = asked.actors.as_ref();
    let actors = actors.map(|actors| format!(",{},", actors.join(",")));
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(bottom)
        .bind(top)
        .bind(asked.kind.as_deref())
        .bind(asked.actor.as_deref())
        .bind(&actors)
        .bind(asked.dossier.map(raw))
        .bind(asked.from.map(ms))
        .bind(asked.until.map(ms))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(asked.without_own_openings.then_some(OPENED))
        .bind(GATEWAY)
        .fetch_all(conn)
        .await?);
    let full = rows.len() >= limit;
    let last = rows.last().map(|row| row.position).filter(|_| full);
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let event = Event::try_from(row)?;
        // A name may hold what is a pattern to the database.
        if asked.matches(&event) {
            events.push(event);
        }
    }
    Ok((events, last))
}

/// Returns between which positions a period lies: after the first, up to the second.
async fn span(tx: &mut Tx, tenant: TenantId, asked: &Search) -> Result<(i64, i64), StoreError> {
    let end = head(tx, tenant).await?;
    let low = match asked.from {
        Some(from) => up_to(tx, tenant, end, ms(from).saturating_sub(LAG_MS)).await?,
        None => 0,
    };
    let high = match asked.until {
        Some(until) => up_to(tx, tenant, end, ms(until).saturating_add(LAG_MS)).await?,
        None => end,
    };
    Ok((low, high))
}

/// Returns a position before which nothing happened at an instant or later.
pub(crate) async fn before(
    tx: &mut Tx,
    tenant: TenantId,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let end = head(tx, tenant).await?;
    up_to(tx, tenant, end, ms(at).saturating_sub(LAG_MS)).await
}

/// Returns the last position before an instant, as far as positions follow time.
async fn up_to(tx: &mut Tx, tenant: TenantId, end: i64, instant: i64) -> Result<i64, StoreError> {
    const SQL: &str = "select position, at from event where tenant_id = $1 and position > $2
        order by position limit 1";
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let row: Option<(i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
            .bind(raw(tenant))
            .bind(middle)
            .fetch_optional(conn)
            .await?);
        match row {
            Some((position, at)) if at < instant => low = position,
            _ => high = middle,
        }
    }
    Ok(low)
}
