//! The steps of a payload's path (design §6), by name, at which a fault test kills the process, and
//! the clock it gives the process.
//!
//! Without the feature `failpoints` there is no such step, and the clock is the machine's.

use std::sync::Arc;

use domain::clock::{Clock, SystemClock};
#[cfg(feature = "failpoints")]
use domain::clock::{ScaledClock, Timestamp};

/// A step between two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Checked and routed; nothing written yet.
    Checked,
    /// Payload, job and event are committed; the 202 has not left.
    Accepted,
    /// Claimed under a lease, the attempt is on record.
    Claimed,
    /// It is the call's turn.
    Permitted,
    /// The key is open and the call is written.
    Opened,
    /// The OPCO answered; nothing of it is written yet.
    Answered,
    /// What the answer means is decided; nothing of it is written yet.
    Decided,
    /// The outcome is committed.
    Settled,
    /// An ERP was told of an event; that it was is not written yet.
    Told,
}

impl Step {
    /// The name a fault test uses.
    #[cfg(feature = "failpoints")]
    fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Accepted => "accepted",
            Self::Claimed => "claimed",
            Self::Permitted => "permitted",
            Self::Opened => "opened",
            Self::Answered => "answered",
            Self::Decided => "decided",
            Self::Settled => "settled",
            Self::Told => "told",
        }
    }
}

/// Passes a step; with the feature on and `CFA_GATEWAY_FAILPOINT` naming this step, the process is
/// killed here as `kill -9` would.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn pass(_step: Step) {}

/// Passes a step, or dies at it.
#[cfg(feature = "failpoints")]
pub(crate) fn pass(step: Step) {
    #[expect(clippy::disallowed_methods, reason = "a test's switch, not a setting")]
    static WANTED: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("CFA_GATEWAY_FAILPOINT").ok());
    if WANTED.as_deref() != Some(step.name()) {
        return;
    }
    // SIGKILL from outside: no destructor, no flush, no answer, as when the machine dies.
    let pid = std::process::id().to_string();
    let _ = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status();
    loop {
        std::thread::park();
    }
}

/// Returns the clock of the process: the machine's.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Returns the clock of the process: the machine's, unless `CFA_GATEWAY_CLOCK` holds `SHOWN REAL
/// FACTOR`. Then it showed `SHOWN` when the machine's showed `REAL` (both in milliseconds since
/// 1970) and runs `FACTOR` times faster, the same for every process that is told so.
#[cfg(feature = "failpoints")]
pub(crate) fn clock() -> Arc<dyn Clock> {
    #[expect(clippy::disallowed_methods, reason = "a test's switch, not a setting")]
    let asked = std::env::var("CFA_GATEWAY_CLOCK").ok();
    match asked.as_deref().and_then(scaled) {
        Some(clock) => Arc::new(clock),
        None => Arc::new(SystemClock),
    }
}

#[cfg(feature = "failpoints")]
fn scaled(asked: &str) -> Option<ScaledClock> {
    let mut parts = asked.split(' ');
    let shown: i64 = parts.next()?.parse().ok()?;
    let real: i64 = parts.next()?.parse().ok()?;
    let factor: u32 = parts.next()?.parse().ok()?;
    let passed = SystemClock.now().as_millisecond().checked_sub(real)?;
    let now = shown.checked_add(passed.checked_mul(i64::from(factor))?)?;
    Some(ScaledClock::new(
        Timestamp::from_millisecond(now).ok()?,
        factor,
    ))
}
