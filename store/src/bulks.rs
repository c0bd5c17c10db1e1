//! Acts of people upon many deliveries: which deliveries, counted once; how fast; and what became of each.
//!
//! The turn of a delivery is written in the transaction of the act itself ([`reach`]), by whoever has the
//! lease: an act that was done is never done again, whatever process ends where.

mod turns;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::bulk::{BulkState, Fate, Halt, Obstacle};
use domain::delivery::Action;
use domain::id::{BulkId, DeliveryId, PersonId, TenantId};
use domain::{Environment, Kind, Opco, Siret, Timestamp};
use uuid::Uuid;

pub use self::turns::{Leased, Turn, end, reach, reached_by_another, rest};
use crate::column::{At, ms, raw};
use crate::deliveries::{Delivery, MAX_PAGE};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, run};
use crate::repeated::{self, Texts};

/// An act upon many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Whose network.
    pub tenant: TenantId,
    /// Its name.
    pub id: BulkId,
    /// Who began it, and as whom each act is done.
    pub person: PersonId,
    /// The world.
    pub environment: Environment,
    /// What is done.
    pub action: Action,
    /// The OPCO, where the act is to choose one.
    pub opco: Option<Opco>,
    /// The filters its deliveries were found with, as an address holds them.
    pub query: String,
    /// Why; empty while it is a draft.
    pub reason: String,
    /// How many a minute.
    pub per_minute: u32,
    /// Where it stands.
    pub state: BulkState,
    /// How many deliveries.
    pub total: u32,
    /// To how many the act was done.
    pub done: u32,
    /// How many were skipped.
    pub skipped: u32,
    /// How many failed.
    pub failed: u32,
    /// When its deliveries were counted.
    pub created_at: Timestamp,
    /// When it began.
    pub begun_at: Option<Timestamp>,
    /// When the last had its turn, or it was stopped.
    pub ended_at: Option<Timestamp>,
    /// Who stopped it.
    pub ended_by: Option<String>,
    /// Why it was stopped.
    pub halt: Option<Halt>,
}

/// One delivery of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its turn, from 1.
    pub place: u32,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Where it stood when it was counted, as [`stood`] says it.
    pub stood: String,
    /// What stood in the way of the act then.
    pub foreseen: Option<Obstacle>,
    /// What became of it, once it had its turn.
    pub fate: Option<Fate>,
    /// Why not, when the act was not done.
    pub obstacle: Option<Obstacle>,
    /// When it had its turn.
    pub at: Option<Timestamp>,
}

/// How many of one site something stood in the way of when they were counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// What; nothing, for those the act could be done to.
    pub obstacle: Option<Obstacle>,
    /// The site; nothing when the delivery is there no more.
    pub site: Option<Siret>,
    /// How many.
    pub count: u64,
}

/// Which deliveries of an act are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window<'a> {
    /// Only those of one fate.
    pub fate: Option<Fate>,
    /// Only those of these sites.
    pub sites: Option<&'a [Siret]>,
    /// Those after this place.
    pub after: u32,
    /// How many.
    pub limit: u32,
}

macro_rules! columns {
    () => {
        "tenant_id, bulk_id, person_id, environment, action, opco, query, reason, per_minute, state,
         total, done, skipped, failed, due_at, created_at, begun_at, ended_at, ended_by, halt"
    };
}
use columns;

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    bulk_id: Uuid,
    person_id: Uuid,
    environment: String,
    action: String,
    opco: Option<String>,
    query: String,
    reason: String,
    per_minute: i64,
    state: String,
    total: i64,
    done: i64,
    skipped: i64,
    failed: i64,
    due_at: Option<i64>,
    created_at: i64,
    begun_at: Option<i64>,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    halt: Option<String>,
}

impl TryFrom<Row> for Bulk {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "bulk",
            row: &row.bulk_id,
        };
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.bulk_id.into(),
            person: row.person_id.into(),
            environment: at.word("environment", &row.environment)?,
            action: at.word("action", &row.action)?,
            opco: at.maybe_word("opco", row.opco.as_deref())?,
            per_minute: at.number("per_minute", row.per_minute)?,
            state: at.word("state", &row.state)?,
            total: at.number("total", row.total)?,
            done: at.number("done", row.done)?,
            skipped: at.number("skipped", row.skipped)?,
            failed: at.number("failed", row.failed)?,
            created_at: at.instant("created_at", row.created_at)?,
            begun_at: at.maybe_instant("begun_at", row.begun_at)?,
            ended_at: at.maybe_instant("ended_at", row.ended_at)?,
            query: row.query,
            reason: row.reason,
            ended_by: row.ended_by,
            halt: at.maybe_word("halt", row.halt.as_deref())?,
        })
    }
}

impl Bulk {
    /// Returns how many had their turn.
    pub fn reached(&self) -> u32 {
        self.done
            .saturating_add(self.skipped)
            .saturating_add(self.failed)
    }
}

/// Says where a delivery stands, as the rows of an act keep it.
pub fn stood(delivery: &Delivery) -> String {
    let standing = &delivery.standing;
    match standing.hold_reason {
        Some(reason) => format!("{}/{reason}", standing.status),
        None => standing.status.to_string(),
    }
}

/// Keeps a draft with its deliveries, in the order of their turns.
pub async fn draft(tx: &mut Tx, bulk: &Bulk, items: &[Item]) -> Result<(), StoreError> {
    const SQL: &str = "insert into bulk (tenant_id, bulk_id, person_id, environment, action, opco,
            query, reason, per_minute, state, total, done, skipped, failed, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0, $12)";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(bulk.tenant))
            .bind(raw(bulk.id))
            .bind(raw(bulk.person))
            .bind(bulk.environment.as_str())
            .bind(bulk.action.as_str())
            .bind(bulk.opco.map(Opco::slug))
            .bind(&bulk.query)
            .bind(&bulk.reason)
            .bind(i64::from(bulk.per_minute))
            .bind(bulk.state.as_str())
            .bind(i64::from(bulk.total))
            .bind(ms(bulk.created_at))
    );
    put_items(tx, bulk, items).await
}

async fn put_items(tx: &mut Tx, bulk: &Bulk, items: &[Item]) -> Result<(), StoreError> {
    const SQLITE: &str = "insert into bulk_item (tenant_id, bulk_id, place, delivery_id, stood,
            foreseen) values ($1, $2, $3, $4, $5, $6)";
    const POSTGRES: &str = "insert into bulk_item (tenant_id, bulk_id, place, delivery_id, stood,
            foreseen) select $1, $2, i.* from
        unnest($3::bigint[], $4::uuid[], $5::text[], $6::text[]) as i";
    static ITEMS: LazyLock<Texts> = LazyLock::new(|| repeated::texts(SQLITE, 6));
    let word = |item: &Item| item.foreseen.map(Obstacle::as_str);
    match &mut tx.engine {
        Engine::Sqlite(conn) => {
            for (text, part) in repeated::parts(&ITEMS, items) {
                let mut query = sqlx::query(text);
                for item in part {
                    query = query
                        .bind(raw(bulk.tenant))
                        .bind(raw(bulk.id))
                        .bind(i64::from(item.place))
                        .bind(raw(item.delivery))
                        .bind(&item.stood)
                        .bind(word(item));
                }
                query.execute(&mut **conn).await?;
            }
        }
        Engine::Postgres(conn) => {
            let places: Vec<i64> = items.iter().map(|item| item.place.into()).collect();
            let ids: Vec<Uuid> = items.iter().map(|item| raw(item.delivery)).collect();
            let stood: Vec<&str> = items.iter().map(|item| item.stood.as_str()).collect();
            let foreseen: Vec<Option<&str>> = items.iter().map(word).collect();
            sqlx::query(POSTGRES)
                .bind(raw(bulk.tenant))
                .bind(raw(bulk.id))
                .bind(places)
                .bind(ids)
                .bind(stood)
                .bind(foreseen)
                .execute(&mut **conn)
                .await?;
        }
    }
    Ok(())
}

/// Lets go of drafts nobody began before an instant, and of what ended before another.
pub async fn forget(
    tx: &mut Tx,
    tenant: TenantId,
    drafts_before: Timestamp,
    ended_before: Timestamp,
) -> Result<(), StoreError> {
    const ITEMS: &str = "delete from bulk_item where tenant_id = $1 and bulk_id in (
        select bulk_id from bulk where tenant_id = $1
          and ((state = 'draft' and created_at < $2) or ended_at < $3))";
    const BULKS: &str = "delete from bulk where tenant_id = $1
          and ((state = 'draft' and created_at < $2) or ended_at < $3)";
    for sql in [ITEMS, BULKS] {
        run!(
            tx,
            sqlx::query(sql)
                .bind(raw(tenant))
                .bind(ms(drafts_before))
                .bind(ms(ended_before))
        );
    }
    Ok(())
}

/// Lets go of a person's oldest drafts, so that fewer than so many are left: there is room for one more.
pub async fn make_room(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
    most: u32,
) -> Result<(), StoreError> {
    const DRAFTS: &str = "select bulk_id from bulk
        where tenant_id = $1 and person_id = $2 and state = 'draft' order by bulk_id desc";
    // Whoever begins it at this moment waits for the end of this, or this for theirs.
    const HOLD: &str = "update bulk set state = 'draft'
        where tenant_id = $1 and bulk_id = $2 and state = 'draft'";
    const ITEMS: &str = "delete from bulk_item where tenant_id = $1 and bulk_id = $2";
    const BULK: &str = "delete from bulk where tenant_id = $1 and bulk_id = $2";
    let drafts: Vec<Uuid> = on!(tx, |conn| sqlx::query_scalar(DRAFTS)
        .bind(raw(tenant))
        .bind(raw(person))
        .fetch_all(conn)
        .await?);
    let kept = usize::try_from(most.saturating_sub(1)).unwrap_or(usize::MAX);
    for draft in drafts.into_iter().skip(kept) {
        if run!(tx, sqlx::query(HOLD).bind(raw(tenant)).bind(draft)) == 0 {
            continue;
        }
        for sql in [ITEMS, BULK] {
            run!(tx, sqlx::query(sql).bind(raw(tenant)).bind(draft));
        }
    }
    Ok(())
}

/// Returns one of this network.
pub async fn find(tx: &mut Tx, tenant: TenantId, id: BulkId) -> Result<Option<Bulk>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from bulk where tenant_id = $1 and bulk_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Bulk::try_from).transpose()
}

/// Lists those that were begun, the newest first: of one person, or of the whole network.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    person: Option<PersonId>,
    limit: u32,
) -> Result<Vec<Bulk>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from bulk where tenant_id = $1 and ($2 is null or person_id = $2) and state <> 'draft'
         order by bulk_id desc limit $3"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(person.map(raw))
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Bulk::try_from).collect()
}

/// Counts what stood in the way of the act when its deliveries were counted, by their sites; nothing, for
/// those it could be done to.
pub async fn foreseen(
    tx: &mut Tx,
    tenant: TenantId,
    id: BulkId,
) -> Result<Vec<Foreseen>, StoreError> {
    const SQL: &str = "select i.foreseen, d.siret_cfa, count(*)
        from bulk_item i
        left join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
        where i.tenant_id = $1 and i.bulk_id = $2 group by 1, 2 order by 3 desc, 1, 2";
    let rows: Vec<(Option<String>, Option<String>, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "bulk_item",
        row: &id,
    };
    rows.into_iter()
        .map(|(word, siret, count)| {
            Ok(Foreseen {
                obstacle: at.maybe_word("foreseen", word.as_deref())?,
                site: at.maybe_word("siret_cfa", siret.as_deref())?,
                count: at.number("count", count)?,
            })
        })
        .collect()
}

/// Counts why the act was not done, among those that had their turn.
pub async fn obstacles(
    tx: &mut Tx,
    tenant: TenantId,
    id: BulkId,
) -> Result<Vec<(Obstacle, u64)>, StoreError> {
    const SQL: &str = "select obstacle, count(*) from bulk_item
        where tenant_id = $1 and bulk_id = $2 and obstacle is not null
        group by 1 order by 2 desc, 1";
    let rows: Vec<(String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "bulk_item",
        row: &id,
    };
    rows.into_iter()
        .map(|(word, count)| Ok((at.word("obstacle", &word)?, at.number("count", count)?)))
        .collect()
}

/// Lists its deliveries in the order of their turns.
pub async fn items(
    tx: &mut Tx,
    tenant: TenantId,
    id: BulkId,
    window: Window<'_>,
) -> Result<Vec<Item>, StoreError> {
    type ItemRow = (
        i64,
        Uuid,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<i64>,
    );
    const SQL: &str =
        "select place, delivery_id, stood, foreseen, fate, obstacle, at from bulk_item
        where tenant_id = $1 and bulk_id = $2 and place > $3 and ($4 is null or fate = $4)
          and ($6 is null or exists (
            select 1 from delivery d where d.tenant_id = bulk_item.tenant_id
              and d.delivery_id = bulk_item.delivery_id and $6 like '%' || d.siret_cfa || '%'))
        order by place limit $5";
    let sites = window.sites.map(crate::dossiers::joined);
    let rows: Vec<ItemRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .bind(i64::from(window.after))
        .bind(window.fate.map(Fate::as_str))
        .bind(i64::from(window.limit.clamp(1, MAX_PAGE)))
        .bind(sites.as_deref())
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "bulk_item",
        row: &id,
    };
    rows.into_iter()
        .map(|(place, delivery, stood, foreseen, fate, obstacle, when)| {
            Ok(Item {
                place: at.number("place", place)?,
                delivery: delivery.into(),
                stood,
                foreseen: at.maybe_word("foreseen", foreseen.as_deref())?,
                fate: at.maybe_word("fate", fate.as_deref())?,
                obstacle: at.maybe_word("obstacle", obstacle.as_deref())?,
                at: at.maybe_instant("at", when)?,
            })
        })
        .collect()
}

/// Begins a draft. Returns whether it was one.
pub async fn begin(
    tx: &mut Tx,
    (tenant, id): (TenantId, BulkId),
    (per_minute, reason): (u32, &str),
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update bulk set state = 'running', per_minute = $3, reason = $4,
            begun_at = $5, due_at = $5
        where tenant_id = $1 and bulk_id = $2 and state = 'draft'";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(i64::from(per_minute))
            .bind(reason)
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Stops one: no delivery has its turn after this is committed. Returns whether it was not over.
pub async fn cancel(
    tx: &mut Tx,
    (tenant, id): (TenantId, BulkId),
    (by, halt): (&str, Halt),
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update bulk set state = 'cancelled', due_at = null, lease_owner = null,
            ended_at = $3, ended_by = $4, halt = $5
        where tenant_id = $1 and bulk_id = $2 and state in ('draft', 'running')";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
            .bind(by)
            .bind(halt.as_str())
    );
    Ok(done > 0)
}

/// What people know a delivery by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it carries.
    pub kind: Kind,
    /// The site that sends.
    pub siret_cfa: Siret,
    /// The number of the contract, or the invoice's own; absent where there is none yet.
    pub number: Option<String>,
    /// When it was handed in.
    pub created_at: Timestamp,
}

/// Returns what people know the deliveries by that [`items`] returns for the same window, by their turns.
pub async fn known(
    tx: &mut Tx,
    tenant: TenantId,
    id: BulkId,
    window: Window<'_>,
) -> Result<BTreeMap<u32, Known>, StoreError> {
    type KnownRow = (i64, String, String, Option<String>, i64);
    const SQL: &str = "select i.place, d.kind, d.siret_cfa,
          coalesce(v.numero, d.numero_externe, d.numero_deca, d.numero_interne), d.created_at
        from bulk_item i
          join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
          left join invoice v on v.tenant_id = d.tenant_id and v.delivery_id = d.delivery_id
        where i.tenant_id = $1 and i.bulk_id = $2 and i.place > $3
          and ($4 is null or i.fate = $4) and ($6 is null or $6 like '%' || d.siret_cfa || '%')
        order by i.place limit $5";
    let sites = window.sites.map(crate::dossiers::joined);
    let rows: Vec<KnownRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .bind(i64::from(window.after))
        .bind(window.fate.map(Fate::as_str))
        .bind(i64::from(window.limit.clamp(1, MAX_PAGE)))
        .bind(sites.as_deref())
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "bulk_item",
        row: &id,
    };
    rows.into_iter()
        .map(|(place, kind, siret, number, created)| {
            let known = Known {
                kind: at.word("kind", &kind)?,
                siret_cfa: at.word("siret_cfa", &siret)?,
                number,
                created_at: at.instant("created_at", created)?,
            };
            Ok((at.number("place", place)?, known))
        })
        .collect()
}
