//! Agreements, documents and certificates with their file, handed in as at an OPCO.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use domain::Kind;
use futures_util::future::LocalBoxFuture;
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
use crate::http::upload::{Carries, Certificat, Convention, Document, Upload, Uploaded};

/// Where documents are handed in: OPCOs spell a refusal there with capitals.
pub(super) const DOCUMENTS_PATH: &str = "/v1/documents";

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
    /// Why there is no number; absent when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
}

/// A payload and its file, refused in the norm's words when they cannot be read.
#[derive(Debug)]
pub(super) struct WithFile<C>(pub(super) Upload, PhantomData<C>);

impl<C: Carries + 'static> FromRequest for WithFile<C> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = Uploaded::<C>::from_request(request, payload);
        Box::pin(async move {
            match read.await {
                Ok(read) => Ok(Self(read.0, PhantomData)),
                Err(problem) if C::KIND == Kind::Document => {
                    Err(Refusal::from(problem).in_capitals())
                }
                Err(problem) => Err(problem.into()),
            }
        })
    }
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
    body: WithFile<Convention>,
) -> Result<HttpResponse, Refusal> {
    let sent = (Kind::Convention, &CONVENTIONS);
    hand_in(&app, &by, (&request, &trace), sent, body.0).await
}

/// Takes any document. What is wrong with it is told in words that begin with a capital.
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
    body: WithFile<Document>,
) -> Result<HttpResponse, Refusal> {
    let sent = (Kind::Document, &DOCUMENTS);
    let answer = hand_in(&app, &by, (&request, &trace), sent, body.0).await;
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
    body: WithFile<Certificat>,
) -> Result<HttpResponse, Refusal> {
    let sent = (Kind::Certificat, &CERTIFICATS);
    hand_in(&app, &by, (&request, &trace), sent, body.0).await
}

async fn hand_in(
    app: &App,
    by: &By,
    (request, trace): (&HttpRequest, &TraceContext),
    (kind, door): (Kind, &Door),
    upload: Upload,
) -> Result<HttpResponse, Refusal> {
    let delivery = sent(app, by, (request, trace), (kind, door), upload).await?;
    let mut tx = app.store.reading().await?;
    let numeros = store::pieces::of_delivery(&mut tx, delivery.tenant, delivery.id).await?;
    let document = numeros.document.as_deref();
    let stored = StoredBody {
        numero_interne_document: delivery.target().and_then(|at| numero::shown(at, document)),
        description: numero::untold(document, delivery.first_lost_at.is_some()),
    };
    Ok(outcome::success(delivery.id, &stored))
}

/// Hands a payload in with its file, and waits for the OPCO's word.
pub(super) async fn sent(
    app: &App,
    by: &By,
    (request, trace): (&HttpRequest, &TraceContext),
    (kind, door): (Kind, &Door),
    Upload { json, file }: Upload,
) -> Result<Delivery, Refusal> {
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
    Box::pin(piece::deliver(app, &by.0, (request, trace), door, make)).await
}

/// Returns everything a payload holds, its file included.
#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several ways to know a payload again"
)]
fn content(follow: &FollowUp, file: Option<&Held>) -> Option<String> {
    let file = file.and_then(Held::received).map(|file| file.fingerprint);
    let payload = follow.reading.payload.write();
    Some(format!("{:?}|{file:?}|{payload}", follow.opco))
}
