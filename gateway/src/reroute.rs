//! The question of `plan` asked again: when a live lookup is due, when a cause was mended, when a
//! person has acted.

use std::time::Duration;

use domain::calendar::day_in_france;
use domain::finding;
use domain::{Finding, Kind, Opco, Route, RouteOutcome, Status, WaitReason};
use store::bulks::Turn;
use store::mandates::Mandate;
use store::{Delivery, NewEvent, Standing, StoreError, Tx};

use crate::app::App;
use crate::plan::{self, Plan, Question, Way};
use crate::routing::Employer;
use crate::view::View;
use crate::{bulk, contract, follow_up, pause, routing};

/// How long one replica has to look up what it took.
const LOOKUP_LEASE: Duration = Duration::from_mins(2);

/// How long a lookup waits after the live services could not tell.
const LOOKUP_AGAIN: Duration = Duration::from_mins(5);

/// Most lookups taken at once.
const LOOKUPS_MAX: u32 = 50;

/// A judgement of a delivery that is already in custody.
pub(crate) struct Again {
    /// What was asked.
    pub(crate) plan: Plan,
    /// All that speaks about the payload: what its content was found to say, and the plan's own.
    pub(crate) findings: Vec<Finding>,
    /// The mandate that was given for it, kept only together with the judgement.
    mandate: Option<Mandate>,
}

/// What a person adds to the question.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The OPCO.
    pub(crate) chosen: Option<Opco>,
    /// The mandate that was missing.
    pub(crate) mandate: Option<Mandate>,
}

/// Who caused a new judgement, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    /// The name events give it.
    pub(crate) actor: &'a str,
    /// The person's reason.
    pub(crate) reason: Option<&'a str>,
    /// Whose turn it is, when a person acts upon many.
    pub(crate) turn: Option<&'a Turn>,
}

/// The gateway itself.
pub(crate) const GATEWAY: By<'static> = By {
    actor: "gateway",
    reason: None,
    turn: None,
};

/// Asks the live services for every delivery whose lookup is due.
pub(crate) async fn due(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let until = pause::later(now, LOOKUP_LEASE);
    let taken = store::deliveries::claim_lookups(&mut tx, now, until, LOOKUPS_MAX).await?;
    tx.commit().await?;
    for delivery in taken {
        if app.tasks.is_stopping() {
            break;
        }
        look_up(app, &delivery).await?;
    }
    Ok(())
}

async fn look_up(app: &App, delivery: &Delivery) -> Result<(), StoreError> {
    if delivery.kind != Kind::Dossier {
        // Nothing was learnt while the contract itself has no OPCO: it is asked again.
        let again = again(app, delivery, Given::default()).await?;
        if let Some(again) = again.filter(|again| again.plan.target.is_some()) {
            let standing = standing(&again, app.clock.now());
            keep(app, delivery, &again, standing, "delivery.routed", GATEWAY).await?;
        }
        return Ok(());
    }
    let Some((view, question, findings)) = question(app, delivery, &Given::default()).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    let route =
        routing::resolve_live(&app.routing, &question.employer, &view.network.routes, now).await;
    app.metrics
        .lookup(route.source.as_str(), route.outcome.as_str());
    let away = route.outcome == RouteOutcome::UpstreamUnavailable;
    let plan = plan::follow(&app.routing, &app.seed, &view, &question, route);
    let again = joined(plan, findings, None);
    let standing = match again.plan.way {
        // Nothing was learnt: the question stays open, and is asked again.
        Way::Lookup => Standing::waiting(
            WaitReason::RouteLookup,
            pause::later(now, if away { LOOKUP_AGAIN } else { LOOKUP_LEASE }),
        ),
        _ => standing(&again, now),
    };
    keep(app, delivery, &again, standing, "delivery.routed", GATEWAY).await?;
    Ok(())
}

/// Asks again for a delivery in custody, with what a person gives, if anything.
///
/// Nothing, when its payload is gone.
pub(crate) async fn again(
    app: &App,
    delivery: &Delivery,
    given: Given,
) -> Result<Option<Again>, StoreError> {
    if delivery.kind != Kind::Dossier {
        let judged = follow_up::again(app, delivery).await?;
        return Ok(judged.map(|(plan, findings)| Again {
            plan,
            findings,
            mandate: None,
        }));
    }
    let Some((view, question, findings)) = question(app, delivery, &given).await? else {
        return Ok(None);
    };
    let plan = plan::plan(&app.routing, &app.seed, &view, &question);
    Ok(Some(joined(plan, findings, given.mandate)))
}

/// Returns where a delivery stands after it was judged again.
pub(crate) fn standing(again: &Again, now: domain::Timestamp) -> Standing {
    match (again.plan.way, plan::first_hold(&again.findings)) {
        (Way::Go, Some(reason)) => Standing::held(reason),
        (way, _) => standing_of(way, now),
    }
}

/// Returns where a payload stands that goes this way.
pub(crate) fn standing_of(way: Way, now: domain::Timestamp) -> Standing {
    match way {
        Way::Go => Standing::queued(now),
        Way::Lookup => Standing::waiting(WaitReason::RouteLookup, now),
        Way::Await(reason, until) => Standing::waiting(reason, until),
        Way::Hold(reason) => Standing::held(reason),
    }
}

/// Writes a new judgement, unless the delivery changed meanwhile. Tells whether it was written.
///
/// What may already be at an OPCO stays that OPCO's, and is looked for there before anything else:
/// that a key was missing for a while does not undo a lost answer.
pub(crate) async fn keep(
    app: &App,
    before: &Delivery,
    again: &Again,
    standing: Standing,
    kind: &'static str,
    by: By<'_>,
) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.writing().await?;
    let current = store::deliveries::find_for_update(&mut tx, before.tenant, before.id).await?;
    let Some(mut delivery) = current.filter(|current| same(current, before)) else {
        return Ok(false);
    };
    let standing = match delivery.first_lost_at {
        Some(_) if standing.status != Status::Held => Standing::unknown(now),
        _ => standing,
    };
    delivery.standing = standing;
    if delivery.first_lost_at.is_none() {
        delivery.opco = again.plan.target.map(|target| target.opco);
        delivery.instance = again.plan.target.map_or(1, |target| target.number);
        delivery.version = again.plan.version;
    }
    if let Some(mandate) = &again.mandate {
        store::mandates::put(&mut tx, mandate).await?;
    }
    if delivery.target() == again.plan.target {
        write(&mut tx, &delivery, &again.plan.route, &again.findings).await?;
    }
    let event = NewEvent::new(now, kind)
        .delivery(delivery.id)
        .by(by.actor.to_owned())
        .with(serde_json::json!({
            "reason": by.reason,
            "status": standing.status,
            "held": standing.hold_reason,
            "waiting": standing.wait_reason,
            "opco": delivery.opco,
            "route_source": again.plan.route.source,
            "bulk": by.turn.map(|turn| turn.bulk),
        }));
    store::deliveries::update(&mut tx, &delivery, &event).await?;
    if let Some(turn) = by.turn
        && !bulk::take_turn(&mut tx, turn, &delivery.siret_cfa, now).await?
    {
        return Ok(false);
    }
    tx.commit().await?;
    if standing.status == Status::Unknown {
        app.inbox.wake();
    }
    if standing.status == Status::Queued
        && let Some(system) = crate::system::of(&delivery)
    {
        app.inbox.hand_over(delivery.tenant, system, delivery.id);
    }
    Ok(true)
}

/// Keeps the route and the findings of a delivery.
pub(crate) async fn write(
    tx: &mut Tx,
    delivery: &Delivery,
    route: &Route,
    findings: &[Finding],
) -> Result<(), StoreError> {
    let route = serde_json::to_string(route).unwrap_or_default();
    store::deliveries::set_judgement(
        tx,
        delivery.tenant,
        delivery.id,
        &route,
        &finding::kept::write(findings),
    )
    .await
}

/// A delivery that a lookup has pushed back is still the same; anything else is news.
fn same(current: &Delivery, before: &Delivery) -> bool {
    current.standing.status == before.standing.status
        && current.standing.hold_reason == before.standing.hold_reason
        && current.standing.wait_reason == before.standing.wait_reason
}

/// What the payload itself was found to say, and what the plan says of it now. Findings of an
/// earlier plan make room for those of the new one.
fn joined(plan: Plan, kept: Vec<Finding>, mandate: Option<Mandate>) -> Again {
    let of_plan =
        |rule: &str| rule.starts_with("ROU-") || rule.starts_with("KEY-") || rule == "ELI-002";
    let mut findings: Vec<Finding> = kept
        .into_iter()
        .filter(|finding| !of_plan(finding.rule))
        .collect();
    findings.extend(plan.findings.iter().cloned());
    Again {
        plan,
        findings,
        mandate,
    }
}

async fn question(
    app: &App,
    delivery: &Delivery,
    given: &Given,
) -> Result<Option<(std::sync::Arc<View>, Question, Vec<Finding>)>, StoreError> {
    let view = app
        .views
        .fresh(app, delivery.tenant, delivery.siret_cfa)
        .await?;
    let mut tx = app.store.reading().await?;
    let submission = store::deliveries::submission(&mut tx, delivery.tenant, delivery.id).await?;
    let sealed = store::deliveries::payload(&mut tx, delivery.tenant, delivery.id).await?;
    let kept = store::mandates::of_delivery(&mut tx, delivery.tenant, delivery.id).await?;
    let mandate = kept.is_some() || given.mandate.is_some();
    drop(tx);
    let (Some(submission), Some(sealed)) = (submission, sealed) else {
        return Ok(None);
    };
    let Some(siret) = delivery.siret_employeur else {
        return Ok(None);
    };
    let before: Option<Route> = serde_json::from_str(&submission.route_json).ok();
    // A person's earlier choice stands until another one is made.
    let chosen = given.chosen.or_else(|| {
        before
            .filter(|route| route.source == domain::route::RouteSource::Chosen)
            .and_then(|route| route.opco)
    });
    let employer = match contract::open_sealed(&view.network.keys, delivery.id, &sealed) {
        Ok(opened) => contract::employer(&opened.dossier, siret, None),
        Err(error) => {
            tracing::warn!(delivery.id = %delivery.id, error = %error, "a payload does not open");
            Employer::new(siret)
        }
    };
    let now = app.clock.now();
    let question = Question {
        employer,
        siret_cfa: delivery.siret_cfa,
        environment: delivery.environment,
        chosen,
        mandate,
        now,
        today: day_in_france(now),
    };
    // Effects stay as they were kept: a person may have confirmed one of them since.
    let findings = finding::kept::read(&submission.warnings_json);
    Ok(Some((view, question, findings)))
}
