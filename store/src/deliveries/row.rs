//! A row of `delivery` as a value.

use domain::Receipt;
use domain::id::{DeliveryId, TenantId};

use super::{Delivery, Standing};
use uuid::Uuid;

use crate::column::At;
use crate::error::StoreError;

/// The columns of [`DeliveryRow`], for every statement that reads one.
macro_rules! columns {
    () => {
        "tenant_id, delivery_id, environment, kind, status, wait_reason, hold_reason, due_at, lane,
         opco, instance, siret_cfa, siret_employeur, version, attempts, looks, first_lost_at,
         numero_interne, numero_externe, numero_deca, fault, created_at, updated_at, finished_at"
    };
}
pub(crate) use columns as COLUMNS;

#[derive(sqlx::FromRow)]
pub(crate) struct DeliveryRow {
    tenant_id: Uuid,
    delivery_id: Uuid,
    environment: String,
    kind: String,
    status: String,
    wait_reason: Option<String>,
    hold_reason: Option<String>,
    due_at: Option<i64>,
    lane: Vec<u8>,
    opco: Option<String>,
    instance: i64,
    siret_cfa: String,
    siret_employeur: Option<String>,
    version: Option<String>,
    attempts: i64,
    looks: i64,
    first_lost_at: Option<i64>,
    numero_interne: Option<String>,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
    fault: Option<String>,
    created_at: i64,
    updated_at: i64,
    finished_at: Option<i64>,
}

impl DeliveryRow {
    pub(crate) fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    pub(crate) fn delivery_id(&self) -> Uuid {
        self.delivery_id
    }

    pub(crate) fn status(&self) -> &str {
        &self.status
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let at = At {
            table: "delivery",
            row: &row.delivery_id,
        };
        let tenant: TenantId = row.tenant_id.into();
        let id: DeliveryId = row.delivery_id.into();
        Ok(Self {
            tenant,
            id,
            environment: at.word("environment", &row.environment)?,
            kind: at.word("kind", &row.kind)?,
            standing: Standing {
                status: at.word("status", &row.status)?,
                wait_reason: at.maybe_word("wait_reason", row.wait_reason.as_deref())?,
                hold_reason: at.maybe_word("hold_reason", row.hold_reason.as_deref())?,
                due_at: at.maybe_instant("due_at", row.due_at)?,
            },
            lane: at.fingerprint("lane", &row.lane)?,
            opco: at.maybe_word("opco", row.opco.as_deref())?,
            instance: at.number("instance", row.instance)?,
            siret_cfa: at.word("siret_cfa", &row.siret_cfa)?,
            siret_employeur: at.maybe_word("siret_employeur", row.siret_employeur.as_deref())?,
            version: at.maybe_word("version", row.version.as_deref())?,
            attempts: at.number("attempts", row.attempts)?,
            looks: at.number("looks", row.looks)?,
            first_lost_at: at.maybe_instant("first_lost_at", row.first_lost_at)?,
            fault: at.json("fault", row.fault.as_deref())?,
            created_at: at.instant("created_at", row.created_at)?,
            updated_at: at.instant("updated_at", row.updated_at)?,
            finished_at: at.maybe_instant("finished_at", row.finished_at)?,
            receipt: Receipt {
                numero_interne: row.numero_interne,
                numero_externe: row.numero_externe,
                numero_deca: row.numero_deca,
                etat: None,
            },
        })
    }
}
