//! When to stop: SIGTERM from a supervisor, SIGINT from a person.

use tokio::signal::unix::{SignalKind, signal};

use crate::commands::failure::Failure;

/// Waits until the process is asked to stop. A second request ends it at once, as people expect.
pub(crate) async fn asked() -> Result<(), Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::internal("listening to signals", error));
    let (mut term, mut int) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        std::process::exit(IMPATIENT);
    });
    Ok(())
}

/// The exit code of a process ended by a second signal: 128 + SIGINT, as shells count.
const IMPATIENT: i32 = 130;
