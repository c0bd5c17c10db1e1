//! Logs and traces: what the process says about itself, and to whom. The only file that knows OpenTelemetry.

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing::Level;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{MaskedUrl, Problem};

/// How long one export to the collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the last export may hold up a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The crates whose debug and trace lines may be asked for. Others write headers and bodies there,
/// and with them keys.
const OURS: [&str; 5] = ["cfa_gateway", "opco", "store", "simulator", "domain"];

/// The section `[telemetry]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is logged, by level and module.
    pub filter: String,
    /// The form of a log line.
    pub format: LogFormat,
    /// The whole address of an OTLP collector (HTTP, protobuf), `/v1/traces` included; absent, no trace leaves.
    pub otlp_endpoint: Option<MaskedUrl>,
    /// The share of traces kept when the caller decided nothing, from 0 to 1.
    pub otlp_sample_ratio: f64,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines on a terminal, JSON elsewhere.
    Auto,
    /// Lines for people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// Standard output: a service, whose lines a collector reads.
    Stdout,
    /// Standard error: a command, whose answer has standard output for itself.
    Stderr,
}

/// Why logs or traces could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no list of `module=level`.
    #[error("telemetry.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be built from the address given. The cause is not kept: it quotes the
    /// address, password included.
    #[error("telemetry.otlp_endpoint: not the address of a collector")]
    Exporter,
}

/// Running telemetry: stopping it sends the last spans.
#[derive(Debug)]
#[must_use = "the last spans leave only when it is stopped"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Settings {
    /// Returns what cannot be used.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            problems.push(Problem::new("telemetry.filter", error.to_string()));
        }
        if let Some(word) = no_level(&self.filter) {
            let said = format!(
                "« {word} » n'est pas un niveau : off, error, warn, info, debug ou trace ; pour un \
                 module, cfa_gateway::worker=debug"
            );
            problems.push(Problem::new("telemetry.filter", said));
        }
        if !(0.0..=1.0).contains(&self.otlp_sample_ratio) {
            let said = "doit être compris entre 0 et 1";
            problems.push(Problem::new("telemetry.otlp_sample_ratio", said));
        }
        if let Some(endpoint) = self.otlp_endpoint.as_ref().map(MaskedUrl::expose)
            && !(endpoint.starts_with("http://") || endpoint.starts_with("https://"))
        {
            let said = "doit commencer par http:// ou https://";
            problems.push(Problem::new("telemetry.otlp_endpoint", said));
        }
        problems
    }
}

/// Returns the first word of a filter that stands alone and is no level: the filter would take it
/// for a module, and silence everything else.
fn no_level(filter: &str) -> Option<&str> {
    filter
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && !part.contains(['=', '[', ']', '{', '}', '"']))
        .find(|part| part.parse::<LevelFilter>().is_err())
}

impl Telemetry {
    /// Starts logs, and traces when a collector is configured.
    ///
    /// To be called before any asynchronous runtime: the exporter's client makes its own. A second
    /// start in one process (tests) keeps the first one's log destination.
    pub fn start(settings: &Settings, logs: Logs) -> Result<Self, TelemetryError> {
        let provider = settings
            .otlp_endpoint
            .as_ref()
            .map(|endpoint| provider(endpoint.expose(), settings.otlp_sample_ratio))
            .transpose()?;
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("cfa-gateway"))
        });
        let started = tracing_subscriber::registry()
            .with(EnvFilter::try_new(&settings.filter)?)
            .with(filter_fn(|metadata| {
                *metadata.level() <= Level::INFO || OURS.contains(&crate_of(metadata.target()))
            }))
            .with(lines(settings.format, logs))
            .with(traces)
            .try_init();
        if started.is_err() {
            tracing::debug!("logs were started before");
        }
        Ok(Self { provider })
    }

    /// Sends the last spans and stops. To be called from a plain thread, after the runtime.
    pub fn stop(self) {
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown_with_timeout(STOP_TIMEOUT)
        {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

fn lines<S>(format: LogFormat, logs: Logs) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let (terminal, writer) = match logs {
        Logs::Stdout => (
            std::io::stdout().is_terminal(),
            BoxMakeWriter::new(std::io::stdout),
        ),
        Logs::Stderr => (
            std::io::stderr().is_terminal(),
            BoxMakeWriter::new(std::io::stderr),
        ),
    };
    let human = match format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    if human {
        fmt::layer()
            .with_writer(writer)
            .with_ansi(terminal)
            .with_target(false)
            .boxed()
    } else {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(writer)
            .boxed()
    }
}

fn provider(endpoint: &str, ratio: f64) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|_| TelemetryError::Exporter)?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name("cfa-gateway").build())
        .build())
}

fn crate_of(target: &str) -> &str {
    target.split("::").next().unwrap_or_default()
}

/// Makes `span` the child of the caller's, told by a W3C `traceparent`. A malformed one is as none.
pub fn follow(span: &tracing::Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(read_traceparent) {
        let context = opentelemetry::Context::new().with_remote_span_context(parent);
        // Without a collector there is no layer to follow with, and nothing to do about it.
        drop(span.set_parent(context));
    }
}

/// Returns the W3C `traceparent` of `span`, when traces are on.
pub fn traceparent(span: &tracing::Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let at = span.span_context();
    at.is_valid().then(|| {
        format!(
            "00-{}-{}-{:02x}",
            at.trace_id(),
            at.span_id(),
            at.trace_flags().to_u8()
        )
    })
}

/// Returns the trace id of a `traceparent`, to find its lines again.
pub fn trace_id(traceparent: &str) -> Option<String> {
    read_traceparent(traceparent).map(|at| at.trace_id().to_string())
}

fn read_traceparent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let form = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let lower_hex = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    if !form || ![version, trace, span, flags].into_iter().all(lower_hex) || version == "ff" {
        return None;
    }
    // Version 00 has four parts; a later one may have more, which are ignored.
    if version == "00" && parts.next().is_some() {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_as_the_w3c_says() {
        assert_eq!(trace_id(GOOD).unwrap(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what";
        assert!(trace_id(later).is_some());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_span_that_follows_a_caller_stays_in_its_trace() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("request");
            follow(&span, Some(GOOD));
            let ours = traceparent(&span).unwrap();
            assert_eq!(trace_id(&ours), trace_id(GOOD));
            assert_ne!(ours, GOOD);
        });
    }

    #[test]
    fn without_a_collector_there_is_no_traceparent_of_ours() {
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let span = tracing::info_span!("request");
            follow(&span, Some(GOOD));
            assert_eq!(traceparent(&span), None);
        });
    }
}
