//! One call to an ERP, or to somebody who vouches for a log: the address is checked and resolved here, and what was checked is what is
//! called. No redirect is followed, and of an ERP's answer next to nothing is read.

use std::error::Error as _;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use admin_api::hooks::Unfit;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect, retry};

use super::address::Rule;

/// The longest address.
const URL_CHARS_MAX: usize = 2_000;
/// How much of an answer is read so that the connection can serve again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long that may take.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// How long a connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// The longest wait an ERP may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Asks for the addresses of a name.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The way to the ERPs.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client,
    rule: Rule,
    allow_http: bool,
}

/// What came of a call. The words are a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Taken: any 2xx.
    Delivered,
    /// Answered, and not taken.
    Refused,
    /// Sent elsewhere, which is never followed.
    Redirected,
    /// 410: nobody wants to be told any more.
    Gone,
    /// No answer in time.
    TimedOut,
    /// No connection, or one that broke.
    Unreachable,
    /// The name leads to an address that must not be called.
    AddressRefused,
    /// The address itself must not be called.
    UrlRefused,
}

impl Outcome {
    /// Every outcome.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Refused,
        Self::Redirected,
        Self::Gone,
        Self::TimedOut,
        Self::Unreachable,
        Self::AddressRefused,
        Self::UrlRefused,
    ];

    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Redirected => "redirected",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::AddressRefused => "address_refused",
            Self::UrlRefused => "url_refused",
        }
    }
}

/// One call, as it went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    /// How long the ERP asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) took: Duration,
}

/// An answer that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A name leads where nothing may be sent.
#[derive(Debug)]
struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to an address that must not be called")
    }
}

impl std::error::Error for Forbidden {}

/// Resolves names, and hands out only what may be called.
struct Guard {
    rule: Rule,
    lookup: Lookup,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (rule, asked) = (self.rule.clone(), (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = asked.await?;
            // A name that leads inside as well as outside is a trap or a mistake.
            if found.is_empty() || !found.iter().all(|address| rule.allows(*address)) {
                return Err(Forbidden.into());
            }
            // Port 0 stands for the one of the address.
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            let found: Addrs = Box::new(found);
            Ok(found)
        })
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("rule", &self.rule)
            .field("allow_http", &self.allow_http)
            .finish_non_exhaustive()
    }
}

impl Wire {
    /// Makes the way that asks the machine's own resolver.
    pub(crate) fn new(rule: Rule, allow_http: bool) -> Result<Self, reqwest::Error> {
        let lookup: Lookup = Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        });
        Self::with(rule, allow_http, lookup)
    }

    fn with(rule: Rule, allow_http: bool, lookup: Lookup) -> Result<Self, reqwest::Error> {
        let guard = Guard {
            rule: rule.clone(),
            lookup,
        };
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_gzip()
            .dns_resolver(Arc::new(guard))
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(1)
            .tcp_nodelay(true)
            .user_agent(concat!("cfa-gateway/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            rule,
            allow_http,
        })
    }

    /// Says whether an address can be called at all; what a name leads to is asked at each call.
    pub(crate) fn check(&self, text: &str) -> Result<Url, Unfit> {
        if text.len() > URL_CHARS_MAX || text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(Unfit::Form);
        }
        let url = Url::parse(text).map_err(|_| Unfit::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(Unfit::Form)?;
        // The connector asks no resolver for numbers: they are judged here.
        let number: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let plain = self.allow_http && number.is_some_and(|number| number.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if plain => {}
            _ => return Err(Unfit::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unfit::Credentials);
        }
        if number.is_some_and(|number| !self.rule.allows(number)) {
            return Err(Unfit::Address);
        }
        Ok(url)
    }

    /// Posts to somebody whose answer matters, and reads it up to a size, within `bound` of the machine's time.
    pub(crate) async fn exchange(
        &self,
        url: &str,
        (content_type, body): (&'static str, Vec<u8>),
        bound: Duration,
        bytes_max: usize,
    ) -> Result<Answer, Outcome> {
        let url = self.check(url).map_err(|_| Outcome::UrlRefused)?;
        let request = self.client.post(url).timeout(bound).body(body);
        let request = request.header(CONTENT_TYPE, content_type);
        let mut answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| failed(&error))? {
            if body.len().saturating_add(part.len()) > bytes_max {
                return Err(Outcome::Refused);
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, body })
    }

    /// Makes one call, within `bound` of the machine's time.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: String,
        bound: Duration,
    ) -> Call {
        let started = Instant::now();
        let (outcome, status, retry_after) = match self.check(url) {
            Err(_) => (Outcome::UrlRefused, None, None),
            Ok(url) => {
                let request = self.client.post(url).timeout(bound).headers(headers);
                let request = request.header(CONTENT_TYPE, "application/json").body(body);
                match request.send().await {
                    Ok(answer) => read(answer).await,
                    Err(error) => (failed(&error), None, None),
                }
            }
        };
        Call {
            outcome,
            status: status.map(|status| status.as_u16()),
            retry_after,
            took: started.elapsed(),
        }
    }
}

/// Reads what an answer means, and as little of its body as lets the connection serve again.
async fn read(mut answer: reqwest::Response) -> (Outcome, Option<StatusCode>, Option<Duration>) {
    let status = answer.status();
    let outcome = match status {
        StatusCode::GONE => Outcome::Gone,
        _ if status.is_success() => Outcome::Delivered,
        _ if status.is_redirection() => Outcome::Redirected,
        _ => Outcome::Refused,
    };
    let asked = answer.headers().get(RETRY_AFTER);
    let asked = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = asked.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    let drain = async {
        let mut left = ANSWER_BYTES_MAX;
        while let Ok(Some(part)) = answer.chunk().await {
            left = left.saturating_sub(part.len());
            if left == 0 {
                break;
            }
        }
    };
    // The status has said everything: what is not read in time costs the connection only.
    let _ = tokio::time::timeout(ANSWER_PATIENCE, drain).await;
    (outcome, Some(status), retry_after)
}

fn failed(error: &reqwest::Error) -> Outcome {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            return Outcome::AddressRefused;
        }
        cause = error.source();
    }
    if error.is_timeout() {
        Outcome::TimedOut
    } else {
        Outcome::Unreachable
    }
}

#[cfg(test)]
mod tests;
