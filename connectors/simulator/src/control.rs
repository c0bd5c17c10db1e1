//! The control API: `GET` and `POST /control/…`, a translation of [`Handle`]. Bodies must say that
//! they are JSON, so that no page of another site can send one from a browser.

use actix_web::web::{self, Bytes, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fault::Fault;
use crate::handle::{ControlError, Handle, InvoiceOrder, StateOrder};
use crate::identity::{CfaKey, Client};
use crate::opcos::SLUGS;
use crate::record::Kind;
use crate::settings::Overrides;

/// The largest body of a control, in bytes.
const LARGEST_CONTROL: usize = 64 * 1024;
/// How many entries a list gives unless asked, and at most.
const USUAL_LIMIT: usize = 1_000;
const LARGEST_LIMIT: usize = 100_000;
/// Stands for all eleven OPCOs where something is set.
const ALL: &str = "all";

/// Lays out the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(LARGEST_CONTROL))
        .route("/summary", web::get().to(summary))
        .route("/ledger", web::get().to(ledger))
        .route("/requests", web::get().to(requests))
        .route("/clock", web::get().to(clock))
        .route("/clock", web::post().to(move_clock))
        .route("/reset", web::post().to(reset))
        .route("/{slug}/faults", web::get().to(faults))
        .route("/{slug}/faults", web::post().to(add_faults))
        .route("/{slug}/faults", web::delete().to(clear_faults))
        .route("/{slug}/settings", web::get().to(settings))
        .route("/{slug}/settings", web::post().to(configure))
        .route("/{slug}/keys", web::post().to(register_key))
        .route("/{slug}/clients", web::post().to(register_client))
        .route("/{slug}/dossiers", web::get().to(dossiers))
        .route("/{slug}/dossiers/{numero}/etat", web::post().to(set_state))
        .route(
            "/{slug}/dossiers/{numero}/echeances/{echeance}",
            web::post().to(reissue),
        )
        .route("/{slug}/factures", web::get().to(factures))
        .route(
            "/{slug}/factures/{numero}/etat",
            web::post().to(set_invoice_state),
        )
        .default_service(web::to(nowhere));
}

type Controlled = Result<HttpResponse, ControlError>;

impl actix_web::ResponseError for ControlError {
    fn status_code(&self) -> actix_web::http::StatusCode {
        use actix_web::http::StatusCode;
        match self {
            Self::UnknownOpco(_) | Self::UnknownDossier(_) | Self::UnknownFacture(_) => {
                StatusCode::NOT_FOUND
            }
            Self::NoWay { .. } => StatusCode::CONFLICT,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({"error": self.to_string()}))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every control ends with it")]
fn told(value: &impl Serialize) -> Controlled {
    Ok(HttpResponse::Ok().json(value))
}

fn read<T: DeserializeOwned>(request: &HttpRequest, body: &Bytes) -> Result<T, ControlError> {
    let kind = request
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(ControlError::Invalid(
            "le corps doit être en application/json".to_owned(),
        ));
    }
    serde_json::from_slice(body).map_err(|error| ControlError::Invalid(error.to_string()))
}

/// Does something at one OPCO, or at all eleven.
fn each(slug: &str, mut act: impl FnMut(&str) -> Result<(), ControlError>) -> Controlled {
    if slug == ALL {
        SLUGS.into_iter().try_for_each(act)?;
    } else {
        act(slug)?;
    }
    told(&json!({"done": true}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

impl Window {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL_LIMIT).min(LARGEST_LIMIT)
    }
}

async fn summary(handle: Data<Handle>) -> Controlled {
    told(&handle.summary())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerWindow {
    opco: Option<String>,
    kind: Option<Kind>,
    #[serde(default)]
    skip: usize,
    limit: Option<usize>,
}

async fn ledger(handle: Data<Handle>, window: Query<LedgerWindow>) -> Controlled {
    let limit = window.limit.unwrap_or(USUAL_LIMIT).min(LARGEST_LIMIT);
    let page = handle.ledger_page(window.opco.as_deref(), window.kind, (window.skip, limit));
    told(&page?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    opco: Option<String>,
    limit: Option<usize>,
}

async fn requests(handle: Data<Handle>, last: Query<Last>) -> Controlled {
    let limit = last.limit.unwrap_or(USUAL_LIMIT).min(LARGEST_LIMIT);
    told(&handle.requests(last.opco.as_deref(), limit)?)
}

async fn clock(handle: Data<Handle>) -> Controlled {
    let summary = handle.summary();
    let (now_ms, source_ms) = (summary.now_ms, summary.source_ms);
    told(&json!({"now_ms": now_ms, "source_ms": source_ms, "factor": summary.factor}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    #[serde(default)]
    advance_ms: u64,
    factor: Option<u32>,
}

async fn move_clock(request: HttpRequest, handle: Data<Handle>, body: Bytes) -> Controlled {
    let order: ClockOrder = read(&request, &body)?;
    handle.move_clock(order.advance_ms, order.factor);
    clock(handle).await
}

async fn reset(request: HttpRequest, handle: Data<Handle>, body: Bytes) -> Controlled {
    let _nothing: serde_json::Map<String, serde_json::Value> = read(&request, &body)?;
    handle.reset();
    told(&json!({"done": true}))
}

async fn faults(handle: Data<Handle>, slug: Path<String>) -> Controlled {
    told(&handle.faults(&slug)?)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

async fn add_faults(
    request: HttpRequest,
    handle: Data<Handle>,
    slug: Path<String>,
    body: Bytes,
) -> Controlled {
    let faults = match read(&request, &body)? {
        OneOrMany::Many(faults) => faults,
        OneOrMany::One(fault) => vec![fault],
    };
    // Read one by one, so that a misspelt field is named in the answer.
    let faults: Vec<Fault> = faults
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|error| ControlError::Invalid(error.to_string()))?;
    each(&slug, |slug| {
        faults
            .iter()
            .try_for_each(|fault| handle.add_fault(slug, fault.clone()))
    })
}

async fn clear_faults(handle: Data<Handle>, slug: Path<String>) -> Controlled {
    each(&slug, |slug| handle.clear_faults(slug))
}

async fn settings(handle: Data<Handle>, slug: Path<String>) -> Controlled {
    told(&*handle.settings(&slug)?)
}

async fn configure(
    request: HttpRequest,
    handle: Data<Handle>,
    slug: Path<String>,
    body: Bytes,
) -> Controlled {
    let overrides: Overrides = read(&request, &body)?;
    each(&slug, |slug| handle.configure(slug, &overrides))
}

async fn register_key(
    request: HttpRequest,
    handle: Data<Handle>,
    slug: Path<String>,
    body: Bytes,
) -> Controlled {
    let key: CfaKey = read(&request, &body)?;
    each(&slug, |slug| handle.register_key(slug, &key).map(|_| ()))
}

async fn register_client(
    request: HttpRequest,
    handle: Data<Handle>,
    slug: Path<String>,
    body: Bytes,
) -> Controlled {
    let client: Client = read(&request, &body)?;
    each(&slug, |slug| handle.register_client(slug, &client))
}

async fn dossiers(handle: Data<Handle>, slug: Path<String>, window: Query<Window>) -> Controlled {
    told(&handle.dossiers(&slug, window.skip, window.limit())?)
}

async fn set_state(
    request: HttpRequest,
    handle: Data<Handle>,
    path: Path<(String, String)>,
    body: Bytes,
) -> Controlled {
    let (slug, numero) = path.into_inner();
    let order: StateOrder = read(&request, &body)?;
    handle.set_state(&slug, &numero, order)?;
    told(&json!({"done": true}))
}

async fn reissue(
    request: HttpRequest,
    handle: Data<Handle>,
    path: Path<(String, String, u32)>,
    body: Bytes,
) -> Controlled {
    let (slug, numero, echeance) = path.into_inner();
    let _nothing: serde_json::Map<String, serde_json::Value> = read(&request, &body)?;
    handle.reissue(&slug, &numero, echeance)?;
    told(&json!({"done": true}))
}

async fn factures(handle: Data<Handle>, slug: Path<String>) -> Controlled {
    told(&handle.factures(&slug)?)
}

async fn set_invoice_state(
    request: HttpRequest,
    handle: Data<Handle>,
    path: Path<(String, String)>,
    body: Bytes,
) -> Controlled {
    let (slug, numero) = path.into_inner();
    let order: InvoiceOrder = read(&request, &body)?;
    handle.set_invoice_state(&slug, &numero, order)?;
    told(&json!({"done": true}))
}

async fn nowhere() -> HttpResponse {
    HttpResponse::NotFound().json(json!({"error": "commande inconnue ; voir docs/simulator.md"}))
}
