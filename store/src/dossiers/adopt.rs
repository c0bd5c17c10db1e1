//! Dossiers that no delivery of ours opened, tied to ours; and ours that the OPCO does not show.

use std::time::Duration;

use domain::id::{ContractId, DeliveryId, DossierId, TenantId};
use domain::{Environment, Etat, EventId, Opco, Siret, Timestamp};
use uuid::Uuid;

use super::{Dossier, MAX_PAGE, Row, columns, find, find_by_delivery, joined};
use crate::column::{ms, raw};
use crate::deliveries::{self, Delivery};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, run};
use crate::sealing::Fingerprint;
use crate::strangers::Stranger;

/// Returns the dossier of a contract.
pub async fn of_contract(
    tx: &mut Tx,
    tenant: TenantId,
    contract: ContractId,
) -> Result<Option<Dossier>, StoreError> {
    let id = raw(contract);
    match deliveries::find(tx, tenant, id.into()).await? {
        Some(delivery) => find_by_delivery(tx, &delivery).await,
        None => find(tx, tenant, id.into()).await,
    }
}

/// Follows a stranger as a dossier of ours, which no delivery brought; it keeps its name.
///
/// # Errors
/// [`StoreError::Conflict`] when a dossier of ours has its number already.
pub async fn adopt(tx: &mut Tx, stranger: &Stranger, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "insert into dossier (tenant_id, dossier_id, environment, opco, instance,
            siret_cfa, delivery_id, pairing, numero_interne, numero_externe, numero_deca, etat,
            etat_raw, etat_at, last_read_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $14)
        on conflict do nothing";
    let etat = stranger.etat_raw.as_deref().and_then(Etat::read);
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(stranger.tenant))
            .bind(raw(stranger.id))
            .bind(stranger.environment.as_str())
            .bind(stranger.instance.opco.slug())
            .bind(i64::from(stranger.instance.number))
            .bind(stranger.siret_cfa.as_str())
            .bind(Uuid::nil())
            .bind(
                stranger
                    .prints
                    .pairing
                    .map(|print: Fingerprint| print.0.to_vec())
            )
            .bind(stranger.numero_interne.as_str())
            .bind(stranger.numero_externe.as_deref())
            .bind(stranger.numero_deca.as_deref())
            .bind(etat.map(Etat::as_str))
            .bind(stranger.etat_raw.as_deref())
            .bind(ms(now))
            .bind(ms(stranger.last_seen_at))
    );
    if done == 0 {
        return Err(StoreError::Conflict("a dossier has that number"));
    }
    remember(tx, stranger.tenant, stranger.id, now).await
}

/// Gives a dossier of ours, under whose number the OPCO shows nothing, the numbers and the state of a
/// stranger. Returns whether it could.
pub async fn renumber(
    tx: &mut Tx,
    dossier: &Dossier,
    stranger: &Stranger,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update dossier set siret_cfa = $3, numero_interne = $4,
            numero_externe = $5, numero_deca = $6, etat = coalesce($7, etat), etat_raw = $8,
            etat_at = $9, last_read_at = $10
        where tenant_id = $1 and dossier_id = $2 and not exists (
            select 1 from dossier other where other.tenant_id = $1
              and other.environment = dossier.environment and other.opco = dossier.opco
              and other.instance = dossier.instance and other.numero_interne = $4
              and other.numero_interne is not null)";
    let etat = stranger.etat_raw.as_deref().and_then(Etat::read);
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(dossier.tenant))
            .bind(raw(dossier.id))
            .bind(stranger.siret_cfa.as_str())
            .bind(stranger.numero_interne.as_str())
            .bind(stranger.numero_externe.as_deref())
            .bind(stranger.numero_deca.as_deref())
            .bind(etat.map(Etat::as_str))
            .bind(stranger.etat_raw.as_deref())
            .bind(ms(now))
            .bind(ms(stranger.last_seen_at))
    );
    if done > 0 {
        remember(tx, dossier.tenant, dossier.id, now).await?;
    }
    Ok(done > 0)
}

/// Returns whether a network follows a dossier that no delivery brought, and that a contract handed in
/// later may be.
pub async fn awaits_any(tx: &mut Tx, tenant: TenantId) -> Result<bool, StoreError> {
    macro_rules! sql {
        ($nobody:literal) => {
            concat!(
                "select count(*) from (select 1 from dossier where tenant_id = $1
                  and pairing is not null and delivery_id = ",
                $nobody,
                " limit 1) as one"
            )
        };
    }
    let sql = match &tx.engine {
        Engine::Sqlite(_) => sql!("x'00000000000000000000000000000000'"),
        Engine::Postgres(_) => sql!("'00000000-0000-0000-0000-000000000000'"),
    };
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(sql)
        .bind(raw(tenant))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Returns the dossier, adopted and brought by no delivery, that a contract is by the norm's own key: where
/// that contract goes, and unless the OPCO refused or annulled it.
pub async fn awaiting(
    tx: &mut Tx,
    delivery: &Delivery,
    pairing: Fingerprint,
) -> Result<Option<Dossier>, StoreError> {
    macro_rules! sql {
        ($nobody:literal) => {
            concat!(
                "select ",
                columns!(),
                " from dossier where tenant_id = $1 and environment = $2 and pairing = $3
                  and opco = $4 and instance = $5 and numero_interne is not null
                  and (etat is null or etat not in ('REFUSE', 'ANNULE')) and delivery_id = ",
                $nobody,
                " order by dossier_id desc limit 1"
            )
        };
    }
    let Some(instance) = delivery.target() else {
        return Ok(None);
    };
    let sql = match &tx.engine {
        Engine::Sqlite(_) => sql!("x'00000000000000000000000000000000'"),
        Engine::Postgres(_) => sql!("'00000000-0000-0000-0000-000000000000'"),
    };
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(raw(delivery.tenant))
        .bind(delivery.environment.as_str())
        .bind(pairing.0.to_vec())
        .bind(instance.opco.slug())
        .bind(i64::from(instance.number))
        .fetch_optional(conn)
        .await?);
    row.map(Dossier::try_from).transpose()
}

/// Ties a dossier that no delivery brought to one that did; what bills it follows.
pub async fn tie(tx: &mut Tx, dossier: &Dossier, delivery: &Delivery) -> Result<(), StoreError> {
    const DOSSIER: &str = "update dossier set delivery_id = $3
        where tenant_id = $1 and dossier_id = $2";
    const BILLS: &str = "update invoice_contract set contract_id = $3
        where tenant_id = $1 and contract_id = $2";
    // What named both already, before they were known to be one.
    const TWICE: &str = "delete from invoice_contract
        where tenant_id = $1 and contract_id = $2 and delivery_id in (
            select delivery_id from invoice_contract where tenant_id = $1 and contract_id = $3)";
    for sql in [DOSSIER, TWICE, BILLS] {
        run!(
            tx,
            sqlx::query(sql)
                .bind(raw(dossier.tenant))
                .bind(raw(dossier.id))
                .bind(raw(delivery.id))
        );
    }
    Ok(())
}

/// Adds what a dossier is now to its history.
async fn remember(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into dossier_history (tenant_id, dossier_id, entry_id, seen_at,
            etat, etat_raw, numero_externe, numero_deca)
        select tenant_id, dossier_id, $3, $4, etat, etat_raw, numero_externe, numero_deca
        from dossier where tenant_id = $1 and dossier_id = $2 and etat_raw is not null";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(raw(EventId::new(now)))
            .bind(ms(now))
    );
    Ok(())
}

/// Which of our dossiers that no list shows; what is absent does not restrict.
#[derive(Debug, Clone)]
pub struct Unlisted {
    /// Only this world.
    pub environment: Environment,
    /// Only this operator.
    pub opco: Option<Opco>,
    /// Only these sites.
    pub sites: Option<Vec<Siret>>,
    /// How long a list must have been read without it.
    pub grace: Duration,
    /// Only those after this one, newest first.
    pub after: Option<DossierId>,
}

/// Lists the dossiers that our deliveries brought and that the lists of their site have not shown for a
/// while (VEI-004). What a list showed once is missed only when it shows others since: an empty
/// answer is none (VEI-005). What ended may leave a list.
pub async fn unlisted(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Unlisted,
    limit: u32,
) -> Result<Vec<Dossier>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from dossier d where tenant_id = $1 and environment = $2
          and ($3 is null or dossier_id < $3)
          and ($4 is null or opco = $4)
          and ($5 is null or $5 like '%' || siret_cfa || '%')
          and delivery_id <> $6 and numero_interne is not null
          and (etat is null or etat not in ('REFUSE', 'ANNULE', 'SOLDE'))
          and exists (select 1 from read_job j where j.tenant_id = d.tenant_id
            and j.siret_cfa = d.siret_cfa and j.opco = d.opco and j.instance = d.instance
            and j.environment = d.environment
            and j.last_read_at >= coalesce(d.last_read_at, d.created_at) + $7)
          and (last_read_at is null or exists (
            select 1 from dossier o where o.tenant_id = d.tenant_id
              and o.environment = d.environment and o.opco = d.opco
              and o.instance = d.instance and o.siret_cfa = d.siret_cfa
              and o.last_read_at >= d.last_read_at + $7))
        order by dossier_id desc limit $8"
    );
    let grace = i64::try_from(filter.grace.as_millis()).unwrap_or(i64::MAX / 4);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(filter.environment.as_str())
        .bind(filter.after.map(raw))
        .bind(filter.opco.map(Opco::slug))
        .bind(filter.sites.as_deref().map(joined))
        .bind(Uuid::nil())
        .bind(grace)
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Dossier::try_from).collect()
}

/// Returns the delivery a column names; the nil identifier names none.
pub(super) fn brought_by(id: Uuid) -> Option<DeliveryId> {
    Some(id).filter(|id| !id.is_nil()).map(Into::into)
}
