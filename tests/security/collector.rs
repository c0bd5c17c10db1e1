//! Where the gateway's spans go: an OTLP collector that decodes what it gets.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// A collector on a port of its own.
#[derive(Debug)]
pub(crate) struct Collector {
    /// The address to export to.
    pub(crate) endpoint: String,
    received: Received,
    server: ServerHandle,
}

type Received = Arc<Mutex<Vec<web::Bytes>>>;

impl Collector {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let received = Received::default();
        let kept = web::Data::new(Arc::clone(&received));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::PayloadConfig::new(64 * 1024 * 1024))
                .app_data(kept.clone())
                .route("/v1/traces", web::post().to(take))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            endpoint: format!("http://{address}/v1/traces"),
            received,
            server: handle,
        }
    }

    /// Sends it a span of our own.
    #[expect(
        clippy::disallowed_methods,
        reason = "an exporter of the test's own is no part of the gateway"
    )]
    pub(crate) async fn plant(&self, text: &str) {
        let value = Some(AnyValue {
            value: Some(Value::StringValue(text.to_owned())),
        });
        let span = Span {
            name: "planted".to_owned(),
            attributes: vec![KeyValue {
                key: "planted".to_owned(),
                value,
                ..KeyValue::default()
            }],
            ..Span::default()
        };
        let spans = ScopeSpans {
            spans: vec![span],
            ..ScopeSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                scope_spans: vec![spans],
                ..ResourceSpans::default()
            }],
        };
        let sent = reqwest::Client::new()
            .post(&self.endpoint)
            .body(request.encode_to_vec())
            .send();
        assert!(sent.await.unwrap().status().is_success());
    }

    /// Returns the names of the spans it got, and everything in them as text.
    pub(crate) fn spans(&self) -> (Vec<String>, String) {
        let received = self.received.lock().unwrap();
        let (mut names, mut text) = (Vec::new(), String::new());
        for body in received.iter() {
            let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
            writeln!(text, "{request:?}").unwrap();
            let spans = request.resource_spans.into_iter();
            let spans = spans.flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
            names.extend(spans.map(|span| span.name));
        }
        (names, text)
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn take(body: web::Bytes, received: web::Data<Received>) -> HttpResponse {
    received.lock().unwrap().push(body);
    // An empty message is the answer that says: all of it.
    HttpResponse::Ok()
        .content_type("application/x-protobuf")
        .finish()
}
