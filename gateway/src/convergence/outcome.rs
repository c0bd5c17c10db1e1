//! Waiting for what the OPCO says of a delivery, up to a bound, and saying it in the norm's words.

use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use domain::delivery::Action;
use domain::id::DeliveryId;
use domain::{Etat, HoldReason, Kind, Status, WaitReason};
use store::{Delivery, Standing, StoreError};

use super::refusal::{self, RETRY_AFTER_DEFAULT_S, Refusal};
use crate::actions;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::words;
use crate::pause;

/// How often the store is asked, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A caller told to come back is told a few seconds at least and an hour at most.
const RETRY_AFTER_MIN_S: u64 = 5;
const RETRY_AFTER_MAX_S: u64 = 3_600;

/// Why the façade gives up what it took, for the log.
const GIVEN_UP: &str = "façade : une personne doit d'abord corriger, l'appelant l'a su aussitôt";
/// Why it starts it again.
const AGAIN: &str = "façade : le même envoi a été renvoyé";

/// Where a delivery was found to be.
#[derive(Debug)]
pub(super) enum End {
    /// The OPCO has it.
    Delivered(Box<Delivery>),
    /// The OPCO refused it, in these words.
    Refused(Box<Delivery>),
    /// It will never go as it is, and was given up: the same call is a new one.
    GivenUp(Refusal),
    /// Somebody gave it up before: the same call is a new one.
    Cancelled,
    /// Anything else there is to say.
    Told(Refusal),
}

/// Waits until a delivery came to its end, or until the bound. `ours` says that it came through the
/// façade, which keeps nothing that waits for a person.
pub(super) async fn wait(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
    ours: bool,
) -> Result<End, Refusal> {
    let delivery = watch(app, caller, id).await?;
    let standing = delivery.standing;
    Ok(match standing.status {
        Status::Delivered => End::Delivered(Box::new(delivery)),
        Status::Rejected => End::Refused(Box::new(delivery)),
        Status::Cancelled => End::Cancelled,
        Status::Held => held(app, caller, &delivery, ours).await?,
        Status::Dead => {
            act(app, caller, id, Action::Revive, AGAIN).await?;
            End::Told(later(app, &delivery))
        }
        Status::Queued | Status::Sending | Status::Waiting | Status::Unknown => {
            End::Told(later(app, &delivery))
        }
    })
}

/// Reads a delivery again and again until it moves no more, or there is no use in waiting.
async fn watch(app: &App, caller: &Caller, id: DeliveryId) -> Result<Delivery, Refusal> {
    let until = Instant::now() + app.http.convergence.wait;
    // Without a place there is one look, and the caller is told to come back.
    let place = app.http.convergence.places.try_acquire().ok();
    let mut rest = FIRST_PAUSE;
    loop {
        let delivery = read(app, caller, id).await?;
        let left = until.saturating_duration_since(Instant::now());
        let useless = place.is_none() || left < rest || app.tasks.is_stopping();
        if is_settled(&delivery.standing) || useless || beyond(app, &delivery, left) {
            return Ok(delivery);
        }
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(LONGEST_PAUSE);
    }
}

/// Reads a delivery that this caller may see.
pub(super) async fn read(app: &App, caller: &Caller, id: DeliveryId) -> Result<Delivery, Refusal> {
    let mut tx = app.store.reading().await?;
    let found = store::deliveries::find(&mut tx, caller.tenant, id).await?;
    let seen = |d: &Delivery| d.environment == caller.environment && caller.covers(&d.siret_cfa);
    // Another site of the network has it, for which this caller does not speak.
    found.filter(seen).ok_or_else(Refusal::conflict)
}

fn is_settled(standing: &Standing) -> bool {
    standing.status.is_final() || standing.status == Status::Held
}

/// Returns whether nothing happens by itself before the wait ends. What waits for its dossier is woken
/// by it, at any instant.
fn beyond(app: &App, delivery: &Delivery, left: Duration) -> bool {
    delivery.standing.status == Status::Waiting
        && delivery.standing.wait_reason != Some(WaitReason::Dossier)
        && delivery.standing.due_at.is_some_and(|due| {
            let span = pause::span_until(app.clock.now(), due);
            app.real(span) > left
        })
}

/// A person must act: what cannot be at the OPCO is given up, so that the same call is taken again once
/// it is mended; what may be there is kept and said so.
async fn held(app: &App, caller: &Caller, delivery: &Delivery, ours: bool) -> Result<End, Refusal> {
    let id = delivery.id;
    let reason = delivery
        .standing
        .hold_reason
        .unwrap_or(HoldReason::OutcomeUnknown);
    let said = words::explanation(&delivery.standing, None);
    if delivery.first_lost_at.is_some() || reason == HoldReason::OutcomeUnknown {
        let text = format!(
            "La réponse de l'OPCO s'est perdue et une personne du réseau doit trancher : votre envoi \
             est gardé, ne le ressaisissez pas. {said}"
        );
        let refusal = Refusal::one(StatusCode::CONFLICT, "RESULTAT_INCERTAIN", text);
        return Ok(End::Told(refusal.about(id)));
    }
    if !ours {
        let text = format!(
            "Cet envoi a déjà été déposé et attend une personne du réseau : ne le ressaisissez pas. \
             {said}"
        );
        let refusal = Refusal::one(StatusCode::CONFLICT, reason.as_str(), text);
        return Ok(End::Told(refusal.about(id)));
    }
    let mut refusal = Refusal::held(reason, &[]);
    if let Some(fault) = &delivery.fault
        && !fault.items.is_empty()
    {
        let ours = matches!(
            reason,
            HoldReason::RulesBroken | HoldReason::ContractMissing
        );
        refusal = Refusal::of_opco(fault);
        if !ours {
            refusal = refusal.with_status(StatusCode::FORBIDDEN);
        }
    }
    act(app, caller, id, Action::Cancel, GIVEN_UP).await?;
    Ok(End::GivenUp(refusal.about(id)))
}

/// Acts on a delivery on the caller's behalf. That it moved meanwhile is no failure: the next call sees
/// where it is.
async fn act(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
    action: Action,
    reason: &str,
) -> Result<(), Refusal> {
    let request = actions::Request {
        action,
        reason: reason.to_owned(),
        opco: None,
        mandate: None,
        receipt: None,
        turn: None,
    };
    match actions::act(app, &caller.actor(), id, request).await {
        Err(actions::Refusal::Store(error)) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Says that the OPCO has not answered yet, and that nothing is lost.
fn later(app: &App, delivery: &Delivery) -> Refusal {
    let seconds = retry_after(app, delivery);
    let (code, why) = match delivery.standing.wait_reason {
        Some(WaitReason::RouteLookup) => (
            "OPCO_INDETERMINE",
            "L'OPCO de l'employeur est en cours de recherche.",
        ),
        Some(WaitReason::Dossier | WaitReason::OpeningDate) => (
            "DOSSIER_EN_ATTENTE",
            "L'OPCO doit d'abord faire avancer le dossier ; l'envoi partira de lui-même.",
        ),
        Some(WaitReason::Predecessor) => (
            "DOSSIER_EN_ATTENTE",
            "Un envoi précédent du même dossier doit d'abord aboutir.",
        ),
        Some(WaitReason::Maintenance) => (
            "OPCO_INDISPONIBLE",
            "L'OPCO est en maintenance annoncée ; l'envoi partira à la fin.",
        ),
        _ => ("OPCO_INDISPONIBLE", "L'OPCO n'a pas encore répondu."),
    };
    let text = format!(
        "{why} Votre envoi est enregistré et ne sera pas perdu : ne le ressaisissez pas. Renvoyez la \
         même demande plus tard pour en connaître la suite."
    );
    Refusal::later(code, text, seconds).about(delivery.id)
}

/// Returns when to come back, in seconds: when the gateway acts next; for what the OPCO's own doings wake,
/// soon at first and ever more seldom.
fn retry_after(app: &App, delivery: &Delivery) -> u64 {
    let now = app.clock.now();
    let seconds = match (delivery.standing.wait_reason, delivery.standing.due_at) {
        (Some(WaitReason::Dossier), _) => pause::span_until(delivery.created_at, now).as_secs() / 2,
        (_, Some(due)) => pause::span_until(now, due).as_secs(),
        (_, None) => RETRY_AFTER_DEFAULT_S,
    };
    seconds.clamp(RETRY_AFTER_MIN_S, RETRY_AFTER_MAX_S)
}

/// Answers with a success, naming the delivery.
pub(super) fn success(id: DeliveryId, body: &impl serde::Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((refusal::DELIVERY, id.to_string()))
        .json(body)
}

/// Returns whether what an earlier call led to stands in the way no more. It is forgotten then: the OPCO
/// refused it, somebody gave it up, or the OPCO ended the dossier unfunded.
pub(super) async fn begins_anew(
    app: &App,
    caller: &Caller,
    existing: DeliveryId,
    same: bool,
) -> Result<bool, Refusal> {
    let delivery = read(app, caller, existing).await?;
    let over = match delivery.standing.status {
        Status::Cancelled => true,
        // The same content still has to be told what the OPCO said of it.
        Status::Rejected => !same,
        Status::Delivered if delivery.kind == Kind::Dossier => reopened(app, &delivery).await?,
        _ => false,
    };
    if over {
        forget(app, caller, existing, true).await?;
    }
    Ok(over)
}

async fn reopened(app: &App, delivery: &Delivery) -> Result<bool, Refusal> {
    let mut tx = app.store.reading().await?;
    let dossier = store::dossiers::find_by_delivery(&mut tx, delivery).await?;
    Ok(dossier
        .and_then(|dossier| dossier.etat)
        .is_some_and(Etat::reopens))
}

/// Forgets that a call was made, so that the same one is taken again. The key of another door is not
/// ours to forget.
pub(super) async fn forget(
    app: &App,
    caller: &Caller,
    id: DeliveryId,
    ours: bool,
) -> Result<(), StoreError> {
    if !ours {
        return Ok(());
    }
    let mut tx = app.store.writing().await?;
    store::deliveries::forget_idempotency_key(&mut tx, caller.tenant, id).await?;
    tx.commit().await
}
