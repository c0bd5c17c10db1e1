//! An ERP that is told of events: keeps what it took, in order, and answers as it is told to.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The settings under which a gateway may call it.
pub const OPEN: &str = "
[webhook]
timeout_s = 60
allow_http = true
allowed_networks = [\"127.0.0.0/8\"]
";

/// How long between two looks at whether it may answer.
const PAUSE: Duration = Duration::from_millis(5);

/// A receiver of events on a port of this machine.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub url: String,
    handle: ServerHandle,
    state: Arc<Mutex<State>>,
}

/// An event that came.
#[derive(Debug, Clone)]
pub struct Told {
    /// The three headers of Standard Webhooks.
    pub id: String,
    /// When it was signed, in seconds.
    pub timestamp: String,
    /// The signatures.
    pub signature: String,
    /// The body as it came.
    pub body: String,
}

#[derive(Debug)]
struct State {
    status: u16,
    location: Option<String>,
    poison: Option<String>,
    delay: Duration,
    taken: Vec<Told>,
    refused: usize,
    in_hand: usize,
    in_hand_max: usize,
}

impl Told {
    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns whether it carries the `v1` signature of this secret, computed here anew.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let secret = secret.strip_prefix("whsec_").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
        let message = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let tag = hmac::sign(&key, message.as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(tag.as_ref()));
        self.signature.split(' ').any(|one| one == expected)
    }

    /// Returns the event's place in the log.
    pub fn position(&self) -> i64 {
        self.json()["data"]["position"].as_i64().unwrap()
    }
}

impl Receiver {
    /// Starts one that takes everything.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            status: 204,
            location: None,
            poison: None,
            delay: Duration::ZERO,
            taken: Vec::new(),
            refused: 0,
            in_hand: 0,
            in_hand_max: 0,
        }));
        let shared = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .default_service(web::to(take))
        });
        let server = server.workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/evenements", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, handle, state }
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.state.lock().unwrap().status = status;
    }

    /// Fails at every event that holds a text from now on, whatever else it takes; at none without one.
    pub fn choke_on(&self, text: Option<&str>) {
        self.state.lock().unwrap().poison = text.map(str::to_owned);
    }

    /// Sends whoever comes elsewhere from now on.
    pub fn redirect(&self, location: &str) {
        let mut state = self.state.lock().unwrap();
        (state.status, state.location) = (307, Some(location.to_owned()));
    }

    /// Takes this long to answer from now on.
    pub fn delay(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
    }

    /// Returns what it took, in order.
    pub fn taken(&self) -> Vec<Told> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Returns how many it did not take.
    pub fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }

    /// Returns how many it had in hand at once, at most.
    pub fn in_hand_max(&self) -> usize {
        self.state.lock().unwrap().in_hand_max
    }

    /// Takes it down.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn take(state: web::Data<Mutex<State>>, request: HttpRequest, body: String) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let told = Told {
        id: header("webhook-id").unwrap_or_default(),
        timestamp: header("webhook-timestamp").unwrap_or_default(),
        signature: header("webhook-signature").unwrap_or_default(),
        body,
    };
    {
        let mut state = state.lock().unwrap();
        state.in_hand += 1;
        state.in_hand_max = state.in_hand_max.max(state.in_hand);
    }
    let came = Instant::now();
    // A delay that is taken back is taken back for who waits already.
    while came.elapsed() < state.lock().unwrap().delay {
        tokio::time::sleep(PAUSE).await;
    }
    let mut state = state.lock().unwrap();
    state.in_hand -= 1;
    let poisoned = state.poison.as_ref();
    let poisoned = poisoned.is_some_and(|text| told.body.contains(text.as_str()));
    let status = if poisoned { 500 } else { state.status };
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_success() {
        state.taken.push(told);
    } else {
        state.refused += 1;
    }
    let mut answer = HttpResponse::build(status);
    if let Some(location) = &state.location {
        answer.insert_header(("location", location.as_str()));
    }
    answer.finish()
}
