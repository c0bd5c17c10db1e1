//! What is held about one apprentice: found by keyed fingerprints, and let go of.
//!
//! Payloads are sealed, so nothing is looked for in them: each contract left the fingerprints of its NIR and
//! of its person's names and birth date when it was taken in, both with an index of their own.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use domain::Timestamp;
use domain::id::{ContractId, DeliveryId, DossierId, IdError, TenantId};
use uuid::Uuid;

use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Engine, Tx, on, run};
use crate::retention;
use crate::sealing::Fingerprint;

/// How many contracts of one person are found; more is no one person.
pub const MAX_CONTRACTS: usize = 100;
/// The digits of a fingerprint, as it is written.
const PRINT_HEX: usize = 32;

/// Whom one looks for, without saying who it is: whoever does not hold the network's key learns nothing
/// from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Whoever has this NIR, by its fingerprint.
    Nir(Fingerprint),
    /// Whoever has these names and this birth date, by their fingerprints.
    Person(Identity),
    /// Whoever this contract is about: nothing of it is known but that.
    Contract(DeliveryId),
    /// Whoever this dossier is about, which no delivery of ours brought.
    Dossier(DossierId),
}

/// Names and a birth date, and a NIR where one is known, as fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// What finds them, and finds as much whoever resembles them: names in any order, day and month too.
    pub near: Fingerprint,
    /// What tells them from whoever resembles them. No contract keeps it: it is made from what is opened.
    pub exact: Fingerprint,
    /// The NIR; whoever has another is somebody else.
    pub nir: Option<Fingerprint>,
}

impl Identity {
    /// Returns whether two are one person: the same names and birth date, and no NIR against it.
    pub fn is(&self, other: &Self) -> bool {
        let against = self.nir.zip(other.nir).is_some_and(|(a, b)| a != b);
        self.exact == other.exact && !against
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for print in [Some(self.near), Some(self.exact), self.nir]
            .into_iter()
            .flatten()
        {
            write!(f, "{}", Uuid::from_bytes(print.0).simple())?;
        }
        Ok(())
    }
}

impl FromStr for Identity {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let print = |from: usize| {
            let hex = text.get(from..from + PRINT_HEX).ok_or(IdError)?;
            let id = Uuid::try_parse(hex).map_err(|_| IdError)?;
            Ok(Fingerprint(id.into_bytes()))
        };
        let nir = match text.len() / PRINT_HEX {
            _ if !text.len().is_multiple_of(PRINT_HEX) => return Err(IdError),
            2 => None,
            3 => Some(print(2 * PRINT_HEX)?),
            _ => return Err(IdError),
        };
        Ok(Self {
            near: print(0)?,
            exact: print(PRINT_HEX)?,
            nir,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nir(print) => write!(f, "nir-{}", Uuid::from_bytes(print.0).simple()),
            Self::Person(identity) => write!(f, "nom-{identity}"),
            Self::Contract(id) => write!(f, "contrat-{id}"),
            Self::Dossier(id) => write!(f, "dossier-{id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (word, rest) = text.split_once('-').ok_or(IdError)?;
        let print = || Uuid::try_parse(rest).map(|id| Fingerprint(id.into_bytes()));
        match word {
            "nir" => print().map(Self::Nir).map_err(|_| IdError),
            "nom" => rest.parse().map(Self::Person),
            "contrat" => rest.parse().map(Self::Contract),
            "dossier" => rest.parse().map(Self::Dossier),
            _ => Err(IdError),
        }
    }
}

/// The fingerprints of a contract's person; absent once shredded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Of the NIR.
    pub nir: Option<Fingerprint>,
    /// Of names and birth date.
    pub name: Option<Fingerprint>,
}

/// Returns the fingerprints of a contract's person.
pub async fn marks(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Marks, StoreError> {
    type Row = (Option<Vec<u8>>, Option<Vec<u8>>);
    const SQL: &str = "select match_1, match_3 from submission
        where tenant_id = $1 and delivery_id = $2";
    let row: Option<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_optional(conn)
        .await?);
    let at = At {
        table: "submission",
        row: &delivery,
    };
    let print = |column, bytes: Option<Vec<u8>>| {
        let bytes = bytes.as_deref();
        bytes.map(|bytes| at.fingerprint(column, bytes)).transpose()
    };
    let (nir, name) = row.unwrap_or_default();
    Ok(Marks {
        nir: print("match_1", nir)?,
        name: print("match_3", name)?,
    })
}

/// Returns the contracts that may be of a person, of both worlds, the oldest first: at most one more than
/// [`MAX_CONTRACTS`].
///
/// Names in each other's place leave the same fingerprint, and so do a day and a month: which contracts are
/// the person's, whoever opens them tells.
pub async fn contracts(
    tx: &mut Tx,
    tenant: TenantId,
    subject: Subject,
) -> Result<Vec<(DeliveryId, Marks)>, StoreError> {
    let mut ids = BTreeSet::new();
    match subject {
        Subject::Nir(nir) => {
            ids = with_nir(tx, tenant, nir).await?;
            let mut names = BTreeSet::new();
            for id in &ids {
                names.extend(marks(tx, tenant, *id).await?.name);
            }
            for name in names {
                ids.extend(with_name(tx, tenant, name).await?);
            }
        }
        Subject::Person(identity) => {
            ids = with_name(tx, tenant, identity.near).await?;
            if let Some(nir) = identity.nir {
                ids.extend(with_nir(tx, tenant, nir).await?);
            }
        }
        Subject::Contract(id) => {
            ids.insert(id);
        }
        Subject::Dossier(_) => {}
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids.into_iter().take(MAX_CONTRACTS + 1) {
        found.push((id, marks(tx, tenant, id).await?));
    }
    Ok(found)
}

async fn with_nir(
    tx: &mut Tx,
    tenant: TenantId,
    print: Fingerprint,
) -> Result<BTreeSet<DeliveryId>, StoreError> {
    const SQL: &str = "select delivery_id from submission
        where match_1 = $2 and match_1 is not null and tenant_id is not distinct from $1
        order by delivery_id limit $3";
    with(tx, SQL, tenant, print).await
}

async fn with_name(
    tx: &mut Tx,
    tenant: TenantId,
    print: Fingerprint,
) -> Result<BTreeSet<DeliveryId>, StoreError> {
    const SQL: &str = "select delivery_id from submission
        where match_3 = $2 and match_3 is not null and tenant_id is not distinct from $1
        order by delivery_id limit $3";
    with(tx, SQL, tenant, print).await
}

async fn with(
    tx: &mut Tx,
    sql: &'static str,
    tenant: TenantId,
    print: Fingerprint,
) -> Result<BTreeSet<DeliveryId>, StoreError> {
    let limit = i64::try_from(MAX_CONTRACTS + 1).unwrap_or(i64::MAX);
    let ids: Vec<Uuid> = on!(tx, |conn| sqlx::query_scalar(sql)
        .bind(raw(tenant))
        .bind(print.0.as_slice())
        .bind(limit)
        .fetch_all(conn)
        .await?);
    Ok(ids.into_iter().map(DeliveryId::from).collect())
}

/// Returns whether a delivery's payload can still be opened, and whether its NIR can.
pub async fn is_sealed(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<Option<bool>, StoreError> {
    const SQL: &str = "select case when nir_key is null then 0 else 1 end from object_key
        where tenant_id = $1 and object_id = $2";
    let nir: Option<i32> = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(delivery))
        .fetch_optional(conn)
        .await?);
    Ok(nir.map(|nir| nir > 0))
}

/// Lets go of a delivery of a person: what [`retention::shred_payload`] destroys, and whatever else leads
/// from it to the person. `lane` says of nobody whose it is, as that of a contract without a pairing key.
pub async fn erase_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
    lane: Fingerprint,
) -> Result<(), StoreError> {
    // A finding may quote the value it is about.
    const SUBMISSION: &str = "update submission set pairing = null, warnings = '[]',
            idempotency_route = null, idempotency_key = null, idempotency_content = null,
            idempotency_expires_at = null
        where tenant_id = $1 and delivery_id = $2";
    const LANE: &str = "update delivery set lane = $3, fault = null
        where tenant_id = $1 and delivery_id = $2";
    const ATTEMPTS: &str = "update attempt set fault = null
        where tenant_id = $1 and delivery_id = $2 and fault is not null";
    const MANDATE: &str = "delete from mandate where tenant_id = $1 and delivery_id = $2";
    const INVOICE: &str = "update invoice set commentaire = null
        where tenant_id = $1 and delivery_id = $2";
    retention::shred_payload(tx, tenant, delivery).await?;
    let (tenant, delivery) = (raw(tenant), raw(delivery));
    for sql in [SUBMISSION, ATTEMPTS, MANDATE, INVOICE] {
        run!(tx, sqlx::query(sql).bind(tenant).bind(delivery));
    }
    run!(
        tx,
        sqlx::query(LANE)
            .bind(tenant)
            .bind(delivery)
            .bind(lane.0.as_slice())
    );
    Ok(())
}

/// Takes out of a delivery that stays what leads from it to a person: whom its keys say it concerns and,
/// where it stands in its contract's lane, that lane.
pub async fn detach_delivery(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
    lane: Option<Fingerprint>,
) -> Result<(), StoreError> {
    const PERSON: &str = "update object_key set person = (
            select lane from delivery where tenant_id = $1 and delivery_id = $2)
        where tenant_id = $1 and object_id = $2";
    const LANE: &str = "update delivery set lane = $3 where tenant_id = $1 and delivery_id = $2";
    // What must not be there twice in a lane is known by the lane.
    const KEY: &str = "update submission set pairing = null
        where tenant_id = $1 and delivery_id = $2";
    let (tenant, delivery) = (raw(tenant), raw(delivery));
    if let Some(lane) = lane {
        run!(
            tx,
            sqlx::query(LANE)
                .bind(tenant)
                .bind(delivery)
                .bind(lane.0.as_slice())
        );
        run!(tx, sqlx::query(KEY).bind(tenant).bind(delivery));
    }
    run!(tx, sqlx::query(PERSON).bind(tenant).bind(delivery));
    Ok(())
}

/// Destroys what the OPCO said of a delivery that stays: of its state, of each call, and what nobody knew.
pub async fn erase_words(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<(), StoreError> {
    const INVOICE: &str = "update invoice set commentaire = null
        where tenant_id = $1 and delivery_id = $2";
    const DELIVERY: &str = "update delivery set fault = null
        where tenant_id = $1 and delivery_id = $2 and fault is not null";
    const ATTEMPTS: &str = "update attempt set fault = null
        where tenant_id = $1 and delivery_id = $2 and fault is not null";
    const REFUSALS: &str = "update refusal set sealed = null
        where tenant_id = $1 and delivery_id = $2 and sealed is not null";
    let (tenant, delivery) = (raw(tenant), raw(delivery));
    for sql in [INVOICE, DELIVERY, ATTEMPTS, REFUSALS] {
        run!(tx, sqlx::query(sql).bind(tenant).bind(delivery));
    }
    Ok(())
}

/// Sees that nothing the OPCO says of an invoice in words is kept from now on.
pub async fn close_words(
    tx: &mut Tx,
    tenant: TenantId,
    invoice: DeliveryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update invoice set erased_at = coalesce(erased_at, $3)
        where tenant_id = $1 and delivery_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(invoice))
            .bind(ms(now))
    );
    Ok(())
}

/// Holds an invoice before what the OPCO says of it is kept: an erasure waits until the transaction ends, and
/// takes along what was kept; one that came first is seen by [`is_wordless`] from now on.
pub async fn hold_words(
    tx: &mut Tx,
    tenant: TenantId,
    invoice: DeliveryId,
) -> Result<(), StoreError> {
    const SQL: &str = "select 1 from invoice where tenant_id = $1 and delivery_id = $2 for update";
    hold(tx, SQL, (tenant, raw(invoice))).await
}

/// Holds the schedule of a dossier in the same way before a reading of it is kept ([`is_erased`]).
pub async fn hold_readings(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<(), StoreError> {
    const SQL: &str = "select 1 from schedule where tenant_id = $1 and dossier_id = $2 for update";
    hold(tx, SQL, (tenant, raw(dossier))).await
}

/// Holds a row until the transaction ends. On SQLite the write lock is held since `begin immediate`.
async fn hold(
    tx: &mut Tx,
    sql: &'static str,
    (tenant, id): (TenantId, Uuid),
) -> Result<(), StoreError> {
    if let Engine::Postgres(conn) = &mut tx.engine {
        let _held: Option<i32> = sqlx::query_scalar(sql)
            .bind(raw(tenant))
            .bind(id)
            .fetch_optional(&mut **conn)
            .await?;
    }
    Ok(())
}

/// Returns whether nothing the OPCO says of an invoice in words may be kept: somebody it bills was erased.
pub async fn is_wordless(
    tx: &mut Tx,
    tenant: TenantId,
    invoice: DeliveryId,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from invoice
        where tenant_id = $1 and delivery_id = $2 and erased_at is not null";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(invoice))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Returns whether the person of a dossier was erased: nothing more of it is kept than its state.
pub async fn is_erased(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from dossier
        where tenant_id = $1 and dossier_id = $2 and erased_at is not null";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Returns whether anything is still held of whoever a contract is about: its payload, or the dossier that no
/// delivery brought.
pub async fn is_held(
    tx: &mut Tx,
    tenant: TenantId,
    contract: ContractId,
) -> Result<bool, StoreError> {
    const SQL: &str = "select
        (select count(*) from object_key where tenant_id = $1 and object_id = $2)
        + (select count(*) from dossier
            where tenant_id = $1 and dossier_id = $2 and erased_at is null)";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(contract))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Returns whether a dossier is still paired with its contract by the person's fingerprint.
pub async fn is_paired(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from dossier
        where tenant_id = $1 and dossier_id = $2 and pairing is not null";
    let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
        .bind(raw(tenant))
        .bind(raw(dossier))
        .fetch_one(conn)
        .await?);
    Ok(found > 0)
}

/// Lets go of what a dossier tells of a person: the readings of its schedule, and by what it is paired. Its
/// numbers stay: without them the OPCO's next list would show a dossier that nobody knows, and it would be
/// read anew. Its schedule is not kept again ([`is_erased`]), and of its states only the norm's words stay.
pub async fn erase_dossier(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const READINGS: &str = "delete from schedule_snapshot
        where tenant_id = $1 and dossier_id = $2";
    const DOSSIER: &str = "update dossier set pairing = null, etat_raw = etat, erased_at = $3
        where tenant_id = $1 and dossier_id = $2";
    const HISTORY: &str = "update dossier_history set etat_raw = etat
        where tenant_id = $1 and dossier_id = $2";
    const PLAN: &str = "update schedule set snapshot_id = null, due_at = $3
        where tenant_id = $1 and dossier_id = $2";
    let (tenant, dossier) = (raw(tenant), raw(dossier));
    // First, since it waits for whoever keeps a reading ([`hold_readings`]): what they kept goes too.
    run!(
        tx,
        sqlx::query(PLAN)
            .bind(tenant)
            .bind(dossier)
            .bind(ms(Timestamp::MAX))
    );
    for sql in [READINGS, HISTORY] {
        run!(tx, sqlx::query(sql).bind(tenant).bind(dossier));
    }
    run!(
        tx,
        sqlx::query(DOSSIER)
            .bind(tenant)
            .bind(dossier)
            .bind(ms(now))
    );
    Ok(())
}

/// Lets go of what was read of a stranger, and of what somebody wrote of it. It is not read again, nor is what
/// is being read of it now kept.
pub async fn erase_stranger(
    tx: &mut Tx,
    tenant: TenantId,
    dossier: DossierId,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "update stranger set sealed = null, pairing = null, match_2 = null,
            match_3 = null, due_at = null, etat_raw = null, fate_reason = null,
            found_at = coalesce(found_at, $3)
        where tenant_id = $1 and dossier_id = $2";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(raw(dossier))
            .bind(ms(now))
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_survives_its_text() {
        let id = "01900000-0000-7000-8000-000000000001";
        for subject in [
            Subject::Nir(Fingerprint([7; 16])),
            Subject::Person(identity(None)),
            Subject::Person(identity(Some(Fingerprint([3; 16])))),
            Subject::Contract(id.parse().unwrap()),
            Subject::Dossier(id.parse().unwrap()),
        ] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        let short = format!("nom-{}", "0".repeat(32));
        let long = format!("nom-{}", "0".repeat(128));
        let odd = format!("nom-{}é", "0".repeat(62));
        for text in [
            "",
            "nir",
            "nir-7",
            "nom-zz",
            "autre-7",
            "contrat-nir",
            &short,
            &long,
            &odd,
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }

    fn identity(nir: Option<Fingerprint>) -> Identity {
        Identity {
            near: Fingerprint([255; 16]),
            exact: Fingerprint([1; 16]),
            nir,
        }
    }

    #[test]
    fn another_nir_is_another_person_and_an_unknown_one_is_not() {
        let nir = |byte| Some(Fingerprint([byte; 16]));
        assert!(identity(None).is(&identity(nir(1))) && identity(nir(1)).is(&identity(nir(1))));
        assert!(!identity(nir(1)).is(&identity(nir(2))));
        let other = Identity {
            exact: Fingerprint([2; 16]),
            ..identity(nir(1))
        };
        assert!(!other.is(&identity(nir(1))), "names in each other's place");
    }
}
