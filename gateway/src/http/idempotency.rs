//! The same key, the same answer: reading `Idempotency-Key` and letting a twin wait for the first.
//!
//! What a key was used for is decided by the accept transaction; nothing is remembered here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};
use domain::id::TenantId;
use tokio::sync::OwnedMutexGuard;

use super::problem::{Code, Problem};

/// The header of the IETF draft.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key.
const KEY_CHARS_MAX: usize = 255;
/// How long a twin waits for the first request before it is told to come back.
const TWIN_WAIT: Duration = Duration::from_secs(3);

/// A key is unique per network and route.
type Slot = (TenantId, &'static str, String);
type Turn = Arc<tokio::sync::Mutex<()>>;

/// The keys in use by requests of this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    turns: Mutex<HashMap<Slot, Turn>>,
}

/// The right to use a key until dropped.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    owner: &'a InFlight,
    slot: Slot,
    turn: Option<OwnedMutexGuard<()>>,
}

impl InFlight {
    /// Waits, within a bound, until no other request of this process uses the key.
    pub(crate) async fn enter(
        &self,
        tenant: TenantId,
        route: &'static str,
        key: &str,
    ) -> Result<Held<'_>, Problem> {
        let slot = (tenant, route, key.to_owned());
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(slot.clone()).or_default())
        };
        // Made before the wait, so that a caller who goes away while waiting leaves nothing behind.
        let mut held = Held {
            owner: self,
            slot,
            turn: None,
        };
        match tokio::time::timeout(TWIN_WAIT, turn.lock_owned()).await {
            Ok(turn) => {
                held.turn = Some(turn);
                Ok(held)
            }
            Err(_) => Err(Problem::plain(Code::IdempotencyInProgress)),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.turn = None;
        let mut turns = self
            .owner
            .turns
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if turns
            .get(&self.slot)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(&self.slot);
        }
    }
}

/// Returns the header's key; quotes of the structured form are optional.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(text);
    checked(text).map(Some).ok_or_else(|| {
        Problem::new(
            Code::InvalidRequest,
            "« Idempotency-Key » doit compter de 1 à 255 caractères ASCII visibles.",
        )
    })
}

/// Returns a key of good form.
pub(crate) fn checked(text: &str) -> Option<String> {
    let good = (1..=KEY_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn given(text: &str) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(text).unwrap());
        key(&headers)
    }

    #[test]
    fn quotes_are_optional_and_empty_or_endless_keys_are_refused() {
        assert_eq!(given("\"abc\"").unwrap().as_deref(), Some("abc"));
        assert_eq!(given("abc").unwrap().as_deref(), Some("abc"));
        assert!(given("\"\"").is_err());
        assert!(given(&"k".repeat(256)).is_err());
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_twin_waits_for_the_first_and_then_passes() {
        let in_flight = InFlight::default();
        let tenant = TenantId::PLATFORM;
        let first = in_flight.enter(tenant, "dossiers", "k").await.unwrap();
        let twin = in_flight.enter(tenant, "dossiers", "k");
        let (twin, ()) = tokio::join!(twin, async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        });
        drop(twin.unwrap());
        assert!(in_flight.turns.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_twin_that_waited_too_long_is_told_to_come_back() {
        let in_flight = InFlight::default();
        let tenant = TenantId::PLATFORM;
        let first = in_flight.enter(tenant, "dossiers", "k").await.unwrap();
        let twin = in_flight.enter(tenant, "dossiers", "k").await;
        assert_eq!(twin.unwrap_err().code(), Code::IdempotencyInProgress);
        in_flight.enter(tenant, "dossiers", "other").await.unwrap();
        drop(first);
        assert!(in_flight.turns.lock().unwrap().is_empty());
    }
}
