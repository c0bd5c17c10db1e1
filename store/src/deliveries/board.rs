//! What the dashboard counts: what is open, what ended lately, and what waits for a person.
//!
//! None of it costs the way of a payload anything: each question is answered by an index that way has
//! already, over what is open or over a bounded span of time.

use domain::id::{DeliveryId, TenantId};
use domain::{Environment, Fault, HoldReason, Kind, Opco, Siret, Status, Timestamp};
use uuid::Uuid;

use super::query::{CountRow, counted};
use super::{Count, Filter};
use crate::column::{At, first_id_of, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on};

/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Whose deliveries are counted: one world of a network, and the sites a person reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The network.
    pub tenant: TenantId,
    /// The world.
    pub environment: Environment,
    /// Only these sites; all when absent.
    pub sites: Option<Vec<Siret>>,
}

impl Scope {
    fn sites(&self) -> Option<String> {
        joined(self.sites.as_deref())
    }
}

/// A SIRET has fourteen digits, so a list of them joined by commas holds no other.
pub(super) fn joined(sites: Option<&[Siret]>) -> Option<String> {
    sites.map(|sites| {
        sites
            .iter()
            .map(Siret::as_str)
            .collect::<Vec<_>>()
            .join(",")
    })
}

/// How many of what was accepted in one hour stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// When the hour begins.
    pub starts_at: Timestamp,
    /// The status.
    pub status: Status,
    /// How many.
    pub count: u64,
}

/// A delivery that asks for attention, with what tells why.
#[derive(Debug, Clone, PartialEq)]
pub struct Stuck {
    /// Its name.
    pub id: DeliveryId,
    /// What it carries.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Why a person must act.
    pub hold_reason: Option<HoldReason>,
    /// The operator, when known.
    pub opco: Option<Opco>,
    /// The site that sends.
    pub siret_cfa: Siret,
    /// The last failure, masked.
    pub fault: Option<Fault>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// Counts what is on its way or held, and what was refused or given up among what was accepted since an
/// instant; by status, reason and operator.
pub async fn standing(
    tx: &mut Tx,
    scope: &Scope,
    ended_since: Timestamp,
) -> Result<Vec<Count>, StoreError> {
    // `delivery_lane` holds exactly what is open, by network.
    const SQLITE: &str = "select status, reason, opco, count(*), min(created_at), min(due_at)
        from (
            select status, coalesce(wait_reason, hold_reason) as reason, opco, siret_cfa, created_at, due_at
            from delivery where tenant_id = $1 and environment = $2
              and status in ('queued', 'sending', 'waiting', 'held', 'unknown')
            union all
            select status, null, opco, siret_cfa, created_at, null from delivery
            where tenant_id = $1 and environment = $2
              and status in ('held', 'dead', 'rejected') and status in ('dead', 'rejected')
              and delivery_id >= $3) as open
        where ($4 is null or $4 like '%' || siret_cfa || '%')
        group by 1, 2, 3 order by 1, 2, 3";
    // There that index leads with the lane. What is open is due, behind another, or held: each of the
    // three has an index, the first by the systems the network has work for.
    const POSTGRES: &str = "select status, reason, opco, count(*), min(created_at), min(due_at)
        from (
            select d.status, d.wait_reason as reason, d.opco, d.siret_cfa, d.created_at, d.due_at
            from active_pair p join delivery d on d.opco = p.opco and d.instance = p.instance
              and d.environment = p.environment and d.tenant_id = p.tenant_id
            where p.tenant_id = $1 and p.environment = $2 and d.due_at is not null
            union all
            select status, wait_reason, opco, siret_cfa, created_at, due_at from delivery
            where opco is null and environment = $2 and tenant_id = $1 and due_at is not null
            union all
            select status, wait_reason, opco, siret_cfa, created_at, due_at from delivery
            where tenant_id = $1 and environment = $2 and wait_reason = 'predecessor'
              and due_at is null
            union all
            select status, case when status = 'held' then hold_reason end, opco, siret_cfa,
                created_at, null
            from delivery where tenant_id = $1 and environment = $2
              and status in ('held', 'dead', 'rejected')
              and (status = 'held' or delivery_id >= $3)) as open
        where ($4 is null or $4 like '%' || siret_cfa || '%')
        group by 1, 2, 3 order by 1, 2, 3";
    let sql = match &tx.engine {
        Engine::Sqlite(_) => SQLITE,
        Engine::Postgres(_) => POSTGRES,
    };
    let rows: Vec<CountRow> = on!(tx, |conn| {
        sqlx::query_as(sql)
            .bind(raw(scope.tenant))
            .bind(scope.environment.as_str())
            .bind(first_id_of(ended_since))
            .bind(scope.sites())
            .fetch_all(conn)
            .await?
    });
    rows.into_iter().map(counted).collect()
}

/// Counts what was accepted since an instant, by the hour and by where it stands now.
pub async fn by_hour(
    tx: &mut Tx,
    scope: &Scope,
    since: Timestamp,
) -> Result<Vec<Hour>, StoreError> {
    const SQL: &str = "select created_at / 3600000, status, count(*) from delivery
        where tenant_id = $1 and environment = $2 and delivery_id >= $3
          and ($4 is null or $4 like '%' || siret_cfa || '%')
        group by 1, 2 order by 1, 2";
    let rows: Vec<(i64, String, i64)> = on!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(raw(scope.tenant))
            .bind(scope.environment.as_str())
            .bind(first_id_of(since))
            .bind(scope.sites())
            .fetch_all(conn)
            .await?
    });
    let read = |(hour, status, count): (i64, String, i64)| {
        let at = At {
            table: "delivery",
            row: &"hour",
        };
        Ok(Hour {
            starts_at: at.instant("created_at", hour.saturating_mul(HOUR_MS))?,
            status: at.word("status", &status)?,
            count: at.number("count", count)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// The columns of a [`Stuck`].
type StuckRow = (
    Uuid,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    Option<String>,
    i64,
);

/// Lists what asks for attention, the newest first: held or in doubt, and refused or given up among what
/// was accepted since an instant. At most `limit` of each of the two.
pub async fn stuck(
    tx: &mut Tx,
    scope: &Scope,
    ended_since: Timestamp,
    limit: u32,
) -> Result<Vec<Stuck>, StoreError> {
    macro_rules! sql {
        ($source:literal) => {
            concat!(
                "select d.delivery_id, d.kind, d.status, d.hold_reason, d.opco, d.siret_cfa, d.fault,
                    d.created_at from ",
                $source,
                " and ($4 is null or $4 like '%' || d.siret_cfa || '%')
                order by d.delivery_id desc limit $5"
            )
        };
    }
    const ATTENTION: &str = sql!("delivery d where d.tenant_id = $1 and d.environment = $2
        and d.status in ('held', 'dead', 'rejected') and (d.status = 'held' or d.delivery_id >= $3)");
    const DOUBT_SQLITE: &str = sql!(
        "delivery d where d.tenant_id = $1 and d.environment = $2
        and d.status in ('queued', 'sending', 'waiting', 'held', 'unknown') and d.status = 'unknown'
        and $3 is not null"
    );
    const DOUBT_POSTGRES: &str = sql!(
        "active_pair p join delivery d on d.opco = p.opco
        and d.instance = p.instance and d.environment = p.environment and d.tenant_id = p.tenant_id
        where p.tenant_id = $1 and p.environment = $2 and d.due_at is not null
        and d.status = 'unknown' and $3::uuid is not null"
    );
    let doubt = match &tx.engine {
        Engine::Sqlite(_) => DOUBT_SQLITE,
        Engine::Postgres(_) => DOUBT_POSTGRES,
    };
    let mut found = Vec::new();
    for sql in [ATTENTION, doubt] {
        let rows: Vec<StuckRow> = on!(tx, |conn| {
            sqlx::query_as(sql)
                .bind(raw(scope.tenant))
                .bind(scope.environment.as_str())
                .bind(first_id_of(ended_since))
                .bind(scope.sites())
                .bind(i64::from(limit))
                .fetch_all(conn)
                .await?
        });
        for row in rows {
            found.push(read_stuck(row)?);
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.id));
    Ok(found)
}

fn read_stuck(row: StuckRow) -> Result<Stuck, StoreError> {
    let (id, kind, status, hold_reason, opco, siret_cfa, fault, created_at) = row;
    let at = At {
        table: "delivery",
        row: &id,
    };
    Ok(Stuck {
        id: id.into(),
        kind: at.word("kind", &kind)?,
        status: at.word("status", &status)?,
        hold_reason: at.maybe_word("hold_reason", hold_reason.as_deref())?,
        opco: at.maybe_word("opco", opco.as_deref())?,
        siret_cfa: at.word("siret_cfa", &siret_cfa)?,
        fault: at.json("fault", fault.as_deref())?,
        created_at: at.instant("created_at", created_at)?,
    })
}

/// Counts what a list holds, up to `most` and one more.
pub async fn count(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    most: u32,
) -> Result<u64, StoreError> {
    const SQL: &str = concat!(
        "select count(*) from (select 1 from delivery where tenant_id = $1 and $2 is null",
        super::query::RESTRICTED!(),
        " limit $11) as found"
    );
    let sites = joined(filter.sites.as_deref());
    let named: Option<DeliveryId> = filter.text.as_deref().and_then(|text| text.parse().ok());
    let count: i64 = on!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(raw(tenant))
            .bind(None::<Uuid>)
            .bind(filter.environment.map(Environment::as_str))
            .bind(filter.status.map(Status::as_str))
            .bind(filter.reason.as_deref())
            .bind(filter.kind.map(Kind::as_str))
            .bind(filter.opco.map(Opco::slug))
            .bind(&sites)
            .bind(filter.since.map(first_id_of))
            .bind(filter.text.as_deref())
            .bind(i64::from(most).saturating_add(1))
            .bind(named.map(raw))
            .bind(filter.until.map(first_id_of))
            .fetch_one(conn)
            .await?
    });
    let at = At {
        table: "delivery",
        row: &"count",
    };
    at.number("count", count)
}
