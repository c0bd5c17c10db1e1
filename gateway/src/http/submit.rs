//! A payload comes in: translate, call, translate. What becomes of it is decided in `intake`.

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use domain::Finding;
use domain::dossier::{Dossier, Reading, SyntaxError};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::caller::Caller;
use super::envelope::{self, Envelope};
use super::problem::{self, Code, Constat, Problem};
use super::routes::RouteBody;
use super::trace_context::TraceContext;
use super::{actions, idempotency, request_log, words};
use crate::app::App;
use crate::intake::{self, Accepted, Refused, Submission};

/// The word of the route in a key of idempotency, shared by the single door and the batch.
const ROUTE: &str = "dossiers";
/// The member of a batch's row that holds its key.
const ROW_KEY: &str = "idempotency_key";
/// Says that an answer is the one of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A contract as the norm writes it, and what travels beside it.
#[derive(Debug, ToSchema)]
#[schema(as = Dossier)]
#[expect(
    dead_code,
    reason = "describes, in the published document, what `Dossier::read` reads"
)]
pub(crate) struct DossierDocument {
    /// The contract, in the norm's own form (V1 or V2): `employeur`, `apprenti`, `maitre1`,
    /// `formation`, `contrat`, `organismeFormation`… Every wrong field is told at once in a 422.
    #[schema(value_type = Object)]
    cerfa: serde_json::Value,
    /// The management mandate the employer gave, when no attestation of the site covers it.
    mandat: Option<actions::MandatBody>,
    /// The OPCO, when the sender knows it. The reference table wins over it.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<String>,
}

/// What became of a payload at the door.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Accepted)]
pub(crate) struct AcceptedBody {
    /// The delivery to follow.
    #[schema(format = Uuid)]
    id: String,
    /// Where it stands.
    #[schema(value_type = words::Status)]
    status: domain::Status,
    /// Why it waits, when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::WaitReason>)]
    waiting: Option<domain::WaitReason>,
    /// Why a person must act, when one must.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::HoldReason>)]
    held: Option<domain::HoldReason>,
    /// The OPCO it goes to; null while only a live lookup or a person can tell.
    #[schema(value_type = Option<words::Opco>)]
    opco: Option<domain::Opco>,
    /// Why that OPCO.
    route: RouteBody,
    /// What was found and does not refuse it.
    warnings: Vec<Constat>,
}

/// A contract that was read; nothing was decided yet.
#[derive(Debug)]
pub(crate) struct Received {
    dossier: Dossier,
    findings: Vec<Finding>,
    envelope: Envelope,
}

impl Received {
    /// Reads a body and takes off it what is not the contract's.
    pub(crate) fn read(body: &[u8], headers: &Envelope) -> Result<Self, Problem> {
        let reading = Dossier::read(body).map_err(|error| unreadable(&error))?;
        let (mut dossier, mut findings) = (reading.dossier, reading.findings);
        let members = envelope::MEMBERS.map(|name| dossier.extra.remove(name));
        let envelope = envelope::of_members(members, headers, &mut findings);
        Ok(Self {
            dossier,
            findings,
            envelope,
        })
    }

    /// Takes the key of idempotency off a row of a batch.
    pub(crate) fn take_key(&mut self) -> Result<Option<String>, Problem> {
        let Some(key) = self.dossier.extra.remove(ROW_KEY) else {
            return Ok(None);
        };
        let key = key.as_str().and_then(idempotency::checked);
        key.map(Some).ok_or_else(|| {
            let detail = "« idempotency_key » compte de 1 à 255 caractères ASCII visibles.";
            Problem::new(Code::InvalidRequest, detail).pointer("/idempotency_key")
        })
    }

    /// Makes it what the intake takes.
    pub(crate) fn submission(self, key: Option<&str>, trace: &TraceContext) -> Submission {
        Submission {
            reading: Reading {
                dossier: self.dossier,
                findings: self.findings,
            },
            mandate: self.envelope.mandate,
            opco: self.envelope.opco,
            idempotency: key.map(|key| (ROUTE, key.to_owned())),
            traceparent: Some(trace.header()),
            refuses_holds: false,
        }
    }
}

impl From<&Accepted> for AcceptedBody {
    fn from(accepted: &Accepted) -> Self {
        Self {
            id: accepted.id.to_string(),
            status: accepted.status,
            waiting: accepted.waiting,
            held: accepted.held,
            opco: accepted.opco,
            route: RouteBody::from(accepted.route.clone()),
            warnings: accepted.warnings.iter().map(Constat::from).collect(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Findings(findings)
            | Refused::Held(_, findings)
            | Refused::TooEarly(findings) => Self::refused(&findings),
            Refused::Duplicate { existing, findings } => {
                let double = Self::plain(Code::DuplicateDossier).findings(&findings);
                match existing {
                    Some(existing) => double.delivery(existing),
                    None => double,
                }
            }
            Refused::ForeignSite(siret) => Self::new(
                Code::ForbiddenSite,
                format!("Le site {siret} n'est pas de ceux pour lesquels cette clé peut déposer."),
            )
            .pointer("/cerfa/organismeFormation/siret"),
            Refused::ClosedSite(siret) => Self::new(
                Code::ClosedSite,
                format!("Le site {siret} est fermé : il ne reçoit plus de nouveau contrat."),
            ),
            Refused::Ceiling(reached) => {
                Self::new(Code::CeilingReached, reached.said()).retry_after(reached.wait_s)
            }
            Refused::KeyReused(existing) => Self::plain(Code::IdempotencyReused).delivery(existing),
            Refused::Store(error) => Self::from(&*error),
        }
    }
}

/// Takes a contract: checks it, finds its OPCO, keeps it, and answers once it is on disk.
#[utoipa::path(
    post, path = "/api/v1/dossiers", operation_id = "submit_dossier", tag = "dossiers",
    params(
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[ -~]+$", description = "Même clé, même réponse, pendant 7 jours."),
        ("CFA-Mandat-Reference" = Option<String>, Header, description = "Au lieu de `mandat.reference`."),
        ("CFA-Mandat-Date" = Option<String>, Header, format = Date, description = "Au lieu de `mandat.date`."),
        ("CFA-Mandat-Empreinte" = Option<String>, Header, description = "Au lieu de `mandat.empreinte`."),
        ("CFA-Opco" = Option<String>, Header, description = "Au lieu de `opco`."),
    ),
    request_body = DossierDocument,
    responses(
        (status = 202, description = "Pris en charge, durablement.", body = AcceptedBody,
            headers(("Location" = String, description = "La livraison à suivre."))),
        (status = 400, response = problem::Refusal),
        (status = 409, response = problem::Refusal),
        (status = 413, response = problem::Refusal),
        (status = 415, response = problem::Refusal),
        (status = 422, response = problem::Refusal),
    ),
)]
pub(crate) async fn dossier(
    app: web::Data<App>,
    caller: Caller,
    trace: TraceContext,
    request: HttpRequest,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let envelope = envelope::of_headers(request.headers())?;
    let key = idempotency::key(request.headers())?;
    let received = Received::read(&body.0, &envelope)?;
    let accepted = hand_in(&app, &caller, received, key.as_deref(), &trace).await?;
    Ok(taken(&request, &accepted))
}

/// Answers that a payload is in custody.
pub(super) fn taken(request: &HttpRequest, accepted: &Accepted) -> HttpResponse {
    request_log::about(request, accepted.id);
    let mut answer = HttpResponse::Accepted();
    answer.insert_header((
        header::LOCATION,
        format!("/api/v1/deliveries/{}", accepted.id),
    ));
    if accepted.replayed {
        answer.insert_header((REPLAYED, "true"));
    }
    answer.json(AcceptedBody::from(accepted))
}

/// Hands a contract in, one request at a time for each key of idempotency.
pub(crate) async fn hand_in(
    app: &App,
    caller: &Caller,
    received: Received,
    key: Option<&str>,
    trace: &TraceContext,
) -> Result<Accepted, Problem> {
    let key = key.map(|key| caller.scoped(key));
    let _turn = match &key {
        Some(key) => Some(app.http.in_flight.enter(caller.tenant, ROUTE, key).await?),
        None => None,
    };
    let (sender, submission) = (caller.sender(), received.submission(key.as_deref(), trace));
    // On the heap: the whole path of a payload lies in this one future.
    Ok(Box::pin(intake::accept(app, &sender, submission)).await?)
}

pub(super) fn unreadable(error: &SyntaxError) -> Problem {
    Problem::new(Code::InvalidJson, error.message.clone()).at(error.line, error.column)
}
