//! Capability switches: what an administrator knows better than the shipped matrix.

pub mod network;

use domain::id::OverrideId;
use domain::{Capability, Instance, Opco, Openness, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// A decision about one capability of one system, for the whole deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilitySwitch {
    /// Its name.
    pub id: OverrideId,
    /// The system.
    pub instance: Instance,
    /// What it can do.
    pub capability: Capability,
    /// How far it is open.
    pub openness: Openness,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
    /// A label shown with it, such as `bac à sable`.
    pub label: Option<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
    /// Since when it is on record.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    switch_id: Uuid,
    opco: String,
    instance: i64,
    capability: String,
    openness: String,
    author: String,
    reason: String,
    label: Option<String>,
    valid_from: i64,
    valid_until: Option<i64>,
    created_at: i64,
}

macro_rules! columns {
    () => {
        "switch_id, opco, instance, capability, openness, author, reason, label, valid_from,
         valid_until, created_at"
    };
}

impl TryFrom<Row> for CapabilitySwitch {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "capability_switch",
            row: &row.switch_id,
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            id: row.switch_id.into(),
            instance: Instance {
                opco,
                number: at.number("instance", row.instance)?,
            },
            capability: at.word("capability", &row.capability)?,
            openness: at.word("openness", &row.openness)?,
            from: at.instant("valid_from", row.valid_from)?,
            until: at.maybe_instant("valid_until", row.valid_until)?,
            created_at: at.instant("created_at", row.created_at)?,
            author: row.author,
            reason: row.reason,
            label: row.label,
        })
    }
}

/// Keeps a switch.
pub async fn put(tx: &mut Tx, given: &CapabilitySwitch) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into capability_switch (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    );
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(given.id))
            .bind(given.instance.opco.slug())
            .bind(i64::from(given.instance.number))
            .bind(given.capability.as_str())
            .bind(given.openness.as_str())
            .bind(&given.author)
            .bind(&given.reason)
            .bind(given.label.as_deref())
            .bind(ms(given.from))
            .bind(given.until.map(ms))
            .bind(ms(given.created_at))
    );
    Ok(())
}

/// Ends a switch, and returns whether there was one to end.
pub async fn end(tx: &mut Tx, id: OverrideId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "update capability_switch set valid_until = $2
        where switch_id = $1 and (valid_until is null or valid_until > $2)";
    Ok(run!(tx, sqlx::query(SQL).bind(raw(id)).bind(ms(now))) > 0)
}

/// Lists every switch, newest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<CapabilitySwitch>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from capability_switch order by switch_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await?);
    rows.into_iter().map(CapabilitySwitch::try_from).collect()
}

/// Returns the switches in force at an instant: for each system and capability the latest one.
pub async fn effective(tx: &mut Tx, at: Timestamp) -> Result<Vec<CapabilitySwitch>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from capability_switch
        where valid_from <= $1 and (valid_until is null or valid_until > $1)
        order by opco, instance, capability, switch_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(ms(at))
        .fetch_all(conn)
        .await?);
    let mut found = rows
        .into_iter()
        .map(CapabilitySwitch::try_from)
        .collect::<Result<Vec<_>, StoreError>>()?;
    found.dedup_by_key(|switch| (switch.instance, switch.capability));
    Ok(found)
}
