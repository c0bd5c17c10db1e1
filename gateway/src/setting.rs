//! The settings that an OPCO's refusal speaks of: the CFA key, the software's account, the flow. What is held
//! for one is worth another call once it is another, and otherwise seldom: an OPCO that says no to a key says
//! it again.

use std::time::Duration;

use domain::id::KeyId;
use domain::step::Next;
use domain::{FaultKind, HoldReason, Timestamp};
use serde_json::json;
use store::{Delivery, NewEvent, StoreError, keys};

use crate::app::App;
use crate::settle::Verdict;
use crate::{pause, plan, system};

/// How long a delivery rests that its OPCO refused for a setting that nobody has changed since: twice as
/// long after each call. OPCOs mend their own side too.
const REST: Duration = Duration::from_mins(10);
/// The longest rest.
const REST_MAX: Duration = Duration::from_hours(6);

/// Tells from what is already known whether a held delivery is worth opening again.
pub(crate) async fn mended(
    app: &App,
    delivery: &Delivery,
    reason: HoldReason,
) -> Result<bool, StoreError> {
    let Some(system) = system::of(delivery) else {
        return Ok(false);
    };
    let view = app
        .views
        .of(app, delivery.tenant, delivery.siret_cfa)
        .await?;
    let since = delivery.updated_at;
    // Whether it is there, and whether it is another since.
    let (there, changed) = match reason {
        HoldReason::NoKey => {
            let key = view.site.key(system);
            (
                key.is_some(),
                key.is_some_and(|key| !key.refused && key.changed_at > since),
            )
        }
        HoldReason::NoSoftwareCredential => {
            let software = view.software(system);
            (
                software.is_some(),
                software.is_some_and(|one| one.id > KeyId::new(since)),
            )
        }
        HoldReason::FlowNotOpen => (
            plan::is_open(app, &view, system, delivery.kind),
            view.switches(system.instance)
                .any(|switch| switch.from > since),
        ),
        _ => (false, false),
    };
    let called = delivery.attempts > 0;
    Ok(there && (!called || changed || app.clock.now() >= rested(since, delivery.attempts)))
}

fn rested(since: Timestamp, attempts: u32) -> Timestamp {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(16));
    pause::later(since, REST.saturating_mul(doubled).min(REST_MAX))
}

/// Keeps with a key what a call said of it, and tells of a refusal.
pub(crate) async fn told(app: &App, key: KeyId, verdict: &Verdict) {
    let taken = match verdict.next() {
        Next::Delivered(_) => true,
        Next::Hold(_, fault) if fault.kind == FaultKind::KeyRefused => false,
        _ => return,
    };
    if let Err(error) = keep(app, key, &verdict.job.delivery, taken).await {
        tracing::warn!(key.id = %key, error = %error, "what a call said of its key was not kept");
    }
}

async fn keep(app: &App, key: KeyId, delivery: &Delivery, taken: bool) -> Result<(), StoreError> {
    let known = app.views.of(app, delivery.tenant, delivery.siret_cfa);
    let known = known.await?;
    let system = system::of(delivery);
    let known = system.and_then(|system| known.site.key(system));
    // Most calls say what is known: they cost nothing.
    if known.is_some_and(|known| known.id == key && known.refused != taken) {
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    if keys::told_by_call(&mut tx, delivery.tenant, key, taken, now).await? {
        let word = if taken { keys::ACCEPTED } else { keys::REFUSED };
        let event = NewEvent::new(now, "key.told")
            .delivery(delivery.id)
            .with(json!({ "key": key, "probe": word }));
        store::events::append(&mut tx, delivery.tenant, &[event]);
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_delivery_rests_longer_after_each_call_and_never_longer_than_a_while() {
        let since: Timestamp = "2026-09-01T08:00:00Z".parse().unwrap();
        let minutes = [1, 2, 3, 6, 40].map(|attempts| {
            let rest = rested(since, attempts).duration_since(since);
            rest.as_secs() / 60
        });
        assert_eq!(minutes, [10, 20, 40, 320, 360]);
    }
}
