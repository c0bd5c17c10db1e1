//! Claiming on PostgreSQL: one statement that locks what it takes and skips what others lock.

use domain::id::EventId;
use sqlx::PgConnection;

use super::{Asked, ClaimRow, Lease};
use crate::column::ms;
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
                    row_number() over (order by delivery_id) as n
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
                    case when n.looks_first then 'look' else 'write' end as purpose, n.n
            ), opened as (
                insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
                select tenant_id, delivery_id, claims, purpose, $1 from taken
            ), told as (
                insert into event (tenant_id, delivery_id, event_id, at, kind, actor, data)
                select tenant_id, delivery_id, ($4::text[])[n], $1, 'attempt.opened', 'gateway',
                    '{\"attempt\":' || claims || ',\"purpose\":\"' || purpose || '\"}'
                from taken
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
    "select picks.* from unnest($5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[])
        as w (tenant_id, opco, instance, environment, room)
     cross join lateral (
        select c.* from delivery c
        where c.opco = w.opco and c.instance = w.instance
          and c.environment = w.environment and c.tenant_id = w.tenant_id and",
    may_go!(),
    "order by c.due_at, c.delivery_id limit w.room for update skip locked) picks limit $10"
));

/// Each is found and locked by its key alone, and judged afterwards: whatever the statistics say,
/// there is no other way to find it.
const NAMED: &str = claim_on_postgres!(concat!(
    "select c.* from unnest($5::text[], $6::text[]) as w (tenant_id, delivery_id)
     cross join lateral (
        select d.* from delivery d
        where d.tenant_id = w.tenant_id and d.delivery_id = w.delivery_id
        limit 1 for update skip locked) c
     where",
    may_go!()
));

pub(super) async fn claim(
    conn: &mut PgConnection,
    lease: &Lease<'_>,
    asked: &Asked<'_>,
) -> Result<Vec<ClaimRow>, StoreError> {
    let at_most = asked.at_most();
    let events: Vec<String> = (0..at_most)
        .map(|_| EventId::new(lease.now).to_string())
        .collect();
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
                    .map(|want| want.tenant.to_string())
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
                        .map(|(tenant, _)| tenant.to_string())
                        .collect::<Vec<_>>(),
                )
                .bind(ids.iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>())
        }
    };
    Ok(query.fetch_all(conn).await?)
}
