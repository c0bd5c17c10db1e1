//! One line per request, and what every answer carries: trace, quota, safe headers.
//!
//! The line holds the pattern of the route, never the address: no query, no identifier in a path.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use domain::id::DeliveryId;
use tracing::Instrument as _;

use super::body;
use super::caller::Caller;
use super::problem::{Code, Problem};
use super::quota::Standing;
use super::trace_context::{TRACEPARENT, TraceContext};
use crate::telemetry;

/// What a line says of a path nobody serves.
const UNMATCHED: &str = "unmatched";

/// Says which delivery a request was about, for its line.
pub(crate) fn about(request: &HttpRequest, id: DeliveryId) {
    request.extensions_mut().insert(id);
}

/// Opens a request's span and writes its line when the answer is ready.
pub(crate) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let trace = TraceContext::of(request.headers());
    let span = tracing::info_span!(
        "request",
        method = method_label(request.method()),
        route = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    telemetry::follow(&span, trace.parent());
    // With a collector, the caller gets the very trace that is exported.
    let trace = trace.exported_as(telemetry::traceparent(&span).as_deref());
    request.extensions_mut().insert(trace.clone());
    let answer = next.call(request).instrument(span.clone()).await?;
    let answer = finish(answer, &trace);
    span.in_scope(|| {
        let route = answer.request().match_pattern();
        let route = route.as_deref().unwrap_or(UNMATCHED);
        span.record("route", route);
        span.record("status", answer.status().as_u16());
        line(&answer, route, &trace, started);
    });
    Ok(answer)
}

/// Gives a refusal its trace, and every answer its headers.
fn finish(
    answer: ServiceResponse<impl MessageBody + 'static>,
    trace: &TraceContext,
) -> ServiceResponse<BoxBody> {
    let answer = answer.map_into_boxed_body();
    let problem = answer
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>());
    let traced = problem.map(|problem| (problem.code(), problem.response(Some(trace.trace_id()))));
    let (request, response) = answer.into_parts();
    let mut response = match traced {
        Some((code, mut traced)) => {
            // Kept so that the line can name the problem.
            traced.extensions_mut().insert(code);
            traced
        }
        None => response,
    };
    let standing = request.extensions().get::<Standing>().copied();
    let headers = response.headers_mut();
    if let Some(standing) = standing {
        standing.write(headers);
    }
    set(headers, TRACEPARENT, &trace.header());
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    ServiceResponse::new(request, response)
}

fn line(answer: &ServiceResponse<BoxBody>, route: &str, trace: &TraceContext, started: Instant) {
    let request = answer.request();
    let extensions = request.extensions();
    let caller = extensions.get::<Caller>();
    let response_notes = answer.response().extensions();
    let code = response_notes.get::<Code>().map(|code| code.entry().slug);
    let status = answer.status().as_u16();
    let elapsed = started.elapsed();
    if let Ok(app) = body::app(request) {
        app.metrics
            .http(method_label(request.method()), route, status, elapsed);
    }
    tracing::info!(
        method = method_label(request.method()),
        route,
        status,
        duration_ms = elapsed.as_secs_f64() * 1_000.0,
        "tenant.id" = caller.map(|caller| tracing::field::display(caller.tenant)),
        "credential.id" = caller.map(|caller| tracing::field::display(caller.credential)),
        "delivery.id" = extensions.get::<DeliveryId>().map(tracing::field::display),
        "problem.code" = code,
        "trace.id" = trace.trace_id(),
        "request"
    );
}

/// A method of anyone's making is no label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use actix_web::middleware::from_fn;
    use actix_web::{App, test, web};
    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[actix_web::test]
    async fn a_request_is_one_line_without_its_query_its_path_or_its_body() {
        let lines = Lines::default();
        let json = tracing_subscriber::fmt()
            .json()
            .with_writer(lines.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(json);
        let id: DeliveryId = "0190a0b0-0000-7000-8000-000000000000".parse().unwrap();
        let refuse = move |request: HttpRequest| async move {
            about(&request, id);
            Err::<String, _>(Problem::plain(Code::Refused))
        };
        let service = App::new()
            .route("/api/v1/deliveries/{name}", web::post().to(refuse))
            .wrap(from_fn(log));
        let service = test::init_service(service).await;
        let request = test::TestRequest::post()
            .uri("/api/v1/deliveries/path-canary?nir=query-canary")
            .insert_header(("authorization", "Bearer header-canary"))
            .set_payload("body-canary")
            .to_request();
        let answer = test::call_service(&service, request).await;
        assert_eq!(answer.status(), 422);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains("canary"), "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        let fields = &line["fields"];
        assert_eq!(fields["method"], "POST");
        assert_eq!(fields["route"], "/api/v1/deliveries/{name}");
        assert_eq!(fields["status"], 422);
        assert_eq!(fields["delivery.id"], id.to_string());
        assert_eq!(fields["problem.code"], "payload-refuse");
        assert_eq!(fields["trace.id"].as_str().unwrap().len(), 32);
        assert!(fields["duration_ms"].is_number());
    }
}
