//! Management mandates on record: given with one payload, or attested for a site (rule ELI-002).

use domain::id::MandateId;
use domain::{DeliveryId, Siret, TenantId, Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use crate::accept::GivenMandate;
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// What a mandate covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One payload.
    Delivery(DeliveryId),
    /// Every payload of the site between two days.
    Site {
        /// The first day.
        from: Date,
        /// The last day.
        until: Option<Date>,
    },
}

/// A mandate on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mandate {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: MandateId,
    /// The site.
    pub siret_cfa: Siret,
    /// What it covers.
    pub scope: Scope,
    /// The sender's reference.
    pub reference: String,
    /// The day it was signed.
    pub signed_on: Date,
    /// The SHA-256 of the document.
    pub document_hash: Option<[u8; 32]>,
    /// Who recorded it.
    pub author: String,
    /// Since when it is on record.
    pub created_at: Timestamp,
}

impl Mandate {
    /// Makes the record of a mandate given with a delivery.
    pub fn of_delivery(
        tenant: TenantId,
        delivery: DeliveryId,
        siret_cfa: Siret,
        given: GivenMandate,
        created_at: Timestamp,
    ) -> Self {
        Self {
            tenant,
            id: given.id,
            siret_cfa,
            scope: Scope::Delivery(delivery),
            reference: given.reference,
            signed_on: given.signed_on,
            document_hash: given.document_hash,
            author: given.author,
            created_at,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    mandate_id: Uuid,
    scope: String,
    siret_cfa: String,
    delivery_id: Option<Uuid>,
    reference: String,
    signed_on: String,
    document_hash: Option<Vec<u8>>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    author: String,
    created_at: i64,
}

macro_rules! columns {
    () => {
        "tenant_id, mandate_id, scope, siret_cfa, delivery_id, reference, signed_on,
         document_hash, valid_from, valid_until, author, created_at"
    };
}

impl TryFrom<Row> for Mandate {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "mandate",
            row: &row.mandate_id,
        };
        let delivery = row.delivery_id.map(Into::into);
        let from = at.maybe_word("valid_from", row.valid_from.as_deref())?;
        let until = at.maybe_word("valid_until", row.valid_until.as_deref())?;
        let scope = match (row.scope.as_str(), delivery, from) {
            ("delivery", Some(delivery), _) => Scope::Delivery(delivery),
            ("site", _, Some(from)) => Scope::Site { from, until },
            _ => return Err(at.corrupt("scope")),
        };
        let document_hash = row
            .document_hash
            .map(|hash| {
                hash.as_slice()
                    .try_into()
                    .map_err(|_| at.corrupt("document_hash"))
            })
            .transpose()?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.mandate_id.into(),
            siret_cfa: at.word("siret_cfa", &row.siret_cfa)?,
            scope,
            signed_on: at.word("signed_on", &row.signed_on)?,
            document_hash,
            created_at: at.instant("created_at", row.created_at)?,
            reference: row.reference,
            author: row.author,
        })
    }
}

/// Keeps a mandate.
pub async fn put(tx: &mut Tx, mandate: &Mandate) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into mandate (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    let (scope, delivery, from, until) = match mandate.scope {
        Scope::Delivery(id) => ("delivery", Some(raw(id)), None, None),
        Scope::Site { from, until } => (
            "site",
            None,
            Some(from.to_string()),
            until.map(|day| day.to_string()),
        ),
    };
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(mandate.tenant))
            .bind(raw(mandate.id))
            .bind(scope)
            .bind(mandate.siret_cfa.as_str())
            .bind(delivery)
            .bind(&mandate.reference)
            .bind(mandate.signed_on.to_string())
            .bind(mandate.document_hash.map(|hash| hash.to_vec()))
            .bind(&from)
            .bind(&until)
            .bind(&mandate.author)
            .bind(ms(mandate.created_at))
    );
    Ok(())
}

/// Returns the attestation of a site that covers a day, the latest one.
pub async fn of_site(
    tx: &mut Tx,
    tenant: TenantId,
    siret_cfa: &Siret,
    day: Date,
) -> Result<Option<Mandate>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from mandate where tenant_id = $1 and siret_cfa = $2 and scope = 'site'
          and valid_from <= $3 and (valid_until is null or valid_until >= $3)
        order by mandate_id desc limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(siret_cfa.as_str())
        .bind(day.to_string())
        .fetch_optional(conn)
        .await?);
    row.map(Mandate::try_from).transpose()
}

/// Returns the mandate given with a delivery, the latest one.
pub async fn of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Option<Mandate>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from mandate where tenant_id = $1 and delivery_id = $2 and delivery_id is not null
        order by mandate_id desc limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_optional(conn)
        .await?);
    row.map(Mandate::try_from).transpose()
}

/// Ends an attestation of a site: `until` is the last day it covers. Nothing is done to one that ends by then.
pub async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    id: MandateId,
    until: Date,
) -> Result<bool, StoreError> {
    const SQL: &str = "update mandate set valid_until = $3
        where tenant_id = $1 and mandate_id = $2 and scope = 'site'
          and (valid_until is null or valid_until > $3)";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(until.to_string())
    );
    Ok(done > 0)
}

/// Lists the attestations of a network's sites, newest first.
pub async fn attestations(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Mandate>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from mandate where tenant_id = $1 and scope = 'site' order by mandate_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Mandate::try_from).collect()
}
