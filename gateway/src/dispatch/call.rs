//! What a call needs before it starts: the OPCO's leave, a turn, a token, a lease that outlasts it, and
//! who calls; and the call itself, bounded.

use std::time::Instant;

use domain::{Fault, FaultKind, HoldReason, NormVersion, Outcome, Timestamp, WaitReason};
use opco::{Filed, Identity, Operation, Profile};
use store::{Claimed, Delivery};

use super::{Attempt, Stop, broken, hold};
use crate::app::App;
use crate::limits::Turn;
use crate::pause;
use crate::system::System;
use crate::view::{CfaKey, View};

/// Lets a call go on only where no works were announced for now. What waits for their end was woken if
/// they ended before their hour: what was read a moment ago is then read again.
pub(super) async fn open_now(
    app: &App,
    delivery: &Delivery,
    view: &View,
    system: System,
) -> Result<(), Stop> {
    let now = app.clock.now();
    let mut end = view.closed_until(system, now);
    if end.is_some() && view.is_stale() {
        let read = app.views.fresh(app, delivery.tenant, delivery.siret_cfa);
        end = read.await.map_err(broken)?.closed_until(system, now);
    }
    match end {
        Some(end) => Err(Stop::Later(WaitReason::Maintenance, end)),
        None => Ok(()),
    }
}

/// Waits for the call's turn.
pub(super) async fn turn(
    app: &App,
    system: System,
    key: &CfaKey,
    deadline: Timestamp,
) -> Result<(), Stop> {
    let asked = Instant::now();
    let turn = app.limits.turn(system, &key.id.to_string(), deadline).await;
    app.metrics
        .limiter_wait(system.instance.opco, asked.elapsed());
    match turn {
        Turn::Go => Ok(()),
        Turn::NotBefore(at) => Err(Stop::Later(WaitReason::Limit, at)),
    }
}

/// Lets a call start only if its lease outlasts it: whatever held us up until here (a database, a
/// frozen machine), another replica may be about to take the job over.
pub(super) fn lease_holds(app: &App, job: &Claimed, profile: &Profile) -> Result<(), Stop> {
    let now = app.clock.now();
    let latest = pause::later(now, profile.timeout());
    if job
        .delivery
        .standing
        .due_at
        .is_some_and(|until| latest < until)
    {
        return Ok(());
    }
    tracing::warn!(delivery.id = %job.delivery.id, "too late to call under this lease");
    Err(Stop::Later(WaitReason::Limit, now))
}

/// Has a token at hand before the call's turn comes, within the time that the turn may take.
pub(super) async fn ready(
    app: &App,
    profile: &Profile,
    identity: &Identity,
    version: NormVersion,
) -> Result<(), Fault> {
    let bound = app.real(app.settings.worker.turn_wait());
    let asked = opco::ready(&app.transport, profile, identity, version);
    tokio::time::timeout(bound, asked)
        .await
        .unwrap_or_else(|_| {
            let why = "no token within the wait for a turn";
            Err(Fault::new(FaultKind::Unavailable, why))
        })
}

/// Writes, and bounds the wait on the gateway's own clock: a lease must never end under a call.
pub(super) async fn write(context: &Attempt<'_>, operation: &Operation) -> Filed {
    let app = context.app;
    let bound = app.real(context.profile.timeout());
    let call = opco::hand_over(
        &app.transport,
        context.profile,
        &context.identity,
        operation,
    );
    match tokio::time::timeout(bound, call).await {
        Ok(filed) => filed,
        Err(_) => Outcome::Lost(Fault::new(FaultKind::Unavailable, "no answer in time")).into(),
    }
}

/// Returns the CFA key and the identity to call with.
pub(crate) fn identity(app: &App, view: &View, system: System) -> Result<(CfaKey, Identity), Stop> {
    let software = view
        .software(system)
        .ok_or_else(|| hold(HoldReason::NoSoftwareCredential, "no software credential"))?;
    let key = view
        .site
        .key(system)
        .ok_or_else(|| hold(HoldReason::NoKey, "no active CFA key"))?
        .clone();
    let cfa_key = view.open_key(&key).map_err(broken)?;
    let software = software.open().map_err(broken)?;
    let identity = Identity {
        environment: system.environment,
        software: Some(software),
        cfa_key,
        editor: app.editor.clone(),
    };
    Ok((key, identity))
}
