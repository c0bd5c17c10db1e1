//! What a network decided for itself: which OPCO an employer belongs to, and what a rule does.

use domain::id::OverrideId;
use domain::{Effect, Opco, Siren, Siret, TenantId, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};

/// Whom a route override is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One establishment.
    Siret(Siret),
    /// Every establishment of a company.
    Siren(Siren),
}

/// A network's own answer to which OPCO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOverride {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: OverrideId,
    /// Whom it is about.
    pub subject: Subject,
    /// The operator.
    pub opco: Opco,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
    /// Since when it is on record.
    pub created_at: Timestamp,
}

/// What a network lets a rule do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOverride {
    /// Whose.
    pub tenant: TenantId,
    /// The rule's identifier.
    pub rule: String,
    /// What the rule does there.
    pub effect: Effect,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    override_id: Uuid,
    siret: Option<String>,
    siren: Option<String>,
    opco: String,
    author: String,
    reason: String,
    valid_from: i64,
    valid_until: Option<i64>,
    created_at: i64,
}

macro_rules! columns {
    () => {
        "tenant_id, override_id, siret, siren, opco, author, reason, valid_from, valid_until,
         created_at"
    };
}

impl TryFrom<Row> for RouteOverride {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "route_override",
            row: &row.override_id,
        };
        let establishment = at
            .maybe_word("siret", row.siret.as_deref())?
            .map(Subject::Siret);
        let company = at
            .maybe_word("siren", row.siren.as_deref())?
            .map(Subject::Siren);
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.override_id.into(),
            subject: establishment
                .or(company)
                .ok_or_else(|| at.corrupt("siret"))?,
            opco: at.word("opco", &row.opco)?,
            from: at.instant("valid_from", row.valid_from)?,
            until: at.maybe_instant("valid_until", row.valid_until)?,
            created_at: at.instant("created_at", row.created_at)?,
            author: row.author,
            reason: row.reason,
        })
    }
}

/// Keeps a route override.
pub async fn put_route(tx: &mut Tx, given: &RouteOverride) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "insert into route_override (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    );
    let (establishment, company) = match &given.subject {
        Subject::Siret(siret) => (Some(siret.as_str()), None),
        Subject::Siren(siren) => (None, Some(siren.as_str())),
    };
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(given.tenant))
            .bind(raw(given.id))
            .bind(establishment)
            .bind(company)
            .bind(given.opco.slug())
            .bind(&given.author)
            .bind(&given.reason)
            .bind(ms(given.from))
            .bind(given.until.map(ms))
            .bind(ms(given.created_at))
    );
    Ok(())
}

/// Ends a route override, and returns whether there was one to end.
pub async fn end_route(
    tx: &mut Tx,
    tenant: TenantId,
    id: OverrideId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update route_override set valid_until = $3
        where tenant_id = $1 and override_id = $2 and (valid_until is null or valid_until > $3)";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(id))
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Returns the override in force for an establishment: its own before its company's, the latest
/// decision first.
pub async fn effective_route(
    tx: &mut Tx,
    tenant: TenantId,
    siret: &Siret,
    at: Timestamp,
) -> Result<Option<RouteOverride>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from route_override
        where tenant_id = $1 and (siret = $2 or siren = $3)
          and valid_from <= $4 and (valid_until is null or valid_until > $4)
        order by case when siret is null then 1 else 0 end, override_id desc limit 1"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(siret.as_str())
        .bind(siret.siren().as_str())
        .bind(ms(at))
        .fetch_optional(conn)
        .await?);
    row.map(RouteOverride::try_from).transpose()
}

/// Lists the route overrides of a network, newest first.
pub async fn routes(tx: &mut Tx, tenant: TenantId) -> Result<Vec<RouteOverride>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from route_override where tenant_id = $1 order by override_id desc"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(RouteOverride::try_from).collect()
}

/// Keeps what a rule does in a network; the decision before is replaced.
pub async fn put_rule(tx: &mut Tx, given: &RuleOverride) -> Result<(), StoreError> {
    const SQL: &str = "insert into rule_override (tenant_id, rule, effect, author, reason,
            created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, rule) do update set effect = excluded.effect,
            author = excluded.author, reason = excluded.reason, created_at = excluded.created_at";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(given.tenant))
            .bind(&given.rule)
            .bind(given.effect.as_str())
            .bind(&given.author)
            .bind(&given.reason)
            .bind(ms(given.created_at))
    );
    Ok(())
}

/// Gives a rule its usual effect back, and returns whether it had another.
pub async fn remove_rule(tx: &mut Tx, tenant: TenantId, rule: &str) -> Result<bool, StoreError> {
    const SQL: &str = "delete from rule_override where tenant_id = $1 and rule = $2";
    Ok(run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(rule)) > 0)
}

/// Lists what rules do in a network, by rule.
pub async fn rules(tx: &mut Tx, tenant: TenantId) -> Result<Vec<RuleOverride>, StoreError> {
    const SQL: &str = "select rule, effect, author, reason, created_at from rule_override
        where tenant_id = $1 order by rule";
    let rows: Vec<(String, String, String, String, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    rows.into_iter()
        .map(|(rule, effect, author, reason, created_at)| {
            let at = At {
                table: "rule_override",
                row: &rule,
            };
            Ok(RuleOverride {
                tenant,
                effect: at.word("effect", &effect)?,
                created_at: at.instant("created_at", created_at)?,
                author,
                reason,
                rule: rule.clone(),
            })
        })
        .collect()
}
