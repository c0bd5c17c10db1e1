//! The one HTTP client towards OPCOs: time limits, a limit on bodies, no redirects, and for each
//! failure the answer to the only question that matters: may the request have been taken?

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Clock, Fault, FaultKind, Timestamp};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, Proxy, Response, redirect, retry};
use serde::Deserialize;
use tracing::Instrument;

use crate::call::{Body, BodyEnd, Call, Method, Reply};
use crate::fichier::{Fichier, FileChunks};
use crate::token::Tokens;

mod upload;

use self::upload::Progress;

/// The largest body accepted: a version 1 list of some 60,000 dossiers.
pub const REPLY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest delay taken from a `Retry-After`.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Shorter than the time after which the servers we know close an idle connection: a contract
/// written to a connection that is being closed is a contract whose answer is lost.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// As many as may be under way at one OPCO that allows much; `in_flight` of its profile is lower.
const POOL_IDLE_PER_HOST: usize = 64;

/// The settings of the HTTP client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The time to open a connection, TLS included, in milliseconds.
    pub connect_timeout_ms: u64,
    /// The time for a token endpoint to answer, in milliseconds.
    pub token_timeout_ms: u64,
    /// An HTTP proxy to go through, as an address; none by default, whatever the environment says.
    pub proxy: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 10_000,
            token_timeout_ms: 15_000,
            proxy: None,
        }
    }
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The proxy is no address.
    #[error("the proxy is no address")]
    Proxy(#[source] reqwest::Error),
    /// TLS could not be set up.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// The way to the OPCOs: one per process, cheap to share.
#[derive(Debug)]
pub struct Transport {
    client: Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Tokens,
    pub(crate) token_timeout: Duration,
}

/// What came of sending one call.
#[derive(Debug)]
pub(crate) enum Sending {
    /// An answer, whatever it says.
    Answered(Answered),
    /// It surely did not arrive: nothing was sent, or not all of it.
    NotSent(Fault),
    /// The same, because our own file could not be read.
    NoFile(Fault),
    /// It may have arrived.
    Lost(Fault),
}

/// A reply and the two headers only a token request looks at.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    /// `DPoP-Nonce` (RFC 9449 §8).
    pub(crate) nonce: Option<String>,
}

impl Transport {
    /// Builds the client. The clock tells when tokens expire.
    pub fn new(clock: Arc<dyn Clock>, settings: &Settings) -> Result<Self, TransportError> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            // One call is one request: what is sent twice must be decided, never happen.
            .retry(retry::never())
            .referer(false)
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST)
            .tcp_nodelay(true)
            .user_agent(concat!("cfa-gateway/", env!("CARGO_PKG_VERSION")));
        let builder = match &settings.proxy {
            Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(TransportError::Proxy)?),
            None => builder,
        };
        Ok(Self {
            client: builder.build().map_err(TransportError::Client)?,
            clock,
            tokens: Tokens::default(),
            token_timeout: Duration::from_millis(settings.token_timeout_ms),
        })
    }

    /// Sends one call and reads its whole answer within `budget`, in the machine's time.
    pub(crate) async fn send(&self, call: Call, budget: Duration) -> Sending {
        // Neither query nor headers: they hold keys.
        let span = tracing::debug_span!(
            "opco.call",
            host = call.url.host_str().unwrap_or_default(),
            route = call.route,
            method = call.method.as_str(),
            status = tracing::field::Empty,
        );
        self.send_unseen(call, budget).instrument(span).await
    }

    async fn send_unseen(&self, call: Call, budget: Duration) -> Sending {
        let (method, route) = (call.method.as_str(), call.route);
        let started = Instant::now();
        let mut request = match call.method {
            Method::Get => self.client.get(call.url),
            Method::Post => self.client.post(call.url),
        };
        request = request.headers(call.headers);
        let mut progress = Progress::at_once();
        match call.body {
            None => {}
            Some(Body::Whole(bytes)) => request = request.body(bytes),
            Some(Body::WithFile {
                before,
                fichier,
                after,
            }) => {
                let chunks = match open(&fichier, budget).await {
                    Ok(chunks) => chunks,
                    Err(kind) => return no_file(method, route, kind),
                };
                progress = Progress::default();
                let length = u64::try_from(before.len().saturating_add(after.len()))
                    .unwrap_or(u64::MAX)
                    .saturating_add(fichier.bytes());
                let opened = (chunks, fichier.bytes());
                let pieces = upload::pieces((before, after), opened, progress.clone());
                request = request
                    .header(CONTENT_LENGTH, length)
                    .body(reqwest::Body::wrap_stream(pieces));
            }
        }
        let left = budget.saturating_sub(started.elapsed());
        if left.is_zero() {
            let detail = format!("{method} {route}: no time was left to send it");
            return Sending::NotSent(Fault::new(FaultKind::Unavailable, detail));
        }
        match request.timeout(left).send().await {
            Ok(response) => {
                tracing::Span::current().record("status", response.status().as_u16());
                Sending::Answered(self.read(response).await)
            }
            Err(error) => match progress.broken() {
                Some(kind) => no_file(method, route, kind),
                None => sort(method, route, &error, progress.is_whole()),
            },
        }
    }

    async fn read(&self, mut response: Response) -> Answered {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), self.clock.now());
        let nonce = header(response.headers(), &DPOP_NONCE);
        let announced = response
            .content_length()
            .and_then(|n| usize::try_from(n).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(64 * 1024));
        let body_end = loop {
            match response.chunk().await {
                Ok(None) => break BodyEnd::Whole,
                Ok(Some(chunk)) if body.len() + chunk.len() > REPLY_BYTES_MAX => {
                    break BodyEnd::TooLarge;
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) if error.is_timeout() => break BodyEnd::TimeUp,
                Err(_) => break BodyEnd::CutOff,
            }
        };
        Answered {
            reply: Reply {
                status,
                retry_after,
                body_end,
                body,
            },
            nonce,
        }
    }
}

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Opens the file of a call within its time.
async fn open(fichier: &Fichier, budget: Duration) -> Result<FileChunks, io::ErrorKind> {
    match tokio::time::timeout(budget, fichier.open()).await {
        Ok(opened) => opened.map_err(|error| error.kind()),
        Err(_) => Err(io::ErrorKind::TimedOut),
    }
}

/// The error's kind only: its text may hold the path of the file.
fn no_file(method: &str, route: &str, kind: io::ErrorKind) -> Sending {
    let detail = format!("{method} {route}: the file to send cannot be read ({kind})");
    Sending::NoFile(Fault::new(FaultKind::Unavailable, detail))
}

/// Sorts a failure without an answer; `whole` says whether all of the body left. The error itself is not kept: it would print the address.
fn sort(method: &str, route: &str, error: &reqwest::Error, whole: bool) -> Sending {
    let fault = |kind, why: &str| Fault::new(kind, format!("{method} {route}: {why}"));
    if error.is_builder() {
        return Sending::NotSent(fault(
            FaultKind::Misconfigured,
            "it cannot be written as a request",
        ));
    }
    // Name resolution, TCP and TLS all come before the first byte of the request.
    if error.is_connect() {
        let why = if error.is_timeout() {
            "no connection within the time limit"
        } else if error.is_dns() {
            "the host's name does not resolve"
        } else {
            "no connection could be opened"
        };
        return Sending::NotSent(fault(FaultKind::Unavailable, why));
    }
    // The length was announced: half a body is no request that anyone could take.
    if !whole {
        let why = if error.is_timeout() {
            "the time was up before all of it was sent"
        } else {
            "the connection ended before all of it was sent"
        };
        return Sending::NotSent(fault(FaultKind::Unavailable, why));
    }
    let why = if error.is_timeout() {
        "no answer within the time limit"
    } else {
        "the connection ended before the answer"
    };
    Sending::Lost(fault(FaultKind::Unavailable, why))
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Reads `Retry-After`: seconds, or a date, taken against the answer's own `Date` when it has one
/// so that two clocks need not agree.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let at = http_date(text)?;
    let sent = headers
        .get(DATE)
        .and_then(|date| http_date(date.to_str().ok()?))
        .unwrap_or(now);
    let delay = Duration::try_from(at.duration_since(sent)).unwrap_or(Duration::ZERO);
    Some(delay.min(RETRY_AFTER_MAX))
}

fn http_date(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn delay(fields: &[(HeaderName, &'static str)]) -> Option<Duration> {
        let headers = fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        retry_after(&headers, "2026-11-21T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_delay_is_read_in_seconds_and_as_a_date() {
        assert_eq!(delay(&[(RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        let date = "Sat, 21 Nov 2026 10:01:30 GMT";
        assert_eq!(delay(&[(RETRY_AFTER, date)]), Some(Duration::from_secs(90)));
        // The other side's clock is an hour early: its own date says how long it means.
        let skewed = [(RETRY_AFTER, date), (DATE, "Sat, 21 Nov 2026 10:01:25 GMT")];
        assert_eq!(delay(&skewed), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_delay_is_bounded_and_never_negative() {
        assert_eq!(
            delay(&[(RETRY_AFTER, "99999999999")]),
            Some(RETRY_AFTER_MAX)
        );
        let past = "Sat, 21 Nov 2020 10:01:30 GMT";
        assert_eq!(delay(&[(RETRY_AFTER, past)]), Some(Duration::ZERO));
        for wrong in ["soon", "-3", ""] {
            assert_eq!(delay(&[(RETRY_AFTER, wrong)]), None, "{wrong}");
        }
        assert_eq!(delay(&[]), None);
    }
}
