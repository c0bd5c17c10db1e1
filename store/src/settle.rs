//! What came of an attempt: written once, by whoever still holds the delivery.

mod postgres;
mod sqlite;

use domain::id::{DeliveryId, DossierId, TenantId};
use domain::{Etat, Fault, NormVersion, Receipt, Status, Timestamp};

use crate::claim::{Claimed, Was};
use crate::deliveries::{NewEvent, Standing};
use crate::error::StoreError;
use crate::lanes;
use crate::pieces::Numeros;
use crate::pool::{Pools, Store};
use crate::sealing::Fingerprint;

/// How often a group is tried again after it lost a race.
const MAX_TRIES: u32 = 5;

/// What came of one claim.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Whose.
    pub tenant: TenantId,
    /// Which delivery.
    pub id: DeliveryId,
    /// Who held it.
    pub owner: String,
    /// The number of the attempt: with the owner, the fence.
    pub number: i64,
    /// When it was decided.
    pub now: Timestamp,
    /// Where the delivery stands from now on.
    pub standing: Standing,
    /// How often it was sent.
    pub attempts: u32,
    /// How often a lost answer was looked for.
    pub looks: u32,
    /// When an answer was first lost.
    pub first_lost_at: Option<Timestamp>,
    /// The numbers the OPCO gave; absent keeps those there are.
    pub receipt: Option<Receipt>,
    /// The OPCO's numbers of a piece that is no contract; absent keeps those there are.
    pub numeros: Option<Numeros>,
    /// The failure, masked; absent clears the one before.
    pub fault: Option<Fault>,
    /// The version of the norm it went out in; absent keeps the one there is.
    pub version: Option<NormVersion>,
    /// How the attempt ended.
    pub attempt: AttemptEnd,
    /// What the log says of it.
    pub events: Vec<NewEvent>,
    /// The dossier the OPCO opened, when it took a contract.
    pub dossier: Option<NewDossier>,
    /// When the site's states at this system should be read.
    pub read: Option<ReadPlan>,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// The outcome, as a stable word (`taken`, `failed`, `lost`, `found`, `absent`,
    /// `could_not_tell`, `released`).
    pub outcome: &'static str,
    /// The HTTP status, when there was an answer.
    pub http_status: Option<u16>,
    /// How long the exchange took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

/// A dossier the OPCO opened for a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDossier {
    /// Its name; the one that is already known under the OPCO's number keeps its own.
    pub id: DossierId,
    /// The exact pairing key.
    pub pairing: Option<Fingerprint>,
    /// The OPCO's numbers and the state it told.
    pub receipt: Receipt,
}

/// When the states of a site at one system should next be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPlan {
    /// The first read, unless an earlier one is planned.
    pub due_at: Timestamp,
    /// The usual interval, for a site that had none.
    pub interval_ms: u64,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Written.
    Done,
    /// Someone else took the delivery over, since the lease had ended: nothing was written.
    Lost,
}

/// A delivery whose settlement was written, and whose lane may go on.
struct Ended {
    tenant: TenantId,
    lane: Fingerprint,
}

impl Claimed {
    /// Makes a settlement of this claim that keeps its counts.
    pub fn settlement(
        &self,
        now: Timestamp,
        standing: Standing,
        attempt: AttemptEnd,
    ) -> Settlement {
        Settlement {
            tenant: self.delivery.tenant,
            id: self.delivery.id,
            owner: self.owner.clone(),
            number: self.number,
            now,
            standing,
            attempts: self.delivery.attempts,
            looks: self.delivery.looks,
            first_lost_at: self.delivery.first_lost_at,
            receipt: None,
            numeros: None,
            fault: None,
            version: None,
            attempt,
            events: Vec::new(),
            dossier: None,
            read: None,
        }
    }

    /// Makes the settlement that gives this claim back unsent: the attempt does not count, and
    /// what was to be looked for still is.
    ///
    /// `until` says when it may be taken again, and `reason` why it waits; without a reason it is
    /// due as it was.
    pub fn release(
        &self,
        now: Timestamp,
        until: Timestamp,
        reason: Option<domain::WaitReason>,
    ) -> Settlement {
        let standing = match (self.was, reason) {
            (Was::Unknown, _) => Standing::unknown(until),
            (Was::Queued, Some(reason)) => Standing::waiting(reason, until),
            (Was::Queued, None) => Standing::queued(until),
        };
        let end = AttemptEnd {
            outcome: "released",
            http_status: None,
            duration_ms: None,
            trace_id: None,
        };
        let mut settlement = self.settlement(now, standing, end);
        if self.was == Was::Queued {
            settlement.attempts = settlement.attempts.saturating_sub(1);
        }
        settlement.fault.clone_from(&self.delivery.fault);
        let event = NewEvent::new(now, "attempt.released")
            .delivery(self.delivery.id)
            .with(serde_json::json!({ "attempt": self.number }));
        settlement.events.push(event);
        settlement
    }
}

impl Settlement {
    fn ends(&self) -> bool {
        self.standing.status.is_final()
    }

    /// Whether the pairing key is free again: the OPCO has no such contract from us.
    fn frees_pairing(&self) -> bool {
        matches!(self.standing.status, Status::Rejected | Status::Cancelled)
    }
}

impl NewDossier {
    fn etat(&self) -> Option<Etat> {
        self.receipt.etat.as_deref().and_then(Etat::read)
    }
}

impl Store {
    /// Writes what came of a group of claims in one transaction; the answers are in the order of
    /// the group.
    ///
    /// On PostgreSQL the lanes are woken by a second statement after it: should it fail,
    /// [`Store::sweep`] does the same.
    pub async fn settle(&self, batch: &[Settlement]) -> Result<Vec<Settled>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut tries = 1;
        loop {
            let outcome = match &self.pools {
                Pools::Sqlite { .. } => sqlite::settle(self, batch).await,
                Pools::Postgres(pool) => postgres::settle(self, pool, batch).await,
            };
            match outcome {
                Err(error) if error.is_lost_race() && tries < MAX_TRIES => tries += 1,
                done => return done,
            }
        }
    }
}

/// Returns the lanes that may go on, each with the instant its delivery ended.
fn freed<'b>(batch: &'b [Settlement], done: &[Option<Ended>]) -> Option<(Timestamp, Vec<Lane>)> {
    let ended = |(settlement, done): (&'b Settlement, &Option<Ended>)| {
        let ended = done.as_ref().filter(|_| settlement.ends())?;
        Some((settlement.now, (ended.tenant, ended.lane)))
    };
    let found: Vec<(Timestamp, Lane)> = batch.iter().zip(done).filter_map(ended).collect();
    let now = found.iter().map(|(now, _)| *now).max()?;
    Some((now, found.into_iter().map(|(_, lane)| lane).collect()))
}

type Lane = (TenantId, Fingerprint);

/// Wakes what waited behind the deliveries that ended.
async fn wake(
    tx: &mut crate::pool::Tx,
    batch: &[Settlement],
    done: &[Option<Ended>],
) -> Result<(), StoreError> {
    if let Some((now, lanes)) = freed(batch, done) {
        lanes::wake(tx, &lanes, now).await?;
    }
    Ok(())
}

fn answers(done: &[Option<Ended>]) -> Vec<Settled> {
    done.iter()
        .map(|done| {
            if done.is_some() {
                Settled::Done
            } else {
                Settled::Lost
            }
        })
        .collect()
}
