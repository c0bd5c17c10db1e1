//! Full dossiers, read at the OPCO while the caller waits: one turn of its limits each.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Capability, Etat, Fault, FaultKind, NormVersion, Siret, TenantId, Timestamp};
use opco::{Answer, DossierDetail, Operation};
use serde_json::Value;
use store::dossiers::Dossier;
use tokio::sync::OwnedSemaphorePermit;

use super::gate::By;
use super::refusal::{self, RETRY_AFTER_DEFAULT_S, Refusal};
use super::{elsewhere, known, numero, query};
use crate::app::App;
use crate::breaker::State;
use crate::dispatch::{self, Stop};
use crate::http::caller::Caller;
use crate::learn;
use crate::limits::Turn;
use crate::pause;
use crate::plan;
use crate::system::{self, System};
use crate::view::View;

/// The most numbers `dossiers/liste` takes.
const NUMEROS_MAX: usize = 100;
/// How long between two looks for a free place among the calls under way.
const SLOT_PAUSE: Duration = Duration::from_millis(20);

/// Reads one dossier in version 1.
#[utoipa::path(
    get, path = "/convergence/v1/dossiers", operation_id = "lire_dossier_v1", tag = "dossiers",
    params(
        ("numeroInterne" = Option<String>, Query),
        ("nom" = Option<String>, Query),
        ("prenom" = Option<String>, Query),
        ("dateNaissance" = Option<String>, Query),
        ("siret" = Option<String>, Query),
        ("dateDebutContrat" = Option<String>, Query),
    ),
    responses(
        (status = 200, body = Object),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 501, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn detail_v1(
    app: web::Data<App>,
    by: By,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    detail(&app, &by.0, &request, NormVersion::V1).await
}

/// Reads one dossier in version 2.
#[utoipa::path(
    get, path = "/convergence/v2/dossiers", operation_id = "lire_dossier_v2", tag = "dossiers",
    params(
        ("numeroInterne" = Option<String>, Query),
        ("nom" = Option<String>, Query),
        ("prenom" = Option<String>, Query),
        ("dateNaissance" = Option<String>, Query),
        ("siret" = Option<String>, Query),
        ("dateDebutContrat" = Option<String>, Query),
    ),
    responses(
        (status = 200, body = Object),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 501, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn detail_v2(
    app: web::Data<App>,
    by: By,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    detail(&app, &by.0, &request, NormVersion::V2).await
}

async fn detail(
    app: &App,
    caller: &Caller,
    request: &HttpRequest,
    version: NormVersion,
) -> Result<HttpResponse, Refusal> {
    let shown = async {
        if query::parameter(request, "numeroInterne").is_some() {
            let numero = query::required(request, "numeroInterne")?;
            return of_number(app, caller, &numero, version).await;
        }
        let dossier = known::paired(app, caller, request).await?;
        read(app, &Place::from(&dossier), version).await
    };
    let shown = bounded(app, shown).await?;
    Ok(HttpResponse::Ok().json(shown))
}

/// Reads several dossiers, in the order asked; those nobody knows are left out.
#[utoipa::path(
    get, path = "/convergence/v1/dossiers/liste", operation_id = "lire_dossiers", tag = "dossiers",
    params(("numerosInternes" = String, Query)),
    responses((status = 200, body = Vec<Object>)),
)]
pub(crate) async fn liste(
    app: web::Data<App>,
    by: By,
    request: HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let numeros = query::required(&request, "numerosInternes")?;
    let numeros: Vec<&str> = numeros.split(',').map(str::trim).collect();
    if numeros.len() > NUMEROS_MAX {
        let text = format!("{NUMEROS_MAX} numéros au plus.");
        return Err(Refusal::unreadable(text));
    }
    let all = async {
        let mut shown = Vec::with_capacity(numeros.len());
        for numero in numeros {
            match of_number(&app, &by.0, numero, NormVersion::V1).await {
                Err(refusal) if refusal.is_unknown() => {}
                detail => shown.push(detail?),
            }
        }
        Ok(shown)
    };
    let shown = bounded(&app, all).await?;
    Ok(HttpResponse::Ok().json(shown))
}

/// Waits for an OPCO no longer than the façade makes its caller wait.
async fn bounded<T>(
    app: &App,
    read: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(app.http.convergence.wait, read).await {
        Ok(read) => read,
        Err(_) => Err(silent(RETRY_AFTER_DEFAULT_S)),
    }
}

/// Where a dossier is read.
pub(super) struct Place {
    /// Whose site reads it.
    pub(super) tenant: TenantId,
    /// Which site's key opens it.
    pub(super) siret_cfa: Siret,
    /// The system that holds it.
    pub(super) system: System,
    /// The OPCO's number.
    pub(super) numero_interne: String,
}

impl From<&Dossier> for Place {
    fn from(dossier: &Dossier) -> Self {
        Self {
            tenant: dossier.tenant,
            siret_cfa: dossier.siret_cfa,
            system: system::of_dossier(dossier),
            numero_interne: dossier.numero_interne.clone().unwrap_or_default(),
        }
    }
}

/// Reads the dossier of a number: ours, or one that was filed elsewhere.
async fn of_number(
    app: &App,
    caller: &Caller,
    numero: &str,
    version: NormVersion,
) -> Result<Value, Refusal> {
    match known::of_number(app, caller, numero).await {
        Err(refusal) if refusal.is_unknown() => elsewhere::read(app, caller, numero, version).await,
        dossier => read(app, &Place::from(&dossier?), version).await,
    }
}

/// Reads a dossier at its OPCO and shows it in a version of the norm.
async fn read(app: &App, place: &Place, version: NormVersion) -> Result<Value, Refusal> {
    let (detail, asked) = told(app, place, version).await?;
    Ok(shown(*detail, (asked, version), place.system))
}

/// Reads a dossier at its OPCO; says in which version it was asked.
pub(super) async fn told(
    app: &App,
    place: &Place,
    version: NormVersion,
) -> Result<(Box<DossierDetail>, NormVersion), Refusal> {
    let view = app.views.of(app, place.tenant, place.siret_cfa).await?;
    let asked = open_version(app, &view, place.system, version)?;
    let detail = exchange(app, &view, place, asked).await?;
    Ok((detail, asked))
}

/// Returns the version to ask in: the caller's where the OPCO has it, else the one that is open.
fn open_version(
    app: &App,
    view: &View,
    system: System,
    version: NormVersion,
) -> Result<NormVersion, Refusal> {
    let capability = match version {
        NormVersion::V1 => Capability::DossiersV1,
        NormVersion::V2 => Capability::DossiersV2,
    };
    if plan::may(app, view, system, capability) {
        return Ok(version);
    }
    plan::open_version(app, view, system).ok_or_else(|| {
        let text = format!(
            "{} n'a pas ouvert la lecture des dossiers.",
            system.instance.opco.name()
        );
        Refusal::one(StatusCode::NOT_IMPLEMENTED, "FLUX_NON_SUPPORTE", text)
    })
}

/// Asks the OPCO, when it is its turn and the OPCO is not at rest.
async fn exchange(
    app: &App,
    view: &View,
    place: &Place,
    version: NormVersion,
) -> Result<Box<DossierDetail>, Refusal> {
    let system = place.system;
    let profile = app
        .profiles
        .get(system.instance)
        .ok_or_else(Refusal::unknown_dossier)?;
    if let State::Open(until) = app.breakers.state(system, app.clock.now()) {
        return Err(silent_until(app, until));
    }
    if let Some(end) = view.closed_until(system, app.clock.now()) {
        return Err(silent_until(app, end));
    }
    let (key, identity) = dispatch::identity(app, view, system).map_err(stopped)?;
    opco::ready(&app.transport, profile, &identity, version)
        .await
        .map_err(|fault| said(&fault))?;
    let _slot = slot(app, system).await;
    let deadline = pause::later(app.clock.now(), profile.timeout());
    let turn = app.limits.turn(system, &key.id.to_string(), deadline).await;
    if let Turn::NotBefore(at) = turn {
        return Err(silent_until(app, at));
    }
    let operation = Operation::Detail {
        version,
        numero_interne: place.numero_interne.clone(),
    };
    let started = std::time::Instant::now();
    let answer = opco::exchange(&app.transport, profile, &identity, &operation).await;
    let word = answer
        .as_ref()
        .map_or_else(|fault| fault.kind.as_str(), |_| "read");
    app.metrics
        .read(system.instance.opco, "detail", word, started.elapsed());
    match answer {
        Ok(Answer::Detail(detail)) => {
            learn::of(app, system, &domain::Outcome::Absent).await;
            Ok(detail)
        }
        Ok(_) => Err(silent(RETRY_AFTER_DEFAULT_S)),
        Err(fault) => {
            learn::of_fault(app, system, &fault).await;
            Err(said(&fault))
        }
    }
}

/// Waits for a place among the calls under way; the caller's own bound ends the wait.
async fn slot(app: &App, system: System) -> OwnedSemaphorePermit {
    loop {
        if let Some(slot) = app.limits.try_slot(system) {
            return slot;
        }
        tokio::time::sleep(SLOT_PAUSE).await;
    }
}

/// Shows an answer in the caller's version, its numbers prefixed.
pub(super) fn shown(
    detail: DossierDetail,
    (asked, version): (NormVersion, NormVersion),
    system: System,
) -> Value {
    let mut shown = detail.brut;
    if asked != version
        && let Value::Object(members) = &mut shown
    {
        // The blocks under their plain names are in both versions; the state has one spelling in each.
        members.remove("cerfaV2");
        members.insert("cerfa".to_owned(), detail.cerfa);
        if let Some(etat) = detail.etat {
            respell(&mut shown, etat, version);
        }
    }
    numero::mark(system.instance, &mut shown);
    shown
}

fn respell(shown: &mut Value, etat: Etat, version: NormVersion) {
    for place in ["/etat", "/cerfa/etat"] {
        if let Some(spelled) = shown.pointer_mut(place)
            && spelled.is_string()
        {
            *spelled = numero::spelled(etat, version).into();
        }
    }
}

/// Says in the norm's words why the OPCO did not show the dossier.
fn said(fault: &Fault) -> Refusal {
    match fault.kind {
        FaultKind::NotFound => Refusal::unknown_dossier(),
        FaultKind::Rejected | FaultKind::Duplicate => Refusal::of_opco(fault),
        FaultKind::KeyRefused | FaultKind::SoftwareRefused => {
            let text = "L'OPCO refuse la clé enregistrée pour ce site : prévenez l'administrateur \
                        du réseau.";
            Refusal::key("CLE_CFA_INVALIDE", text)
        }
        FaultKind::NotSupported => Refusal::one(
            StatusCode::NOT_IMPLEMENTED,
            "FLUX_NON_SUPPORTE",
            "L'OPCO n'a pas ouvert la lecture des dossiers.",
        ),
        FaultKind::Throttled
        | FaultKind::Unavailable
        | FaultKind::Unreadable
        | FaultKind::Misconfigured => silent(
            fault
                .retry_after
                .map_or(RETRY_AFTER_DEFAULT_S, |s| s.as_secs()),
        ),
    }
}

fn stopped(stop: Stop) -> Refusal {
    match stop {
        Stop::Hold(reason, _) => Refusal::held(reason, &[]),
        Stop::Later(..) => silent(RETRY_AFTER_DEFAULT_S),
        Stop::Broken(error) => {
            tracing::error!(error = %format!("{error:#}"), "a key does not open");
            silent(RETRY_AFTER_DEFAULT_S)
        }
    }
}

fn silent_until(app: &App, until: Timestamp) -> Refusal {
    silent(pause::span_until(app.clock.now(), until).as_secs())
}

fn silent(seconds: u64) -> Refusal {
    let text = "L'OPCO ne répond pas pour le moment : renvoyez la même demande plus tard. La liste des \
                états reste lisible.";
    Refusal::later("OPCO_INDISPONIBLE", text, seconds)
}
