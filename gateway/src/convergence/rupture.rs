//! A termination, handed in as at an OPCO.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::payload::Payload;
use domain::{Etat, Kind, NormVersion, matching};
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::By;
use super::json::Json;
use super::piece::{self, Door, Piece};
use super::refusal::{self, Refusal};
use super::{numero, outcome};
use crate::app::App;
use crate::files::Held;
use crate::follow_up::FollowUp;
use crate::http::follow_ups;
use crate::http::trace_context::TraceContext;

/// A contract ends once.
const DOOR: Door = Door {
    route: "convergence/ruptures",
    natural: natural_key,
};

/// The dossier that was terminated.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Rompu)]
pub(crate) struct EndedBody {
    /// The OPCO's technical number, after its prefix.
    #[schema(example = "AKTO-1234567")]
    numero_interne: Option<String>,
    /// Its state.
    #[schema(example = "RUPTU")]
    etat: &'static str,
}

/// Takes a termination.
#[utoipa::path(
    post, path = "/convergence/v2/dossiers/rupture/employeur", operation_id = "deposer_rupture",
    tag = "dossiers", request_body = Object,
    responses(
        (status = 200, body = EndedBody),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn file(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    body: Json,
) -> Result<HttpResponse, Refusal> {
    let make = || {
        let follow = follow_ups::read(Kind::Rupture, &body.0, request.headers())?;
        Ok(Some(Piece { follow, file: None }))
    };
    let delivery = piece::deliver(&app, &by.0, (&request, &trace), &DOOR, make).await?;
    let numero = delivery.receipt.numero_interne.as_deref();
    let ended = EndedBody {
        numero_interne: delivery.target().and_then(|at| numero::shown(at, numero)),
        etat: numero::spelled(Etat::Rupture, NormVersion::V2),
    };
    Ok(outcome::success(delivery.id, &ended))
}

/// Returns what a termination is known by: its contract, however that is named.
fn natural_key(follow: &FollowUp, _: Option<&Held>) -> Option<String> {
    let Payload::Rupture(rupture) = &follow.reading.payload else {
        return None;
    };
    let named = [
        &rupture.numero_interne_dossier,
        &rupture.numero_externe_dossier,
        &rupture.numero_deca,
    ];
    let numero = named.into_iter().flatten().find(|text| !text.is_empty());
    if let Some(numero) = numero {
        return Some(format!("{:?}|{numero}", follow.opco));
    }
    let pairing = rupture.pairing()?;
    let traits = matching::Traits {
        nom: &pairing.nom,
        prenom: &pairing.prenom,
        date_naissance: pairing.date_naissance,
        siret_employeur: pairing.siret_employeur.as_str(),
        date_debut_contrat: pairing.date_debut_contrat,
        nir: None,
    };
    Some(matching::pairing_text(&traits))
}
