//! What the money of many dossiers hangs on, read at once: which readings of each schedule are kept, which
//! invoices bill it, and where those stand. What is sealed stays closed: only its name is told.

mod moved;
mod stuck;

use std::collections::HashMap;

use domain::echeancier::EtatFacture;
use domain::id::{DeliveryId, DossierId, SnapshotId, TenantId};
use domain::{Status, Timestamp};
use uuid::Uuid;

use crate::column::{At, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on};

pub use self::moved::{Moved, since};
pub use self::stuck::{Stuck, Whose, stuck};

/// What the money of one dossier hangs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Every reading of its schedule that told something new and is not shredded, the oldest first.
    pub readings: Vec<Reading>,
    /// The invoices that bill it, in the order they were handed in.
    pub invoices: Vec<Bill>,
    /// Whether its contract can still be opened; told of those whose schedule was read.
    pub contract: bool,
}

/// A reading of a schedule, closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Its name, by which it was sealed.
    pub id: SnapshotId,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// Whether it is the one in force.
    pub current: bool,
}

/// An invoice, closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The delivery it is.
    pub delivery: DeliveryId,
    /// The CFA's own number.
    pub numero: String,
    /// Where the delivery stands.
    pub status: Status,
    /// What the OPCO says of it, or what its schedules show.
    pub etat: Option<EtatFacture>,
    /// When it was handed in.
    pub created_at: Timestamp,
    /// Whether it can still be opened.
    pub there: bool,
}

/// Returns what the money of each dossier of a network hangs on, of those whose names lie between two. A
/// dossier of which nothing is known is not there.
pub async fn between(
    tx: &mut Tx,
    tenant: TenantId,
    (least, most): (DossierId, DossierId),
) -> Result<HashMap<DossierId, Account>, StoreError> {
    let range = Range {
        tenant: raw(tenant),
        least: raw(least),
        most: raw(most),
    };
    let mut accounts = HashMap::new();
    readings(tx, &range, &mut accounts).await?;
    bills(tx, &range, &mut accounts).await?;
    Ok(accounts)
}

/// The same of some dossiers, wherever their names lie.
pub async fn of(
    tx: &mut Tx,
    tenant: TenantId,
    dossiers: &[DossierId],
) -> Result<HashMap<DossierId, Account>, StoreError> {
    let mut accounts = HashMap::new();
    for id in dossiers {
        accounts.extend(between(tx, tenant, (*id, *id)).await?);
    }
    Ok(accounts)
}

struct Range {
    tenant: Uuid,
    least: Uuid,
    most: Uuid,
}

type Accounts = HashMap<DossierId, Account>;

async fn readings(tx: &mut Tx, range: &Range, into: &mut Accounts) -> Result<(), StoreError> {
    type Row = (Uuid, Uuid, i64, bool, bool);
    // A payload and its key go together: where the key is, so is what it opens.
    const SQL: &str = "select p.dossier_id, p.snapshot_id, p.first_seen_at,
            coalesce(p.snapshot_id = s.snapshot_id, false),
            exists (select 1 from dossier d
                join object_key k on k.tenant_id = d.tenant_id and k.object_id = d.delivery_id
                where d.tenant_id = s.tenant_id and d.dossier_id = s.dossier_id)
        from schedule s
        join schedule_snapshot p on p.tenant_id = s.tenant_id and p.dossier_id = s.dossier_id
        where s.tenant_id = $1 and s.dossier_id >= $2 and s.dossier_id <= $3
          and p.sealed is not null
        order by p.dossier_id, p.snapshot_id";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(range.tenant)
        .bind(range.least)
        .bind(range.most)
        .fetch_all(conn)
        .await?);
    for (dossier, id, first, current, contract) in rows {
        let at = At {
            table: "schedule_snapshot",
            row: &id,
        };
        let reading = Reading {
            id: id.into(),
            first_seen_at: at.instant("first_seen_at", first)?,
            current,
        };
        let account: &mut Account = into.entry(dossier.into()).or_default();
        account.readings.push(reading);
        account.contract = contract;
    }
    Ok(())
}

async fn bills(tx: &mut Tx, range: &Range, into: &mut Accounts) -> Result<(), StoreError> {
    type Row = (Uuid, Uuid, String, String, Option<String>, i64, bool);
    // What no delivery brought is known by its own name ([`Dossier::contract`](crate::Dossier::contract)).
    // Crossed, so that SQLite begins with the dossiers asked for: to have the invoices in order it would
    // otherwise walk all those of the network, and look for their dossier among every one of the range.
    const SQL: &str =
        "select d.dossier_id, c.delivery_id, i.numero, b.status, i.etat, b.created_at,
            exists (select 1 from object_key k
                where k.tenant_id = c.tenant_id and k.object_id = c.delivery_id)
        from dossier d
        cross join invoice_contract c
        join invoice i on i.tenant_id = c.tenant_id and i.delivery_id = c.delivery_id
        join delivery b on b.tenant_id = c.tenant_id and b.delivery_id = c.delivery_id
        where d.tenant_id = $1 and d.dossier_id >= $2 and d.dossier_id <= $3
          and c.tenant_id = d.tenant_id
          and c.contract_id = case when d.delivery_id = $4 then d.dossier_id else d.delivery_id end
        order by c.delivery_id";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(range.tenant)
        .bind(range.least)
        .bind(range.most)
        .bind(Uuid::nil())
        .fetch_all(conn)
        .await?);
    for (dossier, delivery, numero, status, etat, created, there) in rows {
        let at = At {
            table: "invoice",
            row: &delivery,
        };
        let bill = Bill {
            delivery: delivery.into(),
            numero,
            status: at.word("status", &status)?,
            etat: at.maybe_word("etat", etat.as_deref())?,
            created_at: at.instant("created_at", created)?,
            there,
        };
        let account = into.entry(dossier.into()).or_default();
        account.invoices.push(bill);
    }
    Ok(())
}
