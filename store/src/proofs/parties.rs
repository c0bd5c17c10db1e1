//! Who vouches for a log beside its own keys: what each was asked, what it answered, when it is asked again.
//! What came is kept as it came, beside the checkpoint it speaks of.

use domain::Timestamp;
use domain::id::TenantId;
use domain::proof::{
    Checkpoint, Conflict, Cosignature, Hash, Note, Span, Stamp, Tiles, WitnessKey,
};
use uuid::Uuid;

use super::{Kept, ProofError, last_checkpoint, read, tiles};
use crate::column::{At, ms, raw};
use crate::error::StoreError;
use crate::pool::{Store, Tx, on, run};

/// The name under which the authority is kept.
const AUTHORITY: &str = "timestamp";

/// Somebody who vouches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A witness, which saw the log grow.
    Witness(WitnessKey),
    /// The authority, which dates.
    Authority,
}

/// A log that a party has something new of to vouch for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub tenant: TenantId,
    /// The size of its last checkpoint.
    pub sealed: u64,
    /// The size the party vouched for last.
    pub vouched: u64,
    /// How often it failed since.
    pub failures: u32,
}

/// What a party is asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The last checkpoint.
    pub note: Note,
    /// What it says.
    pub said: Checkpoint,
    /// The proof that it goes on from the size asked about; nothing where the log is smaller than that.
    pub proof: Option<Vec<Hash>>,
}

/// How a party stands with one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose log.
    pub tenant: TenantId,
    /// Who.
    pub party: Party,
    /// The size it vouched for last, 0 when it never did.
    pub size: u64,
    /// What people call it, once it vouched.
    pub name: Option<String>,
    /// When it says it did.
    pub at: Option<Timestamp>,
    /// How often it failed since.
    pub failures: u32,
    /// What it said that cannot be true together with the log, and since when.
    pub conflict: Option<(Conflict, Timestamp)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    who: String,
    size: i64,
    name: Option<String>,
    vouched_at: Option<i64>,
    failures: i64,
    conflict: Option<String>,
    conflict_at: Option<i64>,
}

impl Party {
    /// Returns the name it is kept under.
    pub fn who(&self) -> String {
        match self {
            Self::Witness(key) => key.to_string(),
            Self::Authority => AUTHORITY.to_owned(),
        }
    }

    fn read(who: &str) -> Option<Self> {
        if who == AUTHORITY {
            return Some(Self::Authority);
        }
        who.parse().ok().map(Self::Witness)
    }
}

impl Row {
    fn standing(self) -> Result<Standing, StoreError> {
        let at = At {
            table: "proof_party",
            row: &self.tenant_id,
        };
        let since = at.maybe_instant("conflict_at", self.conflict_at)?;
        let conflict = at.maybe_word("conflict", self.conflict.as_deref())?;
        Ok(Standing {
            tenant: self.tenant_id.into(),
            party: Party::read(&self.who).ok_or_else(|| at.corrupt("who"))?,
            size: at.number("size", self.size)?,
            at: at.maybe_instant("vouched_at", self.vouched_at)?,
            failures: at.number("failures", self.failures)?,
            conflict: conflict.zip(since),
            name: self.name,
        })
    }
}

/// Returns the logs of which a party is to be asked now, those that wait longest first; none that is in
/// conflict with it.
pub async fn due(
    tx: &mut Tx,
    party: &Party,
    now: Timestamp,
    most: u32,
) -> Result<Vec<Due>, StoreError> {
    const SQL: &str = "select h.tenant_id, h.size, coalesce(p.size, 0), coalesce(p.failures, 0)
        from proof_head h
        left join proof_party p on p.tenant_id = h.tenant_id and p.who = $1
        where h.size > coalesce(p.size, 0) and coalesce(p.next_at, 0) <= $2
            and p.conflict_at is null
        order by coalesce(p.next_at, 0), h.tenant_id limit $3";
    let who = party.who();
    let rows: Vec<(Uuid, i64, i64, i64)> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(&who)
        .bind(ms(now))
        .bind(i64::from(most))
        .fetch_all(conn)
        .await?);
    let due = |(tenant, sealed, vouched, failures): (Uuid, i64, i64, i64)| Due {
        tenant: tenant.into(),
        sealed: u64::try_from(sealed).unwrap_or_default(),
        vouched: u64::try_from(vouched).unwrap_or_default(),
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
    };
    Ok(rows.into_iter().map(due).collect())
}

/// Returns since when the oldest checkpoint waits that a party has not vouched for, over all logs.
pub async fn waits_since(tx: &mut Tx, party: &Party) -> Result<Option<Timestamp>, StoreError> {
    const NEXT: &str = "select note from proof_checkpoint where tenant_id = $1 and size > $2
        order by size limit 1";
    let mut oldest: Option<Timestamp> = None;
    for behind in due(tx, party, Timestamp::MAX, u32::MAX).await? {
        let size = i64::try_from(behind.vouched).unwrap_or(i64::MAX);
        let note: Option<String> = on!(tx, |conn| sqlx::query_scalar(NEXT)
            .bind(raw(behind.tenant))
            .bind(size)
            .fetch_optional(conn)
            .await?);
        let date = note.and_then(|note| Some(read(&note)?.said.date));
        oldest = oldest.into_iter().chain(date).min();
    }
    Ok(oldest)
}

/// Returns how every party stands with every log, or with one.
pub async fn standings(tx: &mut Tx, tenant: Option<TenantId>) -> Result<Vec<Standing>, StoreError> {
    const SQL: &str =
        "select tenant_id, who, size, name, vouched_at, failures, conflict, conflict_at
        from proof_party where $1 is null or tenant_id = $1 order by tenant_id, who";
    let tenant = tenant.map(raw);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(SQL)
        .bind(tenant)
        .fetch_all(conn)
        .await?);
    rows.into_iter().map(Row::standing).collect()
}

/// Keeps what a witness signed, and when it is asked next.
pub async fn keep_cosignature(
    tx: &mut Tx,
    (tenant, size): (TenantId, u64),
    witness: &WitnessKey,
    cosignature: &Cosignature,
    next: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into proof_cosignature (tenant_id, witness, size, line)
        values ($1, $2, $3, $4)
        on conflict (tenant_id, witness, size) do update set line = excluded.line";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(witness.to_string())
            .bind(whole(size))
            .bind(cosignature.to_string())
    );
    let party = Party::Witness(witness.clone());
    vouched(
        tx,
        (tenant, size),
        &party,
        (witness.name(), cosignature.at()),
        next,
    )
    .await
}

/// Keeps what the authority signed, and when it is asked next.
pub async fn keep_timestamp(
    tx: &mut Tx,
    (tenant, size): (TenantId, u64),
    token: &[u8],
    stamp: &Stamp,
    next: Timestamp,
) -> Result<(), StoreError> {
    // The earlier of two says more.
    const SQL: &str = "insert into proof_timestamp (tenant_id, size, token) values ($1, $2, $3)
        on conflict (tenant_id, size) do nothing";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(whole(size))
            .bind(token)
    );
    let said = (stamp.authority.as_str(), stamp.at);
    vouched(tx, (tenant, size), &Party::Authority, said, next).await
}

async fn vouched(
    tx: &mut Tx,
    (tenant, size): (TenantId, u64),
    party: &Party,
    (name, at): (&str, Timestamp),
    next: Timestamp,
) -> Result<(), StoreError> {
    // A size never goes back: of two that asked at once, the one that was told less changes nothing.
    const SQL: &str =
        "insert into proof_party (tenant_id, who, size, name, vouched_at, failures, next_at)
        values ($1, $2, $3, $4, $5, 0, $6)
        on conflict (tenant_id, who) do update set size = excluded.size, name = excluded.name,
            vouched_at = excluded.vouched_at, failures = 0, next_at = excluded.next_at
        where proof_party.size <= excluded.size";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(party.who())
            .bind(whole(size))
            .bind(name)
            .bind(ms(at))
            .bind(ms(next))
    );
    Ok(())
}

/// Records that a party could not be asked, or did not answer as it should.
pub async fn put_off(
    tx: &mut Tx,
    tenant: TenantId,
    party: &Party,
    failures: u32,
    next: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into proof_party (tenant_id, who, size, failures, next_at)
        values ($1, $2, 0, $3, $4)
        on conflict (tenant_id, who) do update set failures = excluded.failures,
            next_at = excluded.next_at";
    run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(party.who())
            .bind(i64::from(failures))
            .bind(ms(next))
    );
    Ok(())
}

/// Records that what a party says and what the log says cannot both be true: it is asked no more until a person
/// says so. Returns whether that is new.
pub async fn conflict(
    tx: &mut Tx,
    tenant: TenantId,
    party: &Party,
    said: Conflict,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "insert into proof_party
            (tenant_id, who, size, failures, next_at, conflict, conflict_at)
        values ($1, $2, 0, 0, $4, $3, $4)
        on conflict (tenant_id, who) do update set conflict = excluded.conflict,
            conflict_at = excluded.conflict_at
        where proof_party.conflict_at is null";
    let done = run!(
        tx,
        sqlx::query(SQL)
            .bind(raw(tenant))
            .bind(party.who())
            .bind(said.to_string())
            .bind(ms(now))
    );
    Ok(done > 0)
}

/// Records that a person looked at a conflict: the party is asked again, as if it had never been, so that it says
/// itself where it stands. Returns whether there was one.
pub async fn looked_at(tx: &mut Tx, tenant: TenantId, party: &Party) -> Result<bool, StoreError> {
    const SQL: &str = "update proof_party set conflict = null, conflict_at = null, size = 0,
            failures = 0, next_at = 0
        where tenant_id = $1 and who = $2 and conflict_at is not null";
    let done = run!(tx, sqlx::query(SQL).bind(raw(tenant)).bind(party.who()));
    Ok(done > 0)
}

impl Store {
    /// Returns what a party is asked with that vouched for `vouched` events; nothing where no checkpoint is.
    pub async fn submission(
        &self,
        tenant: TenantId,
        vouched: u64,
    ) -> Result<Option<Submission>, ProofError> {
        let broken = |said| ProofError::Broken {
            network: tenant,
            said,
        };
        let mut tx = self.reading().await?;
        let Some(note) = last_checkpoint(&mut tx, tenant).await? else {
            return Ok(None);
        };
        let Kept { note, said } =
            read(&note).ok_or_else(|| broken("its last checkpoint is none"))?;
        let proof = if vouched > said.size {
            None
        } else {
            let spans = Span::consistency(vouched, said.size);
            let tiles = tiles(&mut tx, tenant, Tiles::needed(&spans)).await?;
            let path = tiles.path(&spans);
            Some(path.ok_or_else(|| broken("a tile is missing"))?)
        };
        Ok(Some(Submission { note, said, proof }))
    }
}

pub(super) fn whole(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
