//! The steps of a payload's path (design §6), by name, at which a fault test kills the process.
//!
//! Without the feature `failpoints` this is nothing at all.

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
