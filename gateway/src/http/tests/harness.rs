//! A gateway that listens, and what a test needs to talk to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use domain::clock::ManualClock;
use domain::id::{CfaId, CredentialId, SiteId, TenantId};
use domain::{Environment, Siret, Timestamp};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use store::credentials::Credential;
use store::tenants::{Cfa, Network, Site};
use store::{MasterKey, Sealer, Store, StoreConfig};

use crate::app::App;
use crate::config::Config;
use crate::http::api_key;
use crate::http::caller::Permission;

/// The site of the sample contract.
pub(super) const SITE: &str = "98765432400019";
/// Another site of the same training centre.
pub(super) const OTHER_SITE: &str = "98765432400027";

/// A contract as an ERP sends it.
const SAMPLE: &str = include_str!("../../../../domain/tests/fixtures/dossier/dossier-v1.json");

/// One gateway with one network of two sites.
pub(super) struct Gateway {
    pub(super) app: App,
    pub(super) clock: Arc<ManualClock>,
    pub(super) tenant: TenantId,
    base: String,
    client: reqwest::Client,
    handle: ServerHandle,
    file: PathBuf,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Gateway {
    /// Starts with default settings.
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with some settings of its own, as `("SERVER__BODY_BYTES_MAX", "2000")`.
    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let clock = Arc::new(ManualClock::new("2026-08-25T08:00:00Z".parse().unwrap()));
        let file = std::env::temp_dir().join(format!("http-{}.db", uuid::Uuid::now_v7()));
        let store_config = StoreConfig {
            url: format!("sqlite:{}", file.display()),
            max_connections: 4,
        };
        let sealer = Sealer::new(MasterKey::generate().unwrap());
        let store = Store::open(&store_config, sealer).await.unwrap();
        let fixed = [("SERVER__LISTEN", "127.0.0.1:0"), ("SERVER__THREADS", "1")];
        let variables = fixed.iter().chain(settings);
        let variables =
            variables.map(|(key, value)| (format!("CFA_GATEWAY__{key}"), (*value).to_owned()));
        let config = Config::from_layers(None, variables.collect::<Vec<_>>()).unwrap();
        let app = crate::start::assemble(&config, clock.clone(), store).unwrap();
        let (address, handle, server) = crate::http::serve(app.clone(), &config.server).unwrap();
        tokio::spawn(server);
        let tenant = network(&app, &[SITE, OTHER_SITE]).await;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            app,
            clock,
            tenant,
            base: format!("http://{address}"),
            client,
            handle,
            file,
        }
    }

    /// Makes a credential of this network that may do everything.
    pub(super) async fn key(&self) -> String {
        self.key_with(|_| ()).await
    }

    /// Makes a credential of this network, changed before it is kept.
    pub(super) async fn key_with(&self, change: impl FnOnce(&mut Credential)) -> String {
        credential(&self.app, self.tenant, change).await.0
    }

    /// Makes another network with the same sites, and a credential of it.
    pub(super) async fn stranger(&self) -> String {
        let tenant = network(&self.app, &[SITE]).await;
        credential(&self.app, tenant, |_| ()).await.0
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(super) async fn get(&self, key: &str, path: &str) -> Answer {
        send(self.request(Method::GET, path).bearer_auth(key)).await
    }

    pub(super) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        send(self.post_request(key, path, body)).await
    }

    pub(super) fn post_request(&self, key: &str, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).bearer_auth(key).json(body)
    }

    /// Hands in raw bytes as a contract.
    pub(super) async fn post_bytes(&self, key: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self
            .request(Method::POST, "/api/v1/dossiers")
            .bearer_auth(key);
        send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// Ends: the file goes with it.
    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
        self.app.store.close().await;
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.file.clone().into_os_string();
            name.push(suffix);
            // A file that was never made needs no removal.
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Returns the lines of a stream of JSON documents.
    pub(super) fn lines(&self) -> Vec<Value> {
        self.text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// Checks that it is the refusal expected, in full form.
    pub(super) fn refuses(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{}", self.text);
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("/problems/{code}"));
        for member in ["title", "detail", "remedy", "actor", "trace_id"] {
            assert!(
                body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}"
            );
        }
        body
    }
}

/// Sends a request and reads the whole answer.
pub(super) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer {
        status,
        headers,
        text: response.text().await.unwrap(),
    }
}

/// Returns a contract with nothing wrong, of an employer the sample table does not know.
pub(super) fn dossier() -> Value {
    let mut dossier: Value = serde_json::from_str(SAMPLE).unwrap();
    dossier["mandat"] = serde_json::json!({"reference": "M-1", "date": "2026-08-01"});
    dossier
}

/// Returns the contract of another apprentice, born on a day of 2005 (`MM-DD`).
pub(super) fn dossier_of(name: &str, born: &str) -> Value {
    let mut dossier = dossier();
    let apprenti = &mut dossier["cerfa"]["apprenti"];
    apprenti["nom"] = name.into();
    apprenti["dateNaissance"] = format!("2005-{born}T00:00:00+00:00").into();
    let order = name
        .bytes()
        .fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000);
    let digits = format!("205{}93999{order:03}", &born[..2]);
    let key = 97 - digits.parse::<u64>().unwrap() % 97;
    apprenti["nir"] = format!("{digits}{key:02}").into();
    dossier
}

async fn network(app: &App, sites: &[&str]) -> TenantId {
    let now = app.clock.now();
    let tenant = TenantId::new(now);
    let named = Network {
        id: tenant,
        name: "Réseau d'essai".to_owned(),
        settings: serde_json::json!({}),
        created_at: now,
    };
    app.store.create_network(&named).await.unwrap();
    let mut tx = app.store.writing().await.unwrap();
    let cfa = Cfa {
        tenant,
        id: CfaId::new(now),
        name: "CFA d'essai".to_owned(),
        siren: "987654324".parse().unwrap(),
        created_at: now,
    };
    store::tenants::create_cfa(&mut tx, &cfa).await.unwrap();
    for siret in sites {
        let site = Site {
            tenant,
            id: SiteId::new(now),
            cfa: cfa.id,
            siret: siret.parse::<Siret>().unwrap(),
            uai: None,
            name: "Site d'essai".to_owned(),
            created_at: now,
            closed_at: None,
        };
        store::tenants::create_site(&mut tx, &site).await.unwrap();
    }
    tx.commit().await.unwrap();
    tenant
}

/// Keeps a credential and returns its clear text and name.
pub(super) async fn credential(
    app: &App,
    tenant: TenantId,
    change: impl FnOnce(&mut Credential),
) -> (String, CredentialId) {
    let now: Timestamp = app.clock.now();
    let mut credential = Credential {
        tenant,
        id: CredentialId::new(now),
        label: "ERP d'essai".to_owned(),
        prefix: String::new(),
        environment: Environment::Test,
        sites: None,
        actions: Permission::ALL
            .iter()
            .map(|p| p.as_str().to_owned())
            .collect(),
        quota_per_minute: 10_000,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    change(&mut credential);
    let minted = api_key::mint(credential.environment).unwrap();
    credential.prefix = minted.prefix;
    let mut tx = app.store.writing().await.unwrap();
    store::credentials::create(&mut tx, &credential, &minted.hash)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (minted.key.expose().to_owned(), credential.id)
}
