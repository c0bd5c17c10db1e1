//! `Retry-After` beyond this process: what an OPCO asked of one replica holds for the others, and
//! after a restart.

use store::StoreError;

use crate::app::App;
use crate::mutation::{self, Mutation};
use crate::pause;
use crate::system::System;
use domain::clock::Timestamp;

/// Keeps still for a system until an instant, and lets every replica know.
pub(crate) async fn ask(app: &App, system: System, until: Timestamp) {
    app.limits.silence(system, until);
    if mutation::planted(Mutation::SilenceUntold) {
        return;
    }
    let span = app.real(pause::span_until(app.clock.now(), until));
    app.limits.spread_silence(system, span).await;
    let told = app
        .store
        .silence(system.instance, system.environment, until);
    if let Err(error) = told.await {
        tracing::warn!(%system, error = %error, "only this process knows that an OPCO asked for silence");
    }
}

/// Learns what OPCOs asked of other replicas, or before a restart.
pub(crate) async fn recall(app: &App) -> Result<(), StoreError> {
    for (instance, environment, until) in app.store.silences(app.clock.now()).await? {
        let system = System {
            instance,
            environment,
        };
        app.limits.silence(system, until);
    }
    Ok(())
}
