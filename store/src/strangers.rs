//! Dossiers that an OPCO lists and that no delivery of ours brought: remembered once, read in full once,
//! until a person says what becomes of each.
//!
//! What such a dossier tells of a person is sealed by whoever read it: this module keeps bytes.

mod reading;
mod seen;

use domain::id::{DossierId, TenantId};
use domain::orphan::Fate;
use domain::{DeliveryId, Environment, Instance, Kind, Opco, Siret, Timestamp};
use uuid::Uuid;

pub use self::reading::{Batch, Job, Reading, found, in_flight, later};
pub use self::seen::remember;
use crate::column::{At, ms, raw};
use crate::dossiers::MAX_PAGE;
use crate::error::StoreError;
use crate::pool::{Tx, on, run};
use crate::sealing::{Fingerprint, SealedSecret};

/// The word under which the traits of a stranger are sealed.
pub const PART: &str = "stranger";

/// How many of our contracts are compared with one stranger.
const MAX_CANDIDATES: i64 = 20;

/// A dossier that no delivery of ours brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Whose.
    pub tenant: TenantId,
    /// Its name, which it keeps when it is adopted.
    pub id: DossierId,
    /// Which world it belongs to.
    pub environment: Environment,
    /// The system that holds it.
    pub instance: Instance,
    /// The site whose list shows it.
    pub siret_cfa: Siret,
    /// The OPCO's technical number.
    pub numero_interne: String,
    /// The number of the business exchange.
    pub numero_externe: Option<String>,
    /// The State's deposit number.
    pub numero_deca: Option<String>,
    /// The state as the OPCO last spelled it.
    pub etat_raw: Option<String>,
    /// When a list first showed it.
    pub first_seen_at: Timestamp,
    /// When a list last showed it.
    pub last_seen_at: Timestamp,
    /// When it was read, or found unreadable.
    pub found_at: Option<Timestamp>,
    /// What tells it from another; absent when it could not be read.
    pub sealed: Option<SealedSecret>,
    /// What its pairing key is known by.
    pub prints: Prints,
    /// What became of it.
    pub fate: Fate,
    /// Since when.
    pub fate_at: Option<Timestamp>,
    /// Who said so.
    pub fate_by: Option<String>,
    /// Why.
    pub fate_reason: Option<String>,
    /// The dossier it is followed as.
    pub adopted_as: Option<DossierId>,
}

/// The keyed fingerprints by which a stranger is paired with what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prints {
    /// Of the exact pairing key.
    pub pairing: Option<Fingerprint>,
    /// Of the contract: birth date, employer, first day.
    pub contract: Option<Fingerprint>,
    /// Of the person: names and birth date.
    pub person: Option<Fingerprint>,
}

/// What a person says of a stranger.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// What becomes of it.
    pub fate: Fate,
    /// Who says so.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The dossier it is followed as.
    pub adopted_as: Option<DossierId>,
}

/// Which strangers to list; what is absent does not restrict.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Only this world.
    pub environment: Environment,
    /// Only this operator.
    pub opco: Option<Opco>,
    /// Only those that these sites' lists show.
    pub sites: Option<Vec<Siret>>,
    /// Only those with this fate.
    pub fate: Fate,
    /// Only those after this one, newest first.
    pub after: Option<DossierId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    dossier_id: Uuid,
    environment: String,
    opco: String,
    instance: i64,
    siret_cfa: String,
    numero_interne: String,
    numero_externe: Option<String>,
    numero_deca: Option<String>,
    etat_raw: Option<String>,
    first_seen_at: i64,
    last_seen_at: i64,
    found_at: Option<i64>,
    sealed: Option<Vec<u8>>,
    pairing: Option<Vec<u8>>,
    match_2: Option<Vec<u8>>,
    match_3: Option<Vec<u8>>,
    fate: String,
    fate_at: Option<i64>,
    fate_by: Option<String>,
    fate_reason: Option<String>,
    adopted_as: Option<Uuid>,
}

macro_rules! columns {
    () => {
        "tenant_id, dossier_id, environment, opco, instance, siret_cfa, numero_interne,
         numero_externe, numero_deca, etat_raw, first_seen_at, last_seen_at, found_at, sealed,
         pairing, match_2, match_3, fate, fate_at, fate_by, fate_reason, adopted_as"
    };
}

impl TryFrom<Row> for Stranger {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = At {
            table: "stranger",
            row: &row.dossier_id,
        };
        let print = |column, bytes: Option<Vec<u8>>| {
            let bytes = bytes.as_deref();
            bytes.map(|bytes| at.fingerprint(column, bytes)).transpose()
        };
        let opco: Opco = at.word("opco", &row.opco)?;
        Ok(Self {
            tenant: row.tenant_id.into(),
            id: row.dossier_id.into(),
            environment: at.word("environment", &row.environment)?,
            instance: Instance {
                opco,
                number: at.number("instance", row.instance)?,
            },
            siret_cfa: at.word("siret_cfa", &row.siret_cfa)?,
            first_seen_at: at.instant("first_seen_at", row.first_seen_at)?,
            last_seen_at: at.instant("last_seen_at", row.last_seen_at)?,
            found_at: at.maybe_instant("found_at", row.found_at)?,
            sealed: row.sealed.map(SealedSecret),
            prints: Prints {
                pairing: print("pairing", row.pairing)?,
                contract: print("match_2", row.match_2)?,
                person: print("match_3", row.match_3)?,
            },
            fate: at.word("fate", &row.fate)?,
            fate_at: at.maybe_instant("fate_at", row.fate_at)?,
            adopted_as: row.adopted_as.map(Into::into),
            numero_interne: row.numero_interne,
            numero_externe: row.numero_externe,
            numero_deca: row.numero_deca,
            etat_raw: row.etat_raw,
            fate_by: row.fate_by,
            fate_reason: row.fate_reason,
        })
    }
}

/// Returns a stranger of this network.
pub async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    id: DossierId,
) -> Result<Option<Stranger>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from stranger where tenant_id = $1 and dossier_id = $2"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(id))
        .fetch_optional(conn)
        .await?);
    row.map(Stranger::try_from).transpose()
}

/// Returns the stranger of this network that a system calls by this number.
pub async fn by_numero(
    tx: &mut Tx,
    tenant: TenantId,
    environment: Environment,
    instance: Instance,
    numero_interne: &str,
) -> Result<Option<Stranger>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from stranger where tenant_id = $1 and environment = $2 and opco = $3
          and instance = $4 and numero_interne = $5"
    );
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(environment.as_str())
        .bind(instance.opco.slug())
        .bind(i64::from(instance.number))
        .bind(numero_interne)
        .fetch_optional(conn)
        .await?);
    row.map(Stranger::try_from).transpose()
}

/// Lists the strangers of a network that were read, newest first. One that turned out to be ours
/// meanwhile is none.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<Stranger>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from stranger s where tenant_id = $1 and environment = $2 and fate = $3
          and found_at is not null
          and ($4 is null or dossier_id < $4)
          and ($5 is null or opco = $5)
          and ($6 is null or $6 like '%' || siret_cfa || '%')
          and ($3 <> 'open' or not exists (
            select 1 from dossier d where d.tenant_id = s.tenant_id
              and d.environment = s.environment and d.opco = s.opco and d.instance = s.instance
              and d.numero_interne = s.numero_interne and d.numero_interne is not null))
        order by dossier_id desc limit $7"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(filter.environment.as_str())
        .bind(filter.fate.as_str())
        .bind(filter.after.map(raw))
        .bind(filter.opco.map(Opco::slug))
        .bind(filter.sites.as_deref().map(crate::dossiers::joined))
        .bind(i64::from(limit.clamp(1, MAX_PAGE)))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Stranger::try_from).collect()
}

/// Returns the strangers, of both worlds, whose person has this fingerprint.
pub async fn of_person(
    tx: &mut Tx,
    tenant: TenantId,
    person: Fingerprint,
    limit: u32,
) -> Result<Vec<Stranger>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from stranger where tenant_id = $1 and match_3 = $2 order by dossier_id limit $3"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(person.0.as_slice())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Stranger::try_from).collect()
}

/// Returns the strangers, of both worlds, that bear one of the OPCO's or the State's numbers.
pub async fn of_numero(
    tx: &mut Tx,
    tenant: TenantId,
    numero: &str,
    limit: u32,
) -> Result<Vec<Stranger>, StoreError> {
    const SQL: &str = concat!(
        "select ",
        columns!(),
        " from stranger where tenant_id = $1
          and (numero_interne = $2 or numero_externe = $2 or numero_deca = $2)
        order by dossier_id limit $3"
    );
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(numero)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Stranger::try_from).collect()
}

/// Keeps what a person says of a stranger. Returns whether it was still as it was read.
pub async fn settle(
    tx: &mut Tx,
    before: &Stranger,
    said: &Said<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "update stranger set fate = $4, fate_at = $5, fate_by = $6,
            fate_reason = $7, adopted_as = $8, due_at = null
        where tenant_id = $1 and dossier_id = $2 and fate = $3";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(before.tenant))
            .bind(raw(before.id))
            .bind(before.fate.as_str())
            .bind(said.fate.as_str())
            .bind(ms(now))
            .bind(said.by)
            .bind(said.reason)
            .bind(said.adopted_as.map(raw))
    );
    Ok(done > 0)
}

/// Counts the strangers of all networks that nobody has said anything of, by operator.
pub async fn count_open(tx: &mut Tx) -> Result<Vec<(Opco, u64)>, StoreError> {
    const SQL: &str = "select opco, count(*) from stranger
        where fate = 'open' and found_at is not null group by opco";
    let rows: Vec<(String, i64)> = on!(tx, |conn| sqlx::query_as(SQL).fetch_all(conn).await?);
    rows.into_iter()
        .map(|(opco, count)| {
            let at = At {
                table: "stranger",
                row: &opco,
            };
            Ok((at.word("opco", &opco)?, at.number("count", count)?))
        })
        .collect()
}

/// Returns the contracts, sent by whichever site, that share a fingerprint with a stranger.
pub async fn candidates(tx: &mut Tx, stranger: &Stranger) -> Result<Vec<DeliveryId>, StoreError> {
    // A fingerprint that is absent equals nothing; each arm has its index.
    const SQL: &str = "select delivery_id from (
            select delivery_id from submission
              where tenant_id = $1 and environment = $2 and kind = $3 and pairing = $4
                and active = 1 and pairing is not null
            union select delivery_id from submission
              where tenant_id = $1 and environment = $2 and kind = $3
                and match_2 = $5 and match_2 is not null
            union select delivery_id from submission
              where tenant_id = $1 and environment = $2 and kind = $3
                and match_3 = $6 and match_3 is not null) as hit
        order by delivery_id desc limit $7";
    let bytes = |print: Option<Fingerprint>| print.map(|print| print.0.to_vec());
    let rows: Vec<(Uuid,)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(stranger.tenant))
        .bind(stranger.environment.as_str())
        .bind(Kind::Dossier.as_str())
        .bind(bytes(stranger.prints.pairing))
        .bind(bytes(stranger.prints.contract))
        .bind(bytes(stranger.prints.person))
        .bind(MAX_CANDIDATES)
        .fetch_all(conn)
        .await?);
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}
