//! A contract, filed as at an OPCO: the answer waits for the OPCO's, and the same call always gets the
//! same contract's answer.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::dossier::Dossier;
use domain::id::DeliveryId;
use domain::matching;
use serde::Serialize;
use store::Delivery;
use utoipa::ToSchema;

use super::gate::By;
use super::json::Json;
use super::numero;
use super::outcome::{self, End};
use super::refusal::{self, Refusal};
use crate::app::App;
use crate::contract;
use crate::http::caller::Caller;
use crate::http::submit::Received;
use crate::http::trace_context::TraceContext;
use crate::http::{envelope, request_log};
use crate::intake::{self, Refused, Submission};

/// The word of the route in a natural key.
const ROUTE: &str = "convergence/dossiers";
/// How often the same call is begun again because what it met was given up meanwhile.
const TURNS: u8 = 3;

/// The numbers of a contract that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Numeros)]
#[expect(clippy::struct_field_names, reason = "these are the norm's words")]
pub(crate) struct NumerosBody {
    /// The OPCO's technical number, after its prefix.
    #[schema(example = "AKTO-1234567")]
    numero_interne: Option<String>,
    /// The OPCO's number of the business exchange, after its prefix.
    #[schema(example = "AKTO-APP-26-0001234")]
    numero_externe: Option<String>,
    /// The State's deposit number, once known; without a prefix.
    numero_deca: Option<String>,
}

/// A contract as the norm writes it.
#[derive(Debug, ToSchema)]
#[schema(as = Dossier)]
#[expect(
    dead_code,
    reason = "describes, in the published document, what is read"
)]
pub(crate) struct DossierForm {
    /// The contract, in version 1 or 2 of the norm.
    #[schema(value_type = Object)]
    cerfa: serde_json::Value,
}

/// Takes a contract in version 1.
#[utoipa::path(
    post, path = "/convergence/v1/dossiers", operation_id = "deposer_dossier_v1", tag = "dossiers",
    request_body = DossierForm,
    responses(
        (status = 200, body = NumerosBody),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn file_v1(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    body: Json,
) -> Result<HttpResponse, Refusal> {
    file(&app, &by.0, &trace, &request, &body).await
}

/// Takes a contract in version 2: the same envelope.
#[utoipa::path(
    post, path = "/convergence/v2/dossiers", operation_id = "deposer_dossier_v2", tag = "dossiers",
    request_body = DossierForm,
    responses(
        (status = 200, body = NumerosBody),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn file_v2(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    body: Json,
) -> Result<HttpResponse, Refusal> {
    file(&app, &by.0, &trace, &request, &body).await
}

async fn file(
    app: &App,
    caller: &Caller,
    trace: &TraceContext,
    request: &HttpRequest,
    body: &Json,
) -> Result<HttpResponse, Refusal> {
    for _ in 0..TURNS {
        // Read anew each time: what is handed in is taken apart on its way.
        let submission = submission(caller, trace, request, body)?;
        let (id, ours) = Box::pin(taken(app, caller, submission)).await?;
        request_log::about(request, id);
        match outcome::wait(app, caller, id, ours).await? {
            End::Delivered(delivery) => return Ok(outcome::success(id, &numbers(&delivery))),
            End::Refused(delivery) => {
                // Told: the next call with it is a new attempt, as at an OPCO.
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

fn submission(
    caller: &Caller,
    trace: &TraceContext,
    request: &HttpRequest,
    body: &Json,
) -> Result<Submission, Refusal> {
    let beside = envelope::of_headers(request.headers())?;
    let mut submission = Received::read(&body.0, &beside)?.submission(None, trace);
    submission.refuses_holds = true;
    submission.idempotency =
        natural_key(caller, &submission.reading.dossier).map(|key| (ROUTE, key));
    Ok(submission)
}

/// Returns what one contract is known by, whatever its bytes: the norm's pairing key. An amendment has
/// its contract's, and its own date beside it.
fn natural_key(caller: &Caller, dossier: &Dossier) -> Option<String> {
    let pairing = matching::pairing_text(&contract::traits(dossier, None)?);
    let contrat = &dossier.cerfa.contrat;
    let amends = contract::is_avenant(dossier).then(|| {
        format!(
            "{:?} {:?}",
            contrat.type_contrat_app, contrat.date_effet_avenant
        )
    });
    Some(format!("{}|{pairing}|{amends:?}", caller.environment))
}

/// Returns the delivery of a contract, taken now or by an earlier call, and whether it came through the
/// façade.
async fn taken(
    app: &App,
    caller: &Caller,
    submission: Submission,
) -> Result<(DeliveryId, bool), Refusal> {
    let site = submission.reading.dossier.siret_cfa();
    if let Some(siret) = site.filter(|siret| !caller.covers(siret)) {
        return Err(Refused::ForeignSite(siret).into());
    }
    let sender = caller.sender();
    let key = submission.idempotency.as_ref().map(|(_, key)| key.clone());
    // One call for a contract at a time, within this process; the store sees to the others.
    let _turn = match &key {
        Some(key) => Some(app.http.in_flight.enter(caller.tenant, ROUTE, key).await?),
        None => None,
    };
    if let Some((existing, same)) = intake::recall(app, &sender, &submission).await?
        && !outcome::begins_anew(app, caller, existing, same).await?
    {
        return if same {
            Ok((existing, true))
        } else {
            Err(Refusal::conflict().about(existing))
        };
    }
    let dossier = submission.reading.dossier.clone();
    match Box::pin(intake::accept(app, &sender, submission)).await {
        Ok(accepted) => Ok((accepted.id, true)),
        Err(Refused::Duplicate { existing, .. }) => {
            // Another site's is none of this caller's business.
            let existing = existing.ok_or_else(Refusal::conflict)?;
            outcome::read(app, caller, existing).await?;
            if intake::is_same(app, &sender, existing, &dossier).await? {
                Ok((existing, false))
            } else {
                Err(Refusal::conflict().about(existing))
            }
        }
        Err(refused) => Err(refused.into()),
    }
}

fn numbers(delivery: &Delivery) -> NumerosBody {
    let receipt = &delivery.receipt;
    let shown = |numero: &Option<String>| match delivery.target() {
        Some(at) => numero::shown(at, numero.as_deref()),
        None => numero.clone(),
    };
    NumerosBody {
        numero_interne: shown(&receipt.numero_interne),
        numero_externe: shown(&receipt.numero_externe),
        numero_deca: receipt.numero_deca.clone(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Environment;
    use domain::id::{CredentialId, TenantId};

    use super::*;

    const SAMPLE: &str = include_str!("../../../domain/tests/fixtures/dossier/dossier-v1.json");

    fn key(change: impl Fn(&mut serde_json::Value)) -> Option<String> {
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        let caller = Caller {
            tenant: TenantId::new(now),
            credential: CredentialId::new(now),
            environment: Environment::Test,
            sirets: None,
            permissions: [].into(),
            quota_per_minute: 60,
        };
        let mut body: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
        change(&mut body);
        let dossier = Dossier::read(body.to_string().as_bytes()).unwrap().dossier;
        natural_key(&caller, &dossier)
    }

    #[test]
    fn a_contract_is_known_by_its_pairing_key_and_an_amendment_by_its_date_too() {
        let one = key(|_| ()).unwrap();
        let again = key(|body| body["cerfa"]["contrat"]["salaireEmbauche"] = 1_999.into());
        assert_eq!(again.as_deref(), Some(one.as_str()));
        let other = key(|body| body["cerfa"]["apprenti"]["prenom"] = "Zoé".into());
        assert_ne!(other.as_deref(), Some(one.as_str()));
        let amended = |day: &str| {
            key(|body| {
                body["cerfa"]["contrat"]["typeContratApp"] = 36.into();
                body["cerfa"]["contrat"]["dateEffetAvenant"] = day.into();
            })
        };
        assert_ne!(amended("2027-01-01"), amended("2027-02-01"));
        assert_eq!(
            key(|body| body["cerfa"]["apprenti"]["nom"] = "".into()),
            None
        );
    }
}
