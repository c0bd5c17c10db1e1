//! What the demo says while it runs, on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::commands::output::{Progress, tell};

/// How often, at most, a log file gets a line about where things stand.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

/// The steps done, and where the present one stands.
pub(super) struct Steps {
    started: Instant,
    terminal: bool,
    progress: Progress,
    said: Option<(Instant, String)>,
}

impl Steps {
    /// Starts counting the time.
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            progress: Progress::new(),
            said: None,
        }
    }

    /// Returns the real time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says that something lasting was done.
    pub(super) fn step(&mut self, text: &str) {
        self.progress.clear();
        let seconds = self.started.elapsed().as_secs_f64();
        tell(&format!("[{seconds:5.1} s] {text}"));
    }

    /// Says where things stand: in place on a terminal, now and then elsewhere.
    pub(super) fn now(&mut self, text: &str) {
        if self.terminal {
            let seconds = self.started.elapsed().as_secs_f64();
            self.progress.say(&format!("[{seconds:5.1} s] {text}"));
            return;
        }
        let due = self
            .said
            .as_ref()
            .is_none_or(|(at, said)| said != text && at.elapsed() >= PLAIN_EVERY);
        if due {
            self.step(text);
            self.said = Some((Instant::now(), text.to_owned()));
        }
    }

    /// Removes the line that is rewritten in place.
    pub(super) fn clear(&self) {
        self.progress.clear();
    }
}
