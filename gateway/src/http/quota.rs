//! How many requests a credential may make: a bucket each, refilled evenly over a minute.
//!
//! It protects this process, so each replica counts for itself. OPCO limits are not counted here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use domain::Timestamp;
use domain::id::CredentialId;

const WINDOW_US: i64 = 60_000_000;
const WINDOW_S: i64 = 60;
const SECOND_US: i64 = 1_000_000;
/// Past this many credentials, those with a full bucket are forgotten.
const BUCKETS_MAX: usize = 10_000;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The buckets of this process.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    /// For each credential, the instant (µs) at which its bucket is full again.
    full_at: Mutex<HashMap<CredentialId, i64>>,
}

/// Where a credential stands after one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    quota: u32,
    remaining: i64,
    reset_s: i64,
    wait_s: Option<u64>,
}

impl Quotas {
    /// Counts one request of a credential.
    pub(crate) fn take(
        &self,
        credential: CredentialId,
        per_minute: u32,
        now: Timestamp,
    ) -> Standing {
        let now = now.as_microsecond();
        // A quota beyond one request a microsecond is none, and must not divide by nothing.
        let cost = (WINDOW_US / i64::from(per_minute.max(1))).max(1);
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let full_at = buckets.entry(credential).or_insert(now);
        let after = (*full_at).max(now) + cost;
        let over = after - now - WINDOW_US;
        if over <= 0 {
            *full_at = after;
        }
        let debt = (*full_at - now).max(0);
        Standing {
            quota: per_minute,
            remaining: ((WINDOW_US - debt) / cost).max(0),
            reset_s: ceil_s(debt),
            wait_s: (over > 0).then(|| u64::try_from(ceil_s(over)).unwrap_or(1).max(1)),
        }
    }
}

impl Standing {
    /// Returns how long to wait, in seconds, when the request is one too many.
    pub(crate) fn wait_s(&self) -> Option<u64> {
        self.wait_s
    }

    /// Writes the two fields of the IETF draft on rate limit headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let policy = format!("\"requetes\";q={};w={WINDOW_S}", self.quota);
        let state = format!("\"requetes\";r={};t={}", self.remaining, self.reset_s);
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

fn ceil_s(us: i64) -> i64 {
    (us + SECOND_US - 1) / SECOND_US
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn start() -> Timestamp {
        "2026-09-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_credential_may_spend_its_minute_at_once_and_then_waits() {
        let quotas = Quotas::default();
        let credential = CredentialId::new(start());
        for left in (0..60).rev() {
            let standing = quotas.take(credential, 60, start());
            assert_eq!((standing.remaining, standing.wait_s()), (left, None));
        }
        let refused = quotas.take(credential, 60, start());
        assert_eq!((refused.remaining, refused.wait_s()), (0, Some(1)));
        let later = start() + Duration::from_secs(1);
        assert_eq!(quotas.take(credential, 60, later).wait_s(), None);
        assert_eq!(quotas.take(credential, 60, later).wait_s(), Some(1));
    }

    #[test]
    fn one_credential_never_spends_anothers_quota() {
        let quotas = Quotas::default();
        let (one, two) = (CredentialId::new(start()), CredentialId::new(start()));
        assert_eq!(quotas.take(one, 1, start()).wait_s(), None);
        assert_eq!(quotas.take(one, 1, start()).wait_s(), Some(60));
        assert_eq!(quotas.take(two, 1, start()).wait_s(), None);
    }

    #[test]
    fn the_largest_quota_is_still_a_quota() {
        let quotas = Quotas::default();
        let credential = CredentialId::new(start());
        let standing = quotas.take(credential, u32::MAX, start());
        assert_eq!(standing.wait_s(), None);
        assert!(standing.remaining > 0);
    }

    #[test]
    fn the_headers_have_the_form_of_the_draft() {
        let mut headers = HeaderMap::new();
        Quotas::default()
            .take(CredentialId::new(start()), 100, start())
            .write(&mut headers);
        assert_eq!(
            headers.get("ratelimit-policy").unwrap(),
            "\"requetes\";q=100;w=60"
        );
        assert_eq!(headers.get("ratelimit").unwrap(), "\"requetes\";r=99;t=1");
    }
}
