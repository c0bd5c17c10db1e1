//! What an OPCO's behaviour teaches about its health, told to limits and breaker: by a write, a look or a
//! read alike.

use domain::{Fault, FaultKind, Outcome};

use crate::app::App;
use crate::limits::silence;
use crate::metrics::BreakerState;
use crate::mutation::{self, Mutation};
use crate::pause;
use crate::system::System;

/// Tells limits and breaker what the OPCO's behaviour teaches about its health.
pub(crate) async fn of(app: &App, system: System, outcome: &Outcome) {
    let fault = match outcome {
        Outcome::Taken(_) | Outcome::Found(_) | Outcome::Absent => {
            return answered(app, system);
        }
        Outcome::Failed(fault) | Outcome::Lost(fault) | Outcome::CouldNotTell(fault) => fault,
    };
    of_fault(app, system, fault).await;
}

/// The same for a read.
pub(crate) async fn of_fault(app: &App, system: System, fault: &Fault) {
    let now = app.clock.now();
    if let Some(span) = fault.retry_after
        && !mutation::planted(Mutation::ForgetRetryAfter)
    {
        silence::ask(app, system, pause::later(now, span)).await;
    }
    match fault.kind {
        FaultKind::Unavailable | FaultKind::Unreadable => {
            if let Some(until) = app.breakers.failed(system, now) {
                tracing::warn!(%system, %until, "an OPCO is unwell and rests");
                app.metrics.breaker(system.instance, BreakerState::Open);
            }
        }
        FaultKind::Misconfigured => app.breakers.withdraw(system),
        _ => answered(app, system),
    }
}

fn answered(app: &App, system: System) {
    if app.breakers.answered(system) {
        tracing::info!(%system, "an OPCO is well again");
        app.metrics.breaker(system.instance, BreakerState::Closed);
    }
}
