//! Accepting on SQLite: one immediate transaction, one prepared text for each member,
//! repeated for many members so that they share one round trip to the connection's thread.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::Status;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::accept::{Accepted, NewDelivery, refused};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Store};
use crate::repeated::{self, Texts};
use crate::{events, files, invoices};

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// What is written for one member: `submission` decides by its unique keys, and by the looser ones
/// for who was not compared yet; what follows is written only when it was.
const INSERT: &str = "
    insert into submission (tenant_id, delivery_id, environment, kind, credential_id, route,
        warnings, rule_set, traceparent, active, pairing, match_1, match_2, match_3,
        idempotency_route, idempotency_key, idempotency_content, idempotency_expires_at)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16, $17
    where $39 or (
        not exists (select 1 from submission where tenant_id = $1 and match_1 = $11
            and match_1 is not null and environment = $3 and kind = $4 and active = 1)
        and not exists (select 1 from submission where tenant_id = $1 and match_2 = $12
            and match_2 is not null and environment = $3 and kind = $4 and active = 1)
        and not exists (select 1 from submission where tenant_id = $1 and match_3 = $13
            and match_3 is not null and environment = $3 and kind = $4 and active = 1))
    on conflict do nothing returning delivery_id;
    insert into delivery (tenant_id, delivery_id, environment, kind, status, wait_reason,
        hold_reason, due_at, lane, opco, instance, siret_cfa, siret_employeur, version,
        attempts, looks, claims, lease_owner, created_at, updated_at)
    select $1, $2, $3, $4,
        iif(busy, 'waiting', iif($40 is not null, 'sending', $18)),
        iif(busy, 'predecessor', $19), $20,
        iif(busy, null, iif($40 is not null, $41, $21)),
        $22, $23, $24, $25, $26, $27, not busy and $40 is not null, 0,
        not busy and $40 is not null, iif(busy, null, $40), $28, $28
    from (select $18 = 'queued' and exists (
            select 1 from delivery where tenant_id = $1 and lane = $22
              and status in ('queued', 'sending', 'waiting', 'held', 'unknown')) as busy)
    where changes() = 1 on conflict do nothing;
    insert into payload (tenant_id, delivery_id, body, nir)
    select $1, $2, $29, $30 where changes() = 1 on conflict do nothing;
    insert into object_key (tenant_id, object_id, body_key, nir_key, person)
    select $1, $2, $31, $32, $33 where changes() = 1 on conflict do nothing;
    insert into mandate (tenant_id, mandate_id, scope, siret_cfa, delivery_id, reference,
        signed_on, document_hash, author, created_at)
    select $1, $34, 'delivery', $25, $2, $35, $36, $37, $38, $28
    where changes() = 1 and $34 is not null on conflict do nothing;
    insert into attempt (tenant_id, delivery_id, number, purpose, opened_at)
    select tenant_id, delivery_id, 1, 'write', $28 from delivery
    where $40 is not null and tenant_id = $1 and delivery_id = $2 and lease_owner = $40
    on conflict do nothing returning null;
    insert into active_pair (tenant_id, opco, instance, environment, touched_at)
    select $1, $23, $24, $3, $28
    where $23 is not null and exists (
        select 1 from delivery where tenant_id = $1 and delivery_id = $2)
    on conflict (tenant_id, opco, instance, environment) do update set
        touched_at = excluded.touched_at where active_pair.touched_at < excluded.touched_at - 60000";

/// How many values one member binds.
const VALUES: usize = 41;

static TEXTS: LazyLock<Texts> = LazyLock::new(|| repeated::texts(INSERT, VALUES));

pub(super) async fn accept(
    store: &Store,
    batch: &[&NewDelivery],
) -> Result<Vec<Option<Accepted>>, StoreError> {
    let mut tx = store.writing().await?;
    let mut stored = HashMap::with_capacity(batch.len());
    if let Engine::Sqlite(conn) = &mut tx.engine {
        for (text, part) in repeated::parts(&TEXTS, batch) {
            insert(conn, text, part, &mut stored).await?;
        }
    }
    let mut answers = Vec::with_capacity(batch.len());
    for new in batch {
        let Some(taken) = stored.remove(&raw(new.id)) else {
            answers.push(refused::reason(&mut tx, new).await?);
            continue;
        };
        files::insert(&mut tx, new).await?;
        invoices::insert(&mut tx, new).await?;
        events::append(&mut tx, new.tenant, std::slice::from_ref(&new.event));
        if let (Accepted::Claimed, Some(claim)) = (&taken, &new.claim) {
            events::append(&mut tx, new.tenant, &[claim.event(new)]);
        }
        answers.push(Some(taken));
    }
    tx.commit().await?;
    Ok(answers)
}

async fn insert(
    conn: &mut SqliteConnection,
    text: &'static str,
    part: &[&NewDelivery],
    stored: &mut HashMap<Uuid, Accepted>,
) -> Result<(), StoreError> {
    let mut query = sqlx::query(text);
    for new in part {
        query = bind_submission(query, new);
        query = bind_delivery(query, new);
        query = bind_payload(query, new);
        let claim = new
            .claim
            .as_ref()
            .filter(|_| new.standing.status == Status::Queued);
        query = bind_mandate(query, new)
            .bind(new.compared)
            .bind(claim.map(|claim| claim.owner.as_str()))
            .bind(claim.map(|claim| ms(claim.until)));
    }
    // One row for each that was stored, and after it a row of nothing when it was claimed.
    let mut last = None;
    for row in query.fetch_all(conn).await? {
        match row.try_get::<Option<Uuid>, _>(0)? {
            Some(id) => {
                stored.insert(id, Accepted::Stored);
                last = Some(id);
            }
            None => {
                if let Some(id) = last {
                    stored.insert(id, Accepted::Claimed);
                }
            }
        }
    }
    Ok(())
}

/// `$1` to `$17`.
fn bind_submission<'q>(query: Query<'q>, new: &NewDelivery) -> Query<'q> {
    let [match_1, match_2, match_3] = new.match_keys;
    let idempotency = new.idempotency.as_ref();
    query
        .bind(raw(new.tenant))
        .bind(raw(new.id))
        .bind(new.environment.as_str())
        .bind(new.kind.as_str())
        .bind(new.credential.map(raw))
        .bind(&new.route_json)
        .bind(&new.warnings_json)
        .bind(&new.rule_set)
        .bind(new.traceparent.as_deref())
        .bind(new.pairing.map(|print| print.0.to_vec()))
        .bind(match_1.map(|print| print.0.to_vec()))
        .bind(match_2.map(|print| print.0.to_vec()))
        .bind(match_3.map(|print| print.0.to_vec()))
        .bind(idempotency.map(|idempotency| idempotency.route))
        .bind(idempotency.map(|idempotency| idempotency.key.0.to_vec()))
        .bind(idempotency.map(|idempotency| idempotency.content.0.to_vec()))
        .bind(idempotency.map(|idempotency| ms(idempotency.expires_at)))
}

/// `$18` to `$28`.
fn bind_delivery<'q>(query: Query<'q>, new: &NewDelivery) -> Query<'q> {
    query
        .bind(new.standing.status.as_str())
        .bind(new.standing.wait_reason.map(domain::WaitReason::as_str))
        .bind(new.standing.hold_reason.map(domain::HoldReason::as_str))
        .bind(new.standing.due_at.map(ms))
        .bind(new.lane.0.as_slice())
        .bind(new.opco.map(domain::Opco::slug))
        .bind(i64::from(new.instance))
        .bind(new.siret_cfa.as_str())
        .bind(new.siret_employeur.as_ref().map(domain::Siret::as_str))
        .bind(new.version.map(domain::NormVersion::as_str))
        .bind(ms(new.created_at))
}

/// `$29` to `$33`.
fn bind_payload<'q>(query: Query<'q>, new: &NewDelivery) -> Query<'q> {
    query
        .bind(new.sealed.body.as_slice())
        .bind(new.sealed.nir.as_deref())
        .bind(new.sealed.body_key.as_slice())
        .bind(new.sealed.nir_key.as_deref())
        .bind(new.person.0.as_slice())
}

/// `$34` to `$38`.
fn bind_mandate<'q>(query: Query<'q>, new: &NewDelivery) -> Query<'q> {
    let mandate = new.mandate.as_ref();
    query
        .bind(mandate.map(|mandate| raw(mandate.id)))
        .bind(mandate.map(|mandate| mandate.reference.as_str()))
        .bind(mandate.map(|mandate| mandate.signed_on.to_string()))
        .bind(
            mandate
                .and_then(|mandate| mandate.document_hash)
                .map(|hash| hash.to_vec()),
        )
        .bind(mandate.map(|mandate| mandate.author.as_str()))
}
