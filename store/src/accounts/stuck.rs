//! The invoices that no OPCO has, and what keeps each of them here.

use domain::id::{DeliveryId, TenantId};
use domain::{Environment, HoldReason, Opco, Siret, Status, WaitReason};
use uuid::Uuid;

use crate::column::{At, raw};
use crate::dossiers::joined;
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on};

/// Whose invoices.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The network.
    pub tenant: TenantId,
    /// The world.
    pub environment: Environment,
    /// Only those to this operator.
    pub opco: Option<Opco>,
    /// Only those of these sites.
    pub sites: Option<&'a [Siret]>,
}

/// An invoice that is still here, closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// The delivery it is.
    pub delivery: DeliveryId,
    /// Where it stands: held, in doubt, waiting or given up.
    pub status: Status,
    /// What it waits for.
    pub wait: Option<WaitReason>,
    /// Why it is held.
    pub hold: Option<HoldReason>,
    /// Whether it can still be opened.
    pub there: bool,
}

/// Lists the invoices that wait, are in doubt, are held or were given up, the newest first.
pub async fn stuck(tx: &mut Tx, whose: Whose<'_>, limit: u32) -> Result<Vec<Stuck>, StoreError> {
    type Row = (Uuid, String, Option<String>, Option<String>, bool);
    // A payload and its key go together: where the key is, so is what it opens.
    macro_rules! sql {
        ($sources:literal) => {
            concat!(
                "select d.delivery_id, d.status, d.wait_reason, d.hold_reason,
                    exists (select 1 from object_key k
                        where k.tenant_id = $1 and k.object_id = d.delivery_id)
                from (",
                $sources,
                ") as d
                where d.kind = 'facture' and ($3 is null or d.opco = $3)
                  and ($4 is null or $4 like '%' || d.siret_cfa || '%')
                order by d.delivery_id desc limit $5"
            )
        };
    }
    // The sources are those of the board: each has an index that holds little more than what is asked for.
    const SQLITE: &str = sql!(
        "select * from delivery where tenant_id = $1 and environment = $2
            and status in ('queued', 'sending', 'waiting', 'held', 'unknown')
            and status in ('waiting', 'held', 'unknown')
        union all
        select * from delivery where tenant_id = $1 and environment = $2
            and status in ('held', 'dead', 'rejected') and status = 'dead'"
    );
    const POSTGRES: &str = sql!(
        "select d.* from active_pair p join delivery d on d.opco = p.opco
            and d.instance = p.instance and d.environment = p.environment
            and d.tenant_id = p.tenant_id
        where p.tenant_id = $1 and p.environment = $2 and d.due_at is not null
          and d.status in ('waiting', 'unknown')
        union all
        select * from delivery where opco is null and environment = $2 and tenant_id = $1
          and due_at is not null and status in ('waiting', 'unknown')
        union all
        select * from delivery where tenant_id = $1 and environment = $2
          and wait_reason = 'predecessor' and due_at is null
        union all
        select * from delivery where tenant_id = $1 and environment = $2
          and status in ('held', 'dead', 'rejected') and status <> 'rejected'"
    );
    let sql = match &tx.engine {
        Engine::Sqlite(_) => SQLITE,
        Engine::Postgres(_) => POSTGRES,
    };
    let sites = whose.sites.map(joined);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(sql)
        .bind(raw(whose.tenant))
        .bind(whose.environment.as_str())
        .bind(whose.opco.map(Opco::slug))
        .bind(&sites)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?);
    let read = |(id, status, wait, hold, there): Row| {
        let at = At {
            table: "delivery",
            row: &id,
        };
        Ok(Stuck {
            delivery: id.into(),
            status: at.word("status", &status)?,
            wait: at.maybe_word("wait_reason", wait.as_deref())?,
            hold: at.maybe_word("hold_reason", hold.as_deref())?,
            there,
        })
    };
    rows.into_iter().map(read).collect()
}
