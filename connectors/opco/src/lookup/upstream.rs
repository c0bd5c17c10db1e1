//! One service: its limit, its breaker, and one call whose answer is bounded in size and time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::outcome::FaultKind;
use domain::{Clock, Fault, Secret, Timestamp};
use reqwest::header::{ACCEPT, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use super::pace::Pace;
use super::{BreakerSettings, Settings, Source};

/// The largest answer read. A hundred establishments of CFADock take some 40 kB.
const MAX_BODY: usize = 512 * 1024;
/// The longest delay believed when a service asks for one.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);
/// How long a service that rested is given to answer its one trial call.
const TRIAL: Duration = Duration::from_secs(15);

/// A call, before anything is sent.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// Path and query, from the base address.
    pub(super) target: String,
    pub(super) accept: &'static str,
    pub(super) api_key: Option<(&'static str, Secret)>,
    pub(super) body: Option<Value>,
}

/// An answer with status 200, not yet believed.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) body: Value,
}

/// One service.
#[derive(Debug)]
pub(super) struct Upstream {
    source: Source,
    base: String,
    client: Client,
    pace: Pace,
    wait: Duration,
    breaker: BreakerSettings,
    health: Mutex<Health>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    rests: u32,
    open_until: Option<Timestamp>,
}

impl Upstream {
    pub(super) fn new(
        source: Source,
        base: &str,
        per_second: u32,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let wrong = |detail: String| Fault::new(FaultKind::Misconfigured, detail);
        reqwest::Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| wrong(format!("{}: not an address", source.as_str())))?;
        let timeout = Duration::from_millis(settings.timeout_ms);
        // Followed redirects would leave the host that was configured and send it the key.
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(timeout)
            .connect_timeout(timeout)
            .build()
            .map_err(|_| wrong("the HTTP client does not start".to_owned()))?;
        Ok(Self {
            source,
            base: base.trim_end_matches('/').to_owned(),
            client,
            pace: Pace::new(per_second),
            wait: Duration::from_millis(settings.wait_ms),
            breaker: settings.breaker,
            health: Mutex::default(),
            clock,
        })
    }

    /// Waits for the service's turn, makes one call, and reads what comes back.
    ///
    /// An answer that arrives and cannot be read is a failure of the service like any other.
    pub(super) async fn ask<T>(
        &self,
        ask: Ask,
        decode: impl FnOnce(&Reply) -> Result<T, &'static str>,
    ) -> Result<T, Fault> {
        self.admit()?;
        self.wait_for_turn().await?;
        let read = |reply: Reply| {
            decode(&reply).map_err(|detail| self.fault(FaultKind::Unreadable, detail))
        };
        let outcome = self.exchange(ask).await.and_then(read);
        self.learn(outcome.as_ref().err());
        outcome
    }

    async fn wait_for_turn(&self) -> Result<(), Fault> {
        let turn = self
            .pace
            .turn(self.clock.now(), self.wait)
            .map_err(|wait| after(self.fault(FaultKind::Throttled, "our own limit"), wait))?;
        loop {
            let now = self.clock.now();
            if now >= turn {
                return Ok(());
            }
            let left = Duration::try_from(turn.duration_since(now)).unwrap_or_default();
            tokio::time::sleep(self.clock.real(left)).await;
        }
    }

    async fn exchange(&self, ask: Ask) -> Result<Reply, Fault> {
        let url = format!("{}{}", self.base, ask.target);
        let mut request = self
            .client
            .request(ask.method, url)
            .header(ACCEPT, ask.accept);
        if let Some((name, key)) = &ask.api_key {
            let mut value = HeaderValue::from_str(key.expose())
                .map_err(|_| self.fault(FaultKind::Misconfigured, "the key is no header value"))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        // The error's own text holds the address, and that the SIRET: only its kind is kept.
        let mut response = request.send().await.map_err(|error| {
            let detail = if error.is_timeout() {
                "no answer in time"
            } else {
                "no connection"
            };
            self.fault(FaultKind::Unavailable, detail)
        })?;
        let status = response.status();
        if status != StatusCode::OK {
            let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
            return Err(self.refused(status, retry_after));
        }
        let mut body = Vec::new();
        loop {
            let chunk = response
                .chunk()
                .await
                .map_err(|_| self.fault(FaultKind::Unavailable, "the answer broke off"))?;
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > MAX_BODY {
                return Err(self.fault(FaultKind::Unreadable, "the answer is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&body)
            .map_err(|_| self.fault(FaultKind::Unreadable, "the answer is not JSON"))?;
        Ok(Reply { body })
    }

    fn refused(&self, status: StatusCode, retry_after: Option<Duration>) -> Fault {
        let (kind, detail) = match status.as_u16() {
            401 => (FaultKind::SoftwareRefused, "the key is wrong or expired"),
            403 => (FaultKind::KeyRefused, "the key does not open this"),
            429 => (FaultKind::Throttled, "too many calls"),
            300..=399 => (FaultKind::Unreadable, "a redirect, which is never followed"),
            500..=599 => (FaultKind::Unavailable, "the service fails"),
            // A 404 is a wrong path, or a service that moved: never "unknown establishment".
            _ => (FaultKind::Unreadable, "an unexpected status"),
        };
        Fault {
            status: Some(status.as_u16()),
            retry_after,
            ..self.fault(kind, detail)
        }
    }

    fn fault(&self, kind: FaultKind, detail: &str) -> Fault {
        Fault::new(kind, format!("{}: {detail}", self.source.as_str()))
    }

    /// Lets a call go, unless the service rests; after a rest, one trial call goes.
    fn admit(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match health.open_until {
            None => Ok(()),
            Some(until) if until > now => {
                let rest = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                Err(after(
                    self.fault(FaultKind::Unavailable, "the service rests"),
                    rest,
                ))
            }
            Some(_) => {
                health.open_until = Some(later(now, TRIAL));
                Ok(())
            }
        }
    }

    /// Learns from a call: a success closes the breaker, enough failures open it.
    fn learn(&self, fault: Option<&Fault>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(fault) = fault else {
            *health = Health::default();
            return;
        };
        let at_once = fault.kind != FaultKind::Unavailable && fault.kind != FaultKind::Unreadable
            || fault
                .status
                .is_some_and(|status| (300..400).contains(&status));
        health.failures = health.failures.saturating_add(1);
        let tried_again = health.open_until.is_some();
        if !at_once && !tried_again && health.failures < self.breaker.failures {
            return;
        }
        let doubled = self
            .breaker
            .rest_s
            .saturating_mul(1 << health.rests.min(20));
        let rest = Duration::from_secs(doubled.min(self.breaker.rest_max_s.max(1)));
        let asked = fault.retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        health.rests = health.rests.saturating_add(1);
        health.open_until = Some(later(self.clock.now(), rest.max(asked)));
    }
}

fn after(mut fault: Fault, delay: Duration) -> Fault {
    fault.retry_after = Some(delay);
    fault
}

fn later(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Reads `Retry-After` in seconds; the other form, a date, is not used by these services.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}
