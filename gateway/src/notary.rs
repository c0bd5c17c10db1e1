//! Vouches for what happened: grows the tree of each network's log behind its events, and signs a
//! checkpoint over it. Nothing of this is in the path of a payload.
//!
//! One replica at a time works on one log, under a lease; that two would leave one tree all the same is
//! the store's business. A log that was changed by hand gets no new signature: it is told in the log
//! of the process and counted until somebody has looked (`cfa-gateway audit verify --store`).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::id::{DeliveryId, TenantId};
use serde::{Deserialize, Serialize};
use store::proofs::{self, Behind, Grown, MAX_STEP, ProofError, Shown};
use store::{NewEvent, StoreError};

use crate::app::App;
use crate::mutation::{self, Mutation};
use crate::{pause, rounds, vouching};

/// How long one replica has a log to itself, on the gateway's clock.
const LEASE: Duration = Duration::from_mins(2);

/// How many steps a request takes to seal what it asks about: more are left to the next round.
const STEPS_OF_A_REQUEST: u32 = 8;

/// How often checkpoints are signed, and who else vouches for them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Seconds between two checkpoints of a log that has something new.
    pub every_s: u64,
    /// How those who vouch are called.
    pub outside: vouching::Settings,
    /// The witnesses, each by the name it is counted under.
    pub witness: BTreeMap<String, vouching::Witness>,
    /// The authority that dates.
    pub timestamp: Option<vouching::Authority>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            every_s: 60,
            outside: vouching::Settings::default(),
            witness: BTreeMap::new(),
            timestamp: None,
        }
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let every = Duration::from_secs(app.proof.every_s.max(1));
    rounds::run(
        &app,
        (Duration::ZERO, every),
        "the logs could not be sealed",
        round,
    )
    .await;
}

/// Seals what is new in each log that no other replica has in hand.
async fn round(app: &App) -> Result<(), StoreError> {
    let mut broken = 0;
    for log in behind(app).await? {
        match seal(app, log).await {
            Ok(()) => {}
            Err(ProofError::Store(error)) => return Err(error),
            Err(error @ ProofError::Broken { .. }) => {
                broken += 1;
                tracing::error!(tenant.id = %log.tenant, error = %error,
                    "a log was changed by hand: it is not sealed any more");
            }
        }
    }
    app.metrics.broken_logs(broken);
    // What is left now waits for a replica that has the lease, or for somebody to look.
    let left = behind(app).await?.into_iter();
    let most = left.map(|log| log.events - log.sealed).max();
    let most = u64::try_from(most.unwrap_or_default()).unwrap_or_default();
    app.metrics.unsealed(most);
    Ok(())
}

async fn behind(app: &App) -> Result<Vec<Behind>, StoreError> {
    let mut tx = app.store.reading().await?;
    proofs::behind(&mut tx).await
}

async fn seal(app: &App, log: Behind) -> Result<(), ProofError> {
    while !app.tasks.is_stopping() {
        let now = app.clock.now();
        let until = pause::later(now, LEASE);
        if !app
            .store
            .lease_log(log.tenant, &app.owner, now, until)
            .await?
        {
            return Ok(());
        }
        match grow(app, log.tenant).await? {
            Grown::By(_) => {}
            Grown::Nothing | Grown::Overtaken => return Ok(()),
        }
    }
    Ok(())
}

/// Takes one step, and counts it.
async fn grow(app: &App, tenant: TenantId) -> Result<Grown, ProofError> {
    let most = if mutation::planted(Mutation::LeafLeftOut) {
        all_but_one(app, tenant).await?
    } else {
        MAX_STEP
    };
    if most == 0 {
        return Ok(Grown::Nothing);
    }
    let grown = app.store.grow_log(tenant, app.clock.now(), most).await?;
    if let Grown::By(leaves) = grown {
        app.metrics.sealed(leaves);
    }
    Ok(grown)
}

/// How many events there are to seal, without the last one.
async fn all_but_one(app: &App, tenant: TenantId) -> Result<u32, ProofError> {
    let mut tx = app.store.reading().await?;
    let head = store::events::head(&mut tx, tenant).await?;
    let open = head - proofs::size(&mut tx, tenant).await? - 1;
    Ok(u32::try_from(open).unwrap_or_default())
}

/// Returns the evidence file of a delivery, after sealing what is not sealed yet; nothing when there is
/// too much of that for one request. That it was handed out is on record.
pub(crate) async fn evidence(
    app: &App,
    tenant: TenantId,
    delivery: DeliveryId,
    (actor, environment): (String, &str),
) -> Result<Option<String>, ProofError> {
    for _ in 0..STEPS_OF_A_REQUEST {
        let now = app.clock.now();
        match app.store.evidence(tenant, delivery, true, now).await? {
            Shown::File(file) => {
                // It concerns no delivery: or its own evidence would never be complete.
                let made = NewEvent::new(now, "evidence.made").by(actor);
                let of = serde_json::json!({ "delivery": delivery, "environment": environment });
                let mut tx = app.store.writing().await?;
                store::events::append(&mut tx, tenant, &[made.with(of)]);
                tx.commit().await?;
                return Ok(Some(file));
            }
            Shown::Nothing => return Ok(None),
            Shown::NotYet(_) => {
                grow(app, tenant).await?;
            }
        }
    }
    Ok(None)
}
