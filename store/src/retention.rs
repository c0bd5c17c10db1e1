//! Letting go: shredding by destroying keys, and purging what is finished, in bounded steps.

use domain::{DeliveryId, TenantId, Timestamp};
use uuid::Uuid;

use crate::column::{first_id_of, ms, raw};
use crate::deliveries::NewEvent;
use crate::error::StoreError;
use crate::events;
use crate::pool::{Pools, Store, Tx, on, run};

/// The most rows one step of a purge removes of one class.
pub const MAX_STEP: u32 = 10_000;
/// What the log calls the removal of what need not be kept.
pub(crate) const PURGED: &str = "retention.purged";

/// Until when each class of finished data is kept; what is absent is not touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cutoffs {
    /// Payloads of deliveries that ended before.
    pub payloads: Option<Timestamp>,
    /// NIRs of deliveries that ended before.
    pub nirs: Option<Timestamp>,
    /// Attempts of deliveries that ended before.
    pub attempts: Option<Timestamp>,
    /// Idempotency keys that expired before.
    pub idempotency: Option<Timestamp>,
    /// Files of deliveries that ended before, whose payloads stay.
    pub files: Option<Timestamp>,
    /// Traits of dossiers that no delivery brought: settled before, or read before and never settled.
    pub strangers: Option<Timestamp>,
    /// Readings of the schedules of adopted dossiers that ended before, or that no list shows since.
    pub readings: Option<Timestamp>,
}

/// How many rows of each class were, or would be, removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Payloads, with their keys and the fingerprints of their persons.
    pub payloads: u64,
    /// NIRs.
    pub nirs: u64,
    /// Attempts.
    pub attempts: u64,
    /// Idempotency keys.
    pub idempotency: u64,
    /// Files: their keys, at once; their bytes at the next sweep of the storage. Those of a payload
    /// that goes are counted with it.
    pub files: u64,
    /// Traits of dossiers that no delivery brought, with the fingerprints of their persons.
    pub strangers: u64,
    /// Readings of schedules. Those of a payload that goes are counted with it.
    pub readings: u64,
}

impl std::ops::AddAssign for Purged {
    fn add_assign(&mut self, more: Self) {
        self.payloads += more.payloads;
        self.nirs += more.nirs;
        self.attempts += more.attempts;
        self.idempotency += more.idempotency;
        self.files += more.files;
        self.strangers += more.strangers;
        self.readings += more.readings;
    }
}

impl Purged {
    /// Returns whether nothing was, or would be, removed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn told(&self, now: Timestamp) -> NewEvent {
        let Self {
            payloads,
            nirs,
            attempts,
            idempotency,
            files,
            strangers,
            readings,
        } = self;
        NewEvent::new(now, PURGED).with(serde_json::json!({
            "payloads": payloads, "nirs": nirs, "attempts": attempts, "idempotency": idempotency,
            "files": files, "strangers": strangers, "readings": readings,
        }))
    }
}

/// The finished deliveries of `$1` named before `$2` that ended before `$3`: names follow time, so
/// the range is walked from its old end.
macro_rules! finished {
    ($table:literal, $id:literal, $also:literal) => {
        concat!(
            "select x.",
            $id,
            " from ",
            $table,
            " x join delivery d on d.tenant_id = x.tenant_id and d.delivery_id = x.",
            $id,
            " where x.tenant_id = $1 and x.",
            $id,
            " < $2 and d.status in ('delivered', 'rejected', 'dead', 'cancelled')
              and d.finished_at < $3 ",
            $also,
            " order by x.",
            $id,
            " limit $4"
        )
    };
}

/// Whose traits of `$1` are kept since before `$2`, at most `$3`: what was settled may be told for a while
/// yet, and what nobody settles ends too.
macro_rules! strangers {
    () => {
        "select x.dossier_id from stranger x
         where x.tenant_id = $1 and coalesce(x.fate_at, x.found_at) < $2
           and (x.sealed is not null or x.pairing is not null or x.match_2 is not null
             or x.match_3 is not null)
         limit $3"
    };
}

/// The readings of `$1` that no payload takes along when it goes: of dossiers without a delivery, `$4`,
/// that ended before `$2` or were last on a list then; at most `$3`.
macro_rules! readings {
    () => {
        "select x.snapshot_id from schedule_snapshot x
         join dossier d on d.tenant_id = x.tenant_id and d.dossier_id = x.dossier_id
         where x.tenant_id = $1 and x.sealed is not null and d.delivery_id = $4
           and (d.last_read_at < $2
             or (d.etat in ('REFUSE', 'ANNULE', 'SOLDE') and d.etat_at < $2))
         limit $3"
    };
}

/// Destroys the NIR of a delivery: its key and its bytes. Returns whether there was one.
pub async fn shred_nir(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<bool, StoreError> {
    const KEY: &str = "update object_key set nir_key = null
        where tenant_id = $1 and object_id = $2 and nir_key is not null";
    const BYTES: &str = "update payload set nir = null where tenant_id = $1 and delivery_id = $2";
    let (tenant, delivery) = (raw(tenant), raw(delivery));
    let done = run!(tx, sqlx::query(KEY).bind(tenant).bind(delivery));
    run!(tx, sqlx::query(BYTES).bind(tenant).bind(delivery));
    Ok(done > 0)
}

/// Destroys a payload: its keys, its bytes, the keys of its files, and the fingerprints by which its
/// person could be found again. Returns whether there was one. The files themselves, which nothing
/// opens any more, are removed by the next [`crate::Files::sweep`].
///
/// The exact pairing key stays while the delivery keeps doubles out.
pub async fn shred_payload(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<bool, StoreError> {
    const KEY: &str = "delete from object_key where tenant_id = $1 and object_id = $2";
    const BYTES: &str = "delete from payload where tenant_id = $1 and delivery_id = $2";
    const PRINTS: &str = "update submission set match_1 = null, match_2 = null, match_3 = null,
            pairing = case when active = 1 then pairing end
        where tenant_id = $1 and delivery_id = $2";
    // What the OPCO told of the money of that contract: it names accounts and a disability.
    const READINGS: &str = "update schedule_snapshot set sealed = null
        where tenant_id = $1 and dossier_id in (
            select dossier_id from dossier where tenant_id = $1 and delivery_id = $2)";
    // What the OPCO said of it, and nobody knew: it may quote.
    const WORDS: &str = "update refusal set sealed = null
        where tenant_id = $1 and delivery_id = $2 and sealed is not null";
    let (tenant, delivery) = (raw(tenant), raw(delivery));
    let done = run!(tx, sqlx::query(KEY).bind(tenant).bind(delivery));
    for sql in [BYTES, PRINTS, READINGS, WORDS] {
        run!(tx, sqlx::query(sql).bind(tenant).bind(delivery));
    }
    run!(tx, sqlx::query(FILES).bind(tenant).bind(delivery));
    Ok(done > 0)
}

/// Destroys the keys of a delivery's files. Returns how many there were.
pub async fn shred_files(
    tx: &mut Tx,
    tenant: TenantId,
    delivery: DeliveryId,
) -> Result<u64, StoreError> {
    let done = run!(tx, sqlx::query(FILES).bind(raw(tenant)).bind(raw(delivery)));
    Ok(done)
}

/// Destroys the keys of a delivery's files.
const FILES: &str = "update file set sealed = null, fingerprint = null
    where tenant_id is not distinct from $1 and delivery_id = $2 and sealed is not null";

/// Tells what [`Store::purge`] would remove in all, without removing it.
pub async fn preview(
    tx: &mut Tx,
    tenant: TenantId,
    cutoffs: &Cutoffs,
) -> Result<Purged, StoreError> {
    macro_rules! count {
        ($table:literal, $id:literal, $also:literal) => {
            concat!(
                "select count(*) from (",
                finished!($table, $id, $also),
                ") as gone"
            )
        };
    }
    const KEYS: &str = "select count(*) from submission
        where tenant_id = $1 and idempotency_key is not null and idempotency_expires_at < $2";
    let mut counts = [0_u64; 4];
    let classes = [
        (cutoffs.payloads, count!("payload", "delivery_id", "")),
        (
            cutoffs.nirs,
            count!("object_key", "object_id", "and x.nir_key is not null"),
        ),
        (cutoffs.attempts, count!("attempt", "delivery_id", "")),
        (
            cutoffs.files,
            count!("file", "delivery_id", "and x.sealed is not null"),
        ),
    ];
    for (count, (cutoff, sql)) in counts.iter_mut().zip(classes) {
        let Some(cutoff) = cutoff else { continue };
        let found: i64 = on!(tx, |conn| sqlx::query_scalar(sql)
            .bind(raw(tenant))
            .bind(first_id_of(cutoff))
            .bind(ms(cutoff))
            .bind(i64::MAX)
            .fetch_one(conn)
            .await?);
        *count = u64::try_from(found).unwrap_or_default();
    }
    let [payloads, nirs, attempts, files] = counts;
    let mut purged = Purged {
        payloads,
        nirs,
        attempts,
        files,
        ..Purged::default()
    };
    count_adopted(tx, (tenant, cutoffs), &mut purged).await?;
    if let Some(cutoff) = cutoffs.idempotency {
        let found: i64 = on!(tx, |conn| sqlx::query_scalar(KEYS)
            .bind(raw(tenant))
            .bind(ms(cutoff))
            .fetch_one(conn)
            .await?);
        purged.idempotency = u64::try_from(found).unwrap_or_default();
    }
    Ok(purged)
}

/// Counts what [`shred_adopted`] would destroy in all.
async fn count_adopted(
    tx: &mut Tx,
    (tenant, cutoffs): (TenantId, &Cutoffs),
    purged: &mut Purged,
) -> Result<(), StoreError> {
    if let Some(cutoff) = cutoffs.strangers {
        const SQL: &str = concat!("select count(*) from (", strangers!(), ") as gone");
        let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(raw(tenant))
            .bind(ms(cutoff))
            .bind(i64::MAX)
            .fetch_one(conn)
            .await?);
        purged.strangers = u64::try_from(found).unwrap_or_default();
    }
    if let Some(cutoff) = cutoffs.readings {
        const SQL: &str = concat!("select count(*) from (", readings!(), ") as gone");
        let found: i64 = on!(tx, |conn| sqlx::query_scalar(SQL)
            .bind(raw(tenant))
            .bind(ms(cutoff))
            .bind(i64::MAX)
            .bind(Uuid::nil())
            .fetch_one(conn)
            .await?);
        purged.readings = u64::try_from(found).unwrap_or_default();
    }
    Ok(())
}

impl Store {
    /// Removes what a network need not keep any more, at most `step` deliveries of each class in
    /// one transaction, which says so in the log. Call again until nothing is removed.
    pub async fn purge(
        &self,
        tenant: TenantId,
        cutoffs: &Cutoffs,
        (step, now): (u32, Timestamp),
    ) -> Result<Purged, StoreError> {
        const PAYLOADS: &str = finished!("payload", "delivery_id", "");
        const NIRS: &str = finished!("object_key", "object_id", "and x.nir_key is not null");
        const SHREDDED: &str = finished!("file", "delivery_id", "and x.sealed is not null");
        const ATTEMPTS: &str = concat!(
            "delete from attempt where tenant_id = $1 and delivery_id in (",
            finished!("attempt", "delivery_id", ""),
            ")"
        );
        const KEYS: &str = "update submission set idempotency_route = null,
                idempotency_key = null, idempotency_content = null, idempotency_expires_at = null
            where tenant_id = $1 and delivery_id in (
                select delivery_id from submission
                where tenant_id = $1 and idempotency_key is not null
                  and idempotency_expires_at < $2 limit $3)";
        let limit = i64::from(step.clamp(1, MAX_STEP));
        let mut tx = self.writing().await?;
        let mut purged = Purged::default();
        if let Some(cutoff) = cutoffs.payloads {
            for id in finished(&mut tx, PAYLOADS, tenant, cutoff, limit).await? {
                purged.payloads += u64::from(shred_payload(&mut tx, tenant, id).await?);
            }
        }
        if let Some(cutoff) = cutoffs.nirs {
            for id in finished(&mut tx, NIRS, tenant, cutoff, limit).await? {
                purged.nirs += u64::from(shred_nir(&mut tx, tenant, id).await?);
            }
        }
        if let Some(cutoff) = cutoffs.files {
            for id in finished(&mut tx, SHREDDED, tenant, cutoff, limit).await? {
                purged.files += shred_files(&mut tx, tenant, id).await?;
            }
        }
        if let Some(cutoff) = cutoffs.attempts {
            purged.attempts = run!(
                tx,
                sqlx::query(ATTEMPTS)
                    .bind(raw(tenant))
                    .bind(first_id_of(cutoff))
                    .bind(ms(cutoff))
                    .bind(limit)
            );
        }
        if let Some(cutoff) = cutoffs.idempotency {
            purged.idempotency = run!(
                tx,
                sqlx::query(KEYS)
                    .bind(raw(tenant))
                    .bind(ms(cutoff))
                    .bind(limit)
            );
        }
        shred_adopted(&mut tx, (tenant, cutoffs, limit), &mut purged).await?;
        if !purged.is_empty() {
            events::append(&mut tx, tenant, &[purged.told(now)]);
        }
        tx.commit().await?;
        Ok(purged)
    }

    /// Wipes what shredding left behind: the write-ahead log of SQLite, dead rows of PostgreSQL.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                sqlx::query("pragma wal_checkpoint(truncate)")
                    .execute(writer)
                    .await?;
            }
            Pools::Postgres(pool) => {
                sqlx::query(
                    "vacuum object_key, payload, submission, file, stranger, schedule_snapshot, delivery,
                     dossier, dossier_history, invoice, attempt, refusal",
                )
                .execute(pool)
                .await?;
            }
        }
        Ok(())
    }
}

/// Destroys what is known of dossiers that no delivery brought: each secret carries its own key.
async fn shred_adopted(
    tx: &mut Tx,
    (tenant, cutoffs, limit): (TenantId, &Cutoffs, i64),
    purged: &mut Purged,
) -> Result<(), StoreError> {
    const TRAITS: &str = concat!(
        "update stranger set sealed = null, pairing = null, match_2 = null, match_3 = null
         where tenant_id = $1 and dossier_id in (",
        strangers!(),
        ")"
    );
    const READINGS: &str = concat!(
        "update schedule_snapshot set sealed = null
         where tenant_id = $1 and snapshot_id in (",
        readings!(),
        ")"
    );
    if let Some(cutoff) = cutoffs.strangers {
        purged.strangers = run!(
            tx,
            sqlx::query(TRAITS)
                .bind(raw(tenant))
                .bind(ms(cutoff))
                .bind(limit)
        );
    }
    if let Some(cutoff) = cutoffs.readings {
        purged.readings = run!(
            tx,
            sqlx::query(READINGS)
                .bind(raw(tenant))
                .bind(ms(cutoff))
                .bind(limit)
                .bind(Uuid::nil())
        );
    }
    Ok(())
}

async fn finished(
    tx: &mut Tx,
    sql: &'static str,
    tenant: TenantId,
    cutoff: Timestamp,
    limit: i64,
) -> Result<Vec<DeliveryId>, StoreError> {
    let ids: Vec<Uuid> = on!(tx, |conn| sqlx::query_scalar(sql)
        .bind(raw(tenant))
        .bind(first_id_of(cutoff))
        .bind(ms(cutoff))
        .bind(limit)
        .fetch_all(conn)
        .await?);
    Ok(ids.into_iter().map(DeliveryId::from).collect())
}
