//! Many payloads in one stream: a line in, a line out, in order. One bad row never costs the others.

mod inflow;
mod outflow;
mod places;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use serde::Serialize;
use utoipa::ToSchema;

use self::inflow::Read;
use self::outflow::Sender;
pub(crate) use self::places::Places;
use super::body::{self, NDJSON};
use super::caller::{Caller, Permission};
use super::envelope::{self, Envelope};
use super::ndjson::Line;
use super::problem::{Code, Problem, ProblemBody};
use super::submit::{self, AcceptedBody, Received};
use super::trace_context::TraceContext;
use super::{credentials, idempotency, patience, problem};
use crate::app::App;

/// Other names under which the form travels.
const MEDIA_TYPES: [&str; 3] = [NDJSON, "application/ndjson", "application/jsonl"];
/// How many rows of one batch are in the hands of the intake at once.
const ROWS_AT_ONCE: usize = 32;

/// What became of one row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchLine)]
pub(crate) struct ResultLine<'a> {
    /// The row's line in the request, from 1, blank lines counted.
    line: usize,
    /// The row's key of idempotency, when it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    /// What the row would have been answered alone.
    status: u16,
    /// Whether it is the answer of an earlier row or request with the same key.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    /// The delivery, when it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a AcceptedBody>,
    /// Why not, when it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody<'a>>,
}

/// The last line: without it the answer was cut short.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BatchSummary)]
pub(crate) struct Summary {
    /// Rows answered.
    rows: usize,
    /// Rows accepted for the first time.
    accepted: usize,
    /// Rows that had been accepted before.
    replayed: usize,
    /// Rows refused.
    refused: usize,
    /// Whether the whole request was read.
    complete: bool,
}

#[derive(Debug, Serialize)]
struct LastLine<'a> {
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemBody<'a>>,
}

/// What every row of a batch shares.
struct Batch {
    app: web::Data<App>,
    /// What the caller signed in with: a batch lasts, and a key may end before it.
    headers: HeaderMap,
    trace: TraceContext,
    envelope: Envelope,
    key: Option<String>,
}

/// A row's key and fate.
struct Answer {
    line: usize,
    key: Option<String>,
    fate: Fate,
}

/// An accepted row and whether it is a replay, or why it was refused.
type Fate = Result<(AcceptedBody, bool), Problem>;

/// Takes payloads, one JSON document a line, and answers one line for each.
#[utoipa::path(
    post,
    path = "/api/v1/batches", operation_id = "submit_batch",
    tag = "dossiers",
    request_body(content = String, content_type = "application/x-ndjson", description = "Un payload par \
        ligne, sous la forme de `POST /api/v1/dossiers`, avec `idempotency_key` à la racine."),
    responses(
        (status = 200, description = "Une ligne par payload (`BatchLine`), puis une ligne de bilan \
            (`BatchSummary`).", content_type = "application/x-ndjson", body = ResultLine),
        (status = 415, response = problem::Refusal),
    ),
)]
pub(crate) async fn post(
    app: web::Data<App>,
    caller: Caller,
    trace: TraceContext,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    body::expect_type(request.headers(), &MEDIA_TYPES)?;
    let envelope = envelope::of_headers(request.headers())?;
    let key = idempotency::key(request.headers())?;
    let place = app.http.batches.enter(caller.tenant)?;
    let (sender, answer) = outflow::answer();
    let batch = Batch {
        app,
        headers: request.headers().clone(),
        trace,
        envelope,
        key,
    };
    actix_web::rt::spawn(async move {
        run(&batch, payload, sender).await;
        drop(place);
    });
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(answer))
}

/// Reads, accepts and answers until the sender ends or goes away.
async fn run(batch: &Batch, payload: web::Payload, mut sender: Sender) {
    let mut summary = Summary::default();
    let mut stopped = None;
    let answers = inflow::rows(batch.app.http.bounds, payload)
        .map(|read| accept(batch, read))
        .buffered(ROWS_AT_ONCE);
    let mut answers = std::pin::pin!(answers);
    while let Some(answer) = answers.next().await {
        let sent = match answer {
            Ok(answer) => {
                summary.count(&answer);
                sender.send(&result_line(&answer, &batch.trace)).await
            }
            Err(problem) => {
                stopped = Some(problem);
                break;
            }
        };
        if sent.is_err() {
            tracing::info!(rows = summary.rows, "the sender of a batch went away");
            return;
        }
    }
    summary.complete = stopped.is_none();
    let problem = stopped
        .as_ref()
        .map(|problem| problem.body(Some(batch.trace.trace_id())));
    // Nobody is left to tell when this fails.
    let _ = sender
        .send(&LastLine {
            summary: &summary,
            problem,
        })
        .await;
}

async fn accept(batch: &Batch, read: Read) -> Result<Answer, Problem> {
    let Line { number, bytes } = read?;
    let Some(bytes) = bytes else {
        let problem = body::too_large_problem(batch.app.http.bounds.body_bytes);
        return Ok(Answer {
            line: number,
            key: None,
            fate: Err(problem),
        });
    };
    let caller = match caller(batch).await {
        // The store is away: that is this row's misfortune, and the next one may do better.
        Err(problem) if matches!(problem.code(), Code::Unavailable | Code::Internal) => {
            Err(problem)
        }
        found => Ok(found?),
    };
    let read = Received::read(&bytes, &batch.envelope).map_err(|problem| problem.on_line(number));
    let (key, fate) = match caller.and_then(|caller| Ok((caller, read?))) {
        Err(problem) => (None, Err(problem)),
        Ok((caller, received)) => row(batch, &caller, number, received).await,
    };
    Ok(Answer {
        line: number,
        key,
        fate,
    })
}

/// Recognises the caller again: a row is taken only from who may still hand it in.
async fn caller(batch: &Batch) -> Result<Caller, Problem> {
    let known = credentials::identify(&batch.app, &batch.headers);
    let known = patience::within(batch.app.http.patience.caller, known).await;
    // Nothing was begun yet: nothing of the row is kept.
    let caller = known.ok_or_else(|| patience::late(&Method::GET))??;
    if caller.may(Permission::Submit) {
        Ok(caller)
    } else {
        Err(Problem::plain(Code::Forbidden))
    }
}

async fn row(
    batch: &Batch,
    caller: &Caller,
    number: usize,
    mut received: Received,
) -> (Option<String>, Fate) {
    let shared = batch.key.as_ref().map(|key| format!("{key}:{number}"));
    let key = match received.take_key() {
        Ok(own) => own
            .or(shared)
            .ok_or_else(|| Problem::plain(Code::IdempotencyMissing)),
        Err(problem) => Err(problem),
    };
    let key = match key {
        Ok(key) => key,
        Err(problem) => return (None, Err(problem)),
    };
    let handed = Box::pin(submit::hand_in(
        &batch.app,
        caller,
        received,
        Some(&key),
        &batch.trace,
    ));
    let handed = patience::within(batch.app.http.patience.answer, handed).await;
    let handed = handed.unwrap_or_else(|| Err(patience::late(&Method::POST)));
    (
        Some(key),
        handed.map(|accepted| (AcceptedBody::from(&accepted), accepted.replayed)),
    )
}

fn result_line<'a>(answer: &'a Answer, trace: &'a TraceContext) -> ResultLine<'a> {
    let refused = answer.fate.as_ref().err();
    ResultLine {
        line: answer.line,
        idempotency_key: answer.key.as_deref(),
        status: refused.map_or(202, |problem| problem.code().entry().status.as_u16()),
        replayed: answer.fate.as_ref().ok().map(|(_, replayed)| *replayed),
        delivery: answer.fate.as_ref().ok().map(|(accepted, _)| accepted),
        problem: refused.map(|problem| problem.body(Some(trace.trace_id()))),
    }
}

impl Summary {
    fn count(&mut self, answer: &Answer) {
        self.rows += 1;
        match answer.fate {
            Ok((_, false)) => self.accepted += 1,
            Ok((_, true)) => self.replayed += 1,
            Err(_) => self.refused += 1,
        }
    }
}
