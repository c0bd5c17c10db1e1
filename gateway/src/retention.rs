//! Letting go of what need not be kept: the NIR as soon as the OPCO has committed itself, the rest after
//! its time, class by class, in steps that may be interrupted anywhere.

use std::sync::atomic::Ordering;
use std::time::Duration;

use admin_api::privacy::{Class, Retention as Schedule};
use domain::{Etat, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use store::dossiers::StateChange;
use store::retention::{self, Cutoffs, Purged};
use store::{NewEvent, StoreError, Tx, events, tenants};

use crate::app::App;
use crate::config::{Problem, within};
use crate::intake::IDEMPOTENCY_DAYS;
use crate::{pause, rounds};

/// How often finished data is looked through, on the gateway's clock.
const EVERY: Duration = Duration::from_hours(1);
/// How long after a start the first round is: whatever was accepted before goes first.
const FIRST: Duration = Duration::from_mins(5);
/// How many deliveries of each class go in one transaction: others write between two.
const STEP: u32 = 200;
/// For how many days ahead what goes is counted.
const HORIZONS_DAYS: [i64; 4] = [0, 7, 30, 90];

/// The section `[retention]`: how long finished data is kept, in days; 0 keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// When a NIR is destroyed.
    pub nir: Nir,
    /// The NIRs of deliveries that ended and that no OPCO committed itself to.
    pub nir_days: u32,
    /// Payloads of deliveries that ended, with their files, keys and fingerprints.
    pub payload_days: u32,
    /// Files of deliveries that ended, whose payloads stay.
    pub file_days: u32,
    /// Attempts: the masked words of the OPCOs.
    pub attempt_days: u32,
    /// What is known of dossiers that no ERP sent.
    pub stranger_days: u32,
    /// Schedules of adopted dossiers that ended.
    pub reading_days: u32,
}

/// When a NIR is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nir {
    /// Once the OPCO has committed itself: nothing needs it any more.
    Engaged,
    /// After `nir_days`, like the other classes.
    Aged,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nir: Nir::Engaged,
            nir_days: 90,
            payload_days: 1_825,
            file_days: 400,
            attempt_days: 400,
            stranger_days: 180,
            reading_days: 400,
        }
    }
}

impl Settings {
    /// Lists what is out of bounds.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let days = [
            ("retention.nir_days", self.nir_days),
            ("retention.payload_days", self.payload_days),
            ("retention.file_days", self.file_days),
            ("retention.attempt_days", self.attempt_days),
            ("retention.stranger_days", self.stranger_days),
            ("retention.reading_days", self.reading_days),
        ];
        days.into_iter()
            .filter_map(|(key, value)| within(key, value.into(), 0, 36_500))
            .collect()
    }

    /// Returns for how many days a class is kept, by its word; nothing where it is kept for ever.
    fn days(&self, class: &str) -> Option<u32> {
        let days = match class {
            "payloads" => self.payload_days,
            "nirs" => self.nir_days,
            "files" => self.file_days,
            "attempts" => self.attempt_days,
            "strangers" => self.stranger_days,
            "readings" => self.reading_days,
            "idempotency" => u32::try_from(IDEMPOTENCY_DAYS).unwrap_or_default(),
            _ => 0,
        };
        (days > 0).then_some(days)
    }

    /// Returns until when each class is kept, seen from `now`.
    pub(crate) fn cutoffs(&self, now: Timestamp) -> Cutoffs {
        let before = |days: u32| {
            let span = Duration::from_hours(24 * u64::from(days));
            (days > 0).then(|| now.checked_sub(span).unwrap_or(Timestamp::MIN))
        };
        Cutoffs {
            payloads: before(self.payload_days),
            nirs: before(self.nir_days),
            attempts: before(self.attempt_days),
            // They say themselves when they expire.
            idempotency: Some(now),
            files: before(self.file_days),
            strangers: before(self.stranger_days),
            readings: before(self.reading_days),
        }
    }
}

/// Destroys the NIRs of contracts that an OPCO has just committed itself to, in the transaction that
/// learns it.
pub(crate) async fn committed(
    app: &App,
    tx: &mut Tx,
    tenant: TenantId,
    changes: &[StateChange],
    now: Timestamp,
) -> Result<(), StoreError> {
    if app.retention.nir != Nir::Engaged {
        return Ok(());
    }
    for change in changes.iter().filter(|change| is_committed(change)) {
        let Some(delivery) = change.delivery else {
            continue;
        };
        if retention::shred_nir(tx, tenant, delivery).await? {
            app.shredded.store(true, Ordering::Relaxed);
            let mut event = NewEvent::new(now, "payload.nir_shredded");
            event.delivery = Some(delivery);
            event.dossier = Some(change.dossier);
            events::append(tx, tenant, &[event]);
        }
    }
    Ok(())
}

fn is_committed(change: &StateChange) -> bool {
    matches!(
        change.after,
        Some(Etat::Engage | Etat::Rupture | Etat::Solde)
    )
}

/// The classes of data in the order people read them, each with its stable word.
pub(crate) fn classes(
    cutoffs: &Cutoffs,
    purged: &Purged,
) -> [(&'static str, Option<Timestamp>, u64); 7] {
    [
        ("payloads", cutoffs.payloads, purged.payloads),
        ("nirs", cutoffs.nirs, purged.nirs),
        ("files", cutoffs.files, purged.files),
        ("attempts", cutoffs.attempts, purged.attempts),
        ("idempotency", cutoffs.idempotency, purged.idempotency),
        ("strangers", cutoffs.strangers, purged.strangers),
        ("readings", cutoffs.readings, purged.readings),
    ]
}

/// Says how long each class is kept, and counts what goes by each of the horizons, as the rounds would.
pub(crate) async fn schedule(app: &App, tenant: TenantId) -> Result<Schedule, StoreError> {
    let settings = &app.retention;
    let now = app.clock.now();
    let horizons: Vec<Timestamp> = HORIZONS_DAYS
        .iter()
        .map(|days| pause::days_later(now, *days))
        .collect();
    let mut classes: Vec<Class> = Vec::new();
    for at in &horizons {
        let cutoffs = settings.cutoffs(*at);
        let mut tx = app.store.reading().await?;
        let purged = retention::preview(&mut tx, tenant, &cutoffs).await?;
        drop(tx);
        for (rank, (word, ended_before, count)) in
            self::classes(&cutoffs, &purged).into_iter().enumerate()
        {
            match classes.get_mut(rank) {
                Some(class) => class.going.push(count),
                None => classes.push(Class {
                    word,
                    days: settings.days(word),
                    ended_before,
                    going: vec![count],
                }),
            }
        }
    }
    Ok(Schedule {
        nir_at_engagement: settings.nir == Nir::Engaged,
        every_minutes: EVERY.as_secs() / 60,
        horizons,
        classes,
    })
}

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let failed = "what is too old could not be let go of";
    rounds::run(&app, (FIRST, EVERY), failed, round).await;
}

/// Lets go of what is too old, network by network, and wipes where it was.
async fn round(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let networks = tenants::networks(&mut tx).await?;
    drop(tx);
    for network in networks {
        let purged = purge(app, network.id).await?;
        if !purged.is_empty() {
            app.shredded.store(true, Ordering::Relaxed);
        }
    }
    // Also what was destroyed one by one since the last round.
    if app.shredded.swap(false, Ordering::Relaxed) {
        let wiped = app.store.scrub().await;
        if wiped.is_err() {
            app.shredded.store(true, Ordering::Relaxed);
        }
        return wiped;
    }
    Ok(())
}

async fn purge(app: &App, tenant: TenantId) -> Result<Purged, StoreError> {
    let now = app.clock.now();
    let cutoffs = app.retention.cutoffs(now);
    let mut all = Purged::default();
    while !app.tasks.is_stopping() {
        let step = app.store.purge(tenant, &cutoffs, (STEP, now)).await?;
        if step.is_empty() {
            break;
        }
        all += step;
        tokio::task::yield_now().await;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_kept_for_no_days_is_kept_for_ever() {
        let settings = Settings {
            payload_days: 0,
            ..Settings::default()
        };
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        let cutoffs = settings.cutoffs(now);
        assert_eq!(cutoffs.payloads, None);
        let ninety = "2026-06-03T00:00:00Z".parse().unwrap();
        assert_eq!(cutoffs.nirs, Some(ninety));
    }

    #[test]
    fn a_shipped_schedule_is_within_its_bounds() {
        assert!(Settings::default().problems().is_empty());
        let mad = Settings {
            file_days: 99_999,
            ..Settings::default()
        };
        assert_eq!(mad.problems().len(), 1);
    }
}
