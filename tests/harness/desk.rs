//! The control plane inside this process, on a clock that is moved by hand, and browsers before it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin_api::people::{Acting, Invited};
use aws_lc_rs::hmac;
use cfa_gateway::config::Config;
use cfa_gateway::start::{self, Roles, Running};
use domain::clock::Clock;
use domain::id::{DeliveryId, TenantId};
use domain::person::{Language, Role};
use domain::{Fault, Kind, Opco, Secret, Siret, Timestamp};
use reqwest::Method;
use reqwest::redirect::Policy;
use store::people::{Person, Scope};
use store::{Accepted, Delivery, NewDelivery, NewEvent, Standing, Store, deliveries};

use crate::erp::Answer;
use crate::network::WORLD;

/// The password of every account of the tests.
pub const PASSWORD: &str = "trois tasses vertes";

/// A control plane that answers.
#[derive(Debug)]
pub struct Desk {
    /// Its address, without a slash at the end.
    pub origin: String,
    running: Running,
}

impl Desk {
    /// Opens it on a store, with these settings over the defaults.
    pub async fn open(settings: &str, folder: &Path, clock: Arc<dyn Clock>, store: Store) -> Self {
        crate::tls();
        let file = folder.join("desk.toml");
        std::fs::write(&file, settings).unwrap();
        let files = folder.join("files").to_str().unwrap().to_owned();
        let variables = [
            ("CFA_GATEWAY__FILES__FOLDER".to_owned(), files),
            (
                "CFA_GATEWAY__ADMIN__LISTEN".to_owned(),
                "127.0.0.1:0".to_owned(),
            ),
        ];
        let config = Config::from_layers(Some(&file), variables).unwrap();
        let roles = Roles {
            api: false,
            worker: false,
            admin: true,
        };
        let running = start::start(&config, clock, store, roles).await.unwrap();
        let origin = format!("http://{}", running.admin_address().unwrap());
        Self { origin, running }
    }

    /// Closes it.
    pub async fn close(self) {
        self.running.stop().await;
    }
}

/// Opens an account whose password is [`PASSWORD`].
pub async fn account(
    store: &Store,
    tenant: TenantId,
    email: &str,
    roles: &[(Role, Scope)],
    now: Timestamp,
) -> Person {
    let invited = Invited {
        email: email.to_owned(),
        name: "Une personne".to_owned(),
        language: Language::Fr,
        roles: roles.to_vec(),
    };
    let acting = Acting {
        name: "cli:essai".to_owned(),
        now,
        invitation: Duration::from_hours(1),
    };
    let mut tx = store.writing().await.unwrap();
    let password = Secret::new(PASSWORD);
    let person = admin_api::people::open(&mut tx, tenant, invited, password, &acting);
    let person = person.await.unwrap();
    tx.commit().await.unwrap();
    person
}

/// Puts a delivery of a site into the store, straight where it is to stand.
pub async fn delivery(
    store: &Store,
    tenant: TenantId,
    site: Siret,
    standing: Standing,
    fault: Option<Fault>,
    now: Timestamp,
) -> DeliveryId {
    let keys = store.keys(tenant).await.unwrap();
    let id = DeliveryId::new(now);
    let body = br#"{"cerfa":{}}"#;
    let sealed = keys.seal_payload(id, body, None).unwrap();
    let new = NewDelivery {
        tenant,
        id,
        environment: WORLD,
        kind: Kind::Dossier,
        standing,
        lane: keys.fingerprint("lane", &id.to_string()),
        opco: Some(Opco::Atlas),
        instance: 1,
        credential: None,
        siret_cfa: site,
        siret_employeur: None,
        route_json: "{}".to_owned(),
        warnings_json: "[]".to_owned(),
        idempotency: None,
        pairing: None,
        match_keys: [None; 3],
        compared: true,
        sealed,
        files: Vec::new(),
        invoice: None,
        about: Vec::new(),
        person: keys.fingerprint("person", &id.to_string()),
        rule_set: "essai".to_owned(),
        traceparent: None,
        version: None,
        mandate: None,
        created_at: now,
        event: NewEvent::new(now, "delivery.accepted").delivery(id),
        claim: None,
    };
    assert_eq!(store.accept(&[new]).await.unwrap(), [Accepted::Stored]);
    if fault.is_some() {
        let mut tx = store.writing().await.unwrap();
        let found = deliveries::find_for_update(&mut tx, tenant, id).await;
        let delivery = Delivery {
            fault,
            ..found.unwrap().unwrap()
        };
        let event = NewEvent::new(now, "delivery.rejected").delivery(id);
        deliveries::update(&mut tx, &delivery, &event)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    id
}

/// A browser: it keeps cookies, and follows nothing by itself.
#[derive(Debug, Clone)]
pub struct Browser {
    /// What it calls.
    pub origin: String,
    /// Its cookies.
    pub cookies: BTreeMap<String, String>,
    client: reqwest::Client,
}

impl Browser {
    /// Opens one.
    pub fn new(origin: &str) -> Self {
        crate::tls();
        Self {
            origin: origin.to_owned(),
            cookies: BTreeMap::new(),
            client: reqwest::Client::builder()
                .redirect(Policy::none())
                .build()
                .unwrap(),
        }
    }

    /// Asks for a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("sec-fetch-site", "none")], None)
            .await
    }

    /// Sends a form of the page it is on: with the page's own word.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get("/account").await.text;
        let word = word(&page).unwrap_or_default();
        let mut fields = fields.to_vec();
        fields.push(("csrf", &word));
        self.post(path, &fields).await
    }

    /// Sends fields as they are.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let body = encoded(fields);
        self.ask(Method::POST, path, &headers, Some(body)).await
    }

    /// Signs in, as far as the password goes.
    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("password", password)];
        self.post("/login", &fields).await
    }

    /// Sends a request and keeps the cookies of its answer.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !pairs.is_empty() {
            request = request.header("cookie", pairs.join("; "));
        }
        let answer = request.body(body.unwrap_or_default()).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (pair, _) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }
}

/// Returns the word that the forms of a page send back.
pub fn word(page: &str) -> Option<String> {
    between(page, "name=\"csrf\" value=\"", "\"")
}

/// Returns what is between two texts of a page.
pub fn between(page: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = page.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

/// Writes fields as a form does.
fn encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let byte = |b: u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    pairs.join("&")
}

/// Returns the code that an authenticator shows (RFC 6238), written apart from the product's.
pub fn totp(secret: &str, now: Timestamp) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits: Vec<u8> = Vec::new();
    for letter in secret.chars() {
        let value = ALPHABET.find(letter).unwrap();
        bits.extend((0..5).rev().map(|bit| u8::from(value >> bit & 1 == 1)));
    }
    let key: Vec<u8> = bits
        .chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |number, bit| number << 1 | bit))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(now.as_second() / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
