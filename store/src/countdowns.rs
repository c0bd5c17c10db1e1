//! What was told of the days that count: each is told once when it is near, and once when it is there.

use domain::deadline::{Deadline, Nearness};
use domain::id::{KeyId, TenantId};
use domain::{DeliveryId, DossierId, Timestamp};
use jiff::civil::Date;
use uuid::Uuid;

use crate::column::{ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, run};

/// What a deadline is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A dossier.
    Dossier(DossierId),
    /// A contract that has no dossier yet.
    Delivery(DeliveryId),
}

impl Subject {
    fn id(self) -> Uuid {
        match self {
            Self::Dossier(id) => raw(id),
            Self::Delivery(id) => raw(id),
        }
    }
}

/// Remembers that a deadline is told, as near or as there. Returns whether it was not told so before:
/// only then may the caller tell it, in the same transaction. A deadline that moved to another day is
/// another one.
pub async fn tell(
    tx: &mut Tx,
    tenant: TenantId,
    subject: Subject,
    deadline: &Deadline,
    nearness: Nearness,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const NEAR: &str =
        "insert into countdown (tenant_id, subject_id, word, numero, falls_on, near_at)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
    const DUE: &str =
        "insert into countdown (tenant_id, subject_id, word, numero, falls_on, due_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, subject_id, word, numero, falls_on)
        do update set due_at = excluded.due_at where countdown.due_at is null";
    let sql = match nearness {
        Nearness::Far => return Ok(false),
        Nearness::Near => NEAR,
        Nearness::Due => DUE,
    };
    let done = run!(
        tx,
        sqlx::query(sql)
            .bind(raw(tenant))
            .bind(subject.id())
            .bind(deadline.countdown.as_str())
            .bind(deadline.numero_echeance.unwrap_or_default())
            .bind(deadline.date.to_string())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Remembers that the end of a key is told, as so many days ahead. Returns whether it was not told so
/// before: only then may the caller tell it, in the same transaction. An end that moved is another one.
pub async fn tell_key(
    tx: &mut Tx,
    tenant: TenantId,
    key: KeyId,
    last_day: Date,
    days_ahead: i32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "insert into countdown (tenant_id, subject_id, word, numero, falls_on, near_at)
        values ($1, $2, 'key_expires', $3, $4, $5) on conflict do nothing";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(key))
            .bind(i64::from(days_ahead))
            .bind(last_day.to_string())
            .bind(ms(now))
    );
    Ok(done > 0)
}
