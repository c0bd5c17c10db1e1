//! Numbers the committed events of each network, one gap-free sequence each.

use std::time::Duration;

use crate::app::App;
use crate::pause;

/// Most events numbered at once.
const BATCH: u32 = 2_000;

/// How often the log is looked at while it is quiet, on the gateway's clock.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until the process is asked to stop, and once more after, so that the log ends numbered.
pub(crate) async fn run(app: App) {
    loop {
        let stopping = app.tasks.is_stopping();
        match app.store.sequence(BATCH).await {
            // A full batch means that more is waiting.
            Ok(sequenced) if sequenced.count >= usize::try_from(BATCH).unwrap_or(usize::MAX) => {
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = %error, "the log could not be numbered"),
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = pause::for_span(&*app.clock, EVERY) => {}
            () = app.tasks.stopping() => {}
        }
    }
}
