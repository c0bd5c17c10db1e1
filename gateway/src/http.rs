//! The native API: the route table and what every request passes through, outermost first.
//!
//! A request meets, in order: `request_log` (trace, one line), the path's gate (405, 401, 429,
//! 403), the extractors (413, 415, 408), the handler (400, 422…). `problem` makes every refusal.
//! The norm itself, on the same door, is in `convergence`.

mod actions;
pub(crate) mod api_key;
mod batches;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod credentials;
mod deliveries;
mod docs;
mod dossiers;
pub(crate) mod envelope;
mod events;
mod evidence;
pub(crate) mod follow_ups;
mod gate;
mod health;
pub(crate) mod idempotency;
mod ndjson;
mod opcos;
pub(crate) mod openapi;
mod orphans;
mod page;
pub(crate) mod patience;
pub(crate) mod problem;
pub(crate) mod quota;
mod reconciliation;
#[cfg(test)]
mod reference;
pub(crate) mod request_log;
mod routes;
#[cfg(test)]
pub(crate) mod snapshot;
pub(crate) mod submit;
#[cfg(test)]
mod tests;
pub(crate) mod trace_context;
pub(crate) mod upload;
mod validations;
mod webhooks;
pub(crate) mod words;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App as ActixApp, HttpServer};

use self::caller::Permission::{Act, Submit, Webhook};
use self::gate::{delete, get, get_with, open, path, post, post_outside, put};
use self::problem::{Code, Problem};
use crate::app::App;
use crate::{config, convergence, files};

/// How many parameters of an address are named when one of them is refused.
const NAMED_MAX: usize = 10;
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The bounds of the door.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// The largest JSON body, and the longest line of a batch, in bytes.
    body_bytes: usize,
    /// The largest batch, in bytes.
    batch_bytes: usize,
    /// The most rows of a batch.
    batch_rows: usize,
    /// The largest file, in bytes.
    file_bytes: u64,
    /// How long a payload may take to come with its file.
    upload: Duration,
}

/// What the requests of one process share.
#[derive(Debug)]
pub(crate) struct State {
    bounds: Bounds,
    credentials: credentials::Memory,
    /// What each credential may still ask.
    pub(crate) quotas: quota::Quotas,
    /// The keys in use.
    pub(crate) in_flight: idempotency::InFlight,
    batches: batches::Places,
    /// How long the store may take.
    pub(crate) patience: patience::Patience,
    /// What the façade remembers.
    pub(crate) convergence: convergence::State,
}

impl State {
    /// Starts with nobody known.
    pub(crate) fn new(
        server: &config::Server,
        files: &files::Settings,
        facade: &convergence::Settings,
    ) -> Self {
        let bounds = Bounds {
            body_bytes: server.body_bytes_max,
            batch_bytes: server.batch_bytes_max,
            batch_rows: server.batch_rows_max,
            file_bytes: files.bytes_max,
            upload: Duration::from_secs(files.seconds_max),
        };
        Self {
            bounds,
            credentials: credentials::Memory::default(),
            quotas: quota::Quotas::default(),
            in_flight: idempotency::InFlight::default(),
            batches: batches::Places::default(),
            patience: patience::Patience::new(Duration::from_millis(server.store_timeout_ms)),
            convergence: convergence::State::new(facade),
        }
    }
}

/// Opens the API's door; says where, how to close it, and what to await until it is closed.
pub(crate) fn serve(
    app: App,
    settings: &config::Server,
) -> std::io::Result<(SocketAddr, ServerHandle, Server)> {
    let listener = TcpListener::bind(settings.listen)?;
    let address = listener.local_addr()?;
    let data = web::Data::new(app);
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(data.clone())
            .configure(convergence::table)
            .configure(table)
            .wrap(from_fn(convergence::path::canonical))
            .wrap(from_fn(request_log::log))
    })
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(Duration::from_secs(settings.client_timeout_seconds))
    .shutdown_timeout(settings.drain_seconds)
    .disable_signals();
    let server = match settings.threads {
        0 => server,
        threads => server.workers(threads),
    };
    let server = server.listen(listener)?.run();
    Ok((address, server.handle(), server))
}

/// Opens the door for probes and measures alone, which a process without the API has too. It writes
/// no line for a request: probes come every few seconds.
pub(crate) fn serve_monitoring(
    app: App,
    address: SocketAddr,
) -> std::io::Result<(SocketAddr, ServerHandle, Server)> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let data = web::Data::new(app);
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(data.clone())
            .configure(health_table)
            .default_service(web::to(unknown_route))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok((address, server.handle(), server))
}

/// Every line of the API, in reading order.
fn table(config: &mut ServiceConfig) {
    config
        .service(path(
            "/api/v1/dossiers",
            [get(dossiers::list), post(Submit, submit::dossier)],
        ))
        .service(path(
            "/api/v1/conventions",
            [post(Submit, follow_ups::conventions)],
        ))
        .service(path(
            "/api/v1/factures",
            [post(Submit, follow_ups::factures)],
        ))
        .service(path(
            "/api/v1/documents",
            [post(Submit, follow_ups::documents)],
        ))
        .service(path(
            "/api/v1/certificats",
            [post(Submit, follow_ups::certificats)],
        ))
        .service(path(
            "/api/v1/ruptures",
            [post(Submit, follow_ups::ruptures)],
        ))
        .service(path("/api/v1/dossiers/{id}", [get(dossiers::find)]))
        .service(path(
            "/api/v1/validations/dossiers",
            [post(Submit, validations::dossier)],
        ))
        .service(path(
            "/api/v1/validations/{payload}",
            [post(Submit, validations::payload)],
        ))
        .service(path(
            "/api/v1/reconciliation",
            [get(reconciliation::answer)],
        ))
        .service(path(
            "/api/v1/reconciliation/export",
            [get(reconciliation::export)],
        ))
        .service(path("/api/v1/batches", [post(Submit, batches::post)]))
        .service(path("/api/v1/deliveries", [get(deliveries::list)]))
        .service(path("/api/v1/deliveries/{id}", [get(deliveries::find)]))
        .service(path(
            "/api/v1/deliveries/{id}/preuve",
            [get(evidence::read)],
        ))
        .service(path(
            "/api/v1/deliveries/{id}/actions/{action}",
            [post(Act, actions::act)],
        ))
        .service(path("/api/v1/events", [get(events::feed)]))
        .configure(orphan_table)
        .configure(webhook_table)
        .service(path("/api/v1/routes/{siret}", [get(routes::find)]))
        .service(path("/api/v1/opcos", [get(opcos::list)]))
        .configure(health_table)
        .service(path("/openapi.json", [open(docs::document)]))
        .service(path("/docs", [open(docs::folder)]))
        .service(path("/docs/{file:.*}", [open(docs::file)]))
        .service(path("/problems", [open(docs::problems)]))
        .service(path("/problems/{code}", [open(docs::problem)]))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
        .app_data(
            web::QueryConfig::default()
                .error_handler(|error, request| unreadable_query(&error, request)),
        )
        .default_service(web::to(unknown_route));
}

/// The lines for who watches the process.
fn health_table(config: &mut ServiceConfig) {
    config
        .service(path("/health/live", [open(health::live)]))
        .service(path("/health/ready", [open(health::ready)]))
        .service(path("/metrics", [open(health::measures)]));
}

async fn unknown_route() -> Result<web::Bytes, Problem> {
    Err(Problem::plain(Code::UnknownRoute))
}

/// The lines about dossiers that one side alone knows.
fn orphan_table(config: &mut ServiceConfig) {
    config
        .service(path("/api/v1/orphelins", [get(orphans::list)]))
        .service(path(
            "/api/v1/orphelins/{id}/actions/{action}",
            [post(Act, orphans::act)],
        ));
}

/// The lines about who is told of events.
fn webhook_table(config: &mut ServiceConfig) {
    config
        .service(path(
            "/api/v1/webhooks",
            [
                get_with(Webhook, webhooks::list),
                post(Webhook, webhooks::create),
            ],
        ))
        .service(path(
            "/api/v1/webhooks/{id}",
            [
                get_with(Webhook, webhooks::find),
                put(Webhook, webhooks::update),
                delete(Webhook, webhooks::remove),
            ],
        ))
        .service(path(
            "/api/v1/webhooks/{id}/attempts",
            [get_with(Webhook, webhooks::attempts)],
        ))
        .service(path(
            "/api/v1/webhooks/{id}/rotate",
            [post(Webhook, webhooks::rotate)],
        ))
        .service(path(
            "/api/v1/webhooks/{id}/replay",
            [post(Webhook, webhooks::replay)],
        ))
        .service(path(
            "/api/v1/webhooks/{id}/enable",
            [post(Webhook, webhooks::enable)],
        ))
        .service(path(
            "/api/v1/webhooks/{id}/disable",
            [post(Webhook, webhooks::disable)],
        ))
        .service(path(
            "/api/v1/webhooks/{id}/test",
            [post_outside(Webhook, webhooks::test)],
        ));
}

/// Refuses an address of which a part does not read.
fn unreadable_query(
    error: &actix_web::error::QueryPayloadError,
    request: &actix_web::HttpRequest,
) -> actix_web::Error {
    let detail = query_detail(error, request.query_string());
    Problem::new(Code::InvalidRequest, detail).into()
}

/// The reader's own words name the parameter and never its value.
fn query_detail(error: &actix_web::error::QueryPayloadError, query: &str) -> String {
    let said = error.to_string();
    let unknown = said
        .split('`')
        .nth(1)
        .filter(|_| said.contains("unknown field"));
    if let Some(name) = unknown {
        return format!("Paramètre inconnu : « {} ».", shortened(name));
    }
    // What was read does not say which: the one, where there is one, else one of these.
    let names: Vec<String> = query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .filter(|name| !name.is_empty())
        .take(NAMED_MAX)
        .map(|name| format!("« {} »", shortened(name)))
        .collect();
    match names.as_slice() {
        [one] => format!("Le paramètre {one} n'a pas la forme attendue."),
        _ => format!(
            "L'un de ces paramètres n'a pas la forme attendue : {}.",
            names.join(", ")
        ),
    }
}

/// Returns a name as it may be told again: what stands in its place may be a number that was put there.
fn shortened(name: &str) -> String {
    let told = opco::reference(name);
    let plain = told.chars().filter(|c| !c.is_control());
    plain.take(40).collect()
}
