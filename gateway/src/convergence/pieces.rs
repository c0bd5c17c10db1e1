//! Agreements, documents and certificates with their file, handed in as at an OPCO.

use actix_web::dev::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::Kind;
use serde::Serialize;
use store::Delivery;
use utoipa::ToSchema;

use super::gate::By;
use super::piece::{self, Door, Piece};
use super::refusal::{self, Refusal};
use super::{numero, outcome};
use crate::app::App;
use crate::files::Held;
use crate::follow_up::FollowUp;
use crate::http::follow_ups;
use crate::http::trace_context::TraceContext;
use crate::http::upload::described::{CertificatForm, ConventionForm, DocumentForm};
use crate::http::upload::{self, Upload};

/// What is stored twice is known by what it holds: nothing else tells two documents apart.
const CONVENTIONS: Door = Door {
    route: "convergence/conventions",
    natural: content,
};
const DOCUMENTS: Door = Door {
    route: "convergence/documents",
    natural: content,
};
const CERTIFICATS: Door = Door {
    route: "convergence/certificats",
    natural: content,
};

/// The number of a file that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NumeroDocument)]
pub(crate) struct StoredBody {
    /// The OPCO's number of the stored file, after its prefix; null when the OPCO gave none.
    #[schema(example = "AKTO-552")]
    numero_interne_document: Option<String>,
}

/// Takes a training agreement with its file.
#[utoipa::path(
    post, path = "/convergence/v1/conventions", operation_id = "deposer_convention", tag = "pieces",
    request_body(content = ConventionForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = StoredBody),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 408, body = refusal::RefusalBody<'static>),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn convention(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let sent = (Kind::Convention, &CONVENTIONS);
    hand_in(&app, &by, (&request, &trace), sent, payload).await
}

/// Takes any document. This route's refusals begin their words with a capital.
#[utoipa::path(
    post, path = "/convergence/v1/documents", operation_id = "deposer_document", tag = "pieces",
    request_body(content = DocumentForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = StoredBody),
        (status = 400, body = refusal::CapitalBody<'static>),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 408, body = refusal::RefusalBody<'static>),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn document(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let sent = (Kind::Document, &DOCUMENTS);
    let answer = hand_in(&app, &by, (&request, &trace), sent, payload).await;
    answer.map_err(Refusal::in_capitals)
}

/// Takes a structured certificate, with a file or without.
#[utoipa::path(
    post, path = "/convergence/v2/certificats", operation_id = "deposer_certificat", tag = "pieces",
    request_body(content = CertificatForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = StoredBody),
        (status = 404, body = refusal::RefusalBody<'static>),
        (status = 408, body = refusal::RefusalBody<'static>),
        (status = 409, body = refusal::RefusalBody<'static>),
        (status = 413, body = refusal::RefusalBody<'static>),
        (status = 415, body = refusal::RefusalBody<'static>),
    ),
)]
pub(crate) async fn certificat(
    app: web::Data<App>,
    by: By,
    trace: TraceContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let sent = (Kind::Certificat, &CERTIFICATS);
    hand_in(&app, &by, (&request, &trace), sent, payload).await
}

async fn hand_in(
    app: &App,
    by: &By,
    (request, trace): (&HttpRequest, &TraceContext),
    (kind, door): (Kind, &Door),
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let delivery = sent(app, by, (request, trace), (kind, door), payload).await?;
    let mut tx = app.store.reading().await?;
    let numeros = store::pieces::of_delivery(&mut tx, delivery.tenant, delivery.id).await?;
    let document = numeros.document.as_deref();
    let stored = StoredBody {
        numero_interne_document: delivery.target().and_then(|at| numero::shown(at, document)),
    };
    Ok(outcome::success(delivery.id, &stored))
}

/// Reads a payload and its file, hands both in, and waits for the OPCO's word.
pub(super) async fn sent(
    app: &App,
    by: &By,
    (request, trace): (&HttpRequest, &TraceContext),
    (kind, door): (Kind, &Door),
    payload: web::Payload,
) -> Result<Delivery, Refusal> {
    let mut payload: Payload = payload.into_inner();
    let Upload { json, file } = upload::read(request, &mut payload, kind).await?;
    let mut file = Some(file);
    let make = || {
        // A file is handed in once: the next call brings it again.
        let Some(file) = file.take() else {
            return Ok(None);
        };
        let mut follow = follow_ups::read(kind, &json, request.headers())?;
        let upload = Upload {
            json: json.clone(),
            file,
        };
        follow.file = upload.facts();
        Ok(Some(Piece {
            follow,
            file: upload.file,
        }))
    };
    piece::deliver(app, &by.0, (request, trace), door, make).await
}

/// Returns everything a payload holds, its file included.
fn content(follow: &FollowUp, file: Option<&Held>) -> Option<String> {
    let file = file.and_then(Held::received).map(|file| file.fingerprint);
    Some(format!("{file:?}|{}", follow.reading.payload.write()))
}
