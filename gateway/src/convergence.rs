//! The façade: the norm itself, spoken by the gateway as if it were one OPCO, under `/convergence`.
//!
//! An ERP that speaks the norm changes one address and reaches eleven OPCOs. Same port as the native
//! API, same keys, same custody: only the words differ (`docs/convergence.md`).

mod bearer;
mod contract;
mod elsewhere;
mod etats;
mod factures;
mod gate;
mod json;
mod key_info;
mod known;
mod live;
mod numero;
mod openapi;
mod outcome;
pub(crate) mod path;
mod piece;
mod pieces;
mod query;
mod refusal;
mod rupture;
mod status;
mod token;

use std::time::{Duration, Instant};

use actix_web::web::{self, Bytes, ServiceConfig};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use self::gate::{get, open, path as at, post, post_open};
use self::refusal::Refusal;

/// How the façade answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long a request waits for the OPCO's answer, in milliseconds.
    pub wait_ms: u64,
    /// How many requests may wait at once.
    pub waiting_max: u64,
    /// How long a token is good, in seconds.
    pub token_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wait_ms: 10_000,
            waiting_max: 512,
            token_s: 1_800,
        }
    }
}

/// What the requests of the façade share.
#[derive(Debug)]
pub(crate) struct State {
    wait: Duration,
    token: Duration,
    places: Semaphore,
    started: Instant,
}

impl State {
    /// Starts with nobody waiting.
    pub(crate) fn new(settings: &Settings) -> Self {
        let places = usize::try_from(settings.waiting_max).unwrap_or(usize::MAX);
        Self {
            wait: Duration::from_millis(settings.wait_ms),
            token: Duration::from_secs(settings.token_s),
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
            started: Instant::now(),
        }
    }
}

/// Every route of the norm (protocol §4), in lower case: `path` has seen to it.
pub(crate) fn table(config: &mut ServiceConfig) {
    let scope = web::scope("/convergence")
        .service(at("/v1/status", [open(status::status)]))
        .service(at(
            "/v1/dossiers",
            [get(live::detail_v1), post(contract::file_v1)],
        ))
        .service(at(
            "/v2/dossiers",
            [get(live::detail_v2), post(contract::file_v2)],
        ))
        .service(at("/v1/dossiers/etats", [get(etats::v1)]))
        .service(at("/v2/dossiers/etats", [get(etats::v2)]))
        .service(at("/v1/dossiers/liste", [get(live::liste)]))
        .service(at("/v1/conventions", [post(pieces::convention)]))
        .service(at(pieces::DOCUMENTS_PATH, [post(pieces::document)]))
        .service(at("/v1/factures", [post(factures::file)]))
        .service(at("/v2/factures/etats", [get(factures::etats)]))
        .service(at("/v2/certificats", [post(pieces::certificat)]))
        .service(at("/v2/dossiers/rupture/employeur", [post(rupture::file)]))
        .service(at("/v2/cfakeyinfo", [open(key_info::key_info)]))
        .service(at("/openapi.json", [open(openapi::served)]));
    let tokens = [
        "/oauth/token",
        "/connect/token",
        "/sorapiidentityserver/connect/token",
        "/oauth2/{server}/v1/token",
        "/auth/realms/{realm}/protocol/openid-connect/token",
    ];
    let scope = tokens.into_iter().fold(scope, |scope, address| {
        scope.service(at(address, [post_open(token::issue)]))
    });
    config.service(scope.default_service(web::to(|| async {
        Err::<Bytes, _>(Refusal::unknown_route())
    })));
}
