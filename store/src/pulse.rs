//! How much of what happened in each hour: counted from the network's log as it grows, each event once,
//! whichever replica counts it.

use std::collections::BTreeMap;

use domain::alert::Subject;
use domain::id::TenantId;
use domain::{Environment, Fault, Instance, Siret, Timestamp};

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::events;
use crate::pool::{Tx, on, run};

/// How many places of the log one step looks at.
const STEP: i64 = 2_000;
/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// Calls slower than so many seconds are counted apart.
pub const SLOWER_S: [u64; 3] = [1, 3, 10];
/// The longest code of a refusal that is counted apart.
const CODE_CHARS_MAX: usize = 24;

/// What is counted of a site or an OPCO.
pub mod word {
    /// A site handed in a payload.
    pub const SENT: &str = "sent";
    /// An OPCO answered a payload with yes or no.
    pub const ANSWERED: &str = "answered";
    /// It took it; of a site: what it sent was taken.
    pub const DELIVERED: &str = "delivered";
    /// It refused it, or what the site sent; followed by its code, where it gave one.
    pub const REFUSED: &str = "refused";
    /// It took longer than so many seconds, which follow.
    pub const SLOWER: &str = "slower";
    /// It told something new of a dossier.
    pub const NEWS: &str = "news";
    /// It spelled a state that nobody knows.
    pub const UNKNOWN: &str = "unknown";
    /// The gateway looked.
    pub const WATCHED: &str = "watched";
}

/// What was counted in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Which world.
    pub environment: Environment,
    /// Of whom: the text of a [`Subject`]; empty for the gateway itself.
    pub subject: String,
    /// What, as [`word`] names it.
    pub word: String,
    /// When the hour begins.
    pub at: Timestamp,
    /// How many.
    pub count: u32,
}

/// Where a count is kept.
type Place = (String, String, String, i64);

/// An event that may count, with what it is about.
#[derive(sqlx::FromRow)]
struct Row {
    position: i64,
    at: i64,
    kind: String,
    environment: Option<String>,
    siret_cfa: Option<String>,
    opco: Option<String>,
    instance: Option<i64>,
    fault: Option<String>,
    took: Option<i64>,
}

/// A part of the log, counted and not kept yet.
#[derive(Debug)]
pub struct Step {
    from: i64,
    to: i64,
    counts: BTreeMap<Place, i64>,
}

/// Counts what the log holds after what was counted, a part of it at a time; of a log that was never counted,
/// what happened since `since`. Nothing when all of it is counted. It only reads: who writes does not wait.
pub async fn next(
    tx: &mut Tx,
    tenant: TenantId,
    since: Timestamp,
) -> Result<Option<Step>, StoreError> {
    const HEAD: &str = "select position from pulse_head where tenant_id = $1";
    const EVENTS: &str = "select e.position, e.at, e.kind,
            coalesce(d.environment, o.environment) as environment,
            coalesce(d.siret_cfa, o.siret_cfa) as siret_cfa, coalesce(d.opco, o.opco) as opco,
            coalesce(d.instance, o.instance) as instance, d.fault as fault,
            (select a.duration_ms from attempt a where a.tenant_id = e.tenant_id
                and a.delivery_id = e.delivery_id order by a.number desc limit 1) as took
        from event e
        left join delivery d on d.tenant_id = e.tenant_id and d.delivery_id = e.delivery_id
        left join dossier o on o.tenant_id = e.tenant_id and o.dossier_id = e.dossier_id
        where e.tenant_id = $1 and e.position > $2 and e.position <= $3
          and e.kind in ('delivery.accepted', 'delivery.delivered', 'delivery.rejected',
            'dossier.etat_changed', 'dossier.updated', 'dossier.echeancier_changed',
            'facture.etat_changed', 'dossier.state_unknown')
        order by e.position";
    let counted: Option<i64> = on!(tx, |conn| sqlx::query_scalar(HEAD)
        .bind(raw(tenant))
        .fetch_optional(conn)
        .await?);
    let from = match counted {
        Some(position) => position,
        None => events::before(tx, tenant, since).await?,
    };
    let head = events::head(tx, tenant).await?;
    let to = head.min(from.saturating_add(STEP));
    if to <= from {
        return Ok(None);
    }
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(EVENTS)
        .bind(raw(tenant))
        .bind(from)
        .bind(to)
        .fetch_all(conn)
        .await?);
    let mut counts = BTreeMap::new();
    for row in rows {
        count(&mut counts, row)?;
    }
    Ok(Some(Step { from, to, counts }))
}

/// Keeps what was counted, unless another replica did meanwhile.
pub async fn keep(tx: &mut Tx, tenant: TenantId, step: &Step) -> Result<(), StoreError> {
    const BEGIN: &str = "insert into pulse_head (tenant_id, position) values ($1, $2)
        on conflict do nothing";
    const MOVE: &str = "update pulse_head set position = $3 where tenant_id = $1 and position = $2";
    run!(tx, sqlx::query(BEGIN).bind(raw(tenant)).bind(step.from));
    let moved = run!(
        tx,
        sqlx::query(MOVE)
            .bind(raw(tenant))
            .bind(step.from)
            .bind(step.to)
    );
    if moved == 0 {
        return Ok(());
    }
    for (place, count) in &step.counts {
        add(tx, tenant, place, *count).await?;
    }
    Ok(())
}

fn count(counts: &mut BTreeMap<Place, i64>, row: Row) -> Result<(), StoreError> {
    let at = At {
        table: "event",
        row: &row.position,
    };
    let Some(environment) = row.environment else {
        return Ok(());
    };
    let hour = row.at.div_euclid(HOUR_MS);
    let mut one = |subject: &str, word: &str| {
        let place = (
            environment.clone(),
            subject.to_owned(),
            word.to_owned(),
            hour,
        );
        *counts.entry(place).or_default() += 1;
    };
    let site: Option<Siret> = at.maybe_word("siret_cfa", row.siret_cfa.as_deref())?;
    let site = site.map(|site| Subject::site(site).to_string());
    if row.kind == "delivery.accepted" {
        if let Some(site) = site {
            one(&site, word::SENT);
        }
        return Ok(());
    }
    let Some(opco) = at.maybe_word("opco", row.opco.as_deref())? else {
        return Ok(());
    };
    let number = at.number("instance", row.instance.unwrap_or(1))?;
    let system = Subject::system(Instance { opco, number }).to_string();
    match row.kind.as_str() {
        "delivery.delivered" | "delivery.rejected" => {
            one(&system, word::ANSWERED);
            for slower in SLOWER_S {
                let bound = i64::try_from(slower.saturating_mul(1_000)).unwrap_or(i64::MAX);
                if row.took.is_some_and(|took| took >= bound) {
                    one(&system, &format!("{} {slower}", word::SLOWER));
                }
            }
            let fault: Option<Fault> = at.json("fault", row.fault.as_deref())?;
            for subject in site.iter().chain([&system]) {
                if row.kind == "delivery.delivered" {
                    one(subject, word::DELIVERED);
                    continue;
                }
                one(subject, word::REFUSED);
                if let Some(code) = fault.as_ref().and_then(code) {
                    one(subject, &format!("{} {code}", word::REFUSED));
                }
            }
        }
        "dossier.state_unknown" => one(&system, word::UNKNOWN),
        _ => one(&system, word::NEWS),
    }
    Ok(())
}

/// Returns the code of a refusal, where it gave one that can be no text of a person.
fn code(fault: &Fault) -> Option<&str> {
    let code = fault.items.iter().find_map(|item| item.code.as_deref())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = !code.is_empty() && code.len() <= CODE_CHARS_MAX && code.chars().all(plain);
    fits.then_some(code)
}

/// Remembers that the gateway looked in this hour.
pub async fn watched(tx: &mut Tx, tenant: TenantId, now: Timestamp) -> Result<(), StoreError> {
    for environment in Environment::ALL {
        let hour = ms(now).div_euclid(HOUR_MS);
        let place = (
            environment.to_string(),
            String::new(),
            word::WATCHED.to_owned(),
            hour,
        );
        add(tx, tenant, &place, 1).await?;
    }
    Ok(())
}

async fn add(
    tx: &mut Tx,
    tenant: TenantId,
    (environment, subject, word, hour): &Place,
    count: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into pulse (tenant_id, environment, subject, word, hour, counted)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, environment, subject, word, hour)
        do update set counted = pulse.counted + excluded.counted";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(environment)
            .bind(subject)
            .bind(word)
            .bind(hour)
            .bind(count)
    );
    Ok(())
}

/// Returns everything that was counted of a network, in the order of subjects, words and hours.
pub async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Counted>, StoreError> {
    const SQL: &str = "select environment, subject, word, hour, counted from pulse
        where tenant_id = $1 order by environment, subject, word, hour";
    let rows: Vec<(String, String, String, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .fetch_all(conn)
        .await?);
    let read = |(environment, subject, word, hour, count): (String, String, String, i64, i64)| {
        let at = At {
            table: "pulse",
            row: &hour,
        };
        Ok(Counted {
            environment: at.word("environment", &environment)?,
            at: at.instant("hour", hour.saturating_mul(HOUR_MS))?,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            subject,
            word,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Lets go of what is too old to compare with.
pub async fn forget(tx: &mut Tx, tenant: TenantId, before: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "delete from pulse where tenant_id = $1 and hour < $2";
    let hour = ms(before).div_euclid(HOUR_MS);
    run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(hour));
    Ok(())
}
