//! `traceparent` in and out (W3C Trace Context, level 1).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use super::problem::Problem;

/// The header, both ways.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The length of a version 00 header.
const LENGTH: usize = 55;
/// The trace is recorded.
const SAMPLED: u8 = 1;

/// Where a request stands in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    trace_id: String,
    span_id: String,
    flags: u8,
    parent: Option<String>,
}

impl TraceContext {
    /// Continues the caller's trace, or begins one when the header is absent or wrong.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let span_id = random_hex(8);
        let given = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        match given.and_then(read) {
            Some((trace_id, flags)) => Self {
                trace_id: trace_id.to_owned(),
                span_id,
                flags,
                parent: given.map(str::to_owned),
            },
            None => Self {
                trace_id: random_hex(16),
                span_id,
                flags: SAMPLED,
                parent: None,
            },
        }
    }

    /// Takes the place under which the request's span is exported, when it is.
    pub(crate) fn exported_as(mut self, traceparent: Option<&str>) -> Self {
        let mut parts = traceparent.unwrap_or_default().split('-').skip(1);
        if let (Some(trace), Some(span)) = (parts.next(), parts.next()) {
            trace.clone_into(&mut self.trace_id);
            span.clone_into(&mut self.span_id);
        }
        self
    }

    /// Returns the 32 digits of the trace.
    pub(crate) fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// Returns the caller's header, when it gave a good one.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Returns the header of this request, for the answer and for what follows from it.
    pub(crate) fn header(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl FromRequest for TraceContext {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let kept = request.extensions().get::<Self>().cloned();
        std::future::ready(Ok(kept.unwrap_or_else(|| Self::of(request.headers()))))
    }
}

/// Returns the trace and the flags of a good header. A later version is read as version 00.
fn read(text: &str) -> Option<(&str, u8)> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let good = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && hex(span, 16)
        && hex(flags, 2)
        && trace.bytes().any(|b| b != b'0')
        && span.bytes().any(|b| b != b'0')
        && (version != "00" || text.len() == LENGTH)
        && text.len() <= 2 * LENGTH;
    if !good {
        return None;
    }
    Some((trace, u8::from_str_radix(flags, 16).ok()? & SAMPLED))
}

fn hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_hex(bytes: usize) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let mut random = vec![0; bytes];
    if aws_lc_rs::rand::fill(&mut random).is_err() || random.iter().all(|byte| *byte == 0) {
        // Identifiers of traces need to differ, not to be secret.
        let count = COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (to, from) in random.iter_mut().rev().zip(count.iter().rev()) {
            *to = *from;
        }
    }
    random
        .iter()
        .fold(String::with_capacity(2 * bytes), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn given(text: &'static str) -> TraceContext {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(text));
        TraceContext::of(&headers)
    }

    #[test]
    fn a_good_header_is_continued_with_a_span_of_our_own() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = given(text);
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.parent(), Some(text));
        assert!(!trace.header().contains("b7ad6b7169203331"));
        assert_eq!(trace.header().len(), LENGTH);
    }

    #[test]
    fn a_wrong_header_begins_a_new_trace() {
        for text in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            let trace = given(text);
            assert_eq!(trace.parent(), None, "{text}");
            assert_ne!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        }
    }
}
