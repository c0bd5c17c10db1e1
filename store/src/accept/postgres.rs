//! Accepting on PostgreSQL: one statement for the whole group, columns as arrays.

use std::collections::{HashMap, HashSet};

use domain::Status;
use domain::id::DeliveryId;
use sqlx::postgres::PgArguments;
use sqlx::{PgPool, Postgres};
use uuid::Uuid;

use crate::accept::{Accepted, Claim, NewDelivery, refused};
use crate::column::{json_text, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Store};
use crate::{files, invoices};

type Query<'q> = sqlx::query::QueryAs<'q, Postgres, (Uuid, bool), PgArguments>;

/// `submission` decides by its unique keys, and by the looser ones for who was not compared yet
/// (single-row questions: they stay index look-ups whatever the statistics say); every other row is
/// written for those it took. A pair is only written when it rested for a minute: even an update
/// that changes nothing would lock it until the commit, and groups would wait for each other.
/// `(… in …) is true` keeps the question a look-up in a hash table, one for each row.
///
/// What is to be claimed at once is written as its deliverer holds it, attempt and event included,
/// unless its lane is busy. The heads of the logs are locked last, after the pairs: see `events`.
const INSERT: &str = "
    with batch as (
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[],
            $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::bytea[],
            $12::bytea[], $13::bytea[], $14::text[], $15::bytea[], $16::bytea[], $17::bigint[],
            $18::text[], $19::text[], $20::text[], $21::bigint[], $22::bytea[], $23::text[],
            $24::bigint[], $25::text[], $26::text[], $27::text[], $28::bigint[], $29::bytea[],
            $30::bytea[], $31::bytea[], $32::bytea[], $33::bytea[], $34::uuid[], $35::bigint[],
            $36::text[], $37::text[], $38::text[], $39::bytea[], $40::uuid[], $41::text[],
            $42::text[], $43::bytea[], $44::text[], $45::bool[], $46::bool[], $47::text[],
            $48::bigint[], $49::uuid[])
        as b (tenant_id, delivery_id, environment, kind, credential_id, route, warnings, rule_set,
            traceparent, pairing, match_1, match_2, match_3, idempotency_route, idempotency_key,
            idempotency_content, idempotency_expires_at, status, wait_reason, hold_reason, due_at,
            lane, opco, instance, siret_cfa, siret_employeur, version, created_at, body, nir,
            body_key, nir_key, person, event_id, event_at, event_kind, actor, data, content_hash,
            mandate_id, mandate_reference, mandate_signed_on, mandate_hash, mandate_author, behind,
            compared, owner, lease_until, opened_id)
    ), taken as (
        insert into submission (tenant_id, delivery_id, environment, kind, credential_id, route,
            warnings, rule_set, traceparent, active, pairing, match_1, match_2, match_3,
            idempotency_route, idempotency_key, idempotency_content, idempotency_expires_at)
        select tenant_id, delivery_id, environment, kind, credential_id, route,
            warnings, rule_set, traceparent, 1, pairing, match_1, match_2, match_3,
            idempotency_route, idempotency_key, idempotency_content, idempotency_expires_at
        from batch b
        where compared or (
            (select s.delivery_id from submission s
                where s.match_1 = b.match_1 and s.tenant_id is not distinct from b.tenant_id
                  and s.match_1 is not null and s.environment = b.environment
                  and s.kind = b.kind and s.active = 1 limit 1) is null
            and (select s.delivery_id from submission s
                where s.match_2 = b.match_2 and s.tenant_id is not distinct from b.tenant_id
                  and s.match_2 is not null and s.environment = b.environment
                  and s.kind = b.kind and s.active = 1 limit 1) is null
            and (select s.delivery_id from submission s
                where s.match_3 = b.match_3 and s.tenant_id is not distinct from b.tenant_id
                  and s.match_3 is not null and s.environment = b.environment
                  and s.kind = b.kind and s.active = 1 limit 1) is null)
        on conflict do nothing
        returning delivery_id
    ), laned as (
        select b.*, b.status = 'queued' and (b.behind or (
            select d.delivery_id from delivery d
            where d.lane = b.lane and d.tenant_id is not distinct from b.tenant_id
              and d.status in ('queued', 'sending', 'waiting', 'held', 'unknown')
            limit 1) is not null) as busy
        from batch b where (b.delivery_id in (select delivery_id from taken)) is true
    ), mine as materialized (
        select l.*, l.owner is not null and not busy as claimed,
            row_number() over (partition by tenant_id
                order by l.owner is not null and not busy desc) as nth
        from laned l
    ), delivered as (
        insert into delivery (tenant_id, delivery_id, environment, kind, status, wait_reason,
            hold_reason, due_at, lane, opco, instance, siret_cfa, siret_employeur, version,
            attempts, looks, claims, lease_owner, created_at, updated_at)
        select tenant_id, delivery_id, environment, kind,
            case when busy then 'waiting' when claimed then 'sending' else status end,
            case when busy then 'predecessor' else wait_reason end,
            hold_reason,
            case when busy then null when claimed then lease_until else due_at end,
            lane, opco, instance, siret_cfa, siret_employeur, version,
            claimed::int, 0, claimed::int, case when claimed then owner end,
            created_at, created_at
        from mine
    ), sealed as (
        insert into payload (tenant_id, delivery_id, body, nir)
        select tenant_id, delivery_id, body, nir from mine
    ), locked as (
        insert into object_key (tenant_id, object_id, body_key, nir_key, person)
        select tenant_id, delivery_id, body_key, nir_key, person from mine
    ), opened as (
        insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
        select tenant_id, delivery_id, 1, 'write', created_at from mine where claimed
    ), mandated as (
        insert into mandate (tenant_id, mandate_id, scope, siret_cfa, delivery_id, reference,
            signed_on, document_hash, author, created_at)
        select tenant_id, mandate_id, 'delivery', siret_cfa, delivery_id, mandate_reference,
            mandate_signed_on, mandate_hash, mandate_author, created_at
        from mine where mandate_id is not null
    ), paired as (
        insert into active_pair (tenant_id, opco, instance, environment, touched_at)
        select tenant_id, opco, instance, environment, max(created_at)
        from mine m where opco is not null and not exists (
            select 1 from active_pair p
            where p.tenant_id = m.tenant_id and p.opco = m.opco and p.instance = m.instance
              and p.environment = m.environment and p.touched_at >= m.created_at - 60000)
        group by tenant_id, opco, instance, environment
        order by tenant_id, opco, instance, environment
        on conflict (tenant_id, opco, instance, environment) do update set
            touched_at = excluded.touched_at
            where active_pair.touched_at < excluded.touched_at - 60000
        returning 1
    ), counted as (
        select tenant_id, count(*) as stored, count(*) filter (where claimed) as claimed
        from mine group by tenant_id
    ), heads as (
        insert into event_head (tenant_id, position)
        select tenant_id, stored + claimed from counted
        where (select count(*) from paired) >= 0
        order by tenant_id
        on conflict (tenant_id) do update set position = event_head.position + excluded.position
        returning tenant_id, position
    ), bases as materialized (
        select tenant_id, h.position - c.stored - c.claimed as accepted,
            h.position - c.claimed as claimed
        from heads h join counted c using (tenant_id)
    ), told as (
        insert into event (tenant_id, position, delivery_id, event_id, at, kind, actor, data,
            content_hash)
        select m.tenant_id, b.accepted + m.nth, m.delivery_id, m.event_id, m.event_at,
            m.event_kind, m.actor, m.data, m.content_hash
        from mine m join bases b using (tenant_id)
    ), told_claimed as (
        insert into event (tenant_id, position, delivery_id, event_id, at, kind, actor, data)
        select m.tenant_id, b.claimed + m.nth, m.delivery_id, m.opened_id, m.created_at,
            'attempt.opened', 'gateway', '{\"attempt\":1,\"purpose\":\"write\"}'
        from mine m join bases b using (tenant_id) where m.claimed
    )
    select delivery_id, claimed from mine";

pub(super) async fn accept(
    store: &Store,
    pool: &PgPool,
    batch: &[&NewDelivery],
) -> Result<Vec<Option<Accepted>>, StoreError> {
    // Groups that share doubles lock them in the same order, so that they rarely deadlock.
    let mut ordered = batch.to_vec();
    ordered.sort_by_key(|new| {
        (
            new.tenant,
            new.pairing,
            new.idempotency.as_ref().map(|given| given.key),
            new.id,
        )
    });
    let query = bind_submission(sqlx::query_as(INSERT), &ordered);
    let query = bind_delivery(query, &ordered);
    let query = bind_payload(query, &ordered);
    let query = bind_event(query, &ordered)?;
    let query = query
        .bind(behind(&ordered))
        .bind(each(&ordered, |new| new.compared))
        .bind(each(&ordered, |new| {
            claim(new).map(|claim| claim.owner.as_str())
        }))
        .bind(each(&ordered, |new| {
            claim(new).map(|claim| ms(claim.until))
        }))
        .bind(each(&ordered, |new| {
            claim(new).map(|claim| raw(claim.opened))
        }));
    let rows = if batch.iter().all(|new| is_alone(new)) {
        // A statement alone is its own transaction: begin and commit cost no round trip.
        query.fetch_all(pool).await?
    } else {
        with_rows(store, query, batch).await?
    };
    let mut stored = HashMap::with_capacity(rows.len());
    for (id, claimed) in rows {
        let taken = if claimed {
            Accepted::Claimed
        } else {
            Accepted::Stored
        };
        stored.insert(DeliveryId::from(id), taken);
    }
    if stored.len() == batch.len() {
        return Ok(batch.iter().map(|new| stored.remove(&new.id)).collect());
    }
    let mut tx = store.writing().await?;
    let mut answers = Vec::with_capacity(batch.len());
    for new in batch {
        answers.push(match stored.remove(&new.id) {
            Some(taken) => Some(taken),
            None => refused::reason(&mut tx, new).await?,
        });
    }
    tx.commit().await?;
    Ok(answers)
}

/// Returns whether a member has no row but those of the statement.
fn is_alone(new: &NewDelivery) -> bool {
    new.files.is_empty() && new.invoice.is_none() && new.about.is_empty()
}

/// Stores a group of which a member has files or is an invoice: those rows are in the same
/// transaction.
async fn with_rows(
    store: &Store,
    query: Query<'_>,
    batch: &[&NewDelivery],
) -> Result<Vec<(Uuid, bool)>, StoreError> {
    let mut tx = store.writing().await?;
    let Engine::Postgres(conn) = &mut tx.engine else {
        return Err(StoreError::Configuration("not PostgreSQL".to_owned()));
    };
    let rows = query.fetch_all(&mut **conn).await?;
    let stored: HashSet<Uuid> = rows.iter().map(|(id, _)| *id).collect();
    for new in batch {
        if stored.contains(&raw(new.id)) {
            files::insert(&mut tx, new).await?;
            invoices::insert(&mut tx, new).await?;
        }
    }
    tx.commit().await?;
    Ok(rows)
}

/// Returns which members follow another member of the same lane: the statement's own rows are not
/// yet visible to it.
fn behind(batch: &[&NewDelivery]) -> Vec<bool> {
    let mut lanes = HashSet::with_capacity(batch.len());
    let mut order: Vec<(usize, &NewDelivery)> = batch.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, new)| new.id);
    let mut behind = vec![false; batch.len()];
    for (at, new) in order {
        let first = lanes.insert((new.tenant, new.lane));
        if let Some(slot) = behind.get_mut(at) {
            *slot = !first && new.standing.status == Status::Queued;
        }
    }
    behind
}

/// Returns the claim of a member that may leave at once.
fn claim(new: &NewDelivery) -> Option<&Claim> {
    new.claim
        .as_ref()
        .filter(|_| new.standing.status == Status::Queued)
}

fn each<'b, T>(batch: &[&'b NewDelivery], value: impl Fn(&'b NewDelivery) -> T) -> Vec<T> {
    batch.iter().map(|new| value(new)).collect()
}

/// `$1` to `$17`.
fn bind_submission<'q>(query: Query<'q>, batch: &[&'q NewDelivery]) -> Query<'q> {
    let matches = |at: usize| {
        each(batch, move |new| {
            new.match_keys
                .get(at)
                .and_then(Option::as_ref)
                .map(|print| print.0.as_slice())
        })
    };
    query
        .bind(each(batch, |new| raw(new.tenant)))
        .bind(each(batch, |new| raw(new.id)))
        .bind(each(batch, |new| new.environment.as_str()))
        .bind(each(batch, |new| new.kind.as_str()))
        .bind(each(batch, |new| new.credential.map(raw)))
        .bind(each(batch, |new| new.route_json.as_str()))
        .bind(each(batch, |new| new.warnings_json.as_str()))
        .bind(each(batch, |new| new.rule_set.as_str()))
        .bind(each(batch, |new| new.traceparent.as_deref()))
        .bind(each(batch, |new| {
            new.pairing.as_ref().map(|print| print.0.as_slice())
        }))
        .bind(matches(0))
        .bind(matches(1))
        .bind(matches(2))
        .bind(each(batch, |new| new.idempotency.as_ref().map(|i| i.route)))
        .bind(each(batch, |new| {
            new.idempotency.as_ref().map(|i| i.key.0.as_slice())
        }))
        .bind(each(batch, |new| {
            new.idempotency.as_ref().map(|i| i.content.0.as_slice())
        }))
        .bind(each(batch, |new| {
            new.idempotency.as_ref().map(|i| ms(i.expires_at))
        }))
}

/// `$18` to `$28`.
fn bind_delivery<'q>(query: Query<'q>, batch: &[&'q NewDelivery]) -> Query<'q> {
    query
        .bind(each(batch, |new| new.standing.status.as_str()))
        .bind(each(batch, |new| {
            new.standing.wait_reason.map(domain::WaitReason::as_str)
        }))
        .bind(each(batch, |new| {
            new.standing.hold_reason.map(domain::HoldReason::as_str)
        }))
        .bind(each(batch, |new| new.standing.due_at.map(ms)))
        .bind(each(batch, |new| new.lane.0.as_slice()))
        .bind(each(batch, |new| new.opco.map(domain::Opco::slug)))
        .bind(each(batch, |new| i64::from(new.instance)))
        .bind(each(batch, |new| new.siret_cfa.as_str()))
        .bind(each(batch, |new| {
            new.siret_employeur.as_ref().map(domain::Siret::as_str)
        }))
        .bind(each(batch, |new| {
            new.version.map(domain::NormVersion::as_str)
        }))
        .bind(each(batch, |new| ms(new.created_at)))
}

/// `$29` to `$33`.
fn bind_payload<'q>(query: Query<'q>, batch: &[&'q NewDelivery]) -> Query<'q> {
    query
        .bind(each(batch, |new| new.sealed.body.as_slice()))
        .bind(each(batch, |new| new.sealed.nir.as_deref()))
        .bind(each(batch, |new| new.sealed.body_key.as_slice()))
        .bind(each(batch, |new| new.sealed.nir_key.as_deref()))
        .bind(each(batch, |new| new.person.0.as_slice()))
}

/// `$34` to `$44`.
fn bind_event<'q>(query: Query<'q>, batch: &[&'q NewDelivery]) -> Result<Query<'q>, StoreError> {
    let data = batch
        .iter()
        .map(|new| json_text(&new.event.data))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(query
        .bind(each(batch, |new| raw(new.event.id)))
        .bind(each(batch, |new| ms(new.event.at)))
        .bind(each(batch, |new| new.event.kind.as_ref()))
        .bind(each(batch, |new| new.event.actor.as_ref()))
        .bind(data)
        .bind(each(batch, |new| {
            new.event.content_hash.as_ref().map(<[u8; 32]>::as_slice)
        }))
        .bind(each(batch, |new| new.mandate.as_ref().map(|m| raw(m.id))))
        .bind(each(batch, |new| {
            new.mandate.as_ref().map(|m| m.reference.as_str())
        }))
        .bind(each(batch, |new| {
            new.mandate.as_ref().map(|m| m.signed_on.to_string())
        }))
        .bind(each(batch, |new| {
            new.mandate
                .as_ref()
                .and_then(|m| m.document_hash.as_ref())
                .map(<[u8; 32]>::as_slice)
        }))
        .bind(each(batch, |new| {
            new.mandate.as_ref().map(|m| m.author.as_str())
        })))
}
