//! What OPCOs said when they refused: how often each known reason was told, and every text that nobody
//! knows, sealed, with how often and where it came last.

use domain::id::{DeliveryId, TenantId};
use domain::rejet::Rejet;
use domain::{Environment, Kind, Opco, Secret, Timestamp};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::sealing::{SealedSecret, TenantKey};

/// How many unknown texts of one OPCO a network keeps, each world apart; what comes after them is only
/// counted.
pub const TEXTS_MAX: u32 = 200;

/// The word of a text in associated data, and of its fingerprint.
const PART: &str = "refusal";

/// Whose refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Who refused.
    pub opco: Opco,
    /// In which world.
    pub environment: Environment,
    /// What was refused.
    pub kind: Kind,
    /// The delivery that was.
    pub delivery: DeliveryId,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A known reason.
    Known(Rejet),
    /// A text that nobody knows: what two texts of one turn have in common, without what they quote.
    Unknown(String),
}

/// What was said so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who refused.
    pub opco: Opco,
    /// In which world.
    pub environment: Environment,
    /// What was refused.
    pub kind: Kind,
    /// The reason, when it is known.
    pub reason: Option<Rejet>,
    /// The text, when the reason is not; absent once it was destroyed with its payload, or when there
    /// were too many to keep.
    pub text: Option<String>,
    /// How often it was told.
    pub told: u64,
    /// When it was first told.
    pub first_told_at: Timestamp,
    /// When it was last told.
    pub last_told_at: Timestamp,
    /// Of which delivery it was last told.
    pub delivery: DeliveryId,
}

/// Counts what was said; keeps each unknown text once.
pub async fn tell(
    tx: &mut Tx,
    keys: &TenantKey,
    about: &About,
    said: &[Said],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut rows: Vec<([u8; 16], &Said)> = said
        .iter()
        .map(|said| match said {
            Said::Known(_) => ([0; 16], said),
            Said::Unknown(text) => (fingerprint(keys, about, text), said),
        })
        .collect();
    // Two transactions that tell the same rows lock them in the same order.
    rows.sort_by_key(|(print, said)| (*print, known(said)));
    for (print, said) in rows {
        match said {
            Said::Known(_) => upsert(tx, keys, about, (known(said), &[]), None, now).await?,
            Said::Unknown(text) if has_room(tx, keys.tenant(), about, &print).await? => {
                let sealed = keys.seal_secret(&print, PART, &Secret::new(text.as_str()))?;
                upsert(tx, keys, about, ("", &print), Some(&sealed), now).await?;
            }
            Said::Unknown(_) => upsert(tx, keys, about, ("", &[]), None, now).await?,
        }
    }
    Ok(())
}

fn known(said: &Said) -> &'static str {
    match said {
        Said::Known(rejet) => rejet.as_str(),
        Said::Unknown(_) => "",
    }
}

fn fingerprint(keys: &TenantKey, about: &About, text: &str) -> [u8; 16] {
    let text = text.to_lowercase();
    let whole = format!("{} {} {text}", about.opco.slug(), about.kind.as_str());
    keys.fingerprint(PART, &whole).0
}

/// Returns whether a text is known already or may still be kept.
async fn has_room(
    tx: &mut Tx,
    tenant: TenantId,
    about: &About,
    print: &[u8; 16],
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*), count(case when kind = $4 and fingerprint = $5 then 1 end)
        from refusal where tenant_id = $1 and opco = $2 and environment = $3
          and sealed is not null";
    let (kept, same): (i64, i64) = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(about.opco.slug())
        .bind(about.environment.as_str())
        .bind(about.kind.as_str())
        .bind(print.as_slice())
        .fetch_one(conn)
        .await?);
    Ok(same > 0 || kept < i64::from(TEXTS_MAX))
}

async fn upsert(
    tx: &mut Tx,
    keys: &TenantKey,
    about: &About,
    (reason, print): (&str, &[u8]),
    sealed: Option<&SealedSecret>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str =
        "insert into refusal (tenant_id, opco, environment, kind, reason, fingerprint,
            sealed, told, first_told_at, last_told_at, delivery_id)
        values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9)
        on conflict (tenant_id, opco, environment, kind, reason, fingerprint) do update set
            sealed = excluded.sealed, told = refusal.told + 1,
            last_told_at = excluded.last_told_at, delivery_id = excluded.delivery_id";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(keys.tenant()))
            .bind(about.opco.slug())
            .bind(about.environment.as_str())
            .bind(about.kind.as_str())
            .bind(reason)
            .bind(print)
            .bind(sealed.map(|sealed| sealed.0.as_slice()))
            .bind(ms(now))
            .bind(raw(about.delivery))
    );
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    opco: String,
    environment: String,
    kind: String,
    reason: String,
    fingerprint: Vec<u8>,
    sealed: Option<Vec<u8>>,
    told: i64,
    first_told_at: i64,
    last_told_at: i64,
    delivery_id: Uuid,
}

/// Lists what OPCOs said to a network, what was told most often first.
pub async fn list(tx: &mut Tx, keys: &TenantKey) -> Result<Vec<Refusal>, StoreError> {
    const SQL: &str = "select opco, environment, kind, reason, fingerprint, sealed, told,
            first_told_at, last_told_at, delivery_id
        from refusal where tenant_id = $1 order by told desc, opco, environment, kind, reason,
            fingerprint";
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(keys.tenant()))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(|row| opened(row, keys)).collect()
}

fn opened(row: Row, keys: &TenantKey) -> Result<Refusal, StoreError> {
    let at = At {
        table: "refusal",
        row: &row.delivery_id,
    };
    let text = match (row.sealed, row.fingerprint.as_slice().try_into()) {
        (Some(sealed), Ok(print)) => {
            let text = keys.open_secret(&print, PART, &SealedSecret(sealed))?;
            Some(text.expose().to_owned())
        }
        _ => None,
    };
    let reason = Some(row.reason).filter(|reason| !reason.is_empty());
    Ok(Refusal {
        opco: at.word("opco", &row.opco)?,
        environment: at.word("environment", &row.environment)?,
        kind: at.word("kind", &row.kind)?,
        reason: at.maybe_word("reason", reason.as_deref())?,
        text,
        told: at.number("told", row.told)?,
        first_told_at: at.instant("first_told_at", row.first_told_at)?,
        last_told_at: at.instant("last_told_at", row.last_told_at)?,
        delivery: row.delivery_id.into(),
    })
}
