//! What a caller is told when something is refused: RFC 9457, in French, from one closed catalogue.
//!
//! `Problem` is the only type of the native API that becomes an error response.

pub(crate) mod catalogue;
pub(crate) mod constat;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use domain::id::DeliveryId;
use domain::person::Language;
use domain::{Effect, Finding};
use serde::Serialize;
use store::StoreError;
use utoipa::{ToResponse, ToSchema};

use crate::mutation::{self, Mutation};

pub(crate) use catalogue::{Actor, Code};
pub(crate) use constat::Constat;

/// The media type of every refusal.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// How long a caller should wait when nothing better is known, in seconds.
const RETRY_AFTER_DEFAULT_S: u64 = 5;

/// One refusal.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: String,
    constats: Vec<Constat>,
    place: Option<(usize, usize)>,
    pointer: Option<&'static str>,
    delivery: Option<DeliveryId>,
    retry_after_s: Option<u64>,
    allow: Option<String>,
}

/// The document of a refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The address of the problem's entry in the catalogue.
    #[schema(example = "/problems/payload-refuse")]
    r#type: String,
    /// The title, in French.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    #[schema(example = "payload-refuse")]
    code: &'static str,
    /// What happened this time, in French.
    detail: Cow<'a, str>,
    /// What to do, in French.
    remedy: &'static str,
    /// Who can mend it.
    actor: Actor,
    /// Whether the same request, unchanged, may succeed later.
    retryable: bool,
    /// Every finding, for a refused payload.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    constats: &'a [Constat],
    /// The line of a JSON error, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The column of a JSON error, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// The member at fault, of a request that is no payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'static str>,
    /// The existing delivery, for a conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    delivery_id: Option<DeliveryId>,
    /// Where to read the existing delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    /// The trace to give to the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

impl Problem {
    /// Makes a problem with what happened this time, in French, free of personal data.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after_s = matches!(
            code,
            Code::Unavailable | Code::IdempotencyInProgress | Code::TooMany
        )
        .then_some(RETRY_AFTER_DEFAULT_S);
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            constats: Vec::new(),
            place: None,
            pointer: None,
            delivery: None,
            retry_after_s,
            allow: None,
        }))
    }

    /// Makes a problem of which the title says everything.
    pub(crate) fn plain(code: Code) -> Self {
        Self::new(code, code.entry().title)
    }

    /// Makes the refusal of a payload, with every finding.
    pub(crate) fn refused(findings: &[Finding]) -> Self {
        let stops = |finding: &&Finding| finding.effect == Effect::Refuse;
        let refusing = findings.iter().filter(stops).count();
        let (one, many) = ("anomalie bloquante", "anomalies bloquantes");
        let blocking = Language::Fr.counted(refusing, one, many);
        let others = match findings.len().saturating_sub(refusing) {
            0 => String::new(),
            n => {
                let others = Language::Fr.counted(n, "avertissement", "avertissements");
                format!(" et {others}")
            }
        };
        let detail = format!("Le payload porte {blocking}{others} ; voir « constats ».");
        Self::new(Code::Refused, detail).findings(findings)
    }

    /// Makes the one answer for what does not exist and what is another network's.
    pub(crate) fn not_found() -> Self {
        Self::plain(Code::NotFound)
    }

    /// Makes the answer to a fault of ours; the cause is logged here, once, and never shown.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %chain(cause), "the request failed");
        Self::plain(Code::Internal)
    }

    /// Makes the answer while something we stand on is away; the cause is logged here, once.
    pub(crate) fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::warn!(cause = %chain(cause), "the store is unavailable");
        Self::plain(Code::Unavailable)
    }

    /// Adds findings.
    pub(crate) fn findings(mut self, findings: &[Finding]) -> Self {
        let told = match findings {
            [first, _, ..] if mutation::planted(Mutation::FirstFindingOnly) => {
                std::slice::from_ref(first)
            }
            all => all,
        };
        self.0.constats.extend(told.iter().map(Constat::from));
        self
    }

    /// Adds the place of a syntax error, from 1.
    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        self.0.place = Some((line, column));
        self
    }

    /// Says which line of a batch a syntax error was met on; its column stays.
    pub(crate) fn on_line(mut self, line: usize) -> Self {
        self.0.place = self.0.place.map(|(_, column)| (line, column));
        self
    }

    /// Adds the member at fault, as a JSON Pointer.
    pub(crate) fn pointer(mut self, pointer: &'static str) -> Self {
        self.0.pointer = Some(pointer);
        self
    }

    /// Adds the delivery that already exists.
    pub(crate) fn delivery(mut self, id: DeliveryId) -> Self {
        self.0.delivery = Some(id);
        self
    }

    /// Says how long to wait, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Says which methods the path serves.
    pub(crate) fn allow(mut self, methods: impl Into<String>) -> Self {
        self.0.allow = Some(methods.into());
        self
    }

    /// Returns which problem it is.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// Returns what happened, in French.
    pub(crate) fn detail(&self) -> Cow<'_, str> {
        match self.0.place {
            None => Cow::Borrowed(&self.0.detail),
            Some((line, column)) => Cow::Owned(format!(
                "Ligne {line}, colonne {column} : {}",
                self.0.detail
            )),
        }
    }

    /// Returns how long to wait, in seconds, when it is known.
    pub(crate) fn wait_s(&self) -> Option<u64> {
        self.0.retry_after_s
    }

    /// Returns the findings, as they are told.
    pub(crate) fn constats(&self) -> &[Constat] {
        &self.0.constats
    }

    /// Returns the document, with the trace when it is known.
    pub(crate) fn body<'a>(&'a self, trace_id: Option<&'a str>) -> ProblemBody<'a> {
        let entry = self.0.code.entry();
        ProblemBody {
            r#type: format!("/problems/{}", entry.slug),
            title: entry.title,
            status: entry.status.as_u16(),
            code: entry.slug,
            detail: self.detail(),
            remedy: entry.remedy,
            actor: entry.actor,
            retryable: entry.retryable,
            constats: &self.0.constats,
            line: self.0.place.map(|(line, _)| line),
            column: self.0.place.map(|(_, column)| column),
            pointer: self.0.pointer,
            delivery_id: self.0.delivery,
            delivery: self.0.delivery.map(|id| format!("/api/v1/deliveries/{id}")),
            trace_id,
        }
    }

    /// Returns the response, with the trace when it is known.
    pub(crate) fn response(&self, trace_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(MEDIA_TYPE);
        response.insert_header((header::CONTENT_LANGUAGE, "fr"));
        if let Some(seconds) = self.0.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = &self.0.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"cfa-gateway\""));
        }
        if let (Code::DuplicateDossier, Some(id)) = (self.0.code, self.0.delivery) {
            response.insert_header((header::LOCATION, format!("/api/v1/deliveries/{id}")));
        }
        response.json(self.body(trace_id))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.entry().slug, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.entry().status
    }

    fn error_response(&self) -> HttpResponse {
        self.response(None)
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        if error.is_temporary() {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

/// How the published document describes every refusal.
#[derive(ToResponse)]
#[response(
    description = "Refus (RFC 9457).",
    content_type = "application/problem+json"
)]
#[expect(
    dead_code,
    reason = "read by the macro that makes the published document"
)]
pub(crate) struct Refusal(ProblemBody<'static>);

/// Writes an error and its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refuses_a_payload_is_counted_apart_from_what_warns() {
        let finding = |rule| domain::rules::finding(rule, "/cerfa", &[]);
        let problem =
            Problem::refused(&[finding("CPL-001"), finding("CPL-011"), finding("CPL-011")]);
        let body = serde_json::to_value(problem.body(None)).unwrap();
        assert_eq!(
            body["detail"],
            "Le payload porte 1 anomalie bloquante et 2 avertissements ; voir « constats »."
        );
    }

    #[test]
    fn a_conflict_links_to_the_delivery_that_exists() {
        let id = DeliveryId::new("2026-09-01T00:00:00Z".parse().unwrap());
        let problem = Problem::plain(Code::DuplicateDossier).delivery(id);
        let body = serde_json::to_value(problem.body(Some("abc"))).unwrap();
        assert_eq!(body["delivery"], format!("/api/v1/deliveries/{id}"));
        assert_eq!(body["trace_id"], "abc");
        assert_eq!(problem.response(None).status(), 409);
    }

    #[test]
    fn a_fault_of_ours_shows_nothing_of_its_cause() {
        let cause = std::io::Error::other("secret table name");
        let text = serde_json::to_string(&Problem::internal(&cause).body(None)).unwrap();
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn too_many_requests_always_says_when_to_come_back() {
        let response = Problem::plain(Code::TooMany).response(None);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
