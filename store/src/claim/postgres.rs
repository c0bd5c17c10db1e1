//! Claiming on PostgreSQL: one statement that locks what it takes and skips what others lock.

use domain::id::EventId;
use sqlx::PgConnection;

use super::{Asked, ClaimRow, Lease};
use uuid::Uuid;

use crate::column::{ms, raw};
use crate::error::StoreError;

/// The claim on PostgreSQL, in one statement: `$1` now, `$2` the lease's end, `$3` the owner, `$4`
/// as many event names as rows may be taken. The part that differs picks `c` rows and locks them.
macro_rules! claim_on_postgres {
    ($picked:expr) => {
        concat!(
            "with picked as materialized (",
            $picked,
            "), numbered as (
                select tenant_id, delivery_id, status in ('unknown', 'sending') as looks_first,
                    status = 'sending' as reclaimed,
                    row_number() over (order by delivery_id) as n,
                    row_number() over (partition by tenant_id order by delivery_id) as nth
                from picked
            ), taken as (
                update delivery d set status = 'sending', wait_reason = null, due_at = $2,
                    lease_owner = $3, claims = d.claims + 1, updated_at = $1,
                    attempts = d.attempts + case when n.looks_first then 0 else 1 end,
                    first_lost_at = coalesce(d.first_lost_at,
                        case when n.reclaimed then $1 end)
                from numbered n
                where d.tenant_id = n.tenant_id and d.delivery_id = n.delivery_id
                returning d.tenant_id, d.delivery_id, d.claims,
                    case when n.looks_first then 'look' else 'write' end as purpose, n.n, n.nth
            ), opened as (
                insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
                select tenant_id, delivery_id, claims, purpose, $1 from taken
            ), counted as (
                select tenant_id, count(*) as opened from taken group by tenant_id
            ), heads as (
                insert into event_head (tenant_id, position)
                select tenant_id, opened from counted order by tenant_id
                on conflict (tenant_id) do update
                    set position = event_head.position + excluded.position
                returning tenant_id, position
            ), bases as materialized (
                select tenant_id, h.position - c.opened as base
                from heads h join counted c using (tenant_id)
            ), told as (
                insert into event (tenant_id, position, delivery_id, event_id, at, kind, actor,
                    data)
                select tenant_id, base + nth, delivery_id, ($4::uuid[])[n], $1, 'attempt.opened',
                    'gateway',
                    '{\"attempt\":' || claims || ',\"purpose\":\"' || purpose || '\"}'
                from taken join bases using (tenant_id)
            )
            select ",
            claim_columns!(),
            " from picked d",
            claim_joins!(),
            "order by d.due_at, d.delivery_id"
        )
    };
}

const WANTED: &str = claim_on_postgres!(concat!(
    "select picks.* from unnest($5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::bigint[])
        as w (tenant_id, opco, instance, environment, room)
     cross join lateral (
        select c.* from delivery c
        where c.opco = w.opco and c.instance = w.instance
          and c.environment = w.environment and c.tenant_id = w.tenant_id and",
    may_go!("is not distinct from"),
    "order by c.due_at, c.delivery_id limit w.room for update skip locked) picks limit $10"
));

/// Each is found and locked by its key alone, and judged afterwards: whatever the statistics say,
/// there is no other way to find it.
const NAMED: &str = claim_on_postgres!(concat!(
    "select c.* from unnest($5::uuid[], $6::uuid[]) as w (tenant_id, delivery_id)
     cross join lateral (
        select d.* from delivery d
        where d.tenant_id = w.tenant_id and d.delivery_id = w.delivery_id
        limit 1 for update skip locked) c
     where",
    may_go!("is not distinct from")
));

pub(super) async fn claim(
    conn: &mut PgConnection,
    lease: &Lease<'_>,
    asked: &Asked<'_>,
) -> Result<Vec<ClaimRow>, StoreError> {
    let at_most = asked.at_most();
    let events: Vec<Uuid> = (0..at_most).map(|_| raw(EventId::new(lease.now))).collect();
    let sql = match asked {
        Asked::Wants(_) => WANTED,
        Asked::Ids(_) => NAMED,
    };
    let query = sqlx::query_as(sql)
        .bind(ms(lease.now))
        .bind(ms(lease.until))
        .bind(lease.owner)
        .bind(events);
    let query = match asked {
        Asked::Wants(wants) => query
            .bind(
                wants
                    .iter()
                    .map(|want| raw(want.tenant))
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| want.instance.opco.slug())
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| i64::from(want.instance.number))
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| want.environment.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                wants
                    .iter()
                    .map(|want| i64::from(want.limit))
                    .collect::<Vec<_>>(),
            )
            .bind(i64::try_from(at_most).unwrap_or_default()),
        Asked::Ids(ids) => {
            let ids = ids.get(..at_most).unwrap_or(ids);
            query
                .bind(
                    ids.iter()
                        .map(|(tenant, _)| raw(*tenant))
                        .collect::<Vec<_>>(),
                )
                .bind(ids.iter().map(|(_, id)| raw(*id)).collect::<Vec<_>>())
        }
    };
    Ok(query.fetch_all(conn).await?)
}
