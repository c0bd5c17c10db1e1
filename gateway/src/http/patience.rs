//! How long a request waits for the store before it is told to come back.
//!
//! A database that is frozen answers nothing, not even no. What a caller no longer waits for may
//! still be done when the database comes back: the key of idempotency tells it then.

use std::future::Future;
use std::time::Duration;

use actix_web::http::Method;

use super::problem::{Code, Problem};

/// The bounds of one request; together what was set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For knowing who calls.
    pub(crate) caller: Duration,
    /// For the answer, once the body is there. A row of a batch has as much for itself.
    pub(crate) answer: Duration,
}

impl Patience {
    /// Shares out what a request may wait in all.
    pub(crate) fn new(whole: Duration) -> Self {
        let caller = whole / 3;
        Self {
            caller,
            answer: whole.saturating_sub(caller),
        }
    }
}

/// Awaits `work`; nothing when it takes longer than `bound`.
pub(crate) async fn within<F: Future>(bound: Duration, work: F) -> Option<F::Output> {
    let done = tokio::time::timeout(bound, work).await.ok();
    if done.is_none() {
        tracing::warn!("the store did not answer in time");
    }
    done
}

/// Makes the answer to who waited in vain.
pub(crate) fn late(method: &Method) -> Problem {
    let detail = if matches!(*method, Method::GET | Method::HEAD) {
        "La base de données n'a pas répondu à temps."
    } else {
        "La base de données n'a pas répondu à temps ; le dépôt a pu être enregistré : renvoyez avec \
         la même clé d'idempotence."
    };
    Problem::new(Code::Unavailable, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_waits_last_no_longer_than_what_was_set() {
        let whole = Duration::from_secs(10);
        let patience = Patience::new(whole);
        assert_eq!(patience.caller + patience.answer, whole);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_left_at_the_bound() {
        let bound = Duration::from_secs(10);
        let begun = tokio::time::Instant::now();
        assert_eq!(within(bound, std::future::pending::<()>()).await, None);
        assert_eq!(begun.elapsed(), bound);
        assert_eq!(within(bound, async { 7 }).await, Some(7));
    }
}
