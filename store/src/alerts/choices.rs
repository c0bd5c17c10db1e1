//! What each person wants by mail.

use domain::alert::Severity;
use domain::id::{PersonId, TenantId};

use crate::column::{At, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// What a person wants by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// From how grave on alerts are mailed; never, when absent.
    pub least: Option<Severity>,
    /// Whether the daily report is.
    pub report: bool,
}

impl Default for Choice {
    /// What cannot wait, and nothing else.
    fn default() -> Self {
        Self {
            least: Some(Severity::Critical),
            report: false,
        }
    }
}

/// Lists the choices of a network; who made none is not among them.
pub async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(PersonId, Choice)>, StoreError> {
    const SQL: &str = "select person_id, least, report from alert_choice where tenant_id = $1";
    let rows: Vec<(uuid::Uuid, Option<String>, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    let read = |(person, least, report): (uuid::Uuid, Option<String>, i64)| {
        let at = At {
            table: "alert_choice",
            row: &person,
        };
        let choice = Choice {
            least: at.maybe_word("least", least.as_deref())?,
            report: report > 0,
        };
        Ok((person.into(), choice))
    };
    rows.into_iter().map(read).collect()
}

/// Returns what a person chose, or what holds without a choice.
pub async fn of(tx: &mut Tx, tenant: TenantId, person: PersonId) -> Result<Choice, StoreError> {
    let all = all(tx, tenant).await?;
    let own = all.into_iter().find(|(id, _)| *id == person);
    Ok(own.map_or_else(Choice::default, |(_, choice)| choice))
}

/// Keeps what a person chose.
pub async fn keep(
    tx: &mut Tx,
    tenant: TenantId,
    person: PersonId,
    choice: Choice,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into alert_choice (tenant_id, person_id, least, report)
        values ($1, $2, $3, $4)
        on conflict (tenant_id, person_id)
        do update set least = excluded.least, report = excluded.report";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(person))
            .bind(choice.least.map(Severity::as_str))
            .bind(i64::from(choice.report))
    );
    Ok(())
}
