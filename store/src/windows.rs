//! When an OPCO is not to be called: works it announced, on record with who said so and why. A network's
//! own hold for it alone; the platform's hold for every network.

use domain::id::{OverrideId, TenantId};
use domain::{Environment, Instance, Opco, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// One window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Whose word it is.
    pub tenant: TenantId,
    /// Its name.
    pub id: OverrideId,
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// Who said so.
    pub author: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// Since when it is on record.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    window_id: Uuid,
    opco: String,
    instance: i64,
    environment: String,
    author: String,
    reason: String,
    valid_from: i64,
    valid_until: i64,
    created_at: i64,
}

macro_rules! columns {
    () => {
        "tenant_id, window_id, opco, instance, environment, author, reason, valid_from, valid_until,
         created_at"
    };
}

impl TryFrom<Row> for Window {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "opco_window",
            row: &row.window_id,
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.window_id.into(),
            instance: Instance {
                opco,
                number: at.number("instance", row.instance)?,
            },
            environment: at.word("environment", &row.environment)?,
            from: at.instant("valid_from", row.valid_from)?,
            until: at.instant("valid_until", row.valid_until)?,
            created_at: at.instant("created_at", row.created_at)?,
            author: row.author,
            reason: row.reason,
        })
    }
}

/// Returns until when a system is not to be called, if works were announced for now. Works that follow one
/// another are told as one.
pub fn closed_until<'a>(
    all: impl Iterator<Item = &'a Window>,
    (instance, environment): (Instance, Environment),
    now: Timestamp,
) -> Option<Timestamp> {
    let of_it = |window: &&Window| window.instance == instance && window.environment == environment;
    let mut mine: Vec<&Window> = all.filter(of_it).collect();
    mine.sort_unstable_by_key(|window| window.from);
    mine.into_iter().fold(None, |end, window| {
        let at = end.unwrap_or(now);
        let goes_on = window.from <= at && at < window.until;
        if goes_on { Some(window.until) } else { end }
    })
}

/// Keeps a window.
pub async fn put(tx: &mut Tx, given: &Window) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into opco_window (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    );
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(given.tenant))
            .bind(raw(given.id))
            .bind(given.instance.opco.slug())
            .bind(i64::from(given.instance.number))
            .bind(given.environment.as_str())
            .bind(&given.author)
            .bind(&given.reason)
            .bind(ms(given.from))
            .bind(ms(given.until))
            .bind(ms(given.created_at))
    );
    Ok(())
}

/// Lists the windows of a network, or the platform's, that are not over at an instant; the newest first.
pub async fn ahead(
    tx: &mut Tx,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<Window>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from opco_window where tenant_id = $1 and valid_until > $2 order by window_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(ms(now))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Window::try_from).collect()
}

/// Ends a window, and returns it as it was when there was one to end.
pub async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    id: OverrideId,
    now: Timestamp,
) -> Result<Option<Window>, StoreError> {
    const SQL: &str = "update opco_window set valid_until = $3
        where tenant_id = $1 and window_id = $2 and valid_until > $3";
    let found = ahead(tx, tenant, now).await?;
    let found = found.into_iter().find(|window| window.id == id);
    if found.is_some() {
        run!(
            tx,
            sqlx::query(SQL)
                .bind(raw(tenant))
                .bind(raw(id))
                .bind(ms(now))
        );
    }
    Ok(found)
}

/// Wakes what a network has waiting for the end of works at a system; returns how many.
pub async fn wake(
    tx: &mut Tx,
    tenant: TenantId,
    (instance, environment): (Instance, Environment),
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "update delivery set due_at = $5
        where opco = $1 and instance = $2 and environment = $3 and tenant_id = $4
          and due_at > $5 and status = 'waiting' and wait_reason = 'maintenance'";
    Ok(run!(
        tx,
        sqlx::query(SQL)
            .bind(instance.opco.slug())
            .bind(i64::from(instance.number))
            .bind(environment.as_str())
            .bind(raw(tenant))
            .bind(ms(now))
    ))
}
