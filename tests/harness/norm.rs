//! A client of the norm, as an ERP that speaks it to one OPCO: it knows an address, a key, an account.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::erp::Answer;
use crate::pieces::{Form, Piece};

/// One client at one address.
#[derive(Debug, Clone)]
pub struct Norm {
    /// What stands before the version.
    pub base: String,
    /// The headers of every call.
    pub headers: HeaderMap,
    client: Client,
}

impl Norm {
    /// Makes a client that calls this address with this key, and no token.
    #[expect(
        clippy::disallowed_methods,
        reason = "an ERP is no part of the gateway and has its own client"
    )]
    pub fn new(base: &str, key: &str) -> Self {
        crate::tls();
        let client = Self {
            base: base.to_owned(),
            headers: HeaderMap::new(),
            client: Client::new(),
        };
        client
            .with("x-api-key", key.as_bytes())
            .with("editeur", b"Essais")
            .with("logiciel", b"harnais")
            .with("version", b"1.0.0")
    }

    /// Gets a token first, as a client with an account does.
    pub async fn signed_in(self, token_url: &str, id: &str, secret: &str) -> Self {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("scope", "api.read api.write"),
        ];
        let form: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = self.form(token_url, &form.join("&")).await.expect(200);
        let token = answer["access_token"].as_str().unwrap().to_owned();
        self.with("authorization", format!("Bearer {token}").as_bytes())
    }

    /// Posts a form to any address.
    pub async fn form(&self, url: &str, form: &str) -> Answer {
        let request = self
            .client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        answer(request).await
    }

    /// Returns the same client with a header of its own, whatever its bytes.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &[u8]) -> Self {
        let value = HeaderValue::from_bytes(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Returns the same client without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Makes a call with a body of any kind.
    pub async fn call(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone())
            .body(body);
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        answer(request).await
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "", Vec::new()).await
    }

    /// Hands a payload in with its file, in parts.
    pub async fn hand_in(&self, path: &str, piece: &Piece) -> Answer {
        let (kind, body) = piece.body(Form::Multipart);
        self.call(Method::POST, path, &kind, body).await
    }

    /// Hands JSON in.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string().into_bytes();
        self.call(Method::POST, path, "application/json", body)
            .await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status(),
        headers: answer.headers().clone(),
        text: answer.text().await.unwrap(),
    }
}
