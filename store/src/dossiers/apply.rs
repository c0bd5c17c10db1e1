//! What a list of states changes. A list never erases: what is not on it is only not fresh.

use std::collections::HashMap;

use domain::{
    ContractId, DeliveryId, DossierId, Environment, Etat, EventId, Instance, Siret, TenantId,
    Timestamp,
};
use uuid::Uuid;

use super::adopt::brought_by;
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, run};
use crate::{deliveries, invoices, schedules};

/// One line of an OPCO's list of states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EtatSeen {
    /// The OPCO's technical number: how the dossier is known again.
    pub numero_interne: String,
    /// The number of the business exchange, when told.
    pub numero_externe: Option<String>,
    /// The State's deposit number, when told.
    pub numero_deca: Option<String>,
    /// The state as the OPCO spelled it, when told.
    pub etat: Option<String>,
}

/// A dossier that is no longer what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Which.
    pub dossier: DossierId,
    /// The delivery that brought it there; absent when it was filed elsewhere and adopted.
    pub delivery: Option<DeliveryId>,
    /// The name by which what bills it knows its contract.
    pub contract: ContractId,
    /// The state before.
    pub before: Option<Etat>,
    /// The state now: the one before when the new one is not known to us.
    pub after: Option<Etat>,
    /// The state as the OPCO spells it now.
    pub raw: Option<String>,
    /// Whether it spells a state we do not know: kept raw, and someone should look.
    pub unknown: bool,
    /// The State's deposit number, when it was told for the first time or changed.
    pub new_deca: Option<String>,
    /// The number of the business exchange, when it was told for the first time or changed.
    pub new_externe: Option<String>,
}

/// What is known of a dossier before the list is read.
struct Known {
    dossier: Uuid,
    delivery: Option<DeliveryId>,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
    etat: Option<String>,
    etat_raw: Option<String>,
}

/// Compares a site's list of states at one system with what is known, keeps what changed, and
/// returns it. Lines of dossiers that are not ours are for [`crate::strangers`].
///
/// A state we do not know changes nothing but the raw text (protocol §8). A contract that was
/// refused or cancelled may be filed again.
pub async fn apply_states(
    tx: &mut Tx,
    tenant: TenantId,
    siret_cfa: &Siret,
    instance: Instance,
    environment: Environment,
    seen: &[EtatSeen],
    now: Timestamp,
) -> Result<Vec<StateChange>, StoreError> {
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let known = known(tx, tenant, siret_cfa, instance, environment).await?;
    let mut changes = Vec::new();
    let mut fresh: Vec<Uuid> = Vec::with_capacity(seen.len());
    for line in seen {
        let Some(known) = known.get(&line.numero_interne) else {
            continue;
        };
        fresh.push(known.dossier);
        if let Some(change) = compare(known, line)? {
            keep(tx, tenant, &change, line, now).await?;
            changes.push(change);
        }
    }
    freshen(tx, tenant, &fresh, now).await?;
    Ok(changes)
}

async fn known(
    tx: &mut Tx,
    tenant: TenantId,
    siret_cfa: &Siret,
    instance: Instance,
    environment: Environment,
) -> Result<HashMap<String, Known>, StoreError> {
    type Row = (
        String,
        Uuid,
        Uuid,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    const SQL: &str = "select numero_interne, dossier_id, delivery_id, numero_externe, numero_deca,
            etat, etat_raw
        from dossier where tenant_id = $1 and environment = $2 and opco = $3 and instance = $4
          and siret_cfa = $5 and numero_interne is not null";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(instance.opco.slug())
        .bind(i64::from(instance.number))
        .bind(siret_cfa.as_str())
        .fetch_all(conn)
        .await?);
    Ok(rows
        .into_iter()
        .map(
            |(numero, dossier, delivery, numero_externe, numero_deca, etat, etat_raw)| {
                let known = Known {
                    dossier,
                    delivery: brought_by(delivery),
                    numero_externe,
                    numero_deca,
                    etat,
                    etat_raw,
                };
                (numero, known)
            },
        )
        .collect())
}

/// Returns what the line changes, or nothing. What the line does not tell stays as it was.
fn compare(known: &Known, line: &EtatSeen) -> Result<Option<StateChange>, StoreError> {
    let at = At {
        table: "dossier",
        row: &known.dossier,
    };
    let before: Option<Etat> = at.maybe_word("etat", known.etat.as_deref())?;
    let raw = line.etat.clone().or_else(|| known.etat_raw.clone());
    let read = line.etat.as_deref().and_then(Etat::read);
    let told = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
    let deca = told(&line.numero_deca, &known.numero_deca);
    let externe = told(&line.numero_externe, &known.numero_externe);
    if raw == known.etat_raw && !deca && !externe {
        return Ok(None);
    }
    Ok(Some(StateChange {
        dossier: known.dossier.into(),
        delivery: known.delivery,
        contract: known
            .delivery
            .map_or_else(|| DossierId::from(known.dossier).into(), ContractId::from),
        before,
        after: read.or(before),
        unknown: line.etat.is_some() && read.is_none(),
        raw,
        new_deca: line.numero_deca.clone().filter(|_| deca),
        new_externe: line.numero_externe.clone().filter(|_| externe),
    }))
}

async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    change: &StateChange,
    line: &EtatSeen,
    now: Timestamp,
) -> Result<(), StoreError> {
    const DOSSIER: &str = "update dossier set etat = $3, etat_raw = $4,
            etat_at = case when etat_raw = $4 then etat_at else $7 end,
            numero_externe = coalesce($5, numero_externe),
            numero_deca = coalesce($6, numero_deca)
        where tenant_id = $1 and dossier_id = $2";
    const HISTORY: &str = "insert into dossier_history (tenant_id, dossier_id, entry_id, seen_at,
            etat, etat_raw, numero_externe, numero_deca)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let tenant = raw(tenant);
    let dossier = raw(change.dossier);
    // What we cannot read is history too, but it is not said to be the state before it.
    let read = if change.unknown { None } else { change.after };
    run!(
        tx,
        sqlx::query(DOSSIER)
            .bind(tenant)
            .bind(dossier)
            .bind(change.after.map(Etat::as_str))
            .bind(change.raw.as_deref())
            .bind(line.numero_externe.as_deref())
            .bind(line.numero_deca.as_deref())
            .bind(ms(now))
    );
    run!(
        tx,
        sqlx::query(HISTORY)
            .bind(tenant)
            .bind(dossier)
            .bind(raw(EventId::new(now)))
            .bind(ms(now))
            .bind(read.map(Etat::as_str))
            .bind(change.raw.as_deref())
            .bind(line.numero_externe.as_deref())
            .bind(line.numero_deca.as_deref())
    );
    invoices::wake(tx, tenant.into(), change.contract, false, now).await?;
    schedules::moved(tx, tenant, dossier, now).await?;
    match change.delivery {
        Some(delivery) => keep_delivery(tx, tenant, (change, delivery), line, now).await,
        None => wake_site(tx, tenant, dossier, now).await,
    }
}

/// Keeps with the delivery what the dossier it brought is now.
async fn keep_delivery(
    tx: &mut Tx,
    tenant: Uuid,
    (change, delivery): (&StateChange, DeliveryId),
    line: &EtatSeen,
    now: Timestamp,
) -> Result<(), StoreError> {
    const DELIVERY: &str = "update delivery set numero_externe = coalesce($3, numero_externe),
            numero_deca = coalesce($4, numero_deca), updated_at = $5
        where tenant_id = $1 and delivery_id = $2";
    // What waits for the dossier to move on is looked at again at once.
    const WAITERS: &str = "update delivery set due_at = $3
        where lane = (select lane from delivery where tenant_id = $1 and delivery_id = $2)
          and tenant_id is not distinct from $1
          and status = 'waiting' and wait_reason = 'dossier' and due_at > $3";
    run!(
        tx,
        sqlx::query(DELIVERY)
            .bind(tenant)
            .bind(raw(delivery))
            .bind(line.numero_externe.as_deref())
            .bind(line.numero_deca.as_deref())
            .bind(ms(now))
    );
    run!(
        tx,
        sqlx::query(WAITERS)
            .bind(tenant)
            .bind(raw(delivery))
            .bind(ms(now))
    );
    if change.after.is_some_and(Etat::reopens) && change.before != change.after {
        deliveries::set_active(tx, tenant.into(), delivery, false).await?;
    }
    Ok(())
}

/// Has what waits for a dossier that no delivery brought looked at again: its line is that of its
/// number, which the store cannot tell, so that all of the site at that system is.
async fn wake_site(
    tx: &mut Tx,
    tenant: Uuid,
    dossier: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update delivery set due_at = $3
        where tenant_id = $1 and status = 'waiting' and wait_reason = 'dossier' and due_at > $3
          and kind <> 'dossier'
          and (environment, opco, instance, siret_cfa) = (
            select environment, opco, instance, siret_cfa from dossier
            where tenant_id = $1 and dossier_id = $2)";
    run!(
        tx,
        sqlx::query(SQL).bind(tenant).bind(dossier).bind(ms(now))
    );
    Ok(())
}

/// Remembers that these dossiers were on the list.
async fn freshen(
    tx: &mut Tx,
    tenant: TenantId,
    dossiers: &[Uuid],
    now: Timestamp,
) -> Result<(), StoreError> {
    const ONE: &str = "update dossier set last_read_at = $3
        where tenant_id = $1 and dossier_id = $2";
    const ALL: &str = "update dossier set last_read_at = $3
        where tenant_id = $1 and dossier_id = any($2)";
    let tenant = raw(tenant);
    match &mut tx.engine {
        Engine::Sqlite(conn) => {
            for dossier in dossiers {
                sqlx::query(ONE)
                    .bind(tenant)
                    .bind(*dossier)
                    .bind(ms(now))
                    .execute(&mut **conn)
                    .await?;
            }
        }
        Engine::Postgres(conn) => {
            sqlx::query(ALL)
                .bind(tenant)
                .bind(dossiers)
                .bind(ms(now))
                .execute(&mut **conn)
                .await?;
        }
    }
    Ok(())
}
