//! What is done again and again, on the gateway's own clock, until the process is asked to stop.

use std::time::Duration;

use store::StoreError;

use crate::app::App;
use crate::pause;

/// Does a round after `first`, then one every `every`. One that fails is told, in these words, and the next
/// goes on where it left.
pub(crate) async fn run(
    app: &App,
    (first, every): (Duration, Duration),
    failed: &'static str,
    round: impl AsyncFn(&App) -> Result<(), StoreError>,
) {
    let mut rest = first;
    loop {
        tokio::select! {
            () = pause::for_span(&*app.clock, rest) => {}
            () = app.tasks.stopping() => return,
        }
        if let Err(error) = round(app).await {
            tracing::warn!(error = %error, "{failed}");
        }
        rest = every;
    }
}
