//! A client of the native API, for the commands that speak to a running gateway.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::Secret;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::Value;

use crate::commands::failure::{Code, Failure};
use crate::commands::secret_input;
use crate::config;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer of the API is never larger.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Which gateway to speak to, and as whom.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    #[arg(
        long,
        env = "CFA_GATEWAY_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        help = "Adresse de la passerelle (ou CFA_GATEWAY_URL)"
    )]
    url: String,
    #[arg(
        long,
        value_name = "FICHIER",
        help = "Fichier qui contient la clé d'API de l'ERP, ou - ; à défaut CFA_GATEWAY_API_KEY, \
                puis une saisie"
    )]
    api_key_file: Option<PathBuf>,
}

/// A gateway one can ask.
pub(crate) struct Api {
    client: reqwest::Client,
    base: String,
    key: Secret,
}

/// What the API answered, when it is no refusal of the credential and no failure of its own.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status, below 500.
    pub(crate) status: StatusCode,
    /// The document.
    pub(crate) body: Value,
}

impl ApiArgs {
    /// Prepares a client; nothing is sent yet.
    pub(crate) fn open(&self) -> Result<Api, Failure> {
        let key = match (&self.api_key_file, config::api_key()) {
            (None, Some(key)) => key,
            (file, _) => secret_input::read(file.as_deref(), "la clé d'API")?,
        };
        Api::new(&self.url, key)
    }
}

impl Api {
    /// Prepares a client of the gateway at `url`; nothing is sent yet.
    pub(crate) fn new(url: &str, key: Secret) -> Result<Self, Failure> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::internal("building the client", error))?;
        Ok(Self {
            client,
            base: url.trim_end_matches('/').to_owned(),
            key,
        })
    }

    /// Reads a document; `path` starts with `/`.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call(self.request(Method::GET, path)).await
    }

    /// Posts a JSON body. The idempotency key makes it safe to call again after a lost answer.
    pub(crate) async fn post(
        &self,
        path: &str,
        idempotency_key: &str,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", format!("\"{idempotency_key}\""))
            .body(body);
        self.call(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.key.expose())
            .header(header::ACCEPT, "application/json")
    }

    async fn call(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let unreachable = |error: reqwest::Error| {
            Failure::new(
                Code::ApiUnreachable,
                format!("{} ne répond pas : {}", self.base, error.without_url()),
            )
            .remedy("vérifier que `cfa-gateway serve` tourne et que --url donne son adresse")
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                let said = format!("{} : réponse trop longue", self.base);
                return Err(Failure::new(Code::ApiUnreachable, said));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::new(Code::ApiDenied, detail(status, &body)))
            }
            _ if status.is_server_error() => {
                Err(Failure::new(Code::ApiUnreachable, detail(status, &body)))
            }
            _ => Ok(Answer { status, body }),
        }
    }
}

/// Returns what a problem document says, in one sentence; every finding follows on its line.
pub(crate) fn detail(status: StatusCode, body: &Value) -> String {
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut said = match text(body, "detail") {
        detail if detail.is_empty() => format!("réponse {}", status.as_u16()),
        detail => detail,
    };
    for finding in body
        .get("constats")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let [rule, pointer, message, remedy] =
            ["rule", "pointer", "message", "remedy"].map(|name| text(finding, name));
        said.extend(["\n  ", &rule, " ", &pointer, " : ", &message]);
        if !remedy.is_empty() {
            said.extend(["\n      à faire : ", &remedy]);
        }
    }
    let delivery = text(body, "delivery_id");
    if !delivery.is_empty() {
        said.extend(["\n  livraison existante : ", &delivery]);
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{body_json, header, header_exists, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn api(server: &MockServer) -> Api {
        let (client, key) = (
            reqwest::Client::builder().build().unwrap(),
            Secret::new("clef"),
        );
        Api {
            client,
            base: server.uri(),
            key,
        }
    }

    #[tokio::test]
    async fn a_payload_is_posted_with_the_credential_and_an_idempotency_key() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/api/v1/dossiers"))
            .and(header("Authorization", "Bearer clef"))
            .and(header("Idempotency-Key", "\"k-1\""))
            .and(header_exists("Accept"))
            .and(body_json(json!({"cerfa": {}})))
            .respond_with(ResponseTemplate::new(202).set_body_json(json!({"id": "x"})))
            .mount(&server)
            .await;
        let answer = api(&server)
            .post("/api/v1/dossiers", "k-1", b"{\"cerfa\":{}}".to_vec())
            .await
            .unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.body),
            (202, json!({"id": "x"}))
        );
    }

    #[tokio::test]
    async fn a_refused_credential_and_an_ailing_gateway_are_told_apart() {
        for (status, code) in [
            (401, Code::ApiDenied),
            (403, Code::ApiDenied),
            (503, Code::ApiUnreachable),
        ] {
            let server = MockServer::start().await;
            Mock::given(method("GET"))
                .respond_with(ResponseTemplate::new(status).set_body_json(json!({"detail": "non"})))
                .mount(&server)
                .await;
            let failure = api(&server).get("/api/v1/deliveries/x").await.unwrap_err();
            assert_eq!(failure.code(), code);
            assert!(failure.to_string().contains("non"), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_gateway_that_is_not_there_is_told_with_its_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = reqwest::Client::builder().build().unwrap();
        let gone = Api {
            client,
            base: base.clone(),
            key: Secret::new("clef"),
        };
        let failure = gone.get("/api/v1/opcos").await.unwrap_err();
        assert_eq!(failure.code(), Code::ApiUnreachable);
        assert!(failure.to_string().contains(&base), "{failure}");
    }

    #[test]
    fn a_refusal_is_told_with_every_finding() {
        let body = json!({"detail": "deux anomalies", "constats": [
            {"rule": "IDT-004", "pointer": "/cerfa/apprenti/nir", "message": "clé fausse"},
            {"rule": "DAT-003", "pointer": "/cerfa/contrat", "message": "fin avant début"},
        ]});
        assert_eq!(
            detail(StatusCode::UNPROCESSABLE_ENTITY, &body),
            "deux anomalies\n  IDT-004 /cerfa/apprenti/nir : clé fausse\n  \
             DAT-003 /cerfa/contrat : fin avant début"
        );
        assert_eq!(detail(StatusCode::BAD_GATEWAY, &Value::Null), "réponse 502");
    }
}
