//! What belongs to a contract, handed in as at an OPCO: numbers lose their prefix, which says the OPCO;
//! the answer waits for the OPCO's.

use actix_web::HttpRequest;
use domain::Opco;
use domain::id::DeliveryId;
use store::Delivery;

use super::numero;
use super::outcome::{self, End};
use super::refusal::Refusal;
use crate::app::App;
use crate::follow_up::take::{self, Beside};
use crate::follow_up::{self, FollowUp};
use crate::http::caller::Caller;
use crate::http::request_log;
use crate::http::trace_context::TraceContext;
use crate::intake::Refused;

/// How often the same call is begun again because what it met was given up meanwhile.
const TURNS: u8 = 3;

/// A payload as a call gives it.
pub(super) struct Piece {
    /// The payload; its numbers still have their prefix.
    pub(super) follow: FollowUp,
    /// What it is known by, whatever its bytes, and the word of its route.
    pub(super) natural: Option<(&'static str, String)>,
}

/// Takes the prefixes off the numbers of a payload, and the OPCO they name with them.
pub(super) fn unmark(follow: &mut FollowUp) -> Result<(), Refusal> {
    let mut named: Option<Opco> = follow.opco;
    for (_, text) in follow.reading.payload.numeros_mut() {
        let Some((at, bare)) = numero::read(text).at else {
            continue;
        };
        if named.is_some_and(|opco| opco != at.opco) {
            let text = "Les numéros de cet envoi sont de plusieurs OPCO.".to_owned();
            return Err(Refusal::unreadable(text));
        }
        named = Some(at.opco);
        *text = bare.to_owned();
    }
    follow.opco = named;
    Ok(())
}

/// Hands a payload in and waits for the OPCO's word on it.
pub(super) async fn deliver(
    app: &App,
    caller: &Caller,
    (request, trace): (&HttpRequest, &TraceContext),
    make: impl Fn() -> Result<Piece, Refusal>,
) -> Result<Delivery, Refusal> {
    for _ in 0..TURNS {
        let piece = make()?;
        let taken = Box::pin(taken(app, caller, piece, trace)).await?;
        let Some((id, ours)) = taken else { continue };
        request_log::about(request, id);
        match outcome::wait(app, caller, id, ours).await? {
            End::Delivered(delivery) => return Ok(*delivery),
            End::Refused(delivery) => {
                outcome::forget(app, caller, id, ours).await?;
                let refusal = delivery.fault.as_ref().map(Refusal::of_opco);
                return Err(refusal.unwrap_or_else(Refusal::conflict).about(id));
            }
            End::GivenUp(refusal) => {
                outcome::forget(app, caller, id, ours).await?;
                return Err(refusal);
            }
            End::Cancelled => outcome::forget(app, caller, id, ours).await?,
            End::Told(refusal) => return Err(refusal),
        }
    }
    Err(Refusal::conflict())
}

/// Returns the delivery of a payload, taken now or by an earlier call, and whether it came through the
/// façade; nothing when an earlier call stood in the way and does no more.
async fn taken(
    app: &App,
    caller: &Caller,
    piece: Piece,
    trace: &TraceContext,
) -> Result<Option<(DeliveryId, bool)>, Refusal> {
    let sender = caller.sender();
    let _turn = match &piece.natural {
        Some((route, key)) => Some(app.http.in_flight.enter(caller.tenant, route, key).await?),
        None => None,
    };
    let kind = piece.follow.reading.payload.kind();
    let written = piece.follow.reading.payload.write();
    let beside = Beside {
        idempotency: piece.natural,
        traceparent: Some(trace.header()),
        refuses_holds: true,
    };
    match Box::pin(take::accept(app, &sender, piece.follow, None, beside)).await {
        Ok(accepted) if accepted.replayed => {
            let anew = outcome::begins_anew(app, caller, accepted.id, true).await?;
            Ok((!anew).then_some((accepted.id, true)))
        }
        Ok(accepted) => Ok(Some((accepted.id, true))),
        Err(Refused::KeyReused(existing)) => {
            if outcome::begins_anew(app, caller, existing, false).await? {
                return Ok(None);
            }
            Err(Refusal::conflict().about(existing))
        }
        Err(Refused::Duplicate { existing, .. }) => {
            let delivery = outcome::read(app, caller, existing).await?;
            let kept = follow_up::written(app, &delivery).await?;
            if delivery.kind == kind && kept.as_ref() == Some(&written) {
                Ok(Some((existing, false)))
            } else {
                Err(Refusal::conflict().about(existing))
            }
        }
        Err(refused) => Err(refused.into()),
    }
}
