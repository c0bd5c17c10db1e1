//! Every background task of the process, so that a stop waits for all of them, within a bound.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks under way, and the word that tells them to finish.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts a task that a stop will wait for.
    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task);
    }

    /// Starts a task that serves the others for as long as any of them may ask: a stop does not wait
    /// for it, since whoever waits for its answer is waited for.
    pub(crate) fn serve<F>(task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(task);
    }

    /// Ends when the process has been asked to stop.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Returns whether the process has been asked to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Asks every task to finish.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Asks every task to finish and waits no longer than `bound`; tells whether all did.
    pub(crate) async fn stop(&self, bound: Duration) -> bool {
        self.ask_to_stop();
        self.tracker.close();
        tokio::time::timeout(bound, self.tracker.wait())
            .await
            .is_ok()
    }
}
