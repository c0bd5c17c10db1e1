//! Settling on PostgreSQL: one statement for the whole group, columns as arrays.

use std::collections::HashMap;

use domain::id::DeliveryId;
use sqlx::postgres::PgArguments;
use sqlx::{PgPool, Postgres};
use uuid::Uuid;

use crate::column::{At, json_text, ms, raw};
use crate::deliveries::NewEvent;
use crate::error::StoreError;
use crate::pieces::Numeros;
use crate::pool::Store;
use crate::settle::{Ended, NewDossier, Settled, Settlement, answers, freed, wake};

type Query<'q> = sqlx::query::QueryAs<'q, Postgres, (Uuid, Vec<u8>), PgArguments>;

/// `mine` are the members whose fence holds; whatever else is written hangs on them. A row has an
/// owner only while it is `sending`; to say so again would send the planner through the index of
/// all that is in flight. A read that is due sooner is left alone: even an update that changes
/// nothing would lock it until the commit, and groups would wait for each other. The heads of the logs
/// are locked last: see `events`.
const SETTLE: &str = "
    with batch as (
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[],
            $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
            $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bigint[],
            $18::bigint[], $19::text[], $20::bigint[], $21::bigint[], $22::text[], $23::bool[],
            $24::bigint[], $25::bigint[])
        as b (tenant_id, delivery_id, owner, number, status, wait_reason, hold_reason, due_at,
            attempts, looks, first_lost_at, numero_interne, numero_externe, numero_deca, fault,
            version, now, finished_at, outcome, http_status, duration_ms, trace_id, frees,
            read_due_at, read_interval_ms)
    ), mine as (
        update delivery d set status = b.status, wait_reason = b.wait_reason,
            hold_reason = b.hold_reason, due_at = b.due_at, attempts = b.attempts,
            looks = b.looks, first_lost_at = b.first_lost_at,
            numero_interne = coalesce(b.numero_interne, d.numero_interne),
            numero_externe = coalesce(b.numero_externe, d.numero_externe),
            numero_deca = coalesce(b.numero_deca, d.numero_deca), fault = b.fault,
            version = coalesce(b.version, d.version), lease_owner = null, updated_at = b.now,
            finished_at = b.finished_at
        from batch b
        where d.tenant_id = b.tenant_id and d.delivery_id = b.delivery_id
          and d.lease_owner = b.owner and d.claims = b.number
        returning d.tenant_id, d.delivery_id, d.lane, d.environment, d.opco, d.instance,
            d.siret_cfa, b.number, b.now, b.outcome, b.http_status, b.duration_ms, b.fault,
            b.version, b.trace_id, b.frees, b.read_due_at, b.read_interval_ms
    ), closed as (
        update attempt a set closed_at = m.now, outcome = m.outcome, http_status = m.http_status,
            duration_ms = m.duration_ms, fault = m.fault, version = m.version,
            trace_id = m.trace_id
        from mine m
        where a.tenant_id = m.tenant_id and a.delivery_id = m.delivery_id and a.number = m.number
    ), freed as (
        update submission s set active = 0
        from mine m
        where m.frees and s.tenant_id = m.tenant_id and s.delivery_id = m.delivery_id
        returning 1
    ), opened as (
        insert into dossier (tenant_id, dossier_id, environment, opco, instance, siret_cfa,
            delivery_id, pairing, numero_interne, numero_externe, numero_deca, etat, etat_raw,
            etat_at, created_at)
        select distinct on (tenant_id, environment, opco, instance, n.numero_interne,
                case when n.numero_interne is null then n.dossier_id end)
            tenant_id, n.dossier_id, m.environment, m.opco, m.instance, m.siret_cfa, delivery_id,
            n.pairing, n.numero_interne, n.numero_externe, n.numero_deca, n.etat, n.etat_raw,
            case when n.etat_raw is null then null else m.now end, m.now
        from unnest($36::uuid[], $37::uuid[], $38::uuid[], $39::bytea[], $40::text[], $41::text[],
            $42::text[], $43::text[], $44::text[])
        as n (tenant_id, delivery_id, dossier_id, pairing, numero_interne, numero_externe,
            numero_deca, etat, etat_raw)
        join mine m using (tenant_id, delivery_id)
        where m.opco is not null
        on conflict (tenant_id, environment, opco, instance, numero_interne)
            where numero_interne is not null
        do update set numero_externe = coalesce(excluded.numero_externe, dossier.numero_externe),
            numero_deca = coalesce(excluded.numero_deca, dossier.numero_deca)
        returning tenant_id, dossier_id, created_at, etat, etat_raw, numero_externe, numero_deca
    ), remembered as (
        insert into dossier_history (tenant_id, dossier_id, entry_id, seen_at, etat, etat_raw,
            numero_externe, numero_deca)
        select tenant_id, dossier_id, dossier_id, created_at, etat, etat_raw, numero_externe,
            numero_deca
        from opened where etat_raw is not null
        on conflict do nothing
    ), planned as (
        insert into read_job (tenant_id, siret_cfa, opco, instance, environment, due_at,
            interval_ms, failures)
        select m.tenant_id, m.siret_cfa, m.opco, m.instance, m.environment, min(m.read_due_at),
            min(m.read_interval_ms), 0
        from mine m
        where m.opco is not null and m.read_due_at is not null and not exists (
            select 1 from read_job r
            where r.tenant_id = m.tenant_id and r.siret_cfa = m.siret_cfa and r.opco = m.opco
              and r.instance = m.instance and r.environment = m.environment
              and r.due_at <= m.read_due_at)
        group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
        on conflict (tenant_id, siret_cfa, opco, instance, environment) do update set
            due_at = excluded.due_at,
            interval_ms = case when read_job.interval_ms < excluded.interval_ms
                then read_job.interval_ms else excluded.interval_ms end
        where read_job.due_at > excluded.due_at
        returning 1
    ), numbered as (
        insert into piece (tenant_id, delivery_id, numero_facture, numero_document)
        select tenant_id, delivery_id, p.numero_facture, p.numero_document
        from unnest($45::uuid[], $46::uuid[], $47::text[], $48::text[])
        as p (tenant_id, delivery_id, numero_facture, numero_document)
        join mine m using (tenant_id, delivery_id)
        on conflict (tenant_id, delivery_id) do update set
            numero_facture = coalesce(excluded.numero_facture, piece.numero_facture),
            numero_document = coalesce(excluded.numero_document, piece.numero_document)
        returning 1
    ), said as materialized (
        select e.*, row_number() over (partition by e.tenant_id order by e.n desc) - 1 as back
        from unnest($26::uuid[], $27::uuid[], $28::uuid[], $29::bigint[], $30::text[],
            $31::uuid[], $32::text[], $33::text[], $34::bytea[], $35::bytea[]) with ordinality
        as e (tenant_id, delivery_id, event_id, at, kind, dossier_id, actor, data, content_hash,
            answer_hash, n)
        where (e.delivery_id in (select delivery_id from mine)) is true
    ), heads as (
        insert into event_head (tenant_id, position)
        select tenant_id, count(*) from said
        where (select count(*) from opened) + (select count(*) from planned)
            + (select count(*) from freed) + (select count(*) from numbered) >= 0
        group by tenant_id order by tenant_id
        on conflict (tenant_id) do update set position = event_head.position + excluded.position
        returning tenant_id, position
    ), told as (
        insert into event (tenant_id, position, delivery_id, event_id, at, kind, dossier_id, actor,
            data, content_hash, answer_hash)
        select e.tenant_id, h.position - e.back, e.delivery_id, e.event_id, e.at, e.kind,
            e.dossier_id, e.actor, e.data, e.content_hash, e.answer_hash
        from said e join heads h using (tenant_id)
    )
    select delivery_id, lane from mine";

pub(super) async fn settle(
    store: &Store,
    pool: &PgPool,
    batch: &[Settlement],
) -> Result<Vec<Settled>, StoreError> {
    // Groups lock their rows in the same order, so that they rarely deadlock.
    let mut ordered: Vec<&Settlement> = batch.iter().collect();
    ordered.sort_by_key(|settlement| (settlement.tenant, settlement.id));
    let query = bind_standing(sqlx::query_as(SETTLE), &ordered)?;
    let query = bind_attempt(query, &ordered);
    let query = bind_events(query, &ordered)?;
    let query = bind_dossiers(query, &ordered);
    let query = bind_pieces(query, &ordered);
    let rows = query.fetch_all(pool).await?;
    let mut lanes: HashMap<DeliveryId, Vec<u8>> = HashMap::with_capacity(rows.len());
    for (id, lane) in rows {
        lanes.insert(id.into(), lane);
    }
    let mut done = Vec::with_capacity(batch.len());
    for settlement in batch {
        let id = raw(settlement.id);
        let at = At {
            table: "delivery",
            row: &id,
        };
        let lane = lanes
            .get(&settlement.id)
            .map(|lane| at.fingerprint("lane", lane))
            .transpose()?;
        done.push(lane.map(|lane| Ended {
            tenant: settlement.tenant,
            lane,
        }));
    }
    if freed(batch, &done).is_some() {
        let mut tx = store.writing().await?;
        wake(&mut tx, batch, &done).await?;
        tx.commit().await?;
    }
    Ok(answers(&done))
}

fn each<'b, T>(batch: &[&'b Settlement], value: impl Fn(&'b Settlement) -> T) -> Vec<T> {
    batch.iter().map(|settlement| value(settlement)).collect()
}

/// `$1` to `$18`.
fn bind_standing<'q>(query: Query<'q>, batch: &[&'q Settlement]) -> Result<Query<'q>, StoreError> {
    let faults = batch
        .iter()
        .map(|settlement| settlement.fault.as_ref().map(json_text).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(query
        .bind(each(batch, |settlement| raw(settlement.tenant)))
        .bind(each(batch, |settlement| raw(settlement.id)))
        .bind(each(batch, |settlement| settlement.owner.as_str()))
        .bind(each(batch, |settlement| settlement.number))
        .bind(each(batch, |settlement| {
            settlement.standing.status.as_str()
        }))
        .bind(each(batch, |s| {
            s.standing.wait_reason.map(domain::WaitReason::as_str)
        }))
        .bind(each(batch, |s| {
            s.standing.hold_reason.map(domain::HoldReason::as_str)
        }))
        .bind(each(batch, |settlement| settlement.standing.due_at.map(ms)))
        .bind(each(batch, |settlement| i64::from(settlement.attempts)))
        .bind(each(batch, |settlement| i64::from(settlement.looks)))
        .bind(each(batch, |settlement| settlement.first_lost_at.map(ms)))
        .bind(each(batch, |s| {
            s.receipt.as_ref().and_then(|r| r.numero_interne.as_deref())
        }))
        .bind(each(batch, |s| {
            s.receipt.as_ref().and_then(|r| r.numero_externe.as_deref())
        }))
        .bind(each(batch, |s| {
            s.receipt.as_ref().and_then(|r| r.numero_deca.as_deref())
        }))
        .bind(faults)
        .bind(each(batch, |settlement| {
            settlement.version.map(domain::NormVersion::as_str)
        }))
        .bind(each(batch, |settlement| ms(settlement.now)))
        .bind(each(batch, |s| s.ends().then_some(ms(s.now)))))
}

/// `$19` to `$25`.
fn bind_attempt<'q>(query: Query<'q>, batch: &[&'q Settlement]) -> Query<'q> {
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    query
        .bind(each(batch, |settlement| settlement.attempt.outcome))
        .bind(each(batch, |settlement| {
            settlement.attempt.http_status.map(i64::from)
        }))
        .bind(each(batch, |settlement| {
            settlement.attempt.duration_ms.map(whole)
        }))
        .bind(each(batch, |settlement| {
            settlement.attempt.trace_id.as_deref()
        }))
        .bind(each(batch, Settlement::frees_pairing))
        .bind(each(batch, |settlement| {
            settlement.read.map(|read| ms(read.due_at))
        }))
        .bind(each(batch, |settlement| {
            settlement.read.map(|read| whole(read.interval_ms))
        }))
}

/// `$26` to `$35`.
fn bind_events<'q>(query: Query<'q>, batch: &[&'q Settlement]) -> Result<Query<'q>, StoreError> {
    let events: Vec<(&Settlement, &NewEvent)> = batch
        .iter()
        .flat_map(|settlement| {
            settlement
                .events
                .iter()
                .map(move |event| (*settlement, event))
        })
        .collect();
    let data = events
        .iter()
        .map(|(_, event)| json_text(&event.data))
        .collect::<Result<Vec<_>, _>>()?;
    let all = |value: fn(&NewEvent) -> String| -> Vec<String> {
        events.iter().map(|(_, event)| value(event)).collect()
    };
    let ids: Vec<Uuid> = events.iter().map(|(_, event)| raw(event.id)).collect();
    let hash = |value: fn(&NewEvent) -> Option<[u8; 32]>| -> Vec<Option<Vec<u8>>> {
        events
            .iter()
            .map(|(_, event)| value(event).map(|hash| hash.to_vec()))
            .collect()
    };
    Ok(query
        .bind(
            events
                .iter()
                .map(|(owner, _)| raw(owner.tenant))
                .collect::<Vec<_>>(),
        )
        .bind(
            events
                .iter()
                .map(|(owner, _)| raw(owner.id))
                .collect::<Vec<_>>(),
        )
        .bind(ids)
        .bind(
            events
                .iter()
                .map(|(_, event)| ms(event.at))
                .collect::<Vec<_>>(),
        )
        .bind(all(|event| event.kind.to_string()))
        .bind(
            events
                .iter()
                .map(|(_, event)| event.dossier.map(raw))
                .collect::<Vec<_>>(),
        )
        .bind(all(|event| event.actor.to_string()))
        .bind(data)
        .bind(hash(|event| event.content_hash))
        .bind(hash(|event| event.answer_hash)))
}

/// `$36` to `$44`.
fn bind_dossiers<'q>(query: Query<'q>, batch: &[&'q Settlement]) -> Query<'q> {
    let opened: Vec<(&Settlement, &NewDossier)> = batch
        .iter()
        .filter_map(|settlement| Some((*settlement, settlement.dossier.as_ref()?)))
        .collect();
    let text = |value: fn(&NewDossier) -> Option<&str>| -> Vec<Option<&str>> {
        opened.iter().map(|(_, dossier)| value(dossier)).collect()
    };
    query
        .bind(
            opened
                .iter()
                .map(|(owner, _)| raw(owner.tenant))
                .collect::<Vec<_>>(),
        )
        .bind(
            opened
                .iter()
                .map(|(owner, _)| raw(owner.id))
                .collect::<Vec<_>>(),
        )
        .bind(
            opened
                .iter()
                .map(|(_, dossier)| raw(dossier.id))
                .collect::<Vec<_>>(),
        )
        .bind(
            opened
                .iter()
                .map(|(_, dossier)| dossier.pairing.map(|print| print.0.to_vec()))
                .collect::<Vec<_>>(),
        )
        .bind(text(|dossier| dossier.receipt.numero_interne.as_deref()))
        .bind(text(|dossier| dossier.receipt.numero_externe.as_deref()))
        .bind(text(|dossier| dossier.receipt.numero_deca.as_deref()))
        .bind(text(|dossier| dossier.etat().map(domain::Etat::as_str)))
        .bind(text(|dossier| dossier.receipt.etat.as_deref()))
}

/// `$45` to `$48`.
fn bind_pieces<'q>(query: Query<'q>, batch: &[&'q Settlement]) -> Query<'q> {
    let numbered: Vec<(&Settlement, &Numeros)> = batch
        .iter()
        .filter_map(|settlement| Some((*settlement, settlement.numeros.as_ref()?)))
        .collect();
    let text = |value: fn(&Numeros) -> Option<&str>| -> Vec<Option<&str>> {
        numbered.iter().map(|(_, numeros)| value(numeros)).collect()
    };
    let ids = |value: fn(&Settlement) -> Uuid| -> Vec<Uuid> {
        numbered.iter().map(|(owner, _)| value(owner)).collect()
    };
    query
        .bind(ids(|owner| raw(owner.tenant)))
        .bind(ids(|owner| raw(owner.id)))
        .bind(text(|numeros| numeros.facture.as_deref()))
        .bind(text(|numeros| numeros.document.as_deref()))
}
