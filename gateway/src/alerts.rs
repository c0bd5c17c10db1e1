//! What the gateway notices by itself: a round counts what the log holds, judges each condition, and tells
//! what begins, grows and ends, once each, whichever replica does.

pub(crate) mod letters;
mod seen;
mod telling;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::alert::{Condition, silence};
use domain::id::TenantId;
use domain::{Environment, Timestamp};
use serde::{Deserialize, Serialize};
use store::{StoreError, Tx, pulse};

use crate::app::App;
use crate::{pause, report, rounds};

/// How long after a start the first round is: by then the calls of the first minute have told who answers.
const FIRST: Duration = Duration::from_mins(2);
/// How many steps of counting one round takes: the rest is counted by the next.
const STEPS: u32 = 500;
/// How long counts are kept: what silence looks back, and a week for what lasts.
const KEPT_DAYS: i64 = 14 * 7;
/// How long alerts that ended are shown.
const HISTORY_DAYS: i64 = 400;
/// How long mails that were sent or given up are kept.
const MAIL_DAYS: i64 = 30;

/// The section `[alerts]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Seconds between two rounds.
    pub every_s: u64,
    /// From which hour of France on yesterday is reported.
    pub report_hour: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            every_s: 300,
            report_hour: 7,
        }
    }
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let every = Duration::from_secs(app.alerts.every_s.max(1));
    rounds::run(
        &app,
        (FIRST.min(every), every),
        "what is wrong could not be looked at",
        round,
    )
    .await;
}

/// Looks at every network once.
async fn round(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let networks = store::tenants::networks(&mut tx).await?;
    drop(tx);
    let mut open: BTreeMap<(Environment, Condition), u64> = BTreeMap::new();
    for network in networks {
        if app.tasks.is_stopping() {
            return Ok(());
        }
        let counted = count(app, network.id).await?;
        let seen = seen::look(app, network.id, counted).await?;
        telling::tell(app, network.id, &seen).await?;
        if counted {
            report::tell(app, network.id).await?;
        }
        let mut tx = app.store.reading().await?;
        let lasting = store::alerts::lasting(&mut tx, network.id).await?;
        drop(tx);
        // What is only remembered, or silenced, nobody was told of.
        for alert in lasting.into_iter().filter(|alert| alert.told > 0) {
            *open
                .entry((alert.environment, alert.condition))
                .or_default() += 1;
        }
    }
    app.metrics.alerts(&open);
    Ok(())
}

/// Counts what happened since the last round. Returns whether all of it is counted.
async fn count(app: &App, tenant: TenantId) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let since = pause::days_before(now, i64::from(silence::BACK_DAYS));
    for _ in 0..STEPS {
        if app.tasks.is_stopping() {
            return Ok(false);
        }
        let mut tx = app.store.reading().await?;
        let step = pulse::next(&mut tx, tenant, since).await?;
        drop(tx);
        let mut tx = app.store.writing().await?;
        let Some(step) = step else {
            pulse::watched(&mut tx, tenant, now).await?;
            forget(&mut tx, tenant, now).await?;
            tx.commit().await?;
            return Ok(true);
        };
        pulse::keep(&mut tx, tenant, &step).await?;
        tx.commit().await?;
    }
    Ok(false)
}

/// Lets go of what is too old to compare with, or to be shown.
async fn forget(tx: &mut Tx, tenant: TenantId, now: Timestamp) -> Result<(), StoreError> {
    let old = |days| pause::days_before(now, days);
    pulse::forget(tx, tenant, old(KEPT_DAYS)).await?;
    store::alerts::forget(tx, tenant, old(HISTORY_DAYS)).await?;
    store::mails::forget(tx, tenant, old(MAIL_DAYS)).await
}
