//! A new index file taken into use while the gateway runs: watched, checked, swapped in one step.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opco::siro::ReloadError;

use super::Routing;
use crate::tasks::Tasks;

/// How often the file is looked at. A new one comes once a month.
const EVERY: Duration = Duration::from_secs(30);

/// The index file, and what it looked like when it was last taken or refused.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    seen: Mutex<Option<Stamp>>,
}

/// What tells one file from the next under the same name. A renamed file brings its own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    created: Option<SystemTime>,
}

impl Watched {
    /// Looks at a file that is about to be opened, so that no later change goes unseen.
    pub(super) fn new(path: PathBuf) -> Self {
        let seen = Mutex::new(stamp(&path));
        Self { path, seen }
    }
}

impl Routing {
    /// Takes the index file into use if it changed, and forgets what the live services said, which
    /// the new file may contradict. Tells whether it did. A refused file is looked at once only.
    ///
    /// Reads every page of a new file: call it where blocking is allowed.
    pub(crate) fn refresh(&self) -> Result<bool, ReloadError> {
        let Some(watched) = &self.file else {
            return Ok(false);
        };
        let now = stamp(&watched.path);
        let mut seen = watched.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if now.is_none() || *seen == now {
            return Ok(false);
        }
        *seen = now;
        self.index.reload(&watched.path)?;
        if let Some(live) = &self.live {
            live.forget();
        }
        Ok(true)
    }
}

/// Keeps the index up to date until the process stops.
pub(crate) async fn follow(routing: Routing, tasks: Tasks) {
    if routing.file.is_none() {
        return;
    }
    loop {
        tokio::select! {
            () = tasks.stopping() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let reader = routing.clone();
        match tokio::task::spawn_blocking(move || reader.refresh()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                let about = routing.index.current();
                let (lines, published) = (about.about().lines, about.about().published);
                tracing::info!(lines, %published, "a new SIRO index is in use");
            }
            Ok(Err(error)) => {
                tracing::error!(error = %error, "the new SIRO index is refused, the former stays");
            }
            Err(error) => tracing::error!(error = %error, "the look at the SIRO index broke off"),
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    Some(Stamp {
        bytes: about.len(),
        modified: about.modified().ok(),
        created: about.created().ok(),
    })
}
