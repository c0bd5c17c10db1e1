//! Invoices as the OPCO tells of them, and which contracts each bills. What they bill is in their
//! payloads, sealed. Which contracts a document of several is about is kept in the same table.

use domain::echeancier::EtatFacture;
use domain::id::{ContractId, DeliveryId, TenantId};
use domain::{Environment, Instance, Siret, Status, Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use crate::accept::NewDelivery;
use crate::column::{At, ms, raw};
use crate::deliveries;
use crate::dossiers;
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::read_jobs::ReadKey;

/// The row of an invoice that is a new delivery's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvoice {
    /// Who is paid.
    pub siret_emetteur: Siret,
    /// The CFA's own number.
    pub numero: String,
    /// The contracts it bills.
    pub contracts: Vec<ContractId>,
}

/// An invoice, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The delivery it is.
    pub delivery: DeliveryId,
    /// Where that delivery stands.
    pub status: Status,
    /// When it was handed in.
    pub created_at: Timestamp,
    /// When the delivery ended.
    pub finished_at: Option<Timestamp>,
    /// Who is paid.
    pub siret_emetteur: Siret,
    /// The CFA's own number.
    pub numero: String,
    /// What the OPCO says of it, or what its schedules show.
    pub etat: Option<EtatFacture>,
    /// The state as the OPCO spelled it; absent when it was derived.
    pub etat_raw: Option<String>,
    /// Since when.
    pub etat_at: Option<Timestamp>,
    /// The OPCO's number.
    pub numero_interne: Option<String>,
    /// The reference of the transfer.
    pub reference_virement: Option<String>,
    /// The day of the transfer.
    pub paid_on: Option<Date>,
    /// What the OPCO says of that state, masked.
    pub commentaire: Option<String>,
}

/// What is newly told of an invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its state.
    pub etat: Option<EtatFacture>,
    /// As the OPCO spelled it.
    pub etat_raw: Option<String>,
    /// The OPCO's number.
    pub numero_interne: Option<String>,
    /// The reference of the transfer.
    pub reference_virement: Option<String>,
    /// The day of the transfer.
    pub paid_on: Option<Date>,
    /// What the OPCO says of that state, masked; what it said of an earlier one goes with it.
    pub commentaire: Option<String>,
}

impl Invoice {
    /// Returns whether it counts as billed: on its way or at the OPCO, and not refused there.
    pub fn counts(&self) -> bool {
        let gone = matches!(
            self.status,
            Status::Rejected | Status::Cancelled | Status::Dead
        );
        !gone && !self.etat.is_some_and(EtatFacture::is_void)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    delivery_id: Uuid,
    status: String,
    created_at: i64,
    finished_at: Option<i64>,
    siret_emetteur: String,
    numero: String,
    etat: Option<String>,
    etat_raw: Option<String>,
    etat_at: Option<i64>,
    numero_interne: Option<String>,
    reference_virement: Option<String>,
    paid_on: Option<String>,
    commentaire: Option<String>,
}

macro_rules! columns {
    () => {
        "i.delivery_id, d.status, d.created_at, d.finished_at, i.siret_emetteur, i.numero, i.etat,
         i.etat_raw, i.etat_at, i.numero_interne, i.reference_virement, i.paid_on, i.commentaire"
    };
}

impl TryFrom<Row> for Invoice {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "invoice",
            row: &row.delivery_id,
        };
        Ok(Self {
            delivery: row.delivery_id.into(),
            status: at.word("status", &row.status)?,
            created_at: at.instant("created_at", row.created_at)?,
            finished_at: at.maybe_instant("finished_at", row.finished_at)?,
            siret_emetteur: at.word("siret_emetteur", &row.siret_emetteur)?,
            etat: at.maybe_word("etat", row.etat.as_deref())?,
            etat_at: at.maybe_instant("etat_at", row.etat_at)?,
            paid_on: at.maybe_word("paid_on", row.paid_on.as_deref())?,
            numero: row.numero,
            etat_raw: row.etat_raw,
            numero_interne: row.numero_interne,
            reference_virement: row.reference_virement,
            commentaire: row.commentaire,
        })
    }
}

/// Writes the rows of a delivery that was just stored.
pub(crate) async fn insert(tx: &mut Tx, new: &NewDelivery) -> Result<(), StoreError> {
    const INVOICE: &str = "insert into invoice (tenant_id, delivery_id, environment,
            siret_emetteur, numero)
        values ($1, $2, $3, $4, $5)";
    const CONTRACT: &str = "insert into invoice_contract (tenant_id, contract_id, delivery_id)
        values ($1, $2, $3) on conflict do nothing";
    if let Some(invoice) = &new.invoice {
        run!(
            tx,
            sqlx::query(INVOICE)
                .bind(raw(new.tenant))
                .bind(raw(new.id))
                .bind(new.environment.as_str())
                .bind(invoice.siret_emetteur.as_str())
                .bind(invoice.numero.as_str())
        );
    }
    let billed = new.invoice.iter().flat_map(|invoice| &invoice.contracts);
    for contract in billed.chain(&new.about) {
        run!(
            tx,
            sqlx::query(CONTRACT)
                .bind(raw(new.tenant))
                .bind(raw(*contract))
                .bind(raw(new.id))
        );
    }
    Ok(())
}

/// Returns the invoices that bill a contract, in the order they were handed in.
pub async fn of_contract(
    tx: &mut Tx,
    tenant: TenantId,
    contract: ContractId,
) -> Result<Vec<Invoice>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from invoice_contract c
          join invoice i on i.tenant_id = c.tenant_id and i.delivery_id = c.delivery_id
          join delivery d on d.tenant_id = c.tenant_id and d.delivery_id = c.delivery_id
          where c.tenant_id = $1 and c.contract_id = $2 order by c.delivery_id"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(contract))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Invoice::try_from).collect()
}

/// Returns what is about a contract among others: the invoices that bill it, and the documents of several.
pub async fn about(
    tx: &mut Tx,
    tenant: TenantId,
    contract: ContractId,
) -> Result<Vec<DeliveryId>, StoreError> {
    const SQL: &str = "select delivery_id from invoice_contract
        where tenant_id = $1 and contract_id = $2 order by delivery_id";
    let ids: Vec<Uuid> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(contract))
        .fetch_all(conn)
        .await?);
    Ok(ids.into_iter().map(DeliveryId::from).collect())
}

/// Returns the contracts that an invoice bills, or that a document is about when it is one of several.
pub async fn contracts(
    tx: &mut Tx,
    tenant: TenantId,
    invoice: DeliveryId,
) -> Result<Vec<ContractId>, StoreError> {
    const SQL: &str = "select contract_id from invoice_contract
        where tenant_id = $1 and delivery_id = $2 order by contract_id";
    let rows: Vec<(Uuid,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(invoice))
        .fetch_all(conn)
        .await?);
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Returns the invoices that bear a number of an emitter, the newest first.
pub async fn by_numero(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    siret_emetteur: Siret,
    numero: &str,
) -> Result<Vec<Invoice>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from invoice i
          join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
          where i.tenant_id = $1 and i.environment = $2 and i.siret_emetteur = $3
            and i.numero = $4 order by i.delivery_id desc limit 20"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(siret_emetteur.as_str())
        .bind(numero)
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Invoice::try_from).collect()
}

/// Returns one invoice.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Option<Invoice>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from invoice i
          join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
          where i.tenant_id = $1 and i.delivery_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_optional(conn)
        .await?);
    row.map(Invoice::try_from).transpose()
}

/// Keeps what is newly told of an invoice; what is not told stays. One that was given up may be handed
/// in again under its number, corrected.
pub async fn tell(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
    told: &Told,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update invoice set
            etat_at = case when $3 is null or etat = $3 then etat_at else $8 end,
            etat = coalesce($3, etat), etat_raw = coalesce($4, etat_raw),
            numero_interne = coalesce($5, numero_interne),
            reference_virement = coalesce($6, reference_virement),
            paid_on = coalesce($7, paid_on),
            commentaire = case when $3 is null or etat = $3 then coalesce($9, commentaire) else $9 end
        where tenant_id = $1 and delivery_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(delivery))
            .bind(told.etat.map(EtatFacture::as_str))
            .bind(told.etat_raw.as_deref())
            .bind(told.numero_interne.as_deref())
            .bind(told.reference_virement.as_deref())
            .bind(told.paid_on.map(|day| day.to_string()))
            .bind(ms(now))
            .bind(told.commentaire.as_deref())
    );
    if told.etat.is_some_and(EtatFacture::is_void) {
        deliveries::set_active(tx, tenant, delivery, false).await?;
    }
    Ok(())
}

/// Has the invoices of a contract that wait for its dossier looked at again at once; those that wait
/// for an opening too when `schedule_moved`.
pub async fn wake(
    tx: &mut Tx,
    tenant: TenantId,
    contract: ContractId,
    schedule_moved: bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "update delivery set due_at = $3
        where tenant_id = $1 and delivery_id in (
            select delivery_id from invoice_contract where tenant_id = $1 and contract_id = $2)
          and status = 'waiting' and due_at > $3
          and (wait_reason = 'dossier' or ($4 and wait_reason = 'opening_date'))";
    Ok(run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(contract))
            .bind(ms(now))
            .bind(schedule_moved)
    ))
}

/// Returns the invoices of an emitter that a system has and that are neither paid nor given up.
pub async fn open_at(tx: &mut Tx, key: &ReadKey) -> Result<Vec<Invoice>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from invoice i
          join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
          where i.tenant_id = $1 and i.environment = $2 and i.siret_emetteur = $3
            and d.opco = $4 and d.instance = $5 and d.status = 'delivered'
            and (i.etat is null or i.etat not in ('REGLE', 'REJETE', 'ANNULE'))
          order by i.delivery_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(key.tenant))
        .bind(key.environment.as_str())
        .bind(key.siret_cfa.as_str())
        .bind(key.instance.opco.slug())
        .bind(i64::from(key.instance.number))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Invoice::try_from).collect()
}

/// An invoice that an OPCO has, and which of its systems.
#[derive(sqlx::FromRow)]
struct PlacedRow {
    #[sqlx(flatten)]
    row: Row,
    opco: String,
    instance: i64,
}

/// Lists the invoices of some sites that an OPCO has, oldest first: a list that grows at its end, so that
/// its pages stay what they were.
pub async fn at_opcos(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    sites: Option<&[Siret]>,
    (skip, limit): (u64, u32),
) -> Result<Vec<(Invoice, Instance)>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        ", d.opco, d.instance from invoice i
          join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
          where i.tenant_id = $1 and i.environment = $2 and d.status = 'delivered'
            and d.opco is not null and ($3 is null or $3 like '%' || d.siret_cfa || '%')
          order by i.delivery_id limit $4 offset $5"
    );
    let rows: Vec<PlacedRow> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(sites.map(dossiers::joined))
        .bind(i64::from(limit.clamp(1, dossiers::MAX_PAGE)))
        .bind(i64::try_from(skip).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?);
    let placed = |placed: PlacedRow| {
        let at = At {
            table: "delivery",
            row: &placed.row.delivery_id,
        };
        let instance = Instance {
            opco: at.word("opco", &placed.opco)?,
            number: at.number("instance", placed.instance)?,
        };
        Ok((placed.row.try_into()?, instance))
    };
    rows.into_iter().map(placed).collect()
}

/// Returns how many invoices [`at_opcos`] lists in all.
pub async fn count_at_opcos(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    sites: Option<&[Siret]>,
) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from invoice i
          join delivery d on d.tenant_id = i.tenant_id and d.delivery_id = i.delivery_id
          where i.tenant_id = $1 and i.environment = $2 and d.status = 'delivered'
            and d.opco is not null and ($3 is null or $3 like '%' || d.siret_cfa || '%')";
    let count: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(sites.map(dossiers::joined))
        .fetch_one(conn)
        .await?);
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Returns when an invoice left for its OPCO: the first write that it took, or may have taken.
pub async fn left_at(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "select min(opened_at) from attempt
        where tenant_id = $1 and delivery_id = $2 and purpose = 'write'
          and (outcome is null or outcome in ('taken', 'lost'))";
    let left: Option<i64> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_one(conn)
        .await?);
    let at = At {
        table: "attempt",
        row: &delivery,
    };
    at.maybe_instant("opened_at", left)
}
