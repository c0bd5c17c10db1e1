//! What nothing else would wake: lanes whose head has gone, held deliveries whose cause was mended
//! elsewhere, lookups that are due.

use std::time::Duration;

use domain::HoldReason;
use store::StoreError;

use crate::app::App;
use crate::{pause, reroute};

/// How often, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(5);

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
    while !app.tasks.is_stopping() {
        if let Err(error) = round(&app).await {
            tracing::warn!(error = %error, "a sweep failed");
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}

async fn round(app: &App) -> Result<(), StoreError> {
    if app.store.sweep(app.clock.now()).await? > 0 {
        app.inbox.wake();
    }
    reroute::due(app).await?;
    for reason in MENDED_ELSEWHERE {
        let mut tx = app.store.reading().await?;
        let held = store::deliveries::held(&mut tx, reason, HELD_MAX).await?;
        drop(tx);
        for delivery in held {
            let Some(again) = reroute::again(app, &delivery, None).await? else {
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
