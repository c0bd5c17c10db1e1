//! Waiting for what must come, within a bound.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// The longest a test waits for anything, in real time. Generous: a loaded machine is no fault.
pub const BOUND: Duration = Duration::from_mins(4);

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks again until there is an answer; panics with `what` after [`BOUND`].
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    match within(BOUND, ask).await {
        Some(answer) => answer,
        None => panic!("not within {BOUND:?}: {what}"),
    }
}

/// Asks again until there is an answer, or nothing within `bound`.
pub async fn within<T>(bound: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if started.elapsed() > bound {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads a value until it is as wanted; panics with the last value read.
pub async fn until_value<T: Debug>(
    what: &str,
    mut read: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let started = Instant::now();
    loop {
        let value = read().await;
        if wanted(&value) {
            return value;
        }
        assert!(
            started.elapsed() < BOUND,
            "not within {BOUND:?}: {what}; last seen: {value:#?}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
