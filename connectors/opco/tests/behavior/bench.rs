//! What the tests are made with: an identity, samples of the norm, and a server that misbehaves as
//! told, since a real one always ends its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::clock::ManualClock;
use domain::dossier::Dossier;
use domain::file::FileKind;
use domain::payload::Payload;
use domain::{Environment, Instance, NormVersion, Opco, Secret};
use futures_util::{StreamExt as _, stream};
use opco::{
    BodyEnd, Editor, Fichier, Identity, Operation, Piece, Profile, Reply, Settings,
    SoftwareCredential, Transport,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A CFA key that no text but ours contains.
pub(crate) const KEY: &str = "canary-cfa-key";
/// An OAuth secret that no text but ours contains.
pub(crate) const SECRET: &str = "canary client&secret";

pub(crate) fn identity() -> Identity {
    Identity {
        environment: Environment::Live,
        software: Some(SoftwareCredential {
            client_id: "logiciel-de-test".to_owned(),
            client_secret: Secret::new(SECRET),
            dpop_key: None,
        }),
        cfa_key: Secret::new(KEY),
        editor: Editor {
            editeur: "Éditions de l’Été".to_owned(),
            logiciel: "Passerelle · CFA".to_owned(),
            version: "1.0.0".to_owned(),
        },
    }
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-11-21T10:00:00Z".parse().unwrap()))
}

pub(crate) fn transport() -> Transport {
    Transport::new(clock(), &Settings::default()).unwrap()
}

/// The shipped profile with a few lines of a deployment over it.
pub(crate) fn profile(opco: Opco, overlay: &str) -> Profile {
    let overlay: toml::Table = overlay.parse().unwrap();
    Profile::merged(Instance::first(opco), &overlay).unwrap()
}

/// A profile that asks for the key alone and calls `base_url`.
pub(crate) fn key_only(base_url: &str) -> Profile {
    profile(
        Opco::Constructys,
        &format!("base_url = '{base_url}'\nauth = 'key_only'\ntimeout_ms = 5000"),
    )
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/norm");
    std::fs::read(format!("{folder}/{name}.json")).unwrap()
}

/// A sample contract in the form in which the domain writes it.
pub(crate) fn contract(name: &str) -> Value {
    Dossier::read(&sample(name)).unwrap().dossier.write()
}

pub(crate) fn filing(version: NormVersion) -> Operation {
    let name = match version {
        NormVersion::V1 => "dossier-v1",
        NormVersion::V2 => "dossier-v2",
    };
    Operation::FileDossier {
        version,
        dossier: contract(name),
    }
}

/// Every payload that is no contract.
pub(crate) const PIECES: [Piece; 5] = [
    Piece::Convention,
    Piece::Facture,
    Piece::Certificat,
    Piece::Document,
    Piece::Rupture,
];

pub(crate) fn piece_sample(piece: Piece) -> Vec<u8> {
    sample(match piece {
        Piece::Convention => "convention",
        Piece::Facture => "facture-2-lignes",
        Piece::Certificat => "certificat-v2",
        Piece::Document => "document-infosFichier",
        Piece::Rupture => "rupture-v2",
    })
}

/// A sample payload in the form in which the domain writes it, with a small file or none.
pub(crate) fn piece(piece: Piece, with_file: bool) -> Operation {
    let payload = Payload::read(piece.kind(), &piece_sample(piece)).unwrap();
    Operation::FilePiece {
        piece,
        payload: payload.payload.write(),
        fichier: with_file.then(pdf),
    }
}

/// The smallest thing that begins like a PDF.
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";

pub(crate) fn pdf() -> Fichier {
    let bytes = u64::try_from(PDF.len()).unwrap();
    Fichier::new("Pièce n°1.pdf", FileKind::Pdf, bytes, || {
        Box::pin(async { Ok(stream::iter([Ok(PDF.into())]).boxed()) })
    })
}

pub(crate) fn detail(version: NormVersion) -> Operation {
    Operation::Detail {
        version,
        numero_interne: "1234567".to_owned(),
    }
}

pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        retry_after: None,
        body_end: BodyEnd::Whole,
        body: body.into(),
    }
}

/// What a misbehaving server does once it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Sends these bytes, then closes.
    Send(Vec<u8>),
    /// Sends these bytes, then says nothing more and keeps the connection.
    Stall(Vec<u8>),
    /// Sends a body without end.
    Flood,
    /// Accepts the connection and neither reads nor writes.
    Ignore,
}

/// A server on its own port that does one deed to every request.
pub(crate) struct Misbehaving {
    pub(crate) address: String,
    requests: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Misbehaving {
    pub(crate) async fn start(deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU32::new(0));
        let counted = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (deed, counted) = (deed.clone(), counted.clone());
                tokio::spawn(async move { serve(stream, deed, &counted).await });
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, deed: Deed, requests: &AtomicU32) {
    if matches!(deed, Deed::Ignore) {
        return std::future::pending().await;
    }
    if !read_request(&mut stream).await {
        return;
    }
    requests.fetch_add(1, Ordering::SeqCst);
    // The other side may hang up at any time; that is its right.
    match deed {
        Deed::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Deed::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let mut hung_up = [0; 1];
            let _ = stream.read(&mut hung_up).await;
        }
        Deed::Ignore => {}
        Deed::Flood => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n\"").await;
            while stream.write_all(&[b'a'; 8_192]).await.is_ok() {}
        }
    }
}

/// Reads one request, headers and body; false when the peer spoke something else.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let Ok(read @ 1..) = stream.read(&mut chunk).await else {
            return false;
        };
        seen.extend_from_slice(chunk.get(..read).unwrap());
        if !seen.first().is_some_and(u8::is_ascii_uppercase) {
            return false;
        }
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.trim().parse().unwrap());
        if seen.len() >= head.len() + 4 + length {
            return true;
        }
    }
}
