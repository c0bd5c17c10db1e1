//! A file on its way: never whole in memory, opened afresh for each try, and what is certain when it
//! does not arrive.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::file::FileKind;
use domain::{FaultKind, Outcome};
use futures_util::{StreamExt as _, stream};
use opco::{Fichier, Filed, Operation, Piece, Profile, hand_over};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::bench::{self, identity, key_only, transport};

const MEBIBYTE: u64 = 1024 * 1024;

/// A file that exists nowhere: what is read of it is counted, and it may end badly.
#[derive(Debug, Clone)]
struct Imagined {
    bytes: u64,
    /// After how many bytes reading fails.
    broken_at: u64,
    opened: Arc<AtomicU32>,
    given: Arc<AtomicU64>,
}

impl Imagined {
    fn of(bytes: u64) -> Self {
        Self {
            bytes,
            broken_at: u64::MAX,
            opened: Arc::default(),
            given: Arc::default(),
        }
    }

    fn operation(&self) -> Operation {
        let own = self.clone();
        let fichier = Fichier::new("facture.pdf", FileKind::Pdf, self.bytes, move || {
            own.opened.fetch_add(1, Ordering::SeqCst);
            let chunks =
                stream::unfold((own.clone(), own.bytes), async |state| Self::chunk(state)).boxed();
            Box::pin(async move { Ok(chunks) })
        });
        let Operation::FilePiece { payload, .. } = bench::piece(Piece::Facture, false) else {
            panic!("no piece")
        };
        Operation::FilePiece {
            piece: Piece::Facture,
            payload,
            fichier: Some(fichier),
        }
    }

    fn chunk((own, left): (Self, u64)) -> Option<(io::Result<Bytes>, (Self, u64))> {
        let give = left.min(64 * 1024);
        if own.bytes - left >= own.broken_at {
            let error = io::Error::other("canary-path/facture.pdf");
            return Some((Err(error), (own, 0)));
        }
        if give == 0 {
            return None;
        }
        own.given.fetch_add(give, Ordering::SeqCst);
        let chunk = vec![b'%'; usize::try_from(give).unwrap()];
        Some((Ok(chunk.into()), (own, left - give)))
    }
}

async fn handed(profile: &Profile, operation: &Operation) -> Filed {
    hand_over(&transport(), profile, &identity(), operation).await
}

fn failed(filed: &Filed) -> &domain::Fault {
    match &filed.outcome {
        Outcome::Failed(fault) => fault,
        other => panic!("{other:?}"),
    }
}

async fn taking() -> MockServer {
    let server = MockServer::start().await;
    let answer = json!({"numeroInterneFacture": "900042", "numeroInterneDocument": "770042"});
    Mock::given(method("POST"))
        .and(path("/v1/factures"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    server
}

/// The parts of a body as a server without mercy reads them.
fn parts(request: &Request) -> Vec<(String, Vec<u8>)> {
    let content_type = request
        .headers
        .get("content-type")
        .unwrap()
        .to_str()
        .unwrap();
    let (_, boundary) = content_type.split_once("boundary=").unwrap();
    let delimiter = format!("--{boundary}");
    let ending = format!("\r\n{delimiter}");
    let cut = |bytes: &[u8], at: &[u8]| {
        let mut places = bytes.windows(at.len());
        let place = places.position(|window| window == at).unwrap();
        let (before, after) = bytes.split_at(place);
        (before.to_vec(), after.strip_prefix(at).unwrap().to_vec())
    };
    let mut found = Vec::new();
    let mut rest = request
        .body
        .strip_prefix(delimiter.as_bytes())
        .unwrap()
        .to_vec();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let (head, body) = cut(part, b"\r\n\r\n");
        let (body, after) = cut(&body, ending.as_bytes());
        found.push((String::from_utf8(head).unwrap(), body));
        rest = after;
    }
    assert_eq!(rest, b"--\r\n");
    found
}

#[tokio::test]
async fn a_file_of_ten_megabytes_arrives_whole_with_its_length_announced() {
    let server = taking().await;
    let file = Imagined::of(10 * MEBIBYTE + 3);
    let filed = handed(&key_only(&server.uri()), &file.operation()).await;
    assert!(matches!(filed.outcome, Outcome::Taken(_)), "{filed:?}");
    assert_eq!(filed.numeros.facture.as_deref(), Some("900042"));
    let requests = server.received_requests().await.unwrap();
    let [request] = requests.as_slice() else {
        panic!("{} requests", requests.len())
    };
    let announced = request
        .headers
        .get("content-length")
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(announced, request.body.len().to_string());
    assert!(!request.headers.contains_key("transfer-encoding"));
    let parts = parts(request);
    let [(json_head, json), (file_head, bytes)] = parts.as_slice() else {
        panic!("{} parts", parts.len())
    };
    assert_eq!(
        json_head,
        "Content-Disposition: form-data; name=\"facture\""
    );
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(json).unwrap()["numero"],
        "FA-2026-00042"
    );
    assert!(
        file_head.contains("name=\"fichier\"; filename=\"facture.pdf\""),
        "{file_head}"
    );
    assert!(
        file_head.contains("Content-Type: application/pdf"),
        "{file_head}"
    );
    assert_eq!(u64::try_from(bytes.len()).unwrap(), file.bytes);
    assert!(bytes.iter().all(|byte| *byte == b'%'));
}

#[tokio::test]
async fn a_server_that_stops_reading_stops_the_reading_of_the_file() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        std::future::pending::<()>().await;
    });
    // More than any pair of buffers between two sockets of this machine holds.
    let file = Imagined::of(64 * MEBIBYTE);
    let profile = Profile {
        timeout_ms: 1_000,
        ..key_only(&address)
    };
    let filed = handed(&profile, &file.operation()).await;
    server.abort();
    let fault = failed(&filed);
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert!(
        fault.detail.contains("before all of it was sent"),
        "{}",
        fault.detail
    );
    let given = file.given.load(Ordering::SeqCst);
    assert!(
        given > 0 && given < 32 * MEBIBYTE,
        "{given} bytes were read"
    );
}

#[tokio::test]
async fn an_upload_that_is_cut_surely_did_not_arrive() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = vec![0; 256 * 1024];
        let _ = stream.read_exact(&mut some).await;
    });
    let file = Imagined::of(64 * MEBIBYTE);
    let filed = handed(&key_only(&address), &file.operation()).await;
    server.await.unwrap();
    let fault = failed(&filed);
    assert_eq!((fault.kind, fault.status), (FaultKind::Unavailable, None));
    assert!(!filed.file_unreadable);
}

#[tokio::test]
async fn an_upload_whose_answer_never_comes_is_lost() {
    let server = bench::Misbehaving::start(bench::Deed::Send(Vec::new())).await;
    let filed = handed(
        &key_only(&server.address),
        &Imagined::of(300_000).operation(),
    )
    .await;
    assert!(matches!(filed.outcome, Outcome::Lost(_)), "{filed:?}");
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{\"numeroInterneFact".to_vec();
    let server = bench::Misbehaving::start(bench::Deed::Send(half)).await;
    let filed = handed(
        &key_only(&server.address),
        &Imagined::of(300_000).operation(),
    )
    .await;
    assert!(matches!(filed.outcome, Outcome::Lost(_)), "{filed:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_our_own_failure() {
    let server = taking().await;
    let profile = key_only(&server.uri());
    let breaking = Imagined {
        broken_at: 3 * MEBIBYTE,
        ..Imagined::of(10 * MEBIBYTE)
    };
    let operation = breaking.operation();
    let gone = Fichier::new("a.pdf", FileKind::Pdf, 10, || {
        Box::pin(async { Err(io::Error::new(io::ErrorKind::NotFound, "canary-path/a.pdf")) })
    });
    let Operation::FilePiece { piece, payload, .. } = operation.clone() else {
        panic!("{operation:?}")
    };
    let unopened = Operation::FilePiece {
        piece,
        payload,
        fichier: Some(gone),
    };
    for operation in [operation, unopened] {
        let filed = handed(&profile, &operation).await;
        assert!(filed.file_unreadable, "{filed:?}");
        let fault = failed(&filed);
        assert_eq!(fault.kind, FaultKind::Unavailable);
        assert!(!fault.detail.contains("canary"), "{}", fault.detail);
    }
}

#[tokio::test]
async fn a_second_try_opens_the_file_afresh() {
    let server = MockServer::start().await;
    let tokens = Arc::new(AtomicU32::new(0));
    Mock::given(path("/constructys/SorApiIdentityServer/connect/token"))
        .respond_with(move |_: &Request| {
            let token = format!("token-{}", tokens.fetch_add(1, Ordering::SeqCst));
            ResponseTemplate::new(200)
                .set_body_json(json!({"access_token": token, "expires_in": 3600}))
        })
        .mount(&server)
        .await;
    let answer = json!({"numeroInterneFacture": "900042"});
    Mock::given(path("/constructys/SorApiEchangeCFA/v1/factures"))
        .respond_with(move |request: &Request| {
            let bearer = request.headers.get("authorization").unwrap();
            if bearer.to_str().unwrap().ends_with("token-0") {
                ResponseTemplate::new(401)
            } else {
                ResponseTemplate::new(200).set_body_json(answer.clone())
            }
        })
        .mount(&server)
        .await;
    let shipped = Profile::shipped(domain::Opco::Constructys).unwrap();
    let profile = shipped.rehosted(&server.uri()).unwrap();
    let file = Imagined::of(200_000);
    let filed = handed(&profile, &file.operation()).await;
    assert!(matches!(filed.outcome, Outcome::Taken(_)), "{filed:?}");
    assert_eq!(file.opened.load(Ordering::SeqCst), 2);
    assert_eq!(file.given.load(Ordering::SeqCst), 400_000);
}

#[tokio::test]
async fn a_redirect_of_an_upload_is_never_followed() {
    let server = MockServer::start().await;
    let elsewhere = format!("{}/elsewhere", server.uri());
    Mock::given(path("/elsewhere"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    for status in [301, 307, 308] {
        let moved = ResponseTemplate::new(status).insert_header("location", elsewhere.as_str());
        let guard = Mock::given(path("/v1/factures"))
            .respond_with(moved)
            .mount_as_scoped(&server)
            .await;
        let filed = handed(&key_only(&server.uri()), &Imagined::of(1_000).operation()).await;
        assert_eq!(failed(&filed).kind, FaultKind::Unreadable);
        drop(guard);
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_file_is_read_is_heard() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        let body = br#"{"description": "Fichier trop volumineux"}"#;
        let reply = format!(
            "HTTP/1.1 413 Too Large\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(reply.as_bytes()).await;
        let _ = stream.write_all(body).await;
        // It keeps the connection until the caller is done with it.
        let mut rest = vec![0; 64 * 1024];
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    });
    let profile = Profile {
        timeout_ms: 10_000,
        ..key_only(&address)
    };
    let filed = handed(&profile, &Imagined::of(8 * MEBIBYTE).operation()).await;
    let fault = failed(&filed);
    assert_eq!((fault.kind, fault.status), (FaultKind::Rejected, Some(413)));
    let ended = tokio::time::timeout(Duration::from_secs(10), server).await;
    assert!(ended.is_ok(), "the connection was kept");
}
