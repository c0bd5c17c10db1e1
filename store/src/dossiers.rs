//! Dossiers: the contract as the OPCO knows it, and what its lists of states change.

mod adopt;
mod apply;

use domain::{
    ContractId, DeliveryId, DossierId, Environment, Etat, Instance, Opco, Siret, TenantId,
    Timestamp,
};

pub use self::adopt::{
    Unlisted, adopt, awaiting, awaits_any, of_contract, renumber, tie, unlisted,
};
pub use self::apply::{EtatSeen, StateChange, apply_states};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::deliveries::Delivery;
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::settle::NewDossier;

/// The most rows of one page.
pub const MAX_PAGE: u32 = 1_000;

/// A contract as the OPCO knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: DossierId,
    /// Which world it belongs to.
    pub environment: Environment,
    /// The system that holds it.
    pub instance: Instance,
    /// The site.
    pub siret_cfa: Siret,
    /// The delivery that brought it there; absent when it was filed elsewhere and adopted.
    pub delivery: Option<DeliveryId>,
    /// The OPCO's technical number.
    pub numero_interne: Option<String>,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
    /// Where it stands; the last state we could read.
    pub etat: Option<Etat>,
    /// The state as the OPCO last spelled it.
    pub etat_raw: Option<String>,
    /// Since when.
    pub etat_at: Option<Timestamp>,
    /// When the OPCO last listed it.
    pub last_read_at: Option<Timestamp>,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl Dossier {
    /// Returns the name by which what bills it knows its contract.
    pub fn contract(&self) -> ContractId {
        let brought = self.delivery.map(ContractId::from);
        brought.unwrap_or_else(|| self.id.into())
    }
}

/// What a dossier became, and when we saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was seen.
    pub seen_at: Timestamp,
    /// The state; absent when it is one we do not know.
    pub etat: Option<Etat>,
    /// The state as the OPCO spelled it.
    pub etat_raw: Option<String>,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
}

/// Which dossiers to list; what is absent does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this world.
    pub environment: Option<Environment>,
    /// Only this operator.
    pub opco: Option<Opco>,
    /// Only this state.
    pub etat: Option<Etat>,
    /// Only these sites.
    pub sites: Option<Vec<Siret>>,
    /// Only those with exactly one of the OPCO's or the State's numbers.
    pub numero: Option<String>,
    /// Only those after this one, newest first.
    pub after: Option<DossierId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    dossier_id: Uuid,
    environment: String,
    opco: String,
    instance: i64,
    siret_cfa: String,
    delivery_id: Uuid,
    numero_interne: Option<String>,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
    etat: Option<String>,
    etat_raw: Option<String>,
    etat_at: Option<i64>,
    last_read_at: Option<i64>,
    created_at: i64,
}

macro_rules! columns {
    () => {
        "tenant_id, dossier_id, environment, opco, instance, siret_cfa, delivery_id,
         numero_interne, numero_externe, numero_deca, etat, etat_raw, etat_at, last_read_at,
         created_at"
    };
}
use columns;

impl TryFrom<Row> for Dossier {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "dossier",
            row: &row.dossier_id,
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.dossier_id.into(),
            environment: at.word("environment", &row.environment)?,
            instance: Instance {
                opco,
                number: at.number("instance", row.instance)?,
            },
            siret_cfa: at.word("siret_cfa", &row.siret_cfa)?,
            delivery: adopt::brought_by(row.delivery_id),
            etat: at.maybe_word("etat", row.etat.as_deref())?,
            etat_at: at.maybe_instant("etat_at", row.etat_at)?,
            last_read_at: at.maybe_instant("last_read_at", row.last_read_at)?,
            created_at: at.instant("created_at", row.created_at)?,
            numero_interne: row.numero_interne,
            numero_externe: row.numero_externe,
            numero_deca: row.numero_deca,
            etat_raw: row.etat_raw,
        })
    }
}

/// Returns a dossier of this network.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
) -> Result<Option<Dossier>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from dossier where tenant_id = $1 and dossier_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Dossier::try_from).transpose()
}

/// Returns the dossier a delivery led to: the one it opened, or the one the OPCO already had under
/// the number it answered.
pub async fn find_by_delivery(
    tx: &mut Tx,
    delivery: &Delivery,
) -> Result<Option<Dossier>, StoreError> {
    const OPENED: &str = concat!(
        "select ",
        columns!(),
        " from dossier where tenant_id = $1 and delivery_id = $2 order by dossier_id desc limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(OPENED)
        .bind(raw(delivery.tenant))
        .bind(raw(delivery.id))
        .fetch_optional(conn)
        .await?);
    if let Some(row) = row {
        return Ok(Some(row.try_into()?));
    }
    match (
        delivery.target(),
        delivery.receipt.numero_interne.as_deref(),
    ) {
        (Some(instance), Some(numero)) => {
            find_by_numero(tx, delivery.tenant, delivery.environment, instance, numero).await
        }
        _ => Ok(None),
    }
}

/// Returns every dossier that a delivery opened.
pub async fn opened_by(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Vec<Dossier>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from dossier where tenant_id = $1 and delivery_id = $2 order by dossier_id limit 100"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Dossier::try_from).collect()
}

/// Returns the dossier that a system knows under this technical number.
pub async fn find_by_numero(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    instance: Instance,
    numero_interne: &str,
) -> Result<Option<Dossier>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from dossier where tenant_id = $1 and environment = $2 and opco = $3 and instance = $4
          and numero_interne = $5 and numero_interne is not null"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(instance.opco.slug())
        .bind(i64::from(instance.number))
        .bind(numero_interne)
        .fetch_optional(conn)
        .await?);
    row.map(Dossier::try_from).transpose()
}

/// Lists dossiers of a network, newest first.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<Dossier>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from dossier where tenant_id = $1
          and ($2 is null or dossier_id < $2)
          and ($3 is null or environment = $3)
          and ($4 is null or opco = $4)
          and ($5 is null or etat = $5)
          and ($6 is null or $6 like '%' || siret_cfa || '%')
          and ($7 is null or numero_interne = $7 or numero_externe = $7 or numero_deca = $7)
        order by dossier_id desc limit $8"
    );
    let sites = filter.sites.as_deref().map(joined);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(filter.after.map(raw))
        .bind(filter.environment.map(Environment::as_str))
        .bind(filter.opco.map(Opco::slug))
        .bind(filter.etat.map(Etat::as_str))
        .bind(&sites)
        .bind(filter.numero.as_deref())
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Dossier::try_from).collect()
}

/// Which part of the list of states, as an operator gives it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    /// Only those after this one, oldest first.
    pub after: Option<DossierId>,
    /// How many are passed over.
    pub skip: u64,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: u32,
}

/// Lists the dossiers of a network that have a number, oldest first: a list that grows at its end,
/// so that its pages stay what they were.
pub async fn numbered(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    sites: Option<&[Siret]>,
    window: Window,
) -> Result<Vec<Dossier>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from dossier where tenant_id = $1 and environment = $2 and numero_interne is not null
          and ($3 is null or $3 like '%' || siret_cfa || '%')
          and ($4 is null or dossier_id > $4)
        order by dossier_id limit $5 offset $6"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(sites.map(joined))
        .bind(window.after.map(raw))
        .bind(i64::from(window.limit.clamp(1, MAX_PAGE)))
        .bind(i64::try_from(window.skip).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Dossier::try_from).collect()
}

/// Returns how many dossiers [`numbered`] lists in all.
pub async fn count_numbered(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    sites: Option<&[Siret]>,
) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from dossier
        where tenant_id = $1 and environment = $2 and numero_interne is not null
          and ($3 is null or $3 like '%' || siret_cfa || '%')";
    let count: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(sites.map(joined))
        .fetch_one(conn)
        .await?);
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Joins SIRETs by commas: each has fourteen digits, so that the text holds no other.
pub(crate) fn joined(sites: &[Siret]) -> String {
    sites
        .iter()
        .map(Siret::as_str)
        .collect::<Vec<_>>()
        .join(",")
}

/// Returns what a dossier was, oldest first.
pub async fn history(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
) -> Result<Vec<HistoryEntry>, StoreError> {
    type Entry = (
        i64,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    const SQL: &str = "select seen_at, etat, etat_raw, numero_externe, numero_deca
        from dossier_history where tenant_id = $1 and dossier_id = $2
        order by seen_at, entry_id limit $3";
    let id = raw(id);
    let rows: Vec<Entry> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(id)
        .bind(i64::from(MAX_PAGE))
        .fetch_all(conn)
        .await?);
    let at = At {
        table: "dossier_history",
        row: &id,
    };
    rows.into_iter()
        .map(|(seen_at, etat, etat_raw, numero_externe, numero_deca)| {
            Ok(HistoryEntry {
                seen_at: at.instant("seen_at", seen_at)?,
                etat: at.maybe_word("etat", etat.as_deref())?,
                etat_raw,
                numero_externe,
                numero_deca,
            })
        })
        .collect()
}

/// Opens the dossier of a delivery that a person said the OPCO has. The one already known under
/// the same number stays, and is returned when another delivery brought it; one that none brought is
/// this delivery's from now on.
///
/// # Errors
/// [`StoreError::Conflict`] when the delivery has no operator.
pub async fn open(
    tx: &mut Tx,
    delivery: &Delivery,
    dossier: &NewDossier,
    now: Timestamp,
) -> Result<Option<Dossier>, StoreError> {
    const SQL: &str = "insert into dossier (tenant_id, dossier_id, environment, opco, instance,
            siret_cfa, delivery_id, pairing, numero_interne, numero_externe, numero_deca, etat,
            etat_raw, etat_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        on conflict do nothing";
    const HISTORY: &str = "insert into dossier_history (tenant_id, dossier_id, entry_id, seen_at,
            etat, etat_raw, numero_externe, numero_deca)
        select tenant_id, dossier_id, dossier_id, created_at, etat, etat_raw, numero_externe,
            numero_deca
        from dossier where tenant_id = $1 and dossier_id = $2 and etat_raw is not null
        on conflict do nothing";
    let instance = delivery
        .target()
        .ok_or(StoreError::Conflict("the delivery has no operator"))?;
    let receipt = &dossier.receipt;
    let tenant = raw(delivery.tenant);
    let id = raw(dossier.id);
    let etat = receipt.etat.as_deref().and_then(Etat::read);
    run!(
        tx,
        sqlx::query(SQL)
            .bind(tenant)
            .bind(id)
            .bind(delivery.environment.as_str())
            .bind(instance.opco.slug())
            .bind(i64::from(instance.number))
            .bind(delivery.siret_cfa.as_str())
            .bind(raw(delivery.id))
            .bind(dossier.pairing.map(|print| print.0.to_vec()))
            .bind(receipt.numero_interne.as_deref())
            .bind(receipt.numero_externe.as_deref())
            .bind(receipt.numero_deca.as_deref())
            .bind(etat.map(Etat::as_str))
            .bind(receipt.etat.as_deref())
            .bind(receipt.etat.as_ref().map(|_| ms(now)))
            .bind(ms(now))
    );
    run!(tx, sqlx::query(HISTORY).bind(tenant).bind(id));
    let Some(numero) = receipt.numero_interne.as_deref() else {
        return Ok(None);
    };
    let world = delivery.environment;
    let known = find_by_numero(tx, delivery.tenant, world, instance, numero).await?;
    match known {
        Some(known) if known.delivery.is_none() => {
            adopt::tie(tx, &known, delivery).await?;
            Ok(None)
        }
        known => Ok(known.filter(|known| known.delivery != Some(delivery.id))),
    }
}
