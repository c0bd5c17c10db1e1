//! The product inside this process, on the clock of the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cfa_gateway::config::Config;
use cfa_gateway::start::{self, Roles, Running};
use domain::clock::Clock;
use store::Store;

/// A gateway that runs.
#[derive(Debug)]
pub struct Gateway {
    /// The address of its API, without a slash at the end.
    pub origin: String,
    /// The folder of the files of payloads.
    pub files: PathBuf,
    running: Running,
}

impl Gateway {
    /// Starts one with these settings over the defaults, and these variables over both; `folder`
    /// takes the file they go to.
    pub async fn start(
        settings: &str,
        variables: Vec<(String, String)>,
        folder: &Path,
        clock: Arc<dyn Clock>,
        store: Store,
    ) -> Self {
        crate::tls();
        let file = folder.join("gateway.toml");
        std::fs::write(&file, settings).unwrap();
        let files = folder.join("files");
        let kept = files.to_str().unwrap().to_owned();
        let variables =
            std::iter::once(("CFA_GATEWAY__FILES__FOLDER".to_owned(), kept)).chain(variables);
        let config = Config::from_layers(Some(&file), variables).unwrap();
        let roles = Roles {
            api: true,
            worker: true,
            admin: false,
        };
        let running = start::start(&config, clock, store, roles).await.unwrap();
        let origin = format!("http://{}", running.address().unwrap());
        Self {
            origin,
            files,
            running,
        }
    }

    /// Stops it and tells whether everything under way had ended.
    pub async fn stop(self) -> bool {
        self.running.stop().await
    }
}
