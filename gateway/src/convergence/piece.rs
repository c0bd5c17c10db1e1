//! What belongs to a contract, handed in as at an OPCO: numbers lose their prefix, which says the OPCO;
//! the answer waits for the OPCO's.

use actix_web::HttpRequest;
use domain::Opco;
use domain::id::DeliveryId;
use domain::payload::Numero;
use store::Delivery;

use super::outcome::{self, End};
use super::refusal::Refusal;
use super::{known, numero};
use crate::app::App;
use crate::files::Held;
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
    /// Its file, which can be handed in once.
    pub(super) file: Option<Held>,
}

/// How one kind of payload is known again.
pub(super) struct Door {
    /// The word of the route in a natural key.
    pub(super) route: &'static str,
    /// What a payload is known by, whatever its bytes.
    pub(super) natural: fn(&FollowUp, Option<&Held>) -> Option<String>,
}

/// Hands a payload in and waits for the OPCO's word on it. `make` gives it once more when an earlier call
/// stood in its way and does no more, if it can.
pub(super) async fn deliver(
    app: &App,
    caller: &Caller,
    (request, trace): (&HttpRequest, &TraceContext),
    door: &Door,
    mut make: impl FnMut() -> Result<Option<Piece>, Refusal>,
) -> Result<Delivery, Refusal> {
    for _ in 0..TURNS {
        let Some(piece) = make()? else { break };
        let (id, ours) = Box::pin(taken(app, caller, door, piece, trace)).await?;
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
    let text = "Un envoi précédent vient d'être annulé : renvoyez la même demande.";
    Err(Refusal::later("ENVOI_ANNULE", text, 1))
}

/// Returns the delivery of a payload, taken now or by an earlier call, and whether it came through the
/// façade.
async fn taken(
    app: &App,
    caller: &Caller,
    door: &Door,
    mut piece: Piece,
    trace: &TraceContext,
) -> Result<(DeliveryId, bool), Refusal> {
    unmark(app, caller, &mut piece.follow).await?;
    let site = piece.follow.reading.payload.siret_cfa();
    if let Some(siret) = site.filter(|siret| !caller.covers(siret)) {
        // Before anything is known again: what another site sent is none of this caller's business.
        return Err(Refused::ForeignSite(siret).into());
    }
    let sender = caller.sender();
    let natural = (door.natural)(&piece.follow, piece.file.as_ref());
    let natural = natural.map(|key| format!("{}|{key}", caller.environment));
    let _turn = match &natural {
        Some(key) => {
            let turn = app.http.in_flight.enter(caller.tenant, door.route, key);
            Some(turn.await?)
        }
        None => None,
    };
    if let Some(key) = &natural {
        let call = (&piece.follow, piece.file.as_ref());
        let known = take::recall(app, &sender, call, (door.route, key)).await?;
        if let Some((existing, same)) = known
            && !outcome::begins_anew(app, caller, existing, same).await?
        {
            return if same {
                Ok((existing, true))
            } else {
                Err(Refusal::conflict().about(existing))
            };
        }
    }
    let kind = piece.follow.reading.payload.kind();
    let written = piece.follow.reading.payload.write();
    let beside = Beside {
        idempotency: natural.map(|key| (door.route, key)),
        traceparent: Some(trace.header()),
        refuses_holds: true,
    };
    let accepted = take::accept(app, &sender, piece.follow, piece.file, beside);
    match Box::pin(accepted).await {
        Ok(accepted) => Ok((accepted.id, true)),
        Err(Refused::Duplicate { existing, .. }) => {
            let existing = existing.ok_or_else(Refusal::conflict)?;
            let delivery = outcome::read(app, caller, existing).await?;
            let kept = follow_up::written(app, &delivery).await?;
            if delivery.kind == kind && kept.as_ref() == Some(&written) {
                Ok((existing, false))
            } else {
                Err(Refusal::conflict().about(existing))
            }
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Takes the prefixes off the numbers of a payload, and the OPCO they name with them. A number without a
/// prefix is that of the one dossier that has it.
async fn unmark(app: &App, caller: &Caller, follow: &mut FollowUp) -> Result<(), Refusal> {
    let mut named: Option<Opco> = follow.opco;
    for (what, text) in follow.reading.payload.numeros_mut() {
        let opco = match numero::read(text).at {
            Some((at, bare)) => {
                let bare = bare.to_owned();
                *text = bare;
                Some(at.opco)
            }
            None if what == Numero::DossierInterne && !text.trim().is_empty() => {
                let dossier = known::of_number(app, caller, text).await?;
                Some(dossier.instance.opco)
            }
            // A business number may be of a dossier filed elsewhere.
            None if what == Numero::DossierExterne => known::opco_of(app, caller, text).await?,
            None => None,
        };
        if let (Some(named), Some(opco)) = (named, opco)
            && named != opco
        {
            let text = "Les numéros de cet envoi sont de plusieurs OPCO.".to_owned();
            return Err(Refusal::unreadable(text));
        }
        named = named.or(opco);
    }
    follow.opco = named;
    Ok(())
}
