//! What nothing else would wake: lanes whose head has gone, held deliveries whose cause was mended
//! elsewhere, lookups that are due.

use std::time::Duration;

use domain::{DeliveryId, HoldReason};
use store::StoreError;

use crate::app::App;
use crate::{drift, pause, reroute, setting};

/// How often, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(5);

/// How many rounds between two pictures of the queue: it is a count of all that is not finished.
const ROUNDS_PER_PICTURE: u32 = 6;

/// Held for what an administrator mends elsewhere: looked at again by itself.
const MENDED_ELSEWHERE: [HoldReason; 3] = [
    HoldReason::NoKey,
    HoldReason::NoSoftwareCredential,
    HoldReason::FlowNotOpen,
];

/// Most held deliveries looked at again for one cause in one round.
const HELD_MAX: u32 = 200;

/// Runs until the process is asked to stop.
pub(crate) async fn run(app: App) {
    let mut rounds = 0_u32;
    let mut pages = MENDED_ELSEWHERE.map(|reason| (reason, None));
    while !app.tasks.is_stopping() {
        if rounds.is_multiple_of(ROUNDS_PER_PICTURE)
            && let Err(error) = picture(&app).await
        {
            tracing::warn!(error = %error, "the queue could not be counted");
        }
        rounds = rounds.wrapping_add(1);
        if let Err(error) = round(&app, &mut pages).await {
            tracing::warn!(error = %error, "a sweep failed");
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}

/// Shows the queue to whoever reads the measures.
async fn picture(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store.reading().await?;
    let counts = store::deliveries::counts(&mut tx, None).await?;
    app.metrics.queue(&counts, app.clock.now());
    let orphans = store::strangers::count_open(&mut tx).await?;
    app.metrics.orphans(&orphans);
    drop(tx);
    drift::keep(app, app.clock.now()).await
}

/// One page of each cause in a round, so that many deliveries nobody can mend yet never hide one
/// that can go.
async fn round(
    app: &App,
    pages: &mut [(HoldReason, Option<DeliveryId>)],
) -> Result<(), StoreError> {
    if app.store.sweep(app.clock.now()).await? > 0 {
        app.inbox.wake();
    }
    reroute::due(app).await?;
    for (reason, after) in pages {
        let mut tx = app.store.reading().await?;
        let held = store::deliveries::held(&mut tx, *reason, *after, HELD_MAX).await?;
        drop(tx);
        *after = held.last().map(|delivery| delivery.id);
        for delivery in held {
            if !setting::mended(app, &delivery, *reason).await? {
                continue;
            }
            let Some(again) = reroute::again(app, &delivery, reroute::Given::default()).await?
            else {
                continue;
            };
            let standing = reroute::standing(&again, app.clock.now());
            if standing.hold_reason != delivery.standing.hold_reason {
                let kind = "delivery.released";
                reroute::keep(app, &delivery, &again, standing, kind, reroute::GATEWAY).await?;
            }
        }
    }
    Ok(())
}
