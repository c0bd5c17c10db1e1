//! Members of OPCOs' answers that the norm does not have: their names, and how often they came. Nothing of
//! what they hold.

use domain::id::TenantId;
use domain::{Environment, Opco, Timestamp};

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// How many names of one OPCO a network keeps, each world apart; what comes after them is counted under
/// [`REST`].
pub const NAMES_MAX: u32 = 100;
/// What the others are counted under.
pub const REST: &str = "…";

/// Where an OPCO answered a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About {
    /// Whom.
    pub tenant: TenantId,
    /// In which world.
    pub environment: Environment,
    /// Who.
    pub opco: Opco,
    /// What was asked, by its word.
    pub place: &'static str,
}

/// A member nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// Who sends it.
    pub opco: Opco,
    /// In answer to what, by its word.
    pub place: String,
    /// Its name, after those of what holds it.
    pub name: String,
    /// In how many answers it was.
    pub told: u64,
    /// When it first came.
    pub first_told_at: Timestamp,
    /// When it last came.
    pub last_told_at: Timestamp,
}

/// Counts a name in so many answers. Returns whether it was never told before.
pub async fn tell(
    tx: &mut Tx,
    about: &About,
    (name, answers): (&str, u32),
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "insert into unknown_field (tenant_id, environment, opco, place, name, told,
            first_told_at, last_told_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7)
        on conflict (tenant_id, environment, opco, place, name) do update set
            told = unknown_field.told + excluded.told, last_told_at = excluded.last_told_at";
    let (kept, same) = kept(tx, about, name).await?;
    let name = if same || kept < i64::from(NAMES_MAX) {
        name
    } else {
        REST
    };
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(about.tenant))
            .bind(about.environment.as_str())
            .bind(about.opco.slug())
            .bind(about.place)
            .bind(name)
            .bind(i64::from(answers))
            .bind(ms(now))
    );
    Ok(!same && name != REST)
}

/// Returns how many names are kept, and whether this is one of them.
async fn kept(tx: &mut Tx, about: &About, name: &str) -> Result<(i64, bool), StoreError> {
    const SQL: &str = "select count(*), count(case when place = $4 and name = $5 then 1 end)
        from unknown_field where tenant_id = $1 and environment = $2 and opco = $3";
    let (kept, same): (i64, i64) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(about.tenant))
        .bind(about.environment.as_str())
        .bind(about.opco.slug())
        .bind(about.place)
        .bind(name)
        .fetch_one(conn)
        .await?);
    Ok((kept, same > 0))
}

/// Lists what was told to a network in one world, by OPCO, what came last first.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
) -> Result<Vec<UnknownField>, StoreError> {
    type Row = (String, String, String, i64, i64, i64);
    const SQL: &str = "select opco, place, name, told, first_told_at, last_told_at
        from unknown_field where tenant_id = $1 and environment = $2
        order by opco, last_told_at desc, place, name";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .fetch_all(conn)
        .await?);
    let read = |(opco, place, name, told, first, last): Row| {
        let at = At {
            table: "unknown_field",
            row: &name,
        };
        Ok(UnknownField {
            opco: at.word("opco", &opco)?,
            told: at.number("told", told)?,
            first_told_at: at.instant("first_told_at", first)?,
            last_told_at: at.instant("last_told_at", last)?,
            place,
            name,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Counts the names that first came to a network since an instant, by world and OPCO. Where the names are a
/// table, those beyond [`NAMES_MAX`] are one.
pub async fn begun_since(
    tx: &mut Tx,
    tenant: TenantId,
    since: Timestamp,
) -> Result<Vec<(Environment, Opco, u32)>, StoreError> {
    const SQL: &str = "select environment, opco, count(*) from unknown_field
        where tenant_id = $1 and first_told_at >= $2
        group by environment, opco order by environment, opco";
    let rows: Vec<(String, String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(ms(since))
        .fetch_all(conn)
        .await?);
    let read = |(environment, opco, count): (String, String, i64)| {
        let at = At {
            table: "unknown_field",
            row: &opco,
        };
        Ok((
            at.word("environment", &environment)?,
            at.word("opco", &opco)?,
            at.number("count", count)?,
        ))
    };
    rows.into_iter().map(read).collect()
}
