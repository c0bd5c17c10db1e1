//! Starting and stopping the simulator inside a running runtime.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use tokio::task::JoinHandle;

use crate::handle::Handle;
use crate::settings::Settings;
use crate::sim::Sim;
use crate::{control, page, wire};

/// How long open connections get when the simulator stops, in seconds.
const STOPS_WITHIN_S: u64 = 1;

/// How long an idle connection stays: longer than clients keep theirs, so that no call meets a
/// connection that is just closing and looks lost.
const KEEP_ALIVE: Duration = Duration::from_mins(2);

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or the port could not be opened.
    #[error("the simulator cannot open its port or a file: {0}")]
    Io(#[from] std::io::Error),
    /// The settings name an OPCO that is none of the eleven.
    #[error("no OPCO is called `{0}`")]
    UnknownOpco(String),
    /// The shipped capabilities are unreadable.
    #[error("the shipped capabilities are unreadable: {0}")]
    Capabilities(String),
}

/// A simulator that answers. Dropping it leaves it running until the process ends.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What the control API can do, from Rust.
    pub handle: Handle,
    server: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Returns the address that the norm's versions follow at one OPCO, if it answers here.
    pub fn base_url(&self, slug: &str) -> Option<String> {
        Some(format!(
            "http://{}/{slug}{}",
            self.address,
            self.handle.facts(slug)?.base()
        ))
    }

    /// Returns the address of one OPCO's token endpoint.
    pub fn token_url(&self, slug: &str) -> Option<String> {
        Some(format!(
            "http://{}/{slug}{}",
            self.address,
            self.handle.facts(slug)?.token_path()
        ))
    }

    /// Closes the port and every connection, then writes what the request log still holds.
    pub async fn stop(self) {
        self.server.stop(false).await;
        // The task's own end says nothing more than that it has ended.
        let _ended = self.task.await;
        self.handle.flush().await;
    }
}

/// Opens the port and the files and answers from threads of its own; to be called in a tokio
/// runtime.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let (bind, workers) = (settings.bind, settings.workers.max(1));
    // Reading a long ledger back would hold the runtime.
    let sim = tokio::task::spawn_blocking(move || Sim::open(settings))
        .await
        .map_err(std::io::Error::other)??;
    let sim = web::Data::new(sim);
    let handle = Handle::new(sim.clone().into_inner());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(sim.clone())
            .app_data(web::Data::new(Handle::new(sim.clone().into_inner())))
            .route("/", web::get().to(page::show))
            .service(web::scope("/control").configure(control::routes))
            .default_service(web::to(wire::enter))
    })
    .workers(workers)
    .keep_alive(KEEP_ALIVE)
    .disable_signals()
    .shutdown_timeout(STOPS_WITHIN_S)
    .bind(bind)?;
    let address = server
        .addrs()
        .first()
        .copied()
        .ok_or_else(|| std::io::Error::other("no address was bound"))?;
    let server = server.run();
    let stop = server.handle();
    let task = tokio::spawn(server);
    tracing::info!(%address, "the simulator answers");
    Ok(Running {
        address,
        handle,
        server: stop,
        task,
    })
}
