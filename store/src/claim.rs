//! Handing due deliveries to one deliverer only, under a lease.
//!
//! The claim writes the attempt and its event before anything is sent: a delivery whose lease ran
//! out may have been sent, and is handed out again as one to look for.

use domain::id::{DeliveryId, TenantId};
use domain::{Environment, Instance, Receipt, Status, Timestamp};

use crate::accept::NewDelivery;
use crate::column::{At, raw};
use crate::deliveries::{Delivery, DeliveryRow, NewEvent, Standing};
use crate::error::StoreError;
use crate::events;
use crate::pool::{Pools, Store};
use crate::sealing::SealedPayload;

/// The columns of [`ClaimRow`], of `d` (delivery), `p` (payload), `k` (`object_key`), `s`
/// (submission).
macro_rules! claim_columns {
    () => {
        "d.tenant_id, d.delivery_id, d.environment, d.kind, d.status, d.wait_reason, d.hold_reason,
         d.due_at, d.lane, d.opco, d.instance, d.siret_cfa, d.siret_employeur, d.version,
         d.attempts, d.looks, d.first_lost_at, d.numero_interne, d.numero_externe, d.numero_deca,
         d.fault, d.created_at, d.updated_at, d.finished_at, d.claims, p.body, p.nir, k.body_key,
         k.nir_key, s.warnings, s.traceparent"
    };
}

macro_rules! claim_joins {
    () => {
        " join payload p on p.tenant_id = d.tenant_id and p.delivery_id = d.delivery_id
          join object_key k on k.tenant_id = d.tenant_id and k.object_id = d.delivery_id
          join submission s on s.tenant_id = d.tenant_id and s.delivery_id = d.delivery_id "
    };
}

/// What makes a delivery `c` the one its lane may send now: due, the first of its lane that has
/// not ended, and no other of the lane in flight.
///
/// The offset keeps PostgreSQL from turning the question into a join: asked row by row it costs
/// one step into the lane's index, whatever the planner believes about tables it has not analysed.
/// How the network is compared differs for the same reason (see `pool::PLANS`).
macro_rules! may_go {
    ($same_tenant:literal) => {
        concat!(
            " c.due_at <= $1 and c.due_at is not null and c.opco is not null
          and c.status || '' in ('queued', 'sending', 'waiting', 'unknown')
          and not exists (
            select 1 from delivery e
            where e.lane = c.lane and e.tenant_id ",
            $same_tenant,
            " c.tenant_id
              and e.status in ('queued', 'sending', 'waiting', 'held', 'unknown')
              and (e.delivery_id < c.delivery_id
                   or (e.status = 'sending' and e.delivery_id <> c.delivery_id))
            limit 1 offset 0) "
        )
    };
}

mod postgres;
mod sqlite;

/// The most deliveries one claim hands out.
pub const MAX_CLAIM: usize = 1_024;
/// How often a claim is tried again after it lost a race for a lane.
const MAX_TRIES: u32 = 5;

/// How many deliveries a claimer has room for, for one network at one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The network.
    pub tenant: TenantId,
    /// The system.
    pub instance: Instance,
    /// The world.
    pub environment: Environment,
    /// How many at most.
    pub limit: u32,
}

/// What a claimer has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Was {
    /// It surely was not taken: write.
    Queued,
    /// It may have been taken: look first.
    Unknown,
}

/// A delivery in the hands of one deliverer until the lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery as it is now: `sending`, with this attempt counted when it is a write.
    pub delivery: Delivery,
    /// Whether to write or to look.
    pub was: Was,
    /// Whether another deliverer held it past its lease.
    pub reclaimed: bool,
    /// Who holds it.
    pub owner: String,
    /// The number of this attempt: with the owner, the fence every settlement must show.
    pub number: i64,
    /// The payload.
    pub sealed: SealedPayload,
    /// The findings that did not stop it, as a JSON array.
    pub warnings_json: String,
    /// The caller's trace.
    pub traceparent: Option<String>,
}

/// The delivery before the claim, with what the deliverer needs.
#[derive(sqlx::FromRow)]
struct ClaimRow {
    #[sqlx(flatten)]
    delivery: DeliveryRow,
    claims: i64,
    body: Vec<u8>,
    nir: Option<Vec<u8>>,
    body_key: Vec<u8>,
    nir_key: Option<Vec<u8>>,
    warnings: String,
    traceparent: Option<String>,
}

/// What is the same for every delivery of one claim.
struct Lease<'a> {
    now: Timestamp,
    until: Timestamp,
    owner: &'a str,
}

impl Store {
    /// Takes due deliveries for `owner` until `until`: for each want at most its limit, at most
    /// one of a lane, never one that another claimer holds.
    ///
    /// Hands out what is queued, what waited until now, what is to be looked for now, and what
    /// another deliverer held past its lease (as [`Was::Unknown`]).
    pub async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        wants: &[Want],
    ) -> Result<Vec<Claimed>, StoreError> {
        let lease = Lease { now, until, owner };
        self.claiming(&lease, &Asked::Wants(wants)).await
    }

    /// The same for deliveries handed over in memory: those named that may go now.
    pub async fn claim_ids(
        &self,
        now: Timestamp,
        until: Timestamp,
        owner: &str,
        ids: &[(TenantId, DeliveryId)],
    ) -> Result<Vec<Claimed>, StoreError> {
        let lease = Lease { now, until, owner };
        self.claiming(&lease, &Asked::Ids(ids)).await
    }

    async fn claiming(
        &self,
        lease: &Lease<'_>,
        asked: &Asked<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        if asked.at_most() == 0 {
            return Ok(Vec::new());
        }
        for _ in 1..MAX_TRIES {
            match self.claim_once(lease, asked).await {
                // Another claimer took the same lane in the same instant: its row shows now.
                Err(StoreError::Conflict(_)) => {}
                Err(error) if error.is_lost_race() => {}
                done => return done,
            }
        }
        self.claim_once(lease, asked).await
    }

    async fn claim_once(
        &self,
        lease: &Lease<'_>,
        asked: &Asked<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let rows = match &self.pools {
            Pools::Sqlite { .. } => {
                let mut tx = self.writing().await?;
                let rows = sqlite::claim(&mut tx, lease, asked).await?;
                for row in &rows {
                    events::append(
                        &mut tx,
                        row.delivery.tenant_id().into(),
                        &[row.opened(lease)],
                    );
                }
                tx.commit().await?;
                rows
            }
            // A statement alone is its own transaction.
            Pools::Postgres(pool) => {
                postgres::claim(&mut *pool.acquire().await?, lease, asked).await?
            }
        };
        rows.into_iter()
            .map(|row| row.into_claimed(lease))
            .collect()
    }
}

/// What a claimer asked for.
enum Asked<'a> {
    Wants(&'a [Want]),
    Ids(&'a [(TenantId, DeliveryId)]),
}

impl Asked<'_> {
    fn at_most(&self) -> usize {
        let asked = match self {
            Self::Wants(wants) => wants
                .iter()
                .map(|want| usize::try_from(want.limit).unwrap_or(MAX_CLAIM))
                .fold(0, usize::saturating_add),
            Self::Ids(ids) => ids.len(),
        };
        asked.min(MAX_CLAIM)
    }
}

impl ClaimRow {
    /// Returns what the log says of the claim.
    fn opened(&self, lease: &Lease<'_>) -> NewEvent {
        let looks = matches!(self.delivery.status(), "unknown" | "sending");
        let purpose = if looks { "look" } else { "write" };
        NewEvent::new(lease.now, "attempt.opened")
            .delivery(self.delivery.delivery_id().into())
            .with(serde_json::json!({"attempt": self.claims + 1, "purpose": purpose}))
    }

    fn into_claimed(self, lease: &Lease<'_>) -> Result<Claimed, StoreError> {
        let mut delivery = Delivery::try_from(self.delivery)?;
        // Whoever held it may have sent it: from now on its answer counts as lost. A look for
        // another reason (the OPCO says it has it) is no sign of that.
        let reclaimed = delivery.standing.status == Status::Sending;
        if reclaimed {
            delivery.first_lost_at = delivery.first_lost_at.or(Some(lease.now));
        }
        let was = match delivery.standing.status {
            Status::Unknown | Status::Sending => Was::Unknown,
            _ => Was::Queued,
        };
        if was == Was::Queued {
            delivery.attempts = delivery.attempts.saturating_add(1);
        }
        delivery.standing = Standing {
            due_at: Some(lease.until),
            ..Standing::ended(Status::Sending)
        };
        delivery.updated_at = lease.now;
        Ok(Claimed {
            delivery,
            was,
            reclaimed,
            owner: lease.owner.to_owned(),
            number: self.claims + 1,
            sealed: SealedPayload {
                body: self.body,
                body_key: self.body_key,
                nir: self.nir,
                nir_key: self.nir_key,
            },
            warnings_json: self.warnings,
            traceparent: self.traceparent,
        })
    }
}

impl Claimed {
    /// Returns the claim that was made together with the custody of a payload, when one was asked
    /// for and [`Accepted::Claimed`](crate::Accepted::Claimed) says that it was made.
    pub fn with_custody(new: &NewDelivery) -> Option<Self> {
        let claim = new.claim.as_ref()?;
        Some(Self {
            delivery: Delivery {
                tenant: new.tenant,
                id: new.id,
                environment: new.environment,
                kind: new.kind,
                standing: Standing {
                    due_at: Some(claim.until),
                    ..Standing::ended(Status::Sending)
                },
                lane: new.lane,
                opco: new.opco,
                instance: new.instance,
                siret_cfa: new.siret_cfa,
                siret_employeur: new.siret_employeur,
                version: new.version,
                attempts: 1,
                looks: 0,
                first_lost_at: None,
                fault: None,
                created_at: new.created_at,
                updated_at: new.created_at,
                finished_at: None,
                receipt: Receipt::default(),
            },
            was: Was::Queued,
            reclaimed: false,
            owner: claim.owner.clone(),
            number: 1,
            sealed: new.sealed.clone(),
            warnings_json: new.warnings_json.clone(),
            traceparent: new.traceparent.clone(),
        })
    }

    /// Returns where the delivery goes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the row has no operator, which the claim rules out.
    pub fn target(&self) -> Result<Instance, StoreError> {
        let id = raw(self.delivery.id);
        self.delivery.target().ok_or_else(|| {
            At {
                table: "delivery",
                row: &id,
            }
            .corrupt("opco")
        })
    }
}
