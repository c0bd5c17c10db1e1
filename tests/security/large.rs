//! Many large files at once cost a gateway little memory, on their way in and on their way out.

use domain::Opco;
use domain::clock::{Clock as _, SystemClock};
use futures_util::future::join_all;
use harness::database::{Database, Engine};
use harness::erp::Erp;
use harness::network::network;
use harness::opcos::WIDE;
use harness::payload::contract;
use harness::pieces::{Form, Piece, document, files, pdf};
use harness::wait;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::PROGRAM;

/// So many files of so many bytes come in at once.
const FILES: usize = 24;
const BYTES: usize = 6_000_000;
/// What they may cost together: a third of what they hold, for buffers and a slack allocator.
const COST_KIB: u64 = 48 * 1024;
/// What is kept back of each body until all the others are in.
const KEPT_BACK: usize = 4_000;

const SETTINGS: &str = "
[server]
listen = \"127.0.0.1:0\"
threads = 2

[files]
seconds_max = 600
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_files_at_once_are_never_in_memory() {
    let database = Database::fresh(Engine::Sqlite).await.unwrap();
    let opcos = PROGRAM.simulator(&database.folder).await;
    let store = database.open().await;
    let now = SystemClock.now();
    let network = network().create(&store, now).await;
    let token = network.credential(&store, None, now).await;
    store.close().await;
    let settings = format!("{SETTINGS}{}", opcos.settings(WIDE).await);
    let gateway = PROGRAM.serve(&database, &settings, None).await;
    let erp = Erp::new(&gateway.origin, &token);
    let first = erp.submit(&contract(960).to(Opco::Akto)).await;
    let piece = document("CONVENTION_MOBILITE").of(&first);
    let small = erp.hand_in(&piece, Form::Multipart, &[]).await.expect(202);
    erp.until_delivered(small["id"].as_str().unwrap()).await;
    let process = gateway.id().unwrap();
    let before = highest_kib(process);

    let large = piece.filed(Some(("a.pdf", pdf(BYTES))));
    let begun = (0..FILES).map(|at| {
        let form = [Form::Multipart, Form::Base64][at % 2];
        begun(&erp, &large, form)
    });
    let begun = join_all(begun).await;
    let folder = database.folder.join("files");
    wait::until("nearly all of each file on the disk", async || {
        let sizes = files(&folder)
            .into_iter()
            .filter_map(|file| Some(file.metadata().ok()?.len()));
        let least = u64::try_from(BYTES * 95 / 100).unwrap();
        (sizes.filter(|size| *size > least).count() == FILES).then_some(())
    })
    .await;
    let ended = join_all(begun.into_iter().map(|(stream, rest)| ended(stream, rest))).await;
    for id in ended {
        erp.until_delivered(&id).await;
    }
    let after = highest_kib(process);
    let cost = after.saturating_sub(before);
    assert!(
        cost < COST_KIB,
        "{FILES} files of {BYTES} bytes cost {cost} KiB: from {before} to {after}"
    );
    database.remove().await;
}

/// Sends a payload but for its end; returns the connection and what is left.
async fn begun(erp: &Erp, piece: &Piece, form: Form) -> (TcpStream, Vec<u8>) {
    let (kind, body) = piece.body(form);
    let head = format!(
        "POST /api/v1/{} HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {}\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        piece.door,
        erp.token,
        body.len()
    );
    let place = erp.origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(place).await.unwrap();
    let (now, later) = body.split_at(body.len() - KEPT_BACK);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(now).await.unwrap();
    (stream, later.to_vec())
}

/// Sends the end of a payload, and returns the name of its delivery.
async fn ended(mut stream: TcpStream, rest: Vec<u8>) -> String {
    stream.write_all(&rest).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let accepted: Value = serde_json::from_str(body).unwrap();
    accepted["id"].as_str().unwrap().to_owned()
}

/// Returns the most memory that a process has ever held.
fn highest_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse().unwrap()
}
