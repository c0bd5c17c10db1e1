//! A file between its reception and its delivery's acceptance: it is in the storage already, and nothing
//! names it yet.

use domain::rules::FileFacts;
use store::{NewFile, Received};

use crate::app::App;

/// Which part of a payload its file is, by the norm's word.
const PART: &str = "fichier";

/// A file that was received and that no delivery has taken yet: dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Held {
    app: App,
    received: Option<Received>,
}

/// A file whose delivery is being stored. Dropped, it stays: a sender who goes away does not stop the
/// writer, so that its delivery may be stored all the same. What none took is swept after a day.
#[derive(Debug)]
pub(crate) struct Pledged {
    app: App,
    received: Received,
}

impl Held {
    /// Takes hold of a file that has just been received.
    pub(crate) fn new(app: &App, received: Received) -> Self {
        Self {
            app: app.clone(),
            received: Some(received),
        }
    }

    /// Returns what was received.
    pub(crate) fn received(&self) -> Option<&Received> {
        self.received.as_ref()
    }

    /// Says what the rules ask of it.
    pub(crate) fn facts(&self) -> FileFacts {
        self.received()
            .map_or(FileFacts::Absent, |file| FileFacts::Given {
                kind: file.kind,
                bytes: file.bytes,
                // What was received is whole and opens without a password.
                readable: true,
            })
    }

    /// Gives it to a delivery that is about to be stored.
    pub(crate) fn pledge(mut self) -> Option<Pledged> {
        let received = self.received.take()?;
        Some(Pledged {
            app: self.app.clone(),
            received,
        })
    }
}

impl Pledged {
    /// Returns the row that names it.
    pub(crate) fn row(&self) -> NewFile {
        self.received.row(PART)
    }

    /// Removes it: its delivery was surely not stored.
    pub(crate) fn take_back(self) {
        drop(Held::new(&self.app, self.received));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(received) = self.received.take() else {
            return;
        };
        let files = self.app.files.clone();
        self.app.tasks.spawn(async move {
            if let Err(error) = files.destroy(received.tenant, received.id).await {
                tracing::warn!(error = %error, "a file that was not taken is left to the sweep");
            }
        });
    }
}
