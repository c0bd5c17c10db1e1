//! An ERP: sends over HTTP and reads back, as any other would.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::payload::Contract;
use crate::wait;

/// One ERP with its API key.
#[derive(Debug, Clone)]
pub struct Erp {
    /// The gateway's address, without a slash at the end.
    pub origin: String,
    /// The API key.
    pub token: String,
    client: Client,
    heard: Arc<Mutex<String>>,
}

/// What the gateway answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub text: String,
}

impl Answer {
    /// Returns the body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("not JSON ({}): {}", self.status, self.text))
    }

    /// Returns the body's lines as JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Checks the status and returns the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Erp {
    /// Makes an ERP that calls this gateway with this key.
    #[expect(
        clippy::disallowed_methods,
        reason = "an ERP is no part of the gateway and has its own client"
    )]
    pub fn new(origin: &str, token: &str) -> Self {
        crate::tls();
        Self {
            origin: origin.to_owned(),
            token: token.to_owned(),
            client: Client::new(),
            heard: Arc::default(),
        }
    }

    /// Returns every answer that this ERP and the others made from it got, headers included.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// Returns the same ERP with another key.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Returns the same ERP at another address: the gateway was started again.
    #[must_use]
    pub fn at(&self, origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            ..self.clone()
        }
    }

    /// Makes a request with a body of any kind; nothing when the gateway could not be reached.
    pub async fn try_request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.origin))
            .bearer_auth(&self.token)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.ok()?;
        writeln!(self.heard.lock().unwrap(), "{status} {headers:?}\n{text}").unwrap();
        Some(Answer {
            status,
            headers,
            text,
        })
    }

    /// Makes a request and waits for its answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        self.try_request(method, path, headers, body)
            .await
            .expect("the gateway answers")
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], Vec::new()).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.request(Method::POST, path, &all, body.to_string().into_bytes())
            .await
    }

    /// Sends a contract, whatever becomes of it.
    pub async fn send(&self, contract: &Contract) -> Answer {
        self.post("/api/v1/dossiers", &contract.body, &[]).await
    }

    /// Sends a contract under a key of idempotency.
    pub async fn send_as(&self, contract: &Contract, key: &str) -> Answer {
        let headers = [("idempotency-key", key)];
        self.post("/api/v1/dossiers", &contract.body, &headers)
            .await
    }

    /// Sends a contract that must be accepted, and returns the name of its delivery.
    pub async fn submit(&self, contract: &Contract) -> String {
        id(&self.send(contract).await.expect(202))
    }

    /// Reads a delivery.
    pub async fn delivery(&self, id: &str) -> Value {
        let path = format!("/api/v1/deliveries/{id}");
        self.get(&path).await.expect(200)
    }

    /// Waits until a delivery is as wanted.
    pub async fn until(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait::until_value(what, async || self.delivery(id).await, wanted).await
    }

    /// Waits until a delivery has this status.
    pub async fn until_status(&self, id: &str, status: &str) -> Value {
        self.until(id, status, |delivery| delivery["status"] == status)
            .await
    }

    /// Waits until a delivery is at the OPCO.
    pub async fn until_delivered(&self, id: &str) -> Value {
        self.until_status(id, "delivered").await
    }

    /// Waits until a delivery waits for a person, for this reason.
    pub async fn until_held(&self, id: &str, reason: &str) -> Value {
        self.until(id, reason, |delivery| {
            delivery["status"] == "held" && delivery["reason"] == reason
        })
        .await
    }

    /// Acts on a delivery, with a reason and whatever the action needs.
    pub async fn act(&self, id: &str, action: &str, mut with: Value) -> Answer {
        with["reason"] = json!("essai");
        let path = format!("/api/v1/deliveries/{id}/actions/{action}");
        self.post(&path, &with, &[]).await
    }

    /// Reads the whole feed of events.
    pub async fn events(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/api/v1/events?after={after}&limit=100");
            let page = self.get(&path).await.expect(200);
            let events = page["events"].as_array().unwrap();
            if events.is_empty() {
                return all;
            }
            all.extend(events.iter().cloned());
            after = page["next"].as_i64().unwrap();
        }
    }
}

/// Returns the name of the delivery in the answer to an accepted payload.
#[track_caller]
pub fn id(accepted: &Value) -> String {
    accepted["id"].as_str().unwrap().to_owned()
}
