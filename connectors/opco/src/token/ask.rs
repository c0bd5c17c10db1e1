//! The token request: made once for all who wait, with a proof where one is asked, and made again
//! when an OPCO refuses the token it gave.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::{Fault, FaultKind, Secret, Timestamp};
use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Client, Slot, Token};
use crate::call::{Body, BodyEnd, Call, Method, Reply, SoftwareCredential};
use crate::dpop::ProofKey;
use crate::norm::{fault, lenient};
use crate::transport::{Sending, Transport};

/// A token is not used in its last minute (protocol §3.2), or in the last half of a shorter life.
const MARGIN: Duration = Duration::from_mins(1);
/// The life of a token whose answer does not tell it.
const LIFE_DEFAULT: Duration = Duration::from_mins(5);
/// The longest life believed.
const LIFE_MAX: Duration = Duration::from_hours(24);

const ROUTE: &str = "token endpoint";
const DPOP: HeaderName = HeaderName::from_static("dpop");

impl Transport {
    /// Returns a token for this client, the cached one unless it is `refused`.
    pub(crate) async fn token(
        &self,
        client: &Client<'_>,
        refused: Option<&Arc<Token>>,
        budget: Duration,
    ) -> Result<Arc<Token>, Fault> {
        let slot = self.tokens.slot(client, self.clock.now());
        if let Some(token) = slot.usable(self.clock.now(), refused) {
            return Ok(token);
        }
        let asked = self.renewed(&slot, client, refused, budget);
        tokio::time::timeout(budget, asked)
            .await
            .unwrap_or_else(|_| {
                let why = format!(
                    "{ROUTE} of {}: no token within the time limit",
                    client.system
                );
                Err(Fault::new(FaultKind::Unavailable, why))
            })
    }

    async fn renewed(
        &self,
        slot: &Slot,
        client: &Client<'_>,
        refused: Option<&Arc<Token>>,
        budget: Duration,
    ) -> Result<Arc<Token>, Fault> {
        let round = slot.rounds.load(Ordering::Acquire);
        let mut turn = slot.turn.lock().await;
        if let Some(token) = slot.usable(self.clock.now(), refused) {
            return Ok(token);
        }
        // Someone asked while we waited and was refused: asking again at once would add nothing.
        if slot.rounds.load(Ordering::Acquire) != round
            && let Some(fault) = turn.as_ref()
        {
            return Err(fault.clone());
        }
        let asked = self.ask(client, budget.min(self.token_timeout)).await;
        slot.rounds.fetch_add(1, Ordering::AcqRel);
        match asked {
            Ok(token) => {
                let token = Arc::new(token);
                *turn = None;
                let mut current = slot.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Some(token.clone());
                Ok(token)
            }
            Err(fault) => {
                *turn = Some(fault.clone());
                Err(fault)
            }
        }
    }

    async fn ask(&self, client: &Client<'_>, budget: Duration) -> Result<Token, Fault> {
        let url = Url::parse(client.token_url).map_err(|_| {
            Fault::new(
                FaultKind::Misconfigured,
                format!("{ROUTE}: token_url is no address"),
            )
        })?;
        let mut proof_key = None;
        if client.dpop {
            proof_key = Some(self.proof_key(client.software).await?);
        }
        let mut nonce = None;
        loop {
            let call = self.request(client, &url, proof_key.as_deref(), nonce.as_deref())?;
            let answered = match self.send(call, budget).await {
                Sending::Answered(answered) => answered,
                // A token request files nothing: a lost one is only a failed one.
                Sending::NotSent(fault) | Sending::NoFile(fault) | Sending::Lost(fault) => {
                    return Err(fault);
                }
            };
            // RFC 9449 §8: the server may want its own nonce in the proof, told with a refusal.
            let wants_nonce = matches!(answered.reply.status, 400 | 401) && proof_key.is_some();
            match answered.nonce {
                Some(given) if wants_nonce && nonce.is_none() => nonce = Some(given),
                _ => return read(client, &answered.reply, self.clock.now()),
            }
        }
    }

    fn request(
        &self,
        client: &Client<'_>,
        url: &Url,
        proof_key: Option<&ProofKey>,
        nonce: Option<&str>,
    ) -> Result<Call, Fault> {
        let mut call = Call::new(Method::Post, ROUTE, url.clone());
        if let Some(key) = proof_key {
            let proof = key.proof("POST", client.token_url, self.clock.now(), nonce)?;
            let mut header = HeaderValue::from_str(&proof).map_err(|_| {
                Fault::new(FaultKind::Misconfigured, "the proof cannot be a header")
            })?;
            header.set_sensitive(true);
            call.headers.insert(DPOP, header);
        }
        call.headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        call.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        call.body = Some(Body::Whole(form(client).into_bytes()));
        Ok(call)
    }

    async fn proof_key(&self, software: &SoftwareCredential) -> Result<Arc<ProofKey>, Fault> {
        if let Some(pem) = &software.dpop_key {
            return ProofKey::from_pem(pem).map(Arc::new);
        }
        // Making an RSA key takes a good part of a second, so it is made once and off the runtime.
        let made = self.tokens.proof_key.get_or_try_init(|| async {
            tokio::task::spawn_blocking(ProofKey::generate)
                .await
                .map_err(|_| Fault::new(FaultKind::Misconfigured, "no proof key could be made"))?
                .map(Arc::new)
        });
        made.await.cloned()
    }
}

fn form(client: &Client<'_>) -> String {
    let mut pairs = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client.software.client_id.as_str()),
        ("client_secret", client.software.client_secret.expose()),
    ];
    pairs.extend(client.scope.map(|scope| ("scope", scope)));
    let mut written = String::with_capacity(256);
    for (name, value) in pairs {
        if !written.is_empty() {
            written.push('&');
        }
        written.push_str(name);
        written.push('=');
        push_encoded(&mut written, value);
    }
    written
}

/// Writes a text as `application/x-www-form-urlencoded`.
fn push_encoded(written: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let hex = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or('0');
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                written.push(char::from(byte));
            }
            b' ' => written.push('+'),
            _ => written.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
}

fn read(client: &Client<'_>, reply: &Reply, now: Timestamp) -> Result<Token, Fault> {
    let secrets = [client.software.client_secret.expose()];
    let body = lenient::json(&reply.body);
    let fail = |kind, why: &str| {
        let detail = format!(
            "{ROUTE} of {} answered {}{why}",
            client.system, reply.status
        );
        Fault {
            kind,
            status: Some(reply.status),
            detail,
            items: body
                .as_ref()
                .map(|body| fault::items(body, &secrets))
                .unwrap_or_default(),
            raw: fault::raw(&reply.body, &secrets),
            retry_after: reply.retry_after,
        }
    };
    match reply.status {
        200..=299 => {}
        300..=399 => return Err(fail(FaultKind::Unreadable, ": a redirect, never followed")),
        404 | 405 | 410 | 501 => return Err(fail(FaultKind::Misconfigured, "")),
        408 | 500..=599 => return Err(fail(FaultKind::Unavailable, "")),
        429 => return Err(fail(FaultKind::Throttled, "")),
        _ if body.is_err() && !reply.body.is_empty() => {
            return Err(fail(
                FaultKind::Unreadable,
                ": not the answer of a token endpoint",
            ));
        }
        _ => return Err(fail(FaultKind::SoftwareRefused, "")),
    }
    let granted = body
        .as_ref()
        .ok()
        .filter(|_| reply.body_end == BodyEnd::Whole)
        .and_then(|body| grant(body, now));
    granted.ok_or_else(|| {
        // A token endpoint's body is never kept when it says yes: it may hold the token.
        let mut fault = fail(FaultKind::Unreadable, ": no token in the answer");
        fault.raw = None;
        fault.items.clear();
        fault
    })
}

fn grant(body: &Value, now: Timestamp) -> Option<Token> {
    let object = body.as_object()?;
    let text = Secret::new(
        object
            .get("access_token")?
            .as_str()
            .filter(|text| !text.is_empty())?,
    );
    let mut header = HeaderValue::from_str(&format!("Bearer {}", text.expose())).ok()?;
    header.set_sensitive(true);
    let life = object
        .get("expires_in")
        .and_then(lenient::integer)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(LIFE_DEFAULT, Duration::from_secs)
        .min(LIFE_MAX);
    let usable = life.saturating_sub(MARGIN).max(life / 2);
    Some(Token {
        header,
        text,
        usable_until: now.checked_add(usable).ok()?,
    })
}
