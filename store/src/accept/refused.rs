//! Why a payload was not stored: the delivery that was there first.
use uuid::Uuid;

use crate::accept::{Accepted, NewDelivery};
use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::near;
use crate::pool::{Tx, on, run};

/// Returns why `new` was not stored, or nothing when what stood in its way is gone and it may be
/// tried again. An expired idempotency key is forgotten on the way.
pub(super) async fn reason(tx: &mut Tx, new: &NewDelivery) -> Result<Option<Accepted>, StoreError> {
    const SAME: &str =
        "select delivery_id from submission where tenant_id = $1 and delivery_id = $2";
    const PAIRING: &str = "select delivery_id from submission
        where tenant_id = $1 and environment = $2 and kind = $3 and pairing = $4
          and active = 1 and pairing is not null";
    let tenant = raw(new.tenant);
    let id = raw(new.id);
    let same: Option<Uuid> = on!(tx, |conn| sqlx::query_scalar(SAME)
        .bind(tenant)
        .bind(id)
        .fetch_optional(conn)
        .await?);
    if same.is_some() {
        return Ok(Some(Accepted::Stored));
    }
    if let Some(answer) = by_idempotency_key(tx, new, tenant).await? {
        return Ok(answer);
    }
    if let Some(pairing) = &new.pairing {
        let found: Option<Uuid> = on!(tx, |conn| sqlx::query_scalar(PAIRING)
            .bind(tenant)
            .bind(new.environment.as_str())
            .bind(new.kind.as_str())
            .bind(pairing.0.as_slice())
            .fetch_optional(conn)
            .await?);
        if let Some(existing) = found {
            return Ok(Some(Accepted::DuplicateDossier {
                existing: existing.into(),
            }));
        }
    }
    if new.compared {
        return Ok(None);
    }
    let hits = near::hits(tx, &new.near()).await?;
    Ok((!hits.is_empty()).then_some(Accepted::Resembles { hits }))
}

/// Returns nothing when the key is free, `Some(None)` when it was expired and is free now.
async fn by_idempotency_key(
    tx: &mut Tx,
    new: &NewDelivery,
    tenant: Uuid,
) -> Result<Option<Option<Accepted>>, StoreError> {
    const FIND: &str = "select delivery_id, idempotency_content, idempotency_expires_at
        from submission
        where tenant_id = $1 and idempotency_route = $2 and idempotency_key = $3
          and idempotency_key is not null";
    const FORGET: &str = "update submission
        set idempotency_route = null, idempotency_key = null, idempotency_content = null,
            idempotency_expires_at = null
        where tenant_id = $1 and delivery_id = $2 and idempotency_expires_at <= $3";
    let Some(idempotency) = &new.idempotency else {
        return Ok(None);
    };
    let found: Option<(Uuid, Vec<u8>, i64)> = on!(tx, |conn| sqlx::query_as(FIND)
        .bind(tenant)
        .bind(idempotency.route)
        .bind(idempotency.key.0.as_slice())
        .fetch_optional(conn)
        .await?);
    let Some((existing, content, expires_at)) = found else {
        return Ok(None);
    };
    let now = ms(new.created_at);
    if expires_at <= now {
        run!(
            tx,
            sqlx::query(FORGET).bind(tenant).bind(existing).bind(now)
        );
        return Ok(Some(None));
    }
    Ok(Some(Some(Accepted::Replayed {
        existing: existing.into(),
        same_content: content == idempotency.content.0,
    })))
}
