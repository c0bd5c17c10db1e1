//! Those who vouch for logs: a witness that really checks what it is shown (C2SP `tlog-witness`), and a
//! time-stamping authority made of `openssl ts`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::proof::{Checkpoint, Hash, Note, VerifierKey, is_consistent};

/// When the witness says it sees whatever it is shown.
pub const SEEN_AT: u64 = 1_790_000_000;

/// A witness on a port of this machine.
#[derive(Debug)]
pub struct Witness {
    /// Where checkpoints are submitted, without `/add-checkpoint`.
    pub url: String,
    /// Its key as it publishes it.
    pub key: String,
    handle: ServerHandle,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    name: String,
    pair: Ed25519KeyPair,
    logs: HashMap<String, Log>,
    /// Answers this status to everything, if one is set.
    out: Option<u16>,
    asked: usize,
}

#[derive(Debug)]
struct Log {
    keys: Vec<VerifierKey>,
    size: u64,
    root: Hash,
}

/// What is answered: a status, and a body.
type Said = (u16, String);

impl Witness {
    /// Starts one that knows no log.
    pub fn start(name: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = vkey(name, pair.public_key().as_ref());
        let state = Arc::new(Mutex::new(State {
            name: name.to_owned(),
            pair,
            logs: HashMap::new(),
            out: None,
            asked: 0,
        }));
        let shared = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            let show = web::post().to(show);
            App::new()
                .app_data(shared.clone())
                .route("/w/add-checkpoint", show)
        });
        let server = server.workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/w", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            key,
            handle,
            state,
        }
    }

    /// Trusts the key of a log from now on.
    pub fn knows(&self, key: &VerifierKey) {
        let mut state = self.state.lock().unwrap();
        let log = state.logs.entry(key.name().to_owned()).or_insert(Log {
            keys: Vec::new(),
            size: 0,
            root: Hash::of_nothing(),
        });
        log.keys.push(key.clone());
    }

    /// Is out of order from now on, or in order again.
    pub fn out(&self, status: Option<u16>) {
        self.state.lock().unwrap().out = status;
    }

    /// Has seen another history of every log: so many events, under a root of its own.
    pub fn saw(&self, size: u64) {
        for log in self.state.lock().unwrap().logs.values_mut() {
            (log.size, log.root) = (size, Hash::of_content(b"another history"));
        }
    }

    /// Returns how many events of a log it has seen.
    pub fn seen(&self, key: &VerifierKey) -> u64 {
        self.state.lock().unwrap().logs[key.name()].size
    }

    /// Returns how often it was asked.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// Takes it down.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn show(state: web::Data<Mutex<State>>, body: String) -> HttpResponse {
    let mut state = state.lock().unwrap();
    state.asked += 1;
    let (status, text) = match state.out {
        Some(status) => (status, String::new()),
        None => state.shown(&body).unwrap_or_else(|refused| refused),
    };
    let mut answer = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    if status == 409 {
        answer.content_type("text/x.tlog.size");
    }
    answer.body(text)
}

impl State {
    fn shown(&mut self, body: &str) -> Result<Said, Said> {
        let refused = |status: u16| (status, String::new());
        let (head, note) = body.split_once("\n\n").ok_or(refused(400))?;
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old: u64 = old.and_then(|old| old.parse().ok()).ok_or(refused(400))?;
        let hash = |line| Hash::from_slice(&STANDARD.decode(line).ok()?);
        let proof: Option<Vec<Hash>> = lines.map(hash).collect();
        let proof = proof.ok_or(refused(400))?;
        let note: Note = note.parse().map_err(|_| refused(400))?;
        let said: Checkpoint = note.text.parse().map_err(|_| refused(400))?;
        let log = self.logs.get_mut(&said.origin).ok_or(refused(404))?;
        if !log.keys.iter().any(|key| note.is_signed_by(key)) {
            return Err(refused(403));
        }
        if old > said.size {
            return Err(refused(400));
        }
        if old != log.size {
            return Err((409, format!("{}\n", log.size)));
        }
        if old == said.size && said.root != log.root {
            return Err((409, format!("{}\n", log.size)));
        }
        if !is_consistent((old, &log.root), (said.size, &said.root), &proof) {
            return Err(refused(422));
        }
        (log.size, log.root) = (said.size, said.root);
        let message = format!("cosignature/v1\ntime {SEEN_AT}\n{}", note.text);
        let signature = self.pair.sign(message.as_bytes());
        let id = key_id(&self.name, self.pair.public_key().as_ref());
        let line = [&id[..], &SEEN_AT.to_be_bytes(), signature.as_ref()].concat();
        let line = format!("\u{2014} {} {}\n", self.name, STANDARD.encode(line));
        // A line of somebody else before it, as the protocol allows.
        Ok((200, format!("\u{2014} autre.example AAAAAAAAAAAA\n{line}")))
    }
}

fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let named = [name.as_bytes(), b"\n\x04", public].concat();
    digest(&SHA256, &named).as_ref()[..4].try_into().unwrap()
}

fn vkey(name: &str, public: &[u8]) -> String {
    let id = u32::from_be_bytes(key_id(name, public));
    let key = STANDARD.encode([b"\x04", public].concat());
    format!("{name}+{id:08x}+{key}")
}

/// An authority on a port of this machine.
#[derive(Debug)]
pub struct Authority {
    /// Where queries are posted.
    pub url: String,
    /// The certificate it is believed by, in PEM.
    pub ca: PathBuf,
    handle: ServerHandle,
    state: Arc<Mutex<Desk>>,
}

#[derive(Debug)]
struct Desk {
    folder: PathBuf,
    out: bool,
}

const SETTINGS: &str = "
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
[stamp]
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = it
[it]
serial = number
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
";

impl Authority {
    /// Starts one with keys of its own in this folder; nothing where there is no `openssl`.
    pub fn start(folder: &Path) -> Option<Self> {
        let folder = folder.join("tsa");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("conf"), SETTINGS).unwrap();
        std::fs::write(folder.join("number"), "01\n").unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config conf";
        let root = format!(
            "req -x509 -new {key} -keyout root.key -out root.pem -subj /CN=racine -extensions root"
        );
        let stamp = format!(
            "req -x509 -new {key} -keyout tsa.key -out tsa.pem -subj /CN=horloge -extensions stamp \
             -CA root.pem -CAkey root.key"
        );
        for words in [root, stamp] {
            if openssl(&folder, &words)? != 0 {
                return None;
            }
        }
        let ca = folder.join("root.pem");
        let state = Arc::new(Mutex::new(Desk { folder, out: false }));
        let shared = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            let date = web::post().to(date);
            App::new().app_data(shared.clone()).route("/tsr", date)
        });
        let server = server.workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/tsr", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Some(Self {
            url,
            ca,
            handle,
            state,
        })
    }

    /// Is out of order from now on, or in order again.
    pub fn out(&self, out: bool) {
        self.state.lock().unwrap().out = out;
    }

    /// Has `openssl` itself verify a token of some content.
    pub fn verifies(&self, token: &[u8], of: &[u8]) -> bool {
        let folder = self.state.lock().unwrap().folder.clone();
        std::fs::write(folder.join("token"), token).unwrap();
        std::fs::write(folder.join("content"), of).unwrap();
        let words = "ts -verify -data content -in token -token_in -CAfile root.pem";
        openssl(&folder, words) == Some(0)
    }

    /// Takes it down.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn date(
    state: web::Data<Mutex<Desk>>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let desk = state.lock().unwrap();
    let kind = request.headers().get("content-type");
    if desk.out || kind.is_none_or(|kind| kind != "application/timestamp-query") {
        return HttpResponse::ServiceUnavailable().finish();
    }
    std::fs::write(desk.folder.join("query"), &body).unwrap();
    let words =
        "ts -reply -config conf -queryfile query -signer tsa.pem -inkey tsa.key -out answer";
    assert_eq!(openssl(&desk.folder, words), Some(0), "openssl answers");
    HttpResponse::Ok()
        .content_type("application/timestamp-reply")
        .body(std::fs::read(desk.folder.join("answer")).unwrap())
}

/// Runs it in a folder; nothing where there is none.
fn openssl(folder: &Path, words: &str) -> Option<i32> {
    let mut command = Command::new("openssl");
    command.args(words.split_whitespace()).current_dir(folder);
    let done = command.output().ok()?;
    done.status.code()
}
