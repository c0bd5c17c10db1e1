//! The control plane of CFA Gateway: the admin API and the dashboard, on a port of their own.
//!
//! A request meets, in order: the gate (`gate`), which looks it up in the one table of routes
//! (`table`), finds who asks and what they may; then its handler, in `api` for programs and in `pages`
//! for people. Both call the same functions. What only a running gateway can do is lent through
//! [`Works`].

mod access;
mod alerts;
mod api;
mod assets;
mod audit;
mod board;
pub mod books;
mod bulk;
mod causes;
pub mod csv;
pub mod decisions;
mod desk;
mod dossiers;
mod filter;
mod form;
mod gate;
pub mod hand;
pub mod hooks;
mod judged;
pub mod keyring;
mod money;
pub mod names;
mod opcos;
pub mod orphans;
mod pages;
pub mod people;
mod picked;
pub mod privacy;
mod refusal;
mod rights;
mod settings;
mod sheet;
mod signin;
mod table;
pub mod tree;
mod viewer;
mod works;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

pub use crate::api::openapi::text as openapi;
pub use crate::desk::Desk;
pub use crate::settings::{Oidc, SecondFactor, Settings, SettingsError};
pub use crate::table::{Line, Need, ROUTES};
pub use crate::works::{
    Asked, Breaker, By, Health, Minted, NotDone, Open, Pending, Probe, Verdict, Works,
};

/// How long a client may take to send its headers.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests may take to end at a stop, in seconds.
const DRAIN_S: u64 = 5;

/// Opens the second port; says where, how to close it, and what to await until it is closed.
///
/// # Errors
/// When the address cannot be listened on.
pub fn serve(desk: Desk) -> std::io::Result<(SocketAddr, ServerHandle, Server)> {
    let listener = TcpListener::bind(desk.settings.listen)?;
    let address = listener.local_addr()?;
    // Set once: a desk has one door.
    let _ = desk.address.set(address);
    let threads = desk.settings.threads;
    let data = web::Data::new(desk);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(
                web::PathConfig::default()
                    .error_handler(|_, _| refusal::Refusal::from(refusal::Code::NotFound).into()),
            )
            .app_data(
                web::QueryConfig::default()
                    .error_handler(|_, request| filter::refused(request.query_string()).into()),
            )
            .app_data(
                web::JsonConfig::default()
                    .limit(form::BYTES_MAX)
                    .error_handler(|error, _| form::json_refusal(&error).into()),
            )
            .configure(table::configure)
            .default_service(web::to(|| async {
                Err::<web::Bytes, _>(refusal::Refusal::from(refusal::Code::NotFound))
            }))
            .wrap(from_fn(gate::pass))
    })
    .client_request_timeout(CLIENT_TIMEOUT)
    .shutdown_timeout(DRAIN_S)
    .disable_signals();
    let server = match threads {
        0 => server,
        threads => server.workers(threads),
    };
    let server = server.listen(listener)?.run();
    Ok((address, server.handle(), server))
}
