//! The OPCO's numbers of what is no dossier: they are drawn apart from those of dossiers.

use domain::id::{DeliveryId, TenantId};
use domain::{Environment, Opco};
use uuid::Uuid;

use crate::deliveries::{COLUMNS, Delivery, DeliveryRow};
use crate::error::StoreError;
use crate::pool::{Tx, on};

use crate::column::raw;

/// The most deliveries that one number finds: more than one at an OPCO is a riddle anyway.
const FOUND_MAX: i64 = 10;

/// What an OPCO calls a piece it took (norm §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numeros {
    /// `numeroInterneFacture`.
    pub facture: Option<String>,
    /// `numeroInterneDocument`.
    pub document: Option<String>,
}

impl Numeros {
    /// Returns whether none was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns the numbers of a delivery.
pub async fn of_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Numeros, StoreError> {
    const SQL: &str = "select numero_facture, numero_document from piece
        where tenant_id = $1 and delivery_id = $2";
    let row: Option<(Option<String>, Option<String>)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_optional(conn)
        .await?);
    let (facture, document) = row.unwrap_or_default();
    Ok(Numeros { facture, document })
}

/// Returns the deliveries whose piece an OPCO gave this number of an invoice, at one OPCO or at any.
pub async fn by_facture(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    opco: Option<Opco>,
    numero: &str,
) -> Result<Vec<Delivery>, StoreError> {
    const IDS: &str = "select delivery_id from piece
        where tenant_id = $1 and numero_facture = $2 order by delivery_id desc limit $3";
    const SQL: &str = concat!(
        "select ",
        COLUMNS!(),
        " from delivery where tenant_id = $1 and delivery_id = $2 and environment = $3
          and ($4 is null or opco = $4)"
    );
    let ids: Vec<Uuid> = on!(tx, |conn| sqlx::query_scalar(IDS)
        .bind(raw(tenant))
        .bind(numero)
        .bind(FOUND_MAX)
        .fetch_all(conn)
        .await?);
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let row: Option<DeliveryRow> = on!(tx, |conn| sqlx::query_as(SQL)
            .bind(raw(tenant))
            .bind(id)
            .bind(environment.as_str())
            .bind(opco.map(Opco::slug))
            .fetch_optional(conn)
            .await?);
        found.extend(row.map(Delivery::try_from).transpose()?);
    }
    Ok(found)
}
